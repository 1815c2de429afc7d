"""Models of a category: each fits a path of settings, of which the data choose one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, ParamSpec, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array, Indices
from twinprivacy.attacks._learning_exact import fit_exact

# How many people's worth of overall shares a cell of a table is shrunk by.
TABLE_WEIGHTS = (1.0, 5.0, 25.0)
# One over the prior variance of the effect of a standard deviation.
PENALTIES = (30.0, 3.0, 0.3)
N_TREES = 200
MIN_LEAF = 5
# Rows that each tree draws at most: more is slow, and brings little.
MAX_ROWS_OF_TREE = 4_000
BOOSTING_STAGES = (12, 25, 50, 100)
# Beyond so many coefficients a Hessian is slower than gradients alone.
_MAX_NEWTON = 300


P = ParamSpec("P")
R = TypeVar("R")


def on_one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function with its matrix products on one thread.

    They are small: more threads wait for each other, many times as long where cores are
    shared, and sums would depend on how many there are.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with _find_threads().limit(limits=1):
            return function(*args, **kwargs)

    return run


@cache
def _find_threads() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


class Path(Protocol):
    """A model fitted under several settings."""

    def path(self, x: npt.NDArray[Any]) -> list[Array]:
        """Return P(value) by each setting, arrays of shape (n, n_values)."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class Shares:
    """The shares of the values, whoever is asked about."""

    shares: Array

    def path(self, x: npt.NDArray[Any]) -> list[Array]:
        """Return the shares for everybody."""
        return [np.tile(self.shares, (len(x), 1))]


@dataclass(frozen=True, eq=False, repr=False)
class Table:
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
            found += [(here + w * self.shares) / (n + w) for w in TABLE_WEIGHTS]
        return found


@dataclass(frozen=True, eq=False, repr=False)
class Logistic:
    """Multinomial regressions, one for each penalty, shapes (1 + n_terms, n_values)."""

    offset: Array
    coefficients: tuple[Array, ...]

    def path(self, x: npt.NDArray[Any]) -> list[Array]:
        """Return the softmax of the offset and the terms' effects."""
        design = np.column_stack([np.ones(len(x)), x])
        return [softmax(self.offset + design @ beta) for beta in self.coefficients]


@dataclass(frozen=True, eq=False, repr=False)
class Trees:
    """A forest or boosted trees of scikit-learn."""

    model: Any
    n_values: int

    def path(self, x: npt.NDArray[Any]) -> list[Array]:
        """Return the forest's shares, or those after each stage of boosting."""
        return [self._spread(p) for p in predict_stages(self.model, x, "predict_proba")]

    def _spread(self, p: Array) -> Array:
        spread = np.zeros((len(p), self.n_values))
        spread[:, self.model.classes_] = p
        return spread


def softmax(score: Array) -> Array:
    """Return exp(score), each row divided by its sum."""
    odds = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def estimate_shares(codes: Indices, n_values: int) -> Array:
    """Return Laplace's (count + 1) / (n + n_values)."""
    return (np.bincount(codes, minlength=n_values) + 1) / (len(codes) + n_values)


def fit_path(
    name: str,
    x: npt.NDArray[Any],
    codes: Indices,
    n_values: int,
    rng: np.random.Generator,
) -> Path:
    """Fit the model `name` under all its settings."""
    shares = estimate_shares(codes, n_values)
    if name == "shares" or x.shape[1] == 0 or len(np.unique(codes)) < 2:
        return Shares(shares)
    if name == "table":
        return _fit_table(x, codes, shares)
    if name in ("logistic", "interactions"):
        return _fit_logistic(x, codes, shares)
    if name == "exact":
        base = _fit_logistic(x[:, 1:], codes, shares)
        return fit_exact(x, np.eye(n_values)[codes], base)
    model = make_trees(name, "Classifier", len(x), rng)
    return Trees(fit_alone(model, x, codes), n_values)


def make_trees(name: str, kind: str, n: int, rng: np.random.Generator) -> Any:
    """Return a forest or boosted trees, a "Classifier" or a "Regressor"."""
    from sklearn import ensemble  # type: ignore[import-untyped]

    state = int(rng.integers(2**31))
    if name == "forest":
        return getattr(ensemble, f"ExtraTrees{kind}")(
            n_estimators=N_TREES,
            min_samples_leaf=MIN_LEAF,
            max_features=0.5,
            bootstrap=n > MAX_ROWS_OF_TREE,
            max_samples=MAX_ROWS_OF_TREE if n > MAX_ROWS_OF_TREE else None,
            random_state=state,
            n_jobs=1,
        )
    # Stopped by the folds, not by a split of its own, which would tear people apart
    # and fails on a value that one person has.
    return getattr(ensemble, f"HistGradientBoosting{kind}")(
        max_iter=BOOSTING_STAGES[-1],
        max_leaf_nodes=8,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=state,
    )


def fit_alone(model: Any, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> Any:
    """Fit on one thread: sums over more depend on how many there are."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return model.fit(x, y)


def predict_stages(model: Any, x: npt.NDArray[Any], method: str) -> list[Array]:
    """Return a forest's prediction, or those after each stage of boosting."""
    from threadpoolctl import threadpool_limits

    staged = getattr(model, f"staged_{method}", None)
    if staged is None:
        return [getattr(model, method)(x)]
    # Threads that wait for each other at every tree are slow where cores are shared.
    with threadpool_limits(1):
        stages = enumerate(staged(x), start=1)
        return [p for stage, p in stages if stage in BOOSTING_STAGES]


def _fit_table(x: npt.NDArray[Any], codes: Indices, shares: Array) -> Table:
    k = len(shares)
    cells, counts = [], []
    for column in x.T:
        found, at = np.unique(column, return_inverse=True)
        count = np.bincount(at * k + codes, minlength=len(found) * k)
        cells.append(found)
        counts.append(count.reshape(len(found), k).astype(float))
    return Table(tuple(cells), tuple(counts), shares)


def _fit_logistic(x: Array, codes: Indices, shares: Array) -> Logistic:
    """Minimise minus the log-likelihood plus penalty / 2 times the squared effects."""
    offset = np.log(shares)
    design = np.column_stack([np.ones(len(x)), x])
    truth = np.eye(len(shares))[codes]
    beta = np.zeros((design.shape[1], len(shares)))
    is_small = beta.size <= _MAX_NEWTON
    solve: Callable[..., Array] = _solve_newton if is_small else _solve_lbfgs
    fitted = []
    for penalty in PENALTIES:
        # The intercepts correct the shares, which are near: hardly shrunk.
        ridge = np.full((len(beta), 1), penalty)
        ridge[0] = 0.1
        beta = solve(design, truth, offset, ridge, beta)
        fitted.append(beta)
    return Logistic(offset, tuple(fitted))


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
