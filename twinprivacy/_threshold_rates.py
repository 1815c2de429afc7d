"""The rate of true positives at a threshold that is estimated from the controls."""

import math

import numpy as np

from twinprivacy._types import Array
from twinprivacy.estimates import Estimate, wilson_interval


def rate_at(members: Array, controls: Array, alpha: float, *, level: float) -> Estimate:
    """Return the share of members above a threshold, with the chance of both."""
    ordered = np.sort(controls)[::-1]
    n, n_controls = len(members) + len(controls), len(controls)
    fewest, most = _places(n_controls, alpha, (1 + level) / 2)
    above = _found(members, ordered, fewest, with_ties=False)
    below = _found(members, ordered, most, with_ties=True)
    place = _highest_place(n_controls, alpha)
    if place == 0:
        highest = wilson_interval(below, len(members), confidence_level=level).high
        return Estimate(0.0, 0.0, highest, level, n)
    found = _found(members, ordered, place, with_ties=False)
    rate = wilson_interval(found, len(members), confidence_level=level)
    drop = math.hypot(rate.value - rate.low, rate.value - above / len(members))
    rise = math.hypot(rate.high - rate.value, below / len(members) - rate.value)
    low, high = max(rate.value - drop, 0.0), min(rate.value + rise, 1.0)
    return Estimate(rate.value, low, high, level, n)


def _highest_place(n_controls: int, alpha: float) -> int:
    """Return the lowest ranked control whom a new one exceeds with alpha or less."""
    # A unit in the last place must not decide about 0.001 of 1,000.
    return math.floor(alpha * (n_controls + 1) * (1 + 1e-12))


def _places(n_controls: int, alpha: float, sureness: float) -> tuple[int, int]:
    """Return ranks whose false positive rates are surely below, and above, alpha.

    0 stands for a threshold above everyone, n + 1 for one below everyone.
    """
    from scipy.stats import binom

    # The rate above rank j is Beta(j, n + 1 - j), so it is below alpha exactly if j or
    # more of n uniform numbers are.
    fewest = n_controls - int(binom.ppf(sureness, n_controls, 1 - alpha))
    most = int(binom.ppf(sureness, n_controls, alpha)) + 1
    return fewest, most


def _found(members: Array, ordered: Array, place: int, *, with_ties: bool) -> int:
    """Return how many members exceed, or reach, the control of this rank."""
    if place == 0:
        return 0
    if place > len(ordered):
        return len(members)
    threshold = ordered[place - 1]
    beyond = members >= threshold if with_ties else members > threshold
    return int(beyond.sum())
