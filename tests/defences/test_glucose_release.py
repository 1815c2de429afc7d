"""Fewer days, noise in a ball: by hand, in limits, below bounds."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm

from twinprivacy.attacks.bounds import attribute_success_bound
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.defences import LEAKS, GlucoseRelease, read_parameters
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates import wilson_interval
from twinprivacy.twins.glucose import (
    PARAMETERS,
    GlucosePrior,
    prescribe,
    sample_patients,
    simulate_days,
)

PRIOR = GlucosePrior(np.arange(18.0), np.diag(np.arange(1.0, 19.0) ** 2), 100)


def twins(standard):
    """Put standardised parameters on the free scale: 0 + 1 z, 1 + 2 z, 2 + 3 z, ..."""
    free = np.arange(18.0) + np.arange(1.0, 19.0) * np.asarray(standard, dtype=float)
    return pd.DataFrame(free, columns=list(PARAMETERS))


def named_at_most(mu, n_candidates, *, others_released=False):
    """Return the largest rate at which the owner of a twin is named, by the theorem."""
    distance = mu / 2 * (np.sqrt(5) if others_released else 1)
    return attribute_success_bound(PrivacyGuarantee(mu=distance), 1 / n_candidates)


def standard(frame):
    return (frame.to_numpy() - np.arange(18.0)) / np.arange(1.0, 19.0)


@pytest.fixture(scope="module")
def records():
    rng = np.random.default_rng(20_250_611)
    people = prescribe(sample_patients(3, rng=rng), rng=rng, n_visits=0)
    return simulate_days(people, days=3, rng=rng)


def test_the_last_days_are_kept_and_counted_from_their_midnight(records):
    kept = GlucoseRelease(days=2).apply(records)
    np.testing.assert_array_equal(kept.cgm_mg_dl, records.cgm_mg_dl[:, 288:])
    np.testing.assert_array_equal(kept.minutes, np.arange(0, 2 * 1_440, 5))
    for own, whole in ((kept.meals, records.meals), (kept.insulin, records.insulin)):
        later = whole[whole["minute"] >= 1_440]
        assert (own["minute"].to_numpy() == later["minute"].to_numpy() - 1_440).all()
        assert 0 < len(own) < len(whole)


def test_all_days_are_the_record_itself(records):
    kept = GlucoseRelease(days=3).apply(records)
    np.testing.assert_array_equal(kept.cgm_mg_dl, records.cgm_mg_dl)
    pd.testing.assert_frame_equal(kept.meals, records.meals)


def test_noise_has_the_size_that_is_stated():
    """20 000 draws: the SD of each is within 2 % of 0.5."""
    release = GlucoseRelease(noise_sd=0.5, leaks="twin")
    found = release.simulate(
        twins(np.zeros((20_000, 18))), prior=PRIOR, rng=np.random.default_rng(7)
    )
    np.testing.assert_allclose(standard(found).std(axis=0), 0.5, rtol=0.02)
    np.testing.assert_allclose(standard(found).mean(axis=0), 0.0, atol=0.02)


def test_the_noise_of_a_budget_by_hand():
    """Two records are 2 x 3 apart at most; at mu 2 the noise has an SD of 6 / 2 = 3."""
    release = GlucoseRelease(mu=2.0, leaks="twin")
    assert release.sd == 3.0
    assert release.guarantee().mu == 2.0
    assert GlucoseRelease(noise_sd=3.0, leaks="twin").guarantee() is None


def test_a_twin_is_drawn_straight_into_the_ball():
    """Length 5 is drawn to 3, so 3 and 4 become 1.8 and 2.4; length 1 stays."""
    far, near = np.zeros((2, 18))
    far[:2], near[0] = (3.0, 4.0), 1.0
    release = GlucoseRelease(mu=1e9, leaks="twin")
    found = release.simulate(
        twins([far, near]), prior=PRIOR, rng=np.random.default_rng(7)
    )
    np.testing.assert_allclose(standard(found)[0, :3], [1.8, 2.4, 0.0], atol=1e-6)
    np.testing.assert_allclose(standard(found)[1, :2], [1.0, 0.0], atol=1e-6)


@given(st.integers(0, 2**32), st.floats(0.1, 50.0), st.floats(0.5, 8.0))
@settings(max_examples=30, deadline=None)
def test_no_two_records_are_further_apart_than_the_ball(seed, spread, radius):
    rng = np.random.default_rng(seed)
    wild = spread * rng.normal(size=(2, 18))
    release = GlucoseRelease(mu=1e12, radius=radius, leaks="twin")
    found = standard(release.simulate(twins(wild), prior=PRIOR, rng=rng))
    assert np.linalg.norm(found[0] - found[1]) <= 2 * radius * (1 + 1e-6)


@pytest.mark.parametrize("mu", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("n_candidates", [2, 10])
def test_the_best_attack_stays_below_the_bound(mu, n_candidates):
    """An attacker knows every twin, all on the edge of the ball, and the noise.

    Of two at opposite ends the bound is reached: Phi(0 + mu / 2). The bound on any
    attribute is the larger.
    """
    places = np.zeros((n_candidates, 18))
    places[:, 0] = np.where(np.arange(n_candidates) % 2, 3.0, -3.0)
    if n_candidates > 2:
        places = 3.0 * np.eye(18)[:n_candidates]
    owner = np.arange(4_000) % n_candidates
    release = GlucoseRelease(mu=mu, leaks="twin")
    rng = np.random.default_rng(11)
    seen = standard(release.simulate(twins(places[owner]), prior=PRIOR, rng=rng))
    distance = np.linalg.norm(seen[:, None] - places, axis=2)
    right = int((distance.argmin(axis=1) == owner).sum())
    found = wilson_interval(right, len(owner), confidence_level=0.999)
    bound = named_at_most(mu, n_candidates)
    assert found.low <= bound
    assert bound < attribute_success_bound(release.guarantee(), 1 / n_candidates)
    if n_candidates == 2:
        assert found.low <= bound <= found.high


def test_two_released_twins_tell_more_than_one():
    """Both twins of two people at opposite ends: sqrt 2 times as far apart.

    The better order is right at a rate of Phi(mu / sqrt 2) = 0.760 at mu 1, above the
    bound for one twin, Phi(mu / 2) = 0.691, below that for all, Phi(sqrt 5 / 2).
    """
    release = GlucoseRelease(mu=1.0, leaks="twin")
    ends = np.zeros((2, 18))
    ends[:, 0] = 3.0, -3.0
    rng = np.random.default_rng(11)
    swapped = rng.random(8_000) < 0.5
    owners = np.where(swapped[:, None], [1, 0], [0, 1])
    seen = release.simulate(twins(ends[owners.ravel()]), prior=PRIOR, rng=rng)
    first = standard(seen)[:, 0].reshape(-1, 2)
    right = int(((first[:, 0] < first[:, 1]) == swapped).sum())
    found = wilson_interval(right, 8_000, confidence_level=0.999)
    assert found.low <= norm.cdf(1 / np.sqrt(2)) <= found.high
    assert found.low > named_at_most(1.0, 2)
    all_out = named_at_most(1.0, 2, others_released=True)
    assert all_out == pytest.approx(norm.cdf(np.sqrt(5) / 2))
    assert found.high <= all_out


@pytest.mark.parametrize("mu", [1.0, 2.0, 4.0])
def test_the_best_matching_stays_below_the_bound_of_all(mu):
    """Ten twins on the edge of the ball, all out, matched with ten people at once."""
    release = GlucoseRelease(mu=mu, leaks="twin")
    places, rng = 3.0 * np.eye(18)[:10], np.random.default_rng(11)
    seen = release.simulate(twins(np.tile(places, (300, 1))), prior=PRIOR, rng=rng)
    n_right = 0
    for block in standard(seen).reshape(300, 10, 18):
        distance = ((block[:, None] - places) ** 2).sum(axis=2)
        n_right += int((linear_sum_assignment(distance)[1] == np.arange(10)).sum())
    bound = named_at_most(mu, 10, others_released=True)
    assert named_at_most(mu, 10) < bound < 1
    assert n_right / 3_000 < bound


def test_a_reader_reads_each_parameter_by_itself():
    """Parameters that go together in the prior are read as if they did not."""
    people = pd.DataFrame(
        {"patient": [0], "weight_kg": [80.0], "basal_u_per_hour": [0.8]}
    )
    released = pd.DataFrame(-np.ones((1, 18)), columns=list(PARAMETERS))
    read = [
        read_parameters(
            released,
            1.0,
            prior=GlucosePrior(np.zeros(18), covariance, 100),
            patients=people,
        )
        for covariance in (np.eye(18), 0.5 * np.eye(18) + 0.5)
    ]
    pd.testing.assert_frame_equal(*read)


def test_a_reader_who_knows_the_noise_in_the_limits():
    """Without noise the twin itself, with endless noise the average one, between half.

    With an SD of 1 the prior and the release count alike: 1 / (1 + 1) of the way.
    """
    prior = GlucosePrior(np.zeros(18), np.eye(18), 100)
    released = pd.DataFrame(-np.ones((1, 18)), ["a"], list(PARAMETERS))
    people = pd.DataFrame(
        {"patient": ["a"], "weight_kg": [80.0], "basal_u_per_hour": [0.8]}
    )
    read = {
        sd: np.log(
            read_parameters(released, sd, prior=prior, patients=people)["sg_per_min"]
        ).item()
        for sd in (0.0, 1.0, 1e6)
    }
    assert read == pytest.approx({0.0: -1.0, 1.0: -0.5, 1e6: 0.0}, abs=1e-9)


def test_a_reader_keeps_the_model_within_its_ranges():
    """SG is below 1/min: a parameter that says exp(5) is read as 1."""
    prior = GlucosePrior(np.zeros(18), np.eye(18), 100)
    wild = pd.DataFrame(np.full((1, 18), 5.0), ["a"], list(PARAMETERS))
    people = pd.DataFrame(
        {"patient": ["a"], "weight_kg": [80.0], "basal_u_per_hour": [0.8]}
    )
    twin = read_parameters(wild, 0.0, prior=prior, patients=people)
    assert twin["sg_per_min"].item() == 1.0


def test_settings_share_the_noise_but_for_its_size():
    draws = [
        GlucoseRelease(noise_sd=sd, leaks="twin").simulate(
            twins(np.zeros((4, 18))), prior=PRIOR, rng=np.random.default_rng(3)
        )
        for sd in (0.5, 1.0)
    ]
    np.testing.assert_allclose(2 * standard(draws[0]), standard(draws[1]))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"days": 0}, "days must be a whole number of 1 or more; got 0"),
        ({"noise_sd": -1.0}, "noise_sd must be finite and 0 or more; got -1.0"),
        ({"mu": 0.0, "leaks": "twin"}, "mu must be finite and above 0; got 0.0"),
        ({"radius": 0.0}, "radius must be finite and above 0; got 0.0"),
        ({"noise_sd": "a"}, "noise_sd must be finite and 0 or more; got 'a'"),
        ({"mu": "a", "leaks": "twin"}, "mu must be finite and above 0; got 'a'"),
        ({"radius": [3.0]}, "radius must be finite and above 0; got [3.0]"),
        (
            {"mu": 1e-320, "leaks": "twin"},
            "epsilon or mu, and a penalty, must be so large that the noise is 1e+100 "
            "at most; got inf",
        ),
        (
            {"leaks": "diary"},
            "leaks must be one of 'trace', 'twin', 'both'; got 'diary'",
        ),
        (
            {"mu": 1.0, "noise_sd": 1.0, "leaks": "twin"},
            "noise_sd must be 0 with mu, which sets the noise; got 1.0",
        ),
        ({"mu": 1.0}, "leaks must be 'twin' with noise or a budget; got 'both'"),
    ],
)
def test_settings_out_of_range_are_named(setting, message):
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        GlucoseRelease(**setting)


def test_more_days_than_lived_are_refused(records):
    message = "days must be no more than the 3 recorded; got 14"
    with pytest.raises(ParameterError, match=f"^{message}$"):
        GlucoseRelease().apply(records)


def test_tables_that_are_no_twins_are_refused_without_a_value():
    def refused(table, message):
        with pytest.raises(DataError, match=message):
            GlucoseRelease().simulate(table, prior=PRIOR, rng=np.random.default_rng(7))

    table = twins(np.zeros((2, 18)))
    refused(table.drop(columns="gb_mg_dl"), r"once each; missing: gb_mg_dl; repeated")
    table.iloc[0, 0] = np.inf
    refused(table, "^twins must be finite for everyone; got 1 of 36 missing or infini")
    table = table.astype(object)
    table.iloc[0, 0] = "secret"
    refused(table, "^twins must hold numbers, or true and false; got others$")
    refused(1, "^twins must be a pandas.DataFrame; got int$")


@pytest.mark.parametrize("names", [["a"], ["b", "a"]])
def test_twins_are_not_read_as_those_of_others(names):
    released = twins(np.zeros((2, 18))).set_axis(["a", "b"])
    people = pd.DataFrame({"patient": names}).assign(
        weight_kg=80.0, basal_u_per_hour=0.8
    )
    message = "^patients must be the index of released, in its order; got others$"
    with pytest.raises(DataError, match=message):
        read_parameters(released, 0.0, prior=PRIOR, patients=people)


def test_a_reader_needs_the_noise_and_what_is_known_of_people():
    released = twins(np.zeros((1, 18)))
    people = pd.DataFrame({"patient": [0], "weight_kg": [80.0]})
    message = (
        "patients must have the columns patient, weight_kg, basal_u_per_hour once "
        "each; missing: basal_u_per_hour; repeated: none"
    )
    with pytest.raises(DataError, match=f"^{message}$"):
        read_parameters(released, 0.0, prior=PRIOR, patients=people)
    people = people.assign(basal_u_per_hour=0.8)
    for sd in (np.nan, -1.0, "a"):
        message = f"sd must be finite and 0 or more; got {sd!r}"
        with pytest.raises(ParameterError, match=f"^{message}$"):
            read_parameters(released, sd, prior=PRIOR, patients=people)


def test_what_leaks_is_the_trace_the_twin_or_both():
    assert [GlucoseRelease(leaks=leaks).leaks for leaks in LEAKS] == list(LEAKS)
    message = "leaks must be one of 'trace', 'twin', 'both'; got 'name'"
    with pytest.raises(ParameterError, match=f"^{message}$"):
        GlucoseRelease(leaks="name")
