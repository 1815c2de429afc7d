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

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array
from twinprivacy._validation import check_positive, check_rng
from twinprivacy.attacks.threats import ThreatModel
from twinprivacy.defences._checks import check_whole_number, read_numbers
from twinprivacy.defences._noisy_answers import NoisyAnswers
from twinprivacy.defences._randomised_answers import RandomisedAnswers
from twinprivacy.errors import ParameterError

__all__ = ["NoisyAnswers", "QueryLimit", "RandomisedAnswers", "RoundedAnswers"]

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
