"""Rates of linkage from chances of success, and thresholds on evidence."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy import _clusters
from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_fraction
from twinprivacy.differences import share_interval
from twinprivacy.errors import ParameterError
from twinprivacy.estimates import Estimate


def rate_of(success: Array, groups: npt.NDArray[np.intp], level: float) -> Estimate:
    """Return a rate of chances in [0, 1], with Wilson's interval over people."""
    from statsmodels.stats.proportion import proportion_confint

    check_fraction(level, name="confidence_level")
    codes, n_groups = _clusters.group_codes(groups, success.size)
    single = n_groups == success.size
    if np.isin(success, (0.0, 1.0)).all():
        return share_interval(
            success, groups=None if single else groups, confidence_level=level
        )
    value = float(success.mean())
    if single:
        # Ties vary less than the coin that would break them: the interval is wide.
        size = float(success.size)
    elif n_groups < 2:
        return Estimate(value, math.nan, math.nan, level, n_groups)
    else:
        size = _clusters.effective_size(success, codes, n_groups, level=level)
    low, high = proportion_confint(value * size, size, alpha=1 - level, method="wilson")
    low, high = min(float(low), value), max(float(high), value)
    return Estimate(value, low, high, level, n_groups)


def identification(
    scores: Array,
    success: Array,
    alarms: Array,
    groups: Indices,
    *,
    absent: Indices,
    false_alarm_rate: float,
    level: float,
) -> Estimate:
    """Return the rate at a rate of false alarms, both being uncertain."""
    from scipy.stats import binom

    ordered, half = np.sort(alarms), (1 + level) / 2
    tail, n = (1 - half) / 2, alarms.size
    n_at = math.floor(false_alarm_rate * n + 1e-9)
    named = (alarms < threshold_below(ordered, n_at)).astype(float)
    size = _independent(named, absent, half)
    ends = [int(binom.ppf(q, size, false_alarm_rate)) for q in (tail, 1 - tail)]
    # Outward to whole alarms, where the rows of one person count together.
    n_low, n_high = ends[0] * n // size, -(-ends[1] * n // size)
    at_low, at, at_high = (
        rate_of(success * (scores < threshold_below(ordered, n)), groups, half)
        for n in (n_low - 1, n_at, n_high)
    )
    if math.isnan(at.low):
        return Estimate(at.value, math.nan, math.nan, level, at.n)
    low = 0.0 if n_low == 0 else min(at_low.low, at.value)
    return Estimate(at.value, low, max(at_high.high, at.value), level, at.n)


def _independent(named: Array, people: Indices, level: float) -> int:
    """Return how many independent alarms tell as much; at most one a person."""
    codes, n_people = _clusters.group_codes(people, named.size)
    if n_people in (1, named.size):
        return n_people
    size = _clusters.effective_size(named, codes, n_people, level=level)
    return max(int(min(size, n_people)), 1)


def chained(people: Indices, own: Indices, assigned: Indices) -> Indices:
    """Return one number for all targets whose people lost their record to another.

    Whoever is given another's record takes it from them: such errors come in chains.
    A row below 0 stands for none.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first = int(people.max()) + 1
    rows = np.concatenate([own, assigned])
    known = rows >= 0
    ends = np.tile(people, 2)[known], first + rows[known]
    size = first + int(rows.max(initial=-1)) + 1
    graph = coo_array((np.ones(ends[0].size), ends), shape=(size, size))
    label: Indices = connected_components(graph, directed=False)[1].astype(np.intp)
    return label[people]


def score(first: Any, second: Any, evidence: str) -> Array:
    """Return what a threshold is set on: small where a name is likely."""
    one = np.asarray(first, dtype=float)
    if evidence == "distance":
        return one
    two = np.asarray(second, dtype=float)
    # Two at distance 0 are as good as each other.
    ratio: Array = np.divide(one, two, out=np.ones_like(one), where=two > 0)
    return ratio


def threshold_below(alarms: Array, n: int) -> float:
    """Return the threshold below which n of the sorted alarms lie."""
    if n < 0:
        return -math.inf
    return float(alarms[n]) if n < alarms.size else math.inf


def check_rank(k: int) -> int:
    """Raise unless k is a rank."""
    if not k >= 1:
        raise ParameterError(f"k must be 1 or more; got {k!r}")
    return int(k)
