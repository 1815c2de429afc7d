"""From a table to codes, orders of values and margins that allow for unseen values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Integers
from twinprivacy.attacks._columns import distinct_values
from twinprivacy.errors import DataError, FitError, ParameterError

ORDERS = ("association", "frequency", "value")
# A rare value's place in the order is pulled to the middle as if it had been seen this
# many times more there: else people seen once would mark the ends.
_SHRINK = 5.0
_ROUNDS = 10


@dataclass(frozen=True)
class Margin:
    """Hold the values of one column in order, seen and unseen.

    Parameters
    ----------
    bounds : numpy.ndarray, shape (n_values + 1,)
        Normal scores between which the values lie, from -inf to inf.
    place : numpy.ndarray
        For each code of the column, which of the values it is.
    """

    bounds: Array
    place: Integers


def check_columns(sample: Any, quasi_identifiers: Sequence[str]) -> list[str]:
    """Return the quasi-identifiers if the table has them and two people or more."""
    if not isinstance(sample, pd.DataFrame):
        raise DataError(
            f"sample must be a pandas.DataFrame; got {type(sample).__name__}"
        )
    repeated = sample.columns[sample.columns.duplicated()].unique()
    if len(repeated):
        raise DataError(
            "sample must name each column once; repeated: "
            f"{', '.join(map(str, repeated))}"
        )
    if isinstance(quasi_identifiers, str):
        raise ParameterError("quasi_identifiers must be a list of columns; got a str")
    names = list(quasi_identifiers)
    if not names or len(set(names)) < len(names):
        raise ParameterError(
            "quasi_identifiers must name one column or more, each once; got "
            f"{len(names)} names of {len(set(names))} columns"
        )
    missing = [name for name in names if name not in sample.columns]
    if missing:
        raise DataError(f"sample must hold the quasi_identifiers; it lacks {missing}")
    if len(sample) < 2:
        raise FitError(f"sample must hold at least 2 people; got {len(sample)}")
    return names


def code_columns(sample: pd.DataFrame, names: list[str]) -> tuple[Integers, list[bool]]:
    """Return values as whole numbers in their own order, and which orders mean much.

    A missing value is a value of its own and comes last.
    """
    coded = [_code(sample[name]) for name in names]
    codes = np.column_stack([code for code, _ in coded]).astype(np.int64)
    return codes, [ordered for _, ordered in coded]


def _code(column: pd.Series) -> tuple[Integers, bool]:
    """Return the codes of one column and whether its order means anything."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = column.cat.remove_unused_categories()
        codes, ordered = (
            used.cat.codes.to_numpy().astype(np.int64),
            bool(used.cat.ordered),
        )
    else:
        ordered = pd.api.types.is_numeric_dtype(column.dtype) or (
            pd.api.types.is_datetime64_any_dtype(column.dtype)
        )
        codes = _by_size(column) if ordered else _by_name(column)
    return np.where(codes < 0, codes.max(initial=-1) + 1, codes), ordered


def _by_size(column: pd.Series) -> Integers:
    """Return codes in ascending order of the values, -1 where missing."""
    return pd.factorize(column, sort=True)[0].astype(np.int64)


def _by_name(column: pd.Series) -> Integers:
    """Return codes in the order of the values' spelling, -1 where missing.

    Values are one where Python says that they are equal, as `anonymity_sets` has it; of
    two that are spelt alike, as 1 and "1", the name of the type comes first.
    """
    codes, values = distinct_values(column)
    names = [(str(value), type(value).__name__) for value in values]
    places = np.empty(len(names) + 1, dtype=np.int64)
    places[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    places[-1] = -1
    found: Integers = places[codes]
    return found


def order_values(codes: Integers, ordered: list[bool], order: str) -> Integers:
    """Return the codes with the values of each column renumbered in the order asked."""
    if order == "value":
        return codes
    if order == "frequency":
        ranks = [_rank(-np.bincount(column).astype(float)) for column in codes.T]
        return np.column_stack([r[c] for r, c in zip(ranks, codes.T, strict=True)])
    return _order_by_association(codes, ordered)


def _rank(keys: Array) -> Integers:
    """Return the place of each key in ascending order, ties in their own order."""
    places = np.empty(keys.size, dtype=np.int64)
    places[np.argsort(keys, kind="stable")] = np.arange(keys.size)
    return places


def _order_by_association(codes: Integers, ordered: list[bool]) -> Integers:
    """Order values so that the columns' scores correlate as much as they can.

    Alternating least squares: a value's score is the mean, over people who have it, of
    the other columns' scores weighted by their correlation with this column.
    """
    if all(ordered) or codes.shape[1] < 2:
        return codes
    codes = codes.copy()
    free = [j for j, fixed in enumerate(ordered) if not fixed]
    for j in free:  # a start that depends on no spelling
        codes[:, j] = _rank(-np.bincount(codes[:, j]).astype(float))[codes[:, j]]
    scores = np.column_stack([_normal_scores(column) for column in codes.T])
    for _ in range(_ROUNDS):
        for j in free:
            weights = scores.T @ scores[:, j] / len(scores)
            weights[j] = 0.0
            sizes = np.bincount(codes[:, j])
            sums = np.bincount(codes[:, j], weights=scores @ weights)
            codes[:, j] = _rank(sums / (sizes + _SHRINK))[codes[:, j]]
            scores[:, j] = _normal_scores(codes[:, j])
    return codes


def _normal_scores(codes: Integers) -> Array:
    """Return the normal score of the middle of each value's share, standardised."""
    from scipy.special import ndtri

    shares = np.bincount(codes) / codes.size
    scores = ndtri(np.cumsum(shares) - shares / 2)[codes]
    spread = scores.std()
    return (scores - scores.mean()) / spread if spread > 0 else np.zeros(codes.size)


def fit_margin(codes: Integers, *, unseen: bool, at_end: bool, most: int) -> Margin:
    """Return the shares of the values, with room for values the sample lacks.

    Turing's estimate of the share of people whose value was not seen is the share of
    values seen once, f1 / n; Chao's of the number of such values is
    f1 (f1 - 1) / (2 (f2 + 1)). The unseen lie evenly among the seen, or at the end.
    """
    from scipy.special import ndtri

    counts = np.bincount(codes).astype(float)
    f1, f2 = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    n_unseen = min(int(np.ceil(f1 * (f1 - 1) / (2 * (f2 + 1)))), most) if unseen else 0
    mass = f1 / codes.size if n_unseen else 0.0
    seen = counts / counts.sum() * (1 - mass)
    n_values = counts.size + n_unseen
    place = np.arange(counts.size)
    if n_unseen and not at_end:
        place = ((place + 0.5) * n_values / counts.size).astype(np.int64)
    shares = np.full(n_values, mass / max(n_unseen, 1))
    shares[place] = seen
    bounds = ndtri(np.minimum(np.cumsum(shares), 1.0))
    bounds[-1] = np.inf
    return Margin(np.concatenate([[-np.inf], bounds]), place)
