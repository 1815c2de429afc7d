"""The rate of true positives where a person may have several scores."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy import _clusters
from twinprivacy._types import Array
from twinprivacy.differences import share_interval
from twinprivacy.estimates import Estimate


def rate_of_people(
    inside: Array,
    outside: Array,
    people: tuple[Any, Any],
    alpha: float,
    *,
    level: float,
) -> Estimate:
    """Return the rate of members above a threshold set by the others.

    `people` says who the rows of either side are; n is the persons inside.
    """
    ordered = np.sort(outside)[::-1]
    n = len(ordered)
    place = math.floor(alpha * (n + 1) * (1 + 1e-12))
    codes, n_outside = _clusters.group_codes(people[1], n)
    n_inside = _clusters.group_codes(people[0], len(inside))[1]
    value = float((inside > ordered[place - 1]).mean()) if place else 0.0
    if min(n_inside, n_outside) < 2:
        return Estimate(value, 0.0, 1.0, level, n_inside)  # One tells of nobody else.
    flags = (outside >= ordered[max(place, 1) - 1]).astype(float)
    size = _clusters.effective_size(flags, codes, n_outside, level=level)
    fewest, most = _places(n, size, alpha, level)

    def share(found: npt.NDArray[np.bool_]) -> Estimate:
        return share_interval(found, groups=people[0], confidence_level=level)

    above = (inside > ordered[fewest - 1]).mean() if fewest else 0.0
    below = (inside >= ordered[most - 1]).mean() if most <= n else 1.0
    if place == 0:
        highest = share(inside >= ordered[most - 1]).high if most <= n else 1.0
        return Estimate(0.0, 0.0, highest, level, n_inside)
    rate = share(inside > ordered[place - 1])
    drop = math.hypot(value - rate.low, value - above)
    rise = math.hypot(rate.high - value, below - value)
    low, high = max(value - drop, 0.0), min(value + rise, 1.0)
    return Estimate(value, low, high, level, n_inside)


def _places(n: int, size: float, alpha: float, level: float) -> tuple[int, int]:
    """Return ranks of others that are surely above, and below, the threshold.

    As for independent people, of whom there are so many that they would tell as much
    as these do.
    """
    from scipy.stats import binom

    whole, sure = max(int(size), 1), (1 + level) / 2
    fewest = whole - int(binom.ppf(sure, whole, 1 - alpha))
    most = int(binom.ppf(sure, whole, alpha)) + 1
    return math.floor(fewest * n / whole), math.ceil(most * n / whole)
