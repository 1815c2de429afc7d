"""Size distributions above a threshold, each as its log-survival and log-density.

All are conditional on a size of at least `lower`, so survival is 1 there. Parameters
come as an array in natural units; positive ones are fitted on the log scale.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.special import log_ndtr

from twinprivacy._types import Array

Function = Callable[[Array, Array, float], Array]
LOG_ROOT_2PI = np.log(2 * np.pi) / 2


@dataclass(frozen=True)
class Family:
    """A size distribution above a threshold.

    Attributes
    ----------
    parameters : tuple of str
    positive : tuple of bool
        Which parameters are positive, and so fitted on the log scale.
    log_survival, log_density : callable
        Functions of sizes, parameters and the threshold.
    start : callable
        First guess from sizes, weights and the threshold.
    """

    parameters: tuple[str, ...]
    positive: tuple[bool, ...]
    log_survival: Function
    log_density: Function
    start: Callable[[Array, Array, float], Array]


def _lognormal_log_survival(x: Array, parameters: Array, lower: float) -> Array:
    mu, sigma = parameters
    at_lower = log_ndtr((mu - np.log(lower)) / sigma)
    return np.asarray(log_ndtr((mu - np.log(x)) / sigma) - at_lower)


def _lognormal_log_density(x: Array, parameters: Array, lower: float) -> Array:
    mu, sigma = parameters
    at_lower = log_ndtr((mu - np.log(lower)) / sigma)
    logs = np.log(x)
    z = (logs - mu) / sigma
    constant = np.log(sigma) + LOG_ROOT_2PI + at_lower
    return np.asarray(-z * z / 2 - logs - constant)


def _lognormal_start(x: Array, weights: Array, lower: float) -> Array:
    logs = np.log(x)
    mean = np.average(logs, weights=weights)
    spread = np.sqrt(np.average((logs - mean) ** 2, weights=weights))
    return np.array([mean - spread / 2, 1.3 * spread])


def _pareto_log_survival(x: Array, parameters: Array, lower: float) -> Array:
    return np.asarray(-parameters[0] * np.log(x / lower))


def _pareto_log_density(x: Array, parameters: Array, lower: float) -> Array:
    (alpha,) = parameters
    return np.asarray(np.log(alpha) - alpha * np.log(x / lower) - np.log(x))


def _pareto_start(x: Array, weights: Array, lower: float) -> Array:
    return np.array([1 / np.average(np.log(x / lower), weights=weights)])


def _generalised_log_survival(x: Array, parameters: Array, lower: float) -> Array:
    xi, scale = parameters
    excess = (x - lower) / scale
    if abs(xi) < 1e-9:
        return np.asarray(-excess)
    # Beyond the end of a bounded tail the survival is nil.
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log1p(np.maximum(xi * excess, -1)) / xi)


def _generalised_log_density(x: Array, parameters: Array, lower: float) -> Array:
    xi, scale = parameters
    log_survival = _generalised_log_survival(x, parameters, lower)
    return np.asarray((1 + xi) * log_survival - np.log(scale))


def _generalised_start(x: Array, weights: Array, lower: float) -> Array:
    order = np.argsort(x)
    cumulated = np.cumsum(weights[order]) / weights.sum()
    median = x[order][np.searchsorted(cumulated, 0.5)]
    return np.array([1.0, max(median - lower, 1.0)])


PARETO = Family(
    parameters=("tail_index",),
    positive=(True,),
    log_survival=_pareto_log_survival,
    log_density=_pareto_log_density,
    start=_pareto_start,
)
FAMILIES = MappingProxyType(
    {
        "lognormal": Family(
            parameters=("mu", "sigma"),
            positive=(False, True),
            log_survival=_lognormal_log_survival,
            log_density=_lognormal_log_density,
            start=_lognormal_start,
        ),
        "pareto": PARETO,
        # The same law below a ceiling, which `size` applies to every family alike.
        "truncated_pareto": PARETO,
        "generalised_pareto": Family(
            parameters=("xi", "scale"),
            positive=(False, True),
            log_survival=_generalised_log_survival,
            log_density=_generalised_log_density,
            start=_generalised_start,
        ),
    }
)


def log_survival(
    family: Family, x: Array, parameters: Array, lower: float, upper: float
) -> Array:
    """Return log P(size >= x | lower <= size <= upper)."""
    sizes = np.clip(x, lower, upper)
    free = family.log_survival(sizes, parameters, lower)
    if not np.isfinite(upper):
        return free
    beyond = family.log_survival(np.asarray(upper), parameters, lower)
    return log_difference(free, beyond) - log_difference(np.zeros(()), beyond)


def log_mass(family: Family, parameters: Array, lower: float, upper: float) -> Array:
    """Return the log-probability that a size of at least `lower` is at most `upper`."""
    if not np.isfinite(upper):
        return np.zeros(())
    beyond = family.log_survival(np.asarray(upper), parameters, lower)
    return log_difference(np.zeros(()), beyond)


def log_difference(larger: Array, smaller: Array) -> Array:
    """Return log(exp(larger) - exp(smaller)) without leaving the log scale."""
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = larger + np.log(-np.expm1(smaller - larger))
    return np.where(smaller >= larger, -np.inf, difference)
