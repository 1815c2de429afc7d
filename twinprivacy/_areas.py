"""The area under a receiver operating characteristic: its variance and its bounds."""

import math

import numpy as np

from twinprivacy._types import Array


def share_below(values: Array, others: Array) -> Array:
    """Return for each value the share of others below it, equal ones counting half."""
    ordered = np.sort(others)
    ends = [np.searchsorted(ordered, values, side=side) for side in ("left", "right")]
    return np.asarray((ends[0] + ends[1]) / (2 * len(others)))


def score_bounds(
    area: float, n_cases: float, n_controls: float, *, level: float
) -> tuple[float, float]:
    """Return Newcombe's bounds of an area, his method 5.

    They hold the areas whose own standard error, by Hanley and McNeil with the mean of
    both sizes, is no less than their distance from the area found over z. So an area of
    1, and one of scores that are all the same, have an interval too.
    """
    low = _lower_bound(area, n_cases, n_controls, level)
    return low, 1 - _lower_bound(1 - area, n_cases, n_controls, level)


def _lower_bound(area: float, n_cases: float, n_controls: float, level: float) -> float:
    from scipy.optimize import brentq
    from scipy.stats import norm

    if area == 0:
        return 0.0
    weight = float(norm.ppf((1 + level) / 2)) ** 2 / (n_cases * n_controls)
    others = (n_cases + n_controls) / 2 - 1

    def excess(x: float) -> float:
        spread = 1 + others * (1 - x) / (2 - x) + others * x / (1 + x)
        if area == 1:  # Both sides divided by 1 - x, which is a second root.
            return (1 - x) - weight * x * spread
        return (area - x) ** 2 - weight * x * (1 - x) * spread

    return float(brentq(excess, 0.0, area))


def logit_bounds(area: float, error: float, *, level: float) -> tuple[float, float]:
    """Return bounds that are normal for the log odds of an area within (0, 1)."""
    from scipy.stats import norm

    width = float(norm.ppf((1 + level) / 2)) * error / (area * (1 - area))
    middle = math.log(area / (1 - area))
    low, high = (1 / (1 + math.exp(-middle - sign * width)) for sign in (-1, 1))
    return low, high
