"""Record linkage: naming the person behind a record, from a gallery of named ones."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy.attacks.linkage import (
    distance,
    distance as checks,
    fellegi_sunter as em,
)
from twinprivacy.attacks.linkage.distance import (
    Costs,
    Encoded,
    Gallery,
    arrange,
    threads_for,
)
from twinprivacy.attacks.linkage.fellegi_sunter import FellegiSunterModel
from twinprivacy.attacks.linkage.result import LinkageResult, chained
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.estimates.means import group_codes

__all__ = [
    "link_records",
    "within_person_covariance",
]


# Beyond these the answer is an error that says so, not a machine that stops.
MOST_ASSIGNED = 100_000_000
MOST_PAIRS_FOR_BITS = 100_000_000


def link_records(
    left: pd.DataFrame,
    right: pd.DataFrame,
    *,
    on: Sequence[str] | Mapping[str, str | float],
    truth: Any = None,
    method: str = "distance",
    weights: Mapping[str, float] | None = None,
    covariance: pd.DataFrame | None = None,
    model: FellegiSunterModel | None = None,
    missing: str = "typical",
    groups: Any = None,
    bits: bool | None = None,
    one_to_one: bool = False,
    rng: np.random.Generator | None = None,
) -> LinkageResult:
    r"""Link each record to the candidates that are nearest to it.

    The distance of two records over columns j with weights :math:`w_j` and scales
    :math:`s_j` is :math:`\sqrt{\sum_j w_j d_j / \sum_j w_j}` with
    :math:`d_j = ((x_j - y_j) / s_j)^2` for numbers, 0 or 1 for categories that are the
    same or not ("distance"); :math:`\sum_j w_j d_j / \sum_j w_j` with
    :math:`d_j = |x_j - y_j| / s_j`, where :math:`s_j` is the range ("gower"); or
    :math:`\sqrt{(x - y)^T \Sigma^{-1} (x - y)}` ("mahalanobis"); or minus the weight
    of a likelihood model in bits ("fellegi_sunter"), below 0 where one person is
    likelier than two. All candidates are compared exactly.

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
        name is a category unless its dtype is a number. Times and spans of time that
        are to be compared as numbers count in days.
    truth : array_like, shape (len(left),), optional
        Label in the index of `right` of each target; missing where the person is not
        in the gallery. Nothing of it reaches the attacker.
    method : {"distance", "gower", "mahalanobis", "fellegi_sunter"}
        How records are compared.
    weights : mapping, optional
        For some columns a weight above 0; 1 for the others.
    covariance : pandas.DataFrame, optional
        For "mahalanobis": of one person's repeated records, with a row and a column
        for each of `on`, as of `within_person_covariance`.
    model : FellegiSunterModel, optional
        For "fellegi_sunter": of `fit_fellegi_sunter`, on the columns of `on`, which
        then are names only.
    missing : {"typical", "skip"}
        What a comparison costs where a side is missing: as much as that of two random
        records (the median for numbers), or the mean of the columns known on both
        sides, as Gower has it, which favours candidates of whom little is known.
        "mahalanobis" takes no missing value, for "fellegi_sunter" it weighs 0: there is
        nothing to "skip".
    groups : array_like, shape (len(left),), optional
        Who each target is, where a person has several. By default those with the same
        truth are one person, and each target without truth another one.
    bits : bool, optional
        Whether to compute bits, one exponential a pair; by default up to 1e8 pairs.
    one_to_one : bool
        Whether to assign candidates to targets so that the sum of their costs is least
        and nobody is named twice: ties are broken at random.
    rng : numpy.random.Generator, optional
        Breaks the ties of ``one_to_one``, which needs it; nothing else is drawn.

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
    checks.check_settings(method, missing, one_to_one, rng)
    checks.check_tables(left, right, on)
    rows = checks.rows_of(truth, left, right)
    encoded = _encode_tables(
        left,
        right,
        on,
        method=method,
        weights=weights,
        covariance=covariance,
        model=model,
        skip=missing == "skip",
    )
    gallery = arrange(encoded.right, encoded.costs)
    targets = _scan(encoded, gallery, rows, left.index, right.index)
    codes = checks.people(groups, rows, len(left))
    temperature = np.nan
    if _wants_bits(bits, len(left) * len(right)) and (rows >= 0).any():
        found, temperature = _evidence_bits(encoded, gallery, rows, codes)
        targets["bits"] = found
    chains = None
    if one_to_one and rng is not None:
        assigned = _assign(encoded, rng)
        targets["assigned"] = _labels(right.index, assigned)
        targets["assigned_right"] = (assigned == rows) & (rows >= 0)
        chains = chained(codes, rows, assigned)
    return LinkageResult(method, len(right), targets, codes, temperature, chains)


def within_person_covariance(
    frame: pd.DataFrame, columns: Sequence[str], *, groups: Any
) -> pd.DataFrame:
    r"""Return the pooled covariance of repeated records about their person's mean.

    :math:`\sum_g \sum_{i \in g} (x_i - \bar x_g)(x_i - \bar x_g)^T / (n - G)`.

    Parameters
    ----------
    frame : pandas.DataFrame
        Records, of other people than those to be linked if the result is to be honest.
    columns : sequence of str
        Numbers, or times and spans of time (in days), complete.
    groups : array_like, shape (len(frame),)
        Whose record each row is.

    Returns
    -------
    pandas.DataFrame
        A row and a column for each of `columns`, in products of their units.

    Raises
    ------
    DataError
        If a column is absent, or not of finite and complete numbers.
    FitError
        If nobody has two records.

    Examples
    --------
    >>> two = pd.DataFrame({"hba1c": [6.0, 7.0, 8.0, 8.0]})
    >>> within_person_covariance(two, ["hba1c"], groups=["a", "a", "b", "b"])
           hba1c
    hba1c   0.25
    """
    checks.check_columns(frame, columns, "frame")
    codes, n_groups = group_codes(groups, len(frame))
    if n_groups == len(frame):
        raise FitError("groups must hold somebody with 2 records or more")
    x = np.stack([distance.numbers(frame[c], c) for c in columns], axis=1)
    if np.isnan(x).any():
        raise DataError(
            f"frame must be complete; got {int(np.isnan(x).sum())} missing values"
        )
    means = pd.DataFrame(x).groupby(codes).transform("mean").to_numpy()
    matrix = (x - means).T @ (x - means) / (len(x) - n_groups)
    return pd.DataFrame(matrix, index=list(columns), columns=list(columns))


def _scan(
    encoded: Encoded,
    gallery: Gallery,
    rows: Indices,
    names: "pd.Index[Any]",
    labels: "pd.Index[Any]",
) -> pd.DataFrame:
    """Return a row for each target."""
    from twinprivacy.attacks.linkage.kernels import scan

    costs: Costs = encoded.costs
    places = gallery.place_of(rows)
    with threads_for(encoded.left.shape[0] * gallery.columns.size):
        found = scan(
            encoded.left,
            places,
            gallery.columns,
            gallery.low,
            gallery.high,
            costs.packed(),
        )
    best, n_best, place, second, own, other, nearer, tied = found.T
    single = np.where(n_best == 1, gallery.order[place.astype(np.intp)], -1)
    inside = rows >= 0
    counts = {"n_nearer": nearer, "n_tied": tied, "rank": nearer + (tied + 1) / 2}
    columns: dict[str, Any] = {
        "nearest": _labels(labels, single),
        "distance": encoded.distance(best),
        "n_nearest": n_best.astype(int),
        "second_distance": encoded.distance(second),
        "in_gallery": inside,
        "own_distance": encoded.distance(own),
        "other_distance": encoded.distance(other),
    }
    columns |= {name: np.where(inside, found, np.nan) for name, found in counts.items()}
    return pd.DataFrame(columns | {"bits": np.nan}, index=names)


def _labels(labels: "pd.Index[Any]", rows: Indices) -> npt.NDArray[Any]:
    """Return labels of rows as objects, None for -1."""
    found = labels.to_numpy(dtype=object)[rows]
    found[rows < 0] = None
    return found


def _assign(encoded: Encoded, rng: np.random.Generator) -> Indices:
    """Return the row of the candidate assigned to each target, -1 for none."""
    from scipy.optimize import linear_sum_assignment

    from twinprivacy.attacks.linkage.kernels import cost_matrix

    n, m = len(encoded.left), len(encoded.right)
    if n * m > MOST_ASSIGNED:
        raise ParameterError(
            f"one_to_one holds all pairs in memory, at most {MOST_ASSIGNED:,}; got "
            f"{n:,} x {m:,}"
        )
    # A random order breaks ties without regard to the order of the tables.
    first, second = rng.permutation(n), rng.permutation(m)
    shuffled = np.ascontiguousarray(encoded.right[second].T)
    with threads_for(n * encoded.right.size):
        matrix = cost_matrix(encoded.left[first], shuffled, encoded.costs.packed())
    at, to = linear_sum_assignment(matrix)
    assigned = np.full(n, -1, dtype=np.intp)
    assigned[first[at]] = second[to]
    return assigned


def _wants_bits(bits: bool | None, n_pairs: int) -> bool:
    """Return whether bits are to be computed."""
    return n_pairs <= MOST_PAIRS_FOR_BITS if bits is None else bits


def _encode_tables(
    left: pd.DataFrame,
    right: pd.DataFrame,
    on: Sequence[str] | Mapping[str, str | float],
    *,
    method: str,
    weights: Mapping[str, float] | None,
    covariance: pd.DataFrame | None,
    model: FellegiSunterModel | None,
    skip: bool,
) -> Encoded:
    """Return both tables as numbers whose differences are costs."""
    if (method == "mahalanobis") != (covariance is not None):
        raise ParameterError("covariance must be given for method 'mahalanobis' only")
    if (method == "fellegi_sunter") != (model is not None):
        raise ParameterError("model must be given for method 'fellegi_sunter' only")
    if model is not None:
        if weights or set(on) != set(model.comparisons):
            raise ParameterError(
                "method 'fellegi_sunter' takes the columns of its model, and no weights"
            )
        return _encode_weights(left, right, model)
    comparisons = distance.read_comparisons(on, left)
    if covariance is not None:
        if weights or any(how != "number" for how in comparisons.values()):
            raise ParameterError(
                "method 'mahalanobis' takes numbers without weights or scales"
            )
        return distance.whiten(left, right, comparisons, covariance)
    heavy = dict(weights or {})
    for column, weight in heavy.items():
        if column not in comparisons or not (np.isfinite(weight) and weight > 0):
            raise ParameterError(
                f"weights must be finite and above 0, for columns of `on`; got "
                f"{weight!r} for {column!r}"
            )
    return distance.encode(
        left,
        right,
        comparisons,
        weights=heavy,
        absolute=method == "gower",
        skip=skip,
    )


def _encode_weights(
    left: pd.DataFrame, right: pd.DataFrame, model: FellegiSunterModel
) -> Encoded:
    """Return both tables so that a cost is the best weight less the pair's, in nats."""
    from twinprivacy.attacks.linkage.kernels import LEVELS, SAME, SQUARE

    x, y = em.encode_pair(left, right, model.comparisons)
    p = len(model.comparisons)
    deepest = int(model.levels["level"].max()) + 1 if len(model.levels) else 2
    kinds, tops = np.zeros(p, dtype=np.int64), np.zeros(p)
    costs, cuts = np.zeros((p, deepest)), np.full((p, deepest - 1), np.inf)
    for j, (column, how) in enumerate(model.comparisons.items()):
        if how == "normal":
            kinds[j] = SQUARE
            factor, tops[j] = _normal(model.normals, column)
            middle = np.nanmedian(y[:, j]) if not np.isnan(y[:, j]).all() else 0.0
            x[:, j], y[:, j] = (x[:, j] - middle) * factor, (y[:, j] - middle) * factor
            continue
        kinds[j] = SAME if how == "category" else LEVELS
        bits = model.levels.loc[model.levels["column"] == column, "weight_bits"]
        nats = bits.to_numpy(dtype=float) * math.log(2)
        tops[j] = nats.max()
        costs[j, : nats.size] = tops[j] - nats
        ends = em.cut_points(how)
        cuts[j, : ends.size] = ends
    packed = Costs(kinds, costs, cuts, tops, np.ones(p), skip=False)
    bits_per_nat = 1 / math.log(2)
    return Encoded(
        x, y, packed, False, divisor=math.log(2), offset=-tops.sum() * bits_per_nat
    )


def _normal(normals: pd.DataFrame, column: str) -> tuple[float, float]:
    """Return the factor of a difference and the weight of none, in nats.

    Where persons differ from themselves as much as from others, nothing is told.
    """
    row = normals.loc[normals["column"] == column, ["within_sd", "between_sd"]]
    within, between = (float(sd) for sd in row.to_numpy(dtype=float)[0])
    if within >= between:
        return 0.0, 0.0
    return math.sqrt((within**-2 - between**-2) / 2), math.log(between / within)


# Temperatures from where costs hardly matter down to where only the nearest does.
_STEPS = 40
_WIDEST = 64.0


def _evidence_bits(
    encoded: Encoded, gallery: Gallery, rows: Indices, people: Indices
) -> tuple[Array, float]:
    """Return each target's bits (nan outside the gallery) and the temperature of all.

    The temperature of a target is the likeliest for all other people, so that nobody
    calibrates the own evidence; a lone person is not calibrated and has 0 bits.
    """
    from twinprivacy.attacks.linkage.kernels import log_evidence

    inside = np.flatnonzero(rows >= 0)
    left, right = encoded.left[inside], gallery.columns
    width = _WIDEST * float(encoded.costs.missing.sum() or encoded.left.shape[1])
    packed = encoded.costs.packed()
    places = gallery.place_of(rows[inside])
    # Two rows of halvings, one shifted by half a step, are a grid by the root of 2.
    with threads_for(_STEPS * left.shape[0] * right.size):
        grids = [
            log_evidence(left, places, right, packed, _STEPS, w)
            for w in (width, width / np.sqrt(2))
        ]
    gains = np.stack(grids, axis=2).reshape(inside.size, 2 * _STEPS)
    gains += np.log(right.shape[1])
    codes = np.unique(people[inside], return_inverse=True)[1]
    n_people = int(codes.max()) + 1
    # With few people the others may promise certainty, and one surprise would then
    # cost without end: as often as one in n + 1 the evidence is taken to say nothing.
    lapse = 1 / (n_people + 1)
    gains = np.logaddexp(np.log1p(-lapse) + gains, np.log(lapse))
    sums = np.zeros((n_people, gains.shape[1]))
    np.add.at(sums, codes, gains)
    whole = sums.sum(axis=0)
    bits = np.full(rows.size, np.nan)
    step, shift = _peaks((whole - sums)[codes])
    bits[inside] = _at(gains, step, shift) / np.log(2)
    step, shift = _peaks(whole[None])
    halvings = (step[0] + shift[0]) / 2
    return bits, float(np.inf if step[0] < 0 else width / 2**halvings)


def _peaks(curves: Array) -> tuple[Indices, Array]:
    """Return where each curve is highest: a step, and how far beyond it.

    A parabola through the highest step and its neighbours keeps the peak of all people
    but one near that of all. A step of -1 stands for a temperature without end, which
    gives nobody bits: the first choice where nothing is better.
    """
    n, rows = curves.shape[1], np.arange(len(curves))
    step = curves.argmax(axis=1)
    inner = np.clip(step, 1, n - 2)
    before, top, after = (curves[rows, inner + d] for d in (-1, 0, 1))
    bend = before - 2 * top + after
    bent = (inner == step) & (bend < 0)
    shift = np.where(bent, (before - after) / np.where(bent, 2 * bend, 1.0), 0.0)
    useless = curves[rows, step] <= 0
    return np.where(useless, -1, step), np.where(useless, 0.0, shift)


def _at(curves: Array, step: Indices, shift: Array) -> Array:
    """Return each curve at its own step and shift, by the same parabola."""
    rows, inner = np.arange(len(curves)), np.clip(step, 1, curves.shape[1] - 2)
    before, top, after = (curves[rows, inner + d] for d in (-1, 0, 1))
    curved = top + shift * (after - before) / 2
    curved += shift**2 * (before - 2 * top + after) / 2
    value: Array = np.where(shift == 0, curves[rows, step], curved)
    return np.where(step < 0, 0.0, value)
