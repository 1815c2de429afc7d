"""Count the pairs of people whose order of events a score gets right."""

import numba
import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array


def count_pairs(
    time: Array, event: npt.NDArray[np.bool_], score: Array
) -> tuple[Array, Array]:
    """Count for each person the comparable pairs, and the right ones among them.

    A pair is comparable if the one with the shorter time had the event, or both times
    agree and only one had it; right if that one has the higher score. Equal scores
    count one half. Takes n log n operations.
    """
    _, rank = np.unique(score, return_inverse=True)
    order = np.lexsort((~event, time))
    right, comparable = np.zeros(len(time)), np.zeros(len(time))
    found = _sweep(time[order], event[order], rank[order], int(rank.max()) + 1)
    right[order], comparable[order] = found
    return right, comparable


@numba.njit(cache=True)
def _sweep(
    time: Array, event: npt.NDArray[np.bool_], rank: npt.NDArray[np.intp], n_ranks: int
) -> tuple[Array, Array]:
    """Sweep through people sorted by time, those with the event first."""
    n = len(time)
    right, comparable = np.zeros(n), np.zeros(n)
    # From the end: who lives longer than someone with the event, and scores lower?
    tree, n_seen, waiting = np.zeros(n_ranks + 1), 0, n
    for i in range(n - 1, -1, -1):
        if not event[i]:
            continue
        while waiting > 0 and (
            time[waiting - 1] > time[i]
            or (time[waiting - 1] == time[i] and not event[waiting - 1])
        ):
            waiting -= 1
            n_seen += 1
            _add(tree, rank[waiting])
        below, up_to = _below(tree, rank[i]), _below(tree, rank[i] + 1)
        right[i] += 0.5 * (below + up_to)
        comparable[i] += n_seen
    # From the start: who had the event earlier than someone, and scores higher?
    tree[:], n_seen, waiting = 0.0, 0, 0
    for i in range(n):
        while waiting < n and (
            time[waiting] < time[i] or (time[waiting] == time[i] and not event[i])
        ):
            if event[waiting]:
                n_seen += 1
                _add(tree, rank[waiting])
            waiting += 1
        below, up_to = _below(tree, rank[i]), _below(tree, rank[i] + 1)
        right[i] += n_seen - 0.5 * (below + up_to)
        comparable[i] += n_seen
    return right, comparable


@numba.njit(cache=True)
def _add(tree: Array, rank: int) -> None:
    """Count one more person of a rank in a Fenwick tree."""
    place = rank + 1
    while place < len(tree):
        tree[place] += 1
        place += place & -place


@numba.njit(cache=True)
def _below(tree: Array, rank: int) -> float:
    """Return how many people lie below a rank."""
    total = 0.0
    while rank > 0:
        total += tree[rank]
        rank -= rank & -rank
    return total
