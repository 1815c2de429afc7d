"""Measures of every target of an attack, and their means over resampled targets."""

from typing import Any

import numpy as np

from twinprivacy._types import Array
from twinprivacy._validation import check_choice
from twinprivacy.errors import FitError, ParameterError

MEASURES = ("bits", "gain")
_COLUMNS = {"bits": ("bits",), "gain": ("correct", "imputation_correct")}
# Numbers held at a time, so that memory stays flat whatever the resamples are.
_BATCH = 4_000_000


def member_measure(result: Any, measure: str, *, name: str) -> Array:
    """Return bits, or success minus that of imputation, of every target member."""
    check_choice(measure, name="measure", allowed=MEASURES)
    targets = getattr(result, "targets", None)
    wanted = ("role", *_COLUMNS[measure])
    missing = [
        column for column in wanted if column not in getattr(targets, "columns", ())
    ]
    if targets is None or missing:
        raise ParameterError(
            f"{name} must be a result whose targets have columns "
            f"{', '.join(wanted)}; got {type(result).__name__} without "
            f"{', '.join(missing)}"
        )
    members = targets[targets["role"] == "member"]
    if members.empty:
        raise FitError(f"{name} must have targets of role 'member'; got none")
    columns = members[list(_COLUMNS[measure])].to_numpy(dtype=float)
    values: Array = columns[:, 0] - (columns[:, 1] if measure == "gain" else 0)
    n_bad = int(np.count_nonzero(~np.isfinite(values)))
    if n_bad:
        raise FitError(
            f"{measure} of {name} must be finite; got {n_bad} of {values.size} missing "
            "or infinite"
        )
    return values


def check_resamples(n_resamples: int) -> None:
    """Raise unless there are enough resamples for a percentile."""
    if n_resamples < 100:
        raise ParameterError(f"n_resamples must be 100 or more; got {n_resamples!r}")


def resampled_means(
    values: Array, *, n_resamples: int, rng: np.random.Generator
) -> Array:
    """Return means of columns over rows drawn with replacement, (n_resamples, k)."""
    n = len(values)
    size = max(1, _BATCH // n)
    parts = []
    for start in range(0, n_resamples, size):
        here = min(size, n_resamples - start)
        drawn = rng.integers(n, size=(here, n))
        drawn += n * np.arange(here)[:, np.newaxis]
        counts = np.bincount(drawn.ravel(), minlength=here * n).reshape(here, n)
        parts.append(counts @ values / n)
    return np.concatenate(parts)
