"""What chapter 11 finds: which leaks grow with which volume, and what a year costs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twinprivacy.studies import SURFACES

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "book" / "figures"
LEVEL = {
    *(("store", "people"), ("trace", "decimals"), ("answers", "people")),
    *(("model", "people"), ("model", "attributes")),
}


def figure(figure_id):
    return pd.read_csv(FIGURES / figure_id / f"{figure_id}.csv")


@pytest.fixture(scope="module")
def bits():
    return figure("privacy-dose-response").set_index(["surface", "axis"])


def test_all_leaks_grow_but_five_that_show_no_change(bits):
    first, last = (bits.groupby(level=[0, 1], sort=False).nth(end) for end in (0, -1))
    assert len(first) == 25
    grow = last["low"] > first["high"]
    assert set(grow[~grow].index) == LEVEL
    assert not (last["high"] < first["low"]).any()


def test_the_readme_tells_the_finding_as_published():
    path = FIGURES / "privacy-dose-response" / "privacy-dose-response.metadata.json"
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert json.loads(path.read_text(encoding="utf-8"))["title"] + "." in readme


def test_what_one_person_loses_does_not_depend_on_the_crowd(bits):
    store = bits.loc[("store", "people")]
    assert store["low"].max() < store["high"].min()


def test_a_record_is_full_after_six_attributes_and_cannot_exceed_its_store(bits):
    by_attributes = bits.loc[("record", "attributes")].set_index("volume")
    ceiling = np.log2(SURFACES["record"]["attributes"].n_people)
    assert by_attributes.loc[6, "low"] > 0.99 * ceiling
    assert by_attributes.loc[3, "high"] < 0.7 * ceiling
    assert by_attributes["value"].max() <= ceiling + 1e-3


def test_days_of_a_store_add_up_and_days_of_a_trace_name_it(bits):
    store = bits.loc[("store", "days")].set_index("volume")["value"]
    assert store[28] == pytest.approx(28 * store[1], rel=0.1)
    trace = bits.loc[("trace", "days")].set_index("volume")
    assert (np.diff(trace["value"]) > 0).all()
    assert trace.loc[14, "low"] > 2 * trace.loc[4, "high"]


def test_two_digits_of_a_dose_tell_nearly_all_that_three_do(bits):
    digits = bits.loc[("answers", "decimals")].set_index("volume")
    assert digits.loc[0, "high"] < 0.1
    assert 0.5 < digits.loc[1, "value"] / digits.loc[3, "value"] < 0.7
    assert digits.loc[2, "value"] > 0.9 * digits.loc[3, "value"]


def test_visits_and_not_people_decide_what_a_model_keeps(bits):
    visits = bits.loc[("model", "days")].set_index("volume")
    assert visits.loc[8, "low"] > 2.5 * visits.loc[1, "high"]
    people = bits.loc[("model", "people")]
    assert people["low"].min() > 0.05
    assert bits.loc["model"]["high"].max() < 1


@pytest.mark.parametrize("surface", SURFACES)
def test_each_surface_shows_the_same_numbers_as_the_main_figure(bits, surface):
    shown = figure(f"{surface}-volumes")
    main = bits.loc[surface]
    assert set(shown["series"]) == {surface}
    for name in ("value", "low", "high", "n"):
        assert shown[name].tolist() == main[name].tolist()


def test_half_volumes_are_given_only_where_a_curve_bends():
    halves = figure("privacy-half-volumes")
    bends = halves["reading"] == "bends"
    assert halves.loc[bends, ["value", "low", "high"]].notna().all(axis=None)
    assert halves.loc[~bends, "value"].isna().all()
    bent = halves[bends].set_index(["surface", "axis"])
    assert 2 < bent.loc[("record", "attributes"), "value"] < 3
    assert bent.loc[("answers", "decimals"), "high"] < 1
    assert ("store", "days") not in bent.index


@pytest.fixture(scope="module")
def costs():
    return figure("person-year-cost").set_index(["axis", "who", "volume"]).sort_index()


def test_the_keepers_cost_falls_with_people_and_the_persons_does_not(costs):
    keeper = costs.loc[("people", "keeper"), "value"]
    # A breach of ten times the people costs 10^b times as much, b below 1.
    assert (np.diff(np.log10(keeper)) < -0.4).all()
    for who in ("person, store", "person, answers"):
        assert np.ptp(costs.loc[("people", who), "value"]) == 0
    store = costs.loc[("people", "person, store", 50_000)]
    assert store["value"] > 3 * keeper[50_000]
    assert store["low"] < keeper[50_000]  # nobody knows how many fall victim


def test_kinds_of_data_do_not_show_in_the_keepers_cost(costs):
    kinds = costs.loc[("kinds of data held", "keeper")]
    assert kinds["low"].max() < kinds["value"].min()
    assert kinds["value"].max() < kinds["high"].min()


@pytest.mark.parametrize("axis", ["noisy answers heard", "digits of the answer"])
def test_only_what_answers_cost_grows_with_answers_and_digits(costs, axis):
    answers = costs.loc[(axis, "person, answers"), "value"]
    assert answers.is_monotonic_increasing
    assert answers.iloc[-1] > 3 * answers.iloc[0]
    for who in ("keeper", "person, store"):
        assert np.ptp(costs.loc[(axis, who), "value"]) == 0
