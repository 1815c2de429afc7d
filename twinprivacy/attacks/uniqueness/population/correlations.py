"""Correlations of the normal scores behind ordered values, from pairs of columns."""

import math

import numpy as np
from numba import njit
from scipy.sparse import csr_array
from scipy.special import ndtri

from twinprivacy._types import Array, Integers

# Nodes of the integral over the correlation (Plackett's identity).
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)
_LARGEST = 0.99
_MOST_VALUES = 40
_TINY = 1e-10
# Least eigenvalue of a correlation matrix, and rounds to reach one.
_LEAST = 1e-4
_MOST_ROUNDS = 30


def correlate(codes: Integers, *, by: str, signed: bool) -> Array:
    """Return the correlation matrix of the normal scores behind ordered codes.

    Mutual information knows no sign: that of the ranks' correlation is taken, if asked.
    """
    n_columns = codes.shape[1]
    if n_columns < 2:
        return np.eye(n_columns)
    coarse = [_coarsen(column) for column in codes.T]
    counts = [np.bincount(column) for column in coarse]
    starts = np.concatenate([[0], np.cumsum([c.size for c in counts])])
    cuts = np.concatenate([ndtri(np.cumsum(c) / len(codes)) for c in counts])
    tables = _all_tables(coarse, starts)
    found = _correlate_all(tables, starts, cuts, by == "likelihood", NODES, WEIGHTS)
    if by == "mutual_information" and signed:
        found *= _signs(coarse)
    return nearest_correlation(found)


def _all_tables(coarse: list[Integers], starts: Integers) -> Array:
    """Return the counts of every two values together, all columns side by side."""
    n = coarse[0].size
    at = (np.array(coarse).T + starts[:-1]).ravel()
    rows = np.arange(0, at.size + 1, len(coarse))
    seen = csr_array((np.ones(at.size), at, rows), shape=(n, int(starts[-1])))
    found: Array = (seen.T @ seen).toarray()
    return found


def _signs(coarse: list[Integers]) -> Array:
    """Return -1 where ranks fall together with each other's rise, else 1."""
    middles = []
    for column in coarse:
        counts = np.bincount(column)
        middle = np.cumsum(counts) - counts / 2
        middles.append((middle - middle @ counts / column.size)[column])
    ranks = np.array(middles)
    return np.where(ranks @ ranks.T < 0, -1.0, 1.0)


def _coarsen(codes: Integers) -> Integers:
    """Merge neighbouring values until few enough are left, for this step only."""
    counts = np.bincount(codes)
    if counts.size <= _MOST_VALUES:
        return codes
    middle = (np.cumsum(counts) - counts / 2) / codes.size
    merged = np.unique((middle * _MOST_VALUES).astype(np.int64), return_inverse=True)[1]
    found: Integers = merged[codes]
    return found


def nearest_correlation(matrix: Array) -> Array:
    """Return nearly the nearest correlation matrix with eigenvalues above 0.

    Alternating projections on matrices without negative eigenvalues and on those with
    a diagonal of 1, with Dykstra's correction for the former.
    """
    near, correction = matrix, np.zeros_like(matrix)
    for _ in range(_MOST_ROUNDS):
        if np.linalg.eigvalsh(near)[0] >= _LEAST / 2:
            return near
        shifted = near - correction
        clipped = _clip(shifted)
        correction = clipped - shifted
        near = clipped.copy()
        np.fill_diagonal(near, 1.0)
    clipped = _clip(near)
    scale = np.sqrt(np.diag(clipped))
    found: Array = clipped / np.outer(scale, scale)
    return found


def _clip(matrix: Array) -> Array:
    """Return the matrix with eigenvalues raised to the least allowed."""
    values, vectors = np.linalg.eigh(matrix)
    found: Array = (vectors * np.maximum(values, _LEAST)) @ vectors.T
    return found


@njit(cache=True, nogil=True)
def _correlate_all(
    tables: Array,
    starts: Integers,
    cuts: Array,
    likely: bool,
    nodes: Array,
    weights: Array,
) -> Array:
    """Return the correlations of all pairs of columns."""
    found = np.eye(starts.size - 1)
    for i in range(starts.size - 1):
        h = cuts[starts[i] : starts[i + 1] - 1]
        for j in range(i):
            k = cuts[starts[j] : starts[j + 1] - 1]
            counts = tables[starts[i] : starts[i + 1], starts[j] : starts[j + 1]].copy()
            target = -1.0 if likely else max(shared_information(counts), 0.0)
            rho = _best_correlation(counts, h, k, target, nodes, weights)
            found[i, j] = found[j, i] = rho
    return found


@njit(cache=True, nogil=True)
def shared_information(counts: Array) -> float:
    r"""Return the mutual information in nats beyond what shuffled columns share.

    Shuffling makes every count hypergeometric; its expected :math:`\frac{x}{n} \log
    \frac{n x}{a b}` is summed within ten standard deviations of its mean.
    """
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    n = rows.sum()
    total = 0.0
    for i in range(rows.size):
        for j in range(columns.size):
            a, b, x = rows[i], columns[j], counts[i, j]
            if x > 0:
                total += x / n * math.log(n * x / (a * b))
            mean = a * b / n
            reach = 10 * math.sqrt(mean * (1 - a / n) * (1 - b / n)) + 10
            x = max(1.0, a + b - n, math.floor(mean - reach))
            last = min(a, b, math.ceil(mean + reach))
            if x > last:
                continue
            p = math.exp(
                _log_choose(a, x) + _log_choose(n - a, b - x) - _log_choose(n, b)
            )
            while x <= last:
                total -= p * x / n * math.log(n * x / (a * b))
                p *= (a - x) * (b - x) / ((x + 1) * (n - a - b + x + 1))
                x += 1
    return total


@njit(cache=True, nogil=True)
def _log_choose(n: float, k: float) -> float:
    """Return the log of the number of ways to choose k of n."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


@njit(cache=True, nogil=True)
def cell_probabilities(
    h: Array, k: Array, rho: float, nodes: Array, weights: Array
) -> Array:
    r"""Return the probabilities of the cells of two normal scores cut at h and at k.

    From :math:`\Phi_2(h, k; \rho) = \Phi(h) \Phi(k) + \frac{1}{2 \pi}
    \int_0^{\arcsin \rho} \exp[-(h^2 + k^2 - 2 h k \sin t) / (2 \cos^2 t)] dt`.
    """
    below = np.zeros((h.size + 2, k.size + 2))
    half = math.asin(rho) / 2
    for i in range(1, h.size + 2):
        p = 1.0 if i == h.size + 1 else 0.5 * math.erfc(-h[i - 1] / math.sqrt(2.0))
        for j in range(1, k.size + 2):
            q = 1.0 if j == k.size + 1 else 0.5 * math.erfc(-k[j - 1] / math.sqrt(2.0))
            below[i, j] = p * q
    for m in range(nodes.size):
        angle = half * (nodes[m] + 1)
        sine = math.sin(angle)
        scale = 0.5 / (1 - sine * sine)
        weight = weights[m] * half / (2 * math.pi)
        for i in range(h.size):
            for j in range(k.size):
                square = h[i] * h[i] + k[j] * k[j] - 2 * h[i] * k[j] * sine
                below[i + 1, j + 1] += weight * math.exp(-square * scale)
    cells = below[1:, 1:] - below[:-1, 1:] - below[1:, :-1] + below[:-1, :-1]
    return np.maximum(cells, _TINY)


@njit(cache=True, nogil=True)
def _loss(
    counts: Array, h: Array, k: Array, rho: float, target: float, n: Array, w: Array
) -> float:
    """Return minus the log-likelihood, or the distance from a mutual information."""
    cells = cell_probabilities(h, k, rho, n, w)
    total = 0.0
    if target < 0:
        for i in range(counts.shape[0]):
            for j in range(counts.shape[1]):
                if counts[i, j] > 0:
                    total -= counts[i, j] * math.log(cells[i, j])
        return total
    rows, columns = cells.sum(axis=1), cells.sum(axis=0)
    for i in range(counts.shape[0]):
        for j in range(counts.shape[1]):
            total += cells[i, j] * math.log(cells[i, j] / (rows[i] * columns[j]))
    return abs(total - target)


@njit(cache=True, nogil=True)
def _best_correlation(
    counts: Array, h: Array, k: Array, target: float, nodes: Array, weights: Array
) -> float:
    """Return the correlation of least loss, by golden section to within 0.001."""
    low, high = (-_LARGEST if target < 0 else 0.0), _LARGEST
    ratio = (math.sqrt(5.0) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left = _loss(counts, h, k, left, target, nodes, weights)
    at_right = _loss(counts, h, k, right, target, nodes, weights)
    while high - low > 1e-3:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = _loss(counts, h, k, left, target, nodes, weights)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = _loss(counts, h, k, right, target, nodes, weights)
    return (low + high) / 2
