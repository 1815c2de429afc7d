"""Monotone curves through means, and where they reach half of their height."""

import math
from typing import Any

import numpy as np

from twinprivacy._types import Array
from twinprivacy._validation import check_choice
from twinprivacy.errors import FitError, ParameterError
from twinprivacy.estimates.estimate import Estimate


def fit_curve(raw: list[Estimate], *, increasing: bool) -> list[Estimate]:
    """Return the monotone curve through raw estimates, and the one of their bounds.

    Fitting keeps order, so that bounds around every true value stay around it. Refits
    of resampled means do not: where the truth is level they cover an end of the curve
    three times in four.
    """
    numbers = np.array([[one.low, one.value, one.high] for one in raw]).T
    weights = np.array([one.n for one in raw], dtype=float)
    if np.isnan(numbers).any():
        numbers[1] = _monotone(numbers[1:2], weights, increasing=increasing)
        numbers[[0, 2]] = math.nan
    else:
        numbers = _monotone(numbers, weights, increasing=increasing)
        # Rounding may part curves that are one.
        numbers[0] = np.minimum(numbers[0], numbers[1])
        numbers[2] = np.maximum(numbers[2], numbers[1])
    return [
        Estimate(float(value), float(low), float(high), one.confidence_level, one.n)
        for one, (low, value, high) in zip(raw, numbers.T, strict=True)
    ]


def half_volume(
    samples: list[Array],
    raw: list[Estimate],
    places: Array,
    *,
    increasing: bool,
    logarithmic: bool,
    n_resamples: int,
    rng: np.random.Generator,
) -> Estimate:
    """Return where the curve reaches half of its maximum, from resampled targets."""
    sizes = np.array([len(sample) for sample in samples])
    n, level = int(sizes.min()), raw[0].confidence_level
    kind = {"increasing": increasing, "logarithmic": logarithmic}

    def halves(means: Array) -> Array:
        curves = _monotone(means, sizes.astype(float), increasing=increasing)
        return _half_positions(curves, places, **kind)

    half = float(halves(np.array([[sample.mean() for sample in samples]]))[0])
    # The largest of a level curve is above 0 by luck; its last raw mean is not.
    shown = raw[-1 if increasing else 0].low > 0
    if not (shown and places[0] <= half <= places[-1]):
        return Estimate(math.nan, math.nan, math.nan, level, n)
    drawn = halves(_resample(samples, n_resamples, rng))
    low, high = _between(drawn[~np.isnan(drawn)], half, level)
    return Estimate(half, low, high, level, n)


def _resample(
    samples: list[Array], n_resamples: int, rng: np.random.Generator
) -> Array:
    """Return means by volume of resampled targets, paired where numbers agree."""
    kw: dict[str, Any] = {"n_resamples": n_resamples, "rng": rng}
    if len({len(sample) for sample in samples}) == 1:
        return resampled_means(np.column_stack(samples), **kw)
    return np.hstack([resampled_means(s[:, np.newaxis], **kw) for s in samples])


def _between(values: Array, value: float, level: float) -> tuple[float, float]:
    """Return percentiles, widened to hold the value."""
    tail = (1 - level) / 2
    # Between an infinite and a finite percentile there is nothing to interpolate.
    low, high = np.quantile(values, [tail, 1 - tail], method="inverted_cdf")
    return min(float(low), float(value)), max(float(high), float(value))


def _monotone(means: Array, weights: Array, *, increasing: bool) -> Array:
    """Return the weighted least-squares monotone curve of each row, (r, k)."""
    from scipy.optimize import isotonic_regression

    return np.array(
        [
            isotonic_regression(row, weights=weights, increasing=increasing).x
            for row in means
        ]
    )


def _half_positions(
    curves: Array, positions: Array, *, increasing: bool, logarithmic: bool
) -> Array:
    """Return where each curve crosses half of its maximum, shape (r,).

    As `crossings`, and nan where the maximum is not above 0.
    """
    most = curves[:, -1 if increasing else 0]
    found = crossings(
        curves, most / 2, positions, increasing=increasing, logarithmic=logarithmic
    )
    return np.where(most > 0, found, np.nan)


def crossings(
    curves: Array,
    levels: Array,
    positions: Array,
    *,
    increasing: bool,
    logarithmic: bool,
) -> Array:
    """Return where each curve crosses a level of its own, shape (r,).

    A curve that is above its level throughout crosses it at minus infinity (0 on the
    logarithmic scale), one that is below it throughout at plus infinity; falling curves
    the other way round.
    """
    places = np.log(positions) if logarithmic else positions
    if not increasing:
        curves, places = curves[:, ::-1], places[::-1]
    reaches = curves >= levels[:, np.newaxis]
    after = np.argmax(reaches, axis=1)
    before = np.maximum(after - 1, 0)
    rows = np.arange(len(curves))
    below, above = curves[rows, before], curves[rows, after]
    rise = np.where(above > below, above - below, 1.0)
    found = places[before] + (levels - below) / rise * (places[after] - places[before])
    before_all = np.where(increasing, -np.inf, np.inf)
    found = np.where((after == 0) & (below > levels), before_all, found)
    found = np.where(reaches.any(axis=1), found, -before_all)
    return np.exp(found) if logarithmic else found


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
