"""Search for the most probable parameters of one person, by Levenberg and Marquardt.

Residuals of a real or a mismatched person are far from independent, so the likelihood
is tempered: n readings count as many as their autocorrelation leaves independent.
Half of all steps are tried in vain, so a trial costs one simulation without slopes.
"""

from dataclasses import dataclass, replace

import numpy as np

from twinprivacy._types import AnyArray, Array
from twinprivacy.twins.glucose import kernels
from twinprivacy.twins.glucose.inputs import fixed, free_slopes, from_free

_MAX_STEPS = 60
# No parameter moves by more in one step, on the free scale.
_LONGEST_STEP = 2.0
_FIRST_DAMPING, _MORE_DAMPING, _LESS_DAMPING = 1e-3, 5.0, 0.2
_LARGEST_DAMPING = 1e7
# Gain in the log posterior below which the search ends.
_ROUGH, _FINE = 0.3, 2e-3
# An autocorrelation below it ends the sum that makes the effective number.
_NO_CORRELATION = 0.05
# Variance of readings in whole mg/dL about the truth: no fit is better than that.
_ROUNDING = 1 / 12


@dataclass(frozen=True)
class Record:
    """What the fit of one person is posterior.

    `cgm` has nan where a reading is missing or not used; `basal` is in mU/kg/min.
    """

    cgm: Array
    basal: float
    course: kernels.Course


@dataclass(frozen=True)
class _Point:
    """The model at one place of the free scale: fit, and slopes there."""

    free: AnyArray
    squares: float
    information: AnyArray
    score: AnyArray
    trace: AnyArray


@dataclass(frozen=True)
class _Posterior:
    """What is climbed: a record worth `n` independent readings, and the prior."""

    record: Record
    mean: AnyArray
    precision: AnyArray
    free: AnyArray
    n: float

    def objective(self, place: AnyArray) -> float:
        """Return minus the log posterior at a place, up to a constant."""
        squares = _sum_squares(self.record, follow(self.record, place))
        gap = (place - self.mean)[self.free]
        return float(self.n / 2 * np.log(squares) + gap @ self.precision @ gap / 2)

    def slope(self, place: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Return the way up from a place, and the curvature there."""
        point = linearise(self.record, place, self.free)
        scale = self.n / point.squares
        pull = self.precision @ (place - self.mean)[self.free]
        return scale * point.score - pull, scale * point.information + self.precision


@dataclass(frozen=True)
class Optimum:
    """Where the search ended."""

    point: _Point
    covariance: AnyArray
    weight: float
    n: int
    converged: bool

    @property
    def residual_sd(self) -> float:
        """Return the root mean square of the residuals in mg/dL."""
        return float(np.sqrt(max(self.point.squares / self.n - _ROUNDING, 0.0)))


def search(
    record: Record, mean: AnyArray, precision: AnyArray, free: AnyArray
) -> Optimum:
    """Find the mode of the posterior over the places `free` of the free scale.

    First in steps of the readings and with independent residuals; then in the steps
    asked for, with the number of residuals tempered.
    """
    n = int(np.isfinite(record.cgm).sum())
    course = record.course
    coarse = replace(
        record, course=course._replace(dt=course.dt * course.every, every=1)
    )
    rough, _ = _climb(_Posterior(coarse, mean, precision, free, n), mean, _ROUGH)
    weight = effective_share(record.cgm - follow(coarse, rough))
    tempered = _Posterior(record, mean, precision, free, weight * n)
    place, done = _climb(tempered, rough, _FINE)
    point = linearise(record, place, free)
    curvature = weight * n / point.squares * point.information + precision
    return Optimum(point, invert(curvature), weight, n, done)


def _climb(
    posterior: _Posterior, place: AnyArray, tolerance: float
) -> tuple[AnyArray, bool]:
    """Take damped steps until the objective no longer falls."""
    objective, damping = posterior.objective(place), _FIRST_DAMPING
    for _ in range(_MAX_STEPS):
        slope, curvature = posterior.slope(place)
        better = None
        while better is None and damping < _LARGEST_DAMPING:
            damped = curvature + damping * np.diag(np.diag(curvature))
            step = np.linalg.solve(damped, slope)
            step *= min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
            trial = place.copy()
            trial[posterior.free] += step
            reached = posterior.objective(trial)
            if reached <= objective:
                better = trial
            else:
                damping *= _MORE_DAMPING
        if better is None:
            return place, True
        gain, objective, place = objective - reached, reached, better
        damping = max(damping * _LESS_DAMPING, 1e-9)
        if gain < tolerance:
            return place, True
    return place, False


def follow(record: Record, place: Array) -> Array:
    """Simulate one person at a place of the free scale, as the sensor would see it."""
    return kernels.follow(_values(record, place), fixed(), record.course)[1]


def _sum_squares(record: Record, trace: Array) -> float:
    """Sum the squared residuals, no smaller than rounded readings leave them."""
    fit = kernels.sum_squares(record.cgm, trace)
    return float(fit + _ROUNDING * np.isfinite(record.cgm).sum())


def linearise(record: Record, place: Array, free: AnyArray) -> _Point:
    """Simulate one person at a place of the free scale, with slopes there."""
    values = _values(record, place)
    trace, slopes = kernels.differentiate(values, fixed(), record.course)
    information, score = kernels.gather(record.cgm, trace, slopes)
    turn = free_slopes(values[: kernels.N_PERSONAL])[:, free]
    squares = _sum_squares(record, trace)
    return _Point(place, squares, turn.T @ information @ turn, turn.T @ score, trace)


def _values(record: Record, place: Array) -> Array:
    """Return the parameters at a place in the order of the compiled code."""
    return np.append(from_free(place), [0.0, record.basal])


def invert(matrix: AnyArray) -> AnyArray:
    """Invert a positive definite matrix whose rows differ much in scale."""
    scale = np.sqrt(np.diag(matrix))
    inverse: AnyArray = np.linalg.inv(matrix / np.outer(scale, scale))
    return (inverse + inverse.T) / 2 / np.outer(scale, scale)


def effective_share(residuals: AnyArray) -> float:
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
    if rho[0] <= _ROUNDING:
        return 1.0
    rho /= rho[0]
    ends = np.flatnonzero(rho <= _NO_CORRELATION)
    last = ends[0] if ends.size else n_lags
    return float(1 / (1 + 2 * rho[1:last].sum()))
