"""Two tables as numbers whose cost of differing is a distance."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_choice, check_rng
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates.means import group_codes

_Comparison = str | float

# The interquartile range of a normal is this many standard deviations.
_NORMAL_IQR = 1.3489795003921634


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


def read_comparisons(
    on: Sequence[str] | Mapping[str, _Comparison], left: pd.DataFrame
) -> dict[str, _Comparison]:
    """Return for each column "number", "category" or a scale."""
    if isinstance(on, str):
        raise ParameterError("on must be columns or a mapping of columns; got a string")
    if not isinstance(on, Mapping):
        found: dict[str, _Comparison] = {c: kind_of(left[c]) for c in on}
        if len(found) < len(on):
            raise ParameterError("on must name every column once; got a repeated name")
        return found
    for column, how in on.items():
        if isinstance(how, str):
            sound = how in ("number", "category")
        else:
            number = isinstance(how, float | int | np.number)
            sound = number and not isinstance(how, bool) and 0 < how < np.inf
        if not sound:
            raise ParameterError(
                f"on[{column!r}] must be 'number', 'category' or a scale above 0; "
                f"got {how!r}"
            )
    return dict(on)


def encode(
    left: pd.DataFrame,
    right: pd.DataFrame,
    comparisons: Mapping[str, _Comparison],
    *,
    weights: Mapping[str, float],
    absolute: bool,
    skip: bool,
) -> Encoded:
    """Return both tables scaled, so that differences are costs."""
    pairs, missing, kinds = [], [], []
    heavy = np.array([weights.get(c, 1.0) for c in comparisons])
    for (column, how), weight in zip(comparisons.items(), heavy, strict=True):
        if how == "category":
            x, y = category_codes(left[column], right[column])
            kind, typical = 2, weight * _chance_of_other(x, y)
        else:
            x, y = number_pair(left, right, column)
            scale = _range_or_iqr(x, y, absolute) if how == "number" else float(how)
            middle = _middle(x, y)
            factor = (weight if absolute else np.sqrt(weight)) / scale
            x, y = (x - middle) * factor, (y - middle) * factor
            kind, typical = int(absolute), _typical_cost(x, y, absolute)
        pairs.append((x, y))
        missing.append(typical)
        kinds.append(kind)
    costs = Costs(
        np.array(kinds),
        np.stack([np.zeros(heavy.size), heavy], axis=1),
        np.full((heavy.size, 1), np.inf),
        np.array(missing),
        heavy,
        skip,
    )
    return Encoded(
        np.stack([x for x, _ in pairs], axis=1),
        np.stack([y for _, y in pairs], axis=1),
        costs,
        root=not absolute,
        divisor=float(heavy.sum()),
    )


def whiten(
    left: pd.DataFrame,
    right: pd.DataFrame,
    comparisons: Mapping[str, _Comparison],
    covariance: pd.DataFrame,
) -> Encoded:
    """Return both tables in units of the within-person spread, without correlation."""
    columns = list(comparisons)
    root = np.linalg.cholesky(_covariance_of(covariance, columns))
    pairs = [number_pair(left, right, column) for column in columns]
    tables = [np.stack(table, axis=1) for table in zip(*pairs, strict=True)]
    n_bad = sum(int(np.isnan(t).sum()) for t in tables)
    if n_bad:
        raise DataError(
            f"method 'mahalanobis' needs complete numbers; got {n_bad} missing values"
        )
    middle = np.median(np.concatenate(tables), axis=0)
    p = len(columns)
    x, y = (np.linalg.solve(root, (t - middle).T).T for t in tables)
    costs = Costs(
        np.zeros(p, dtype=np.int64),
        np.zeros((p, 2)),
        np.full((p, 1), np.inf),
        np.zeros(p),
        np.ones(p),
        skip=False,
    )
    return Encoded(x, y, costs, root=True, divisor=1.0)


def _covariance_of(covariance: pd.DataFrame, columns: list[str]) -> Array:
    """Return the matrix in the order of the columns; refuse what is none."""
    if not isinstance(covariance, pd.DataFrame) or not (
        set(columns) <= set(covariance.index) & set(covariance.columns)
    ):
        raise ParameterError(
            "covariance must be a frame with a row and a column for each of `on`, as "
            "within_person_covariance returns"
        )
    matrix = covariance.loc[columns, columns].to_numpy(dtype=float)
    sound = np.isfinite(matrix).all() and np.allclose(matrix, matrix.T)
    spread = np.sqrt(np.diag(matrix)) if sound and (np.diag(matrix) > 0).all() else None
    if spread is None or (
        np.linalg.eigvalsh(matrix / spread / spread[:, None]).min() < 1e-10
    ):
        raise ParameterError("covariance must be symmetric and positive definite")
    return matrix


def number_pair(
    left: pd.DataFrame, right: pd.DataFrame, name: str
) -> tuple[Array, Array]:
    """Return a column of both tables as floats of one meaning, missing as nan."""
    first, second = _without_categories(left[name]), _without_categories(right[name])
    kinds = [_meaning(first), _meaning(second)]
    if kinds[0] != kinds[1]:
        raise DataError(
            f"column {name!r} must mean the same in both tables; got {kinds[0]} in "
            f"left and {kinds[1]} in right"
        )
    return numbers(first, name), numbers(second, name)


def numbers(column: "pd.Series[Any]", name: str) -> Array:
    """Return a column as floats, missing as nan; times and their spans in days."""
    values: Any = _without_categories(column)
    meaning = _meaning(values)
    # Times as they are stored have units of their own, and a number for missing.
    if meaning.startswith("times"):
        values = values - pd.Timestamp(0, tz=values.dt.tz).as_unit(values.dt.unit)
    if meaning != "numbers":
        values = values / pd.Timedelta(days=1)
    try:
        found: Array = values.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"column {name!r} must hold numbers in both tables") from None
    n_bad = int(np.isinf(found).sum())
    if n_bad:
        raise DataError(f"column {name!r} must be finite; got {n_bad} infinite values")
    return found


def _without_categories(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column of categories that are times as those times."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return column
    values = column.cat.categories.dtype
    return column.astype(values) if values.kind in "mM" else column


def _meaning(column: "pd.Series[Any]") -> str:
    """Return what a column's numbers are of."""
    if column.dtype.kind == "m":
        return "spans of time"
    if column.dtype.kind != "M":
        return "numbers"
    return "times" if column.dt.tz is None else "times with a zone"


def category_codes(
    left: "pd.Series[Any]", right: "pd.Series[Any]"
) -> tuple[Array, Array]:
    """Return codes common to both columns, missing as nan."""
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


def _middle(x: Array, y: Array) -> float:
    """Return the median of both; 0 where nothing is known."""
    known = np.concatenate([x, y])
    known = known[~np.isnan(known)]
    return float(np.median(known)) if known.size else 0.0


def _range_or_iqr(x: Array, y: Array, absolute: bool) -> float:
    """Return the scale of a number from both tables; 1 where nothing varies."""
    known = np.concatenate([x, y])
    known = known[~np.isnan(known)]
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


# Less work than this (pairs times columns) is not worth waking another thread.
_SMALL_WORK = 10_000_000


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
    from twinprivacy.attacks.linkage.kernels import ABSOLUTE, BLOCK, SQUARE

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
    numba.set_num_threads(1 if work < _SMALL_WORK else before)
    try:
        yield
    finally:
        numba.set_num_threads(before)


_METHODS = ("distance", "gower", "mahalanobis", "fellegi_sunter")


def people(groups: Any, rows: Indices, n: int) -> Indices:
    """Return the number of the person behind each target."""
    if groups is not None:
        return group_codes(groups, n)[0]
    alone = np.where(rows < 0, -1 - np.arange(n), rows)
    return group_codes(alone, n)[0]


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


def check_settings(method: str, missing: str, one_to_one: bool, rng: Any) -> None:
    """Raise unless the settings are among the allowed."""
    check_choice(method, name="method", allowed=_METHODS)
    check_choice(missing, name="missing", allowed=("typical", "skip"))
    if missing == "skip" and method not in ("distance", "gower"):
        raise ParameterError(
            f"missing 'skip' is for methods 'distance' and 'gower'; got {method!r}"
        )
    if one_to_one:
        check_rng(rng)


def check_tables(left: pd.DataFrame, right: pd.DataFrame, on: Any) -> None:
    """Raise unless both tables have rows, the columns and single names."""
    if isinstance(on, str) or not len(on):
        raise ParameterError("on must be a list or mapping of 1 column or more")
    for table, name in ((left, "left"), (right, "right")):
        if not len(table):
            raise DataError(f"{name} must have 1 row or more; got 0")
        check_columns(table, on, name)
    if right.index.nlevels > 1:
        raise DataError(
            f"the index of right must have 1 level; got {right.index.nlevels}"
        )
    n_repeated = int(np.count_nonzero(right.index.duplicated()))
    n_missing = int(np.count_nonzero(right.index.isna()))
    if n_repeated or n_missing:
        raise DataError(
            "the index of right must name every candidate once; got "
            f"{n_repeated} repeated and {n_missing} missing labels"
        )


def check_columns(table: pd.DataFrame, columns: Any, name: str) -> None:
    """Raise unless the table has the columns, each once."""
    absent = [c for c in columns if list(table.columns).count(c) != 1]
    if absent:
        raise DataError(f"{name} must have each column of `on` once; got {absent} not")


def kind_of(column: "pd.Series[Any]") -> str:
    """Return what a column is compared as if nothing is said."""
    number = pd.api.types.is_numeric_dtype(column)
    return "number" if number and not pd.api.types.is_bool_dtype(column) else "category"
