"""The likelihood form of linkage: the odds that a pair is of one person, not two."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices, Integers
from twinprivacy.attacks.linkage.distance import (
    Costs,
    Encoded,
    as_tables,
    check_tables,
    column_pair,
    kind_of,
    rows_of,
)
from twinprivacy.attacks.linkage.kernels import LEVELS, SAME, SQUARE, count_patterns
from twinprivacy.errors import FitError, ParameterError

__all__ = [
    "FellegiSunterModel",
    "fit_fellegi_sunter",
]

Comparison = str | tuple[float, ...]

_MOST_PATTERNS = 1_000_000
# Rounding must not move a difference over the end of its level.
_SLACK = 1 + 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class FellegiSunterModel:
    """Hold how often columns agree for one person and for two.

    Attributes
    ----------
    comparisons : dict
        For each column "category", the ends of its levels, or "normal".
    levels : pandas.DataFrame
        Columns column, level (0 agrees best), m and u (the share of the level among
        pairs of one person, and of two), weight_bits (log2 m / u).
    normals : pandas.DataFrame
        Columns column, within_sd and between_sd: of differences of one person's values
        and of two persons', in the unit of the column.
    prevalence : float
        Share of all pairs that are of one person.
    n_steps : int
        Steps of expectation-maximisation; 0 with known pairs.
    """

    comparisons: dict[str, Comparison]
    levels: pd.DataFrame
    normals: pd.DataFrame
    prevalence: float
    n_steps: int = 0


def fit_fellegi_sunter(
    left: pd.DataFrame,
    right: pd.DataFrame,
    *,
    on: Sequence[str] | Mapping[str, Comparison],
    truth: Any = None,
) -> FellegiSunterModel:
    r"""Estimate the weight of every agreement, for `link_records`.

    The weight of a pair is :math:`\sum_j \log_2 (m_j / u_j)` over columns j, where
    :math:`m_j` is the probability of the level seen if both records are of one person
    and :math:`u_j` if of two; a missing value weighs 0. For a "normal" column both are
    densities of the difference, with mean 0 and the standard deviations within and
    between persons.

    Parameters
    ----------
    left, right : pandas.DataFrame
        Records of the people to learn from, who should not be those to be linked if
        truth is given; each label in the index of `right` once.
    on : sequence of str or mapping
        Each column with "category" (agrees or not), an increasing tuple of ends of
        levels of the absolute difference in the unit of the column, 0 or more, or
        "normal", which needs truth. A bare name is "normal" if its dtype is a number.
    truth : array_like, shape (len(left),), optional
        Label in the index of `right` of the same person, or missing. Without it, m and
        u are the likeliest by expectation-maximisation over all pairs.

    Returns
    -------
    FellegiSunterModel

    Raises
    ------
    DataError
        If a table is empty, a column is absent or not of its kind, or a label of the
        gallery is missing or repeated.
    ParameterError
        If a comparison is none of the allowed, or truth names somebody not in `right`.
    FitError
        If truth leaves a column without pairs of one or of two persons, a normal column
        never differs within persons, or expectation-maximisation does not settle.

    Notes
    -----
    Half a count is added to every level. Columns are taken as independent given whether
    the pair is of one person: where they are not, weights are too large.

    References
    ----------
    Fellegi and Sunter (1969), doi:10.1080/01621459.1969.10501049.

    Examples
    --------
    >>> right = pd.DataFrame({"sex": list("fmfm"), "born": [1950, 1961, 1972, 1983]})
    >>> left = pd.DataFrame({"sex": list("fmfm"), "born": [1950, 1961, 1972, 1984]})
    >>> model = fit_fellegi_sunter(
    ...     left, right, on={"sex": "category", "born": (0, 1)}, truth=[0, 1, 2, 3]
    ... )
    >>> model.levels.round(3)
      column  level      m      u  weight_bits
    0    sex      0  0.900  0.346        1.379
    1    sex      1  0.100  0.654       -2.709
    2   born      0  0.636  0.037        4.103
    3   born      1  0.273  0.037        2.880
    4   born      2  0.091  0.926       -3.348
    """
    check_tables(left, right, on)
    rows = rows_of(truth, left, right)
    comparisons = _read(on, left, known=truth is not None)
    x, y = _encode(left, right, comparisons)
    if truth is None:
        return _without_truth(x, y, comparisons)
    return _with_truth(x, y, rows, comparisons)


def encode_weights(
    left: pd.DataFrame, right: pd.DataFrame, model: FellegiSunterModel
) -> Encoded:
    """Return both tables so that a cost is the best weight less the pair's, in nats."""
    x, y = _encode(left, right, model.comparisons)
    p = len(model.comparisons)
    deepest = int(model.levels["level"].max()) + 1 if len(model.levels) else 2
    kinds, tops = np.zeros(p, dtype=np.int64), np.zeros(p)
    levels, cuts = np.zeros((p, deepest)), np.full((p, deepest - 1), np.inf)
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
        levels[j, : nats.size] = tops[j] - nats
        ends = _cut_points(how)
        cuts[j, : ends.size] = ends
    offset = -tops.sum() * (1 / math.log(2))
    costs = Costs(kinds, levels, cuts, tops)
    return Encoded(x, y, costs, root=False, divisor=math.log(2), offset=offset)


def _normal(normals: pd.DataFrame, column: str) -> tuple[float, float]:
    """Return the factor of a difference and the weight of none, in nats.

    Where persons differ from themselves as much as from others, nothing is told.
    """
    row = normals.loc[normals["column"] == column, ["within_sd", "between_sd"]]
    within, between = (float(sd) for sd in row.to_numpy(dtype=float)[0])
    if within >= between:
        return 0.0, 0.0
    return math.sqrt((within**-2 - between**-2) / 2), math.log(between / within)


def _with_truth(
    x: Array, y: Array, rows: Indices, comparisons: dict[str, Comparison]
) -> FellegiSunterModel:
    """Return the model of known pairs against all the others."""
    own = np.flatnonzero(rows >= 0)
    levels, normals = [], []
    for j, (column, how) in enumerate(comparisons.items()):
        gaps = np.abs(x[own, j] - y[rows[own], j])
        if how == "normal":
            normals.append(
                {"column": column} | _spreads(gaps, x[:, j], y[:, j], column)
            )
            continue
        cuts = _cut_points(how)
        same = _levels_of(gaps, cuts)
        every = _levels_of_all(x[:, j], y[:, j], cuts)
        if not same.sum() or not (every - same).sum():
            raise _no_pairs(column)
        levels.append(_rows(column, _smoothed(same), _smoothed(every - same)))
    return FellegiSunterModel(
        comparisons,
        pd.concat(levels, ignore_index=True) if levels else _rows("", [], []),
        pd.DataFrame(normals, columns=["column", "within_sd", "between_sd"]),
        own.size / len(x) / len(y),
    )


def _without_truth(
    x: Array, y: Array, comparisons: dict[str, Comparison]
) -> FellegiSunterModel:
    """Return the likeliest model of all pairs."""
    cuts = [_cut_points(how) for how in comparisons.values()]
    radix = [c.size + 2 for c in cuts]
    n_patterns = float(np.prod(np.array(radix, dtype=float)))
    if n_patterns > _MOST_PATTERNS:
        raise ParameterError(
            f"on must give at most {_MOST_PATTERNS:,} patterns of agreement without "
            f"truth; got {n_patterns:.3g}"
        )
    table = np.full((len(cuts), max(radix) - 2), np.inf)
    for j, c in enumerate(cuts):
        table[j, : c.size] = c
    kinds = np.array(
        [SAME if how == "category" else LEVELS for how in comparisons.values()]
    )
    starts = []
    for j, (column, c) in enumerate(zip(comparisons, cuts, strict=True)):
        every = _levels_of_all(x[:, j], y[:, j], c)
        if not every.sum():
            raise _no_pairs(column)
        starts.append(_smoothed(every))
    counts = count_patterns(x, y, kinds, table, np.array(radix))
    prevalence = min(len(x), len(y)) / (len(x) * len(y) + 1)
    m, u, share, steps = _expectation_maximisation(counts, radix, starts, prevalence)
    levels = [_rows(c, p, q) for c, p, q in zip(comparisons, m, u, strict=True)]
    empty = pd.DataFrame(columns=["column", "within_sd", "between_sd"])
    return FellegiSunterModel(
        comparisons, pd.concat(levels, ignore_index=True), empty, share, steps
    )


def _spreads(gaps: Array, x: Array, y: Array, column: str) -> dict[str, float]:
    """Return the spread of differences of one person's values and of two persons'."""
    gaps, x, y = (v[~np.isnan(v)] for v in (gaps, x, y))
    n_other = x.size * y.size - gaps.size
    if not gaps.size or not n_other:
        raise _no_pairs(column)
    own = float(gaps @ gaps)
    every = x.size * y.size * (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    if not own > 0:
        raise FitError(
            f"column {column!r} never differs within persons: compare it by levels"
        )
    return {
        "within_sd": math.sqrt(own / gaps.size),
        "between_sd": math.sqrt(max(float(every) - own, 0.0) / n_other),
    }


def _rows(column: str, m: Any, u: Any) -> pd.DataFrame:
    """Return one row a level."""
    m, u = np.asarray(m, dtype=float), np.asarray(u, dtype=float)
    return pd.DataFrame(
        {
            "column": column,
            "level": np.arange(m.size),
            "m": m,
            "u": u,
            "weight_bits": np.log2(m / u),
        }
    )


def _no_pairs(column: str) -> FitError:
    """Return the error of a column that cannot be learnt."""
    return FitError(
        f"column {column!r} must be known for some pairs of one person and of two"
    )


def _read(
    on: Sequence[str] | Mapping[str, Comparison], left: pd.DataFrame, *, known: bool
) -> dict[str, Comparison]:
    """Return each column with its comparison."""
    if not isinstance(on, Mapping):
        kinds = {c: kind_of(left[c]) for c in on}
        on = {c: "normal" if kind == "number" else kind for c, kind in kinds.items()}
    found: dict[str, Comparison] = {}
    for column, how in on.items():
        if isinstance(how, str):
            if how not in ("category", "normal") or (how == "normal" and not known):
                raise ParameterError(
                    f"on[{column!r}] must be 'category', ends of levels or, with "
                    f"truth, 'normal'; got {how!r}"
                )
            found[column] = how
            continue
        ends = np.asarray(how, dtype=float)
        sound = ends.ndim == 1 and ends.size and np.isfinite(ends).all()
        if not sound or ends[0] < 0 or (np.diff(ends) <= 0).any():
            raise ParameterError(
                f"on[{column!r}] must have increasing ends of levels, 0 or more; got "
                f"{how!r}"
            )
        found[column] = tuple(float(e) for e in ends)
    return found


def _encode(
    left: pd.DataFrame, right: pd.DataFrame, comparisons: Mapping[str, Comparison]
) -> tuple[Array, Array]:
    """Return both tables as numbers, categories as common codes, missing as nan."""
    return as_tables(
        [
            column_pair(left, right, column, category=how == "category")
            for column, how in comparisons.items()
        ]
    )


def _cut_points(how: Comparison) -> Array:
    """Return the ends of levels; a category has agreement at a difference of 0."""
    return np.array([0.0] if how == "category" else how, dtype=float) * _SLACK


def _levels_of(gaps: Array, cuts: Array) -> Integers:
    """Return how many known differences lie in each level."""
    known = gaps[~np.isnan(gaps)]
    return np.bincount(np.searchsorted(cuts, known), minlength=cuts.size + 1)


def _levels_of_all(x: Array, y: Array, cuts: Array) -> Integers:
    """Return how many of all pairs lie in each level, without making the pairs."""
    x, y = x[~np.isnan(x)], np.sort(y[~np.isnan(y)])
    within = [
        int((np.searchsorted(y, x + c, "right") - np.searchsorted(y, x - c)).sum())
        for c in cuts
    ]
    return np.diff([0, *within, x.size * y.size])


def _expectation_maximisation(
    counts: Integers, radix: Sequence[int], starts: Sequence[Array], prevalence: float
) -> tuple[list[Array], list[Array], float, int]:
    """Return m and u of each column, the share of matches and the number of steps.

    Columns are taken as independent among matches and among others. `starts` holds u;
    agreement starts at 0.9 among matches.
    """
    seen = np.flatnonzero(counts)
    weight = counts[seen].astype(float)
    digits = np.stack(np.unravel_index(seen, tuple(radix)), axis=1)
    u = [start.copy() for start in starts]
    m = [np.concatenate([[0.9], np.full(p.size - 1, 0.1 / (p.size - 1))]) for p in u]
    for step in range(1, 2_001):
        match = _log_likelihood(digits, m) + np.log(prevalence)
        other = _log_likelihood(digits, u) + np.log1p(-prevalence)
        belief = 1 / (1 + np.exp(np.clip(other - match, -700, 700)))
        before = np.concatenate([[prevalence], *m])
        prevalence = float(weight @ belief / weight.sum())
        prevalence = min(max(prevalence, 1e-12), 1 - 1e-12)
        m = _shares(digits, weight * belief, radix)
        u = _shares(digits, weight * (1 - belief), radix)
        after = np.concatenate([[prevalence], *m])
        if np.abs(after - before).max() < 1e-8:
            return m, u, prevalence, step
    raise FitError("m and u did not settle in 2,000 steps: give truth of some pairs")


def _log_likelihood(digits: Any, shares: Sequence[Array]) -> Array:
    """Return log P(pattern); a missing value tells nothing."""
    total = np.zeros(len(digits))
    for digit, p in zip(digits.T, shares, strict=True):
        total += np.append(np.log(p), 0.0)[digit]
    return total


def _shares(digits: Any, weight: Array, radix: Sequence[int]) -> list[Array]:
    """Return smoothed shares of the levels of each column where it is known."""
    return [
        _smoothed(np.bincount(digit, weight, minlength=n)[: n - 1])
        for digit, n in zip(digits.T, radix, strict=True)
    ]


def _smoothed(counts: npt.NDArray[Any]) -> Array:
    """Return shares with half a count added to each level, so that none is 0."""
    found: Array = (counts + 0.5) / (counts.sum() + 0.5 * counts.size)
    return found
