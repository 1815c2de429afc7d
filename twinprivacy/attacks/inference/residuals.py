"""Laws of an answer about what an equation says: how exactly it follows the equation.

A twin's own answer is the equation's. What a patient ends up with, such as a stable
dose, is the equation's and a residual, of which the equation knows nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array
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
RELATIVE_TOLERANCE = 1e-9


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
            return _log_normal(answers, expected, sd=noise_sd, precision=precision)
        if precision is None:
            larger = np.maximum(np.abs(answers), np.abs(expected))
            agrees = np.abs(answers - expected) <= RELATIVE_TOLERANCE * larger
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
        """Return the log likelihood. See `Residual.log_likelihood`."""
        sd = float(np.hypot(self.sd, noise_sd))
        return _log_normal(answers, expected, sd=sd, precision=precision)


@dataclass(frozen=True)
class RootNormalResidual:
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

    sd: float

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
        """Return the log likelihood; an answer below 0 is impossible.

        See `Residual.log_likelihood`.
        """
        from scipy.special import log_ndtr

        _check_no_noise(noise_sd, "RootNormalResidual", "root")
        root = np.sqrt(np.maximum(expected, 0.0))
        if precision is None:
            # The slope of the root, the same for all candidates, is infinite at 0.
            seen = np.sqrt(np.maximum(answers, np.finfo(float).tiny))
            found = log_density((seen - root) / self.sd) - np.log(2 * self.sd * seen)
            is_possible = answers >= 0
        else:
            low, high = (
                np.sqrt(np.maximum(answers + half, 0.0))
                for half in (-precision / 2, precision / 2)
            )
            found = log_between((low - root) / self.sd, (high - root) / self.sd)
            is_possible = answers + precision / 2 > 0
        return np.where(is_possible, found - log_ndtr(root / self.sd), -np.inf)


@dataclass(frozen=True)
class LogNormalResidual:
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

    sd: float

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
        """Return the log likelihood; an answer not above 0 is impossible.

        See `Residual.log_likelihood`.
        """
        _check_no_noise(noise_sd, "LogNormalResidual", "logarithm")
        centre = _log(expected)
        if precision is None:
            seen = _log(np.maximum(answers, np.finfo(float).tiny))
            found = log_density((seen - centre) / self.sd) - np.log(self.sd) - seen
            return np.where(answers > 0, found, -np.inf)
        low, high = (_log(answers + half) for half in (-precision / 2, precision / 2))
        found = log_between((low - centre) / self.sd, (high - centre) / self.sd)
        return np.where(answers + precision / 2 > 0, found, -np.inf)


def _log(values: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.maximum(values, 0.0)))


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


def _log_normal(
    answers: Array, expected: Array, *, sd: float, precision: float | None
) -> Array:
    """Return the log likelihood of answers normal about the expected, maybe rounded."""
    if precision is None:
        return np.asarray(log_density((answers - expected) / sd) - np.log(sd))
    half = precision / 2
    return log_between(
        (answers - half - expected) / sd, (answers + half - expected) / sd
    )


def normalised(log_joint: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return rows that add to 1, and which rows had anything; the others are 0."""
    top = log_joint.max(axis=1, keepdims=True)
    is_possible = np.isfinite(top[:, 0])
    weights = np.exp(log_joint - np.where(np.isfinite(top), top, 0.0))
    total = weights.sum(axis=1, keepdims=True)
    return weights / np.where(is_possible[:, np.newaxis], total, 1.0), is_possible


def chunks(n: int, width: int, *, size: int = _CHUNK_SIZE) -> Iterator[slice]:
    """Cut n rows of some width into slices of at most about `size` numbers."""
    n_rows = max(size // max(width, 1), 1)
    for start in range(0, n, n_rows):
        yield slice(start, min(start + n_rows, n))
