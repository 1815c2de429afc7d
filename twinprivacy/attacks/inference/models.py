"""Models of a secret: each fits a path of settings, of which the data choose one.

`MODELS` is the list. A model of a category gives shares of its values; of a number most
give a mean, which the law of the residuals turns into masses of bins.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from twinprivacy._types import Array, Indices
from twinprivacy.attacks.inference.encoder import Encoder

# How many people's worth of overall shares a cell of a table is shrunk by.
_TABLE_WEIGHTS = (1.0, 5.0, 25.0)
# One over the prior variance of the effect of a standard deviation.
_PENALTIES = (30.0, 3.0, 0.3)
_MIN_PEOPLE_OF_BOOSTING = 500
_BOOSTING_STAGES = (12, 25, 50, 100)
# Beyond so many coefficients a Hessian is slower than gradients alone.
_MAX_NEWTON = 300


class _Path(Protocol):
    """A model fitted under several settings."""

    def path(self, x: npt.NDArray[Any]) -> list[Array]:
        """Return by each setting P(value), shape (n, n_values), or the mean, (n,)."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """One way to learn a secret.

    Attributes
    ----------
    name : str
    inputs : callable
        Encoder and features to what the model reads, a row a person.
    fit_shares : callable
        Inputs, codes of a category and shares of its values to a fit.
    fit_mean : callable, optional
        Inputs and numbers to a fit of the mean; None where a number is taken by the
        shares of its bins.
    can_learn : callable
        Whether the inputs, and the persons whose rows they are, suffice.
    """

    name: str
    inputs: Callable[[Encoder, pd.DataFrame], npt.NDArray[Any]]
    fit_shares: Callable[[Any, Indices, Array], _Path]
    fit_mean: Callable[[Any, Array], _Path] | None = None
    can_learn: Callable[[Any, Indices | None], bool] = lambda x, persons: True

    def fit(self, x: npt.NDArray[Any], codes: Indices, n_values: int) -> _Path:
        """Fit the shares of a category under all settings of the model."""
        shares = estimate_shares(codes, n_values)
        if len(np.unique(codes)) < 2:
            return _Shares(shares)
        return self.fit_shares(x, codes, shares)


@dataclass(frozen=True, eq=False, repr=False)
class _Shares:
    """The shares of the values, whoever is asked about."""

    shares: Array

    def path(self, x: npt.NDArray[Any]) -> list[Array]:
        """Return the shares for everybody."""
        return [np.tile(self.shares, (len(x), 1))]


@dataclass(frozen=True, eq=False, repr=False)
class _Table:
    """Counts of the values within each cell, shrunk to the shares."""

    cells: tuple[npt.NDArray[np.uint64], ...]
    counts: tuple[Array, ...]
    shares: Array

    def path(self, x: npt.NDArray[Any]) -> list[Array]:
        """Return (counts + weight shares) / (n + weight) by binning and weight."""
        found = []
        for column, cells, counts in zip(x.T, self.cells, self.counts, strict=True):
            at = np.minimum(np.searchsorted(cells, column), len(cells) - 1)
            here = np.where((cells[at] == column)[:, None], counts[at], 0)
            n = here.sum(axis=1, keepdims=True)
            found += [(here + w * self.shares) / (n + w) for w in _TABLE_WEIGHTS]
        return found


@dataclass(frozen=True, eq=False, repr=False)
class _Logistic:
    """Multinomial regressions, one for each penalty, shapes (1 + n_terms, n_values)."""

    offset: Array
    coefficients: tuple[Array, ...]

    def path(self, x: npt.NDArray[Any]) -> list[Array]:
        """Return the softmax of the offset and the terms' effects."""
        design = np.column_stack([np.ones(len(x)), x])
        return [softmax(self.offset + design @ beta) for beta in self.coefficients]


@dataclass(frozen=True, eq=False, repr=False)
class _BoostedShares:
    """Boosted trees of scikit-learn, for a category."""

    model: Any
    n_values: int

    def path(self, x: npt.NDArray[Any]) -> list[Array]:
        """Return the shares after each stage, of values without anybody 0."""
        found = []
        for p in _after_stages(self.model.staged_predict_proba, x):
            spread = np.zeros((len(p), self.n_values))
            spread[:, self.model.classes_] = p
            found.append(spread)
        return found


@dataclass(frozen=True, eq=False, repr=False)
class _BoostedMean:
    """Boosted trees of scikit-learn, for a number."""

    model: Any

    def path(self, x: npt.NDArray[Any]) -> list[Array]:
        """Return the mean after each stage."""
        return _after_stages(self.model.staged_predict, x)


def softmax(score: Array) -> Array:
    """Return exp(score), each row divided by its sum."""
    odds = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def estimate_shares(codes: Indices, n_values: int) -> Array:
    """Return Laplace's (count + 1) / (n + n_values)."""
    return (np.bincount(codes, minlength=n_values) + 1) / (len(codes) + n_values)


def _fit_shares(x: npt.NDArray[Any], codes: Indices, shares: Array) -> _Shares:
    return _Shares(shares)


def _are_enough_to_boost(x: Array, persons: Indices | None) -> bool:
    return len(x) >= _MIN_PEOPLE_OF_BOOSTING


def _boost(kind: str, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> Any:
    """Fit a boosted "Classifier" or "Regressor".

    On one thread, as its predictions are: sums depend on how many threads there are,
    and threads that wait for each other at every tree are slow where cores are shared.
    """
    from sklearn import ensemble

    model = getattr(ensemble, f"HistGradientBoosting{kind}")(
        max_iter=_BOOSTING_STAGES[-1],
        max_leaf_nodes=8,
        l2_regularization=1.0,
        # Stopped by the folds, not by a split of its own, which would tear people apart
        # and fails on a value that one person has.
        early_stopping=False,
        # Of matter from 200,000 rows on, of which it draws some to place its bins.
        random_state=0,
    )
    with threadpool_limits(1):
        return model.fit(x, y)


def _fit_boosted_shares(x: Array, codes: Indices, shares: Array) -> _BoostedShares:
    return _BoostedShares(_boost("Classifier", x, codes), len(shares))


def _fit_boosted_mean(x: Array, numbers: Array) -> _BoostedMean:
    return _BoostedMean(_boost("Regressor", x, numbers))


def _after_stages(predict: Callable[..., Any], x: npt.NDArray[Any]) -> list[Array]:
    with threadpool_limits(1):
        stages = enumerate(predict(x), start=1)
        return [p for stage, p in stages if stage in _BOOSTING_STAGES]


def _fit_table(x: npt.NDArray[Any], codes: Indices, shares: Array) -> _Table:
    k = len(shares)
    cells, counts = [], []
    for column in x.T:
        found, at = np.unique(column, return_inverse=True)
        count = np.bincount(at * k + codes, minlength=len(found) * k)
        cells.append(found)
        counts.append(count.reshape(len(found), k).astype(float))
    return _Table(tuple(cells), tuple(counts), shares)


def _fit_logistic(x: Array, codes: Indices, shares: Array) -> _Logistic:
    """Minimise minus the log-likelihood plus penalty / 2 times the squared effects."""
    offset = np.log(shares)
    design = np.column_stack([np.ones(len(x)), x])
    truth = np.eye(len(shares))[codes]
    beta = np.zeros((design.shape[1], len(shares)))
    is_small = beta.size <= _MAX_NEWTON
    solve: Callable[..., Array] = _solve_newton if is_small else _solve_lbfgs
    fitted = []
    for penalty in _PENALTIES:
        # The intercepts correct the shares, which are near: hardly shrunk.
        ridge = np.full((len(beta), 1), penalty)
        ridge[0] = 0.1
        beta = solve(design, truth, offset, ridge, beta)
        fitted.append(beta)
    return _Logistic(offset, tuple(fitted))


def _loss(x: Array, truth: Array, offset: Array, ridge: Array, beta: Array) -> float:
    score = offset + x @ beta
    top = score.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(score - top).sum(axis=1)) + top[:, 0]
    return float(log_sum.sum() - (score * truth).sum() + (ridge * beta**2).sum() / 2)


def _solve_newton(
    x: Array, truth: Array, offset: Array, ridge: Array, beta: Array
) -> Array:
    (n, p), k = x.shape, truth.shape[1]
    loss = _loss(x, truth, offset, ridge, beta)
    for _ in range(50):
        chance = softmax(offset + x @ beta)
        gradient = x.T @ (chance - truth) + ridge * beta
        weighted = (chance[:, :, None] * x[:, None, :]).reshape(n, k * p)
        hessian = -(weighted.T @ weighted)
        for j in range(k):
            block = slice(j * p, (j + 1) * p)
            hessian[block, block] += weighted[:, block].T @ x + np.diag(ridge[:, 0])
        step = np.linalg.solve(hessian, gradient.T.ravel()).reshape(k, p).T
        decrease = float((step * gradient).sum())
        size = 1.0
        while True:
            new_loss = _loss(x, truth, offset, ridge, beta - size * step)
            if new_loss <= loss - 1e-4 * size * decrease or size < 1e-6:
                break
            size /= 2
        beta, loss = beta - size * step, new_loss
        if decrease < 1e-6 * n:
            break
    return beta


def _solve_lbfgs(
    x: Array, truth: Array, offset: Array, ridge: Array, beta: Array
) -> Array:
    from scipy.optimize import minimize

    n = len(x)

    def evaluate(flat: Any) -> tuple[float, Array]:
        at = flat.reshape(beta.shape)
        chance = softmax(offset + x @ at)
        gradient = x.T @ (chance - truth) + ridge * at
        return _loss(x, truth, offset, ridge, at) / n, gradient.ravel() / n

    options: Any = {"maxiter": 100, "gtol": 1e-5}
    start = beta.ravel()
    found: Any = minimize(evaluate, start, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x).reshape(beta.shape)


# How many people's worth of the base model a cell is shrunk by.
_EXACT_WEIGHTS = (0.1, 1.0, 10.0)
# Where fewer people agree with somebody else, there is nothing to be had from it.
_MIN_SHARE_MATCHED = 0.05


@dataclass(frozen=True, eq=False, repr=False)
class _Exact:
    """Sums within each cell of equal rows, shrunk to what another model says.

    Attributes
    ----------
    cells : numpy.ndarray
        Shape (n_cells,), ascending.
    sums : numpy.ndarray
        Counts of the values, shape (n_cells, n_values); or sums of a number, (n_cells,)
    sizes : numpy.ndarray
        Rows of each cell, shape (n_cells,).
    base : object
        A fitted model with a path.
    """

    cells: Array
    sums: Array
    sizes: Array
    base: _Path

    def path(self, x: Array) -> list[Array]:
        """Return (sum + weight base) / (size + weight) by setting of base and weight.

        The first column is the cell, the others are what the base reads.
        """
        cell = x[:, 0]
        at = np.minimum(np.searchsorted(self.cells, cell), len(self.cells) - 1)
        is_seen = self.cells[at] == cell
        size = np.where(is_seen, self.sizes[at], 0.0)
        total = np.where(_like(is_seen, self.sums), self.sums[at], 0.0)
        return [
            (total + w * base) / _like(size + w, base)
            for base in self.base.path(x[:, 1:])
            for w in _EXACT_WEIGHTS
        ]


def _fit_exact(x: Array, truth: Array, base: _Path) -> _Exact:
    """Sum the truth, ones and zeros or a number, within each cell of `x[:, 0]`."""
    cells, at, sizes = np.unique(x[:, 0], return_inverse=True, return_counts=True)
    sums = np.zeros((len(cells), *truth.shape[1:]))
    np.add.at(sums, at, truth)
    return _Exact(cells, sums, sizes.astype(float), base)


def _fit_exact_shares(x: Array, codes: Indices, shares: Array) -> _Exact:
    base = _fit_logistic(x[:, 1:], codes, shares)
    return _fit_exact(x, np.eye(len(shares))[codes], base)


def _fit_exact_mean(x: Array, numbers: Array) -> _Exact:
    return _fit_exact(x, numbers, _fit_ridge(x[:, 1:], numbers))


def _do_enough_match(x: Array, persons: Indices | None) -> bool:
    """Say whether enough rows share their cell with a row of another person."""
    person = np.arange(len(x)) if persons is None else persons
    _, at = np.unique(x[:, 0], return_inverse=True)
    _, person = np.unique(person, return_inverse=True)
    pairs = np.unique(np.column_stack([at, person]), axis=0)
    n_persons = np.bincount(pairs[:, 0])
    return float(np.mean(n_persons[at] > 1)) >= _MIN_SHARE_MATCHED


def _like(per_row: npt.NDArray[Any], array: Array) -> npt.NDArray[Any]:
    return per_row if array.ndim == 1 else per_row[:, np.newaxis]


_N_CELLS = 512


@dataclass(frozen=True, eq=False, repr=False)
class _Ridge:
    """Ridge regressions, one for each penalty, shape (n_terms, n_penalties)."""

    mean: float
    centers: Array
    coefficients: Array

    def path(self, x: Array) -> list[Array]:
        """Return the mean by each penalty, arrays of shape (n,)."""
        return list((self.mean + (x - self.centers) @ self.coefficients).T)


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


def _fit_ridge(x: Array, numbers: Array) -> _Ridge:
    """Minimise squared error / variance + penalty times the squared effects."""
    centers, mean = x.mean(axis=0), float(numbers.mean())
    design = x - centers
    moments, products = design.T @ design, design.T @ (numbers - mean)
    beta = [
        np.linalg.solve(moments + penalty * np.eye(len(moments)), products)
        for penalty in _PENALTIES
    ]
    return _Ridge(mean, centers, np.column_stack(beta))


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


# From the simplest on: the first of equals is chosen.
MODELS = {
    model.name: model
    for model in (
        Model("shares", Encoder.plain, _fit_shares),
        Model("table", Encoder.cells, _fit_table),
        Model("logistic", Encoder.curved, _fit_logistic, _fit_ridge),
        Model(
            "boosting",
            Encoder.plain,
            _fit_boosted_shares,
            _fit_boosted_mean,
            _are_enough_to_boost,
        ),
        Model(
            "exact",
            Encoder.matched,
            _fit_exact_shares,
            _fit_exact_mean,
            _do_enough_match,
        ),
    )
}
