"""What a year costs a person, and the keeper for each person."""

import re
from dataclasses import replace

import numpy as np
import pytest
from pandas.testing import assert_frame_equal
from scipy.stats import uniform

from twinprivacy import datasets
from twinprivacy.breaches import (
    PAYERS,
    CostComponent,
    ExposedShare,
    PersonYear,
    Programme,
    expected_cost_per_person_year,
    published_misuse,
    published_theft_usd,
)
from twinprivacy.errors import ParameterError
from twinprivacy.estimates import Estimate

LETTERS = CostComponent("letters", usd_of_one_person=100.0, elasticity=0.5)
CLINIC = Programme(
    "clinic", 10_000, ("genome",), 0.1, ExposedShare.fixed(1), (LETTERS,)
)
GAIN = Estimate(0.2, 0.1, 0.3, 0.95, 100)
FIXED = {
    "attempts_per_year": (0.01, 0.01),
    "guess_usd": (1_000, 1_000),
    "misuse": (0.1, 0.1),
    "theft_usd": (800, 800),
}


def costs(settings, seed=7, **kw):
    kw = {"axis": "people", **FIXED} | kw
    return expected_cost_per_person_year(
        settings, rng=np.random.default_rng(seed), **kw
    )


def test_each_payer_by_hand():
    found = costs({10_000: PersonYear(CLINIC, GAIN)}).set_index("who")["value"]
    assert list(found.index) == list(PAYERS)
    # 0.1 breaches x 100 USD x 10,000^0.5 = 1,000 USD a year, over 10,000 people.
    assert found["keeper"] == pytest.approx(0.1)
    # 0.1 breaches x all exposed x 0.1 victims x 800 USD.
    assert found["person, store"] == pytest.approx(8)
    # 0.01 attempts x 0.2 guessed beyond the baseline x 1,000 USD.
    assert found["person, answers"] == pytest.approx(2)


def test_the_keeper_pays_less_for_each_of_more_people_and_the_person_as_much():
    years = {n: PersonYear(replace(CLINIC, n_people=n), GAIN) for n in (100, 10_000)}
    by = costs(years).set_index(["who", "volume"])
    # Elasticity 0.5: a hundred times the people, a tenth of the cost of each.
    keeper = by.loc["keeper", "value"]
    assert keeper[100] / keeper[10_000] == pytest.approx(10)
    for who in PAYERS[1:]:
        # The same draws at every volume.
        few, many = by.loc[(who, 100)], by.loc[(who, 10_000)]
        assert few[["value", "low", "high"]].equals(many[["value", "low", "high"]])


def test_half_a_store_exposed_halves_the_persons_cost():
    half = replace(CLINIC, share_exposed=ExposedShare.fixed(0.5))
    by = costs({"all": PersonYear(CLINIC), "half": PersonYear(half)})
    store = by.set_index(["who", "volume"]).loc["person, store", "value"]
    assert store["half"] == pytest.approx(store["all"] / 2)


def test_ranges_are_means_of_their_laws_and_percentiles_of_their_draws():
    ranges = {"misuse": (0.0, 0.2), "theft_usd": (100.0, 100.0 * np.e)}
    years = {1: PersonYear(CLINIC)}
    found = costs(years, n_draws=4_000, **ranges).set_index("who")
    # Means: (0 + 0.2) / 2, and (100 e - 100) / ln(e) of the log-uniform law.
    expected = 0.1 * 0.1 * 100 * (np.e - 1)
    assert found.loc["person, store", "value"] == pytest.approx(expected)
    only_misuse = costs(years, n_draws=4_000, misuse=(0.0, 0.2)).set_index("who")
    low, high = only_misuse.loc["person, store", ["low", "high"]]
    # 0.025 and 0.975 of the uniform law on 0 to 0.2, times 0.1 x 800.
    assert low == pytest.approx(80 * 0.005, abs=0.2)
    assert high == pytest.approx(80 * 0.195, abs=0.2)


def test_interval_of_the_gain_is_carried_over():
    found = costs({1: PersonYear(CLINIC, GAIN)}, n_draws=4_000).set_index("who")
    low, high = found.loc["person, answers", ["low", "high"]]
    # 10 USD times 0.1 and 0.3, the ends of the interval at the same level.
    assert low == pytest.approx(1, abs=0.1)
    assert high == pytest.approx(3, abs=0.1)


def test_interval_of_the_gain_is_read_at_its_own_level():
    # Half of the draws of a normal law lie within 0.6745 of its sd.
    gain = Estimate(0.2, 0.2 - 0.06745, 0.2 + 0.06745, 0.5, 100)
    found = costs({1: PersonYear(CLINIC, gain)}, n_draws=4_000).set_index("who")
    low, high = found.loc["person, answers", ["low", "high"]]
    # 10 USD times 0.2 and an sd of 0.1, of which 0.025 falls below 0.
    assert low == pytest.approx(10 * (0.2 - 1.96 * 0.1), abs=0.08)
    assert high == pytest.approx(10 * (0.2 + 1.96 * 0.1), abs=0.2)


@pytest.mark.parametrize("name", ["attempts_per_year", "guess_usd", "theft_usd"])
def test_a_range_is_uniform_in_its_logarithm(name):
    middle = FIXED[name][0]
    of = {name: (middle / 10, middle * 10)}
    who = "person, store" if name == "theft_usd" else "person, answers"
    years = {1: PersonYear(CLINIC, Estimate(0.2, 0.2, 0.2, 0.95, 100))}
    found = costs(years, n_draws=4_000, confidence_level=0.5, **of).set_index("who")
    one = costs(years).set_index("who").loc[who, "value"]
    value, low, high = found.loc[who, ["value", "low", "high"]]
    # The mean (10 - 1 / 10) / ln(100), and quarters of two powers of ten.
    assert value == pytest.approx(one * 9.9 / np.log(100))
    assert low == pytest.approx(one / np.sqrt(10), rel=0.08)
    assert high == pytest.approx(one * np.sqrt(10), rel=0.08)


def test_a_range_of_misuse_is_uniform_from_its_own_start():
    years = {1: PersonYear(CLINIC)}
    found = costs(years, n_draws=4_000, misuse=(0.1, 0.2)).set_index("who")
    value, low, high = found.loc["person, store", ["value", "low", "high"]]
    # 0.1 breaches x 800 USD, times the mean and the ends of what is uniform.
    assert value == pytest.approx(80 * 0.15)
    assert low == pytest.approx(80 * 0.1025, abs=0.1)
    assert high == pytest.approx(80 * 0.1975, abs=0.1)


def test_each_attempt_is_at_another_secret():
    years = {1: PersonYear(CLINIC, GAIN)}
    one, three = (
        costs(years, attempts_per_year=(n, n)).set_index("who")["value"] for n in (1, 3)
    )
    assert three["person, answers"] == pytest.approx(3 * one["person, answers"])
    assert "another secret" in " ".join(expected_cost_per_person_year.__doc__.split())


def test_draws_of_the_programme_are_the_same_at_every_volume():
    years = {n: PersonYear(replace(CLINIC, n_people=n)) for n in (100, 10_000)}
    law = uniform(0.05, 0.1)
    keeper = costs(years, rate_law=law).set_index(["who", "volume"]).loc["keeper"]
    # Elasticity 0.5 and the same rates: all of it a tenth.
    ratio = keeper.loc[100, ["low", "high"]] / keeper.loc[10_000, ["low", "high"]]
    assert ratio.tolist() == [pytest.approx(10), pytest.approx(10)]


@pytest.mark.parametrize("gain", [None, Estimate(-0.1, -0.1, -0.1, 0.95, 9)])
def test_answers_that_are_not_heard_or_mislead_cost_nothing(gain):
    found = costs({1: PersonYear(CLINIC, gain)}).set_index("who")
    assert (found.loc["person, answers", ["value", "low", "high"]] == 0).all()


def test_no_breach_costs_nothing_and_no_misuse_only_the_keeper():
    never = PersonYear(replace(CLINIC, breaches_per_year=0.0))
    assert (costs({1: never})[["value", "high"]] == 0).all().all()
    kept = costs({1: PersonYear(CLINIC)}, misuse=(0, 0)).set_index("who")["high"]
    assert kept["keeper"] > 0
    assert kept["person, store"] == 0


def test_an_unknown_rate_widens_the_range():
    known = costs({1: PersonYear(CLINIC)}).set_index("who")
    law = uniform(0.05, 0.1)
    unknown = costs({1: PersonYear(CLINIC)}, rate_law=law).set_index("who")
    assert known.loc["keeper", "low"] == pytest.approx(known.loc["keeper", "high"])
    assert unknown.loc["keeper", "low"] < 0.06
    assert unknown.loc["keeper", "high"] > 0.14


def test_same_seed_same_answer():
    years, free = {5: PersonYear(CLINIC, GAIN)}, {"misuse": None, "theft_usd": None}
    assert_frame_equal(costs(years, **free), costs(years, **free))
    other = costs(years, seed=8, **free)
    assert not other["high"].equals(costs(years, **free)["high"])


def test_published_ranges_rest_on_confirmed_rows():
    facts = datasets.load("individual_harm").set_index("measure_id")
    used = ["javelin2013_notified", "javelin2013_all", "gao2007_none", "bjs2021_mean"]
    assert (facts.loc[used, "check"] == "verified").all()
    # Nearly one in four of those told, 5.26 % of all adults.
    assert published_misuse() == (0.0, pytest.approx(0.25 - 0.0526))
    assert published_theft_usd() == (880.0, pytest.approx(0.36 * 18_660))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            {"misuse": (0.2, 0.1)},
            "misuse must be two numbers in [0, 1], ascending; got (0.2, 0.1)",
        ),
        (
            {"misuse": (0.0, 1.5)},
            "misuse must be two numbers in [0, 1], ascending; got (0.0, 1.5)",
        ),
        (
            {"guess_usd": (-1, 5)},
            "guess_usd must be two numbers of 0 or more, ascending; got (-1, 5)",
        ),
        (
            {"attempts_per_year": 3},
            "attempts_per_year must be two numbers of 0 or more, ascending; got 3",
        ),
        (
            {"attempts_per_year": (0, 1)},
            "attempts_per_year must start above 0, since it is drawn uniformly in its "
            "logarithm, or be 0 throughout; got (0, 1)",
        ),
        (
            {"theft_usd": ("a", 1)},
            "theft_usd must hold numbers only; got others",
        ),
        (
            {"misuse": ()},
            "misuse must be two numbers in [0, 1], ascending; got ()",
        ),
        ({"n_draws": 5}, "n_draws must be a whole number of 20 or more; got 5"),
        ({"confidence_level": 0}, "confidence_level must lie strictly in (0, 1); got"),
    ],
)
def test_bad_inputs_are_named(bad, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        costs({1: PersonYear(CLINIC)}, **bad)


def test_a_year_needs_people_volumes_and_a_gain_of_shares(rng):
    with pytest.raises(ParameterError, match="programme must hold 1 person or more"):
        PersonYear(replace(CLINIC, n_people=0))
    with pytest.raises(ParameterError, match=r"bounds lie in \[-1, 1\]; got 0.5 to 2"):
        PersonYear(CLINIC, Estimate(1, 0.5, 2, 0.95, 3))
    with pytest.raises(ParameterError, match="settings must hold at least one volume"):
        costs({})
