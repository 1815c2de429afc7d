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
def _add_column(total, x, y, kind, levels, cuts, missing):  # type: ignore[no-untyped-def]
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
            d = levels[0] if x == y[c] else levels[1]
            total[c] += d if y[c] == y[c] else missing
    else:
        for c in range(n):
            d = abs(x - y[c])
            level = 0
            while level < cuts.size and d > cuts[level]:
                level += 1
            total[c] += levels[level] if d == d else missing


@njit(cache=True)
def _any_below(total, limit):  # type: ignore[no-untyped-def]
    """Return whether any cost is within the limit, in a loop that vectorises."""
    within = 0
    for c in range(total.size):
        within |= 1 if total[c] <= limit else 0
    return within > 0


@njit(cache=True)
def _block_costs(total, x, right, start, stop, costs, limit):  # type: ignore[no-untyped-def]
    """Fill the costs of one block; False where all of them are over the limit."""
    sums = total[: stop - start]
    sums[:] = 0.0
    for j in range(x.size):
        y = right[j, start:stop]
        levels, cuts = costs.levels[j], costs.cuts[j]
        _add_column(sums, x[j], y, costs.kinds[j], levels, cuts, costs.missing[j])
        if j % 4 == 3 and j + 1 < x.size and not _any_below(sums, limit):
            return False
    return True


@njit(cache=True)
def _box_distance(x, low, high, kinds):  # type: ignore[no-untyped-def]
    """Return the least that a member of the box can cost."""
    least = 0.0
    for j in range(x.size):
        gap = max(low[j] - x[j], x[j] - high[j], 0.0)
        if gap > 0:
            least += gap * gap if kinds[j] == SQUARE else gap
    return least


@njit(cache=True)
def _link_one(x, place, right, low, high, costs, found):  # type: ignore[no-untyped-def]
    """Scan one target; `found` gets the numbers of `scan`."""
    n = right.shape[1]
    total = np.empty(BLOCK)
    own = math.nan
    own_low, own_high = -1.0, -1.0
    if place >= 0:
        _block_costs(total, x, right, place, place + 1, costs, math.inf)
        own = total[0]
        own_low, own_high = own * (1 - TIE) - TIE_FLOOR, own * (1 + TIE) + TIE_FLOOR
    best, second = math.inf, math.inf
    best_at, n_best, nearer, tied = -1, 0, 0, 0
    n_blocks = low.shape[0]
    bounds = np.empty(n_blocks)
    for b in range(n_blocks):
        bounds[b] = _box_distance(x, low[b], high[b], costs.kinds)
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
        if not _block_costs(total, x, right, start, stop, costs, limit):
            continue
        for c in range(stop - start):
            cost = total[c]
            if cost > limit:
                continue
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
    found[4], found[5], found[6] = own, nearer, tied


@njit(parallel=True, cache=True)
def scan(left, places, right, low, high, costs):  # type: ignore[no-untyped-def]
    """Return, for each target, what a pass over all candidates finds.

    Columns: least cost, how many have it, where, second least, own cost, how many
    are nearer than the own, how many as near (the own included).
    """
    found = np.empty((left.shape[0], 7))
    for i in prange(left.shape[0]):
        _link_one(left[i], places[i], right, low, high, costs, found[i])
    return found


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
