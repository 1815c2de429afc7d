"""Split people into sets of those who look the same, one attribute at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Integers
from twinprivacy.errors import DataError, ParameterError

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
        if stays.all():
            return Partition(self.n_people, self.people, labels[keys], counts[shared])
        keys = keys[stays]
        return Partition(
            self.n_people, self.people[stays], labels[keys], counts[shared]
        )

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
    n_together = n_people if n_people > 1 else 0
    sizes = np.array([n_people] if n_together else [], dtype=np.int64)
    labels = np.zeros(n_together, dtype=np.int64)
    return Partition(n_people, np.arange(n_together), labels, sizes)


# A span of whole numbers this many times the rows is coded without a hash table.
_SPAN_PER_ROW = 4


def value_codes(column: pd.Series) -> tuple[Integers, int]:
    """Return a code in [0, n) for each value, equal where values are, and n.

    Missing values of all kinds have the code -1. 0.0 and -0.0 are one value; 1 and 1.0
    are one value, as Python compares them; an infinity is a value like any other.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.int64), len(column.cat.categories)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biu":
        coded = _span_codes(column.to_numpy())
        if coded is not None:
            return coded
    codes, values = distinct_values(column)
    return codes, len(values)


def distinct_values(column: pd.Series) -> tuple[Integers, Any]:
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
    if not len(values):
        return np.empty(0, dtype=np.int64), 0
    low, high = int(values.min()), int(values.max())
    span = high - low + 1
    if span > _SPAN_PER_ROW * len(values) + 256 or high > np.iinfo(np.int64).max:
        return None
    return values.astype(np.int64) - low, span


def check_people(
    frame: Any, names: Sequence[str], *, name: str = "quasi_identifiers"
) -> pd.DataFrame:
    """Return the named columns of a frame of people, once each, all there."""
    if not isinstance(frame, pd.DataFrame):
        raise ParameterError(
            "frame must be a pandas.DataFrame or the path of a parquet file; got "
            f"{type(frame).__name__}"
        )
    repeated = frame.columns[frame.columns.duplicated()].unique()
    if len(repeated):
        raise DataError(
            f"frame must name each column once; repeated: {_list(repeated)}"
        )
    absent = [column for column in names if column not in frame.columns]
    if absent:
        raise DataError(f"{name} must be columns of frame; it lacks {_list(absent)}")
    if not len(frame):
        raise DataError("frame must have at least one person; got none")
    return frame[list(names)]


def check_names(names: Any, *, name: str) -> tuple[str, ...]:
    """Return names of columns as a tuple: at least one, none twice."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ParameterError(
            f"{name} must be a sequence of column names; got {type(names).__name__}"
        )
    found = tuple(names)
    if not found:
        raise ParameterError(f"{name} must hold at least one column; got none")
    twice = sorted({str(column) for column in found if found.count(column) > 1})
    if twice:
        raise ParameterError(f"{name} must hold each column once; got {_list(twice)}")
    return found


def drop_missing(people: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return those who lack nothing in these columns, one person or more."""
    told = people[people[list(names)].notna().all(axis=1).to_numpy()]
    if not len(told):
        raise DataError(
            "frame must have at least one person without missing values where missing "
            f"is 'drop'; got none of {len(people)}"
        )
    return told


def _list(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names))
