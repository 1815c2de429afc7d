"""Checks of settings: each names the parameter, the allowed, the received.

Tables are checked in `tables`.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array
from twinprivacy.errors import FitError, ParameterError


def check_choice(value: str, *, name: str, allowed: Collection[str]) -> None:
    """Raise unless `value` is one of `allowed`."""
    if value not in allowed:
        choices = ", ".join(repr(choice) for choice in allowed)
        raise ParameterError(f"{name} must be one of {choices}; got {value!r}")


def check_choices(
    values: Sequence[str], *, name: str, allowed: Collection[str]
) -> None:
    """Raise unless `values` are one or more of `allowed`."""
    if isinstance(values, str) or not len(values):
        raise ParameterError(
            f"{name} must be a sequence of one name or more; got {values!r}"
        )
    for value in values:
        check_choice(value, name=name, allowed=allowed)


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


def check_whole(
    value: Any, *, name: str, least: int = 1, most: int | None = None
) -> None:
    """Raise unless `value` is a whole number from `least`, to `most` if given."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or value < least or (most is not None and value > most):
        end = "or more" if most is None else f"to {most}"
        raise ParameterError(
            f"{name} must be a whole number of {least} {end}; got {value!r}"
        )


def check_at_least(value: float, least: float, *, name: str) -> None:
    """Raise unless `value` is a finite number of `least` or more."""
    if not (is_finite(value) and value >= least):
        raise ParameterError(
            f"{name} must be finite and {least:g} or more; got {value!r}"
        )


def as_numbers(values: npt.ArrayLike, *, name: str) -> Array:
    """Return settings as an array of floats; raise unless each is a finite number."""
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} must hold numbers only; got others") from None
    n_bad = int((~np.isfinite(numbers)).sum())
    if n_bad:
        raise ParameterError(
            f"{name} must be finite; got {n_bad} of {numbers.size} missing or infinite"
        )
    return numbers


def as_vector(values: npt.ArrayLike, *, name: str) -> Array:
    """Return finite numbers of shape (n,), n >= 1."""
    numbers = as_numbers(values, name=name)
    if numbers.ndim != 1:
        raise ParameterError(f"{name} must be one-dimensional; got {numbers.ndim} axes")
    if numbers.size == 0:
        raise FitError(f"{name} must hold at least 1 value; got 0")
    return numbers


def as_positive(values: npt.ArrayLike, *, name: str) -> Array:
    """Return settings as floats; raise unless each is finite and above 0."""
    numbers = as_numbers(values, name=name)
    n_bad = int((numbers <= 0).sum())
    if n_bad:
        raise ParameterError(
            f"{name} must be above 0; got {n_bad} of {numbers.size} that are not"
        )
    return numbers
