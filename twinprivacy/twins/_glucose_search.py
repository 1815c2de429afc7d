"""Search for the most probable parameters of one person, by Levenberg and Marquardt.

Residuals of a real or a mismatched person are far from independent, so the likelihood
is tempered: n readings count as many as their autocorrelation leaves independent.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy.twins import _glucose_sensitivities as sensitivities
from twinprivacy.twins._glucose_parameters import fixed, free_slopes, from_free

Array = npt.NDArray[Any]

MAX_STEPS = 60
# No parameter moves by more in one step, on the free scale.
LONGEST_STEP = 2.0
FIRST_DAMPING, MORE_DAMPING, LESS_DAMPING = 1e-3, 5.0, 0.2
LARGEST_DAMPING = 1e7
# Gain in the log posterior below which the search ends.
ROUGH, FINE = 0.3, 2e-3
# An autocorrelation below it ends the sum that makes the effective number.
NO_CORRELATION = 0.05
# Variance of readings in whole mg/dL about the truth: no fit is better than that.
ROUNDING = 1 / 12


@dataclass(frozen=True)
class Record:
    """What the fit of one person is told.

    `cgm` has nan where a reading is missing or not used; `basal` is in mU/kg/min; meals
    and boluses are rows in the model's units, and `start` is glucose at minute 0.
    """

    cgm: Array
    meals: Array
    boluses: Array
    basal: float
    start: float
    step_minutes: int
    every: int


@dataclass(frozen=True)
class Point:
    """The model at one place of the free scale: fit, slopes and objective there."""

    free: Array
    squares: float
    information: Array
    score: Array
    trace: Array
    objective: float = np.inf


@dataclass(frozen=True)
class Optimum:
    """Where the search ended."""

    point: Point
    covariance: Array
    weight: float
    n: int
    converged: bool

    @property
    def residual_sd(self) -> float:
        """Return the root mean square of the residuals in mg/dL."""
        return float(np.sqrt(max(self.point.squares / self.n - ROUNDING, 0.0)))


def search(record: Record, mean: Array, precision: Array, free: Array) -> Optimum:
    """Find the mode of the posterior over the places `free` of the free scale.

    First in steps of the readings and with independent residuals; then in the steps
    asked for, with the number of residuals tempered.
    """
    n = int(np.isfinite(record.cgm).sum())
    coarse = replace(record, step_minutes=record.step_minutes * record.every, every=1)

    def weighed(told: Record, weight: float) -> Callable[[Array], Point]:
        def evaluate(place: Array) -> Point:
            point = linearise(told, place, free)
            gap = (place - mean)[free]
            fit = weight * n / 2 * np.log(point.squares)
            return replace(point, objective=float(fit + gap @ precision @ gap / 2))

        return evaluate

    rough, _ = _climb(weighed(coarse, 1.0), mean, mean, precision, free, n, ROUGH)
    weight = effective_share(record.cgm - rough.trace)
    point, done = _climb(
        weighed(record, weight), rough.free, mean, precision, free, weight * n, FINE
    )
    curvature = weight * n / point.squares * point.information + precision
    return Optimum(point, invert(curvature), weight, n, done)


def _climb(
    evaluate: Callable[[Array], Point],
    start: Array,
    mean: Array,
    precision: Array,
    free: Array,
    n: float,
    tolerance: float,
) -> tuple[Point, bool]:
    """Take damped steps until the objective no longer falls."""
    point, damping = evaluate(start), FIRST_DAMPING
    for _ in range(MAX_STEPS):
        scale = n / point.squares
        curvature = scale * point.information + precision
        slope = scale * point.score - precision @ (point.free - mean)[free]
        better = None
        while better is None and damping < LARGEST_DAMPING:
            damped = curvature + damping * np.diag(np.diag(curvature))
            step = np.linalg.solve(damped, slope)
            step *= min(1.0, LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
            place = point.free.copy()
            place[free] += step
            trial = evaluate(place)
            if trial.objective <= point.objective:
                better = trial
            else:
                damping *= MORE_DAMPING
        if better is None:
            return point, True
        gain, point = point.objective - better.objective, better
        damping = max(damping * LESS_DAMPING, 1e-9)
        if gain < tolerance:
            return point, True
    return point, False


def linearise(record: Record, place: Array, free: Array) -> Point:
    """Simulate one person at a place of the free scale, with slopes there."""
    values = from_free(place)
    n_personal = sensitivities.N_PERSONAL
    trace = np.empty(record.cgm.size)
    slopes = np.empty((record.cgm.size, n_personal))
    sensitivities.differentiate(
        np.append(values, [0.0, record.basal]),
        fixed(),
        float(record.step_minutes),
        record.every,
        record.meals,
        record.boluses,
        record.start,
        trace,
        slopes,
    )
    information, score = np.empty((n_personal, n_personal)), np.empty(n_personal)
    squares = sensitivities.gather(record.cgm, trace, slopes, information, score)
    squares += ROUNDING * np.isfinite(record.cgm).sum()
    turn = free_slopes(values)[:, free]
    return Point(place, squares, turn.T @ information @ turn, turn.T @ score, trace)


def invert(matrix: Array) -> Array:
    """Invert a positive definite matrix whose rows differ much in scale."""
    scale = np.sqrt(np.diag(matrix))
    inverse: Array = np.linalg.inv(matrix / np.outer(scale, scale))
    return (inverse + inverse.T) / 2 / np.outer(scale, scale)


def effective_share(residuals: Array) -> float:
    r"""Return the share of readings that are worth an independent one.

    One over :math:`1 + 2 \sum_k \rho_k`, the sum up to the first autocorrelation that
    is as good as none, or a quarter of the record; missing residuals are left out.
    """
    known = np.isfinite(residuals)
    gaps = np.where(known, residuals, 0.0) - known * np.nanmean(residuals)
    size = 2 * residuals.size
    products = np.fft.irfft(np.abs(np.fft.rfft(gaps, size)) ** 2, size)
    pairs = np.fft.irfft(np.abs(np.fft.rfft(known.astype(float), size)) ** 2, size)
    n_lags = max(residuals.size // 4, 2)
    rho = products[:n_lags] / np.maximum(pairs[:n_lags], 1.0)
    if rho[0] <= ROUNDING:
        return 1.0
    rho /= rho[0]
    ends = np.flatnonzero(rho <= NO_CORRELATION)
    last = ends[0] if ends.size else n_lags
    return float(1 / (1 + 2 * rho[1:last].sum()))
