"""Two tables as numbers whose cost of differing is a distance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_choice, check_positive
from twinprivacy.attacks.linkage.kernels import ABSOLUTE, SAME, SQUARE
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import check_names, check_table, read_numbers

# The interquartile range of a normal is this many standard deviations.
_NORMAL_IQR = 1.3489795003921634


class Costs(NamedTuple):
    """What each column of the encoded tables costs, as the kernels take it.

    Attributes
    ----------
    kinds : numpy.ndarray
        For each column the kind of comparison (see `kernels`).
    levels : numpy.ndarray
        Shape (columns, levels): the cost of each level, 0 or more.
    cuts : numpy.ndarray
        Shape (columns, levels - 1): upper ends of the levels.
    missing : numpy.ndarray
        For each column the cost where a side is missing.
    """

    kinds: npt.NDArray[np.int64]
    levels: Array
    cuts: Array
    missing: Array


@dataclass(frozen=True, eq=False, repr=False)
class Encoded:
    """Two tables ready for the kernels, and how a cost becomes a distance.

    Attributes
    ----------
    left, right : numpy.ndarray
        Shape (rows, columns), missing as nan, categories as codes.
    costs : Costs
    root : bool
        Whether the distance is the root of the cost.
    divisor : float
        What the cost is divided by first.
    offset : float
        What was added to every cost to keep it above 0.
    """

    left: Array
    right: Array
    costs: Costs
    root: bool
    divisor: float
    offset: float = 0.0

    def distance(self, cost: Array) -> Array:
        """Return distances of costs."""
        scaled = np.asarray(cost, dtype=float) / self.divisor + self.offset
        return np.sqrt(scaled) if self.root else scaled


def check_tables(left: pd.DataFrame, right: pd.DataFrame, on: Any) -> None:
    """Raise unless both tables have rows and the columns, and the right has names."""
    columns = check_names(on, name="on")
    check_table(left, name="left", columns=columns)
    check_table(right, name="right", columns=columns, own_index=True)
    if right.index.nlevels > 1:
        raise DataError(
            f"the index of right must have 1 level; got {right.index.nlevels}"
        )


def rows_of(truth: Any, left: pd.DataFrame, right: pd.DataFrame) -> Indices:
    """Return the row in the gallery of each target, -1 where it has none."""
    if truth is None:
        return np.full(len(left), -1, dtype=np.intp)
    # A list of whole numbers with a missing one must not turn to floats, which would
    # take long identifiers for one another.
    typed = hasattr(truth, "dtype")
    labels = truth if typed else pd.Series(list(truth), dtype=object)
    labels = pd.Index(labels, dtype=object, tupleize_cols=False)
    if len(labels) != len(left):
        raise ParameterError(
            f"truth must hold a label for each of the {len(left)} targets; got "
            f"{len(labels)}"
        )
    rows = right.index.astype(object).get_indexer(labels)
    known = ~np.asarray(pd.isna(labels))
    n_bad = int((known & (rows < 0)).sum())
    if n_bad:
        raise ParameterError(
            f"truth must be in the index of right, or missing for people who are not "
            f"in the gallery; got {n_bad} of {len(left)} labels that are neither"
        )
    return np.where(known, rows, -1).astype(np.intp)


def read_comparisons(
    on: Sequence[str] | Mapping[str, str | float], left: pd.DataFrame
) -> dict[str, str | float]:
    """Return for each column "number", "category" or a scale."""
    if not isinstance(on, Mapping):
        return {column: kind_of(left[column]) for column in on}
    for column, how in on.items():
        name = f"on[{column!r}]"
        if isinstance(how, str):
            check_choice(how, name=name, allowed=("number", "category"))
        else:
            check_positive(how, name=name)
    return dict(on)


def kind_of(column: "pd.Series[Any]") -> str:
    """Return what a column is compared as if nothing is said."""
    number = pd.api.types.is_numeric_dtype(column)
    return "number" if number and not pd.api.types.is_bool_dtype(column) else "category"


def encode(
    left: pd.DataFrame,
    right: pd.DataFrame,
    comparisons: Mapping[str, str | float],
    *,
    absolute: bool,
) -> Encoded:
    """Return both tables scaled, so that differences are costs."""
    pairs, missing, kinds = [], [], []
    for column, how in comparisons.items():
        x, y = column_pair(left, right, column, category=how == "category")
        if how == "category":
            kinds.append(SAME)
            missing.append(_chance_of_other(x, y))
        else:
            x, y = _scaled(x, y, how, absolute)
            kinds.append(ABSOLUTE if absolute else SQUARE)
            missing.append(_typical_cost(x, y, absolute))
        pairs.append((x, y))
    p = len(pairs)
    levels = np.stack([np.zeros(p), np.ones(p)], axis=1)
    costs = Costs(np.array(kinds), levels, np.full((p, 1), np.inf), np.array(missing))
    return Encoded(*as_tables(pairs), costs, root=not absolute, divisor=float(p))


def column_pair(
    left: pd.DataFrame, right: pd.DataFrame, column: str, *, category: bool
) -> tuple[Array, Array]:
    """Return a column of both tables as numbers or common codes, missing as nan."""
    if category:
        return _category_codes(left[column], right[column])
    name = f"column {column!r}"
    return read_numbers(left[column], name=name), read_numbers(right[column], name=name)


def as_tables(pairs: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Return the columns of both tables side by side."""
    left, right = zip(*pairs, strict=True)
    return np.stack(left, axis=1), np.stack(right, axis=1)


def _category_codes(
    left: "pd.Series[Any]", right: "pd.Series[Any]"
) -> tuple[Array, Array]:
    values = pd.concat([left.astype(object), right.astype(object)])
    try:
        codes = pd.factorize(values)[0].astype(float)
    except TypeError:
        raise DataError(
            f"column {left.name!r} must hold single values in both tables, not lists"
        ) from None
    codes[codes < 0] = np.nan
    return codes[: len(left)], codes[len(left) :]


def _chance_of_other(x: Array, y: Array) -> float:
    """Return how often two random rows differ in a category."""
    x, y = x[~np.isnan(x)].astype(int), y[~np.isnan(y)].astype(int)
    if not x.size or not y.size:
        return 0.0
    n = int(max(x.max(), y.max())) + 1
    same = np.bincount(x, minlength=n) @ np.bincount(y, minlength=n)
    return float(1 - same / x.size / y.size)


def _scaled(
    x: Array, y: Array, how: str | float, absolute: bool
) -> tuple[Array, Array]:
    """Return numbers from the median of both tables, in units of their scale."""
    both = np.concatenate([x, y])
    known = both[~np.isnan(both)]
    middle = float(np.median(known)) if known.size else 0.0
    factor = 1 / (_range_or_iqr(known, absolute) if how == "number" else float(how))
    return (x - middle) * factor, (y - middle) * factor


def _range_or_iqr(known: Array, absolute: bool) -> float:
    """Return the scale of a number from both tables; 1 where nothing varies."""
    if not known.size or known.min() == known.max():
        return 1.0
    if absolute:
        return float(np.ptp(known))
    low, high = np.quantile(known, [0.25, 0.75])
    # More than half may share one value; then the spread of the rest has to do.
    return float((high - low) / _NORMAL_IQR or np.sort(known).std())


def _typical_cost(x: Array, y: Array, absolute: bool) -> float:
    """Return the median cost of two random rows, from 101 quantiles of each."""
    x, y = x[~np.isnan(x)], y[~np.isnan(y)]
    if not x.size or not y.size:
        return 0.0
    levels = np.linspace(0, 1, 101)
    gaps = np.abs(np.quantile(x, levels)[:, None] - np.quantile(y, levels))
    return float(np.median(gaps if absolute else gaps**2))
