"""Who the rows are, so that a person counts once however many rows they have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import as_floats
from twinprivacy.errors import DataError, ParameterError


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
