"""Laws of an answer about what an equation says: how exactly it follows the equation.

A twin's own answer is the equation's. What a patient ends up with, such as a stable
dose, is the equation's and a residual, of which the equation knows nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from twinprivacy._types import Array, Flags
from twinprivacy._validation import check_positive
from twinprivacy.errors import ParameterError

__all__ = [
    "Exact",
    "LogNormalResidual",
    "NormalResidual",
    "Residual",
    "RootNormalResidual",
]


# Two ways to add up the same terms differ by less, relative to the answer.
_RELATIVE_TOLERANCE = 1e-9


class Residual(Protocol):
    """The law of an answer, given what the equation expects."""

    def log_likelihood(
        self,
        answers: Array,
        expected: Array,
        *,
        precision: float | None,
        noise_sd: float,
    ) -> Array:
        """Return the logarithm of the density, or probability, of the answers.

        Parameters
        ----------
        answers : numpy.ndarray
            What was seen, shape (n, 1).
        expected : numpy.ndarray
            What the equation says for each candidate, shape (n, m).
        precision : float or None
            Step that answers were rounded to, by ``round(answer / step) * step``; with
            one the value is the probability of everything that rounds to the answer.
        noise_sd : float
            Standard deviation of normal noise added before rounding, 0 for none.
        """
        ...


@dataclass(frozen=True)
class Exact:
    """The answer is the equation's, and nothing but noise or rounding changes it.

    Without noise a candidate either reproduces the answer or is impossible. A rounded
    answer is reproduced if the expected one rounds to it, halves to even as in numpy;
    one with every digit if both agree to 1e-9 of the larger.

    Examples
    --------
    >>> Exact().log_likelihood(
    ...     np.array([[35.0]]), np.array([[33.1, 38.2]]), precision=5.0, noise_sd=0.0)
    array([[  0., -inf]])
    """

    def log_likelihood(
        self,
        answers: Array,
        expected: Array,
        *,
        precision: float | None,
        noise_sd: float,
    ) -> Array:
        """Return 0 where the answer is reproduced and minus infinity elsewhere.

        With noise, the normal law of the answer. See `Residual.log_likelihood`.
        """
        if noise_sd:
            law = NormalResidual(noise_sd)
            return law.log_likelihood(
                answers, expected, precision=precision, noise_sd=0.0
            )
        if precision is None:
            larger = np.maximum(np.abs(answers), np.abs(expected))
            agrees = np.abs(answers - expected) <= _RELATIVE_TOLERANCE * larger
        else:
            agrees = np.round(answers / precision) == np.round(expected / precision)
        return np.where(agrees, 0.0, -np.inf)


@dataclass(frozen=True)
class NormalResidual:
    r"""The answer is normal about the equation's: :math:`y \sim N(e, \sigma^2)`.

    With noise the variances add up. An answer rounded to a step h has the probability
    of that step,

    .. math:: \Phi\big((y + h/2 - e)/\sigma\big) - \Phi\big((y - h/2 - e)/\sigma\big)

    Attributes
    ----------
    sd : float
        Standard deviation in the unit of the answer, above 0.

    Raises
    ------
    ParameterError
        If `sd` is not finite and above 0.

    Examples
    --------
    >>> NormalResidual(2.0).log_likelihood(
    ...     np.array([[1.0]]), np.array([[1.0, 3.0]]), precision=None, noise_sd=0.0
    ... ).round(3)
    array([[-1.612, -2.112]])
    """

    sd: float
    # The lowest possible answer.
    _lowest: ClassVar[float] = -np.inf

    def __post_init__(self) -> None:
        """Refuse a spread that is none."""
        check_positive(self.sd, name="sd")

    def log_likelihood(
        self,
        answers: Array,
        expected: Array,
        *,
        precision: float | None,
        noise_sd: float,
    ) -> Array:
        """Return the log likelihood; an answer beyond the scale is impossible.

        See `Residual.log_likelihood`.
        """
        sd = self._add_noise(noise_sd)
        centre = self._to_scale(expected)
        if precision is None:
            # The slope of the root, the same for all candidates, is infinite at 0.
            seen = self._to_scale(answers, least=np.finfo(float).tiny)
            found = self._log_density((seen - centre) / sd, seen, sd)
            return self._cut_off(found, centre, answers >= self._lowest)
        half = precision / 2
        low, high = (self._to_scale(end) for end in (answers - half, answers + half))
        found = log_between((low - centre) / sd, (high - centre) / sd)
        return self._cut_off(found, centre, answers + half > 0)

    def _add_noise(self, noise_sd: float) -> float:
        return float(np.hypot(self.sd, noise_sd))

    def _to_scale(self, values: Array, *, least: float = 0.0) -> Array:
        return values

    def _log_density(self, z: Array, seen: Array, sd: float) -> Array:
        return np.asarray(log_density(z) - np.log(sd))

    def _cut_off(self, found: Array, centre: Array, is_possible: Flags) -> Array:
        return found


@dataclass(frozen=True)
class RootNormalResidual(NormalResidual):
    r"""The root of the answer is normal about the equation's root, cut off at 0.

    As `twinprivacy.twins.warfarin.simulate_dose` draws stable doses:
    :math:`\sqrt{y} \sim N(\sqrt{e}, \sigma^2)` given :math:`\sqrt{y} > 0`, so that

    .. math:: p(y) = \frac{\varphi\big((\sqrt{y} - \sqrt{e}) / \sigma\big)}
       {2 \sqrt{y}\, \sigma\, \Phi(\sqrt{e} / \sigma)}

    Attributes
    ----------
    sd : float
        Standard deviation on the scale of roots, above 0.

    Raises
    ------
    ParameterError
        If `sd` is not finite and above 0, or, when used, if noise is added to the
        answer: noise on the answer and a residual on its root have no law in closed
        form together.

    Examples
    --------
    >>> RootNormalResidual(1.0).log_likelihood(
    ...     np.array([[36.0]]), np.array([[36.0, 49.0]]), precision=None, noise_sd=0.0
    ... ).round(3)
    array([[-3.404, -3.904]])
    """

    _lowest: ClassVar[float] = 0.0

    def _add_noise(self, noise_sd: float) -> float:
        _check_no_noise(noise_sd, "RootNormalResidual", "root")
        return self.sd

    def _to_scale(self, values: Array, *, least: float = 0.0) -> Array:
        return np.asarray(np.sqrt(np.maximum(values, least)))

    def _log_density(self, z: Array, seen: Array, sd: float) -> Array:
        return np.asarray(log_density(z) - np.log(2 * sd * seen))

    def _cut_off(self, found: Array, centre: Array, is_possible: Flags) -> Array:
        from scipy.special import log_ndtr

        return np.where(is_possible, found - log_ndtr(centre / self.sd), -np.inf)


@dataclass(frozen=True)
class LogNormalResidual(NormalResidual):
    r"""The logarithm of the answer is normal about the equation's logarithm.

    :math:`\ln y \sim N(\ln e, \sigma^2)`, as in equations that add up the logarithm of
    a dose.

    Attributes
    ----------
    sd : float
        Standard deviation on the scale of natural logarithms, above 0.

    Raises
    ------
    ParameterError
        If `sd` is not finite and above 0, or, when used, if noise is added to the
        answer: noise on the answer and a residual on its logarithm have no law in
        closed form together.

    Examples
    --------
    >>> LogNormalResidual(0.5).log_likelihood(
    ...     np.array([[10.0]]), np.array([[10.0, 20.0]]), precision=None, noise_sd=0.0
    ... ).round(3)
    array([[-2.528, -3.489]])
    """

    _lowest: ClassVar[float] = np.nextafter(0.0, 1.0)

    def _add_noise(self, noise_sd: float) -> float:
        _check_no_noise(noise_sd, "LogNormalResidual", "logarithm")
        return self.sd

    def _to_scale(self, values: Array, *, least: float = 0.0) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.maximum(values, least)))

    def _log_density(self, z: Array, seen: Array, sd: float) -> Array:
        return np.asarray(log_density(z) - np.log(sd) - seen)

    def _cut_off(self, found: Array, centre: Array, is_possible: Flags) -> Array:
        return np.where(is_possible, found, -np.inf)


def _check_no_noise(noise_sd: float, law: str, scale: str) -> None:
    if noise_sd:
        raise ParameterError(
            f"noise_sd must be 0 with {law}, because noise on the answer and a "
            f"residual on its {scale} have no law in closed form together; got "
            f"{noise_sd!r}"
        )


_LOG_ROOT_TWO_PI = 0.5 * np.log(2 * np.pi)
# Numbers in one chunk of a matrix: small enough to stay in the cache.
_CHUNK_SIZE = 250_000


def log_density(z: Array) -> Array:
    """Return the logarithm of the standard normal density."""
    return np.asarray(-0.5 * np.square(z) - _LOG_ROOT_TWO_PI)


def log_between(low: Array, high: Array) -> Array:
    """Return log P(low <= z <= high) of a standard normal z, also far in a tail."""
    from scipy.special import log_ndtr

    # Mirrored to the left tail, where the logarithm keeps its digits.
    is_right = low > 0
    left = np.where(is_right, -high, low)
    right = np.where(is_right, -low, high)
    upper = log_ndtr(right)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = upper + np.log(-np.expm1(log_ndtr(left) - upper))
    return np.where(np.isnan(found), -np.inf, found)


def update(prior: Array, log_likelihood: Array) -> Array:
    """Return posteriors, rows adding to 1; the prior where nothing explains answers."""
    with np.errstate(divide="ignore"):
        log_joint = np.log(prior) + log_likelihood
    top = log_joint.max(axis=1, keepdims=True)
    is_possible = np.isfinite(top)
    weights = np.exp(log_joint - np.where(is_possible, top, 0.0))
    total = weights.sum(axis=1, keepdims=True)
    return np.where(is_possible, weights / np.where(is_possible, total, 1.0), prior)


def chunks(n: int, width: int, *, size: int = _CHUNK_SIZE) -> Iterator[slice]:
    """Cut n rows of some width into slices of at most about `size` numbers."""
    n_rows = max(size // max(width, 1), 1)
    for start in range(0, n, n_rows):
        yield slice(start, min(start + n_rows, n))
