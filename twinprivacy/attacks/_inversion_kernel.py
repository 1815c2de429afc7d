"""How near an answer must be to one asked for: a normal kernel on a fitting scale."""

from dataclasses import dataclass

import numpy as np

from twinprivacy._types import Array
from twinprivacy.attacks._inversion_math import log_between, log_density
from twinprivacy.attacks.residuals import Exact
from twinprivacy.attacks.threats import ThreatModel


@dataclass(frozen=True, eq=False, repr=False)
class Seen:
    """What is seen of some people: one answer each, and its step where it is rounded.

    Attributes
    ----------
    answers : numpy.ndarray
        Shape (n, n_answers), means over repeated queries.
    step : float, optional
        Step that they were rounded to; None for every digit, and for means.
    noise_sd : float
        Standard deviation of the noise on them.
    """

    answers: Array
    step: float | None
    noise_sd: float

    def rows(self, part: slice) -> "Seen":
        """Return some of the people."""
        return Seen(self.answers[part], self.step, self.noise_sd)


def read_seen(answers: Array, threat: ThreatModel) -> Seen:
    """Return one answer for each name, a mean where noise was drawn afresh."""
    n, q = len(answers), threat.n_queries
    by_query = answers.reshape(n, q, len(threat.answers))
    step, noise_sd = threat.output_precision, threat.noise_sd
    if q == 1 or not noise_sd:
        return Seen(by_query[:, 0], step, noise_sd)
    # A rounding error under noise is nearly uniform (Sheppard's correction).
    variance = noise_sd**2 + (0.0 if step is None else step**2 / 12)
    return Seen(by_query.mean(axis=1), None, float(np.sqrt(variance / q)))


@dataclass(frozen=True, eq=False, repr=False)
class Kernel:
    """P(answer | answer asked for): normal on a scale, its width relative to `spread`.

    Attributes
    ----------
    scales : tuple of str
        For each answer "identity", "log" or "logit".
    spread : numpy.ndarray
        For each answer the standard deviation of what was asked for, on its scale.
    width : float
        In units of `spread`; 0 for none but the noise, infinite where answers tell
        nothing.
    """

    scales: tuple[str, ...]
    spread: Array
    width: float

    def log_likelihood(self, seen: Seen, asked: Array) -> Array:
        """Return the sum over answers, shape (n, donors); asked has answers last."""
        total = np.zeros(asked.shape[:2])
        if np.isinf(self.width):
            return total
        for place, scale in enumerate(self.scales):
            sd = float(np.hypot(self.width * self.spread[place], seen.noise_sd))
            y, e = seen.answers[:, [place]], asked[:, :, place]
            if sd == 0:
                total += Exact().log_likelihood(y, e, precision=seen.step, noise_sd=0.0)
                continue
            centre = to_scale(inside(e, scale), scale)
            if seen.step is None:
                # The slope of the scale is the same for all values.
                total += log_density((to_scale(inside(y, scale), scale) - centre) / sd)
            else:
                ends = (y - seen.step / 2, y + seen.step / 2)
                low, high = ((to_scale(end, scale) - centre) / sd for end in ends)
                total += log_between(low, high)
        return total


def to_scale(values: Array, scale: str) -> Array:
    """Return values on a scale; what lies beyond its ends is at its ends."""
    if scale == "identity":
        return values
    with np.errstate(divide="ignore"):
        if scale == "log":
            return np.asarray(np.log(np.maximum(values, 0.0)))
        share = np.clip(values, 0.0, 1.0)
        return np.asarray(np.log(share) - np.log1p(-share))


def inside(values: Array, scale: str) -> Array:
    """Return values moved inside a scale, so that they are finite on it."""
    if scale == "identity":
        return values
    limits = np.finfo(float)
    high = 1 - limits.epsneg if scale == "logit" else limits.max
    return np.clip(values, limits.tiny, high)


def choose_scales(asked: Array, seen: Seen) -> tuple[str, ...]:
    """Return logit for probabilities, log for what is above 0, or else the answer.

    Noise is added to the answer itself and its normal law holds there only.
    """
    return tuple(
        "identity" if seen.noise_sd else _scale(values, answers, seen.step is None)
        for values, answers in zip(asked.T, seen.answers.T, strict=True)
    )


def _scale(asked: Array, answers: Array, has_every_digit: bool) -> str:
    both = np.append(asked, answers) if has_every_digit else asked
    if both.min() <= 0:
        return "identity"
    return "logit" if both.max() < 1 else "log"
