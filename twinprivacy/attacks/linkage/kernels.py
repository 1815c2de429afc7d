"""Compiled loops of linkage: all candidates of a target in one pass, without a matrix.

Candidates lie in blocks of near neighbours, one column after the other, so that a block
is skipped where its bounding box is farther than anything that still matters, and left
half-way where its nearest member is. A cost only ever grows from column to column.
"""

import math

import numpy as np
from numba import njit, prange

# What a column compares: squared or absolute difference, same or other, levels.
SQUARE, ABSOLUTE, SAME, LEVELS = 0, 1, 2, 3
BLOCK = 128
# Costs closer than this are tied: rounding must not decide who somebody is.
TIE, TIE_FLOOR = 1e-9, 1e-15


@njit(cache=True)
def _add_column(total, x, y, kind, costs, cuts, missing):  # type: ignore[no-untyped-def]
    """Add what one column costs; where either side is missing, what that costs."""
    n = y.size
    if math.isnan(x):
        for c in range(n):
            total[c] += missing
        return
    if kind == SQUARE:
        for c in range(n):
            d = x - y[c]
            d *= d
            total[c] += d if d == d else missing
    elif kind == ABSOLUTE:
        for c in range(n):
            d = abs(x - y[c])
            total[c] += d if d == d else missing
    elif kind == SAME:
        for c in range(n):
            d = costs[0] if x == y[c] else costs[1]
            total[c] += d if y[c] == y[c] else missing
    else:
        for c in range(n):
            d = abs(x - y[c])
            level = 0
            while level < cuts.size and d > cuts[level]:
                level += 1
            total[c] += costs[level] if d == d else missing


@njit(cache=True)
def _add_known(known, x, y, weight):  # type: ignore[no-untyped-def]
    """Add the weight of a column where both sides are known."""
    if x == x:
        for c in range(y.size):
            known[c] += weight if y[c] == y[c] else 0.0


@njit(cache=True)
def _any_below(total, limit):  # type: ignore[no-untyped-def]
    """Return whether any cost is within the limit, in a loop that vectorises."""
    within = 0
    for c in range(total.size):
        within |= 1 if total[c] <= limit else 0
    return within > 0


@njit(cache=True)
def _block_costs(total, known, x, right, start, stop, how, limit):  # type: ignore[no-untyped-def]
    """Fill the costs of one block; False where all of them are over the limit."""
    kinds, costs, cuts, missing, weights, skip, whole = how
    size = stop - start
    sums, seen = total[:size], known[:size]
    sums[:] = 0.0
    for j in range(x.size):
        y = right[j, start:stop]
        _add_column(sums, x[j], y, kinds[j], costs[j], cuts[j], missing[j])
        if j % 4 == 3 and j + 1 < x.size and not _any_below(sums, limit):
            return False
    if skip:
        seen[:] = 0.0
        for j in range(x.size):
            _add_known(seen, x[j], right[j, start:stop], weights[j])
        for c in range(size):
            if known[c] > 0:
                total[c] *= weights.sum() / known[c]
            else:
                total[c] = whole
    return True


@njit(cache=True)
def _box_distance(x, low, high, kinds, limit):  # type: ignore[no-untyped-def]
    """Return the least that a member of the box can cost."""
    least = 0.0
    for j in range(x.size):
        gap = max(low[j] - x[j], x[j] - high[j], 0.0)
        if gap > 0:
            least += gap * gap if kinds[j] == SQUARE else gap
            if least > limit:
                break
    return least


@njit(cache=True)
def _link_one(x, place, right, low, high, how, found):  # type: ignore[no-untyped-def]
    """Scan one target; `found` gets the nine numbers of `scan`."""
    n = right.shape[1]
    total, known = np.empty(BLOCK), np.empty(BLOCK)
    own = math.nan
    own_low, own_high = -1.0, -1.0
    if place >= 0:
        _block_costs(total, known, x, right, place, place + 1, how, math.inf)
        own = total[0]
        own_low, own_high = own * (1 - TIE) - TIE_FLOOR, own * (1 + TIE) + TIE_FLOOR
    best, second, other = math.inf, math.inf, math.inf
    best_at, n_best, nearer, tied = -1, 0, 0, 0
    n_blocks = low.shape[0]
    bounds = np.empty(n_blocks)
    for b in range(n_blocks):
        bounds[b] = _box_distance(x, low[b], high[b], how[0], math.inf)
    first = int(bounds.argmin())
    for turn in range(n_blocks + 1):
        # The likeliest block first: it sets the limit for all others.
        b = first if turn == 0 else turn - 1
        if turn > 0 and b == first:
            continue
        limit = max(own_high, second * (1 + TIE) + TIE_FLOOR)
        if bounds[b] > limit:
            continue
        start, stop = b * BLOCK, min(n, (b + 1) * BLOCK)
        if not _block_costs(total, known, x, right, start, stop, how, limit):
            continue
        for c in range(stop - start):
            cost = total[c]
            if cost > limit:
                continue
            if start + c != place:
                other = min(other, cost)
            if cost < own_low:
                nearer += 1
            elif cost <= own_high:
                tied += 1
            if cost < best * (1 - TIE) - TIE_FLOOR:
                second, best, best_at, n_best = best, cost, start + c, 1
            elif cost <= best * (1 + TIE) + TIE_FLOOR:
                second, n_best = best, n_best + 1
            else:
                second = min(second, cost)
    found[0], found[1], found[2], found[3] = best, n_best, best_at, second
    found[4], found[5], found[6], found[7] = own, other, nearer, tied


@njit(parallel=True, cache=True)
def scan(left, places, right, low, high, how):  # type: ignore[no-untyped-def]
    """Return, for each target, what a pass over all candidates finds.

    Columns: least cost, how many have it, where, second least, own cost, least of
    others, how many are nearer than the own, how many as near (the own included).
    """
    found = np.empty((left.shape[0], 8))
    for i in prange(left.shape[0]):
        _link_one(left[i], places[i], right, low, high, how, found[i])
    return found


@njit(parallel=True, cache=True)
def log_evidence(left, places, right, how, steps, width):  # type: ignore[no-untyped-def]
    """Return log P(own | costs) of a softmax, for `steps` halvings of the width.

    Halving the temperature squares every term, so one exponential serves all.
    """
    out = np.empty((left.shape[0], steps))
    n = right.shape[1]
    for i in prange(left.shape[0]):
        costs, known = np.empty(n), np.empty(n)
        _block_costs(costs, known, left[i], right, 0, n, how, math.inf)
        least = costs.min()
        sums = np.zeros(steps)
        for c in range(n):
            term = math.exp(-(costs[c] - least) / width)
            for s in range(steps):
                sums[s] += term
                term *= term
                if term < 1e-300:
                    break
        scale = width
        for s in range(steps):
            out[i, s] = -(costs[places[i]] - least) / scale - math.log(sums[s])
            scale /= 2
    return out


@njit(parallel=True, cache=True)
def cost_matrix(left, right, how):  # type: ignore[no-untyped-def]
    """Return the cost of every pair."""
    out = np.empty((left.shape[0], right.shape[1]))
    for i in prange(left.shape[0]):
        known = np.empty(right.shape[1])
        _block_costs(out[i], known, left[i], right, 0, right.shape[1], how, math.inf)
    return out


@njit(cache=True)
def count_patterns(left, right, kinds, cuts, radix):  # type: ignore[no-untyped-def]
    """Return how many pairs show each pattern of agreement, in mixed radix.

    A column's digit is its level; its last digit stands for a missing value.
    """
    counts = np.zeros(radix.prod(), dtype=np.int64)
    for i in range(left.shape[0]):
        for c in range(right.shape[0]):
            place = 0
            for j in range(radix.size):
                gap = abs(left[i, j] - right[c, j])
                if gap != gap:
                    level = radix[j] - 1
                elif kinds[j] == SAME:
                    level = 0 if gap == 0 else 1
                else:
                    level = 0
                    while level < radix[j] - 2 and gap > cuts[j, level]:
                        level += 1
                place = place * radix[j] + level
            counts[place] += 1
    return counts
