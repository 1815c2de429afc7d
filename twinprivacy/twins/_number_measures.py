"""Measures of predicted numbers and times; `performance` gathers them."""

import numpy.typing as npt

from twinprivacy._validation import check_positive
from twinprivacy.estimates import Estimate
from twinprivacy.twins._measure_estimates import Groups, estimate


def r_squared(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: Groups = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the share of an outcome's variance that is predicted.

    :math:`R^2 = 1 - \sum (y - p)^2 / \sum (y - \bar y)^2`: below 0 where the mean would
    predict better. The interval is normal for :math:`\log(1 - R^2)`.

    Parameters
    ----------
    observed, predicted : array_like
        Outcomes and predictions of the same people, shape (n,), in one unit.
    groups : array_like, optional
        Who each row is of, where one person has several.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    Estimate

    Raises
    ------
    DataError
        For missing or infinite values, or a constant outcome.

    Examples
    --------
    >>> r_squared([1, 2, 3, 4], [1, 2, 3, 3]).value
    0.8
    """
    return estimate(
        "r_squared", observed, predicted, groups, confidence_level=confidence_level
    )


def mean_absolute_error(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: Groups = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the mean distance :math:`|y - p|` of prediction and outcome.

    The interval is normal, cut off at 0.

    Parameters
    ----------
    observed, predicted, groups, confidence_level
        As for `r_squared`.

    Returns
    -------
    Estimate
        In the unit of the outcome.

    Raises
    ------
    DataError
        For missing or infinite values.

    Examples
    --------
    >>> mean_absolute_error([1, 2, 3, 4], [1, 2, 3, 3]).value
    0.25
    """
    return estimate(
        "mean_absolute_error",
        observed,
        predicted,
        groups,
        confidence_level=confidence_level,
    )


def share_within(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    tolerance: float = 0.2,
    groups: Groups = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the share of predictions within a part of the true value.

    The share with :math:`|p - y| \le k |y|`: of the truth, not of the guess. Wilson's
    interval; with `groups` a normal one of the log odds.

    Parameters
    ----------
    observed, predicted, groups, confidence_level
        As for `r_squared`.
    tolerance : float
        The part k, above 0: 0.2 is within 20 %, the usual measure of a predicted dose.

    Returns
    -------
    Estimate

    Raises
    ------
    ParameterError
        For a tolerance that is not above 0.
    DataError
        For missing or infinite values.

    References
    ----------
    International Warfarin Pharmacogenetics Consortium (2009),
    doi:10.1056/NEJMoa0809329; Wilson (1927), doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> share_within([10, 10, 10, 10], [8, 12, 12.1, 10]).value
    0.75
    """
    check_positive(tolerance, name="tolerance")
    return estimate(
        "share_within_20_percent",
        observed,
        predicted,
        groups,
        confidence_level=confidence_level,
        tolerance=tolerance,
    )


def concordance(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: Groups = None,
    confidence_level: float = 0.95,
) -> Estimate:
    """Estimate Harrell's share of pairs whose order of events is predicted.

    A pair counts if the shorter time ends in the event, or both times agree and one
    only does; it is right if that person has the higher score, and half right if the
    scores agree. The variance is that of a ratio of two U-statistics, the interval
    normal for the log odds; without an interval at 0 or 1.

    Parameters
    ----------
    observed : array_like
        Columns duration and event, shape (n, 2), such as two columns of a frame.
    predicted : array_like
        Scores, shape (n,), higher for an earlier event: a relative hazard or a risk.
    groups, confidence_level
        As for `r_squared`.

    Returns
    -------
    Estimate

    Raises
    ------
    DataError
        For missing values, or no pair that can be compared.

    References
    ----------
    Harrell, Lee and Mark (1996),
    doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4; Pencina and
    D'Agostino (2004), doi:10.1002/sim.1802.

    Examples
    --------
    >>> days_and_died = [[10, 1], [20, 0], [30, 1], [40, 0]]
    >>> concordance(days_and_died, [4, 3, 1, 2]).value
    0.75
    """
    return estimate(
        "concordance", observed, predicted, groups, confidence_level=confidence_level
    )
