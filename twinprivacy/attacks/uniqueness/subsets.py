"""Which few columns name people: the subsets that tell most apart."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from twinprivacy._types import Integers
from twinprivacy._validation import check_choice
from twinprivacy.attacks.uniqueness.parquet import ParquetPeople, opened_people
from twinprivacy.attacks.uniqueness.partition import (
    Partition,
    check_names,
    check_people,
    drop_missing,
    one_set,
    value_codes,
)
from twinprivacy.errors import ParameterError

__all__ = [
    "RiskySubsets",
    "risky_subsets",
]


MEMORY_LIMIT_GIB = 4.0


@dataclass(frozen=True, eq=False, repr=False)
class RiskySubsets:
    """Hold the columns that tell most people apart, and what the search cost.

    Attributes
    ----------
    subsets : pandas.DataFrame
        Columns n_attributes, attributes (tuple of column names), share_unique (of
        people who stand alone), bits (mean log2 of how much a person's set shrinks);
        for each size the best subsets, best first. Exact for the table given.
    n_people : int
    n_subsets : int
        Subsets up to the size asked for.
    n_counted : int
        Subsets that were counted; bounds, or greed, spared the others.
    """

    subsets: pd.DataFrame
    n_people: int
    n_subsets: int
    n_counted: int

    def __repr__(self) -> str:
        """Show the best subset of the largest size, and the cost."""
        size = self.subsets["n_attributes"].max()
        best = self.subsets[self.subsets["n_attributes"] == size].iloc[0]
        return (
            f"RiskySubsets({', '.join(map(str, best['attributes']))}: "
            f"share_unique={best['share_unique']:.3g} of {self.n_people} people; "
            f"{self.n_counted} of {self.n_subsets} subsets counted)"
        )


def risky_subsets(
    frame: pd.DataFrame | str | Path,
    columns: Sequence[str],
    *,
    max_size: int = 3,
    search: str = "exact",
    by: str = "share_unique",
    n_best: int = 10,
    missing: str = "value",
    memory_limit_gib: float = MEMORY_LIMIT_GIB,
    temporary_directory: str | Path | None = None,
) -> RiskySubsets:
    """Find the columns that, known together, tell most people apart.

    Each subset is counted from the sets of one that has a column less, in one pass over
    the people who are not alone there. The exact search leaves out a subset only where
    a bound keeps it from the best: a set of s people that is split into c cells has at
    most s people alone, or c - 1 where s > c; and bits add up to no more than those of
    the parts.

    Parameters
    ----------
    frame : pandas.DataFrame, str or pathlib.Path
        One row a person; or a parquet file of them, where the exact search has no
        bounds and counts every subset.
    columns : sequence of str
        Columns that an attacker may come to know.
    max_size : int
        Most columns known together, from 1 to their number.
    search : {"exact", "greedy"}
        "greedy" adds to the best subset of each size the column that then tells most:
        at most `max_size` times the number of columns are counted, and the result may
        be a lesser one.
    by : {"share_unique", "bits"}
        What is best; the other decides between equals, then the names.
    n_best : int
        Subsets of each size to return, 1 or more.
    missing : {"value", "drop"}
        As for `anonymity_sets`; "drop" leaves out who lacks any of `columns`.
    memory_limit_gib, temporary_directory
        For a file, as for `anonymity_sets`.

    Returns
    -------
    RiskySubsets

    Raises
    ------
    ParameterError
        If a name repeats, a size is outside its range or a choice is unknown.
    DataError
        If a column is absent or repeats, or nobody is (left) in the table.

    References
    ----------
    Sweeney (2002), doi:10.1142/S0218488502001648.

    Examples
    --------
    >>> people = pd.DataFrame({
    ...     "sex": list("ffmmfm"), "age": [30, 40, 30, 40, 30, 50], "left": [1] * 6})
    >>> found = risky_subsets(people, ["sex", "age", "left"], max_size=2, n_best=1)
    >>> found.subsets.round(3)
       n_attributes   attributes  share_unique   bits
    0             1       (age,)         0.167  1.459
    1             2  (sex, age)         0.667  2.252
    """
    names = check_names(columns, name="columns")
    for option, value, most in (
        ("max_size", max_size, len(names)),
        ("n_best", n_best, None),
    ):
        _check_count(value, name=option, most=most)
    check_choice(search, name="search", allowed=("exact", "greedy"))
    check_choice(by, name="by", allowed=("share_unique", "bits"))
    check_choice(missing, name="missing", allowed=("value", "drop"))
    if isinstance(frame, str | Path):
        options = (missing, memory_limit_gib, temporary_directory)
        in_file = _FileSearch(names, by, n_best)
        in_file.run(frame, max_size, search, *options)
        return _result(in_file, in_file.n_people, max_size)
    people = check_people(frame, names, name="columns")
    if missing == "drop":
        people = drop_missing(people, names)
    found = _SubsetSearch([value_codes(people[n]) for n in names], names, by, n_best)
    found.exact(max_size) if search == "exact" else found.greedy(max_size)
    return _result(found, len(people), max_size)


def _result(
    found: "_SubsetSearch | _FileSearch", n_people: int, max_size: int
) -> RiskySubsets:
    sizes = range(1, max_size + 1)
    n_subsets = sum(math.comb(len(found.names), size) for size in sizes)
    table = _table(found.best, found.names, n_people)
    return RiskySubsets(table, n_people, n_subsets, found.n_counted)


@dataclass(frozen=True, eq=False, repr=False)
class _Counted:
    """A subset of columns and what it tells."""

    columns: tuple[int, ...]
    n_unique: int
    bits: float

    def rank(self, by: str, names: Sequence[str]) -> tuple[float, float, list[str]]:
        """Return a key that is smaller the more the subset tells; names break ties."""
        unique, bits = -float(self.n_unique), -round(self.bits, _DIGITS)
        first, second = (unique, bits) if by == "share_unique" else (bits, unique)
        return first, second, sorted(str(names[c]) for c in self.columns)


def _table(
    found: dict[int, list[_Counted]], names: Sequence[str], n_people: int
) -> pd.DataFrame:
    rows = [
        {
            "n_attributes": size,
            "attributes": tuple(names[c] for c in sorted(subset.columns)),
            "share_unique": subset.n_unique / n_people,
            "bits": subset.bits,
        }
        for size, best in sorted(found.items())
        for subset in best
    ]
    return pd.DataFrame(rows)


def _check_count(value: int, *, name: str, most: int | None) -> None:
    if value < 1 or (most is not None and value > most):
        allowed = "1 or more" if most is None else f"from 1 to {most}"
        raise ParameterError(f"{name} must be {allowed}; got {value!r}")


# Differences of bits below this come from the order in which a sum was taken.
_DIGITS = 9
_SLACK = 1e-8


@dataclass(eq=False, repr=False)
class _SubsetSearch:
    """Count subsets of columns, each from the sets of a smaller one.

    Attributes
    ----------
    coded : list of tuple
        Codes of each column and their number.
    names : sequence of str
    by : str
        "share_unique" or "bits".
    n_best : int
        Subsets of each size that are kept.
    best : dict
        Of each size the subsets kept, best first.
    n_counted : int
        Subsets that were counted.
    """

    coded: list[tuple[Integers, int]]
    names: Sequence[str]
    by: str
    n_best: int
    best: dict[int, list[_Counted]] = field(default_factory=dict)
    n_counted: int = 0

    def exact(self, max_size: int) -> None:
        """Count every subset that may be among the best of its size."""
        start = one_set(len(self.coded[0][0]))
        alone = [start.refined(*column) for column in self.coded]
        # What tells most comes first: good subsets are found early, and more are left.
        order = sorted(range(len(alone)), key=lambda c: -_set_bits(alone[c]))
        self._n_values = [split.n_sets for split in alone]
        self._bits = [_set_bits(split) for split in alone]
        self._descend(start, (), order, max_size)

    def greedy(self, max_size: int) -> None:
        """Add to the best subset of each size the column that then tells most."""
        split = one_set(len(self.coded[0][0]))
        columns: tuple[int, ...] = ()
        for size in range(1, max_size + 1):
            for column in range(len(self.coded)):
                if column not in columns:
                    self._count(split, columns, column)
            columns = self.best[size][0].columns
            codes, n_codes = self.coded[columns[-1]]
            split = split.refined(codes[split.people], n_codes)

    def _descend(
        self, split: Partition, columns: tuple[int, ...], order: list[int], deepest: int
    ) -> None:
        size = len(columns) + 1
        for place, column in enumerate(order):
            rest = order[place + 1 :]
            most = min(deepest, size + len(rest))
            promising = [
                s
                for s in range(size, most + 1)
                if self._may_be_best(split, (*columns, column), rest, s)
            ]
            if not promising:
                continue
            finer = self._count(split, columns, column)
            if promising[-1] > size:
                self._descend(finer, (*columns, column), rest, promising[-1])

    def _count(
        self, split: Partition, columns: tuple[int, ...], column: int
    ) -> Partition:
        codes, n_codes = self.coded[column]
        finer = split.refined(codes[split.people], n_codes)
        self.n_counted += 1
        found = _Counted((*columns, column), finer.n_unique, _set_bits(finer))
        kept = [*self.best.get(len(found.columns), []), found]
        kept.sort(key=lambda counted: counted.rank(self.by, self.names))
        self.best[len(found.columns)] = kept[: self.n_best]
        return finer

    def _may_be_best(
        self, split: Partition, columns: tuple[int, ...], rest: list[int], size: int
    ) -> bool:
        """Return whether no bound keeps all supersets of a size from the best.

        `split` knows all `columns` but the last; `rest` are those that may follow.
        """
        kept = self.best.get(size, [])
        if len(kept) < self.n_best:
            return True
        least, n_more = kept[-1], size - len(columns)
        if least.n_unique == split.n_people:
            # Nothing tells more than what tells everybody apart: names decide.
            first = sorted(rest, key=lambda c: str(self.names[c]))[:n_more]
            if self._names((*columns, *first)) > self._names(least.columns):
                return False
        worth = self._n_values if self.by == "share_unique" else self._bits
        widest = sorted(rest, key=lambda c: -worth[c])[:n_more]
        added = [columns[-1], *widest]
        if self.by == "share_unique":
            n_cells = math.prod(self._n_values[c] for c in added)
            return _most_unique(split, n_cells) >= least.n_unique
        bound = _set_bits(split) + sum(self._bits[c] for c in added)
        return bound > least.bits - _SLACK

    def _names(self, columns: tuple[int, ...]) -> list[str]:
        return sorted(str(self.names[c]) for c in columns)


def _most_unique(split: Partition, n_cells: int) -> int:
    """Bound the people alone once each set is split into at most `n_cells`.

    A set of s people has s of them alone at most; of s > n_cells people some share a
    cell, which leaves n_cells - 1.
    """
    sizes = split.sizes
    fits = sizes <= n_cells
    return split.n_unique + int(sizes[fits].sum()) + int((~fits).sum()) * (n_cells - 1)


def _set_bits(split: Partition) -> float:
    """Return the mean over people of log2(n_people / size of their set)."""
    n = split.n_people
    shared = float((split.sizes * np.log2(n / split.sizes)).sum())
    return (shared + split.n_unique * math.log2(n)) / n


@dataclass(eq=False, repr=False)
class _FileSearch:
    """Count subsets of the columns of a file, and keep the best of each size.

    Attributes
    ----------
    names : sequence of str
    by : str
        "share_unique" or "bits".
    n_best : int
        Subsets of each size that are kept.
    best : dict
        Of each size the subsets kept, best first.
    n_counted : int
        Subsets that were counted.
    n_people : int
    """

    names: Sequence[str]
    by: str
    n_best: int
    best: dict[int, list[_Counted]] = field(default_factory=dict)
    n_counted: int = 0
    n_people: int = 0

    def run(
        self,
        path: str | Path,
        max_size: int,
        search: str,
        missing: str,
        memory_limit_gib: float,
        temporary_directory: str | Path | None,
    ) -> None:
        """Search; subsets are added up from the sets of all columns where they are few.

        The exact search counts every subset: no sets are kept from which to bound one.
        """
        with opened_people(
            path,
            self.names,
            name="columns",
            missing=missing,
            memory_limit_gib=memory_limit_gib,
            temporary_directory=temporary_directory,
        ) as people:
            self.n_people = people.n_people
            if people.shrinks(self.names):
                people = people.grouped(self.names)
            if search == "exact":
                self._exact(people, max_size)
            else:
                self._greedy(people, max_size)

    def _exact(self, people: ParquetPeople, max_size: int) -> None:
        every = range(len(self.names))
        for size in range(1, max_size + 1):
            for columns in itertools.combinations(every, size):
                self._count(people, columns)

    def _greedy(self, people: ParquetPeople, max_size: int) -> None:
        columns: tuple[int, ...] = ()
        for size in range(1, max_size + 1):
            for column in range(len(self.names)):
                if column not in columns:
                    self._count(people, (*columns, column))
            columns = self.best[size][0].columns

    def _count(self, people: ParquetPeople, columns: tuple[int, ...]) -> None:
        sets = people.sets([self.names[c] for c in columns])
        n_unique = round(sets.share_unique * sets.n_people)
        self.n_counted += 1
        found = _Counted(columns, n_unique, sets.bits)
        kept = [*self.best.get(len(columns), []), found]
        kept.sort(key=lambda counted: counted.rank(self.by, self.names))
        self.best[len(columns)] = kept[: self.n_best]
