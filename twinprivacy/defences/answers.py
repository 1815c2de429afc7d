r"""Defences of a twin's answers: rounding, and noise that keeps a privacy budget.

Each is a frozen setting that acts on answers of shape (n,), or (n, k) for k answers
about each person, from a seeded generator: it measures what a defence is worth. What a
keeper gives out takes a library that is hardened against attacks on its noise, such as
OpenDP, by which scales and budgets are tested here.

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
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_positive, check_rng, check_whole
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.attacks.inference.threats import ThreatModel
from twinprivacy.defences.declared import check_bounds, check_noise, read_budget
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import finite_floats

__all__ = [
    "NoisyAnswers",
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
    >>> rounded = RoundedAnswers(5.0)
    >>> rounded.simulate([33.1, 38.2], rng=np.random.default_rng(1)).tolist()
    [35.0, 40.0]
    """

    step: float

    def __post_init__(self) -> None:
        """Refuse a step that is none."""
        check_positive(self.step, name="step")

    def simulate(self, answers: npt.ArrayLike, *, rng: np.random.Generator) -> Array:
        """Return the rounded answers; nothing is drawn."""
        check_rng(rng)
        given = _read_answers(answers)
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
class NoisyAnswers:
    r"""Clip answers to declared bounds and add noise that keeps a privacy budget.

    With m numbers about a person in all, the noise is Laplace's of scale
    :math:`m (u - l) / \varepsilon`, or normal of deviation
    :math:`\sqrt m\, (u - l) / \mu`.

    Parameters
    ----------
    lower, upper : float
        Declared bounds of the answers, in their unit. They must not be the answers'
        own, which would tell of the extreme person.
    epsilon : float, optional
        Budget for Laplace noise, above 0; infinite for no noise, and no privacy.
    mu : float, optional
        Budget for normal noise, above 0; infinite for no noise. Exactly one of the two.
    n_answers : int
        How often a person may be asked about, 1 or more. The budget is for all of it
        together, all k numbers of each.

    Raises
    ------
    ParameterError
        For bounds that are not finite and ascending, or further apart than a float can
        hold, neither or both of the budgets, or a setting outside its range.

    Notes
    -----
    Noisy answers are not clipped again: an attack's likelihood is that of unclipped
    noise, and an attack that is wrong about the noise understates the leak.

    It protects one person's record. Where the twin itself was trained on other people,
    their privacy is another matter, see `twinprivacy.defences`. Relatives
    whose answers tell of the person weaken it: `group_guarantee`.

    References
    ----------
    Dwork and Roth (2014), doi:10.1561/0400000042; Dong, Roth and Su (2022),
    doi:10.1111/rssb.12454; Mironov (2012), doi:10.1145/2382196.2382264, on why what
    `simulate` draws must not be given out.

    Examples
    --------
    >>> noisy = NoisyAnswers(0.0, 100.0, mu=1.0, n_answers=4)
    >>> noisy.noise_scale(), noisy.guarantee()
    (200.0, PrivacyGuarantee(epsilon=None, delta=0.0, mu=1.0))
    """

    lower: float
    upper: float
    _: KW_ONLY
    epsilon: float | None = None
    mu: float | None = None
    n_answers: int = 1

    def __post_init__(self) -> None:
        """Refuse bounds and budgets that are none."""
        check_bounds(self.lower, self.upper, name="lower and upper")
        read_budget(epsilon=self.epsilon, mu=self.mu)
        check_whole(self.n_answers, name="n_answers")

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

    def noise_scale(self, n_columns: int = 1) -> float:
        """Return the scale of the Laplace, or deviation of the normal, noise.

        Parameters
        ----------
        n_columns : int
            k, numbers in an answer, 1 or more.

        Returns
        -------
        float
            In the unit of the answers; 0 for an infinite budget.

        Raises
        ------
        ParameterError
            If the noise is beyond what a float can hold.
        """
        check_whole(n_columns, name="n_columns")
        scale = self._unit_scale(n_columns) * (float(self.upper) - float(self.lower))
        check_noise(scale)
        return scale

    def simulate(self, answers: npt.ArrayLike, *, rng: np.random.Generator) -> Array:
        """Return noisy answers from a seeded generator, to study and not to give out.

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
        said = np.clip(_read_answers(answers), self.lower, self.upper)
        k = said.shape[1] if said.ndim == 2 else 1
        if self.noise_scale(k) == 0:
            return np.asarray(said)
        draw = rng.laplace if self.mu is None else rng.normal
        # From the lower bound in units of the width.
        width = self.upper - self.lower
        unit = np.clip((said - self.lower) / width, 0.0, 1.0)
        return np.asarray(self.lower + width * draw(unit, self._unit_scale(k)))

    def threat(self, threat: ThreatModel) -> ThreatModel:
        """Return the same threat with noisy answers, and no more than `n_answers`.

        Notes
        -----
        An attack adds the noise to what the twin says, and compares with what the
        equation says of each candidate. A threat does not clip either of them. Where
        one can leave the bounds, clip both: the guarantee does not hold for noise on
        answers that were not clipped.

        Raises
        ------
        ParameterError
            For what an attack's likelihood does not know: Laplace noise, or answers
            noisy or rounded already.
        """
        if self.mu is None:
            raise ParameterError(
                "a threat can only express noise of a mu; got an epsilon"
            )
        if threat.noise_sd or threat.output_precision is not None:
            raise ParameterError(
                "threat must have neither noise nor rounding yet; got noise_sd "
                f"{threat.noise_sd!r} and output_precision {threat.output_precision!r}"
            )
        n_queries = min(threat.n_queries, self.n_answers)
        scale = self.noise_scale(len(threat.answers))
        return replace(threat, noise_sd=scale, n_queries=n_queries)

    def _unit_scale(self, n_columns: int) -> float:
        """Return the noise of an answer whose bounds are 1 apart."""
        m = n_columns * self.n_answers
        if self.mu is not None:
            return math.sqrt(m) / float(self.mu)
        assert self.epsilon is not None
        return m / float(self.epsilon)


def _read_answers(answers: Any) -> Array:
    """Return a twin's answers as finite numbers, shape (n,) or (n, k)."""
    shape = np.shape(answers)
    if len(shape) not in (1, 2) or shape[1:] == (0,):
        raise DataError(
            "answers must have the shape (n,), or (n, k) with k of 1 or more; got "
            f"{shape}"
        )
    return finite_floats(pd.DataFrame(answers), name="answers").reshape(shape)
