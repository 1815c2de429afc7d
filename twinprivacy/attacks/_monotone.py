"""Monotone curves through means, and where they reach half of their height."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy.attacks._resampling import resampled_means
from twinprivacy.estimates import Estimate

Array = npt.NDArray[np.float64]


def fit_curve(
    samples: list[Array],
    places: Array,
    *,
    increasing: bool,
    logarithmic: bool,
    n_resamples: int,
    rng: np.random.Generator,
    level: float,
) -> tuple[list[Estimate], Estimate]:
    """Return the curve at every volume and where it reaches half of its maximum."""
    sizes = np.array([len(sample) for sample in samples])
    means = np.array([[sample.mean() for sample in samples]])
    drawn = _resample(samples, n_resamples, rng)
    weights = sizes.astype(float)
    curve = monotone(means, weights, increasing=increasing)
    curves = monotone(drawn, weights, increasing=increasing)
    bounds = [_between(curves[:, k], curve[0, k], level) for k in range(len(samples))]
    fitted = [
        Estimate(float(curve[0, k]), *bounds[k], level, int(sizes[k]))
        for k in range(len(samples))
    ]
    top = fitted[-1 if increasing else 0]
    kind = {"increasing": increasing, "logarithmic": logarithmic}
    half = float(half_positions(curve, places, **kind)[0])
    n = int(sizes.min())
    inside = places[0] <= half <= places[-1]
    if not (top.low > 0 and inside):
        return fitted, Estimate(math.nan, math.nan, math.nan, level, n)
    halves = half_positions(curves, places, **kind)
    low, high = _between(halves[~np.isnan(halves)], half, level)
    return fitted, Estimate(half, low, high, level, n)


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


def monotone(means: Array, weights: Array, *, increasing: bool) -> Array:
    """Return the weighted least-squares monotone curve of each row, (r, k)."""
    from scipy.optimize import isotonic_regression

    return np.array(
        [
            isotonic_regression(row, weights=weights, increasing=increasing).x
            for row in means
        ]
    )


def half_positions(
    curves: Array, positions: Array, *, increasing: bool, logarithmic: bool
) -> Array:
    """Return where each curve crosses half of its maximum, shape (r,).

    Infinite where it does so before the first position (falling curves: after the
    last), nan where the maximum is not above 0.
    """
    places = np.log(positions) if logarithmic else positions
    if not increasing:
        curves, places = curves[:, ::-1], places[::-1]
    half = curves[:, -1] / 2
    after = np.argmax(curves >= half[:, np.newaxis], axis=1)
    before = np.maximum(after - 1, 0)
    rows = np.arange(len(curves))
    below, above = curves[rows, before], curves[rows, after]
    rise = np.where(above > below, above - below, 1.0)
    found = places[before] + (half - below) / rise * (places[after] - places[before])
    outside = (after == 0) & (below > half)
    found = np.where(outside, -np.inf if increasing else np.inf, found)
    found = np.exp(found) if logarithmic else found
    return np.where(curves[:, -1] > 0, found, np.nan)
