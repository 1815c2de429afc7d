"""A table's values as codes, and its people split into sets of those who look alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Integers
from twinprivacy._validation import check_choice
from twinprivacy.errors import DataError
from twinprivacy.tables import check_table

MISSING_RULES = ("value", "drop")
NOBODY = (
    "frame must have at least one person (with missing='drop': who lacks none of the "
    "columns); got none"
)


def read_people(
    frame: Any, names: Sequence[str], *, missing: str, also: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the named columns, without those who lack one of `names` if so ruled."""
    check_choice(missing, name="missing", allowed=MISSING_RULES)
    check_table(frame, name="frame", columns=[*names, *also], least=0)
    people: pd.DataFrame = frame[[*names, *also]]
    if missing == "drop":
        people = people[people[list(names)].notna().all(axis=1).to_numpy()]
    if not len(people):
        raise DataError(NOBODY)
    return people


# Cells of a table of counts for each person, above which a hash table takes over.
_CELLS_PER_PERSON = 4


@dataclass(frozen=True, eq=False, repr=False)
class Partition:
    """Sets of people who look the same; those who stand alone are set aside.

    More attributes never bring anybody back into a set, so that a person who is alone
    is not looked at again: d attributes cost d passes over fewer and fewer people.

    Attributes
    ----------
    n_people : int
    people : numpy.ndarray
        Rows of those who are not alone, ascending.
    labels : numpy.ndarray
        Set of each of them, from 0.
    sizes : numpy.ndarray
        People in each set, 2 or more.
    """

    n_people: int
    people: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    @property
    def n_unique(self) -> int:
        """Number of people who stand alone."""
        return self.n_people - len(self.people)

    def refined(self, codes: Integers, n_codes: int) -> "Partition":
        """Split every set by the codes, in [-1, n_codes), of its `people`."""
        width = n_codes + 1
        keys = self.labels * width + (codes + 1)
        n_cells = len(self.sizes) * width
        if n_cells > _CELLS_PER_PERSON * len(keys) + 256:
            keys, distinct = pd.factorize(keys)
            n_cells = len(distinct)
        counts = np.bincount(keys, minlength=n_cells)
        shared = counts > 1
        labels = np.cumsum(shared) - 1
        stays = shared[keys]
        people, labels = self.people[stays], labels[keys[stays]]
        return Partition(self.n_people, people, labels, counts[shared])

    @property
    def n_sets(self) -> int:
        """Number of sets, those of one person included."""
        return len(self.sizes) + self.n_unique

    def histogram(self) -> pd.DataFrame:
        """Return how many sets there are of each size: set_size, n_sets."""
        size, n_sets = np.unique(self.sizes, return_counts=True)
        if self.n_unique:
            size, n_sets = np.append(1, size), np.append(self.n_unique, n_sets)
        return pd.DataFrame({"set_size": size, "n_sets": n_sets})

    def set_sizes(self) -> npt.NDArray[np.int64]:
        """Return the size of everybody's set."""
        sizes = np.ones(self.n_people, dtype=np.int64)
        sizes[self.people] = self.sizes[self.labels]
        return sizes

    def set_labels(self) -> npt.NDArray[np.int64]:
        """Return everybody's set, from 0; those alone come last."""
        labels = np.empty(self.n_people, dtype=np.int64)
        alone = np.ones(self.n_people, dtype=bool)
        alone[self.people] = False
        labels[self.people] = self.labels
        labels[alone] = len(self.sizes) + np.arange(self.n_unique)
        return labels


def one_set(n_people: int) -> Partition:
    """Return the partition in which everybody looks the same."""
    people = np.arange(n_people if n_people > 1 else 0)
    sizes = np.full(min(len(people), 1), n_people)
    return Partition(n_people, people, np.zeros_like(people), sizes)


def split_stepwise(people: pd.DataFrame) -> Iterator[Partition]:
    """Split people by their first one, two, ... columns."""
    split = one_set(len(people))
    for name in people.columns:
        split = split.refined(*value_codes(people[name].iloc[split.people]))
        yield split


def split_people(people: pd.DataFrame) -> Partition:
    """Split people by all their columns."""
    split = one_set(len(people))
    for finer in split_stepwise(people):
        split = finer
    return split


# A span of whole numbers this many times the rows is coded without a hash table.
_SPAN_PER_ROW = 4


def value_codes(column: pd.Series) -> tuple[Integers, int]:
    """Return a code in [0, n) for each value, equal where values are, and n.

    Missing values of all kinds have the code -1. 0.0 and -0.0 are one value; 1 and 1.0
    are one value, as Python compares them; an infinity is a value like any other.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.int64), len(column.cat.categories)
    whole = isinstance(column.dtype, np.dtype) and column.dtype.kind in "biu"
    if whole and len(column):
        coded = _span_codes(column.to_numpy())
        if coded is not None:
            return coded
    codes, values = _distinct_values(column)
    return codes, len(values)


def ordered_codes(column: pd.Series) -> tuple[Integers, bool]:
    """Return a code for each value, none left out, and whether their order means much.

    Numbers, dates and categories are in their own order. Other values are in the order
    of their spelling; of two that are spelt alike, as 1 and "1", the name of the type
    comes first. A missing value is a value of its own and comes last.
    """
    kind = column.dtype
    if isinstance(kind, pd.CategoricalDtype):
        ordered = bool(kind.ordered)
    else:
        types = pd.api.types
        ordered = types.is_numeric_dtype(kind) or types.is_datetime64_any_dtype(kind)
    codes, values = _distinct_values(column)
    if ordered or isinstance(kind, pd.CategoricalDtype):
        order = np.asarray(values.argsort())
    else:
        names = [(str(value), type(value).__name__) for value in values]
        order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=int)
    places = np.full(len(values) + 1, len(values))
    places[order] = np.arange(len(values))
    return places[codes], ordered


def _distinct_values(column: pd.Series) -> tuple[Integers, Any]:
    """Return a code for each row, -1 where missing, and the values that they stand for.

    Values are one where Python says that they are equal.
    """
    try:
        codes, values = pd.factorize(column)
    except TypeError:
        raise DataError(
            f"column {column.name!r} must hold values that can be compared, such as "
            "numbers, texts or dates; got others"
        ) from None
    return codes.astype(np.int64, copy=False), values


def _span_codes(values: npt.NDArray[Any]) -> tuple[Integers, int] | None:
    """Return whole numbers counted from the smallest, if they lie close together."""
    low, high = int(values.min()), int(values.max())
    span = high - low + 1
    if span > _SPAN_PER_ROW * len(values) + 256 or high > np.iinfo(np.int64).max:
        return None
    return values.astype(np.int64) - low, span
