"""Checks of what an inversion is given."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_positive
from twinprivacy.attacks.residuals import Exact, Residual
from twinprivacy.errors import DataError, ParameterError


def check_answers(
    answers: Array, expected: Array, precision: float | None, noise_sd: float
) -> None:
    """Raise unless the answers fit what was expected, and settings are in range."""
    n = len(answers)
    if expected.ndim != 2 or answers.ndim != 2 or len(expected) != n:
        raise DataError(
            "expected must have shape (n, m), and answers (n,) or (n, n_queries); got "
            f"{expected.shape} and {answers.shape}"
        )
    for name, values in (("answers", answers), ("expected", expected)):
        n_bad = int((~np.isfinite(values).all(axis=1)).sum())
        if n_bad:
            raise DataError(
                f"{name} must be finite; got {n_bad} of {n} rows that are not"
            )
    if precision is not None:
        check_positive(precision, name="precision")
    if not (np.isfinite(noise_sd) and noise_sd >= 0):
        raise ParameterError(f"noise_sd must be finite and 0 or more; got {noise_sd!r}")


def check_repeats(residual: Residual, n_queries: int) -> None:
    """Raise where repeated answers share a residual, so that they do not multiply."""
    if n_queries > 1 and not isinstance(residual, Exact):
        raise ParameterError(
            "residuals must be Exact() where a question is repeated, because repeats "
            f"share any other residual; got {type(residual).__name__} with n_queries "
            f"= {n_queries}"
        )


def check_law(residual: Residual, precision: float | None, noise_sd: float) -> None:
    """Raise if a residual has no law under this noise."""
    one = np.ones((1, 1))
    residual.log_likelihood(one, one, precision=precision, noise_sd=noise_sd)


def check_candidate_columns(
    candidates: pd.DataFrame, sensitive: str, known: tuple[str, ...]
) -> None:
    """Raise unless the candidates hold the secret, and nothing that is known."""
    names = list(candidates.columns)
    if sensitive not in names:
        raise ParameterError(
            f"candidates must have a column {sensitive!r}, which is to be inferred; "
            f"got {', '.join(map(str, names))}"
        )
    both = [name for name in names if name in known]
    if both:
        raise ParameterError(
            "candidates must hold only what the attacker does not know; got "
            f"{', '.join(both)}, which is known"
        )


def one_each(given: Any, n_answers: int, *, name: str) -> tuple[Any, ...]:
    """Return one of something for each answer; one law or equation may serve all."""
    if not isinstance(given, Sequence):
        return (given,) * n_answers if name == "residuals" else (given,)
    found = tuple(given)
    if len(found) != n_answers:
        raise ParameterError(
            f"{name} must be one for each of {n_answers} answers; got {len(found)}"
        )
    return found


def read_expected(given: npt.ArrayLike, shape: tuple[int, int, int]) -> Array:
    """Return what an equation expects, shape (n, m, n_answers), checked."""
    expected = np.asarray(given, dtype=float)
    if shape[2] == 1 and expected.ndim == 2:
        expected = expected[:, :, np.newaxis]
    if expected.shape != shape:
        allowed = shape[:2] if shape[2] == 1 else shape
        raise DataError(
            f"equations must give an answer for each candidate, shape {allowed}; got "
            f"{np.shape(given)}"
        )
    n_bad = int((~np.isfinite(expected).all(axis=(1, 2))).sum())
    if n_bad:
        raise DataError(
            f"equations must give finite answers; got {n_bad} of {shape[0]} people "
            "with others"
        )
    return expected
