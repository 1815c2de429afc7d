"""Which few columns name people: the subsets that tell most apart."""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from twinprivacy._types import Integers
from twinprivacy._validation import check_choice, check_whole
from twinprivacy.attacks.uniqueness.anonymity import AnonymitySets
from twinprivacy.attacks.uniqueness.parquet import (
    MEMORY_LIMIT_GIB,
    ParquetPeople,
    opened_people,
)
from twinprivacy.attacks.uniqueness.partition import (
    Partition,
    one_set,
    read_people,
    value_codes,
)
from twinprivacy.tables import check_names

__all__ = [
    "RiskySubsets",
    "risky_subsets",
]


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
    n_best: int = 10,
    missing: str = "value",
    memory_limit_gib: float = MEMORY_LIMIT_GIB,
) -> RiskySubsets:
    """Find the columns that, known together, tell most people apart.

    Each subset is counted from the sets of one that has a column less, in one pass over
    the people who are not alone there. The exact search leaves out a subset only where
    a bound keeps it from the best: a set of s people that is split into c cells has at
    most s people alone, or c - 1 where s > c. Between subsets that single out as many
    people bits decide, then the names.

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
    n_best : int
        Subsets of each size to return, 1 or more.
    missing : {"value", "drop"}
        As for `anonymity_sets`; "drop" leaves out who lacks any of `columns`.
    memory_limit_gib : float
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
    check_whole(max_size, name="max_size", most=len(names))
    check_whole(n_best, name="n_best")
    check_choice(search, name="search", allowed=("exact", "greedy"))
    best = _Best(names, n_best)
    if isinstance(frame, str | Path):
        with opened_people(
            frame, names, missing=missing, memory_limit_gib=memory_limit_gib
        ) as counted:
            n_people = counted.n_people
            _search_file(counted, best, max_size, search)
    else:
        people = read_people(frame, names, missing=missing)
        n_people = len(people)
        table = _TableSearch([value_codes(people[name]) for name in names], best)
        table.exact(max_size) if search == "exact" else table.greedy(max_size)
    n_subsets = sum(math.comb(len(names), size) for size in range(1, max_size + 1))
    return RiskySubsets(best.table(n_people), n_people, n_subsets, best.n_counted)


# Differences of bits below this come from the order in which a sum was taken.
_DIGITS = 9


@dataclass(frozen=True, eq=False, repr=False)
class _Counted:
    """A subset of columns and what it tells; its rank is smaller the more that is."""

    columns: tuple[int, ...]
    n_unique: int
    bits: float
    rank: tuple[int, float, list[str]]


@dataclass(eq=False, repr=False)
class _Best:
    """The best subsets of each size so far, best first, and how many were counted."""

    names: list[str]
    n_best: int
    found: dict[int, list[_Counted]] = field(default_factory=dict)
    n_counted: int = 0

    def add(self, columns: tuple[int, ...], n_unique: int, bits: float) -> None:
        """Keep a subset if it is among the best of its size."""
        self.n_counted += 1
        rank = (-n_unique, -round(bits, _DIGITS), self.spelt(columns))
        counted = _Counted(columns, n_unique, bits, rank)
        kept = [*self.found.get(len(columns), []), counted]
        kept.sort(key=lambda subset: subset.rank)
        self.found[len(columns)] = kept[: self.n_best]

    def add_greedily(
        self, count: Callable[[tuple[int, ...]], tuple[int, float]], max_size: int
    ) -> None:
        """Count the best subset of each size with every further column."""
        columns: tuple[int, ...] = ()
        for size in range(1, max_size + 1):
            for column in range(len(self.names)):
                if column not in columns:
                    more = (*columns, column)
                    self.add(more, *count(more))
            columns = self.found[size][0].columns

    def spelt(self, columns: Sequence[int]) -> list[str]:
        """Return the names of columns in their own order."""
        return sorted(str(self.names[column]) for column in columns)

    def table(self, n_people: int) -> pd.DataFrame:
        """Return one row a subset, by size."""
        rows = [
            {
                "n_attributes": size,
                "attributes": tuple(self.names[c] for c in sorted(subset.columns)),
                "share_unique": subset.n_unique / n_people,
                "bits": subset.bits,
            }
            for size, kept in sorted(self.found.items())
            for subset in kept
        ]
        return pd.DataFrame(rows)


class _TableSearch:
    """Count subsets of the coded columns of a table, each from one column less."""

    def __init__(self, coded: list[tuple[Integers, int]], best: _Best) -> None:
        self.coded, self.best = coded, best
        self.start = one_set(len(coded[0][0]))

    def exact(self, max_size: int) -> None:
        """Count every subset that may be among the best of its size."""
        alone = [self._refined(self.start, c) for c in range(len(self.coded))]
        # What tells most comes first: good subsets are found early, and more are left.
        order = sorted(range(len(alone)), key=lambda c: -_set_bits(alone[c]))
        self._n_values = [split.n_sets for split in alone]
        self._descend(self.start, (), order, max_size)

    def greedy(self, max_size: int) -> None:
        """Add to the best subset of each size the column that then tells most."""

        @functools.lru_cache(maxsize=1)
        def known(columns: tuple[int, ...]) -> Partition:
            return functools.reduce(self._refined, columns, self.start)

        def count(columns: tuple[int, ...]) -> tuple[int, float]:
            split = self._refined(known(columns[:-1]), columns[-1])
            return split.n_unique, _set_bits(split)

        self.best.add_greedily(count, max_size)

    def _refined(self, split: Partition, column: int) -> Partition:
        codes, n_codes = self.coded[column]
        return split.refined(codes[split.people], n_codes)

    def _descend(
        self, split: Partition, columns: tuple[int, ...], order: list[int], deepest: int
    ) -> None:
        """Count the subsets of these columns and some of those in order."""
        size = len(columns) + 1
        for place, column in enumerate(order):
            rest, more = order[place + 1 :], (*columns, column)
            promising = [
                s
                for s in range(size, min(deepest, size + len(rest)) + 1)
                if self._may_be_best(split, more, rest, s)
            ]
            if not promising:
                continue
            finer = self._refined(split, column)
            self.best.add(more, finer.n_unique, _set_bits(finer))
            if promising[-1] > size:
                self._descend(finer, more, rest, promising[-1])

    def _may_be_best(
        self, split: Partition, columns: tuple[int, ...], rest: list[int], size: int
    ) -> bool:
        """Return whether no bound keeps all supersets of a size from the best.

        `split` knows all `columns` but the last; `rest` are those that may follow.
        """
        kept = self.best.found.get(size, [])
        if len(kept) < self.best.n_best:
            return True
        least, n_more = kept[-1], size - len(columns)
        if least.n_unique == split.n_people:
            # Nothing tells more than what tells everybody apart: names decide.
            first = sorted(rest, key=lambda c: self.best.spelt([c]))[:n_more]
            if self.best.spelt([*columns, *first]) > self.best.spelt(least.columns):
                return False
        most = sorted((self._n_values[c] for c in rest), reverse=True)[:n_more]
        n_cells = math.prod([self._n_values[columns[-1]], *most])
        return _most_unique(split, n_cells) >= least.n_unique


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


def _search_file(
    people: ParquetPeople, best: _Best, max_size: int, search: str
) -> None:
    """Count subsets of a file's columns, all of them if the search is exact.

    They are added up from the sets of all columns where these are few. No sets are kept
    from which to bound a subset.
    """
    if people.shrinks(best.names):
        people = people.grouped(best.names)

    def count(columns: tuple[int, ...]) -> tuple[int, float]:
        names = tuple(best.names[column] for column in columns)
        sets = AnonymitySets(names, people.n_people, people.histogram(names))
        return round(sets.share_unique * sets.n_people), sets.bits

    if search == "greedy":
        best.add_greedily(count, max_size)
        return
    for size in range(1, max_size + 1):
        for columns in itertools.combinations(range(len(best.names)), size):
            best.add(columns, *count(columns))
