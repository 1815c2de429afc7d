"""Search of the subsets of columns that tell most people apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from twinprivacy._types import Integers
from twinprivacy.attacks._partition import Partition, one_set

# Differences of bits below this come from the order in which a sum was taken.
_DIGITS = 9
_SLACK = 1e-8


@dataclass(frozen=True, eq=False, repr=False)
class Counted:
    """A subset of columns and what it tells."""

    columns: tuple[int, ...]
    n_unique: int
    bits: float

    def rank(self, by: str, names: Sequence[str]) -> tuple[float, float, list[str]]:
        """Return a key that is smaller the more the subset tells; names break ties."""
        unique, bits = -float(self.n_unique), -round(self.bits, _DIGITS)
        first, second = (unique, bits) if by == "share_unique" else (bits, unique)
        return first, second, sorted(str(names[c]) for c in self.columns)


@dataclass(eq=False, repr=False)
class SubsetSearch:
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
    best: dict[int, list[Counted]] = field(default_factory=dict)
    n_counted: int = 0

    def exact(self, max_size: int) -> None:
        """Count every subset that may be among the best of its size."""
        start = one_set(len(self.coded[0][0]))
        alone = [start.refined(*column) for column in self.coded]
        # What tells most comes first: good subsets are found early, and more are left.
        order = sorted(range(len(alone)), key=lambda c: -set_bits(alone[c]))
        self._n_values = [split.n_sets for split in alone]
        self._bits = [set_bits(split) for split in alone]
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
        found = Counted((*columns, column), finer.n_unique, set_bits(finer))
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
            return most_unique(split, n_cells) >= least.n_unique
        bound = set_bits(split) + sum(self._bits[c] for c in added)
        return bound > least.bits - _SLACK

    def _names(self, columns: tuple[int, ...]) -> list[str]:
        return sorted(str(self.names[c]) for c in columns)


def most_unique(split: Partition, n_cells: int) -> int:
    """Bound the people alone once each set is split into at most `n_cells`.

    A set of s people has s of them alone at most; of s > n_cells people some share a
    cell, which leaves n_cells - 1.
    """
    sizes = split.sizes
    fits = sizes <= n_cells
    return split.n_unique + int(sizes[fits].sum()) + int((~fits).sum()) * (n_cells - 1)


def set_bits(split: Partition) -> float:
    """Return the mean over people of log2(n_people / size of their set)."""
    n = split.n_people
    shared = float((split.sizes * np.log2(n / split.sizes)).sum())
    return (shared + split.n_unique * math.log2(n)) / n
