"""Sizes and yearly counts as the laws take them, checked once."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import as_floats
from twinprivacy.errors import FitError, ParameterError


def check_sizes(
    sizes: npt.ArrayLike,
    counts: npt.ArrayLike | None,
    *,
    lower: float,
    upper: float | None = None,
) -> tuple[Array, Array]:
    """Return edges, shape (n, 1) or (n, 2), and weights, shape (n,), or raise."""
    edges = _as_floats(sizes, name="sizes")
    edges = edges[:, None] if edges.ndim == 1 else edges
    if edges.ndim != 2 or edges.shape[1] not in (1, 2) or not len(edges):
        raise ParameterError(
            "sizes must have shape (n,) for exact sizes or (n, 2) for bins, n >= 1; "
            f"got {np.shape(sizes)}"
        )
    weights = (
        np.ones(len(edges)) if counts is None else _as_floats(counts, name="counts")
    )
    bad_weights = ~((weights >= 0) & np.isfinite(weights))
    if weights.shape != (len(edges),) or bad_weights.any() or not weights.any():
        raise ParameterError(
            f"counts must be {len(edges)} finite numbers of at least 0, not all 0; got "
            f"shape {weights.shape} with {int(bad_weights.sum())} outside"
        )
    ceiling = np.inf if upper is None else upper
    missing = np.isnan(edges).any(axis=1) | np.isinf(edges[:, 0])
    bad = {
        "missing or infinite": missing,
        f"below lower = {lower:g}": edges[:, 0] < lower,
        f"above upper = {ceiling:g}": edges[:, -1] > ceiling,
    }
    if edges.shape[1] == 2:
        bad["bins whose end is not above their start"] = edges[:, 1] <= edges[:, 0]
    found = [f"{int(rows.sum())} {what}" for what, rows in bad.items() if rows.any()]
    if found:
        raise ParameterError(
            f"sizes must lie in the law's range; got {', '.join(found)}"
        )
    return edges[weights > 0], weights[weights > 0]


def _as_floats(values: npt.ArrayLike, *, name: str) -> Array:
    try:
        if isinstance(values, pd.Series | pd.DataFrame):
            return as_floats(values)
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise ParameterError(
            f"{name} must hold numbers only; got {type(values).__name__} with others"
        ) from None


def check_upper(upper: float | None, *, lower: float) -> None:
    """Raise unless the ceiling lies above the threshold; it may be infinite."""
    if upper is not None and not upper > lower:
        raise ParameterError(f"upper must be above lower = {lower:g}; got {upper!r}")


def check_determined(
    edges: Array, limits: tuple[float, float], *, names: tuple[str, ...]
) -> None:
    """Raise where sizes take too few values for the likelihood to have a maximum."""
    distinct = np.unique(edges, axis=0)
    n_free = len(distinct)
    if edges.shape[1] == 2:
        # Bins that leave no gap have one probability less to tell.
        ends = np.concatenate([[limits[0]], distinct[:, 1]])
        starts = np.concatenate([distinct[:, 0], [limits[1]]])
        n_free -= bool((starts <= ends).all())
    elif distinct[0, 0] == limits[0]:
        n_free -= len(distinct) == 1
    if n_free < len(names):
        kind = "exact sizes" if edges.shape[1] == 1 else "bins"
        raise FitError(
            f"sizes must take more values to determine {' and '.join(names)}; got "
            f"{len(distinct)} different {kind}"
        )


def check_yearly_counts(
    counts: pd.Series, exposure: npt.ArrayLike | None, *, trend: bool
) -> tuple[Array, Array, Array]:
    """Return years, counts and exposures as vectors of one length, or raise."""
    if not isinstance(counts, pd.Series) or not pd.api.types.is_numeric_dtype(
        counts.index
    ):
        raise ParameterError(
            "counts must be a pandas.Series indexed by year; got "
            f"{type(counts).__name__}"
        )
    years = counts.index.to_numpy(dtype=float)
    values = counts.to_numpy(dtype=float, na_value=np.nan)
    needed = 3 if trend else 2
    if len(values) < needed or len(set(years)) < len(years):
        raise ParameterError(
            f"counts must hold at least {needed} different years; got {len(values)} "
            f"entries for {len(set(years))} years"
        )
    with np.errstate(invalid="ignore"):
        whole = np.isfinite(values) & (values >= 0) & (values == np.floor(values))
    bad = int((~whole).sum())
    if bad or not values.any():
        raise ParameterError(
            "counts must be whole numbers of at least 0, not all 0; got "
            f"{bad} that are not, and a sum of {np.nansum(values):g}"
        )
    filled = years[values > 0]
    if trend and (filled.max() == years.min() or filled.min() == years.max()):
        raise FitError(
            "counts must be above 0 in more than the first or the last year to "
            f"determine a trend; got {len(filled)} of {len(years)} years above 0"
        )
    fractions = (
        np.ones_like(values) if exposure is None else np.asarray(exposure, float)
    )
    if (
        fractions.shape != values.shape
        or not ((fractions > 0) & (fractions <= 1)).all()
    ):
        raise ParameterError(
            f"exposure must be {len(values)} fractions in (0, 1]; got shape "
            f"{fractions.shape}"
        )
    return years, values, fractions
