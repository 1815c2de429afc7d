"""Genomic membership: closed forms against simulations of the same attacks."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import binom

import twinprivacy.attacks.membership.genomic as genomic
from twinprivacy.attacks.membership import (
    beacon_attack_power,
    beacon_queries_needed,
    pool_attack_power,
    simulate_beacon_attack,
    simulate_pool_attack,
    snps_needed,
)
from twinprivacy.errors import ParameterError
from twinprivacy.estimates import (
    area_under_curve,
    true_positive_rate_at,
    wilson_interval,
)

BEACONS = [(65, 391, 0.0), (65, 800, 0.05), (100, 900, 0.2)]


def test_pool_power_against_the_simulated_test() -> None:
    rng = np.random.default_rng(3)
    for n_people, n_snps in ((100, 200), (150, 750)):
        members, controls = simulate_pool_attack(
            n_people, n_snps, n_attacks=1_500, rng=rng
        )
        for rate in (0.01, 0.05):
            found = true_positive_rate_at(members, controls, false_positive_rate=rate)
            power = pool_attack_power(n_people, n_snps, false_positive_rate=rate)
            # The closed form is a limit: allow 0.02 beyond the simulation's interval.
            assert found.low - 0.02 <= power <= found.high + 0.02


def test_pool_scores_are_those_of_the_formula_by_hand() -> None:
    # Frequency 0.5, two positions of ten people: pools of 12 and 8 of 20 alleles.
    from twinprivacy.attacks.membership.genomic import _log_odds

    share, frequency = np.array([0.6, 0.4]), np.array([0.5, 0.5])
    copies = np.array([2, 1])
    score = _log_odds(copies, share, frequency).sum()
    score += _log_odds(2 - copies, 1 - share, 1 - frequency).sum()
    by_hand = 2 * math.log(0.6 / 0.5) + math.log(0.4 / 0.5) + math.log(0.6 / 0.5)
    assert score == pytest.approx(by_hand)


def test_a_large_pool_hides_everyone() -> None:
    rng = np.random.default_rng(4)
    members, controls = simulate_pool_attack(10_000, 20, n_attacks=1_000, rng=rng)
    area = area_under_curve(members, controls)
    # sqrt(m / n) = 0.045: area Phi(0.045 / sqrt(2)) = 0.513.
    assert area.low <= 0.513 <= area.high
    # A pool of one says the genome itself.
    members, controls = simulate_pool_attack(1, 50, n_attacks=200, rng=rng)
    assert members.min() > controls.max()


def test_numbers_needed_agree_with_the_power() -> None:
    for n_people, rate, power in ((50, 0.001, 0.5), (1_000, 0.01, 0.9)):
        m = snps_needed(n_people, false_positive_rate=rate, power=power)
        assert pool_attack_power(n_people, m, false_positive_rate=rate) >= power
        assert pool_attack_power(n_people, m - 1, false_positive_rate=rate) < power


@pytest.mark.parametrize(("n_people", "n_queries", "mismatch"), BEACONS)
def test_beacon_power_against_the_simulated_test(
    n_people: int, n_queries: int, mismatch: float
) -> None:
    members, controls = simulate_beacon_attack(
        n_people,
        n_queries,
        n_attacks=2_000,
        mismatch=mismatch,
        rng=np.random.default_rng(5),
    )
    # The threshold of the closed form: D = 1 / (2 n + 1) for the uniform law.
    absent = 1 / (2 * n_people + 1)
    counts = np.arange(-1, 100)
    most = counts[binom.cdf(counts, n_queries, absent) <= 0.05].max()
    alarms = int((controls >= -most).sum())
    rate = wilson_interval(alarms, 2_000, confidence_level=0.999)
    assert rate.low <= binom.cdf(most, n_queries, absent) <= rate.high
    hits = int((members >= -most).sum())
    found = wilson_interval(hits, 2_000, confidence_level=0.999)
    power = beacon_attack_power(
        n_people, n_queries, false_positive_rate=0.05, mismatch=mismatch
    )
    assert found.low <= power <= found.high


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.integers(1, 300),
    st.floats(0, 0.3),
    st.sampled_from([0.001, 0.05, 0.2]),
    st.sampled_from([0.3, 0.9, 0.99]),
)
def test_queries_needed_agree_with_the_power(
    n_people: int, mismatch: float, rate: float, power: float
) -> None:
    options = {"false_positive_rate": rate, "mismatch": mismatch}
    needed = beacon_queries_needed(n_people, power=power, **options)
    assert beacon_attack_power(n_people, needed, **options) >= power - 1e-9
    fewer = [needed - step for step in (1, 2, needed // 10) if 1 <= step < needed]
    for queries in fewer:
        assert beacon_attack_power(n_people, queries, **options) < power + 1e-9


def scan(absent: float, missed: float, rate: float, power: float) -> int:
    """Try each number of tolerated answers no, from 0."""
    queries = tolerated = 0
    while True:
        while binom.cdf(tolerated, queries, absent) > rate:
            queries += 1
        if binom.cdf(tolerated, queries, missed) >= power:
            return queries
        tolerated += 1


@pytest.mark.parametrize("mismatch", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("power", [0.04, 0.3, 0.9, 0.99])
def test_queries_needed_are_those_of_a_scan(mismatch: float, power: float) -> None:
    n, rate = 8, 0.05
    found = beacon_queries_needed(
        n, false_positive_rate=rate, power=power, mismatch=mismatch
    )
    absent, missed = 1 / (2 * n + 1), mismatch / (2 * n - 1)
    assert found == scan(absent, missed, rate, power)


def test_members_who_are_hardly_told_apart_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(genomic, "_MOST_QUERIES", 2_000)
    message = r"^power must be reached by fewer than 2,000 queries; got 0.95$"
    with pytest.raises(ParameterError, match=message):
        beacon_queries_needed(10, false_positive_rate=0.05, power=0.95, mismatch=0.9046)


def test_too_few_queries_find_nobody() -> None:
    # (1 - 1 / 131)^390 = 0.0503: even no answer no would accuse too many.
    assert beacon_attack_power(65, 390, false_positive_rate=0.05) == 0
    assert beacon_attack_power(65, 391, false_positive_rate=0.05) == 1


def test_same_seed_same_scores() -> None:
    for simulate in (simulate_pool_attack, simulate_beacon_attack):
        first = simulate(20, 30, n_attacks=10, rng=np.random.default_rng(1))
        again = simulate(20, 30, n_attacks=10, rng=np.random.default_rng(1))
        np.testing.assert_array_equal(first, again)


def test_bad_settings(rng: np.random.Generator) -> None:
    def bad(message: str, function: object, *args: object, **options: object) -> None:
        with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
            function(*args, **options)  # type: ignore[operator]

    bad(
        "n_people must be above 0; got 1 of 2 that are not",
        pool_attack_power,
        [10, 0],
        5,
        false_positive_rate=0.1,
    )
    bad(
        "power must be above false_positive_rate; got 0.01 and 0.05",
        snps_needed,
        10,
        false_positive_rate=0.05,
        power=0.01,
    )
    bad(
        "n_attacks must be a whole number of 1 or more; got 0",
        simulate_pool_attack,
        10,
        5,
        n_attacks=0,
        rng=rng,
    )
    bad(
        "mismatch must lie in [0, 1); got 1.0",
        beacon_attack_power,
        10,
        5,
        false_positive_rate=0.1,
        mismatch=1.0,
    )
    bad(
        "power must lie in (0, 1], below 1 with mismatches; got 1.0 with mismatch 0.1",
        beacon_queries_needed,
        10,
        false_positive_rate=0.1,
        power=1.0,
        mismatch=0.1,
    )
    # One person: the others are nobody, so that a mismatch is always a no.
    bad(
        "mismatch must be so small that people in the beacon get fewer answers no than "
        "others, 0.9 against 0.333; got 0.9",
        beacon_queries_needed,
        1,
        false_positive_rate=0.1,
        power=0.9,
        mismatch=0.9,
    )
