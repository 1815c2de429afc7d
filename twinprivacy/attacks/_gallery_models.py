"""Two laws of how near strangers come, fitted to ranks, for galleries never seen."""

import numpy as np

from twinprivacy._types import Array

# Normal scores of the chance p that a stranger is nearer than the own record: p from
# 1 down to 1e-33.
SCORES = np.linspace(-7, 12, 381)
N_EDGES = 40
N_MEANS, N_SPREADS = 81, 45
N_BINORMAL = N_MEANS * N_SPREADS


def posterior_rates(
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
    chance = stats.norm.sf(SCORES)
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


def weighted_quantile(values: Array, weights: Array, level: float) -> float:
    """Return the value below which a share of the weight lies."""
    order = np.argsort(values)
    place = int(np.searchsorted(np.cumsum(weights[order]), level))
    return float(values[order][min(place, values.size - 1)])


def _edges(n_others: int) -> Array:
    """Return classes of ranks: single up to 10, then in steps of a constant ratio."""
    steps = np.geomspace(10, max(n_others + 1, 10), N_EDGES)
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
        np.linspace(-1, 9, N_MEANS), np.geomspace(0.1, 5, N_SPREADS)
    )
    density = norm.pdf(SCORES, mean.reshape(-1, 1), spread.reshape(-1, 1))
    laws: Array = density / density.sum(axis=1, keepdims=True)
    return laws


def _beta() -> Array:
    """Return beta laws of the chance, from nearly certain to the coin's."""
    from scipy.special import betaln
    from scipy.stats import norm

    a, b = np.meshgrid(np.geomspace(0.01, 10, 60), np.geomspace(0.3, 1e7, 70))
    a, b = a.reshape(-1, 1), b.reshape(-1, 1)
    log_density = (
        (a - 1) * norm.logsf(SCORES)
        + (b - 1) * norm.logcdf(SCORES)
        + norm.logpdf(SCORES)
        - betaln(a, b)
    )
    mass = np.exp(log_density) * (SCORES[1] - SCORES[0])
    # What lies beyond the last score never meets a nearer stranger.
    mass[:, -1] += np.maximum(1 - mass.sum(axis=1), 0)
    laws: Array = mass / mass.sum(axis=1, keepdims=True)
    return laws
