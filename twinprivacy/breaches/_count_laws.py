"""Counts a year: the likelihood that is maximised, the law that predicts."""

import warnings
from typing import Any

import numpy as np

from twinprivacy._types import Array

# Below this the negative binomial is a Poisson law to all digits that are printed.
SMALLEST_DISPERSION = 1e-7
LARGEST_MEAN = 1e12


def profile_dispersion(values: Array, design: Array, fractions: Array) -> float:
    """Return the dispersion at which the likelihood of the counts is largest."""
    from scipy.optimize import minimize_scalar

    offset = np.log(fractions)
    start = np.zeros(design.shape[1])
    start[0] = np.log(values.sum() / fractions.sum())

    def loss(log_dispersion: float) -> float:
        dispersion = float(np.exp(log_dispersion))
        means = _fitted_means(values, design, offset, dispersion, start)
        return -_log_likelihood(values, means, dispersion)

    limits = (float(np.log(SMALLEST_DISPERSION)), 5.0)
    found = minimize_scalar(
        loss, bounds=limits, method="bounded", options={"xatol": 1e-8}
    )
    # A gain within rounding is none: the best dispersion is then 0.
    return float(np.exp(found.x)) if loss(limits[0]) - found.fun > 1e-6 else 0.0


def _fitted_means(
    values: Array, design: Array, offset: Array, dispersion: float, start: Array
) -> Array:
    """Return the fitted means for a dispersion that is given, by Fisher scoring."""
    coefficients = start
    for _ in range(100):
        means = bounded_exp(design @ coefficients + offset)
        weights = means / (1 + dispersion * means)
        slope = design.T @ (weights * (values / means - 1))
        step = np.linalg.solve((design.T * weights) @ design, slope)
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-11:
            break
    return bounded_exp(design @ coefficients + offset)


def _log_likelihood(values: Array, means: Array, dispersion: float) -> float:
    from scipy.special import gammaln

    shape = 1 / dispersion
    terms = gammaln(values + shape) - gammaln(shape) - gammaln(values + 1)
    terms -= shape * np.log1p(means / shape)
    return float((terms - values * np.log1p(shape / means)).sum())


def fit_given_dispersion(
    values: Array, design: Array, fractions: Array, dispersion: float
) -> Any:
    """Fit the coefficients for a dispersion that is given."""
    from statsmodels.genmod import families
    from statsmodels.genmod.generalized_linear_model import GLM
    from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

    law = (
        families.NegativeBinomial(alpha=dispersion)
        if dispersion > SMALLEST_DISPERSION
        else families.Poisson()
    )
    model = GLM(values, design, family=law, offset=np.log(fractions))
    with warnings.catch_warnings():
        # Counts that lie on the curve are no fault, as separated classes would be.
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        return model.fit(tol=1e-12)


def count_cdf(count: int, means: Array, dispersions: Array) -> Array:
    from scipy.special import betainc, pdtr

    if dispersions.max() <= SMALLEST_DISPERSION:
        return np.asarray(pdtr(count, means))
    shapes = 1 / dispersions
    return np.asarray(betainc(shapes, count + 1, shapes / (shapes + means)))


def bounded_exp(x: Array) -> Array:
    """Return exp(x), kept to numbers that a count can be drawn for."""
    return np.exp(np.clip(x, -700, np.log(LARGEST_MEAN)))
