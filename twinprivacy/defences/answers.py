r"""Defences of a twin's answers: rounding, noise, randomised response, a query limit.

Each is a frozen setting that acts on answers of shape (n,), or (n, k) for k answers
about each person. `simulate` draws from a seeded generator, for studies that others
repeat; `release` draws the same law by OpenDP, and is what a keeper runs.

**Theorem.** Let an answer about a person be clipped to [l, u], whatever their record
says. Two records then move it by at most u - l. Laplace noise of scale
:math:`(u - l) / \varepsilon` changes the density of every noisy answer by a factor of
at most :math:`e^\varepsilon`; normal noise of deviation :math:`(u - l) / \mu` makes two
normal laws at a distance of at most :math:`\mu`. For m answers, k numbers each time the
person is asked about, the scale is m times, the deviation :math:`\sqrt m` times as
large, and the budget is for all of them together.

The guarantee is about the person's whole record: it holds between their own record and
any other. So no attribute of it, and no combination, can be guessed better than
`twinprivacy.attacks.bounds.attribute_success_bound` says. An answer from the middle of
the bounds knows nothing of the person and is (u - l) / 2 away at most, so that this
bound holds with half the budget already: `NoisyAnswers.attribute_guarantee`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array
from twinprivacy._validation import check_positive, check_rng
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.attacks.inference.threats import ThreatModel
from twinprivacy.defences import opendp as _opendp
from twinprivacy.defences.declared import check_budget, check_whole_number, read_numbers
from twinprivacy.defences.randomised_answers import RandomisedAnswers
from twinprivacy.errors import ParameterError

__all__ = [
    "NoisyAnswers",
    "QueryLimit",
    "RandomisedAnswers",
    "RoundedAnswers",
]


_LARGEST = float(np.finfo(float).max)


@dataclass(frozen=True)
class RoundedAnswers:
    """Round every answer to the nearest step, halves to even.

    Parameters
    ----------
    step : float
        In the unit of the answers, above 0 and finite.

    Raises
    ------
    ParameterError
        For a step outside its range.

    Notes
    -----
    No guarantee: answers that are rounded apart tell people apart for certain. And a
    wider step can tell more: 0.9 and 1.1 are one by steps of 1, and two by steps of 2.
    Only odd multiples of a step, which join whole steps, never do.

    Examples
    --------
    >>> RoundedAnswers(5.0).release([33.1, 38.2]).tolist()
    [35.0, 40.0]
    """

    step: float

    def __post_init__(self) -> None:
        """Refuse a step that is none."""
        check_positive(self.step, name="step")

    def simulate(self, answers: npt.ArrayLike, *, rng: np.random.Generator) -> Array:
        """Return the rounded answers; nothing is drawn."""
        check_rng(rng)
        return self.release(answers)

    def release(self, answers: npt.ArrayLike) -> Array:
        """Return the rounded answers."""
        given = read_numbers(answers)
        with np.errstate(over="ignore"):
            steps = given / self.step
            rounded = np.clip(np.round(steps) * self.step, -_LARGEST, _LARGEST)
        # More steps than a float can count are finer than its last digit.
        return np.asarray(np.where(np.isfinite(steps), rounded, given))

    def guarantee(self) -> None:
        """Return None: rounding guarantees nothing."""

    def threat(self, threat: ThreatModel) -> ThreatModel:
        """Return the same threat with rounded answers.

        Raises
        ------
        ParameterError
            If they are rounded already: two steps are not one.
        """
        if threat.output_precision is not None:
            raise ParameterError(
                "threat must have no output_precision yet; got "
                f"{threat.output_precision!r}"
            )
        return replace(threat, output_precision=self.step)


@dataclass(frozen=True)
class QueryLimit:
    """Answer questions about a person no more than so many times.

    Parameters
    ----------
    n_answers : int
        For each person, 1 or more.

    Raises
    ------
    ParameterError
        For a number that is none.

    Notes
    -----
    No guarantee: the first exact answer may tell all. And it counts people as the asker
    names them, so it is worth as much as the check that a name is one's own.
    `guard` keeps the count; one answer by itself is left as it is.

    Examples
    --------
    >>> threat = ThreatModel("vkorc1", (), ("dose_mg_per_week",), n_queries=50)
    >>> QueryLimit(3).threat(threat).n_queries
    3
    """

    n_answers: int

    def __post_init__(self) -> None:
        """Refuse a number that is none."""
        check_whole_number(self.n_answers, name="n_answers", least=1)

    def simulate(self, answers: npt.ArrayLike, *, rng: np.random.Generator) -> Array:
        """Return the answers as they are."""
        check_rng(rng)
        return self.release(answers)

    def release(self, answers: npt.ArrayLike) -> Array:
        """Return the answers as they are."""
        return np.array(answers)

    def guarantee(self) -> None:
        """Return None: a limit alone guarantees nothing."""

    def threat(self, threat: ThreatModel) -> ThreatModel:
        """Return the same threat with no more queries than the limit."""
        return replace(threat, n_queries=min(threat.n_queries, self.n_answers))


_MOST_NOISE = 1e303  # A draw is many times the scale at most, and must be finite.
# Numbers and a scale to noisy numbers.
_Draw = Callable[[Array, float], Array]


@dataclass(frozen=True)
class NoisyAnswers:
    r"""Clip answers to declared bounds and add noise that keeps a privacy budget.

    With m numbers about a person in all, the noise is Laplace's of scale
    :math:`m (u - l) / \varepsilon`, or normal of deviation
    :math:`\sqrt m\, (u - l) / \mu`.

    Parameters
    ----------
    lower, upper : float or tuple of float
        Declared bounds of the answers, in their unit; or of each of the k answers. They
        must not be the answers' own, which would tell of the extreme person.
    epsilon : float, optional
        Budget for Laplace noise, above 0; infinite for no noise, and no privacy.
    mu : float, optional
        Budget for normal noise, above 0; infinite for no noise. Exactly one of the two.
    n_answers : int
        How often a person may be asked about, 1 or more. The budget is for all of it
        together, all k numbers of each.
    clip : bool
        Whether noisy answers are clipped to the bounds once more. That costs nothing
        and spares doses below 0. It is off by default, because an attack's likelihood
        is that of unclipped noise, and an attack that is wrong about the noise
        understates the leak.

    Raises
    ------
    ParameterError
        For bounds that are not finite and ascending, or further apart than a float can
        hold, neither or both of the budgets, or a setting outside its range.

    Notes
    -----
    It protects one person's record. Where the twin itself was trained on other people,
    their privacy is another matter, see `twinprivacy.defences`. Relatives
    whose answers tell of the person weaken it: `group_guarantee`.

    References
    ----------
    Dwork and Roth (2014), doi:10.1561/0400000042; Dong, Roth and Su (2022),
    doi:10.1111/rssb.12454; Mironov (2012), doi:10.1145/2382196.2382264, on why what
    `simulate` draws must not be released.

    Examples
    --------
    >>> noisy = NoisyAnswers(0.0, 100.0, mu=1.0, n_answers=4)
    >>> noisy.noise_scale().tolist(), noisy.guarantee()
    ([200.0], PrivacyGuarantee(epsilon=None, delta=0.0, mu=1.0))
    """

    lower: float | Sequence[float]
    upper: float | Sequence[float]
    _: KW_ONLY
    epsilon: float | None = None
    mu: float | None = None
    n_answers: int = 1
    clip: bool = False

    def __post_init__(self) -> None:
        """Refuse bounds and budgets that are none."""
        for name in ("lower", "upper"):
            given = getattr(self, name)
            if np.iterable(given):
                object.__setattr__(self, name, tuple(given))
        low, high = self._bounds()
        if low.shape != high.shape or not low.size or not _ascending(low, high):
            raise ParameterError(
                "lower and upper must be finite with lower < upper, as many of one as "
                "of the other, and their distance finite; got "
                f"{self.lower!r} and {self.upper!r}"
            )
        check_budget(self.guarantee())
        check_whole_number(self.n_answers, name="n_answers", least=1)

    def guarantee(self) -> PrivacyGuarantee:
        """Return what all answers about a person keep together."""
        return PrivacyGuarantee(epsilon=self.epsilon, mu=self.mu)

    def attribute_guarantee(self) -> PrivacyGuarantee:
        """Return what is kept between a person's answers and ones from the middle.

        Half of epsilon or mu, as the middle of the bounds is half as far as another
        record can be. `attribute_success_bound` and `attribute_bits_bound` may compare
        with any answer that knows nothing of the person, so this is the guarantee to
        give them: two records at the two bounds reach it.
        """
        if self.mu is not None:
            return PrivacyGuarantee(mu=self.mu / 2)
        assert self.epsilon is not None
        return PrivacyGuarantee(epsilon=self.epsilon / 2)

    def noise_scale(self, n_columns: int | None = None) -> Array:
        """Return the scale of the Laplace, or deviation of the normal, noise.

        Parameters
        ----------
        n_columns : int, optional
            k, numbers in an answer, 1 or more; without it as many as there are bounds.

        Returns
        -------
        numpy.ndarray
            Shape (k,), in the unit of the answers; 0 for an infinite budget.

        Raises
        ------
        ParameterError
            If there are bounds for another number of answers, or for none, or the noise
            is beyond what a float can hold.
        """
        low, high = self._bounds()
        k = low.size if n_columns is None else n_columns
        check_whole_number(k, name="n_columns", least=1)
        if low.size not in (1, k):
            raise ParameterError(
                f"lower and upper must be one number, or one for each of {k} answers; "
                f"got {low.size}"
            )
        scale = self._unit_scale(k) * np.broadcast_to((high - low) / 2, k)
        if not (scale < _MOST_NOISE / 2).all():
            raise ParameterError(
                "epsilon or mu must be so large that the noise is below "
                f"{_MOST_NOISE}; got {self.epsilon or self.mu!r}"
            )
        return np.asarray(2 * scale)

    def simulate(self, answers: npt.ArrayLike, *, rng: np.random.Generator) -> Array:
        """Return noisy answers from a seeded generator, to study and not to release.

        Parameters
        ----------
        answers : array_like
            Finite, shape (n,) or (n, k); those beyond the bounds are clipped first.
        rng : numpy.random.Generator

        Returns
        -------
        numpy.ndarray
            Of the same shape.

        Raises
        ------
        DataError
            For answers that are no finite numbers.
        """
        check_rng(rng)
        draw = rng.laplace if self.mu is None else rng.normal
        return self._noised(answers, draw)

    def release(self, answers: npt.ArrayLike) -> Array:
        """Return noisy answers by OpenDP, unseeded; otherwise as `simulate`.

        Raises
        ------
        DataError
            For answers that are no finite numbers.
        TwinPrivacyError
            Without OpenDP, the extra "private".
        """

        def draw(unit: Array, scale: float) -> Array:
            if self.mu is None:
                return _opendp.add_laplace(unit, scale=scale)
            return _opendp.add_normal(unit, sd=scale)

        return self._noised(answers, draw)

    def threat(self, threat: ThreatModel) -> ThreatModel:
        """Return the same threat with noisy answers, and no more than `n_answers`.

        Notes
        -----
        An attack adds the noise to what the twin says, and compares with what the
        equation says of each candidate. A threat does not clip either of them. Where
        one can leave the bounds, put `clipped` around both: the guarantee does not hold
        for noise on answers that were not clipped.

        Raises
        ------
        ParameterError
            For what an attack's likelihood does not know: Laplace noise, noise that is
            clipped or differs between answers, or answers noisy or rounded already.
        """
        if self.mu is None or self.clip:
            got = "epsilon" if self.mu is None else "clip=True"
            raise ParameterError(
                f"a threat can only express noise of a mu, not clipped; got {got}"
            )
        if threat.noise_sd or threat.output_precision is not None:
            raise ParameterError(
                "threat must have neither noise nor rounding yet; got noise_sd "
                f"{threat.noise_sd!r} and output_precision {threat.output_precision!r}"
            )
        scales = self.noise_scale(len(threat.answers))
        if scales.min() < scales.max():
            raise ParameterError(
                "a threat can only express the same noise for all answers; got bounds "
                f"{self.lower!r} and {self.upper!r}"
            )
        n_queries = min(threat.n_queries, self.n_answers)
        return replace(threat, noise_sd=float(scales[0]), n_queries=n_queries)

    def clipped(self, ask: Callable[[Any], npt.ArrayLike]) -> Callable[[Any], Array]:
        """Return a twin, or an equation of an attack, that keeps to the bounds.

        Parameters
        ----------
        ask : callable
            People to answers, (n,) or (n, k), or to the answers expected of candidates,
            (n, m) or (n, m, k): bounds for each of k answers need the last axis.

        Returns
        -------
        callable
            The same with answers that are clipped, before any noise.
        """
        return partial(self._ask_clipped, ask)

    def _ask_clipped(self, ask: Callable[[Any], npt.ArrayLike], people: Any) -> Array:
        said = np.asarray(ask(people), dtype=float)
        return np.asarray(np.clip(said, *self._bounds()))

    def _bounds(self) -> tuple[Array, Array]:
        try:
            low, high = np.array(self.lower, float), np.array(self.upper, float)
        except (TypeError, ValueError):
            low, high = np.array(math.nan), np.array(math.nan)
        return low.reshape(-1), high.reshape(-1)

    def _unit_scale(self, n_columns: int) -> float:
        """Return the noise of an answer whose bounds are 1 apart."""
        m = n_columns * self.n_answers
        if self.mu is not None:
            return math.sqrt(m) / self.mu
        assert self.epsilon is not None
        return m / self.epsilon

    def _noised(self, answers: npt.ArrayLike, draw: _Draw) -> Array:
        given = read_numbers(answers)
        k = given.shape[1] if given.ndim == 2 else 1
        scale, (low, high) = self.noise_scale(k), self._bounds()
        said = np.clip(given.reshape(-1, k), low, high)
        if scale.any() and said.size:
            # From the lower bound in units of the width: one scale for all columns.
            unit = np.clip((said - low) / (high - low), 0.0, 1.0)
            noisy = draw(unit.ravel(), self._unit_scale(k)).reshape(unit.shape)
            said = low + (high - low) * noisy
        if self.clip:
            said = np.clip(said, low, high)
        return np.asarray(said.reshape(given.shape))


def _ascending(low: Array, high: Array) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        width = high - low
    return bool((np.isfinite(width) & (width > 0)).all())
