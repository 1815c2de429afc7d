"""Who the rows are, so that a person counts once however many rows they have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import as_floats, finite_floats


@dataclass(frozen=True, repr=False)
class People:
    """The persons of a table, in the order of their names.

    Attributes
    ----------
    names : pandas.Index
        One a person.
    codes : numpy.ndarray
        Number of each row's person.
    """

    names: pd.Index
    codes: npt.NDArray[np.intp]

    def add_up(self, rows: Array) -> Array:
        """Add up the numbers of each person's rows, along the last axis."""
        if len(self.names) == len(self.codes) and np.array_equal(
            self.codes, np.arange(len(self.codes))
        ):
            return rows
        order = np.argsort(self.codes, kind="stable")
        starts = np.searchsorted(self.codes[order], np.arange(len(self.names)))
        return np.asarray(np.add.reduceat(rows[..., order], starts, axis=-1))

    def first_rows(self) -> npt.NDArray[np.intp]:
        """Return the first row of each person."""
        return np.asarray(np.unique(self.codes, return_index=True)[1])


def read_people(frame: pd.DataFrame, groups: str | None, *, name: str) -> People:
    """Return the persons of a checked table, each row one or as a column says."""
    if groups is None:
        return People(pd.Index(frame.index, name="person"), np.arange(len(frame)))
    if groups not in frame.columns:
        raise DataError(f"{name} must have the column of groups, {groups}")
    codes, names = pd.factorize(frame[groups], sort=True)
    n_missing = int((codes < 0).sum())
    if n_missing:
        raise DataError(
            f"{groups} must be known for everyone; got {n_missing} of {len(codes)} "
            "missing"
        )
    return People(pd.Index(names, name="person"), codes.astype(np.intp))


def check_table(
    frame: Any, *, name: str, least: int, columns: Sequence[str] = ()
) -> None:
    """Raise unless it is a table of enough rows, each with an index its own."""
    if not isinstance(frame, pd.DataFrame):
        kind = type(frame).__name__
        raise DataError(f"{name} must be a pandas.DataFrame; got {kind}")
    if len(frame) < least:
        raise DataError(f"{name} must have {least} rows at least; got {len(frame)}")
    n_repeated = int(frame.index.duplicated().sum())
    if n_repeated:
        raise DataError(
            f"{name} must have an index in which each row is itself; got "
            f"{n_repeated} of {len(frame)} repeated"
        )
    lacking = [column for column in columns if column not in frame.columns]
    if lacking:
        raise DataError(f"{name} must have the columns {', '.join(lacking)}")


def check_targets(targets: pd.DataFrame) -> None:
    """Raise unless persons have names, sides and scores, without showing any."""
    n = len(targets)
    n_nameless = int(pd.isna(targets.index.to_numpy()).sum())
    if n_nameless:
        raise DataError(
            f"targets must name everyone in the index; got {n_nameless} of {n} missing"
        )
    n_bad = int((~targets["member"].isin([True, False])).sum())
    if n_bad:
        raise DataError(f"member must be true or false; got {n_bad} of {n} others")
    for column in targets.columns.intersection(["score", "signal"]):
        try:
            values = as_floats(targets[column])
        except (TypeError, ValueError):
            raise DataError(f"{column} must hold numbers only; got others") from None
        n_bad = int((~np.isfinite(values)).sum())
        if n_bad:
            raise DataError(
                f"{column} must be finite; got {n_bad} of {n} missing or infinite"
            )


def check_by(by: Sequence[str]) -> None:
    """Raise if a column to keep would take the place of one of the attack's own."""
    taken = [c for c in by if c in ("member", "score", "signal", "round")]
    if taken:
        raise ParameterError(
            "by must not name a column of the attack's own (member, score, signal, "
            f"round); got {', '.join(taken)}"
        )


def targets_table(
    people: People,
    frame: pd.DataFrame,
    by: Sequence[str],
    sides: Sequence[tuple[bool, dict[str, Array]]],
) -> pd.DataFrame:
    """Lay scores of persons as members and as others below one another.

    Each side has columns of shape (rounds, persons).
    """
    check_by(by)
    labels = frame.iloc[people.first_rows()][list(by)]
    parts = []
    for member, columns in sides:
        n_rounds = len(next(iter(columns.values())))
        place = np.tile(np.arange(len(people.names)), n_rounds)
        part = pd.DataFrame(
            {"member": member, **{k: v.ravel() for k, v in columns.items()}},
            index=people.names[place],
        )
        part["round"] = np.repeat(np.arange(n_rounds), len(people.names))
        for column in by:
            part[column] = labels[column].array[place]
        parts.append(part)
    return pd.concat(parts)


# Half a tree of a hundred: a probability of 0, which a forest gives readily, must not
# outweigh a hundred other answers.
_HALF_A_TREE = 0.005


@dataclass(frozen=True, repr=False)
class Outcome:
    """What happened to people: numbers, 0 and 1, or times with events."""

    kind: str
    y: Array
    event: Array

    def take(self, rows: Any) -> "Outcome":
        """Return that of some of the people."""
        return Outcome(self.kind, self.y[rows], self.event[rows])


def read_outcome(
    frame: pd.DataFrame, outcome: str | tuple[str, str], *, name: str = "frame"
) -> Outcome:
    """Read the outcome of people, and of which kind it is."""
    names = list(outcome) if isinstance(outcome, tuple) else [outcome]
    lacking = [column for column in names if column not in frame.columns]
    if lacking:
        raise DataError(f"{name} must have the outcome; missing: {', '.join(lacking)}")
    values = [finite_floats(frame[column], name=column) for column in names]
    if isinstance(outcome, tuple):
        _check_flags(values[1], names[1])
        return Outcome("survival", values[0], values[1])
    is_flag = bool(np.isin(values[0], (0, 1)).all())
    return Outcome("probability" if is_flag else "number", values[0], values[0])


def _check_flags(values: Array, column: str) -> None:
    n_bad = int((~np.isin(values, (0, 1))).sum())
    if n_bad:
        raise DataError(f"{column} must be true or false; got {n_bad} others")


def check_days(days: Array, column: str, *, name: str) -> None:
    """Raise unless events are on whole days."""
    n_torn = int((days % 1 != 0).sum())
    if n_torn:
        raise DataError(
            f"{column} must be in whole days; got {n_torn} of {len(days)} {name} with "
            "the event on parts of days"
        )


def ask(model: Any, people: pd.DataFrame, kind: str) -> Array:
    """Return what a model says of people, checked."""
    predict: Callable[[pd.DataFrame], Any] = getattr(model, "predict", model)
    said = np.asarray(predict(people), dtype=float)
    if said.shape != (len(people),):
        raise DataError(
            f"the model must give one answer for each of {len(people)} people; got "
            f"shape {said.shape}"
        )
    n_bad = int((~np.isfinite(said)).sum())
    if kind == "probability":
        n_bad = int((~((said >= 0) & (said <= 1))).sum())
    elif kind == "survival":
        n_bad = int((~(np.isfinite(said) & (said > 0))).sum())
    if n_bad:
        allowed = {
            "probability": "probabilities from 0 to 1",
            "survival": "relative hazards above 0",
            "number": "finite numbers",
        }[kind]
        raise DataError(
            f"the model must answer with {allowed}; got {n_bad} of {said.size} others"
        )
    return said


def hear(
    said: Array, kind: str, *, output_precision: float | None, label_only: bool
) -> Array:
    """Return what of an answer reaches the attacker."""
    if label_only and kind != "probability":
        raise ParameterError(
            "label_only must be False unless the outcome is true or false; got True "
            f"for a {kind}"
        )
    if label_only:
        return np.asarray(said >= 0.5, dtype=float)
    if output_precision is None:
        return said
    rounded = np.asarray(np.round(said / output_precision) * output_precision)
    if kind == "survival":
        # A hazard rounded to nothing is read as half a step.
        rounded = np.maximum(rounded, output_precision / 2)
    # A step that does not divide 1 would round a sure answer beyond it.
    return np.minimum(rounded, 1.0) if kind == "probability" else rounded


def evidence(heard: Array, kind: str) -> Array:
    """Put answers on the scale on which they are nearest to normal."""
    if kind == "probability":
        return np.asarray(np.log((heard + _HALF_A_TREE) / (1 - heard + _HALF_A_TREE)))
    return np.log(heard) if kind == "survival" else heard


def direction(outcome: Outcome, usual: Array) -> Array:
    """Return which way training on a person pulls the answer about them."""
    if outcome.kind == "number":
        return np.sign(outcome.y - usual)
    if outcome.kind == "survival":
        # Someone with the event, but later than usual, pulls their hazard down.
        expected = _cumulative_hazard(usual, outcome) * np.exp(usual)
        return np.where(outcome.event > expected, 1.0, -1.0)
    return 2 * outcome.event - 1


def log_likelihood(heard: Array, outcome: Outcome) -> Array:
    """Return how well an answer fits what happened, the higher the better."""
    if outcome.kind == "number":
        return -((outcome.y - heard) ** 2)
    if outcome.kind == "probability":
        p = np.where(outcome.event == 1, heard, 1 - heard)
        return np.asarray(np.log(p + _HALF_A_TREE))
    if outcome.kind == "count":
        return np.asarray(outcome.y * np.log(heard) - heard)
    score = np.log(heard)
    hazard = _cumulative_hazard(score, outcome)
    return np.asarray(outcome.event * score - hazard * heard)


def _cumulative_hazard(score: Array, outcome: Outcome) -> Array:
    """Estimate Breslow's baseline from those attacked, at each one's last day."""
    from twinprivacy.twins.outcome.survival import fit_baseline

    y = np.empty(len(score), dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = outcome.event == 1, outcome.y
    baseline = fit_baseline(score, y)
    place = np.searchsorted(baseline.days, outcome.y, side="right")
    return np.concatenate([[0.0], baseline.cumulative_hazard])[place]
