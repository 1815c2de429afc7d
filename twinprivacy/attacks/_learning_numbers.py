"""Models of a number: a mean, and a law of what it misses, as masses on bins."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array
from twinprivacy.attacks._learning_exact import Exact, fit_exact
from twinprivacy.attacks._learning_models import (
    PENALTIES,
    fit_alone,
    make_trees,
    predict_stages,
)

_N_CELLS = 512


@dataclass(frozen=True, eq=False, repr=False)
class Ridge:
    """Ridge regressions, one for each penalty, shape (n_terms, n_penalties)."""

    mean: float
    centers: Array
    coefficients: Array

    def path(self, x: Array) -> list[Array]:
        """Return the mean by each penalty, arrays of shape (n,)."""
        return list((self.mean + (x - self.centers) @ self.coefficients).T)


@dataclass(frozen=True, eq=False, repr=False)
class Trees:
    """A forest or boosted trees of scikit-learn."""

    model: Any

    def path(self, x: Array) -> list[Array]:
        """Return the forest's mean, or those after each stage of boosting."""
        return predict_stages(self.model, x, "predict")


@dataclass(frozen=True, eq=False, repr=False)
class ResidualLaw:
    """The law of number minus mean, its spread log-linear in the mean.

    Attributes
    ----------
    center, scale : float
        Of the means learned from.
    log_spread, slope : float
        log spread = log_spread + slope (mean - center) / scale.
    grid, cumulative : numpy.ndarray
        Distribution function of the residual in spreads.
    """

    center: float
    scale: float
    log_spread: float
    slope: float
    grid: Array
    cumulative: Array

    def masses(self, mean: Array, edges: Array) -> Array:
        """Return the probability of each bin, shape (n, n_bins), outer ones open."""
        spread = np.exp(self.log_spread + self.slope * self._standardise(mean))
        inner = (edges[1:-1] - mean[:, None]) / spread[:, None]
        below = np.interp(inner, self.grid, self.cumulative, left=0, right=1)
        ends = np.zeros((len(mean), 1)), np.ones((len(mean), 1))
        return np.diff(np.hstack([ends[0], below, ends[1]]), axis=1)

    def _standardise(self, mean: Array) -> Array:
        return np.clip((mean - self.center) / self.scale, -3, 3)


def fit_means(
    name: str, x: Array, numbers: Array, rng: np.random.Generator
) -> Ridge | Trees | Exact:
    """Fit the mean of a number by the model `name` under all its settings."""
    if name in ("logistic", "interactions"):
        return _fit_ridge(x, numbers)
    if name == "exact":
        return fit_exact(x, numbers, _fit_ridge(x[:, 1:], numbers))
    model = make_trees(name, "Regressor", len(x), rng)
    return Trees(fit_alone(model, x, numbers))


def learn_residual_law(mean: Array, numbers: Array) -> ResidualLaw:
    """Learn the law of what means miss, of people that they were not fitted on."""
    residual = numbers - mean
    center, scale = float(mean.mean()), float(mean.std()) or 1.0
    z = np.clip((mean - center) / scale, -3, 3)
    size = float(np.sqrt(np.mean(residual**2))) or 1e-9
    log_size = np.log(np.maximum(np.abs(residual), 1e-3 * size))
    # Twenty people's worth of an even spread.
    slope = float(z @ (log_size - log_size.mean()) / (z @ z + 20))
    shape = residual / np.exp(slope * z)
    spread = float(shape.std()) or 1e-9
    grid, cumulative = _smooth(shape / spread)
    return ResidualLaw(center, scale, float(np.log(spread)), slope, grid, cumulative)


def masses_out_of_fold(
    mean: Array, numbers: Array, fold: npt.NDArray[np.intp], edges: Array
) -> Array:
    """Return masses of bins by the law of the residuals in all other folds."""
    masses = np.empty((len(mean), len(edges) - 1))
    for k in np.unique(fold):
        test = fold == k
        law = learn_residual_law(mean[~test], numbers[~test])
        masses[test] = law.masses(mean[test], edges)
    return masses


def _fit_ridge(x: Array, numbers: Array) -> Ridge:
    """Minimise squared error / variance + penalty times the squared effects."""
    centers, mean = x.mean(axis=0), float(numbers.mean())
    design = x - centers
    moments, products = design.T @ design, design.T @ (numbers - mean)
    beta = [
        np.linalg.solve(moments + penalty * np.eye(len(moments)), products)
        for penalty in PENALTIES
    ]
    return Ridge(mean, centers, np.column_stack(beta))


def _smooth(residual: Array) -> tuple[Array, Array]:
    """Return the distribution function of normal kernels at the residuals.

    The width is Silverman's, 0.9 min(SD, IQR / 1.34) n ** -0.2; they are binned first.
    """
    from scipy.special import ndtr

    low, high = np.quantile(residual, [0.25, 0.75])
    width = 0.9 * min(residual.std(), (high - low) / 1.34) * len(residual) ** -0.2
    width = max(float(width), 1e-3)
    ends = np.linspace(residual.min() - 4 * width, residual.max() + 4 * width, _N_CELLS)
    counts, _ = np.histogram(residual, bins=ends)
    filled = counts > 0
    middles = (ends[1:] + ends[:-1])[filled] / 2
    steps = (ends[:, None] - middles) / width
    return ends, ndtr(steps) @ (counts[filled] / len(residual))
