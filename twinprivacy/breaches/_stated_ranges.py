"""Ranges that stand for what is not known: their laws, and what they may be."""

from typing import Any

import numpy as np

from twinprivacy._types import Array
from twinprivacy.errors import ParameterError

__all__ = ["Range", "checked_ranges", "draw_range", "mean_of"]

Range = tuple[float, float]
# Ranges of probabilities may start at 0, where there is no logarithm.
_UNIFORM = ("misuse",)


def checked_ranges(**ranges: Any) -> dict[str, Range]:
    """Return the ranges as pairs of floats."""
    found = {}
    for name, given in ranges.items():
        try:
            ends = np.asarray(given, dtype=float)
        except (TypeError, ValueError):
            ends = np.empty(0)
        most, allowed = (
            (1, "in [0, 1]") if name in _UNIFORM else (np.inf, "of 0 or more")
        )
        valid = ends.shape == (2,) and np.isfinite(ends).all()
        if not (valid and 0 <= ends[0] <= ends[1] <= most):
            raise ParameterError(
                f"{name} must be two finite numbers {allowed}, ascending; got {given!r}"
            )
        if name not in _UNIFORM and ends[0] == 0 < ends[1]:
            raise ParameterError(
                f"{name} must start above 0, since it is drawn uniformly in its "
                f"logarithm, or be 0 throughout; got {given!r}"
            )
        found[name] = (float(ends[0]), float(ends[1]))
    return found


def draw_range(given: Range, n: int, rng: np.random.Generator, name: str) -> Array:
    """Draw n times from the law of the range."""
    low, high = given
    if name in _UNIFORM or low == high:
        return rng.uniform(low, high, n)
    return np.asarray(np.exp(rng.uniform(np.log(low), np.log(high), n)))


def mean_of(given: Range, name: str) -> float:
    """Return the mean of the law that is drawn from."""
    low, high = given
    if name in _UNIFORM or low == high:
        return (low + high) / 2
    return float((high - low) / np.log(high / low))
