"""Tables of people, meals and insulin, checked and turned into the model's units.

The one place where grams become mg/kg and units of insulin become mU/kg.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import AnyArray
from twinprivacy._validation import as_floats
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins._columns import COLUMNS, Column
from twinprivacy.twins._glucose_parameters import KINDS, PARAMETERS, priors
from twinprivacy.twins.patients import check_number

MILLI = 1_000.0
MINUTES_PER_HOUR = 60.0
# People handled by one thread at a time.
BLOCK = 32
# Ten years: more is a time stamp in another unit.
LAST_MINUTE = 10 * 525_960.0


def _column(
    name: str, unit: str, low: float, high: float, *mistaken: tuple[str, float, float]
) -> Column:
    return Column(name, "daily habits", unit, "", low, high, mistaken=mistaken)


MINUTE = _column("minute", "minutes", 0, LAST_MINUTE)
CARBOHYDRATE = _column("carbohydrate_g", "g", 0, 600, ("mg", 2_000, 600_000))
BOLUS = _column("bolus_units", "U", 0, 150, ("mU", 300, 150_000))
DURATION = _column("duration_minutes", "minutes", 0, 1_440, ("seconds", 1_800, 86_400))
BASAL = _column(
    "basal_u_per_hour", "U/h", 0, 10, ("U/day", 10.01, 240), ("mU/h", 100, 10_000)
)
KNOWN = ("weight_kg", BASAL.name)
GLUCOSE = _column("cgm_mg_dl", "mg/dL", 20, 1_000, ("mmol/L", 1.1, 19.99))


@dataclass(frozen=True)
class Events:
    """What several people ate or injected, sorted by person and time.

    Attributes
    ----------
    rows : numpy.ndarray
        Shape (m, 3): minute, mg/kg and kind of a meal; or minute, mU/kg and duration.
    first : numpy.ndarray
        Where the rows of each person begin, and the end; shape (n + 1,).
    """

    rows: AnyArray
    first: AnyArray

    def of(self, j: int) -> AnyArray:
        """Return the rows of person j."""
        return self.rows[self.first[j] : self.first[j + 1]]


def read_people(patients: pd.DataFrame) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Return identifiers, the vectors of parameters (n, 20) and weights in kg."""
    check_table(patients, "patients", ["patient", *PARAMETERS, *KNOWN])
    names, weight, basal = read_known(patients)
    vectors = np.empty((len(patients), len(PARAMETERS) + 2))
    vectors[:, : len(PARAMETERS)] = read_parameters(patients)
    # Rescue carbohydrate has no delay.
    vectors[:, -2] = 0.0
    vectors[:, -1] = basal_mu_per_kg_min(basal, weight)
    return names, vectors, weight


def read_known(patients: pd.DataFrame) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Return identifiers, weights in kg and basal rates in U/h."""
    check_table(patients, "patients", ["patient", *KNOWN])
    if patients.empty:
        raise DataError("patients must have at least one row; got an empty table")
    if patients["patient"].duplicated().any():
        n_twice = int(patients["patient"].duplicated().sum())
        raise DataError(f"patients must have each patient once; got {n_twice} again")
    weight = numbers(patients, COLUMNS["weight_kg"])
    return patients["patient"].to_numpy(), weight, numbers(patients, BASAL)


def basal_mu_per_kg_min(basal_u_per_hour: Any, weight_kg: Any) -> Any:
    """Convert a basal rate, or many, into the unit of the model."""
    return basal_u_per_hour * MILLI / MINUTES_PER_HOUR / weight_kg


def read_cgm(cgm_mg_dl: npt.ArrayLike) -> AnyArray:
    """Return one person's readings, nan where missing."""
    cgm = to_numbers(cgm_mg_dl, GLUCOSE.name)
    if cgm.ndim != 1:
        raise DataError(f"{GLUCOSE.name} must have shape (n_times,); got {cgm.shape}")
    known = cgm[~np.isnan(cgm)]
    if known.size:
        numbers(pd.DataFrame({GLUCOSE.name: known}), GLUCOSE)
    return cgm


def read_parameters(patients: pd.DataFrame) -> AnyArray:
    """Return the personal parameters, shape (n, 18), within the ranges of the model."""
    values = patients[list(PARAMETERS)].to_numpy(dtype=float, na_value=np.nan)
    for i, name in enumerate(PARAMETERS):
        prior, own = priors()[name], values[:, i]
        upper = np.full(len(own), prior.upper)
        if prior.upper_parameter is not None:
            upper = values[:, PARAMETERS.index(prior.upper_parameter)]
        least = prior.lower if name.startswith("beta") else np.nextafter(prior.lower, 1)
        bad = int((~(np.isfinite(own) & (own >= least) & (own <= upper))).sum())
        if bad:
            raise DataError(
                f"{name} must be finite, in {prior.lower:g} to "
                f"{prior.upper_parameter or f'{prior.upper:g}'}; got {bad} of "
                f"{len(own)} others"
            )
    return values


def to_numbers(values: npt.ArrayLike, name: str) -> AnyArray:
    """Return an array of numbers, or raise without quoting what was no number."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"{name} must hold numbers only") from None


def read_meals(meals: pd.DataFrame, patients: AnyArray, weight_kg: AnyArray) -> Events:
    """Return meals in mg per kg of body weight."""
    check_table(meals, "meals", ["patient", "minute", CARBOHYDRATE.name, "kind"])
    kind = pd.Index(KINDS).get_indexer(pd.Index(meals["kind"]))
    bad = int((kind < 0).sum())
    if bad:
        raise DataError(
            f"kind must be one of {', '.join(KINDS)}; got {bad} of {len(kind)} others"
        )
    who = _places(meals, "meals", patients)
    amount = numbers(meals, CARBOHYDRATE) * MILLI / weight_kg[who]
    return _sort(who, numbers(meals, MINUTE), amount, kind, len(patients))


def read_insulin(
    insulin: pd.DataFrame, patients: AnyArray, weight_kg: AnyArray
) -> Events:
    """Return boluses in mU per kg of body weight."""
    check_table(insulin, "insulin", ["patient", "minute", BOLUS.name])
    who = _places(insulin, "insulin", patients)
    amount = numbers(insulin, BOLUS) * MILLI / weight_kg[who]
    duration = np.zeros(len(insulin))
    if DURATION.name in insulin.columns:
        duration = numbers(insulin, DURATION)
    return _sort(who, numbers(insulin, MINUTE), amount, duration, len(patients))


def check_table(table: pd.DataFrame, name: str, columns: list[str]) -> None:
    """Raise unless a table has certain columns."""
    if not isinstance(table, pd.DataFrame):
        raise DataError(
            f"{name} must be a pandas.DataFrame; got {type(table).__name__}"
        )
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise DataError(
            f"{name} must have the columns {', '.join(columns)}; missing: "
            f"{', '.join(missing)}"
        )


def numbers(table: pd.DataFrame, column: Column) -> AnyArray:
    """Return one column of numbers within its range."""
    if table.empty:
        return np.empty(0)
    try:
        values = as_floats(table[column.name])
        return check_number(values, column)
    except (ParameterError, TypeError, ValueError) as error:
        # Without the cause, which may quote a value.
        ours = isinstance(error, ParameterError)
        text = str(error) if ours else f"{column.name} must hold numbers only"
        raise DataError(text) from None


def _places(table: pd.DataFrame, name: str, patients: AnyArray) -> AnyArray:
    places = pd.Index(patients).get_indexer(pd.Index(table["patient"]))
    bad = int((places < 0).sum())
    if bad:
        raise DataError(
            f"{name} must be of the patients in the table of patients; got {bad} of "
            f"{len(places)} rows of others"
        )
    return places


def _sort(
    who: AnyArray, minute: AnyArray, amount: AnyArray, third: AnyArray, n: int
) -> Events:
    # By every column, so that the order of the rows given does not matter at all.
    order = np.lexsort((third, amount, minute, who))
    rows = np.column_stack([minute, amount, third])[order]
    first = np.searchsorted(who[order], np.arange(n + 1))
    return Events(np.ascontiguousarray(rows, dtype=float), first)


def in_blocks(
    work: Callable[[slice], None], n: int, n_jobs: int | None, *, block: int = BLOCK
) -> None:
    """Do the work on blocks of people, in threads; compiled code lets others run."""
    if n_jobs is not None and n_jobs < 1:
        raise ParameterError(f"n_jobs must be 1 or more, or None; got {n_jobs!r}")
    n_threads = min(n_jobs or cpu_count() or 1, -(-n // block))
    if n_threads <= 1:
        work(slice(0, n))
        return
    with ThreadPoolExecutor(n_threads) as threads:
        # Asking for each result raises what a thread raised.
        for _ in threads.map(work, _blocks(n, block)):
            pass


def _blocks(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
