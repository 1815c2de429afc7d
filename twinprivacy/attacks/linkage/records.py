"""Record linkage: naming the person behind a record, from a gallery of named ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_choice
from twinprivacy.attacks.linkage.distance import (
    Costs,
    Encoded,
    check_tables,
    encode,
    read_comparisons,
    rows_of,
)
from twinprivacy.attacks.linkage.fellegi_sunter import (
    FellegiSunterModel,
    encode_weights,
)
from twinprivacy.attacks.linkage.kernels import ABSOLUTE, BLOCK, SQUARE, scan
from twinprivacy.attacks.linkage.result import LinkageResult
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.means import group_codes

__all__ = ["link_records"]

_METHODS = ("distance", "gower", "fellegi_sunter")
# Less work than this (pairs times columns) is not worth waking another thread.
_SMALL_WORK = 10_000_000


def link_records(
    left: pd.DataFrame,
    right: pd.DataFrame,
    *,
    on: Sequence[str] | Mapping[str, str | float],
    truth: Any = None,
    method: str = "distance",
    model: FellegiSunterModel | None = None,
    groups: Any = None,
) -> LinkageResult:
    r"""Link each record to the candidates that are nearest to it.

    The distance of two records over p columns j with scales :math:`s_j` is
    :math:`\sqrt{\sum_j d_j / p}` with :math:`d_j = ((x_j - y_j) / s_j)^2` for numbers,
    0 or 1 for categories that are the same or not ("distance"); :math:`\sum_j d_j / p`
    with :math:`d_j = |x_j - y_j| / s_j`, where :math:`s_j` is the range ("gower"); or
    minus the weight of a likelihood model in bits ("fellegi_sunter"), below 0 where one
    person is likelier than two. All candidates are compared exactly. A comparison with
    a missing side costs as much as that of two random records (the median for
    numbers); for "fellegi_sunter" it weighs 0.

    Parameters
    ----------
    left : pandas.DataFrame
        Targets, whom the attacker wants to name, one row each.
    right : pandas.DataFrame
        Gallery: named candidates, one row each, the names being the index.
    on : sequence of str or mapping
        Columns that both tables have; or each column with "number" (scaled by the
        interquartile range of both tables over that of a standard normal; by their
        range for "gower"), "category", or a scale in the unit of the column. A bare
        name is a category unless its dtype is a number.
    truth : array_like, shape (len(left),), optional
        Label in the index of `right` of each target; missing where the person is not
        in the gallery. Nothing of it reaches the attacker.
    method : {"distance", "gower", "fellegi_sunter"}
        How records are compared.
    model : FellegiSunterModel, optional
        For "fellegi_sunter": of `fit_fellegi_sunter`, on the columns of `on`, which
        then are names only.
    groups : array_like, shape (len(left),), optional
        Who each target is, where a person has several. By default those with the same
        truth are one person, and each target without truth another one.

    Returns
    -------
    LinkageResult
        Candidates that are equally near (to 1 part in 1e9) share the success: the order
        of rows never tells who is who.

    Raises
    ------
    DataError
        If a table is empty, a column is absent, infinite or of the wrong kind, or of
        another kind on the other side, or a label of the gallery is missing or
        repeated.
    ParameterError
        If a setting is outside its range, or truth names somebody not in `right`.

    References
    ----------
    Gower (1971), doi:10.2307/2528823; Fellegi and Sunter (1969),
    doi:10.1080/01621459.1969.10501049.

    Examples
    --------
    >>> hospital = pd.DataFrame({"age": [51, 62, 70], "sex": ["f", "m", "m"]})
    >>> register = pd.DataFrame(
    ...     {"age": [50, 63, 71], "sex": ["f", "m", "m"]}, index=["Ann", "Bo", "Cy"]
    ... )
    >>> found = link_records(
    ...     hospital, register, on=["age", "sex"], truth=["Ann", "Bo", "Cy"]
    ... )
    >>> found.targets["nearest"].tolist()
    ['Ann', 'Bo', 'Cy']
    >>> found.rank_rate(1)
    Estimate(value=1, low=0.439, high=1, confidence_level=0.95, n=3)
    """
    check_choice(method, name="method", allowed=_METHODS)
    check_tables(left, right, on)
    rows = rows_of(truth, left, right)
    encoded = _encode_tables(left, right, on, method=method, model=model)
    targets = _find(encoded, rows, left.index, right.index)
    if groups is None:
        groups = np.where(rows < 0, -1 - np.arange(len(left)), rows)
    codes, _ = group_codes(groups, len(left))
    return LinkageResult(method, len(right), targets, codes)


def _encode_tables(
    left: pd.DataFrame,
    right: pd.DataFrame,
    on: Sequence[str] | Mapping[str, str | float],
    *,
    method: str,
    model: FellegiSunterModel | None,
) -> Encoded:
    """Return both tables as numbers whose differences are costs."""
    if (method == "fellegi_sunter") != (model is not None):
        raise ParameterError("model must be given for method 'fellegi_sunter' only")
    if model is None:
        comparisons = read_comparisons(on, left)
        return encode(left, right, comparisons, absolute=method == "gower")
    if set(on) != set(model.comparisons):
        raise ParameterError("method 'fellegi_sunter' takes the columns of its model")
    return encode_weights(left, right, model)


def _find(
    encoded: Encoded,
    rows: Indices,
    names: "pd.Index[Any]",
    labels: "pd.Index[Any]",
) -> pd.DataFrame:
    """Return a row for each target: who is nearest, and how near the own record is."""
    best, n_best, place, second, own, nearer, tied = _scan(encoded, rows).T
    single = np.where(n_best == 1, place.astype(np.intp), -1)
    inside = rows >= 0
    columns: dict[str, Any] = {
        "nearest": _labels(labels, single),
        "distance": encoded.distance(best),
        "n_nearest": n_best.astype(int),
        "second_distance": encoded.distance(second),
        "in_gallery": inside,
        "own_distance": encoded.distance(own),
        "n_nearer": np.where(inside, nearer, np.nan),
        "n_tied": np.where(inside, tied, np.nan),
        "rank": np.where(inside, nearer + (tied + 1) / 2, np.nan),
    }
    return pd.DataFrame(columns, index=names)


def _scan(encoded: Encoded, rows: Indices) -> Array:
    """Return what `kernels.scan` finds, with rows of the right table for places."""
    gallery = _arrange(encoded.right, encoded.costs)
    places = gallery.place_of(rows)
    before = numba.get_num_threads()
    # Waiting for other threads on a busy machine takes longer than little work does.
    is_small = len(encoded.left) * gallery.columns.size < _SMALL_WORK
    numba.set_num_threads(1 if is_small else before)
    try:
        found: Array = scan(
            encoded.left,
            places,
            gallery.columns,
            gallery.low,
            gallery.high,
            encoded.costs,
        )
    finally:
        numba.set_num_threads(before)
    found[:, 2] = gallery.order[found[:, 2].astype(np.intp)]
    return found


def _labels(labels: "pd.Index[Any]", rows: Indices) -> npt.NDArray[Any]:
    """Return labels of rows as objects, None for -1."""
    found = labels.to_numpy(dtype=object)[rows]
    found[rows < 0] = None
    return found


@dataclass(frozen=True, eq=False, repr=False)
class _Gallery:
    """Candidates in the order of their blocks.

    `columns` is of shape (columns, candidates), `order` the row of the right table at
    each place; `low` and `high` are the bounding boxes, of shape (blocks, columns),
    infinite where a column cannot bound a cost.
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


def _arrange(right: Array, costs: Costs) -> _Gallery:
    """Split candidates at medians of their widest column until they fill blocks."""
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
    return _Gallery(np.ascontiguousarray(arranged.T), order, low, high)


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
