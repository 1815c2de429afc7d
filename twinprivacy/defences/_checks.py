"""Checks that several defences share."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._guarantees import PrivacyGuarantee
from twinprivacy._types import Array
from twinprivacy.errors import DataError, ParameterError


def check_whole_number(value: Any, *, name: str, least: int) -> None:
    """Raise unless `value` is a whole number of `least` or more."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or value < least:
        raise ParameterError(
            f"{name} must be a whole number of {least} or more; got {value!r}"
        )


def check_budget(guarantee: PrivacyGuarantee) -> None:
    """Raise if a budget is nothing at all: no finite noise keeps it."""
    budget = guarantee.epsilon if guarantee.mu is None else guarantee.mu
    if not budget:
        raise ParameterError(f"epsilon or mu must be above 0; got {budget!r}")


def read_numbers(answers: npt.ArrayLike) -> Array:
    """Return a twin's answers as numbers, shape (n,) or (n, k), checked."""
    try:
        if np.asarray(answers).dtype.kind in "mM":
            # They would be read as numbers in units of their own.
            raise TypeError("times are no numbers")
        given = np.array(answers, dtype=float)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise DataError("answers must hold numbers; got others") from None
    check_shape(given)
    n_bad = int((~np.isfinite(given)).sum())
    if n_bad:
        raise DataError(
            f"answers must be finite; got {n_bad} of {given.size} missing or infinite"
        )
    return given


def check_shape(answers: npt.NDArray[Any]) -> None:
    """Raise unless there is a row, or a number, for each person."""
    if answers.ndim not in (1, 2) or answers.shape[1:] == (0,):
        raise DataError(
            "answers must have the shape (n,), or (n, k) with k of 1 or more; got "
            f"{answers.shape}"
        )


def check_frame(frame: Any, *, name: str = "frame") -> None:
    """Raise unless what was given is a table."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"{name} must be a pandas.DataFrame; got {type(frame).__name__}"
        )


def check_columns(frame: Any, names: Iterable[str], *, name: str = "frame") -> None:
    """Raise unless a table has each of some columns once."""
    check_frame(frame, name=name)
    needed, present = list(names), list(frame.columns)
    lacking = [column for column in needed if column not in present]
    twice = [column for column in needed if present.count(column) > 1]
    if lacking or twice:
        raise DataError(
            f"{name} must have the columns {', '.join(needed)} once each; missing: "
            f"{', '.join(lacking) or 'none'}; repeated: {', '.join(twice) or 'none'}"
        )
