"""Published bounds on membership and reconstruction; ledger.csv lists them all."""

import numpy as np
import pytest
from ledger import agrees, published

from twinprivacy.attacks.bounds import (
    advantage_bound,
    attribute_success_bound,
    true_positive_rate_bound,
)
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.attacks.membership import (
    beacon_queries_needed,
    pool_attack_power,
    simulate_pool_attack,
    snps_needed,
)
from twinprivacy.estimates import true_positive_rate_at


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1, 2, 3, 5, 8])
def test_humphries_largest_advantage(epsilon: float) -> None:
    found = advantage_bound(PrivacyGuarantee(epsilon=epsilon))
    assert agrees(found, f"largest advantage at epsilon {epsilon:g}")


@pytest.mark.parametrize("epsilon", [1, 3, 5])
def test_kairouz_true_positive_rate_at_one_in_a_thousand(epsilon: float) -> None:
    found = true_positive_rate_bound(PrivacyGuarantee(epsilon=epsilon), 0.001)
    quantity = (
        "largest true positive rate at false positive rate 0.001 and epsilon "
        f"{epsilon:g}"
    )
    assert agrees(found.item(), quantity)


def test_gaussian_advantage() -> None:
    found = advantage_bound(PrivacyGuarantee(mu=1.0))
    assert agrees(found, "largest advantage at mu 1")


def test_reconstruction_with_prior_one_tenth() -> None:
    for name, guarantee in {
        "epsilon 1": PrivacyGuarantee(epsilon=1.0),
        "epsilon 2": PrivacyGuarantee(epsilon=2.0),
        "mu 1": PrivacyGuarantee(mu=1.0),
    }.items():
        quantity = f"largest success of reconstruction with prior 0.1 at {name}"
        assert agrees(attribute_success_bound(guarantee, 0.1).item(), quantity)


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.05])
def test_sankararaman_power_of_five_positions_a_person(rate: float) -> None:
    quantity = f"power with five positions a person at false positive rate {rate:g}"
    found = pool_attack_power(1_000, 5_000, false_positive_rate=rate).item()
    assert agrees(found, quantity)
    # The other way round: that power needs that many positions.
    needed = snps_needed(1_000, false_positive_rate=rate, power=found)
    assert abs(needed - 5_000) <= 1


def test_sankararaman_simulated_power() -> None:
    members, controls = simulate_pool_attack(
        100, 500, n_attacks=2_000, rng=np.random.default_rng(2_009)
    )
    for rate in (0.01, 0.05):
        found = true_positive_rate_at(members, controls, false_positive_rate=rate)
        quantity = (
            "simulated power with five positions a person at false positive rate "
            f"{rate:g}"
        )
        value, tolerance = published(quantity)
        assert found.low - tolerance <= value <= found.high + tolerance


@pytest.mark.parametrize("n_people", [65, 500, 1_000, 5_000])
def test_shringarpure_queries_with_a_neutral_spectrum(n_people: int) -> None:
    found = beacon_queries_needed(n_people, false_positive_rate=0.05, power=1.0)
    quantity = f"queries that give a beacon of {n_people} away with a neutral spectrum"
    assert agrees(found, quantity)


def test_shringarpure_queries_as_printed() -> None:
    found = beacon_queries_needed(1_000, false_positive_rate=0.05, power=1.0)
    assert agrees(found, "queries that give a beacon of 1000 away as printed")
