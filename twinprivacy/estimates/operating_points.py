"""How well scores tell members from controls, with intervals of every number.

A higher score means more likely a member. Members are the people whom a model was
trained on, controls are others like them; the two are independent samples.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction
from twinprivacy.estimates.estimate import Estimate, wilson_interval
from twinprivacy.estimates.means import group_codes, variance_of_mean
from twinprivacy.estimates.verdicts import (
    membership_advantage,
    membership_bits,
    read_scores,
    share_from,
)

__all__ = [
    "area_under_curve",
    "membership_advantage",
    "membership_bits",
    "roc_curve",
    "true_positive_rate_at",
]


def roc_curve(
    member_scores: npt.ArrayLike, control_scores: npt.ArrayLike
) -> pd.DataFrame:
    """Return the rates of every verdict "a member if the score reaches a threshold".

    Parameters
    ----------
    member_scores, control_scores : array_like
        Finite scores, shape (n_members,) and (n_controls,), one at least of each.

    Returns
    -------
    pandas.DataFrame
        Columns false_positive_rate, true_positive_rate and threshold, from (0, 0) with
        an infinite threshold to (1, 1); a row for each distinct score. Equal scores
        share a row, so that between two rows only a coin could decide.

    Raises
    ------
    DataError
        For scores that are none, missing, infinite or not a vector.

    Examples
    --------
    >>> roc_curve([1.0, 2.0], [0.0, 1.0]).values.tolist()
    [[0.0, 0.0, inf], [0.0, 0.5, 2.0], [0.5, 1.0, 1.0], [1.0, 1.0, 0.0]]
    """
    members = read_scores(member_scores, name="member_scores")
    controls = read_scores(control_scores, name="control_scores")
    thresholds = np.unique(np.concatenate([members, controls]))[::-1]
    thresholds = np.append(np.inf, thresholds)
    return pd.DataFrame(
        {
            "false_positive_rate": share_from(controls, thresholds),
            "true_positive_rate": share_from(members, thresholds),
            "threshold": thresholds,
        }
    )


def area_under_curve(
    member_scores: npt.ArrayLike,
    control_scores: npt.ArrayLike,
    *,
    member_groups: Any = None,
    control_groups: Any = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the probability that a member has a higher score than a control.

    Pairs of equal score count one half. The variance is DeLong's, the interval normal
    for the log odds. Where that variance is 0, as for scores that separate the two or
    are all the same, or cannot be had from one person, it is Newcombe's, his method 5.

    Parameters
    ----------
    member_scores, control_scores : array_like
        Finite scores, shape (n_members,) and (n_controls,), one at least of each.
    member_groups, control_groups : array_like, optional
        Who each row is, where a person has several.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        In [0, 1], 0.5 for scores that tell nothing; n is the people of both.

    Raises
    ------
    DataError
        For scores that are none, missing, infinite or not a vector.
    ParameterError
        For a level outside its range or groups that are missing.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595; Newcombe (2006),
    doi:10.1002/sim.2324.

    Examples
    --------
    >>> area_under_curve([0.4, 0.8], [0.1, 0.4]).value
    0.875
    >>> area_under_curve([1.0] * 50, [0.0] * 50)
    Estimate(value=1, low=0.96, high=1, confidence_level=0.95, n=100)
    """
    check_fraction(confidence_level, name="confidence_level")
    members = read_scores(member_scores, name="member_scores")
    controls = read_scores(control_scores, name="control_scores")
    member_codes, n_members = group_codes(
        member_groups, members.size, name="member_groups"
    )
    control_codes, n_controls = group_codes(
        control_groups, controls.size, name="control_groups"
    )
    placed = share_below(members, controls)
    value = float(placed.mean())
    variance = variance_of_mean(placed, member_codes, n_members)
    variance += variance_of_mean(
        share_below(controls, members), control_codes, n_controls
    )
    if variance > 0 and 0 < value < 1:
        low, high = logit_bounds(value, math.sqrt(variance), level=confidence_level)
    else:
        low, high = score_bounds(value, n_members, n_controls, level=confidence_level)
    n = n_members + n_controls
    return Estimate(value, min(low, value), max(high, value), confidence_level, n)


def true_positive_rate_at(
    member_scores: npt.ArrayLike,
    control_scores: npt.ArrayLike,
    *,
    false_positive_rate: float,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the share of members found where few controls are falsely accused.

    With n controls and :math:`j = \lfloor \alpha (n + 1) \rfloor`, a member is who has
    a higher score than the j-th highest control: a new control exceeds it with
    probability :math:`j / (n + 1) \le \alpha` or less. Equal scores do not exceed, so
    ties never raise the rate of false positives.

    Parameters
    ----------
    member_scores, control_scores : array_like
        Finite scores, shape (n_members,) and (n_controls,), one at least of each.
    false_positive_rate : float
        Share of controls accused, strictly between 0 and 1; 0.001 and 0.01 are usual.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        The rate, in [0, 1]; n is the scores of both. With fewer than 1 / alpha - 1
        controls no threshold keeps the rate: the value is 0, which is not an estimate,
        and the interval from 0 to the highest rate that the data allow, often near 1.

    Raises
    ------
    DataError
        For scores that are none, missing, infinite or not a vector.
    ParameterError
        For a rate or a level outside its range.

    Notes
    -----
    The rate of false positives of the j-th highest control is itself unknown, with law
    Beta(j, n + 1 - j). So the interval also moves the threshold, to the controls j
    whose rate is below, or above, alpha with probability (1 + confidence level) / 2.
    The two distances, that of the threshold and Wilson's of the members, are added as
    squares, as Newcombe does for differences. Of normal scores 95 % intervals hold the
    true rate in 96 to 97 % with 20 controls above the threshold, and in up to 100 %
    with fewer: there the ranks are too coarse to be any narrower. From fewer than about
    3.7 / alpha controls the low bound is 0.

    References
    ----------
    Carlini et al. (2022), doi:10.1109/SP46214.2022.9833649; Wilson (1927),
    doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> controls = np.arange(1_000)
    >>> true_positive_rate_at(controls + 500, controls, false_positive_rate=0.01)
    Estimate(value=0.509, low=0.477, high=0.541, confidence_level=0.95, n=2000)
    """
    check_fraction(confidence_level, name="confidence_level")
    check_fraction(false_positive_rate, name="false_positive_rate")
    members = read_scores(member_scores, name="member_scores")
    controls = read_scores(control_scores, name="control_scores")
    return _rate_at(members, controls, false_positive_rate, level=confidence_level)


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


def _rate_at(
    members: Array, controls: Array, alpha: float, *, level: float
) -> Estimate:
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
