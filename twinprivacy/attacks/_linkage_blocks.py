"""Candidates in blocks of near neighbours with bounding boxes, for the kernels."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array, Indices

# Less work than this (pairs times columns) is not worth waking another thread.
SMALL_WORK = 10_000_000


@dataclass(frozen=True, eq=False, repr=False)
class Costs:
    """What each column of the encoded tables costs.

    Attributes
    ----------
    kinds : numpy.ndarray
        For each column the kind of comparison (see `_linkage_kernels`).
    costs : numpy.ndarray
        Shape (columns, levels): the cost of each level, 0 or more.
    cuts : numpy.ndarray
        Shape (columns, levels - 1): upper ends of the levels.
    missing : numpy.ndarray
        For each column the cost where a side is missing.
    weights : numpy.ndarray
        For each column its weight.
    skip : bool
        Whether only what is known on both sides counts, scaled up to all columns.
    """

    kinds: npt.NDArray[np.int64]
    costs: Array
    cuts: Array
    missing: Array
    weights: Array
    skip: bool

    def packed(self) -> tuple[Any, ...]:
        """Return the tuple that the kernels take."""
        missing = np.zeros_like(self.missing) if self.skip else self.missing
        return (
            self.kinds,
            self.costs,
            self.cuts,
            missing,
            self.weights,
            self.skip,
            float(self.missing.sum()),
        )


@dataclass(frozen=True, eq=False, repr=False)
class Gallery:
    """Candidates in the order of their blocks.

    Attributes
    ----------
    columns : numpy.ndarray
        Shape (columns, candidates).
    order : numpy.ndarray
        Row of the right table at each place.
    low, high : numpy.ndarray
        Shape (blocks, columns): the bounding boxes; infinite where a column cannot
        bound a cost.
    """

    columns: Array
    order: Indices
    low: Array
    high: Array

    def place_of(self, rows: Indices) -> Indices:
        """Return the places of rows; -1 stays."""
        inverse = np.empty(self.order.size, dtype=np.intp)
        inverse[self.order] = np.arange(self.order.size)
        return np.where(rows < 0, -1, inverse[rows])


def arrange(right: Array, costs: Costs) -> Gallery:
    """Split candidates at medians of their widest column until they fill blocks."""
    from twinprivacy.attacks._linkage_kernels import ABSOLUTE, BLOCK, SQUARE

    numbers = np.flatnonzero((costs.kinds == SQUARE) | (costs.kinds == ABSOLUTE))
    order = _split(right[:, numbers], BLOCK)
    arranged = right[order]
    starts = range(0, len(right), BLOCK)
    low = np.full((len(starts), right.shape[1]), -np.inf)
    high = np.full_like(low, np.inf)
    for block, start in enumerate(starts):
        part = arranged[start : start + BLOCK, numbers]
        whole = ~np.isnan(part).any(axis=0)
        low[block, numbers[whole]] = part[:, whole].min(axis=0)
        high[block, numbers[whole]] = part[:, whole].max(axis=0)
    return Gallery(np.ascontiguousarray(arranged.T), order, low, high)


def _split(points: Array, size: int) -> Indices:
    """Return an order in which every `size` rows are near neighbours."""
    done: list[Indices] = []
    waiting = [np.arange(len(points))]
    while waiting:
        rows = waiting.pop()
        if rows.size <= size or not points.shape[1]:
            done.append(rows)
            continue
        part = np.nan_to_num(points[rows], nan=0.0)
        column = part[:, int(np.ptp(part, axis=0).argmax())]
        # Whole blocks go left, so that only the last block is not full.
        half = size * ((rows.size // size + 1) // 2)
        ranks = np.argpartition(column, half - 1)
        waiting += [rows[ranks[half:]], rows[ranks[:half]]]
    return np.concatenate(done)


@contextmanager
def threads_for(work: int) -> Iterator[None]:
    """Run small work on one thread: waiting for others on a busy machine is slower."""
    import numba

    before = numba.get_num_threads()
    numba.set_num_threads(1 if work < SMALL_WORK else before)
    try:
        yield
    finally:
        numba.set_num_threads(before)
