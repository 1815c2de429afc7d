"""The measures of performance as values with influences, one function each."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._areas import share_below
from twinprivacy._types import Array
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.twins._influence import (
    LOG_REST,
    LOGIT,
    PLAIN,
    POSITIVE,
    Influenced,
    Scale,
    check_binary,
    check_both_classes,
    check_index,
    check_pairs,
    with_sample_size,
)


def r_squared(observed: Any, predicted: Any) -> Influenced:
    """Return the share of the variance explained."""
    y, p = check_pairs(observed, predicted)
    squared, around = (y - p) ** 2, (y - y.mean()) ** 2
    rest, total = squared.mean(), around.mean()
    if total == 0:
        raise DataError("observed must differ between people; it is the same for all")
    influence = (rest / total * (around - total) - (squared - rest)) / total
    return Influenced(float(1 - rest / total), with_sample_size(influence))


def mean_absolute_error(observed: Any, predicted: Any) -> Influenced:
    """Return the mean distance of prediction and outcome."""
    y, p = check_pairs(observed, predicted)
    return influenced_mean(np.abs(y - p))


def share_within(observed: Any, predicted: Any, tolerance: float = 0.2) -> Influenced:
    """Return the share of predictions within a part of the outcome."""
    y, p = check_pairs(observed, predicted)
    # A unit in the last place must not decide about 80 against 100.
    return influenced_mean(
        (np.abs(p - y) <= tolerance * np.abs(y) * (1 + 1e-12)).astype(float)
    )


def auc(observed: Any, predicted: Any) -> Influenced:
    """Return the area under the receiver operating characteristic."""
    y, p = check_pairs(observed, predicted)
    check_binary(y)
    check_both_classes(y)
    p = without_rounding_errors(p)
    cases, controls = p[y == 1], p[y == 0]
    case_share = share_below(cases, controls)
    control_share = 1 - share_below(controls, cases)
    value = float(case_share.mean())
    influence = np.empty(len(y))
    for of_class, share in ((y == 1, case_share), (y == 0, control_share)):
        influence[of_class] = len(y) / len(share) * with_sample_size(share - value)
    return Influenced(value, influence)


def brier_score(observed: Any, predicted: Any) -> Influenced:
    """Return the mean squared distance of probability and outcome."""
    y, p = check_probabilities(observed, predicted)
    return influenced_mean((y - p) ** 2)


def calibration_slope(observed: Any, predicted: Any) -> Influenced:
    """Return the slope of the outcome on the predicted log odds."""
    return _recalibrate(observed, predicted)[1]


def calibration_intercept(observed: Any, predicted: Any) -> Influenced:
    """Return the intercept of the outcome on the predicted log odds."""
    return _recalibrate(observed, predicted)[0]


def calibration_in_the_large(observed: Any, predicted: Any) -> Influenced:
    """Return the intercept where the slope is held at 1."""
    y, logit = _check_logits(observed, predicted)
    return fit_logistic(y, np.ones((len(y), 1)), offset=logit)[0]


def concordance(observed: Any, predicted: Any) -> Influenced:
    """Return the share of comparable pairs whose order is predicted."""
    from twinprivacy.twins._concordance import count_pairs

    time, event, score = _check_survival(observed, predicted)
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


# Name: what it is of, how it is computed, and the scale of its interval.
MEASURES: dict[str, tuple[str, Callable[[Any, Any], Influenced], Scale]] = {
    "r_squared": ("number", r_squared, LOG_REST),
    "mean_absolute_error": ("number", mean_absolute_error, POSITIVE),
    "share_within_20_percent": ("number", share_within, LOGIT),
    "auc": ("probability", auc, LOGIT),
    "brier_score": ("probability", brier_score, POSITIVE),
    "calibration_slope": ("probability", calibration_slope, PLAIN),
    "calibration_intercept": ("probability", calibration_intercept, PLAIN),
    "calibration_in_the_large": ("probability", calibration_in_the_large, PLAIN),
    "concordance": ("survival", concordance, LOGIT),
}


def kind_of(observed: Any) -> str:
    """Return which kind of outcome is observed: a frame, two values, or numbers."""
    if np.ndim(observed) == 2:
        return "survival"
    is_binary = np.isin(np.asarray(observed, dtype=float), (0, 1)).all()
    return "probability" if is_binary else "number"


def check_probabilities(observed: Any, predicted: Any) -> tuple[Array, Array]:
    """Return outcomes of 0 and 1 and probabilities, checked."""
    y, p = check_pairs(observed, predicted)
    check_binary(y)
    n_bad = int(((p < 0) | (p > 1)).sum())
    if n_bad:
        raise DataError(
            f"predicted must be probabilities in [0, 1]; got {n_bad} of {len(p)} "
            "outside"
        )
    return y, p


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


def _check_logits(observed: Any, predicted: Any) -> tuple[Array, Array]:
    y, p = check_probabilities(observed, predicted)
    check_both_classes(y)
    n_bad = int(((p == 0) | (p == 1)).sum())
    if n_bad:
        raise FitError(
            "calibration needs predicted strictly within (0, 1), since log odds end "
            f"nowhere; got {n_bad} of {len(p)} at 0 or 1"
        )
    return y, np.log(p / (1 - p))


def _check_survival(
    observed: Any, predicted: Any
) -> tuple[Array, "np.ndarray[Any, np.dtype[np.bool_]]", Array]:
    check_index(observed, predicted)
    pair = observed.to_numpy() if isinstance(observed, pd.DataFrame) else observed
    pair = np.asarray(pair, dtype=float)
    if pair.ndim != 2 or pair.shape[1] != 2:
        raise ParameterError(
            "observed must have the columns duration and event for concordance; got "
            f"shape {pair.shape}"
        )
    time, score = check_pairs(pair[:, 0], predicted)
    n_bad = int((~np.isin(pair[:, 1], (0, 1))).sum())
    if n_bad:
        raise DataError(
            f"observed must have events true or false; got {n_bad} of {len(time)} "
            "others"
        )
    return time, pair[:, 1] == 1, score


def _recalibrate(observed: Any, predicted: Any) -> list[Influenced]:
    y, logit = _check_logits(observed, predicted)
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
