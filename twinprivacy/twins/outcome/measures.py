"""The measures of performance as values with influences, one function each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.operating_points import share_below


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
        totals = np.bincount(_codes(groups, n), self.influence)
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


def _share_within(observed: Any, predicted: Any, tolerance: float = 0.2) -> Influenced:
    """Return the share of predictions within a part of the outcome."""
    y, p = check_pairs(observed, predicted)
    # A unit in the last place must not decide about 80 against 100.
    return influenced_mean(
        (np.abs(p - y) <= tolerance * np.abs(y) * (1 + 1e-12)).astype(float)
    )


def _auc(observed: Any, predicted: Any) -> Influenced:
    """Return the area under the receiver operating characteristic."""
    y, p = check_pairs(observed, predicted)
    _check_binary(y)
    _check_both_classes(y)
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
    y, p = check_probabilities(observed, predicted)
    return influenced_mean((y - p) ** 2)


def _calibration_slope(observed: Any, predicted: Any) -> Influenced:
    """Return the slope of the outcome on the predicted log odds."""
    return _recalibrate(observed, predicted)[1]


def _calibration_intercept(observed: Any, predicted: Any) -> Influenced:
    """Return the intercept of the outcome on the predicted log odds."""
    return _recalibrate(observed, predicted)[0]


def _calibration_in_the_large(observed: Any, predicted: Any) -> Influenced:
    """Return the intercept where the slope is held at 1."""
    y, logit = _check_logits(observed, predicted)
    return fit_logistic(y, np.ones((len(y), 1)), offset=logit)[0]


def _concordance(observed: Any, predicted: Any) -> Influenced:
    """Return the share of comparable pairs whose order is predicted."""
    from twinprivacy.twins.outcome.concordant_pairs import count_pairs

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


# Name: what it is of, how it is computed, and the scale of its interval.
MEASURES: dict[str, tuple[str, Callable[[Any, Any], Influenced], Scale]] = {
    "r_squared": ("number", _r_squared, _LOG_REST),
    "mean_absolute_error": ("number", _mean_absolute_error, POSITIVE),
    "share_within_20_percent": ("number", _share_within, LOGIT),
    "auc": ("probability", _auc, LOGIT),
    "brier_score": ("probability", _brier_score, POSITIVE),
    "calibration_slope": ("probability", _calibration_slope, PLAIN),
    "calibration_intercept": ("probability", _calibration_intercept, PLAIN),
    "calibration_in_the_large": ("probability", _calibration_in_the_large, PLAIN),
    "concordance": ("survival", _concordance, LOGIT),
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
    _check_binary(y)
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
    _check_both_classes(y)
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
    y, p = _finite(observed, names[0]), _finite(predicted, names[1])
    if y.shape != p.shape or y.ndim != 1:
        raise ParameterError(
            f"{names[0]} and {names[1]} must be vectors of one length; got shapes "
            f"{y.shape} and {p.shape}"
        )
    if len(y) < 2:
        raise DataError(f"{names[0]} must hold two people at least; got {len(y)}")
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


def _check_binary(observed: Array) -> None:
    """Raise unless an outcome is 0 or 1."""
    n_others = int((~np.isin(observed, (0, 1))).sum())
    if n_others:
        raise DataError(
            f"observed must be true or false, or 0 and 1; got {n_others} of "
            f"{len(observed)} others"
        )


def _check_both_classes(observed: Array) -> None:
    """Raise unless two people at least had an outcome, and two did not."""
    n_rarer = int(min(observed.sum(), (1 - observed).sum()))
    if n_rarer < 2:
        raise DataError(
            "observed must hold two people at least with and two without the "
            f"outcome; got {n_rarer} of {len(observed)} in the rarer class"
        )


def _finite(values: Any, name: str) -> Array:
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"{name} must hold numbers only; got others") from None
    n_bad = int((~np.isfinite(numbers)).sum())
    if n_bad:
        raise DataError(
            f"{name} must be finite; got {n_bad} of {numbers.size} missing or infinite"
        )
    return numbers


def _codes(groups: npt.ArrayLike, n: int) -> npt.NDArray[np.intp]:
    codes, _ = pd.factorize(np.asarray(groups))
    if len(codes) != n or (codes < 0).any():
        raise DataError(
            f"groups must be known for each of {n} rows; got {len(codes)}, "
            f"{int((codes < 0).sum())} of them missing"
        )
    return np.asarray(codes)
