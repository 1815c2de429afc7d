"""Cells of declared categories: who is in which, and what they add up to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import as_floats
from twinprivacy.errors import DataError, ParameterError

MOST_CELLS = 10_000_000
# Columns of the table beside those of `by`.
_OWN_COLUMNS = ("noisy_sum", "noisy_count", "mean")


@dataclass(frozen=True)
class Domain:
    """Declared values of each column, in the order in which cells are numbered."""

    values: dict[str, tuple[Any, ...]]

    def __len__(self) -> int:
        """Return the number of cells."""
        return math.prod(len(values) for values in self.values.values())

    def frame(self) -> pd.DataFrame:
        """Return a row for each cell."""
        index = pd.MultiIndex.from_product(
            list(self.values.values()), names=list(self.values)
        )
        return pd.DataFrame(index.to_frame(index=False))


def check_domain(by: Mapping[str, Sequence[Any]], outcome: str) -> Domain:
    """Return the declared values, each once and some of each column."""
    if not by:
        raise ParameterError("by must name one column or more; got none")
    if outcome in by:
        raise ParameterError(f"by must not name the outcome; got {outcome!r}")
    for column in by:
        if column in _OWN_COLUMNS:
            raise ParameterError(
                "by must not name noisy_sum, noisy_count or mean, columns of the "
                f"table; got {column!r}"
            )
    domain = Domain({column: tuple(values) for column, values in by.items()})
    for column, values in domain.values.items():
        distinct = _declared(column, values)
        if not values or distinct.has_duplicates or distinct.hasnans:
            raise ParameterError(
                f"by[{column!r}] must declare one value or more, each once and none "
                f"missing; got {len(values)} of which {distinct.nunique()} differ"
            )
    if len(domain) > MOST_CELLS:
        raise ParameterError(
            f"by must declare at most {MOST_CELLS:,} cells; got {len(domain):,}"
        )
    return domain


def _declared(column: str, values: tuple[Any, ...]) -> pd.Index:
    """Return the declared values of a column, a tuple being one value."""
    try:
        hash(values)
    except TypeError:
        raise ParameterError(
            f"by[{column!r}] must declare values such as text, numbers or tuples of "
            "them; got others"
        ) from None
    distinct: pd.Index = pd.Index(values, tupleize_cols=False)
    return distinct


def cell_numbers(
    frame: pd.DataFrame, domain: Domain, *, name: str
) -> npt.NDArray[np.intp]:
    """Return the number of each person's cell."""
    number = np.zeros(len(frame), dtype=np.intp)
    for column, values in domain.values.items():
        _check_column(frame, column, name)
        held = pd.Index(frame[column].astype(object), tupleize_cols=False)
        code = _declared(column, values).get_indexer(held)
        n_bad = int((code < 0).sum())
        if n_bad:
            # Which value it was would name the one person who has it.
            raise DataError(
                f"{name}[{column!r}] must hold declared values only; got {n_bad} of "
                f"{len(frame)} others"
            )
        number = number * len(values) + code
    return number


def read_outcome(
    frame: pd.DataFrame, outcome: str, lower: float, upper: float, *, name: str
) -> Array:
    """Return outcomes, clipped, from the middle in units of half the width."""
    _check_column(frame, outcome, name)
    try:
        values = as_floats(frame[outcome])
    except (TypeError, ValueError):
        raise DataError(
            f"{name}[{outcome!r}] must hold numbers only; got others"
        ) from None
    n_bad = int((~np.isfinite(values)).sum())
    if n_bad:
        raise DataError(
            f"{name}[{outcome!r}] must be finite; got {n_bad} of {len(values)} missing "
            "or infinite"
        )
    # Halves first: the width of bounds near the largest float would be infinite.
    half = upper / 2 - lower / 2
    middle = upper / 2 + lower / 2
    return np.asarray(np.clip((np.clip(values, lower, upper) - middle) / half, -1, 1))


def read_totals(
    frame: pd.DataFrame,
    domain: Domain,
    outcome: str,
    lower: float,
    upper: float,
    *,
    name: str = "frame",
) -> tuple[Array, Array]:
    """Return the sum and the count of each cell of people, each of whom has a row."""
    if frame.index.has_duplicates:
        raise DataError(
            f"{name} must have one row per person with an index of their own; got "
            f"{int(frame.index.duplicated().sum())} repeated"
        )
    number = cell_numbers(frame, domain, name=name)
    values = read_outcome(frame, outcome, lower, upper, name=name)
    return _cell_totals(number, values, len(domain))


def _cell_totals(
    number: npt.NDArray[np.intp], values: Array, n_cells: int
) -> tuple[Array, Array]:
    """Return the sum and the count of each cell, to the digit for any order of rows."""
    order = np.lexsort((values, number))
    sums = np.bincount(number[order], values[order], minlength=n_cells).astype(float)
    counts = np.bincount(number, minlength=n_cells).astype(float)
    return sums, counts


def _check_column(frame: pd.DataFrame, column: str, name: str) -> None:
    n_found = int((frame.columns == column).sum())
    if n_found != 1:
        raise DataError(f"{name} must have the column {column!r} once; got {n_found}")
