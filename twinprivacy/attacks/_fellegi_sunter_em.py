"""Agreement levels of pairs, and their probabilities with or without known pairs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Integers
from twinprivacy.attacks._linkage_distance import category_codes, number_pair
from twinprivacy.errors import FitError, ParameterError

Comparison = str | tuple[float, ...]

MOST_PATTERNS = 1_000_000
# Rounding must not move a difference over the end of its level.
SLACK = 1 + 1e-9


def encode_pair(
    left: pd.DataFrame, right: pd.DataFrame, comparisons: Mapping[str, Comparison]
) -> tuple[Array, Array]:
    """Return both tables as numbers, categories as common codes, missing as nan."""
    pairs = [
        category_codes(left[c], right[c])
        if how == "category"
        else number_pair(left, right, c)
        for c, how in comparisons.items()
    ]
    return (
        np.stack([x for x, _ in pairs], axis=1),
        np.stack([y for _, y in pairs], axis=1),
    )


def cut_points(how: Comparison) -> Array:
    """Return the ends of levels; a category has agreement at a difference of 0."""
    return np.array([0.0] if how == "category" else how, dtype=float) * SLACK


def levels_of(gaps: Array, cuts: Array) -> Integers:
    """Return how many known differences lie in each level."""
    known = gaps[~np.isnan(gaps)]
    return np.bincount(np.searchsorted(cuts, known), minlength=cuts.size + 1)


def levels_of_all(x: Array, y: Array, cuts: Array, *, category: bool) -> Integers:
    """Return how many of all pairs lie in each level, without making the pairs."""
    x, y = x[~np.isnan(x)], np.sort(y[~np.isnan(y)])
    ends = np.array([0.0]) if category else cuts
    within = [
        int((np.searchsorted(y, x + c, "right") - np.searchsorted(y, x - c)).sum())
        for c in ends
    ]
    return np.diff([0, *within, x.size * y.size])


def expectation_maximisation(
    counts: Integers, radix: Sequence[int], starts: Sequence[Array], prevalence: float
) -> tuple[list[Array], list[Array], float, int]:
    """Return m and u of each column, the share of matches and the number of steps.

    Columns are taken as independent among matches and among others. `starts` holds u;
    agreement starts at 0.9 among matches.
    """
    seen = np.flatnonzero(counts)
    weight = counts[seen].astype(float)
    digits = np.stack(np.unravel_index(seen, tuple(radix)), axis=1)
    u = [start.copy() for start in starts]
    m = [np.concatenate([[0.9], np.full(p.size - 1, 0.1 / (p.size - 1))]) for p in u]
    for step in range(1, 2_001):
        match = _log_likelihood(digits, m) + np.log(prevalence)
        other = _log_likelihood(digits, u) + np.log1p(-prevalence)
        belief = 1 / (1 + np.exp(np.clip(other - match, -700, 700)))
        before = np.concatenate([[prevalence], *m])
        prevalence = float(weight @ belief / weight.sum())
        prevalence = min(max(prevalence, 1e-12), 1 - 1e-12)
        m = _shares(digits, weight * belief, radix)
        u = _shares(digits, weight * (1 - belief), radix)
        after = np.concatenate([[prevalence], *m])
        if np.abs(after - before).max() < 1e-8:
            return m, u, prevalence, step
    raise FitError("m and u did not settle in 2,000 steps: give truth of some pairs")


def _log_likelihood(digits: Any, shares: Sequence[Array]) -> Array:
    """Return log P(pattern); a missing value tells nothing."""
    total = np.zeros(len(digits))
    for digit, p in zip(digits.T, shares, strict=True):
        total += np.append(np.log(p), 0.0)[digit]
    return total


def _shares(digits: Any, weight: Array, radix: Sequence[int]) -> list[Array]:
    """Return smoothed shares of the levels of each column where it is known."""
    return [
        smoothed(np.bincount(digit, weight, minlength=n)[: n - 1])
        for digit, n in zip(digits.T, radix, strict=True)
    ]


def smoothed(counts: npt.NDArray[Any]) -> Array:
    """Return shares with half a count added to each level, so that none is 0."""
    found: Array = (counts + 0.5) / (counts.sum() + 0.5 * counts.size)
    return found


def check_patterns(radix: Sequence[int]) -> None:
    """Raise where the patterns of agreement are too many to count."""
    n = float(np.prod(np.array(radix, dtype=float)))
    if n > MOST_PATTERNS:
        raise ParameterError(
            f"on must give at most {MOST_PATTERNS:,} patterns of agreement without "
            f"truth; got {n:.3g}"
        )
