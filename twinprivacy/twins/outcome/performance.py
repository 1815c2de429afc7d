r"""How well a twin predicts, each measure with an interval, and what more data buys.

Every interval is a closed form: but for smaller terms a measure is a mean of one number
a person, so nothing is resampled, and two predictions of the same people compare in
pairs.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._validation import check_choice, check_fraction, check_positive
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.estimate import Estimate, wilson_interval
from twinprivacy.estimates.operating_points import score_bounds
from twinprivacy.twins.outcome.measures import (
    MEASURES,
    PLAIN,
    Influenced,
    check_index,
    check_probabilities,
    kind_of,
    to_estimate,
)

__all__ = [
    "auc",
    "brier_score",
    "calibration_curve",
    "calibration_in_the_large",
    "calibration_intercept",
    "calibration_slope",
    "concordance",
    "mean_absolute_error",
    "measure_performance",
    "performance_gain",
    "r_squared",
    "share_within",
]


def measure_performance(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    measures: Iterable[str] | None = None,
    groups: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Measure how well people were predicted, by several measures.

    Parameters
    ----------
    observed : array_like
        What happened: numbers; true or false (or 0 and 1); or the columns duration and
        event, shape (n, 2).
    predicted : array_like
        What was predicted, shape (n,): numbers in the unit of the outcome;
        probabilities; or a relative hazard or risk.
    measures : iterable of str, optional
        Without it all that suit the outcome. For numbers "r_squared",
        "mean_absolute_error" and "share_within_20_percent"; for true or false "auc",
        "brier_score", "calibration_slope", "calibration_intercept" and
        "calibration_in_the_large"; for survival "concordance".
    groups : array_like, optional
        Who each row is of, where one person has several.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns measure, value, low, high, confidence_level and n, one row a measure.

    Raises
    ------
    ParameterError
        For an unknown measure, shapes or indices that do not go together.
    DataError
        For missing or infinite values, or an outcome that cannot be measured so.
    FitError
        If the calibration has no finite line.

    See Also
    --------
    auc, concordance, r_squared : Formulas, intervals and references of each measure.

    Examples
    --------
    >>> found = measure_performance([1, 2, 3, 4], [1, 2, 3, 3])
    >>> found[["measure", "value"]]
                       measure  value
    0                r_squared   0.80
    1      mean_absolute_error   0.25
    2  share_within_20_percent   0.75
    """
    if measures is None:
        kind = kind_of(observed)
        chosen = [name for name in MEASURES if MEASURES[name][0] == kind]
    else:
        chosen = list(measures)
    for name in chosen:
        check_choice(name, name="measures", allowed=tuple(MEASURES))
    rows = [
        {
            "measure": name,
            **_estimate(
                name, observed, predicted, groups, confidence_level=confidence_level
            ).as_dict(),
        }
        for name in chosen
    ]
    return pd.DataFrame(rows)


def performance_gain(
    observed: npt.ArrayLike,
    predicted_more: npt.ArrayLike,
    predicted_less: npt.ArrayLike,
    *,
    measure: str,
    groups: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate what a measure gains from one prediction to another of the same people.

    With :math:`\psi_i` the influence of person i on the measure, the variance of the
    difference is that of the mean of :math:`\psi_i^{more} - \psi_i^{less}`; for the
    area under the curve this is the paired test of DeLong and others. A negative gain
    in an error is an improvement.

    Parameters
    ----------
    observed : array_like
        As for `measure_performance`.
    predicted_more, predicted_less : array_like
        Two predictions, shape (n,) each, such as with more and with less data.
    measure : str
        One of those of `measure_performance`.
    groups, confidence_level
        As for `measure_performance`.

    Returns
    -------
    Estimate
        The measure of `predicted_more` less that of `predicted_less`.

    Raises
    ------
    ParameterError, DataError, FitError
        As `measure_performance`.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595.

    Examples
    --------
    >>> y = [1, 2, 3, 4]
    >>> gain = performance_gain(
    ...     y, [1, 2, 3, 3], [2, 2, 2, 2], measure="mean_absolute_error")
    >>> gain.value
    -0.75
    """
    check_choice(measure, name="measure", allowed=tuple(MEASURES))
    check_fraction(confidence_level, name="confidence_level")
    check_index(predicted_more, predicted_less)
    compute = MEASURES[measure][1]
    more, less = (compute(observed, p) for p in (predicted_more, predicted_less))
    gain = Influenced(more.value - less.value, more.influence - less.influence)
    return to_estimate(gain, PLAIN, groups=groups, confidence_level=confidence_level)


def calibration_curve(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    n_groups: int = 10,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Compare predicted probabilities with the share of people who had the outcome.

    Parameters
    ----------
    observed, predicted : array_like
        True or false, and probabilities in [0, 1], shape (n,) each.
    n_groups : int
        Groups of about equal size by predicted probability, 1 to n; people with the
        same prediction stay together, so there may be fewer.
    confidence_level : float
        Of Wilson's intervals, strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns predicted (mean of the group), observed (share), low, high,
        confidence_level and n, by predicted probability.

    Raises
    ------
    ParameterError
        For a number of groups outside 1 to n.
    DataError
        For missing values, or predictions outside [0, 1].

    Examples
    --------
    >>> curve = calibration_curve([0, 1, 1, 1], [0.4, 0.4, 0.8, 0.9], n_groups=2)
    >>> curve[["predicted", "observed", "n"]]
       predicted  observed  n
    0       0.40       0.5  2
    1       0.85       1.0  2
    """
    y, p = check_probabilities(observed, predicted)
    if not 1 <= n_groups <= len(p):
        raise ParameterError(
            f"n_groups must lie in 1 to {len(p)}, the number of people; got "
            f"{n_groups!r}"
        )
    _, place = np.unique(p, return_inverse=True)
    # Where the middle of each run of equal predictions lies among all people.
    size = np.bincount(place)
    middle = (np.cumsum(size) - size / 2) / len(p)
    group = np.floor(middle * n_groups).astype(int)[place]
    rows = []
    for number in np.unique(group):
        mine = group == number
        share = wilson_interval(
            int(y[mine].sum()), int(mine.sum()), confidence_level=confidence_level
        )
        rows.append({"predicted": float(p[mine].mean()), **share.as_dict()})
    return pd.DataFrame(rows).rename(columns={"value": "observed"})


_Groups = npt.ArrayLike | None


def _estimate(
    measure: str,
    observed: Any,
    predicted: Any,
    groups: _Groups,
    *,
    confidence_level: float,
    **options: float,
) -> Estimate:
    """Estimate one measure by name."""
    check_fraction(confidence_level, name="confidence_level")
    _, compute, scale = MEASURES[measure]
    found: Influenced = compute(observed, predicted, **options)
    if measure == "share_within_20_percent" and groups is None:
        n = len(found.influence)
        n_within = round(found.value * n)
        return wilson_interval(n_within, n, confidence_level=confidence_level)
    if measure == "auc" and found.value in (0, 1) and groups is None:
        return _separated_auc(observed, found.value, confidence_level)
    return to_estimate(found, scale, groups=groups, confidence_level=confidence_level)


def _separated_auc(observed: Any, value: float, confidence_level: float) -> Estimate:
    """Return Newcombe's interval of an area of 0 or 1."""
    y = np.asarray(observed, dtype=float)
    n_cases, n_controls = float(y.sum()), float((1 - y).sum())
    low, high = score_bounds(value, n_cases, n_controls, level=confidence_level)
    return Estimate(value, low, high, confidence_level, len(y))


def r_squared(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: _Groups = None,
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
    return _estimate(
        "r_squared", observed, predicted, groups, confidence_level=confidence_level
    )


def mean_absolute_error(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: _Groups = None,
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
    return _estimate(
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
    groups: _Groups = None,
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
    return _estimate(
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
    groups: _Groups = None,
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
    return _estimate(
        "concordance", observed, predicted, groups, confidence_level=confidence_level
    )


def auc(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: _Groups = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the probability that someone with the outcome has the higher score.

    Pairs of equal score count one half. The variance is DeLong's, the interval normal
    for the log odds. Where the scores separate the classes that variance is 0: there
    the interval is Newcombe's score interval, his method 5.

    Parameters
    ----------
    observed : array_like
        True or false, or 0 and 1, shape (n,), two people at least of each.
    predicted : array_like
        Scores of any scale, shape (n,).
    groups, confidence_level
        As for `r_squared`.

    Returns
    -------
    Estimate

    Raises
    ------
    DataError
        For missing or infinite values, or fewer than two people in a class.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595; Newcombe (2006),
    doi:10.1002/sim.2324.

    Examples
    --------
    >>> auc([False, False, True, True], [0.1, 0.4, 0.4, 0.8]).value
    0.875
    """
    return _estimate(
        "auc", observed, predicted, groups, confidence_level=confidence_level
    )


def brier_score(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: _Groups = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the mean of :math:`(y - p)^2`, for a probability p and y of 0 or 1.

    Parameters
    ----------
    observed, groups, confidence_level
        As for `auc`.
    predicted : array_like
        Probabilities in [0, 1], shape (n,).

    Returns
    -------
    Estimate

    Raises
    ------
    DataError
        For missing values, or predictions outside [0, 1].

    References
    ----------
    Brier (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.

    Examples
    --------
    >>> brier_score([0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5]).value
    0.25
    """
    return _estimate(
        "brier_score", observed, predicted, groups, confidence_level=confidence_level
    )


def calibration_slope(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: _Groups = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate how far predicted log odds are spread too much or too little.

    The slope b of :math:`\text{logit} P(y = 1) = a + b \, \text{logit}(p)`: 1 is
    right, below 1 the predictions are too extreme, as those of an overfitted model are.
    Its variance is a sandwich, so that the line need not hold.

    Parameters
    ----------
    observed, groups, confidence_level
        As for `auc`.
    predicted : array_like
        Probabilities strictly within (0, 1), shape (n,).

    Returns
    -------
    Estimate

    Raises
    ------
    DataError
        For missing values, or fewer than two people in a class.
    FitError
        For predictions of 0 or 1, all alike, or that separate the classes.

    References
    ----------
    Cox (1958), doi:10.1093/biomet/45.3-4.562; Van Calster et al. (2016),
    doi:10.1016/j.jclinepi.2015.12.005.

    Examples
    --------
    >>> slope = calibration_slope([0, 0, 0, 1, 0, 1, 1, 1], [0.25] * 4 + [0.75] * 4)
    >>> round(slope.value, 6)
    1.0
    """
    return _estimate(
        "calibration_slope",
        observed,
        predicted,
        groups,
        confidence_level=confidence_level,
    )


def calibration_intercept(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: _Groups = None,
    confidence_level: float = 0.95,
) -> Estimate:
    """Estimate the intercept a of the line of `calibration_slope`; 0 is right.

    Parameters
    ----------
    observed, predicted, groups, confidence_level
        As for `calibration_slope`.

    Returns
    -------
    Estimate

    Raises
    ------
    DataError, FitError
        As `calibration_slope`.

    Examples
    --------
    >>> y = [0, 0, 0, 1, 0, 1, 1, 1]
    >>> abs(calibration_intercept(y, [0.25] * 4 + [0.75] * 4).value) < 1e-9
    True
    """
    return _estimate(
        "calibration_intercept",
        observed,
        predicted,
        groups,
        confidence_level=confidence_level,
    )


def calibration_in_the_large(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: _Groups = None,
    confidence_level: float = 0.95,
) -> Estimate:
    """Estimate by how much the log odds are too low throughout; 0 is right.

    The intercept of the line of `calibration_slope` with the slope held at 1. Above 0
    the outcome is commoner than predicted.

    Parameters
    ----------
    observed, predicted, groups, confidence_level
        As for `calibration_slope`.

    Returns
    -------
    Estimate

    Raises
    ------
    DataError, FitError
        As `calibration_slope`.

    Examples
    --------
    >>> calibration_in_the_large([0, 0, 1, 1], [0.2, 0.2, 0.2, 0.2]).value > 0
    True
    """
    return _estimate(
        "calibration_in_the_large",
        observed,
        predicted,
        groups,
        confidence_level=confidence_level,
    )
