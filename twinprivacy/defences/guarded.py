"""A twin behind its defences: it counts its answers and stops when they are spent."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import date
from numbers import Real
from threading import Lock
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._validation import check_rng
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.defences.budgets import repeat, split
from twinprivacy.errors import DataError, ParameterError

__all__ = [
    "AnswerDefence",
    "GuardedTwin",
    "guard",
]


Ask = Callable[[pd.DataFrame], npt.ArrayLike]
# One for all twins, held for as long as counting takes: a twin with a lock of its own
# could not be sent to a worker.
_COUNTING = Lock()


class AnswerDefence(Protocol):
    """What can be done to a twin's answers, as in `twinprivacy.defences.answers`.

    With an attribute `n_answers` it also limits how often a person is asked about.
    """

    def simulate(self, answers: Any, *, rng: np.random.Generator) -> npt.NDArray[Any]:
        """Return defended answers from a seeded generator."""
        ...

    def release(self, answers: Any) -> npt.NDArray[Any]:
        """Return defended answers as a keeper gives them out."""
        ...

    def guarantee(self) -> PrivacyGuarantee | None:
        """Return what all answers about a person keep together, None for nothing."""
        ...


@dataclass(eq=False, repr=False)
class GuardedTwin:
    """Answer about people through defences, as often as these allow; see `guard`.

    It is the one object here that changes: a budget is a count of what was said.

    Attributes
    ----------
    ask : callable
        The twin: people to answers, shape (n,) or (n, k).
    defences : tuple of AnswerDefence
        In the order in which they are applied.
    rng : numpy.random.Generator, optional
        Simulates the defences; None releases.
    """

    ask: Ask
    defences: tuple[AnswerDefence, ...]
    rng: np.random.Generator | None = None
    _answered: Counter[Hashable] = field(default_factory=Counter, init=False)

    def __repr__(self) -> str:
        """Show the defences and what was spent, and nobody's answers."""
        return f"GuardedTwin(defences={list(self.defences)}, spent={self.spent})"

    def __call__(self, people: pd.DataFrame) -> npt.NDArray[Any]:
        """Answer about people, and count one answer for each row.

        Parameters
        ----------
        people : pandas.DataFrame
            Labels of the index say who is who: a person keeps theirs from call to call.

        Returns
        -------
        numpy.ndarray
            What the twin says after all defences, of the same shape.

        Raises
        ------
        DataError
            For people without labels, or if the twin does not answer once for each.
        ParameterError
            If a person would be answered about more often than allowed. Then nobody
            is, and nothing is spent.

        Notes
        -----
        People are charged before the twin is asked, and get nothing back where it, or a
        defence, fails: an error tells of them too.
        """
        self._charge(_count(people))
        answers: Any = self.ask(people)
        if np.shape(answers)[:1] != (len(people),):
            raise DataError(
                f"ask must give one answer for each of {len(people)} people; got the "
                f"shape {np.shape(answers)}"
            )
        for defence, rng in zip(self.defences, self._spawn(), strict=True):
            if rng is None:
                answers = defence.release(answers)
            else:
                answers = defence.simulate(answers, rng=rng)
        return np.asarray(answers)

    @property
    def limit(self) -> float:
        """Answers allowed about a person; infinite where no defence has a limit."""
        return min((_limit(defence) for defence in self.defences), default=np.inf)

    @property
    def answered(self) -> pd.Series:
        """Answers given so far about each person, on their labels."""
        return pd.Series(dict(self._answered), name="n_answers", dtype=int)

    @property
    def spent(self) -> PrivacyGuarantee | None:
        """What was kept so far for the person asked about most often.

        None where no defence guarantees anything.
        """
        for defence in self.defences:
            total = defence.guarantee()
            if total is not None:
                # Without a limit of its own, a guarantee is for each answer.
                limit = _limit(defence)
                each = split(total, int(limit)) if np.isfinite(limit) else total
                return repeat(each, max(self._answered.values(), default=0))
        return None

    def _charge(self, asked: Counter[Hashable]) -> None:
        """Count the answers, unless that is more than a person may be given."""
        with _COUNTING:
            after = self._answered + asked
            n_over = sum(after[person] > self.limit for person in asked)
            if not n_over:
                self._answered = after
        if n_over:
            raise ParameterError(
                f"a person may be asked about {self.limit} times; got more for "
                f"{n_over} of {len(asked)} people"
            )

    def _spawn(self) -> list[Any]:
        if self.rng is None:
            return [None] * len(self.defences)
        with _COUNTING:
            return self.rng.spawn(len(self.defences))


def guard(
    ask: Ask,
    defences: Sequence[AnswerDefence],
    *,
    rng: np.random.Generator | None = None,
) -> GuardedTwin:
    """Put defences before a twin.

    Parameters
    ----------
    ask : callable
        People to answers, shape (n,) or (n, k): a twin.
    defences : sequence of AnswerDefence
        Applied in this order. One of them at most has a guarantee: on the same answer a
        second one adds noise and no budget. What follows it costs nothing and breaks
        nothing.
    rng : numpy.random.Generator, optional
        Simulates the defences, so that a study can be repeated. Without it they are
        released, by OpenDP where noise is needed.

    Returns
    -------
    GuardedTwin
        A callable like `ask`.

    Raises
    ------
    ParameterError
        If `ask` is not callable, a defence is none of answers, or two have guarantees.

    Notes
    -----
    People are counted as the asker names them, in this object alone: a copy, as each
    parallel worker gets one, starts its own count from there. That an answer is missing
    is told as an error, which no noise hides: a guarantee holds for a twin that answers
    about everybody.

    Examples
    --------
    >>> from twinprivacy.defences import NoisyAnswers, RoundedAnswers
    >>> people = pd.DataFrame({"dose": [20.0, 45.0]}, index=["a", "b"])
    >>> twin = guard(
    ...     lambda p: p["dose"],
    ...     [NoisyAnswers(0, 100, epsilon=40.0, n_answers=2), RoundedAnswers(5.0)],
    ...     rng=np.random.default_rng(1))
    >>> twin(people).tolist()
    [25.0, 40.0]
    >>> twin.spent
    PrivacyGuarantee(epsilon=20.0, delta=0.0, mu=None)
    """
    if not callable(ask):
        raise ParameterError(f"ask must be callable; got {type(ask).__name__}")
    if rng is not None:
        check_rng(rng)
    for defence in defences:
        methods = ("simulate", "release", "guarantee")
        if not all(callable(getattr(defence, name, None)) for name in methods):
            raise ParameterError(
                "defences must act on answers, as in twinprivacy.defences.answers; got "
                f"{type(defence).__name__}"
            )
    private = [one for one in defences if one.guarantee() is not None]
    if len(private) > 1:
        raise ParameterError(
            "defences must hold one guarantee at most; got "
            f"{', '.join(type(one).__name__ for one in private)}"
        )
    return GuardedTwin(ask, tuple(defences), rng)


def _limit(defence: AnswerDefence) -> float:
    return getattr(defence, "n_answers", np.inf)


def _count(people: Any) -> Counter[Hashable]:
    if not isinstance(people, pd.DataFrame):
        raise DataError(
            f"people must be a pandas.DataFrame; got {type(people).__name__}"
        )
    index = people.index
    labels = [] if isinstance(index, pd.MultiIndex) else index.tolist()
    # Of other kinds an asker could make two that are one person, and count as two.
    is_known = [isinstance(label, str | Real | date) for label in labels]
    if len(labels) < len(index) or index.hasnans or not all(is_known):
        raise DataError(
            "people must have one label each in their index, a text, number or date, "
            "none missing; got others"
        )
    return Counter(labels)
