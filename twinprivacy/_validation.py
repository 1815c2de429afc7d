"""Checks at the public door: each names the parameter, the allowed, the received."""

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy.errors import DataError, ParameterError


def check_choice(value: str, *, name: str, allowed: Collection[str]) -> None:
    """Raise unless `value` is one of `allowed`."""
    if value not in allowed:
        choices = ", ".join(repr(choice) for choice in allowed)
        raise ParameterError(f"{name} must be one of {choices}; got {value!r}")


def check_fraction(value: float, *, name: str) -> None:
    """Raise unless `value` lies strictly between 0 and 1."""
    if not 0 < value < 1:
        raise ParameterError(f"{name} must lie strictly in (0, 1); got {value!r}")


def check_positive(value: float, *, name: str) -> None:
    """Raise unless `value` is a finite number above zero."""
    if not (is_finite(value) and value > 0):
        raise ParameterError(f"{name} must be finite and above 0; got {value!r}")


def is_finite(value: Any) -> bool:
    """Return whether `value` is one finite number."""
    try:
        return np.ndim(value) == 0 and bool(np.isfinite(value))
    except TypeError:
        return False


def check_counts(n_success: int, n_trials: int) -> None:
    """Raise unless 0 <= n_success <= n_trials and there is at least one trial."""
    if n_trials < 1 or not 0 <= n_success <= n_trials:
        raise ParameterError(
            "n_success and n_trials must satisfy 0 <= n_success <= n_trials and "
            f"n_trials >= 1; got {n_success} and {n_trials}"
        )


def check_rng(rng: object) -> None:
    """Raise unless `rng` is a numpy random generator."""
    if not isinstance(rng, np.random.Generator):
        raise ParameterError(
            f"rng must be a numpy.random.Generator; got {type(rng).__name__}"
        )


def as_floats(values: Any) -> npt.NDArray[np.float64]:
    """Return a column or table of numbers as floats, missing as nan.

    Raises TypeError or ValueError for anything else, for the caller to put in words:
    pandas would give times as whole numbers in units of their own, a missing one too.
    """
    dtypes = [values.dtype] if values.ndim == 1 else list(values.dtypes)
    if any(dtype.kind in "mM" for dtype in dtypes):
        raise TypeError("times are no numbers")
    floats: npt.NDArray[np.float64] = values.to_numpy(dtype=float, na_value=np.nan)
    return floats


def finite_floats(values: Any, *, name: str) -> npt.NDArray[np.float64]:
    """Return a column as floats; raise unless everyone has a finite number or flag."""
    try:
        numbers = as_floats(values)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise DataError(
            f"{name} must hold numbers, or true and false; got others"
        ) from None
    n_bad = int((~np.isfinite(numbers)).sum())
    if n_bad:
        raise DataError(
            f"{name} must be finite for everyone; got {n_bad} of {len(numbers)} "
            "missing or infinite"
        )
    return numbers
