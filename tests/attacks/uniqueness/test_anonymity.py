"""Anonymity sets from their sizes: hand arithmetic, limits, and honest intervals."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy import datasets
from twinprivacy.attacks.uniqueness import AnonymitySets, anonymity_sets
from twinprivacy.errors import ParameterError


def sets_of(*sizes: int) -> AnonymitySets:
    """Sets of these sizes, people in order of their sets."""
    look = np.repeat(np.arange(len(sizes)), sizes)
    return anonymity_sets(pd.DataFrame({"age": look}), ["age"])


def test_hand_arithmetic_of_six_people() -> None:
    sets = sets_of(1, 2, 3)
    assert sets.histogram.to_dict("list") == {"set_size": [1, 2, 3], "n_sets": [1] * 3}
    assert sets.k == 1
    assert sets.share_unique == 1 / 6
    assert sets.share_below(3) == (1 + 2) / 6
    assert sets.share_below(1) == 0
    assert sets.prosecutor_risk == pytest.approx((1 + 2 / 2 + 3 / 3) / 6)
    bits = (math.log2(6) + 2 * math.log2(3) + 3 * math.log2(2)) / 6
    assert sets.bits == pytest.approx(bits)
    assert sets.bits_left == pytest.approx((0 + 2 * 1 + 3 * math.log2(3)) / 6)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
@settings(derandomize=True, deadline=None)
def test_shares_and_bits_keep_their_ranges(sizes: list[int]) -> None:
    sets = sets_of(*sizes)
    assert 0 <= sets.share_unique <= sets.share_below(5) <= sets.share_below(11) <= 1
    assert 0 < sets.prosecutor_risk <= 1 / sets.k <= 1
    assert sets.share_unique <= sets.prosecutor_risk + 1e-12
    assert sets.bits + sets.bits_left == pytest.approx(math.log2(sets.n_people))
    found = sets.share_interval()
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.value == sets.share_unique


def test_one_person_is_unique_and_has_no_bits_to_lose() -> None:
    sets = sets_of(1)
    assert (sets.k, sets.share_unique, sets.prosecutor_risk, sets.bits) == (1, 1, 1, 0)
    assert sets.share_over_threshold() == 1


def test_the_regulators_line_lets_sets_of_eleven_pass() -> None:
    facts = datasets.load("identity_facts").set_index("fact_id")["value"]
    assert facts["regulators_threshold"] == 0.09
    sets = sets_of(11, 10)
    assert sets.share_over_threshold() == 10 / 21
    # Without rounding 1 / 11 = 0.0909 is above 0.09.
    assert sets.share_over_threshold(0.09) == 1
    assert sets_of(12).share_over_threshold(0.09) == 0


POPULATIONS = {
    "nearly all unique": np.full(6_000, 1 / 6_000),
    "a third unique": np.full(300, 1 / 300),
    "few unique": np.full(100, 1 / 100),
    "long tail": (1 / np.arange(1, 2_001)) / (1 / np.arange(1, 2_001)).sum(),
}


@pytest.mark.parametrize("name", POPULATIONS)
def test_intervals_cover_the_expected_share(
    name: str, rng: np.random.Generator
) -> None:
    """300 people a table; the truth is the mean over binomial counts of each cell."""
    from scipy.stats import binom

    law, n, n_tables = POPULATIONS[name], 300, 250
    truth = binom.pmf(1, n, law).sum() / n
    covered = []
    for _ in range(n_tables):
        cell = rng.multinomial(n, law)
        found = sets_of(*cell[cell > 0]).share_interval()
        covered.append(found.low <= truth <= found.high)
    assert np.mean(covered) >= 0.92


def test_wilson_for_independent_people_would_be_too_narrow(
    rng: np.random.Generator,
) -> None:
    """Why the interval is wider: pairs lose their uniqueness together."""
    from twinprivacy.estimates import wilson_interval

    law, n = POPULATIONS["nearly all unique"], 300
    truth = (1 - 1 / 6_000) ** (n - 1)
    covered = []
    for _ in range(400):
        n_unique = int((rng.multinomial(n, law) == 1).sum())
        plain = wilson_interval(n_unique, n)
        covered.append(plain.low <= truth <= plain.high)
    assert np.mean(covered) < 0.9


def test_repr_shows_counts_and_nobody() -> None:
    assert repr(sets_of(1, 2)) == (
        "AnonymitySets(3 people by 1 attributes: k=1, share_unique=0.333, "
        "prosecutor_risk=0.667, bits=0.918)"
    )


def test_bad_settings_are_refused() -> None:
    sets = sets_of(2)
    with pytest.raises(ParameterError, match=r"^k must be a whole number of 1 or more"):
        sets.share_below(0)
    with pytest.raises(ParameterError, match="confidence_level must lie strictly"):
        sets.share_interval(confidence_level=1.0)
    with pytest.raises(ParameterError, match="threshold must lie strictly"):
        sets.share_over_threshold(1.0)
