"""Fingerprints of glucose: what they must and must not find on small simulations."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from twinprivacy.attacks.traces import (
    EVIDENCE,
    Fingerprints,
    FingerprintSettings,
    link_fingerprints,
    simulate_each,
)
from twinprivacy.errors import ParameterError
from twinprivacy.twins.glucose import PARAMETERS

N_PEOPLE = 30
TRACE = FingerprintSettings(days=10, drift_sd=0.0, twins=False)


@pytest.fixture(scope="module")
def traces() -> dict[object, Fingerprints]:
    settings = {
        "ten days": TRACE,
        "a day": replace(TRACE, days=1),
        "moved": replace(TRACE, drift_sd=1.0),
    }
    return simulate_each(100, settings, rng=np.random.default_rng(20))


@pytest.fixture(scope="module")
def twins() -> Fingerprints:
    settings = FingerprintSettings(days=3, drift_sd=0.0)
    return simulate_each(N_PEOPLE, {"": settings}, rng=np.random.default_rng(21))[""]


def test_rates_fall_with_drift_and_rise_with_days(
    traces: dict[object, Fingerprints],
) -> None:
    linked = {
        setting: link_fingerprints(
            prints, evidence="trace", rng=np.random.default_rng(1)
        )
        for setting, prints in traces.items()
    }
    rates = {setting: found.rank_rate(1) for setting, found in linked.items()}
    bits = {setting: found.bits().value for setting, found in linked.items()}
    # Standard errors of the rates are about .05, so the order holds with a margin.
    assert rates["ten days"].value > rates["moved"].value + 0.1
    assert rates["ten days"].value > rates["a day"].value + 0.1
    assert bits["ten days"] > bits["moved"]
    assert rates["ten days"].low > 5 * linked["ten days"].chance(1)
    assert [found.n_candidates for found in linked.values()] == [50] * 3
    assert max(bits.values()) <= np.log2(50)


def test_the_named_stretch_does_not_drift(
    traces: dict[object, Fingerprints],
) -> None:
    still, moved = traces["ten days"], traces["moved"]
    pd.testing.assert_frame_equal(still.named_trace, moved.named_trace)
    assert not still.nameless_trace.equals(moved.nameless_trace)


def test_strangers_with_one_name_are_linked_at_chance(
    traces: dict[object, Fingerprints],
) -> None:
    prints = traces["ten days"]
    rng = np.random.default_rng(3)
    other = prints.nameless_trace.set_axis(rng.permutation(100))
    mixed = Fingerprints(prints.named_trace, other)
    rates = [
        link_fingerprints(mixed, evidence="trace", rng=rng).rank_rate(1)
        for _ in range(5)
    ]
    assert all(rate.low <= 1 / 50 <= rate.high for rate in rates)


def test_one_stretch_twice_is_linked_with_certainty(twins: Fingerprints) -> None:
    assert twins.named_twin is not None
    same = Fingerprints(
        twins.named_trace, twins.named_trace, twins.named_twin, twins.named_twin
    )
    for evidence in EVIDENCE:
        found = link_fingerprints(same, evidence=evidence, rng=np.random.default_rng(4))
        assert found.rank_rate(1).value == 1


def test_twins_tell_who_it_is(twins: Fingerprints) -> None:
    assert twins.named_twin is not None
    assert list(twins.named_twin.columns) == list(PARAMETERS)
    found = link_fingerprints(twins, evidence="twin", rng=np.random.default_rng(5))
    # Among 15, by 18 parameters of three days, with a law learned from 15 others.
    assert found.rank_rate(5).low > found.chance(5)
    both = twins.records("both")[0]
    assert both.shape == (N_PEOPLE, len(PARAMETERS) + twins.named_trace.shape[1])


def test_any_number_of_threads_gives_the_same_prints() -> None:
    settings = FingerprintSettings(days=1, forgotten=0.3, fixed=("p2_per_min",))
    one, two = (
        simulate_each(6, {1: settings}, rng=np.random.default_rng(6), n_jobs=n)[1]
        for n in (1, 2)
    )
    for evidence in EVIDENCE:
        for first, second in zip(
            one.records(evidence), two.records(evidence), strict=True
        ):
            pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert one.named_twin is not None
    assert np.ptp(one.named_twin["p2_per_min"]) == 0


def test_a_forgotten_diary_changes_the_twin_and_not_the_trace() -> None:
    whole = FingerprintSettings(days=2)
    settings = {0.0: whole, 0.5: replace(whole, forgotten=0.5)}
    prints = simulate_each(4, settings, rng=np.random.default_rng(7))
    full, part = prints[0.0], prints[0.5]
    pd.testing.assert_frame_equal(full.named_trace, part.named_trace)
    assert full.named_twin is not None
    assert not full.named_twin.equals(part.named_twin)


def test_order_of_people_does_not_matter(twins: Fingerprints) -> None:
    moved = Fingerprints(
        twins.named_trace.sample(frac=1, random_state=1),
        twins.nameless_trace.sample(frac=1, random_state=2),
    )
    first, second = (
        link_fingerprints(prints, evidence="trace", rng=np.random.default_rng(8))
        for prints in (twins, moved)
    )
    pd.testing.assert_frame_equal(first.targets, second.targets)


def test_bad_settings() -> None:
    for values, message in [
        ({"days": 0}, "days must be a whole number of 1 or more; got 0"),
        ({"drift_sd": -0.1}, "drift_sd must be finite and 0 or more; got -0.1"),
        ({"forgotten": 1.0}, r"forgotten must lie in \[0, 1\); got 1.0"),
        ({"fixed": ("weight",)}, "fixed must be one of .*; got 'weight'"),
    ]:
        with pytest.raises(ParameterError, match=f"^{message}$"):
            FingerprintSettings(**values)
    rng = np.random.default_rng(1)
    with pytest.raises(ParameterError, match=r"^n_people must be a whole number of 1"):
        simulate_each(0, {1: TRACE}, rng=rng)
    with pytest.raises(ParameterError, match=r"^settings must hold at least one$"):
        simulate_each(5, {}, rng=rng)
    with pytest.raises(ParameterError, match=r"^rng must be a numpy.random.Generator"):
        simulate_each(5, {1: TRACE}, rng=1)  # type: ignore[arg-type]


def test_twins_are_asked_for(
    traces: dict[object, Fingerprints],
) -> None:
    prints = traces["a day"]
    message = r"^evidence 'both' needs twins; none were fitted$"
    with pytest.raises(ParameterError, match=message):
        prints.records("both")
    with pytest.raises(ParameterError, match=r"^evidence must be one of 'trace'"):
        prints.records("all")
