"""How a secret is spread within sets of people, against the whole table."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array, Integers


@dataclass(frozen=True, eq=False, repr=False)
class SetValues:
    """Counts of each value in each set: one cell for each pair that occurs.

    Attributes
    ----------
    n_sets : int
    sets, values : numpy.ndarray
        Set and value of each cell, ascending by set, then by value.
    counts : numpy.ndarray
        People in each cell, 1 or more.
    shares : numpy.ndarray
        Share of each value in the whole table.
    """

    n_sets: int
    sets: Integers
    values: Integers
    counts: Integers
    shares: Array

    @property
    def sizes(self) -> Array:
        """People in each set."""
        return self._sum(self.counts)

    @property
    def within(self) -> Array:
        """Share of each cell in its set."""
        shares: Array = self.counts / self.sizes[self.sets]
        return shares

    def n_values(self) -> Integers:
        """Count the distinct values of each set."""
        return np.bincount(self.sets, minlength=self.n_sets).astype(np.int64)

    def largest_share(self) -> Array:
        """Return the share of the commonest value of each set."""
        largest = np.zeros(self.n_sets)
        np.maximum.at(largest, self.sets, self.within)
        return largest

    def entropy(self) -> Array:
        """Return the entropy of each set in nats."""
        return np.maximum(-self._sum(self.within * np.log(self.within)), 0.0)

    def divergence_bits(self) -> Array:
        """Return Kullback and Leibler's divergence of each set from the table."""
        ratio = self.within / self.shares[self.values]
        return np.maximum(self._sum(self.within * np.log2(ratio)), 0.0)

    def equal_distance(self) -> Array:
        """Return the earth mover's distance where all values are equally far apart."""
        share = self.shares[self.values]
        there = self._sum(np.abs(self.within - share))
        absent = 1.0 - self._sum(share)
        return np.clip((there + absent) / 2, 0.0, 1.0)

    def ordered_distance(self, gaps: Array) -> Array:
        """Return the earth mover's distance of values in order, `gaps` apart.

        It is the sum over gaps of the difference of the two cumulated shares. That of
        a set is constant between its cells and that of the table rises, so that each
        stretch has one place where they cross, and prefix sums give both parts.
        """
        below = np.cumsum(self.shares)[:-1]
        width = np.concatenate([[0.0], np.cumsum(gaps)])
        weight = np.concatenate([[0.0], np.cumsum(gaps * below)])
        is_last = np.append(self.sets[1:] != self.sets[:-1], True)
        is_first = np.append(True, is_last[:-1])
        level = self._cumulated(is_first)
        start = self.values
        stop = np.where(is_last, len(gaps), np.append(self.values[1:], 0))
        cross = np.clip(np.searchsorted(below, level), start, stop)
        before = level * (width[cross] - width[start]) - (weight[cross] - weight[start])
        after = (weight[stop] - weight[cross]) - level * (width[stop] - width[cross])
        lead = np.where(is_first, weight[start], 0.0)
        return np.clip(self._sum(before + after + lead), 0.0, 1.0)

    def _cumulated(self, is_first: npt.NDArray[np.bool_]) -> Array:
        """Return the share of each set that lies at or below each of its cells."""
        total = np.cumsum(self.counts)
        before = (total - self.counts)[is_first]
        level: Array = (total - before[self.sets]) / self.sizes[self.sets]
        return level

    def _sum(self, of_cell: npt.NDArray[np.float64] | Integers) -> Array:
        return np.bincount(self.sets, of_cell, self.n_sets).astype(float)


def count_values(labels: Integers, codes: Integers, n_codes: int) -> SetValues:
    """Count the values, coded from 0 with none left out, of sets labelled from 0."""
    cells, counts = np.unique(labels * n_codes + codes, return_counts=True)
    shares = np.bincount(codes, minlength=n_codes) / len(codes)
    sets, values = np.divmod(cells, n_codes)
    return SetValues(int(labels.max()) + 1, sets, values, counts, shares)
