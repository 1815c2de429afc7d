"""Estimates and the influence of each person on them, from which intervals follow.

An estimate is, but for smaller terms, its truth plus the mean of one number a person,
the influence. So its variance is that of a mean; for two predictions of the same people
the influences are subtracted, which pairs them; and those of one person's rows are
added up first, which allows for rows that are not independent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates import Estimate


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
LOG_REST = Scale(
    lambda v: float(np.log1p(-v)),
    lambda v: 1 / (1 - v),
    lambda x: float(-np.expm1(x)),
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


def check_binary(observed: Array) -> None:
    """Raise unless an outcome is 0 or 1."""
    n_others = int((~np.isin(observed, (0, 1))).sum())
    if n_others:
        raise DataError(
            f"observed must be true or false, or 0 and 1; got {n_others} of "
            f"{len(observed)} others"
        )


def check_both_classes(observed: Array) -> None:
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
