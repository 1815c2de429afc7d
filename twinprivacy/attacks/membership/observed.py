"""What an attacker on membership observes of a twin, and whose the rows are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_positive
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import check_table, finite_floats, read_persons

__all__ = [
    "MembershipThreat",
]


@dataclass(frozen=True)
class MembershipThreat:
    """Say what an attacker on membership observes of a twin's answers.

    The attacker always knows the person's features, for they are what is asked, and
    what happened to the person.

    Attributes
    ----------
    output_precision : float, optional
        Step that each answer is rounded to, in the unit of the answer, above 0; None
        for every digit.
    label_only : bool
        Whether a probability is observed as yes or no only.

    Raises
    ------
    ParameterError
        For a precision that is not above 0, or one together with `label_only`.

    Examples
    --------
    >>> MembershipThreat(output_precision=0.01)
    MembershipThreat(output_precision=0.01, label_only=False)
    """

    output_precision: float | None = None
    label_only: bool = False

    def __post_init__(self) -> None:
        """Refuse a precision that is none."""
        if self.output_precision is None:
            return
        check_positive(self.output_precision, name="output_precision")
        if self.label_only:
            raise ParameterError(
                "output_precision must be None with label_only; got "
                f"{self.output_precision!r}"
            )


@dataclass(frozen=True, repr=False)
class Persons:
    """Whose the rows of a table are, persons in the order of their names.

    Attributes
    ----------
    names : pandas.Index
        One a person.
    codes : numpy.ndarray
        Number of each row's person.
    """

    names: pd.Index
    codes: Indices

    def add_up(self, rows: Array) -> Array:
        """Add up the numbers of each person's rows, along the last axis."""
        if len(self.names) == len(self.codes) and np.array_equal(
            self.codes, np.arange(len(self.codes))
        ):
            return rows
        order = np.argsort(self.codes, kind="stable")
        starts = np.searchsorted(self.codes[order], np.arange(len(self.names)))
        return np.asarray(np.add.reduceat(rows[..., order], starts, axis=-1))

    def mean(self, rows: Array) -> Array:
        """Return the mean of each person's rows, along the last axis."""
        return self.add_up(rows) / self.add_up(np.ones(len(self.codes)))


def persons_of(frame: pd.DataFrame, groups: str | None, *, name: str) -> Persons:
    """Return whose the rows of a checked table are: each its own, or by a column."""
    if groups is None:
        return Persons(pd.Index(frame.index, name="person"), np.arange(len(frame)))
    check_table(frame, name=name, columns=[groups])
    codes, names = read_persons(frame[groups], len(frame), name=groups)
    return Persons(names, codes)


def check_by(by: Sequence[str]) -> None:
    """Raise if a column to keep would take the place of one of the attack's own."""
    taken = [c for c in by if c in ("member", "score", "signal", "round")]
    if taken:
        raise ParameterError(
            "by must not name a column of the attack's own (member, score, signal, "
            f"round); got {', '.join(taken)}"
        )


def targets_of(
    persons: Persons,
    frame: pd.DataFrame,
    *,
    member: bool,
    by: Sequence[str] = (),
    **columns: Array,
) -> pd.DataFrame:
    """Return persons as members, or as others, in rows: a person and round each.

    Columns have the shape (rounds, persons); those of `by` are of a person's first row.
    """
    check_by(by)
    first_rows = np.unique(persons.codes, return_index=True)[1]
    n_rounds, n = len(next(iter(columns.values()))), len(persons.names)
    place = np.tile(np.arange(n), n_rounds)
    targets = pd.DataFrame(
        {"member": member, **{name: rows.ravel() for name, rows in columns.items()}},
        index=persons.names[place],
    )
    targets["round"] = np.repeat(np.arange(n_rounds), n)
    for column in by:
        targets[column] = frame[column].iloc[first_rows].array[place]
    return targets


@dataclass(frozen=True, repr=False)
class Happened:
    """What happened to people: numbers, 0 and 1, or times with events."""

    kind: str
    y: Array
    event: Array


def read_outcome(
    frame: pd.DataFrame, outcome: str | tuple[str, str], *, name: str = "frame"
) -> Happened:
    """Read the outcome of people, and of which kind it is."""
    columns = list(outcome) if isinstance(outcome, tuple) else [outcome]
    check_table(frame, name=name, columns=columns)
    values = [finite_floats(frame[column], name=column) for column in columns]
    n_others = int((~np.isin(values[-1], (0, 1))).sum())
    if not isinstance(outcome, tuple):
        kind = "number" if n_others else "probability"
        return Happened(kind, values[0], values[0])
    if n_others:
        raise DataError(f"{columns[1]} must be true or false; got {n_others} others")
    return Happened("survival", values[0], values[1])


_ALLOWED = {
    "probability": "probabilities from 0 to 1",
    "survival": "relative hazards above 0",
    "number": "finite numbers",
}


def predict(model: Any, people: pd.DataFrame, kind: str) -> Array:
    """Return what a model answers about people, checked."""
    answer: Callable[[pd.DataFrame], Any] = getattr(model, "predict", model)
    outputs = np.asarray(answer(people), dtype=float)
    if outputs.shape != (len(people),):
        raise DataError(
            f"the model must give one answer for each of {len(people)} people; got "
            f"shape {outputs.shape}"
        )
    is_allowed = np.isfinite(outputs)
    if kind == "probability":
        is_allowed &= (outputs >= 0) & (outputs <= 1)
    elif kind == "survival":
        is_allowed &= outputs > 0
    n_bad = int((~is_allowed).sum())
    if n_bad:
        raise DataError(
            f"the model must answer with {_ALLOWED[kind]}; got {n_bad} of "
            f"{outputs.size} others"
        )
    return outputs


def observe(outputs: Array, kind: str, threat: MembershipThreat | None) -> Array:
    """Return what of a model's outputs reaches the attacker."""
    threat = MembershipThreat() if threat is None else threat
    step = threat.output_precision
    if threat.label_only and kind != "probability":
        raise ParameterError(
            "label_only must be False unless the outcome is true or false; got True "
            f"for a {kind}"
        )
    if threat.label_only:
        return np.asarray(outputs >= 0.5, dtype=float)
    if step is None:
        return outputs
    rounded = np.asarray(np.round(outputs / step) * step)
    if kind == "survival":
        # A hazard rounded to nothing is read as half a step.
        rounded = np.maximum(rounded, step / 2)
    # A step that does not divide 1 would round a sure answer beyond it.
    return np.minimum(rounded, 1.0) if kind == "probability" else rounded


# Half a tree of a hundred: a probability of 0, which a forest gives readily, must not
# outweigh a hundred other answers.
_HALF_A_TREE = 0.005


def evidence(observed: Array, kind: str) -> Array:
    """Put answers on the scale on which they are nearest to normal."""
    if kind == "probability":
        return np.asarray(
            np.log((observed + _HALF_A_TREE) / (1 - observed + _HALF_A_TREE))
        )
    return np.log(observed) if kind == "survival" else observed


def direction(happened: Happened, usual: Array) -> Array:
    """Return which way training on a person pulls the answer about them."""
    if happened.kind == "number":
        return np.sign(happened.y - usual)
    if happened.kind == "survival":
        # Someone with the event, but later than usual, pulls their hazard down.
        expected = _cumulative_hazard(usual, happened) * np.exp(usual)
        return np.where(happened.event > expected, 1.0, -1.0)
    return 2 * happened.event - 1


def log_likelihood(observed: Array, happened: Happened) -> Array:
    """Return how well an answer fits what happened, the higher the better."""
    if happened.kind == "number":
        return -((happened.y - observed) ** 2)
    if happened.kind == "probability":
        p = np.where(happened.event == 1, observed, 1 - observed)
        return np.asarray(np.log(p + _HALF_A_TREE))
    if happened.kind == "count":
        return np.asarray(happened.y * np.log(observed) - observed)
    score = np.log(observed)
    hazard = _cumulative_hazard(score, happened)
    return np.asarray(happened.event * score - hazard * observed)


def _cumulative_hazard(score: Array, happened: Happened) -> Array:
    """Estimate Breslow's baseline from those attacked, at each one's last day."""
    from twinprivacy.twins.outcome.survival import fit_baseline

    y = np.empty(len(score), dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = happened.event == 1, happened.y
    baseline = fit_baseline(score, y)
    place = np.searchsorted(baseline.days, happened.y, side="right")
    return np.concatenate([[0.0], baseline.cumulative_hazard])[place]
