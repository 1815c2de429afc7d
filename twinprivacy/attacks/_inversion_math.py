"""Normal laws in logarithms, for answers with every digit and for rounded ones."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array

_LOG_ROOT_TWO_PI = 0.5 * np.log(2 * np.pi)
# Numbers in one chunk of a matrix: small enough to stay in the cache.
_CHUNK_SIZE = 250_000


def log_density(z: Array) -> Array:
    """Return the logarithm of the standard normal density."""
    return np.asarray(-0.5 * np.square(z) - _LOG_ROOT_TWO_PI)


def log_between(low: Array, high: Array) -> Array:
    """Return log P(low <= z <= high) of a standard normal z, also far in a tail."""
    from scipy.special import log_ndtr

    # Mirrored to the left tail, where the logarithm keeps its digits.
    is_right = low > 0
    left = np.where(is_right, -high, low)
    right = np.where(is_right, -low, high)
    upper = log_ndtr(right)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = upper + np.log(-np.expm1(log_ndtr(left) - upper))
    return np.where(np.isnan(found), -np.inf, found)


def log_normal(
    answers: Array, expected: Array, *, sd: float, precision: float | None
) -> Array:
    """Return the log likelihood of answers normal about the expected, maybe rounded."""
    if precision is None:
        return np.asarray(log_density((answers - expected) / sd) - np.log(sd))
    half = precision / 2
    return log_between(
        (answers - half - expected) / sd, (answers + half - expected) / sd
    )


def normalised(log_joint: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return rows that add to 1, and which rows had anything; the others are 0."""
    top = log_joint.max(axis=1, keepdims=True)
    is_possible = np.isfinite(top[:, 0])
    weights = np.exp(log_joint - np.where(np.isfinite(top), top, 0.0))
    total = weights.sum(axis=1, keepdims=True)
    return weights / np.where(is_possible[:, np.newaxis], total, 1.0), is_possible


def chunks(n: int, width: int, *, size: int = _CHUNK_SIZE) -> Iterator[slice]:
    """Cut n rows of some width into slices of at most about `size` numbers."""
    n_rows = max(size // max(width, 1), 1)
    for start in range(0, n, n_rows):
        yield slice(start, min(start + n_rows, n))
