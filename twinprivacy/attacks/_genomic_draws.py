"""Draws of pools and beacons with and without a person, and a search over queries."""

from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array
from twinprivacy.errors import ParameterError

_DRAWS_AT_ONCE = 2_000_000
_EXCLUDED = -1_000.0


def pool_scores(
    n_people: int,
    n_snps: int,
    n_attacks: int,
    frequency_range: tuple[float, float],
    *,
    is_member: bool,
    rng: np.random.Generator,
) -> Array:
    """Return the log likelihood ratio of one target against each of many pools."""
    found = np.empty(n_attacks)
    step = max(1, _DRAWS_AT_ONCE // n_snps)
    for start in range(0, n_attacks, step):
        shape = (min(step, n_attacks - start), n_snps)
        frequency = rng.uniform(*frequency_range, shape)
        copies = rng.binomial(2, frequency)
        if is_member:
            pooled = copies + rng.binomial(2 * (n_people - 1), frequency)
        else:
            pooled = rng.binomial(2 * n_people, frequency)
        share = pooled / (2 * n_people)
        found[start : start + shape[0]] = (
            _log_odds(copies, share, frequency)
            + _log_odds(2 - copies, 1 - share, 1 - frequency)
        ).sum(axis=1)
    return found


def _log_odds(copies: npt.NDArray[Any], share: Array, frequency: Array) -> Array:
    """Return copies times the log of a ratio, also where nobody in the pool has any."""
    some = share > 0
    ratio = np.log(np.where(some, share, 1.0) / frequency)
    return np.asarray(
        np.where(copies > 0, copies * np.where(some, ratio, _EXCLUDED), 0)
    )


def beacon_scores(
    n_people: int,
    n_queries: int,
    n_attacks: int,
    law: tuple[float, float],
    loss: float | None,
    *,
    rng: np.random.Generator,
) -> Array:
    """Return minus the number of answers no; a loss is given for people in the beacon.

    A member's own allele is in the beacon unless it is lost; the others' are drawn.
    """
    found = np.empty(n_attacks)
    step = max(1, _DRAWS_AT_ONCE // n_queries)
    n_others = n_people if loss is None else n_people - 1
    for start in range(0, n_attacks, step):
        shape = (min(step, n_attacks - start), n_queries)
        frequency = rng.beta(*law, shape)
        said_no = rng.binomial(2 * n_others, frequency) == 0
        if loss is not None:
            said_no &= rng.random(shape) < loss
        found[start : start + shape[0]] = -said_no.sum(axis=1)
    return found + 0.0  # No answer no is 0, not minus 0.


def fewest_queries(absent: float, missed: float, alpha: float, power: float) -> int:
    """Return the smallest number of queries with which the test has the power.

    For each number k of tolerated answers no, false positives fall and power falls with
    the queries: so the fewest that keep alpha are best, and k grows until they suffice.
    """
    tolerated = _fewest_tolerated(absent, missed, alpha, power)
    queries = tolerated
    while True:
        queries = _fewest_that_keep(tolerated, absent, alpha, at_least=queries)
        if _at_most(tolerated, queries, missed) >= power:
            return queries
        tolerated += 1


def _fewest_tolerated(absent: float, missed: float, alpha: float, power: float) -> int:
    """Return a number of tolerated answers no below which none has the power.

    A test at exactly alpha, with a fraction of a query, gains power with each answer
    tolerated. It has more than the test of whole queries, and less than that of one
    query fewer: where even the latter falls short, so do all with less tolerance.
    """

    def falls_short(tolerated: int) -> bool:
        queries = _fewest_that_keep(tolerated, absent, alpha, at_least=tolerated)
        return _at_most(tolerated, queries - 1, missed) < power

    low, high = -1, 0
    while falls_short(high):
        low, high = high, 2 * high + 1
    while high - low > 1:
        middle = (low + high) // 2
        if falls_short(middle):
            low = middle
        else:
            high = middle
    return high


def _fewest_that_keep(
    tolerated: int, absent: float, alpha: float, *, at_least: int
) -> int:
    """Return the fewest queries with at most alpha chance of so few answers no."""
    low, high = at_least, 2 * at_least + tolerated + 1
    while _at_most(tolerated, high, absent) > alpha:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _at_most(tolerated, middle, absent) > alpha:
            low = middle
        else:
            high = middle
    return high


def _at_most(tolerated: int, queries: int, rate: float) -> float:
    """Return the chance of so few answers no, also of more queries than 2^31."""
    from scipy.special import betaincc

    if queries <= tolerated:
        return 1.0
    return float(betaincc(tolerated + 1.0, float(queries - tolerated), rate))


def check_whole(**counts: int) -> tuple[int, ...]:
    """Return whole numbers of 1 or more, in the order given."""
    for name, count in counts.items():
        if count != int(count) or count < 1:
            raise ParameterError(
                f"{name} must be a whole number of 1 or more; got {count!r}"
            )
    return tuple(int(count) for count in counts.values())
