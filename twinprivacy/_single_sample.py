"""A share or a mean, with an interval that holds when persons have several rows."""

import math
from typing import Any

import numpy.typing as npt

from twinprivacy import _clusters
from twinprivacy._validation import check_fraction
from twinprivacy.estimates import Estimate, wilson_interval


def share_interval(
    success: npt.ArrayLike, *, groups: Any = None, confidence_level: float = 0.95
) -> Estimate:
    r"""Estimate a rate of success with Wilson's interval, whole persons being sampled.

    Parameters
    ----------
    success : array_like of bool, shape (n,)
        Success of each row, n >= 1.
    groups : array_like, shape (n,), optional
        Who each row is, where a person has several.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        The rate and its interval, all in [0, 1]; n is the number of rows, or of
        persons. A single person with `groups` has no interval.

    Raises
    ------
    ParameterError
        If `success` is not of true and false, a group is missing, or the level is
        outside its range.
    FitError
        If there is nothing.

    Notes
    -----
    With groups n becomes :math:`\hat p (1 - \hat p) / \hat V`, with the cluster-robust
    variance :math:`\hat V` of the rate, times the squared ratio of the normal to
    Student's quantile; it is never more than there are rows, and the number of persons
    where all rows agree.

    References
    ----------
    Wilson (1927), doi:10.1080/01621459.1927.10502953; Cameron and Miller (2015),
    doi:10.3368/jhr.50.2.317.

    Examples
    --------
    >>> share_interval([True, True, False, True])
    Estimate(value=0.75, low=0.301, high=0.954, confidence_level=0.95, n=4)
    >>> share_interval([True, True, False, True], groups=["a", "a", "b", "c"])
    Estimate(value=0.75, low=0.0623, high=0.993, confidence_level=0.95, n=3)
    """
    from statsmodels.stats.proportion import proportion_confint

    check_fraction(confidence_level, name="confidence_level")
    values = _clusters.flags(success, name="success")
    codes, n_groups = _clusters.group_codes(groups, values.size)
    value = float(values.mean())
    if groups is None:
        return wilson_interval(
            int(values.sum()), values.size, confidence_level=confidence_level
        )
    if n_groups < 2:
        return Estimate(value, math.nan, math.nan, confidence_level, n_groups)
    size = _clusters.effective_size(values, codes, n_groups, level=confidence_level)
    low, high = proportion_confint(
        value * size, size, alpha=1 - confidence_level, method="wilson"
    )
    return within(value, float(low), float(high), confidence_level, n_groups, least=0)


def mean_interval(
    values: npt.ArrayLike, *, groups: Any = None, confidence_level: float = 0.95
) -> Estimate:
    r"""Estimate a mean with Student's interval, whole persons being sampled.

    :math:`\bar x \pm t_{G - 1} \sqrt{\hat V}` with the cluster-robust variance
    :math:`\hat V = \frac{G}{G - 1} \sum_g (\sum_{i \in g} (x_i - \bar x))^2 / n^2`,
    which is :math:`s^2 / n` where each of the n rows is one of the G groups.

    Parameters
    ----------
    values : array_like, shape (n,)
        Finite numbers in any unit, n >= 1.
    groups : array_like, shape (n,), optional
        Who each row is, where a person has several.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        The mean, in the unit of the values; n is the number of rows, or of persons.
        Values that are all the same have no width, a single person has no interval.

    Raises
    ------
    ParameterError
        If the values are not a finite vector, a group is missing, or the level is
        outside its range.
    FitError
        If there is nothing.

    References
    ----------
    Student (1908), doi:10.1093/biomet/6.1.1; Cameron and Miller (2015),
    doi:10.3368/jhr.50.2.317.

    Examples
    --------
    >>> mean_interval([1.0, 2.0, 3.0, 4.0])
    Estimate(value=2.5, low=0.446, high=4.55, confidence_level=0.95, n=4)
    """
    check_fraction(confidence_level, name="confidence_level")
    value, variance, n = grouped_mean(values, groups, "values", "groups")
    return student(value, variance, n - 1, confidence_level, n)


def grouped_mean(
    values: npt.ArrayLike, groups: Any, name: str, groups_name: str
) -> tuple[float, float, int]:
    """Return the mean, its variance and how many groups are behind it."""
    found = _clusters.finite_values(values, name=name)
    codes, n_groups = _clusters.group_codes(groups, found.size, name=groups_name)
    variance = _clusters.variance_of_mean(found, codes, n_groups)
    return float(found.mean()), variance, n_groups


def student(
    value: float, variance: float, freedom: float, level: float, n: int
) -> Estimate:
    """Return a mean with Student's interval."""
    from scipy.stats import t

    if not variance > 0:
        half = variance  # No spread: no width; one group: no interval.
    else:
        half = float(t.ppf((1 + level) / 2, freedom)) * math.sqrt(variance)
    return Estimate(value, value - half, value + half, level, n)


def within(
    value: float, low: float, high: float, level: float, n: int, *, least: float
) -> Estimate:
    """Return an estimate whose bounds hold its value and stay in [least, 1]."""
    return Estimate(
        value, min(max(low, least), value), max(min(high, 1.0), value), level, n
    )
