"""Whether a genome is in a beacon, which says only whether anyone has an allele."""

import math

import numpy as np

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.attacks._genomic_draws import (
    beacon_scores,
    check_whole,
    fewest_queries,
)
from twinprivacy.errors import ParameterError


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
    n, asked = check_whole(n_people=n_people, n_queries=n_queries)
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
    (n,) = check_whole(n_people=n_people)
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
    people, asked, attacks = check_whole(
        n_people=n_people, n_queries=n_queries, n_attacks=n_attacks
    )
    _no_rates(people, mismatch, frequency_law)
    members, controls = (
        beacon_scores(people, asked, attacks, frequency_law, loss, rng=source)
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
