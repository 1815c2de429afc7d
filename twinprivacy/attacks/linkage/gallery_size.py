"""How linkage falls with the number of candidates: within a gallery, and beyond it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction
from twinprivacy.attacks.linkage.result import LinkageResult, rate_of
from twinprivacy.errors import FitError, ParameterError

__all__ = [
    "linkage_at_scale",
    "rank_curve",
]


LARGEST = 10**10


def rank_curve(
    result: LinkageResult,
    ks: Sequence[int] | None = None,
    *,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the rank rates of a linkage against the length of the list.

    Parameters
    ----------
    result : LinkageResult
        Of targets of whom some are in the gallery.
    ks : sequence of int, optional
        Lengths, 1 or more; by default 1, 2, 5, 10, 20, 50, ... up to all candidates.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns k, value, low, high, confidence_level, n, chance, gain: one row a
        length, the interval being that of `LinkageResult.rank_rate`.

    Raises
    ------
    ParameterError
        If a length is below 1 or the level is outside its range.
    FitError
        If no target is in the gallery.

    Examples
    --------
    >>> from twinprivacy.attacks.linkage import link_records
    >>> left = pd.DataFrame({"height_cm": [170.0, 181.0, 160.0]})
    >>> right = pd.DataFrame({"height_cm": [171.0, 172.0, 161.0]})
    >>> found = link_records(left, right, on=["height_cm"], truth=[0, 1, 2])
    >>> rank_curve(found)[["k", "value", "chance"]].round(3)
       k  value  chance
    0  1    1.0   0.333
    1  2    1.0   0.667
    2  3    1.0   1.000
    """
    if ks is None:
        steps = [m * 10**e for e in range(10) for m in (1, 2, 5)]
        ks = [k for k in steps if k < result.n_candidates] + [result.n_candidates]
    rows = []
    for k in ks:
        rate = result.rank_rate(k, confidence_level=confidence_level)
        chance = result.chance(k)
        gain = rate.value - chance
        rows.append({"k": k} | rate.as_dict() | {"chance": chance, "gain": gain})
    return pd.DataFrame(rows)


def linkage_at_scale(
    result: LinkageResult,
    population_sizes: Sequence[float],
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
    population_sizes : sequence of float
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
    sizes = _check_sizes(population_sizes)
    check_fraction(confidence_level, name="confidence_level")
    nearer, tied, groups = _ranks(result)
    n = result.n_candidates
    beyond = sizes[sizes > n]
    # Rows of one person tell together as much as one person.
    shares = np.full(groups.size, (groups.max() + 1) / groups.size)
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
            row["n"] = len(np.unique(groups))
        rows.append({"population_size": int(size)} | row | {"chance": 1 / size})
    columns = ["population_size", "value", "low", "high", "confidence_level", "n"]
    return pd.DataFrame(rows)[[*columns, "chance", "basis", "binormal_weight"]]


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


def _ranks(result: LinkageResult) -> tuple[Array, Array, npt.NDArray[np.intp]]:
    """Return how many are nearer and as near, and who each target is."""
    inside = result.targets["in_gallery"].to_numpy(dtype=bool)
    if not inside.any():
        raise FitError("no target is known to be in the gallery: give truth")
    if result.n_candidates < 2:
        raise FitError("the gallery must have 2 candidates or more; got 1")
    part = result.targets[inside]
    nearer, tied = (part[c].to_numpy(dtype=float) for c in ("n_nearer", "n_tied"))
    return nearer, tied, np.unique(result.groups[inside], return_inverse=True)[1]


def _check_sizes(population_sizes: Sequence[float]) -> Array:
    """Return sizes of galleries as floats."""
    sizes = np.asarray(population_sizes, dtype=float)
    if sizes.ndim != 1 or not sizes.size:
        raise ParameterError("population_sizes must be a sequence of 1 size or more")
    bad = ~((sizes >= 1) & (sizes <= LARGEST) & (sizes == np.floor(sizes)))
    if bad.any():
        raise ParameterError(
            "population_sizes must be whole numbers from 1 to 1e10; got "
            f"{float(sizes[bad][0])!r}"
        )
    return sizes


# Normal scores of the chance p that a stranger is nearer than the own record: p from
# 1 down to 1e-33.
_SCORES = np.linspace(-7, 12, 381)
_N_EDGES = 40
_N_MEANS, _N_SPREADS = 81, 45
_N_BINORMAL = _N_MEANS * _N_SPREADS


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
