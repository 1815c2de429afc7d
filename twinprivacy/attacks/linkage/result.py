"""What a linkage found: rates, their chance and bits, and rates in larger galleries."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Flags, Indices
from twinprivacy._validation import check_fraction, check_whole
from twinprivacy.errors import FitError, ParameterError
from twinprivacy.estimates import means
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import mean_interval, share_interval

__all__ = [
    "LinkageResult",
    "linkage_at_scale",
]

# The largest gallery, far beyond mankind.
_LARGEST = 10**10
# Normal scores of the chance p that a stranger is nearer than the own record: p from
# 1 down to 1e-33.
_SCORES = np.linspace(-7, 12, 381)
_N_EDGES = 40
_N_MEANS, _N_SPREADS = 81, 45
_N_BINORMAL = _N_MEANS * _N_SPREADS


@dataclass(frozen=True, eq=False, repr=False)
class LinkageResult:
    r"""Hold the outcome of one linkage: a row for each target, and what follows.

    A target is right at rank k in expectation over a random order of candidates that
    are equally near: if r others are nearer and t are as near as the own record (itself
    included), :math:`\min(\max(k - r, 0) / t, 1)`. So a table without information
    links at chance, in whatever order its rows come.

    Attributes
    ----------
    method : str
        How candidates were compared.
    n_candidates : int
        People in the gallery.
    targets : pandas.DataFrame
        One row a target: nearest (label of the nearest candidate; missing where several
        are equally near), distance, n_nearest (how many are), second_distance,
        in_gallery, own_distance, n_nearer, n_tied (candidates as near as the own,
        itself included), rank (mean over orders of the tied) and, of `link_scores`,
        bits (log2 of P(own) over chance).
    groups : numpy.ndarray
        Number of the person behind each target.
    """

    method: str
    n_candidates: int
    targets: pd.DataFrame
    groups: Indices

    def __repr__(self) -> str:
        """Show how many were looked for among how many, and nobody."""
        n_in = int(self.targets["in_gallery"].sum())
        rate = f", rank 1 {self.rank_rate(1).value:.3f}" if n_in else ""
        return (
            f"LinkageResult(method={self.method!r}, n_targets={len(self.targets)}, "
            f"n_in_gallery={n_in}, n_candidates={self.n_candidates}{rate})"
        )

    def rank_rate(self, k: int = 1, *, confidence_level: float = 0.95) -> Estimate:
        """Estimate the share of people in the gallery found among the k nearest.

        Parameters
        ----------
        k : int
            Length of the list, 1 or more.
        confidence_level : float
            Two-sided coverage, strictly between 0 and 1.

        Returns
        -------
        Estimate
            Wilson's interval, of the rate among other people than these against this
            gallery; persons with several targets are sampled whole.

        Raises
        ------
        ParameterError
            If k or the level is outside its range.
        FitError
            If no target is in the gallery.
        """
        inside = self.inside()
        return rate_of(self._success(k), self.groups[inside], confidence_level)

    def chance(self, k: int = 1) -> float:
        """Return the rate of somebody who guesses k candidates at random: k / n."""
        check_whole(k, name="k")
        return min(k / self.n_candidates, 1.0)

    def bits(self, *, confidence_level: float = 0.95) -> Estimate:
        r"""Estimate the mean of log2 P(own | scores) - log2(1 / n).

        P is the softmax of `link_scores`. The mean may fall below 0: then the scores
        mislead.

        Parameters
        ----------
        confidence_level : float
            Two-sided coverage, strictly between 0 and 1.

        Returns
        -------
        Estimate
            Student's interval of the mean over people. Calibration costs a little:
            where nothing is told, the interval at 95 % lies wholly below 0 in one table
            of four, and hardly ever above.

        Raises
        ------
        FitError
            If records were linked by `link_records`, which computes no bits.
        """
        if "bits" not in self.targets:
            raise FitError("bits must come from link_scores or link_by_likelihood")
        return mean_interval(
            self.targets["bits"].to_numpy(dtype=float),
            groups=self.groups,
            confidence_level=confidence_level,
        )

    def identification_at(
        self, *, false_alarm_rate: float = 0.01, confidence_level: float = 0.95
    ) -> Estimate:
        r"""Estimate the share identified when few absent people may be.

        A target is named when its least distance is at most a threshold, and identified
        when the name is also right. The threshold is the largest at which no more than
        `false_alarm_rate` of the targets without a record in the gallery are named.

        Parameters
        ----------
        false_alarm_rate : float
            Strictly between 0 and 1.
        confidence_level : float
            Two-sided coverage, strictly between 0 and 1.

        Returns
        -------
        Estimate
            The interval is of the rate at the threshold whose true rate of false alarms
            is as stated: Wilson's bounds at the ends of an interval of the threshold,
            each at half the error, so it covers more often than stated. Absent persons
            with several targets count at most once each. Its lower end is 0 where the
            absent are too few to bound so rare an alarm. The value is at the threshold
            of the absent at hand, beyond which 1 in n + 1 of others fall: with a
            handful of them it is too high.

        Raises
        ------
        ParameterError
            If a setting is outside its range.
        FitError
            If there is nobody in the gallery, or nobody absent.
        """
        check_fraction(false_alarm_rate, name="false_alarm_rate")
        check_fraction(confidence_level, name="confidence_level")
        inside = self.inside()
        if inside.all():
            raise FitError("nobody is absent: give targets without truth")
        distances = self.targets["distance"].to_numpy(dtype=float)
        return _identification(
            distances[inside],
            self._success(1),
            distances[~inside],
            self.groups[inside],
            absent=self.groups[~inside],
            false_alarm_rate=false_alarm_rate,
            level=confidence_level,
        )

    def inside(self) -> Flags:
        """Return who is in the gallery; refuse a linkage of nobody."""
        inside: Flags = self.targets["in_gallery"].to_numpy(dtype=bool)
        if not inside.any():
            raise FitError("no target is known to be in the gallery: give truth")
        return inside

    def _success(self, k: int) -> Array:
        """Return the chance of each target in the gallery to be among the k nearest."""
        check_whole(k, name="k")
        part = self.targets[self.inside()]
        ahead = part["n_nearer"].to_numpy(dtype=float)
        tied = part["n_tied"].to_numpy(dtype=float)
        success: Array = np.clip((k - ahead) / tied, 0.0, 1.0)
        return success


def linkage_at_scale(
    result: LinkageResult,
    population_sizes: Sequence[int],
    *,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Return the rank-1 rate in galleries of other sizes.

    Up to the n candidates there are: exact sub-sampling. If a candidates are nearer
    than the own record and b others as near, a random gallery of m holds the own record
    and none of the nearer with probability
    :math:`\binom{n-1-a}{m-1} / \binom{n-1}{m-1}`, times the chance to win the ties that
    are left. Beyond n: a random stranger is nearer to a target with a probability p of
    its own, the count a is binomial in p, and the rate among N is
    :math:`E\,(1 - p)^{N - 1}`. Two laws of p are fitted to the counts: normal scores
    that are normal (binormal), and a beta. They agree within the data and part beyond.

    Parameters
    ----------
    result : LinkageResult
        Of targets of whom some are in a gallery of 2 or more.
    population_sizes : sequence of int
        Candidates among whom one is right, whole numbers from 1 to 1e10.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns population_size, value, low, high, confidence_level, n, chance, basis
        ("subsampled" or "extrapolated"), binormal_weight (how far the ranks favour the
        first law: 0.5 where they cannot tell). Subsampled: Wilson's interval over
        people. Extrapolated: mean and quantiles over both laws, equally likely before
        the ranks are seen, with flat priors on (mean, log SD) and (log a, log b).

    Raises
    ------
    ParameterError
        If a size or the level is outside its range.
    FitError
        If no target is in the gallery, or it has one candidate.

    Notes
    -----
    An extrapolation assumes that strangers beyond the gallery are like those in it, and
    that one of the two laws holds where nobody was seen: from 500 candidates to 1e6 the
    rate hangs on probabilities a thousandth of the smallest observed.

    Examples
    --------
    >>> from twinprivacy.attacks.linkage import link_records
    >>> draws = np.random.default_rng(7).normal(size=(200, 4))
    >>> right = pd.DataFrame(draws, columns=list("abcd"))
    >>> left = right + 0.1
    >>> found = link_records(left, right, on=list("abcd"), truth=right.index)
    >>> linkage_at_scale(found, [50, 200, 10_000])[["value", "basis"]].round(2)
       value         basis
    0   1.00    subsampled
    1   0.99    subsampled
    2   0.78  extrapolated
    """
    if not len(population_sizes):
        raise ParameterError("population_sizes must hold 1 size or more; got 0")
    for size in population_sizes:
        check_whole(size, name="population_sizes", most=_LARGEST)
    check_fraction(confidence_level, name="confidence_level")
    inside, n = result.inside(), result.n_candidates
    if n < 2:
        raise FitError(f"the gallery must have 2 candidates or more; got {n}")
    part = result.targets[inside]
    nearer, tied = (part[c].to_numpy(dtype=float) for c in ("n_nearer", "n_tied"))
    groups, n_people = means.group_codes(result.groups[inside], len(part))
    sizes = np.array(population_sizes, dtype=float)
    beyond = sizes[sizes > n]
    # Rows of one person tell together as much as one person.
    shares = np.full(groups.size, n_people / groups.size)
    fitted = iter(
        _posterior_rates(nearer, tied, shares, n - 1, beyond) if beyond.size else []
    )
    rows = []
    for size in sizes:
        if size <= n:
            success = _subsampled(nearer, tied - 1, n, size)
            row: dict[str, Any] = rate_of(success, groups, confidence_level).as_dict()
            row |= {"basis": "subsampled", "binormal_weight": np.nan}
        else:
            row = _extrapolated(*next(fitted), confidence_level)
            row["n"] = n_people
        rows.append({"population_size": int(size)} | row | {"chance": 1 / size})
    columns = ["population_size", "value", "low", "high", "confidence_level", "n"]
    return pd.DataFrame(rows)[[*columns, "chance", "basis", "binormal_weight"]]


def rate_of(success: Array, groups: Indices, level: float) -> Estimate:
    """Return a rate of chances in [0, 1], with Wilson's interval over people."""
    from statsmodels.stats.proportion import proportion_confint

    check_fraction(level, name="confidence_level")
    codes, n_groups = means.group_codes(groups, success.size)
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
        size = means.effective_size(success, codes, n_groups, level=level)
    low, high = proportion_confint(value * size, size, alpha=1 - level, method="wilson")
    low, high = min(float(low), value), max(float(high), value)
    return Estimate(value, low, high, level, n_groups)


def _identification(
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
    named = (alarms < _threshold_below(ordered, n_at)).astype(float)
    size = _independent(named, absent, half)
    ends = [int(binom.ppf(q, size, false_alarm_rate)) for q in (tail, 1 - tail)]
    # Outward to whole alarms, where the rows of one person count together.
    n_low, n_high = ends[0] * n // size, -(-ends[1] * n // size)
    at_low, at, at_high = (
        rate_of(success * (scores < _threshold_below(ordered, n)), groups, half)
        for n in (n_low - 1, n_at, n_high)
    )
    if math.isnan(at.low):
        return Estimate(at.value, math.nan, math.nan, level, at.n)
    low = 0.0 if n_low == 0 else min(at_low.low, at.value)
    return Estimate(at.value, low, max(at_high.high, at.value), level, at.n)


def _independent(named: Array, people: Indices, level: float) -> int:
    """Return how many independent alarms tell as much; at most one a person."""
    codes, n_people = means.group_codes(people, named.size)
    if n_people in (1, named.size):
        return n_people
    size = means.effective_size(named, codes, n_people, level=level)
    return max(int(min(size, n_people)), 1)


def _threshold_below(alarms: Array, n: int) -> float:
    """Return the threshold below which n of the sorted alarms lie."""
    if n < 0:
        return -math.inf
    return float(alarms[n]) if n < alarms.size else math.inf


def _subsampled(ahead: Array, others_tied: Array, n: int, m: float) -> Array:
    """Return the chance of each target to be named from a random gallery of m of n."""
    enough = n - ahead >= m
    left = np.maximum(n - ahead, m)
    none_nearer = np.exp(_log_choose(left - 1, m - 1) - _log_choose(n - 1.0, m - 1))
    # The mean of 1 / (1 + J) for a hypergeometric J, in closed form.
    no_tied = np.exp(_log_choose(left - others_tied - 1, m) - _log_choose(left, m))
    won = left / (m * (others_tied + 1)) * (1 - no_tied)
    return np.where(enough, np.clip(none_nearer * won, 0.0, 1.0), 0.0)


def _log_choose(n: Any, k: float) -> Array:
    """Return the logarithm of the number of choices, -inf where there are none."""
    from scipy.special import gammaln

    n = np.asarray(n, dtype=float)
    enough = n >= k
    top = np.where(enough, n, k)
    found: Array = gammaln(top + 1) - gammaln(k + 1) - gammaln(top - k + 1)
    return np.where(enough, found, -np.inf)


def _extrapolated(rates: Array, weights: Array, level: float) -> dict[str, Any]:
    """Return the mean and the quantiles over both laws."""
    value = float(weights @ rates)
    tail = (1 - level) / 2
    return {
        "value": value,
        "low": min(_weighted_quantile(rates, weights, tail), value),
        "high": max(_weighted_quantile(rates, weights, 1 - tail), value),
        "confidence_level": level,
        "basis": "extrapolated",
        "binormal_weight": float(weights[:_N_BINORMAL].sum()),
    }


def _posterior_rates(
    nearer: Array, tied: Array, shares: Array, n_others: int, sizes: Array
) -> list[tuple[Array, Array]]:
    """Return, for each gallery size, rates of the fitted laws and their weights.

    Both laws are on a grid of their two parameters with a flat prior, and are equally
    likely before the ranks are seen. A tie of strangers with the own record counts as
    every order of it.
    """
    from scipy import stats

    edges = _edges(n_others)
    counts = _expected_counts(nearer, tied, edges, shares)
    chance = stats.norm.sf(_SCORES)
    below = stats.binom.cdf(edges[:, None] - 1, n_others, chance)
    laws = [_binormal(), _beta()]
    weights = np.concatenate([np.full(len(law), 1 / len(law)) for law in laws])
    mixed = np.concatenate(laws)
    log_likelihood = np.log(np.clip(mixed @ np.diff(below, axis=0).T, 1e-300, None))
    total = log_likelihood @ counts
    weights *= np.exp(total - total.max())
    weights /= weights.sum()
    log_stranger = np.log1p(-np.minimum(chance, 1 - 1e-16))
    return [(mixed @ np.exp((size - 1) * log_stranger), weights) for size in sizes]


def _weighted_quantile(values: Array, weights: Array, level: float) -> float:
    """Return the value below which a share of the weight lies."""
    order = np.argsort(values)
    place = int(np.searchsorted(np.cumsum(weights[order]), level))
    return float(values[order][min(place, values.size - 1)])


def _edges(n_others: int) -> Array:
    """Return classes of ranks: single up to 10, then in steps of a constant ratio."""
    steps = np.geomspace(10, max(n_others + 1, 10), _N_EDGES)
    edges = np.unique(np.concatenate([np.arange(11), np.round(steps)]))
    return np.append(edges[edges <= n_others], n_others + 1.0)


def _expected_counts(nearer: Array, tied: Array, edges: Array, shares: Array) -> Array:
    """Return how many targets are expected in each class over orders of the tied."""
    low, high = nearer[:, None], (nearer + tied)[:, None]
    inside = np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1])
    counts: Array = shares @ (np.maximum(inside, 0) / tied[:, None])
    return counts


def _binormal() -> Array:
    """Return laws whose normal scores are normal: a row for each mean and spread."""
    from scipy.stats import norm

    mean, spread = np.meshgrid(
        np.linspace(-1, 9, _N_MEANS), np.geomspace(0.1, 5, _N_SPREADS)
    )
    density = norm.pdf(_SCORES, mean.reshape(-1, 1), spread.reshape(-1, 1))
    laws: Array = density / density.sum(axis=1, keepdims=True)
    return laws


def _beta() -> Array:
    """Return beta laws of the chance, from nearly certain to the coin's."""
    from scipy.special import betaln
    from scipy.stats import norm

    a, b = np.meshgrid(np.geomspace(0.01, 10, 60), np.geomspace(0.3, 1e7, 70))
    a, b = a.reshape(-1, 1), b.reshape(-1, 1)
    log_density = (
        (a - 1) * norm.logsf(_SCORES)
        + (b - 1) * norm.logcdf(_SCORES)
        + norm.logpdf(_SCORES)
        - betaln(a, b)
    )
    mass = np.exp(log_density) * (_SCORES[1] - _SCORES[0])
    # What lies beyond the last score never meets a nearer stranger.
    mass[:, -1] += np.maximum(1 - mass.sum(axis=1), 0)
    laws: Array = mass / mass.sum(axis=1, keepdims=True)
    return laws
