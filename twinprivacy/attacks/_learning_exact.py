"""People who agree in every digit: what they share, and a model for everyone else."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array

# How many people's worth of the base model a cell is shrunk by.
EXACT_WEIGHTS = (0.1, 1.0, 10.0)
# Where fewer people agree with somebody else, there is nothing to be had from it.
MIN_SHARE_MATCHED = 0.05


@dataclass(frozen=True, eq=False, repr=False)
class Exact:
    """Sums within each cell of equal rows, shrunk to what another model says.

    Attributes
    ----------
    cells : numpy.ndarray
        Shape (n_cells,), ascending.
    sums : numpy.ndarray
        Counts of the values, shape (n_cells, n_values); or sums of a number, (n_cells,)
    sizes : numpy.ndarray
        Rows of each cell, shape (n_cells,).
    base : object
        A fitted model with a path.
    """

    cells: Array
    sums: Array
    sizes: Array
    base: Any

    def path(self, x: Array) -> list[Array]:
        """Return (sum + weight base) / (size + weight) by setting of base and weight.

        The first column is the cell, the others are what the base reads.
        """
        cell = x[:, 0]
        at = np.minimum(np.searchsorted(self.cells, cell), len(self.cells) - 1)
        is_seen = self.cells[at] == cell
        size = np.where(is_seen, self.sizes[at], 0.0)
        total = np.where(_like(is_seen, self.sums), self.sums[at], 0.0)
        return [
            (total + w * base) / _like(size + w, base)
            for base in self.base.path(x[:, 1:])
            for w in EXACT_WEIGHTS
        ]


def fit_exact(x: Array, truth: Array, base: Any) -> Exact:
    """Sum the truth, ones and zeros or a number, within each cell of `x[:, 0]`."""
    cells, at, sizes = np.unique(x[:, 0], return_inverse=True, return_counts=True)
    sums = np.zeros((len(cells), *truth.shape[1:]))
    np.add.at(sums, at, truth)
    return Exact(cells, sums, sizes.astype(float), base)


def share_matched(cell: Array, groups: npt.ArrayLike | None) -> float:
    """Return the share of rows whose cell holds a row of another group too."""
    group = np.arange(len(cell)) if groups is None else np.asarray(groups)
    _, at = np.unique(cell, return_inverse=True)
    _, group = np.unique(group, return_inverse=True)
    pairs = np.unique(np.column_stack([at, group]), axis=0)
    n_groups = np.bincount(pairs[:, 0])
    return float(np.mean(n_groups[at] > 1))


def _like(per_row: npt.NDArray[Any], array: Array) -> npt.NDArray[Any]:
    return per_row if array.ndim == 1 else per_row[:, np.newaxis]
