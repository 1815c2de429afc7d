r"""How well a twin predicts, each measure with an interval, and what more data buys.

Every interval is a closed form: but for smaller terms a measure is a mean of one number
a person, its influence, so nothing is resampled, and two predictions of the same people
compare in pairs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Flags
from twinprivacy._validation import check_choice, check_fraction
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.estimates.estimate import Estimate, wilson_interval
from twinprivacy.estimates.operating_points import score_bounds, share_below
from twinprivacy.tables import finite_floats, read_persons
from twinprivacy.twins.outcome.columns import check_classes, check_flags

__all__ = [
    "auc",
    "measure_performance",
    "performance_gain",
]


def measure_performance(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    measures: Iterable[str] | None = None,
    groups: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Measure how well people were predicted, by several measures.

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

    Notes
    -----
    With y observed and p predicted:

    - r_squared is :math:`1 - \sum (y - p)^2 / \sum (y - \bar y)^2`, below 0 where the
      mean would predict better; its interval is normal for :math:`\log(1 - R^2)`.
    - mean_absolute_error is the mean of :math:`|y - p|`, brier_score that of
      :math:`(y - p)^2`; normal intervals, cut off at 0.
    - share_within_20_percent is the share with :math:`|p - y| \le 0.2 |y|`: of the
      truth, not of the guess. Wilson's interval, with `groups` a normal one of the log
      odds.
    - calibration_slope and calibration_intercept are b, for which 1 is right, and a, 0,
      of :math:`\text{logit} P(y = 1) = a + b \, \text{logit}(p)`: a slope below 1 is of
      predictions that are too extreme. calibration_in_the_large is a with b held at 1:
      above 0 the outcome is commoner than predicted. Normal intervals by a sandwich.
    - concordance is Harrell's share of pairs whose order of events is predicted. A pair
      counts if the shorter time ends in the event, or both times agree and one only
      does; it is right if that person has the higher score, and half right if the
      scores agree. The variance is that of a ratio of two U-statistics, the interval
      normal for the log odds; without an interval at 0 or 1.
    - auc: see there.

    References
    ----------
    International Warfarin Pharmacogenetics Consortium (2009),
    doi:10.1056/NEJMoa0809329; Wilson (1927), doi:10.1080/01621459.1927.10502953; Brier
    (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2; Cox (1958),
    doi:10.1093/biomet/45.3-4.562; Van Calster et al. (2016),
    doi:10.1016/j.jclinepi.2015.12.005; Harrell, Lee and Mark (1996),
    doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4; Pencina and
    D'Agostino (2004), doi:10.1002/sim.1802.

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
        kind = _kind(observed)
        chosen = [name for name, measure in MEASURES.items() if measure.kind == kind]
    else:
        chosen = list(measures)
    check_fraction(confidence_level, name="confidence_level")
    for name in chosen:
        check_choice(name, name="measures", allowed=tuple(MEASURES))
    rows = [
        {
            "measure": name,
            **_estimate(name, observed, predicted, groups, confidence_level).as_dict(),
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
    compute = MEASURES[measure].compute
    more, less = (compute(observed, p) for p in (predicted_more, predicted_less))
    gain = Influenced(more.value - less.value, more.influence - less.influence)
    return to_estimate(gain, PLAIN, groups=groups, confidence_level=confidence_level)


def auc(
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    groups: npt.ArrayLike | None = None,
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
    check_fraction(confidence_level, name="confidence_level")
    return _estimate("auc", observed, predicted, groups, confidence_level)


def _estimate(
    measure: str,
    observed: Any,
    predicted: Any,
    groups: npt.ArrayLike | None,
    confidence_level: float,
) -> Estimate:
    """Estimate one measure by name."""
    _, compute, scale = MEASURES[measure]
    found = compute(observed, predicted)
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


@dataclass(frozen=True, repr=False)
class Influenced:
    """A value with each row's influence on it."""

    value: float
    influence: Array

    def standard_error(self, groups: npt.ArrayLike | None = None) -> float:
        """Return the standard error, rows of one group counted as one person."""
        n = len(self.influence)
        if groups is None:
            return float(np.sqrt((self.influence**2).sum()) / n)
        persons, _ = read_persons(groups, n, name="groups")
        # Added up in the order in which persons first appear.
        totals = np.bincount(pd.factorize(persons)[0], self.influence)
        n_groups = len(totals)
        if n_groups < 2:
            raise DataError(f"groups must be two at least; got {n_groups}")
        scale = n_groups / (n_groups - 1)
        return float(np.sqrt(scale * (totals**2).sum()) / n)


def _r_squared(observed: Any, predicted: Any) -> Influenced:
    """Return the share of the variance explained."""
    y, p = check_pairs(observed, predicted)
    squared, around = (y - p) ** 2, (y - y.mean()) ** 2
    rest, total = squared.mean(), around.mean()
    if total == 0:
        raise DataError("observed must differ between people; it is the same for all")
    influence = (rest / total * (around - total) - (squared - rest)) / total
    return Influenced(float(1 - rest / total), with_sample_size(influence))


def _mean_absolute_error(observed: Any, predicted: Any) -> Influenced:
    """Return the mean distance of prediction and outcome."""
    y, p = check_pairs(observed, predicted)
    return influenced_mean(np.abs(y - p))


def _share_within(observed: Any, predicted: Any) -> Influenced:
    """Return the share of predictions within a fifth of the outcome."""
    y, p = check_pairs(observed, predicted)
    # A unit in the last place must not decide about 80 against 100.
    return influenced_mean(
        (np.abs(p - y) <= 0.2 * np.abs(y) * (1 + 1e-12)).astype(float)
    )


def _auc(observed: Any, predicted: Any) -> Influenced:
    """Return the area under the receiver operating characteristic."""
    y, p = check_pairs(observed, predicted)
    check_classes(y, name="observed")
    p = without_rounding_errors(p)
    cases, controls = p[y == 1], p[y == 0]
    case_share = share_below(cases, controls)
    control_share = 1 - share_below(controls, cases)
    value = float(case_share.mean())
    influence = np.empty(len(y))
    for of_class, share in ((y == 1, case_share), (y == 0, control_share)):
        influence[of_class] = len(y) / len(share) * with_sample_size(share - value)
    return Influenced(value, influence)


def _brier_score(observed: Any, predicted: Any) -> Influenced:
    """Return the mean squared distance of probability and outcome."""
    y, p = _read_probabilities(observed, predicted)
    return influenced_mean((y - p) ** 2)


def _calibration_slope(observed: Any, predicted: Any) -> Influenced:
    """Return the slope of the outcome on the predicted log odds."""
    return _recalibrate(observed, predicted)[1]


def _calibration_intercept(observed: Any, predicted: Any) -> Influenced:
    """Return the intercept of the outcome on the predicted log odds."""
    return _recalibrate(observed, predicted)[0]


def _calibration_in_the_large(observed: Any, predicted: Any) -> Influenced:
    """Return the intercept where the slope is held at 1."""
    y, logit = _read_logits(observed, predicted)
    return fit_logistic(y, np.ones((len(y), 1)), offset=logit)[0]


def _concordance(observed: Any, predicted: Any) -> Influenced:
    """Return the share of comparable pairs whose order is predicted."""
    from twinprivacy.twins.outcome.concordant_pairs import count_pairs

    time, event, score = _read_survival(observed, predicted)
    right, comparable = count_pairs(time, event, without_rounding_errors(score))
    total = comparable.sum()
    if total == 0:
        raise DataError(
            "observed must hold people who can be compared: someone with the event "
            "before the last time; got none"
        )
    value = float(right.sum() / total)
    influence = 2 * len(score) / total * (right - value * comparable)
    return Influenced(value, with_sample_size(influence))


@dataclass(frozen=True)
class Scale:
    """A scale on which an estimate is nearer to normal than on its own."""

    to: Callable[[float], float]
    slope: Callable[[float], float]
    back: Callable[[float], float]


PLAIN = Scale(lambda v: v, lambda v: 1.0, lambda x: x)
POSITIVE = Scale(lambda v: v, lambda v: 1.0, lambda x: max(x, 0.0))
LOGIT = Scale(
    lambda v: float(np.log(v / (1 - v))),
    lambda v: 1 / (v * (1 - v)),
    lambda x: float(1 / (1 + np.exp(-x))),
)
# For shares explained, which end at 1 and have no lower end.
_LOG_REST = Scale(
    lambda v: float(np.log1p(-v)),
    lambda v: 1 / (1 - v),
    lambda x: float(-np.expm1(x)),
)


class Measure(NamedTuple):
    """What a measure is of, how it is computed, and the scale of its interval."""

    kind: str
    compute: Callable[[Any, Any], Influenced]
    scale: Scale


MEASURES = {
    "r_squared": Measure("number", _r_squared, _LOG_REST),
    "mean_absolute_error": Measure("number", _mean_absolute_error, POSITIVE),
    "share_within_20_percent": Measure("number", _share_within, LOGIT),
    "auc": Measure("probability", _auc, LOGIT),
    "brier_score": Measure("probability", _brier_score, POSITIVE),
    "calibration_slope": Measure("probability", _calibration_slope, PLAIN),
    "calibration_intercept": Measure("probability", _calibration_intercept, PLAIN),
    "calibration_in_the_large": Measure(
        "probability", _calibration_in_the_large, PLAIN
    ),
    "concordance": Measure("survival", _concordance, LOGIT),
}


def _kind(observed: Any) -> str:
    """Return which kind of outcome is observed: a frame, two values, or numbers."""
    if np.ndim(observed) == 2:
        return "survival"
    is_binary = np.isin(np.asarray(observed, dtype=float), (0, 1)).all()
    return "probability" if is_binary else "number"


def _read_probabilities(observed: Any, predicted: Any) -> tuple[Array, Array]:
    """Return outcomes of 0 and 1 and probabilities, checked."""
    y, p = check_pairs(observed, predicted)
    check_flags(y, name="observed")
    check_probabilities(p, name="predicted")
    return y, p


def check_probabilities(values: Array, *, name: str) -> None:
    """Raise unless numbers are probabilities."""
    n_bad = int(((values < 0) | (values > 1)).sum())
    if n_bad:
        raise DataError(
            f"{name} must be probabilities in [0, 1]; got {n_bad} of {len(values)} "
            "outside"
        )


def influenced_mean(values: Array) -> Influenced:
    """Return a mean with each value's influence on it."""
    mean = float(values.mean())
    return Influenced(mean, with_sample_size(values - mean))


def without_rounding_errors(scores: Array) -> Array:
    """Make scores equal that differ by less than a billionth of their range.

    Two people alike get scores that differ in the last digits, in an order that hangs
    on the machine; a pair of equals must count one half on all of them.
    """
    span = float(np.ptp(scores))
    return np.round((scores - scores.min()) / span, 9) if span > 0 else scores


def _read_logits(observed: Any, predicted: Any) -> tuple[Array, Array]:
    y, p = _read_probabilities(observed, predicted)
    check_classes(y, name="observed")
    n_bad = int(((p == 0) | (p == 1)).sum())
    if n_bad:
        raise FitError(
            "calibration needs predicted strictly within (0, 1), since log odds end "
            f"nowhere; got {n_bad} of {len(p)} at 0 or 1"
        )
    return y, np.log(p / (1 - p))


def _read_survival(observed: Any, predicted: Any) -> tuple[Array, Flags, Array]:
    """Return times, whether each ended in the event, and scores."""
    check_index(observed, predicted)
    if np.ndim(observed) != 2 or np.shape(observed)[1] != 2:
        raise ParameterError(
            "observed must have the columns duration and event for concordance; got "
            f"shape {np.shape(observed)}"
        )
    pair = finite_floats(pd.DataFrame(observed), name="observed")
    time, score = check_pairs(pair[:, 0], predicted)
    check_flags(pair[:, 1], name="observed events")
    return time, pair[:, 1] == 1, score


def _recalibrate(observed: Any, predicted: Any) -> list[Influenced]:
    y, logit = _read_logits(observed, predicted)
    if np.ptp(logit) == 0:
        raise FitError("predicted must differ between people for a calibration slope")
    return fit_logistic(y, np.column_stack([np.ones(len(y)), logit]), offset=0.0)


def fit_logistic(y: Array, x: Array, *, offset: Array | float) -> list[Influenced]:
    """Fit a logistic regression by Newton's steps, with influences of a sandwich."""
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(offset + x @ beta, -500, 500)))
        information = (x.T * (p * (1 - p))) @ x
        try:
            step = np.linalg.solve(information, x.T @ (y - p))
        except np.linalg.LinAlgError:
            break
        beta = beta + np.clip(step, -5, 5)
        if np.abs(step).max() <= 1e-10 * (1 + np.abs(beta).max()):
            influence = len(y) * np.linalg.solve(information, (x * (y - p)[:, None]).T)
            return [
                Influenced(float(value), with_sample_size(row))
                for value, row in zip(beta, influence, strict=True)
            ]
    raise FitError(
        "the calibration has no finite slope: predicted separates people with and "
        "without the outcome"
    )


def to_estimate(
    found: Influenced,
    scale: Scale,
    *,
    groups: npt.ArrayLike | None,
    confidence_level: float,
) -> Estimate:
    """Return the estimate with a normal interval on a scale."""
    from scipy.stats import norm

    n, value = len(found.influence), found.value
    error = found.standard_error(groups)
    if scale is LOGIT and value in (0, 1):
        # Nobody differs, so the data say nothing about how far off the truth may be.
        return Estimate(value, np.nan, np.nan, confidence_level, n)
    if error == 0:
        return Estimate(value, value, value, confidence_level, n)
    width = float(norm.ppf((1 + confidence_level) / 2)) * error * scale.slope(value)
    ends = sorted(scale.back(scale.to(value) + sign * width) for sign in (-1, 1))
    return Estimate(
        value, min(ends[0], value), max(ends[1], value), confidence_level, n
    )


def with_sample_size(influence: Array) -> Array:
    """Scale influences so that their variance has the divisor n - 1."""
    n = len(influence)
    return np.asarray(influence * np.sqrt(n / (n - 1)))


_NAMES = ("observed", "predicted")


def check_pairs(
    observed: Any, predicted: Any, *, names: tuple[str, str] = _NAMES
) -> tuple[Array, Array]:
    """Return outcomes and predictions of the same people as finite vectors."""
    check_index(observed, predicted, names=names)
    shapes = np.shape(observed), np.shape(predicted)
    if shapes[0] != shapes[1] or len(shapes[0]) != 1:
        raise ParameterError(
            f"{names[0]} and {names[1]} must be vectors of one length; got shapes "
            f"{shapes[0]} and {shapes[1]}"
        )
    if shapes[0][0] < 2:
        raise DataError(f"{names[0]} must hold two people at least; got {shapes[0][0]}")
    y, p = (
        finite_floats(pd.Series(values), name=name)
        for values, name in zip((observed, predicted), names, strict=True)
    )
    return y, p


def check_index(
    observed: Any, predicted: Any, *, names: tuple[str, str] = _NAMES
) -> None:
    """Raise if two labelled inputs are of other people, or in another order."""
    labelled = (pd.Series, pd.DataFrame)
    if not (isinstance(observed, labelled) and isinstance(predicted, labelled)):
        return
    if not observed.index.equals(predicted.index):
        raise ParameterError(
            f"{names[0]} and {names[1]} must have the same index in the same order; "
            f"got {len(observed)} and {len(predicted)} rows that differ in it"
        )
