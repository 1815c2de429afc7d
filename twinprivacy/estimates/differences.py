"""Shares, means and their differences, of independent, paired or grouped rows."""

import math
from typing import Any

import numpy.typing as npt

from twinprivacy._validation import check_counts, check_fraction
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import (
    effective_size,
    flags,
    group_codes,
    grouped_mean,
    student,
    within,
)

__all__ = [
    "difference_of_means",
    "difference_of_rates",
    "paired_difference",
]


def difference_of_rates(
    n_success_1: int,
    n_trials_1: int,
    n_success_2: int,
    n_trials_2: int,
    *,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the difference of two independent rates with Newcombe's interval.

    With the Wilson bounds :math:`l_i, u_i` of both rates, the difference lies between
    :math:`\hat p_1 - \hat p_2 - \sqrt{(\hat p_1 - l_1)^2 + (u_2 - \hat p_2)^2}` and
    :math:`\hat p_1 - \hat p_2 + \sqrt{(u_1 - \hat p_1)^2 + (\hat p_2 - l_2)^2}`.

    Parameters
    ----------
    n_success_1, n_trials_1 : int
        Successes and attempts of the first group; 0 <= n_success_1 <= n_trials_1 and
        n_trials_1 >= 1.
    n_success_2, n_trials_2 : int
        The same of the second group, of other people.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        First rate minus second, all in [-1, 1]; n is the attempts of both.

    Raises
    ------
    ParameterError
        If the counts or the level are outside their ranges.

    References
    ----------
    Newcombe (1998), method 10,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.

    Examples
    --------
    >>> difference_of_rates(56, 70, 48, 80)
    Estimate(value=0.2, low=0.0524, high=0.334, confidence_level=0.95, n=150)
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    check_counts(n_success_1, n_trials_1)
    check_counts(n_success_2, n_trials_2)
    check_fraction(confidence_level, name="confidence_level")
    low, high = confint_proportions_2indep(
        n_success_1,
        n_trials_1,
        n_success_2,
        n_trials_2,
        method="newcomb",
        compare="diff",
        alpha=1 - confidence_level,
    )
    value = n_success_1 / n_trials_1 - n_success_2 / n_trials_2
    n = n_trials_1 + n_trials_2
    return within(value, float(low), float(high), confidence_level, n, least=-1.0)


def paired_difference(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    confidence_level: float = 0.95,
    groups: Any = None,
) -> Estimate:
    r"""Estimate the difference of two rates of success on the same targets.

    Tango's score interval: all differences :math:`\delta` with
    :math:`(b - c - n \delta)^2 \le z^2 n (2 \tilde q + \delta (1 - \delta))`, where b
    pairs succeed only at first, c only at second, and :math:`\tilde q` is the likeliest
    probability of the latter given :math:`\delta`. It has a width even where no pair
    differs.

    Parameters
    ----------
    first, second : array_like of bool, shape (n,)
        Success of each target by the one and by the other way, n >= 1.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.
    groups : array_like, shape (n,), optional
        Who each row is, where a person has several.

    Returns
    -------
    Estimate
        Share of first minus share of second, all in [-1, 1]; n is the number of pairs,
        or of persons. A single person with `groups` has no interval.

    Raises
    ------
    ParameterError
        If the arrays are not of true and false and of one length, a group is missing,
        or the level is outside its range.
    FitError
        If the arrays are empty.

    Notes
    -----
    With groups the counts are divided by the design effect, the cluster-robust
    variance of the mean difference over that of independent rows, no less than 1.

    References
    ----------
    Tango (1998),
    doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B.

    Examples
    --------
    >>> first = [True] * 60 + [False] * 40
    >>> second = [True] * 50 + [False] * 50
    >>> paired_difference(first, second)
    Estimate(value=0.1, low=0.0552, high=0.174, confidence_level=0.95, n=100)
    """
    from scipy.stats import norm

    check_fraction(confidence_level, name="confidence_level")
    ours = flags(first, name="first")
    theirs = flags(second, name="second")
    if ours.size != theirs.size:
        raise ParameterError(
            "first and second must have one value for each target; got "
            f"{ours.size} and {theirs.size}"
        )
    change = ours - theirs
    codes, n_groups = group_codes(groups, change.size)
    value = float(change.mean())
    if groups is None:
        share = 1.0
    elif n_groups < 2:
        return Estimate(value, math.nan, math.nan, confidence_level, n_groups)
    else:
        size = effective_size(change, codes, n_groups, level=confidence_level)
        share = size / change.size
    low, high = _score_bounds(
        share * float((change > 0).sum()),
        share * float((change < 0).sum()),
        share * change.size,
        z=float(norm.ppf((1 + confidence_level) / 2)),
    )
    return within(value, low, high, confidence_level, n_groups, least=-1.0)


def difference_of_means(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    groups_first: Any = None,
    groups_second: Any = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the difference of the means of two independent samples, after Welch.

    :math:`\bar x_1 - \bar x_2 \pm t_\nu \sqrt{\hat V_1 + \hat V_2}` with
    :math:`\nu = (\hat V_1 + \hat V_2)^2 / \sum_i \hat V_i^2 / (G_i - 1)` and the
    variances of `mean_interval`.

    Parameters
    ----------
    first, second : array_like, shape (n_1,) and (n_2,)
        Finite numbers in one unit, of different people.
    groups_first, groups_second : array_like, optional
        Who each row is, where a person has several.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        First mean minus second, in the unit of the values; n is the number of rows, or
        of persons, of both. A single person on a side leaves no interval.

    Raises
    ------
    ParameterError
        If the values are not finite vectors, a group is missing, or the level is
        outside its range.
    FitError
        If there is nothing on a side.

    References
    ----------
    Welch (1947), doi:10.1093/biomet/34.1-2.28.

    Examples
    --------
    >>> difference_of_means([3.0, 4.0, 5.0], [1.0, 2.0, 2.0, 3.0])
    Estimate(value=2, low=0.00775, high=3.99, confidence_level=0.95, n=7)
    """
    check_fraction(confidence_level, name="confidence_level")
    value_1, variance_1, n_1 = grouped_mean(
        first, groups_first, "first", "groups_first"
    )
    value_2, variance_2, n_2 = grouped_mean(
        second, groups_second, "second", "groups_second"
    )
    variance = variance_1 + variance_2
    freedom = math.nan
    if variance > 0:
        share = variance_1 / variance
        freedom = 1 / (share**2 / (n_1 - 1) + (1 - share) ** 2 / (n_2 - 1))
    return student(value_1 - value_2, variance, freedom, confidence_level, n_1 + n_2)


# Farther than this from the estimate lies every bound of fewer than 10^8 pairs.
_STEP = 1e-9


def _score_bounds(
    n_gained: float, n_lost: float, n_pairs: float, *, z: float
) -> tuple[float, float]:
    r"""Return the differences that a two-sided score test does not reject.

    A difference :math:`\delta` is kept where :math:`(b - c - n \delta)^2 \le z^2 n
    (2 \tilde q + \delta (1 - \delta))`, b and c being the pairs that only the first,
    only the second got right, and :math:`\tilde q` the likeliest share of the latter
    given :math:`\delta`. Counts may be fractions: effective ones.
    """
    value = (n_gained - n_lost) / n_pairs
    args = (n_gained, n_lost, n_pairs, z)
    return _bound(value, -1.0, args), _bound(value, 1.0, args)


def _bound(value: float, end: float, args: tuple[float, float, float, float]) -> float:
    """Return where the excess changes sign between the estimate and -1 or 1."""
    from scipy.optimize import brentq

    start = value + end * _STEP
    if abs(start) >= 1 or _excess(end, *args) <= 0:
        return end
    return float(brentq(_excess, start, end, args=args, xtol=1e-14))


def _excess(delta: float, b: float, c: float, n: float, z: float) -> float:
    """Return the squared deviation less what the score test allows."""
    # The positive root of 2 n q^2 + half q + rest = 0, without cancellation.
    half = (2 * n - b + c) * delta - b - c
    rest = -c * delta * (1 - delta)
    root = math.sqrt(max(half * half - 8 * n * rest, 0.0))
    q = (root - half) / (4 * n) if half <= 0 else -2 * rest / (root + half)
    spread = max(2 * q + delta * (1 - delta), 0.0)
    return (b - c - n * delta) ** 2 - z * z * n * spread
