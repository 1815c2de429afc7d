r"""How well a twin predicts, each measure with an interval, and what more data buys.

Every interval is a closed form: but for smaller terms a measure is a mean of one number
a person, so nothing is resampled, and two predictions of the same people compare in
pairs.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._validation import check_choice, check_fraction
from twinprivacy.errors import ParameterError
from twinprivacy.estimates import Estimate, wilson_interval
from twinprivacy.twins._influence import (
    PLAIN,
    Influenced,
    check_index,
    to_estimate,
)
from twinprivacy.twins._measure_estimates import estimate
from twinprivacy.twins._measures import MEASURES, check_probabilities, kind_of
from twinprivacy.twins._number_measures import (
    concordance,
    mean_absolute_error,
    r_squared,
    share_within,
)
from twinprivacy.twins._probability_measures import (
    auc,
    brier_score,
    calibration_in_the_large,
    calibration_intercept,
    calibration_slope,
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
            **estimate(
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
