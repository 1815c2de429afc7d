"""A share or a mean, with an interval that holds when persons have several rows."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array, Indices
from twinprivacy._validation import as_vector, check_fraction
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.estimate import Estimate, wilson_interval

__all__ = [
    "mean_interval",
    "share_interval",
]


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
    check_fraction(confidence_level, name="confidence_level")
    values = flags(success, name="success")
    codes, n_groups = group_codes(groups, values.size)
    value = float(values.mean())
    if groups is None:
        return wilson_interval(
            int(values.sum()), values.size, confidence_level=confidence_level
        )
    if n_groups < 2:
        return Estimate(value, math.nan, math.nan, confidence_level, n_groups)
    size = effective_size(values, codes, n_groups, level=confidence_level)
    return wilson_of_size(value, size, n_groups, level=confidence_level)


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
    found = as_vector(values, name=name)
    codes, n_groups = group_codes(groups, found.size, name=groups_name)
    variance = variance_of_mean(found, codes, n_groups)
    return float(found.mean()), variance, n_groups


def wilson_of_size(value: float, size: float, n: int, *, level: float) -> Estimate:
    """Return a rate of n people with Wilson's interval of another number of trials."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(value * size, size, alpha=1 - level, method="wilson")
    return within(value, float(low), float(high), level, n, least=0.0)


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


def flags(values: npt.ArrayLike, *, name: str) -> Array:
    """Return a vector of 0 and 1, one or more."""
    found = as_vector(values, name=name)
    n_bad = int(np.count_nonzero((found != 0) & (found != 1)))
    if n_bad:
        raise ParameterError(
            f"{name} must be true or false, or 0 or 1; got {n_bad} of {found.size} "
            "that are neither"
        )
    return found


def group_codes(groups: Any, n: int, *, name: str = "groups") -> tuple[Indices, int]:
    """Return the number of each row's group and how many groups there are."""
    import pandas as pd

    if groups is None:
        return np.arange(n), n
    if np.ndim(groups) != 1 or len(groups) != n:
        raise ParameterError(
            f"{name} must name the group of each of the {n} rows; got shape "
            f"{np.shape(groups)}"
        )
    codes, distinct = pd.factorize(np.asarray(groups))
    if (codes < 0).any():
        raise ParameterError(
            f"{name} must not be missing; got {int((codes < 0).sum())} of {n} missing"
        )
    return codes.astype(np.intp), len(distinct)


def variance_of_mean(values: Array, codes: Indices, n_groups: int) -> float:
    r"""Return the cluster-robust variance of the mean; nan for a single group.

    :math:`\frac{G}{G - 1} \sum_g (\sum_{i \in g} (x_i - \bar x))^2 / n^2`, which is
    :math:`s^2 / n` where every row is a group.
    """
    if n_groups < 2:
        return math.nan
    sums = np.bincount(codes, values - values.mean(), minlength=n_groups)
    return float(n_groups / (n_groups - 1) * (sums @ sums) / values.size**2)


def effective_size(
    values: Array, codes: Indices, n_groups: int, *, level: float
) -> float:
    """Return how many independent rows would tell as much as these rows in groups.

    Never more than there are rows. The square of normal over Student quantile stands
    for a variance that is itself estimated from few groups. Values that do not vary
    cannot tell how alike the rows of a group are: then each group counts once.
    """
    from scipy.stats import norm, t

    clustered = variance_of_mean(values, codes, n_groups)
    alone = float(values.var()) / values.size
    size = n_groups if clustered == 0 else values.size * alone / clustered
    tail = (1 + level) / 2
    shrunk = size * float(norm.ppf(tail) / t.ppf(tail, n_groups - 1)) ** 2
    return float(min(shrunk, values.size))
