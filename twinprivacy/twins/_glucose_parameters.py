"""What is personal in the glucose model: names, published priors, ranges, free scale.

On the free scale every parameter may be any number, so that a fit or a drift cannot
leave the range: logarithms of positive values, and logits of values between two bounds,
of which the upper may be another parameter of the same person.
"""

from functools import cache
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import AnyArray

MODEL = "replaybg_t1d (recommended)"
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
N_SPREAD = 4_000


class Prior(NamedTuple):
    """The published prior of one parameter; `upper` may name another parameter."""

    family: str
    a: float
    b: float
    lower: float
    upper: float
    upper_parameter: str | None


@cache
def priors() -> dict[str, Prior]:
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
    confirmed = (table["model"] == MODEL) & (table["check"] == "verified")
    return table[confirmed].set_index("parameter")


def _symbol(name: str) -> str:
    stem = name.split("_")[0]
    return _SYMBOLS.get(stem, stem)


def _prior(row: "pd.Series[Any]") -> Prior:
    bound = row["upper_parameter"]
    upper = np.inf if pd.isna(row["upper"]) else float(row["upper"])
    return Prior(
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


def _draw_inside(prior: Prior, upper: AnyArray, rng: np.random.Generator) -> AnyArray:
    """Draw by the inverse of the cut distribution."""
    law, root = _law(prior), prior.family == "normal square root"
    lower = np.sqrt(prior.lower) if root else prior.lower
    shares = rng.uniform(law.cdf(lower), law.cdf(np.sqrt(upper) if root else upper))
    drawn: AnyArray = law.ppf(shares)
    if root:
        drawn = np.square(drawn)
    # Rounding may reach a bound, which is no value inside.
    return np.clip(drawn, np.nextafter(prior.lower, 1), np.nextafter(upper, 0))


def _law(prior: Prior) -> Any:
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
    return cast(AnyArray, to_free(sample_priors(N_SPREAD, rng)).std(axis=0))


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
