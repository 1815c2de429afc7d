"""Tables of people, meals and insulin, checked and turned into the model's units.

The one place where grams become mg/kg and units of insulin become mU/kg.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from os import cpu_count
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import AnyArray
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.people.columns import COLUMNS, Column
from twinprivacy.people.patients import check_number
from twinprivacy.tables import as_floats

__all__ = [
    "KINDS",
    "PARAMETERS",
]


_MILLI = 1_000.0
_MINUTES_PER_HOUR = 60.0
# People handled by one thread at a time.
_BLOCK = 32
# Ten years: more is a time stamp in another unit.
_LAST_MINUTE = 10 * 525_960.0


def _column(
    name: str, unit: str, low: float, high: float, *mistaken: tuple[str, float, float]
) -> Column:
    return Column(name, "daily habits", unit, "", low, high, mistaken=mistaken)


_MINUTE = _column("minute", "minutes", 0, _LAST_MINUTE)
_CARBOHYDRATE = _column("carbohydrate_g", "g", 0, 600, ("mg", 2_000, 600_000))
_BOLUS = _column("bolus_units", "U", 0, 150, ("mU", 300, 150_000))
_DURATION = _column("duration_minutes", "minutes", 0, 1_440, ("seconds", 1_800, 86_400))
BASAL = _column(
    "basal_u_per_hour", "U/h", 0, 10, ("U/day", 10.01, 240), ("mU/h", 100, 10_000)
)
KNOWN = ("weight_kg", BASAL.name)
GLUCOSE = _column("cgm_mg_dl", "mg/dL", 20, 1_000, ("mmol/L", 1.1, 19.99))


@dataclass(frozen=True)
class _Events:
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
    weight = _numbers(patients, COLUMNS["weight_kg"])
    return patients["patient"].to_numpy(), weight, _numbers(patients, BASAL)


def basal_mu_per_kg_min(basal_u_per_hour: Any, weight_kg: Any) -> Any:
    """Convert a basal rate, or many, into the unit of the model."""
    return basal_u_per_hour * _MILLI / _MINUTES_PER_HOUR / weight_kg


def read_cgm(cgm_mg_dl: npt.ArrayLike) -> AnyArray:
    """Return one person's readings, nan where missing."""
    cgm = to_numbers(cgm_mg_dl, GLUCOSE.name)
    if cgm.ndim != 1:
        raise DataError(f"{GLUCOSE.name} must have shape (n_times,); got {cgm.shape}")
    known = cgm[~np.isnan(cgm)]
    if known.size:
        _numbers(pd.DataFrame({GLUCOSE.name: known}), GLUCOSE)
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


def read_meals(meals: pd.DataFrame, patients: AnyArray, weight_kg: AnyArray) -> _Events:
    """Return meals in mg per kg of body weight."""
    check_table(meals, "meals", ["patient", "minute", _CARBOHYDRATE.name, "kind"])
    kind = pd.Index(KINDS).get_indexer(pd.Index(meals["kind"]))
    bad = int((kind < 0).sum())
    if bad:
        raise DataError(
            f"kind must be one of {', '.join(KINDS)}; got {bad} of {len(kind)} others"
        )
    who = _places(meals, "meals", patients)
    amount = _numbers(meals, _CARBOHYDRATE) * _MILLI / weight_kg[who]
    return _sort(who, _numbers(meals, _MINUTE), amount, kind, len(patients))


def read_insulin(
    insulin: pd.DataFrame, patients: AnyArray, weight_kg: AnyArray
) -> _Events:
    """Return boluses in mU per kg of body weight."""
    check_table(insulin, "insulin", ["patient", "minute", _BOLUS.name])
    who = _places(insulin, "insulin", patients)
    amount = _numbers(insulin, _BOLUS) * _MILLI / weight_kg[who]
    duration = np.zeros(len(insulin))
    if _DURATION.name in insulin.columns:
        duration = _numbers(insulin, _DURATION)
    return _sort(who, _numbers(insulin, _MINUTE), amount, duration, len(patients))


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


def _numbers(table: pd.DataFrame, column: Column) -> AnyArray:
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
) -> _Events:
    # By every column, so that the order of the rows given does not matter at all.
    order = np.lexsort((third, amount, minute, who))
    rows = np.column_stack([minute, amount, third])[order]
    first = np.searchsorted(who[order], np.arange(n + 1))
    return _Events(np.ascontiguousarray(rows, dtype=float), first)


def in_blocks(
    work: Callable[[slice], None], n: int, n_jobs: int | None, *, block: int = _BLOCK
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


_MODEL = "replaybg_t1d (recommended)"
DAY_PARTS = ("breakfast", "lunch", "dinner")
KINDS = ("breakfast", "lunch", "dinner", "snack", "rescue")
# Order of the compiled code's vector of parameters; the basal rate comes last there.
PARAMETERS = (
    *(f"si_{part}_ml_per_uu_min" for part in DAY_PARTS),
    "gb_mg_dl",
    "sg_per_min",
    "p2_per_min",
    "ka2_per_min",
    "kd_per_min",
    "kempt_per_min",
    *(f"kabs_{kind}_per_min" for kind in KINDS),
    # Rescue carbohydrate is absorbed without delay.
    *(f"beta_{kind}_min" for kind in KINDS[:-1]),
)
# The order in which they are drawn, or built from the free scale: bounds first.
_LATE = ("ka2_per_min", *(f"kabs_{kind}_per_min" for kind in KINDS))
_FIXED = ("VG", "r1", "r2", "alpha", "VI", "ke", "tau", "kgri", "f")
_SYMBOLS = {"si": "SI*VG", "gb": "Gb", "sg": "SG"}
# The free scale keeps this far from a bound: beyond it the value is the bound itself.
_FARTHEST = 30.0
_N_SPREAD = 4_000


class _Prior(NamedTuple):
    """The published prior of one parameter; `upper` may name another parameter."""

    family: str
    a: float
    b: float
    lower: float
    upper: float
    upper_parameter: str | None


@cache
def priors() -> dict[str, _Prior]:
    """Return the published prior of each parameter."""
    table = _model_rows()
    rows = {str(name).split(" ")[0]: row for name, row in table.iterrows()}
    return {name: _prior(rows[_symbol(name)]) for name in PARAMETERS}


@cache
def _fixed_values() -> tuple[float, ...]:
    values = _model_rows()["value"]
    return tuple(float(values[name]) for name in _FIXED)


def fixed() -> AnyArray:
    """Return what is the same for everyone, in the order of the compiled code."""
    return np.array(_fixed_values())


def _model_rows() -> pd.DataFrame:
    table = datasets.load("glucose_model_parameters")
    confirmed = (table["model"] == _MODEL) & (table["check"] == "verified")
    return table[confirmed].set_index("parameter")


def _symbol(name: str) -> str:
    stem = name.split("_")[0]
    return _SYMBOLS.get(stem, stem)


def _prior(row: "pd.Series[Any]") -> _Prior:
    bound = row["upper_parameter"]
    upper = np.inf if pd.isna(row["upper"]) else float(row["upper"])
    return _Prior(
        str(row["prior_family"]),
        float(row["prior_a"]),
        float(row["prior_b"]),
        float(row["lower"]),
        upper,
        None if pd.isna(bound) else f"{bound}_per_min",
    )


def sample_priors(n: int, rng: np.random.Generator) -> AnyArray:
    """Draw parameters from the published priors, shape (n, 18).

    Each is cut to its range, bounds first: given kd, ka2 is cut at kd.
    """
    values = np.empty((n, len(PARAMETERS)))
    for name in _order():
        prior = priors()[name]
        upper = np.full(n, prior.upper)
        if prior.upper_parameter is not None:
            upper = values[:, PARAMETERS.index(prior.upper_parameter)]
        values[:, PARAMETERS.index(name)] = _draw_inside(prior, upper, rng)
    # The prior is that of the product SI VG.
    values[:, :3] /= fixed()[0]
    return values


def _order() -> list[str]:
    return [name for name in PARAMETERS if name not in _LATE] + list(_LATE)


def _draw_inside(prior: _Prior, upper: AnyArray, rng: np.random.Generator) -> AnyArray:
    """Draw by the inverse of the cut distribution."""
    law, root = _law(prior), prior.family == "normal square root"
    lower = np.sqrt(prior.lower) if root else prior.lower
    shares = rng.uniform(law.cdf(lower), law.cdf(np.sqrt(upper) if root else upper))
    drawn: AnyArray = law.ppf(shares)
    if root:
        drawn = np.square(drawn)
    # Rounding may reach a bound, which is no value inside.
    return np.clip(drawn, np.nextafter(prior.lower, 1), np.nextafter(upper, 0))


def _law(prior: _Prior) -> Any:
    from scipy import stats

    if prior.family == "gamma":
        return stats.gamma(prior.a, scale=prior.b)
    if prior.family == "uniform":
        return stats.uniform(prior.a, prior.b - prior.a)
    if prior.family == "lognormal":
        return stats.lognorm(prior.b, scale=np.exp(prior.a))
    return stats.norm(prior.a, prior.b)


def free_spread(rng: np.random.Generator) -> AnyArray:
    """Return the SD of each prior on the free scale, from a sample of it."""
    return cast(AnyArray, to_free(sample_priors(_N_SPREAD, rng)).std(axis=0))


def to_free(values: AnyArray) -> AnyArray:
    """Return parameters, shape (..., 18), on the free scale."""
    free = np.log(values)
    for i, lower, upper, bound in _bounded():
        width = (upper if bound is None else values[..., bound]) - lower
        share = (values[..., i] - lower) / width
        # On the bound itself the logit is infinite.
        with np.errstate(divide="ignore"):
            logit = np.log(share) - np.log1p(-share)
        free[..., i] = np.clip(logit, -_FARTHEST, _FARTHEST)
    return free


def from_free(free: AnyArray) -> AnyArray:
    """Return parameters from the free scale."""
    near = np.clip(free, -_FARTHEST, _FARTHEST)
    values: AnyArray = np.exp(near)
    shares = 1.0 / (1.0 + np.exp(-near))
    for i, lower, upper, bound in _bounded():
        width = (upper if bound is None else values[..., bound]) - lower
        values[..., i] = lower + width * shares[..., i]
    return values


def free_slopes(values: AnyArray) -> AnyArray:
    """Return the derivative of one person's parameters by the free scale, (18, 18).

    Row: parameter; column: free scale. Off the diagonal where one bounds another.
    """
    slopes = np.diag(values)
    for i, lower, upper, bound in _bounded():
        width = (upper if bound is None else values[bound]) - lower
        share = (values[i] - lower) / width
        slopes[i, i] = width * share * (1 - share)
        if bound is not None:
            slopes[i, bound] = values[i]
    return slopes


@cache
def _bounded() -> tuple[tuple[int, float, float, int | None], ...]:
    """List place, lower and upper bound of the parameters with two bounds.

    The last is the place of the parameter that is the upper bound, if one is.
    """
    bounds = []
    for name in _order():
        _, _, _, lower, upper, other = priors()[name]
        bound = None if other is None else PARAMETERS.index(other)
        # SG below 1/min is no bound that matters: a logarithm is simpler to read.
        if name != "sg_per_min" and (bound is not None or np.isfinite(upper)):
            bounds.append((PARAMETERS.index(name), lower, upper, bound))
    return tuple(bounds)
