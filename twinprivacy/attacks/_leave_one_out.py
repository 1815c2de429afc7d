"""What a fitted model would say of each person without that person."""

from typing import Any

import numpy as np

from twinprivacy._types import Array, Indices
from twinprivacy.errors import FitError

_MAX_STEPS = 100
_UNDETERMINED = (
    "the covariates must determine the coefficients; some are constant, or sums of "
    "others: leave them out, or take a penalty"
)


def leave_out_linear(
    x: Array, y: Array, penalty: float, codes: Indices
) -> tuple[Array, Array]:
    """Return the answers of a ridge regression, and those without each person."""
    design, ridge = _with_intercept(x, penalty)
    inverse = _inverse(design.T @ design + np.diag(ridge))
    fitted = design @ (inverse @ (design.T @ y))
    residual = y - fitted
    left = _solve_blocks(design, inverse, np.ones(len(y)), residual, codes)
    return fitted, y - left


def leave_out_one_step(
    x: Array, y: Array, family: str, penalty: float, codes: Indices
) -> tuple[Array, Array]:
    """Return the means of a regression, and those one step away from each person."""
    design, ridge = _with_intercept(x, penalty)
    beta = _fit(design, y, family, ridge)
    eta = design @ beta
    mean = _mean(eta, family)
    weight = mean * (1 - mean) if family == "binomial" else mean
    information = (design.T * weight) @ design + np.diag(ridge)
    inverse = _inverse(information, _no_finite_fit(family))
    residual = y - mean
    left = _solve_blocks(design, inverse, weight, residual, codes)
    # The block solves (I - A W) r = e; the predictor moves by A r.
    shift = _times_blocks(design, inverse, left, codes)
    return mean, _mean(eta - shift, family)


def vote_out_of_bag(forest: Any, x: Array, codes: Indices) -> tuple[Array, Array]:
    """Return the mean of all trees, and of those without each person; nan for none."""
    n, n_people = len(x), int(codes.max()) + 1
    total, apart, votes = np.zeros(n), np.zeros(n), np.zeros(n)
    # A tree reads single precision; turned once, not for each tree.
    narrow = x.astype(np.float32)
    is_classifier = hasattr(forest, "classes_")
    for tree, sampled in zip(
        forest.estimators_, forest.estimators_samples_, strict=True
    ):
        if is_classifier:
            said = tree.tree_.predict(narrow)[:, 1]
        else:
            said = tree.tree_.predict(narrow)[:, 0]
        taken = np.zeros(n_people, dtype=bool)
        taken[codes[sampled]] = True
        absent = ~taken[codes]
        total += said
        apart += said * absent
        votes += absent
    with np.errstate(invalid="ignore"):
        left_out = np.where(votes > 0, apart / np.maximum(votes, 1), np.nan)
    return total / len(forest.estimators_), left_out


def _with_intercept(x: Array, penalty: float) -> tuple[Array, Array]:
    """Return the design with an intercept that the penalty spares."""
    design = np.column_stack([np.ones(len(x)), x])
    ridge = np.full(design.shape[1], float(penalty))
    ridge[0] = 0.0
    return design, ridge


def _inverse(information: Array, otherwise: str = _UNDETERMINED) -> Array:
    """Return the inverse, or say otherwise; units of the covariates do not matter."""
    own = np.diag(information)
    unit = 1 / np.sqrt(np.where(own > 0, own, 1.0))
    scaled = information * unit[:, None] * unit
    if np.linalg.cond(scaled) > 1e12:
        raise FitError(otherwise)
    return np.asarray(np.linalg.inv(scaled) * unit[:, None] * unit)


def _no_finite_fit(family: str) -> str:
    outcomes = "0 or 1" if family == "binomial" else "0"
    return (
        "the regression has no finite fit: some covariates, or sums of them, tell "
        f"outcomes of {outcomes} for certain; leave them out, or take a penalty"
    )


def _fit(design: Array, y: Array, family: str, ridge: Array) -> Array:
    """Maximise the penalised likelihood by Newton's steps, halved if too long."""
    beta = np.zeros(design.shape[1])
    share = y.mean()
    beta[0] = np.log(share / (1 - share)) if family == "binomial" else np.log(share)
    value = _objective(design, beta, y, family, ridge)
    otherwise = _UNDETERMINED
    for _ in range(_MAX_STEPS):
        mean = _mean(design @ beta, family)
        weight = mean * (1 - mean) if family == "binomial" else mean
        gradient = design.T @ (y - mean) - ridge * beta
        information = (design.T * weight) @ design + np.diag(ridge)
        step = _inverse(information, otherwise) @ gradient
        # With equal weights, as in the first step, only covariates can be at fault.
        otherwise = _no_finite_fit(family)
        new, found = beta, -np.inf
        for halvings in range(30):
            new = beta + step / 2**halvings
            found = _objective(design, new, y, family, ridge)
            if found >= value:
                break
        if abs(found - value) <= 1e-12 * (1 + abs(value)):
            # On the way to infinity a step goes on moving the predictor by about 1.
            if np.abs(design @ step).max() > 0.1:
                raise FitError(otherwise)
            return new
        beta, value = new, max(found, value)
    raise FitError(f"the regression did not converge in {_MAX_STEPS} steps")


def _objective(
    design: Array, beta: Array, y: Array, family: str, ridge: Array
) -> float:
    eta = design @ beta
    spread = np.logaddexp(0, eta) if family == "binomial" else np.exp(eta)
    return float((y * eta - spread).sum() - ridge @ beta**2 / 2)


def _mean(eta: Array, family: str) -> Array:
    from scipy.special import expit

    return np.asarray(expit(eta) if family == "binomial" else np.exp(eta))


def _solve_blocks(
    design: Array, inverse: Array, weight: Array, residual: Array, codes: Indices
) -> Array:
    """Solve (I - W A) r = e within each person's rows, A = X inverse X'."""
    solved = np.empty(len(residual))
    if codes.max() == len(codes) - 1:
        leverage = np.einsum("ij,jk,ik->i", design, inverse, design) * weight
        _check_leverage(leverage)
        return np.asarray(residual / (1 - leverage))
    for rows in _rows(codes):
        block = design[rows] @ inverse @ design[rows].T
        system = np.eye(len(rows)) - weight[rows][:, None] * block
        root = np.sqrt(weight[rows])
        leverage = np.linalg.eigvalsh(root[:, None] * block * root)
        _check_leverage(leverage[-1:].astype(float))
        solved[rows] = np.linalg.solve(system, residual[rows])
    return solved


def _times_blocks(
    design: Array, inverse: Array, values: Array, codes: Indices
) -> Array:
    """Return A r within each person's rows."""
    if codes.max() == len(codes) - 1:
        return np.asarray(np.einsum("ij,jk,ik->i", design, inverse, design) * values)
    found = np.empty(len(values))
    for rows in _rows(codes):
        found[rows] = design[rows] @ (inverse @ (design[rows].T @ values[rows]))
    return found


def _rows(codes: Indices) -> list[Indices]:
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _check_leverage(leverage: Array) -> None:
    if leverage.max() > 1 - 1e-9:
        n = int((leverage > 1 - 1e-9).sum())
        raise FitError(
            "the covariates must determine the coefficients without any one person; "
            f"they do not without {n} at least: take a penalty"
        )
