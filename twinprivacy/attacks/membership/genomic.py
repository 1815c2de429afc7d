r"""Was this genome in the study? Closed forms, and simulations of the same attacks.

Two releases that look harmless: the frequency of each allele in a pool of people, and
a beacon, which says only whether anyone has an allele. Whoever holds a person's genome
can test whether they are in it, and needs few positions.

All of it is for positions that are inherited independently and people who are not
related. A relative in the pool is found too, by less; dependent positions tell less
than as many independent ones.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array, Indices
from twinprivacy._validation import as_positive, check_fraction, check_rng, check_whole
from twinprivacy.errors import ParameterError

__all__ = [
    "beacon_attack_power",
    "beacon_queries_needed",
    "pool_attack_power",
    "simulate_beacon_attack",
    "simulate_pool_attack",
    "snps_needed",
]


def pool_attack_power(
    n_people: npt.ArrayLike, n_snps: npt.ArrayLike, *, false_positive_rate: float
) -> Array:
    r"""Return how often someone in a pool is found from its allele frequencies.

    :math:`\Phi(\sqrt{m / n} - z_\alpha)` for m positions and n people, the limit of the
    likelihood ratio test for large n and m and frequencies away from 0 and 1, known for
    the population.

    Parameters
    ----------
    n_people, n_snps : array_like
        Above 0, of shapes that broadcast.
    false_positive_rate : float
        Strictly between 0 and 1.

    Returns
    -------
    numpy.ndarray
        In (0, 1], of the common shape.

    Raises
    ------
    ParameterError
        For settings outside their ranges.

    References
    ----------
    Sankararaman et al. (2009), doi:10.1038/ng.436.

    Examples
    --------
    >>> pool_attack_power(1_000, 5_000, false_positive_rate=0.05).round(3).item()
    0.723
    """
    from scipy.special import ndtr, ndtri

    check_fraction(false_positive_rate, name="false_positive_rate")
    people = as_positive(n_people, name="n_people")
    snps = as_positive(n_snps, name="n_snps")
    return np.asarray(ndtr(np.sqrt(snps / people) + ndtri(false_positive_rate)))


def snps_needed(n_people: int, *, false_positive_rate: float, power: float) -> int:
    r"""Return how many positions give a pool's people away.

    The smallest m of at least :math:`n (z_\alpha + z_\beta)^2`, with the power
    :math:`1 - \beta`.

    Parameters
    ----------
    n_people : int
        In the pool, 1 or more.
    false_positive_rate, power : float
        Strictly between 0 and 1, the first below the second.

    Returns
    -------
    int

    Raises
    ------
    ParameterError
        For settings outside their ranges.

    References
    ----------
    Sankararaman et al. (2009), doi:10.1038/ng.436.

    Examples
    --------
    >>> snps_needed(1_000, false_positive_rate=0.001, power=0.99)
    29340
    """
    from scipy.stats import norm

    check_whole(n_people, name="n_people")
    check_fraction(false_positive_rate, name="false_positive_rate")
    check_fraction(power, name="power")
    if power <= false_positive_rate:
        raise ParameterError(
            "power must be above false_positive_rate; got "
            f"{power!r} and {false_positive_rate!r}"
        )
    root = float(norm.isf(false_positive_rate) + norm.ppf(power))
    return math.ceil(float(n_people) * root**2)


def simulate_pool_attack(
    n_people: int,
    n_snps: int,
    *,
    n_attacks: int,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    r"""Simulate the likelihood ratio test of a genome against a pool's frequencies.

    With g copies of an allele, frequency p in the population and :math:`\hat p` in the
    pool, the score is

    .. math:: \sum_j g_j \ln \frac{\hat p_j}{p_j}
       + (2 - g_j) \ln \frac{1 - \hat p_j}{1 - p_j}.

    Each attack has frequencies, uniform between 0.05 and 0.95 in the population, a pool
    and a target of its own.

    Parameters
    ----------
    n_people, n_snps : int
        In the pool, 1 or more, and published positions, 1 or more.
    n_attacks : int
        On members, and as many on others, 1 or more.
    rng : numpy.random.Generator
        Source of frequencies and genomes.

    Returns
    -------
    member_scores, control_scores : numpy.ndarray, shape (n_attacks,)
        For `twinprivacy.estimates`. An allele that nobody in the pool has
        excludes the target: it counts 1,000 below what is possible otherwise.

    Raises
    ------
    ParameterError
        For settings outside their ranges.

    References
    ----------
    Sankararaman et al. (2009), doi:10.1038/ng.436.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> members, controls = simulate_pool_attack(50, 500, n_attacks=40, rng=rng)
    >>> bool(members.mean() > controls.mean())
    True
    """
    check_rng(rng)
    _check_counts(n_people=n_people, n_snps=n_snps, n_attacks=n_attacks)
    members, controls = (
        _pool_scores(n_people, n_snps, n_attacks, is_member=is_member, rng=source)
        for is_member, source in zip((True, False), rng.spawn(2), strict=True)
    )
    return members, controls


def beacon_attack_power(
    n_people: int,
    n_queries: int,
    *,
    false_positive_rate: float,
    mismatch: float = 0.0,
) -> float:
    r"""Return how often a person is found in a beacon that says only yes or no.

    The attacker asks for alleles that the person has. The answer is no with probability
    :math:`D_n = E (1 - f)^{2n}` if the person is not in it, else with :math:`\delta
    D_{n - 1}`, where :math:`\delta` is the chance that one genome is read in two ways.
    The frequency f in the population is uniform: of alleles of a neutral spectrum,
    density 1 / f, that is the law of those which a chosen chromosome carries. So the
    likelihood ratio falls with the number of answers no, and the test calls a member
    whoever has at most k of them, with the largest k that keeps the rate of false
    positives. If even k = 0 does not, nobody is called one and the power is 0.

    Parameters
    ----------
    n_people : int
        In the beacon, 1 or more.
    n_queries : int
        Alleles asked for, 1 or more.
    false_positive_rate : float
        Strictly between 0 and 1.
    mismatch : float
        delta, in [0, 1).

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ParameterError
        For settings outside their ranges.

    References
    ----------
    Shringarpure and Bustamante (2015), doi:10.1016/j.ajhg.2015.09.010.

    Examples
    --------
    >>> beacon_attack_power(1_000, 5_993, false_positive_rate=0.05)
    1.0
    >>> power = beacon_attack_power(
    ...     1_000, 5_993, false_positive_rate=0.05, mismatch=0.01)
    >>> round(power, 3)
    0.97
    """
    check_fraction(false_positive_rate, name="false_positive_rate")
    _check_counts(n_people=n_people, n_queries=n_queries)
    rates = _no_rates(n_people, mismatch)
    return float(_power(np.array([n_queries]), *rates, false_positive_rate)[0])


def beacon_queries_needed(
    n_people: int,
    *,
    false_positive_rate: float,
    power: float,
    mismatch: float = 0.0,
) -> int:
    r"""Return how many answers of a beacon give a person in it away.

    The smallest number for which `beacon_attack_power` reaches the power. The power
    does not grow steadily, so that a few queries more may do worse. Without mismatches
    the number is the smallest of at least :math:`\ln \alpha / \ln(1 - D_n)` if the
    power is to be 1.

    Parameters
    ----------
    n_people, false_positive_rate, mismatch
        As for `beacon_attack_power`.
    power : float
        In (0, 1]; 1 only without mismatches.

    Returns
    -------
    int

    Raises
    ------
    ParameterError
        For settings outside their ranges, or a power that a million queries do not
        reach.

    References
    ----------
    Shringarpure and Bustamante (2015), doi:10.1016/j.ajhg.2015.09.010.

    Examples
    --------
    >>> beacon_queries_needed(1_000, false_positive_rate=0.05, power=1.0)
    5993
    """
    check_fraction(false_positive_rate, name="false_positive_rate")
    check_whole(n_people, name="n_people")
    absent, missed = _no_rates(n_people, mismatch)
    if not 0 < power <= 1 or (power == 1 and mismatch > 0):
        raise ParameterError(
            "power must lie in (0, 1], below 1 with mismatches; got "
            f"{power!r} with mismatch {mismatch!r}"
        )
    if missed >= absent:
        raise ParameterError(
            "mismatch must be so small that people in the beacon get fewer answers no "
            f"than others, {missed:.3g} against {absent:.3g}; got {mismatch!r}"
        )
    start, stop = 1, 1_000
    while start < _MOST_QUERIES:
        asked = np.arange(start, stop)
        reached = _power(asked, absent, missed, false_positive_rate) >= power
        if reached.any():
            return int(asked[np.argmax(reached)])
        start, stop = stop, min(2 * stop, _MOST_QUERIES)
    raise ParameterError(
        f"power must be reached by fewer than {_MOST_QUERIES:,} queries; got {power!r}"
    )


def simulate_beacon_attack(
    n_people: int,
    n_queries: int,
    *,
    n_attacks: int,
    mismatch: float = 0.0,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Simulate the likelihood ratio test of genomes against a beacon.

    Each attack draws the frequencies of the alleles that its target has, the other
    people's alleles and the answers; the score falls by one with each answer no.

    Parameters
    ----------
    n_people, n_queries : int
        In the beacon, 1 or more, and asked for, 1 or more.
    n_attacks : int
        On members, and as many on others, 1 or more.
    mismatch
        As for `beacon_attack_power`.
    rng : numpy.random.Generator
        Source of frequencies and alleles.

    Returns
    -------
    member_scores, control_scores : numpy.ndarray, shape (n_attacks,)
        Minus the number of answers no: the order of the likelihood ratio.

    Raises
    ------
    ParameterError
        For settings outside their ranges.

    References
    ----------
    Shringarpure and Bustamante (2015), doi:10.1016/j.ajhg.2015.09.010.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> members, controls = simulate_beacon_attack(65, 391, n_attacks=100, rng=rng)
    >>> float(members.min()), bool(controls.mean() < -2)
    (0.0, True)
    """
    check_rng(rng)
    _check_counts(n_people=n_people, n_queries=n_queries, n_attacks=n_attacks)
    _check_mismatch(mismatch)
    members, controls = (
        _beacon_scores(n_people, n_queries, n_attacks, loss, rng=source)
        for loss, source in zip((mismatch, None), rng.spawn(2), strict=True)
    )
    return members, controls


_MOST_QUERIES = 1_000_000


def _no_rates(n_people: int, mismatch: float) -> tuple[float, float]:
    """Return how often a beacon says no of people outside and inside."""
    from scipy.special import betaln

    _check_mismatch(mismatch)
    absent, rest = (
        math.exp(betaln(1.0, 1.0 + 2 * n)) for n in (n_people, n_people - 1)
    )
    return absent, mismatch * rest


def _power(asked: Indices, absent: float, missed: float, alpha: float) -> Array:
    """Return the power of the test for each number of queries."""
    from scipy.stats import binom

    most = np.asarray(binom.ppf(alpha, asked, absent))
    # The quantile is the first count that reaches the rate; reaching exactly is kept.
    most = most - (binom.cdf(most, asked, absent) > alpha)
    return np.where(most >= 0, binom.cdf(most, asked, missed), 0.0)


_DRAWS_AT_ONCE = 2_000_000
_EXCLUDED = -1_000.0


def _pool_scores(
    n_people: int,
    n_snps: int,
    n_attacks: int,
    *,
    is_member: bool,
    rng: np.random.Generator,
) -> Array:
    """Return the log likelihood ratio of one target against each of many pools."""
    found = np.empty(n_attacks)
    step = max(1, _DRAWS_AT_ONCE // n_snps)
    for start in range(0, n_attacks, step):
        shape = (min(step, n_attacks - start), n_snps)
        frequency = rng.uniform(0.05, 0.95, shape)
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


def _beacon_scores(
    n_people: int,
    n_queries: int,
    n_attacks: int,
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
        frequency = rng.beta(1.0, 1.0, shape)
        said_no = rng.binomial(2 * n_others, frequency) == 0
        if loss is not None:
            said_no &= rng.random(shape) < loss
        found[start : start + shape[0]] = -said_no.sum(axis=1)
    return found + 0.0  # No answer no is 0, not minus 0.


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        check_whole(count, name=name)


def _check_mismatch(mismatch: float) -> None:
    if not 0 <= mismatch < 1:
        raise ParameterError(f"mismatch must lie in [0, 1); got {mismatch!r}")
