"""Values made wider: numbers to the middle of their band, categories to wider ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import as_floats
from twinprivacy.errors import DataError, ParameterError

# A step; ends of bands; or a wider value for every value.
Widening = float | Sequence[float] | Mapping[Any, Any]
# A value on an end of a band stays there, whatever its last digits are. Relative to the
# value, not to the step: bands of twice the step then hold whole bands. Where values
# are many steps large, it is a small part of a band at most.
_ON_END = 1e-12
_MOST_OF_BAND = 1e-3


def check_widening(step: Any, *, name: str) -> None:
    """Raise unless a column's step is a step, ends or wider values."""
    if isinstance(step, Mapping):
        if not step or any(pd.isna(wider) for wider in step.values()):
            raise ParameterError(
                f"the wider values of {name} must be one or more, none missing; got "
                f"{len(step)}"
            )
        return
    try:
        ends = np.asarray(step, dtype=float)
    except (TypeError, ValueError):
        ends = np.array(np.nan)
    if ends.ndim == 0:
        allowed = np.isfinite(ends) and ends > 0
    else:
        allowed = ends.ndim == 1 and ends.size > 1 and np.isfinite(ends).all()
        allowed = allowed and (np.diff(ends) > 0).all()
    if not allowed:
        raise ParameterError(
            f"the step of {name} must be finite and above 0, or two or more finite "
            f"ascending ends, or a mapping to wider values; got {step!r}"
        )


def widen(column: "pd.Series[Any]", step: Widening) -> "pd.Series[Any]":
    """Return a column with wider values, missing where it is missing."""
    if isinstance(step, Mapping):
        return _map(column, step)
    numbers = _numbers(column)
    ends = np.asarray(step, dtype=float)
    if ends.ndim == 0:
        middle = (np.floor(_nudged(numbers, float(ends)) / ends) + 0.5) * ends
    else:
        middle = _between(numbers, ends, str(column.name))
    return pd.Series(middle, column.index, name=column.name)


def _map(column: "pd.Series[Any]", wider: Mapping[Any, Any]) -> "pd.Series[Any]":
    known = column.notna()
    found = column.astype(object).map(dict(wider))
    n_bad = int((known & found.isna()).sum())
    if n_bad:
        raise DataError(
            f"{column.name} must hold values that have a wider one; got {n_bad} of "
            f"{len(column)} others"
        )
    if isinstance(column.dtype, pd.CategoricalDtype):
        return found.astype(pd.CategoricalDtype(list(dict.fromkeys(wider.values()))))
    return found


def _numbers(column: "pd.Series[Any]") -> Array:
    try:
        numbers = as_floats(column)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise DataError(f"{column.name} must hold numbers; got others") from None
    n_bad = int(np.isinf(numbers).sum())
    if n_bad:
        raise DataError(
            f"{column.name} must be finite or missing; got {n_bad} of {len(numbers)} "
            "infinite"
        )
    return numbers


def _between(numbers: Array, ends: Array, name: str) -> Array:
    n_bad = int(((numbers < ends[0]) | (numbers > ends[-1])).sum())
    if n_bad:
        raise DataError(
            f"{name} must lie in {ends[0]:g} to {ends[-1]:g}, its first and last end; "
            f"got {n_bad} of {len(numbers)} outside"
        )
    nudged = _nudged(numbers, float(np.diff(ends).min()))
    band = np.searchsorted(ends, nudged, side="right") - 1
    band = np.clip(band, 0, len(ends) - 2)
    middle = (ends[:-1] + ends[1:])[band] / 2
    return np.asarray(np.where(np.isnan(numbers), np.nan, middle))


def _nudged(numbers: Array, width: float) -> Array:
    most = _MOST_OF_BAND * width
    return np.asarray(numbers + np.minimum(_ON_END * np.abs(numbers), most))
