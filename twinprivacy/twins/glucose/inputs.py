"""Tables of people, meals and insulin, checked and turned into the model's units.

The one place where grams become mg/kg and units of insulin become mU/kg, and where the
published priors and the free scale of the parameters are.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from os import cpu_count
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import AnyArray, Array
from twinprivacy._validation import check_whole
from twinprivacy.errors import DataError
from twinprivacy.people.columns import COLUMNS, Column
from twinprivacy.people.patients import read_column
from twinprivacy.tables import check_table
from twinprivacy.twins.glucose.kernels import BOLUS, MEAL, N_PARAMETERS, Fixed

__all__ = [
    "KINDS",
    "PARAMETERS",
]


T = TypeVar("T")

TICK_MINUTES = 5
MINUTES_PER_DAY = 1_440
READINGS_PER_DAY = MINUTES_PER_DAY // TICK_MINUTES
_MILLI = 1_000.0
_MINUTES_PER_HOUR = 60.0
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
_KNOWN = ("weight_kg", BASAL.name)
GLUCOSE = _column("cgm_mg_dl", "mg/dL", 20, 1_000, ("mmol/L", 1.1, 19.99))


@dataclass(frozen=True)
class _Events:
    """What several people ate or injected, sorted by person and time.

    Attributes
    ----------
    rows : numpy.ndarray
        Records of `kernels.MEAL` or `kernels.BOLUS`.
    first : numpy.ndarray
        Where the rows of each person begin, and the end; shape (n + 1,).
    """

    rows: AnyArray
    first: AnyArray

    def of(self, j: int) -> AnyArray:
        """Return the rows of person j."""
        return self.rows[self.first[j] : self.first[j + 1]]


def read_people(patients: pd.DataFrame) -> tuple[AnyArray, Array, Array]:
    """Return identifiers, the vectors of parameters (n, 20) and weights in kg."""
    names, weight, basal = read_known(patients)
    vectors = np.empty((len(patients), N_PARAMETERS))
    vectors[:, : len(PARAMETERS)] = read_parameters(patients)
    # Rescue carbohydrate has no delay.
    vectors[:, -2] = 0.0
    vectors[:, -1] = basal_mu_per_kg_min(basal, weight)
    return names, vectors, weight


def read_known(patients: pd.DataFrame) -> tuple[AnyArray, Array, Array]:
    """Return identifiers, weights in kg and basal rates in U/h."""
    check_table(patients, name="patients", columns=["patient", *_KNOWN])
    n_twice = int(patients["patient"].duplicated().sum())
    if n_twice:
        raise DataError(f"patients must have each patient once; got {n_twice} again")
    weight, basal = (
        read_column(patients[column.name], column)
        for column in (COLUMNS["weight_kg"], BASAL)
    )
    return patients["patient"].to_numpy(), weight, basal


def basal_mu_per_kg_min(basal_u_per_hour: Any, weight_kg: Any) -> Any:
    """Convert a basal rate, or many, into the unit of the model."""
    return basal_u_per_hour * _MILLI / _MINUTES_PER_HOUR / weight_kg


def read_readings(cgm_mg_dl: npt.ArrayLike) -> Array:
    """Return readings in mg/dL, shape (n, n_times), nan where missing."""
    try:
        cgm = np.asarray(cgm_mg_dl, dtype=float)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise DataError(f"{GLUCOSE.name} must hold numbers only; got others") from None
    if cgm.ndim != 2 or not cgm.size:
        raise DataError(f"{GLUCOSE.name} must have shape (n, n_times); got {cgm.shape}")
    read_column(pd.Series(cgm[~np.isnan(cgm)]), GLUCOSE)
    return cgm


def name_rows(patients: npt.ArrayLike | None, n: int) -> AnyArray:
    """Return who the rows of readings are of, by default 0, 1, ..."""
    names = np.arange(n) if patients is None else np.asarray(patients)
    if names.shape != (n,):
        raise DataError(
            f"patients must have one name a row of {GLUCOSE.name}; got {names.shape} "
            f"for {n} rows"
        )
    return names


def read_parameters(patients: pd.DataFrame) -> Array:
    """Return the personal parameters, shape (n, 18), within the ranges of the model."""
    check_table(patients, name="patients", columns=PARAMETERS)
    values = patients[list(PARAMETERS)].to_numpy(dtype=float, na_value=np.nan)
    for i, name in enumerate(PARAMETERS):
        prior, own = priors()[name], values[:, i]
        least = prior.lower if name.startswith("beta") else np.nextafter(prior.lower, 1)
        inside = np.isfinite(own) & (own >= least) & (own <= prior.upper_of(values))
        bad = int((~inside).sum())
        if bad:
            raise DataError(
                f"{name} must be finite, in {prior.lower:g} to {prior.end()}; got "
                f"{bad} of {len(own)} others"
            )
    return values


def read_meals(meals: pd.DataFrame, patients: AnyArray, weight_kg: Array) -> _Events:
    """Return meals in mg per kg of body weight."""
    columns = ["patient", "minute", _CARBOHYDRATE.name, "kind"]
    check_table(meals, name="meals", columns=columns, least=0)
    kind = pd.Index(KINDS).get_indexer(pd.Index(meals["kind"]))
    bad = int((kind < 0).sum())
    if bad:
        raise DataError(
            f"kind must be one of {', '.join(KINDS)}; got {bad} of {len(kind)} others"
        )
    who = _places(meals, "meals", patients)
    amount = read_column(meals[_CARBOHYDRATE.name], _CARBOHYDRATE)
    amount = amount * _MILLI / weight_kg[who]
    return _sort(meals, who, amount, kind, MEAL, len(patients))


def read_insulin(
    insulin: pd.DataFrame, patients: AnyArray, weight_kg: Array
) -> _Events:
    """Return boluses in mU per kg of body weight."""
    columns = ["patient", "minute", _BOLUS.name]
    check_table(insulin, name="insulin", columns=columns, least=0)
    who = _places(insulin, "insulin", patients)
    amount = read_column(insulin[_BOLUS.name], _BOLUS)
    duration = np.zeros(len(insulin))
    if _DURATION.name in insulin.columns:
        duration = read_column(insulin[_DURATION.name], _DURATION)
    amount = amount * _MILLI / weight_kg[who]
    return _sort(insulin, who, amount, duration, BOLUS, len(patients))


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
    table: pd.DataFrame,
    who: AnyArray,
    amount: Array,
    third: AnyArray,
    dtype: "np.dtype[Any]",
    n: int,
) -> _Events:
    minute = read_column(table["minute"], _MINUTE)
    # By every column, so that the order of the rows given does not matter at all.
    order = np.lexsort((third, amount, minute, who))
    rows = np.empty(len(order), dtype)
    for name, values in zip(dtype.names or (), (minute, amount, third), strict=True):
        rows[name] = values[order]
    return _Events(rows, np.searchsorted(who[order], np.arange(n + 1)))


def map_people(work: Callable[[int], T], n: int, n_jobs: int | None) -> list[T]:
    """Do the work for each person, in threads; compiled code lets others run."""
    if n_jobs is not None:
        check_whole(n_jobs, name="n_jobs")
    n_threads = min(n_jobs or cpu_count() or 1, n)
    if n_threads <= 1:
        return [work(j) for j in range(n)]
    with ThreadPoolExecutor(n_threads) as threads:
        return list(threads.map(work, range(n)))


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
_ORDER = (*(name for name in PARAMETERS if name not in _LATE), *_LATE)
_FIXED = ("VG", "r1", "r2", "alpha", "VI", "ke", "tau", "kgri", "f")
_SYMBOLS = {"si": "SI*VG", "gb": "Gb", "sg": "SG"}
# The free scale keeps this far from a bound: beyond it the value is the bound itself.
_FARTHEST = 30.0
_N_SPREAD = 4_000


class _Prior(NamedTuple):
    """The published prior of one parameter; `bound` is the place of its upper bound."""

    family: str
    a: float
    b: float
    lower: float
    upper: float
    bound: int | None

    def upper_of(self, values: AnyArray) -> Any:
        """Return the upper bound, given parameters of shape (..., 18)."""
        return self.upper if self.bound is None else values[..., self.bound]

    def end(self) -> str:
        """Return the upper bound in words."""
        return f"{self.upper:g}" if self.bound is None else PARAMETERS[self.bound]


@cache
def priors() -> dict[str, _Prior]:
    """Return the published prior of each parameter."""
    rows = {str(name).split(" ")[0]: row for name, row in _model_rows().iterrows()}
    stems = {name: name.split("_")[0] for name in PARAMETERS}
    return {
        name: _prior(rows[_SYMBOLS.get(stem, stem)]) for name, stem in stems.items()
    }


@cache
def fixed() -> Fixed:
    """Return what is the same for everyone."""
    values = _model_rows()["value"]
    return Fixed(*(float(values[name]) for name in _FIXED))


def _model_rows() -> pd.DataFrame:
    table = datasets.load("glucose_model_parameters")
    confirmed = (table["model"] == _MODEL) & (table["check"] == "verified")
    return table[confirmed].set_index("parameter")


def _prior(row: "pd.Series[Any]") -> _Prior:
    bound = row["upper_parameter"]
    return _Prior(
        str(row["prior_family"]),
        float(row["prior_a"]),
        float(row["prior_b"]),
        float(row["lower"]),
        np.inf if pd.isna(row["upper"]) else float(row["upper"]),
        None if pd.isna(bound) else PARAMETERS.index(f"{bound}_per_min"),
    )


def sample_priors(n: int, rng: np.random.Generator) -> Array:
    """Draw parameters from the published priors, shape (n, 18).

    Each is cut to its range, bounds first: given kd, ka2 is cut at kd.
    """
    values = np.empty((n, len(PARAMETERS)))
    for name in _ORDER:
        prior = priors()[name]
        upper = np.broadcast_to(prior.upper_of(values), n)
        values[:, PARAMETERS.index(name)] = _draw_inside(prior, upper, rng)
    # The prior is that of the product SI VG.
    values[:, : len(DAY_PARTS)] /= fixed().vg
    return values


def _draw_inside(prior: _Prior, upper: Array, rng: np.random.Generator) -> Array:
    """Draw by the inverse of the cut distribution."""
    law, root = _law(prior), prior.family == "normal square root"
    lower = np.sqrt(prior.lower) if root else prior.lower
    shares = rng.uniform(law.cdf(lower), law.cdf(np.sqrt(upper) if root else upper))
    drawn: Array = law.ppf(shares)
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


def free_spread(rng: np.random.Generator) -> Array:
    """Return the SD of each prior on the free scale, from a sample of it."""
    return cast(Array, to_free(sample_priors(_N_SPREAD, rng)).std(axis=0))


def to_free(values: Array) -> Array:
    """Return parameters, shape (..., 18), on the free scale."""
    free = np.log(values)
    for i, prior in _bounded():
        share = (values[..., i] - prior.lower) / (prior.upper_of(values) - prior.lower)
        # On the bound itself the logit is infinite.
        with np.errstate(divide="ignore"):
            logit = np.log(share) - np.log1p(-share)
        free[..., i] = np.clip(logit, -_FARTHEST, _FARTHEST)
    return free


def from_free(free: Array) -> Array:
    """Return parameters from the free scale."""
    near = np.clip(free, -_FARTHEST, _FARTHEST)
    values: Array = np.exp(near)
    shares = 1.0 / (1.0 + np.exp(-near))
    for i, prior in _bounded():
        width = prior.upper_of(values) - prior.lower
        values[..., i] = prior.lower + width * shares[..., i]
    return values


def free_slopes(values: Array) -> Array:
    """Return the derivative of one person's parameters by the free scale, (18, 18).

    Row: parameter; column: free scale. Off the diagonal where one bounds another.
    """
    slopes = np.diag(values)
    for i, prior in _bounded():
        width = prior.upper_of(values) - prior.lower
        share = (values[i] - prior.lower) / width
        slopes[i, i] = width * share * (1 - share)
        if prior.bound is not None:
            slopes[i, prior.bound] = values[i]
    return slopes


@cache
def _bounded() -> tuple[tuple[int, _Prior], ...]:
    """List place and prior of the parameters with two bounds."""
    # SG below 1/min is no bound that matters: a logarithm is simpler to read.
    return tuple(
        (PARAMETERS.index(name), priors()[name])
        for name in _ORDER
        if name != "sg_per_min" and priors()[name].end() != "inf"
    )
