"""Columns of any kind as numbers that a model can read, one way for each model."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.tables import check_table, read_numbers

# Into how many bins of equal numbers of people a table cuts a number.
BINNINGS = (2, 4, 8)
# Up to so many distinct values, a table keeps each, and splines have a knot at each.
MAX_TABLE_VALUES = 12
MAX_KNOT_VALUES = 5
MAX_LEVELS = 64
_MISSING = "\0missing"
_HASH = np.uint64(1_000_003)


@dataclass(frozen=True, eq=False, repr=False)
class _NumberColumn:
    """A number: median, scale, spline and bins of the people learned from."""

    name: Any
    median: float
    share_missing: float
    center: float
    scale: float
    knots: Array
    keep: npt.NDArray[np.bool_]
    rotation: Array
    edges: tuple[Array, ...]

    def plain(self, column: pd.Series) -> Array:
        """Return the number as it is and, where any was missing, a flag of that."""
        x, flag = self._read(column)
        return np.column_stack([x, flag]) if self.share_missing else x[:, None]

    def curved(self, column: pd.Series) -> Array:
        """Return uncorrelated terms of a restricted cubic spline, and the flag."""
        x, flag = self._read(column)
        z = (x - self.center) / self.scale
        terms = (_spline_terms(z, self.knots)[:, self.keep] @ self.rotation)[:, 1:]
        if not self.share_missing:
            return terms
        return np.column_stack([terms, 2 * (flag - self.share_missing)])

    def cells(self, column: pd.Series) -> npt.NDArray[np.uint64]:
        """Return the bin of each person, shape (n, n_binnings)."""
        x, flag = self._read(column)
        bins = np.column_stack([np.searchsorted(edges, x) for edges in self.edges])
        if self.share_missing:
            bins[flag] = MAX_TABLE_VALUES + 1
        return bins.astype(np.uint64)

    def exact(self, column: pd.Series) -> npt.NDArray[np.uint64]:
        """Return a hash of the number to nine digits of its SD, shape (n, 1).

        The last digits of one answer differ by who else is asked about.
        """
        x, flag = self._read(column)
        z = np.round((x - self.center) / self.scale, 9) + 0.0  # no zero below zero
        return pd.util.hash_array(np.where(flag, np.nan, z))[:, None]

    def _read(self, column: pd.Series) -> tuple[Array, npt.NDArray[np.bool_]]:
        x = read_numbers(column, name=repr(self.name))
        flag = np.isnan(x)
        return np.where(flag, self.median, x), flag


@dataclass(frozen=True, eq=False, repr=False)
class _CategoryColumn:
    """A category: its commonest levels, missing one of them; others are all zeros."""

    name: Any
    levels: pd.Index
    shares: Array

    def plain(self, column: pd.Series) -> Array:
        """Return one column of zeros and ones for each level."""
        return np.equal.outer(self._read(column), np.arange(len(self.levels))).astype(
            float
        )

    def curved(self, column: pd.Series) -> Array:
        """Return the zeros and ones less their means, a level of half the people SD 1.

        Not divided by the standard deviation: a ridge must shrink rare levels most.
        """
        return np.asarray(2 * (self.plain(column) - self.shares))

    def cells(self, column: pd.Series) -> npt.NDArray[np.uint64]:
        """Return the level of each person, the same in every binning."""
        level = (self._read(column) + 1).astype(np.uint64)
        return np.repeat(level[:, None], len(BINNINGS), axis=1)

    def exact(self, column: pd.Series) -> npt.NDArray[np.uint64]:
        """Return a hash of the level, shape (n, 1)."""
        return pd.util.hash_array(self._read(column))[:, None]

    def _read(self, column: pd.Series) -> npt.NDArray[np.intp]:
        return self.levels.get_indexer(pd.Index(_read_labels(column), dtype=object))


@dataclass(frozen=True, eq=False, repr=False)
class Encoder:
    """Columns learned from some people, without a look at the secret."""

    columns: tuple[_NumberColumn | _CategoryColumn, ...]

    def plain(self, features: pd.DataFrame) -> Array:
        """Return numbers as they are and levels as zeros and ones, a row a person."""
        parts = [column.plain(given) for column, given in self._match(features)]
        return _side_by_side(parts, len(features))

    def curved(self, features: pd.DataFrame) -> Array:
        """Return the terms of splines, and levels less their means."""
        parts = [column.curved(given) for column, given in self._match(features)]
        return _side_by_side(parts, len(features))

    def cells(self, features: pd.DataFrame) -> npt.NDArray[np.uint64]:
        """Return the combination of bins and levels, shape (n, n_binnings)."""
        parts = [column.cells(given) for column, given in self._match(features)]
        return _combine_cells(parts, len(features), len(BINNINGS))

    def matched(self, features: pd.DataFrame) -> Array:
        """Return the cell of rows that agree in every digit, then what `curved` does.

        A float holds whole numbers of 53 bits.
        """
        parts = [column.exact(given) for column, given in self._match(features)]
        cell = (_combine_cells(parts, len(features), 1) >> 11).astype(float)
        return np.column_stack([cell, self.curved(features)])

    def _match(
        self, features: pd.DataFrame
    ) -> list[tuple[_NumberColumn | _CategoryColumn, pd.Series]]:
        names = [column.name for column in self.columns]
        check_table(features, name="features", columns=names)
        return [(column, features[column.name]) for column in self.columns]


def learn_encoder(features: pd.DataFrame) -> Encoder:
    """Learn scales, knots, bins and levels; columns without any variation go."""
    columns: list[_NumberColumn | _CategoryColumn | None] = []
    for name in features.columns:
        column = features[name]
        if pd.api.types.is_numeric_dtype(column):
            columns.append(_learn_number(name, read_numbers(column, name=repr(name))))
        else:
            columns.append(_learn_category(name, column))
    return Encoder(tuple(column for column in columns if column is not None))


def _learn_number(name: Any, x: Array) -> _NumberColumn | None:
    is_missing = np.isnan(x)
    seen = x[~is_missing]
    if not len(seen):
        return None
    distinct = np.unique(seen)
    if len(distinct) == 1 and not is_missing.any():
        return None
    median = float(np.median(seen))
    filled = np.where(is_missing, median, x)
    center, scale = float(filled.mean()), float(filled.std()) or 1.0
    z = (filled - center) / scale
    knots = _place_knots((seen - center) / scale, (distinct - center) / scale)
    terms = _spline_terms(z, knots)
    keep = np.abs(np.diag(np.linalg.qr(terms, mode="r"))) > 1e-6 * np.sqrt(len(x))
    rotation = np.linalg.inv(np.linalg.qr(terms[:, keep], mode="r")) * np.sqrt(len(x))
    if len(distinct) <= MAX_TABLE_VALUES:
        edges = ((distinct[:-1] + distinct[1:]) / 2,) * len(BINNINGS)
    else:
        edges = tuple(
            np.unique(np.quantile(seen, np.arange(1, n) / n)) for n in BINNINGS
        )
    return _NumberColumn(
        name, median, is_missing.mean(), center, scale, knots, keep, rotation, edges
    )


def _learn_category(name: Any, column: pd.Series) -> _CategoryColumn | None:
    counts = pd.Series(_read_labels(column), dtype=object).value_counts()
    # Sorted by what they say, so that the order of categories or rows is of no matter.
    counts = counts.iloc[
        sorted(
            range(len(counts)), key=lambda i: (-counts.iloc[i], str(counts.index[i]))
        )
    ]
    if len(counts) < 2:
        return None
    counts = counts.iloc[:MAX_LEVELS]
    shares = counts.to_numpy(dtype=float) / len(column)
    return _CategoryColumn(name, pd.Index(counts.index, dtype=object), shares)


def _read_labels(column: pd.Series) -> npt.NDArray[np.object_]:
    labels = column.to_numpy(dtype=object)
    return np.where(column.isna().to_numpy(), _MISSING, labels)


def _place_knots(z: Array, distinct: Array) -> Array:
    if len(distinct) <= MAX_KNOT_VALUES:
        return distinct
    n_knots = 4 if len(z) < 300 else 5 if len(z) < 2_000 else 7
    return np.unique(np.quantile(z, np.linspace(0.05, 0.95, n_knots)))


def _spline_terms(z: Array, knots: Array) -> Array:
    """Return 1, z and the terms that are straight beyond the outer knots."""
    terms = [np.ones(len(z)), z]
    if len(knots) >= 3:
        last, previous = knots[-1], knots[-2]
        cubes = np.maximum(z[:, None] - knots, 0) ** 3
        for knot, cube in zip(knots[:-2], cubes.T, strict=False):
            before = cubes[:, -2] * (last - knot) / (last - previous)
            after = cubes[:, -1] * (previous - knot) / (last - previous)
            terms.append((cube - before + after) / (last - knots[0]) ** 2)
    return np.column_stack(terms)


def _side_by_side(parts: list[Array], n: int) -> Array:
    return np.column_stack(parts) if parts else np.empty((n, 0))


def _combine_cells(
    parts: list[npt.NDArray[np.uint64]], n: int, width: int
) -> npt.NDArray[np.uint64]:
    """Return one number per combination: a hash that wraps around 2**64."""
    cells = np.zeros((n, width), dtype=np.uint64)
    for part in parts:
        cells = cells * _HASH + part
    return cells
