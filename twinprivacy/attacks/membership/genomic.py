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

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.errors import ParameterError

__all__ = [
    "beacon_attack_power",
    "beacon_queries_needed",
    "people_needed",
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
    people = _positive(n_people, name="n_people")
    snps = _positive(n_snps, name="n_snps")
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
    people = float(_positive(n_people, name="n_people"))
    return math.ceil(people * _ratio_needed(false_positive_rate, power))


def people_needed(n_snps: int, *, false_positive_rate: float, power: float) -> int:
    r"""Return how large a pool must be so that an attack on it has no more power.

    The smallest n of at least :math:`m / (z_\alpha + z_\beta)^2`.

    Parameters
    ----------
    n_snps : int
        Positions whose frequencies are published, 1 or more.
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
    >>> people_needed(5_000, false_positive_rate=0.05, power=0.95)
    463
    """
    snps = float(_positive(n_snps, name="n_snps"))
    # A unit in the last place must not ask for one person more.
    found = snps / _ratio_needed(false_positive_rate, power)
    return math.ceil(found * (1 - 1e-12))


def simulate_pool_attack(
    n_people: int,
    n_snps: int,
    *,
    n_attacks: int,
    frequency_range: tuple[float, float] = (0.05, 0.95),
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    r"""Simulate the likelihood ratio test of a genome against a pool's frequencies.

    With g copies of an allele, frequency p in the population and :math:`\hat p` in the
    pool, the score is

    .. math:: \sum_j g_j \ln \frac{\hat p_j}{p_j}
       + (2 - g_j) \ln \frac{1 - \hat p_j}{1 - p_j}.

    Each attack has frequencies, a pool and a target of its own.

    Parameters
    ----------
    n_people, n_snps : int
        In the pool, 1 or more, and published positions, 1 or more.
    n_attacks : int
        On members, and as many on others, 1 or more.
    frequency_range : tuple of float
        Of the population's frequencies, uniform between the two, within (0, 1).
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
    least, most = frequency_range
    if not 0 < least < most < 1:
        raise ParameterError(
            "frequency_range must ascend strictly within (0, 1); got "
            f"{frequency_range!r}"
        )
    people, snps, attacks = _check_whole(
        n_people=n_people, n_snps=n_snps, n_attacks=n_attacks
    )
    members, controls = (
        _pool_scores(
            people, snps, attacks, frequency_range, is_member=is_member, rng=source
        )
        for is_member, source in zip((True, False), rng.spawn(2), strict=True)
    )
    return members, controls


def _ratio_needed(false_positive_rate: float, power: float) -> float:
    """Return how many positions for each person in the pool."""
    from scipy.stats import norm

    check_fraction(false_positive_rate, name="false_positive_rate")
    check_fraction(power, name="power")
    if power <= false_positive_rate:
        raise ParameterError(
            "power must be above false_positive_rate; got "
            f"{power!r} and {false_positive_rate!r}"
        )
    return float(norm.isf(false_positive_rate) + norm.ppf(power)) ** 2


def _positive(values: npt.ArrayLike, *, name: str) -> Array:
    found = np.asarray(values, dtype=float)
    if not (np.isfinite(found) & (found > 0)).all():
        raise ParameterError(f"{name} must be finite and above 0; got others")
    return found


def beacon_attack_power(
    n_people: int,
    n_queries: int,
    *,
    false_positive_rate: float,
    mismatch: float = 0.0,
    frequency_law: tuple[float, float] = (1.0, 1.0),
) -> float:
    r"""Return how often a person is found in a beacon that says only yes or no.

    The attacker asks for alleles that the person has. The answer is no with probability
    :math:`D_n = E (1 - f)^{2n}` if the person is not in it, else with :math:`\delta
    D_{n - 1}`, where :math:`\delta` is the chance that one genome is read in two ways.
    So the likelihood ratio falls with the number of answers no, and the test calls a
    member whoever has at most k of them, with the largest k that keeps the rate of
    false positives. If even k = 0 does not, nobody is called one and the power is 0.

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
    frequency_law : tuple of float
        Beta law of the frequency f in the population of the alleles asked for, both
        above 0. Of alleles of a neutral spectrum, density 1 / f, those that a chosen
        chromosome carries have the uniform law, (1, 1).

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
    from scipy.stats import binom

    check_fraction(false_positive_rate, name="false_positive_rate")
    n, asked = _check_whole(n_people=n_people, n_queries=n_queries)
    absent, missed = _no_rates(n, mismatch, frequency_law)
    most = int(binom.ppf(false_positive_rate, asked, absent))
    # The quantile is the first count that reaches the rate; reaching exactly is kept.
    if binom.cdf(most, asked, absent) > false_positive_rate:
        most -= 1
    return float(binom.cdf(most, asked, missed)) if most >= 0 else 0.0


def beacon_queries_needed(
    n_people: int,
    *,
    false_positive_rate: float,
    power: float,
    mismatch: float = 0.0,
    frequency_law: tuple[float, float] = (1.0, 1.0),
) -> int:
    r"""Return how many answers of a beacon give a person in it away.

    The smallest number for which `beacon_attack_power` reaches the power; it does not
    grow steadily, so that a few queries more may do worse. Without mismatches it is the
    smallest n of at least :math:`\ln \alpha / \ln(1 - D_n)` if the power is to be 1.

    Parameters
    ----------
    n_people, false_positive_rate, mismatch, frequency_law
        As for `beacon_attack_power`.
    power : float
        In (0, 1]; 1 only without mismatches.

    Returns
    -------
    int

    Raises
    ------
    ParameterError
        For settings outside their ranges, or a power that no number of queries reaches.

    References
    ----------
    Shringarpure and Bustamante (2015), doi:10.1016/j.ajhg.2015.09.010.

    Examples
    --------
    >>> beacon_queries_needed(1_000, false_positive_rate=0.05, power=1.0)
    5993
    """
    check_fraction(false_positive_rate, name="false_positive_rate")
    (n,) = _check_whole(n_people=n_people)
    absent, missed = _no_rates(n, mismatch, frequency_law)
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
    return fewest_queries(absent, missed, false_positive_rate, power)


def simulate_beacon_attack(
    n_people: int,
    n_queries: int,
    *,
    n_attacks: int,
    mismatch: float = 0.0,
    frequency_law: tuple[float, float] = (1.0, 1.0),
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
    mismatch, frequency_law
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
    people, asked, attacks = _check_whole(
        n_people=n_people, n_queries=n_queries, n_attacks=n_attacks
    )
    _no_rates(people, mismatch, frequency_law)
    members, controls = (
        _beacon_scores(people, asked, attacks, frequency_law, loss, rng=source)
        for loss, source in zip((mismatch, None), rng.spawn(2), strict=True)
    )
    return members, controls


def _no_rates(
    n_people: int, mismatch: float, law: tuple[float, float]
) -> tuple[float, float]:
    """Return how often a beacon says no of people outside and inside."""
    from scipy.special import betaln

    if not 0 <= mismatch < 1:
        raise ParameterError(f"mismatch must lie in [0, 1); got {mismatch!r}")
    a, b = law
    if not (0 < a < math.inf and 0 < b < math.inf):
        raise ParameterError(
            f"frequency_law must hold two finite numbers above 0; got {law!r}"
        )
    absent, rest = (
        math.exp(betaln(a, b + 2 * n) - betaln(a, b)) for n in (n_people, n_people - 1)
    )
    return absent, mismatch * rest


_DRAWS_AT_ONCE = 2_000_000
_EXCLUDED = -1_000.0


def _pool_scores(
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


def _beacon_scores(
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


def _check_whole(**counts: int) -> tuple[int, ...]:
    """Return whole numbers of 1 or more, in the order given."""
    for name, count in counts.items():
        if count != int(count) or count < 1:
            raise ParameterError(
                f"{name} must be a whole number of 1 or more; got {count!r}"
            )
    return tuple(int(count) for count in counts.values())
