"""What chapter 8 finds: who is found again by a trace, a twin or a record."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FIGURES = Path(__file__).parents[2] / "book" / "figures"
EVIDENCE = ("trace", "twin", "both")
USUAL = "as it is"
STEADY = "steady body, exact diary"


def figure(figure_id):
    return pd.read_csv(FIGURES / figure_id / f"{figure_id}.csv")


@pytest.fixture(scope="module")
def days():
    return figure("fingerprint-days").set_index(["series", "volume"]).sort_index()


@pytest.fixture(scope="module")
def people():
    return figure("fingerprint-people").set_index(["series", "volume"]).sort_index()


@pytest.fixture(scope="module")
def drift():
    return figure("fingerprint-drift").set_index(["series", "volume"]).sort_index()


@pytest.fixture(scope="module")
def mismatch():
    return figure("fingerprint-mismatch").set_index(["who", "panel"]).sort_index()


@pytest.fixture(scope="module")
def records():
    data = figure("fingerprint-records")
    data[["told", "task"]] = data["panel"].str.split(": ", expand=True)
    return data.set_index(["task", "told", "series", "volume"]).sort_index()


@pytest.fixture(scope="module")
def unicity():
    return figure("fingerprint-unicity").set_index(["series", "volume"]).sort_index()


def test_more_days_name_more_owners(days):
    for series in EVIDENCE:
        rates = days.loc[series]
        assert rates.loc[4:, "value"].is_monotonic_increasing
        assert rates.loc[28, "low"] > rates.loc[1, "high"]
        assert (rates["low"] > rates["chance"]).all()


def test_bits_stay_below_what_it_takes_to_tell_all_apart(days):
    assert (days["n_candidates"] == 60).all()
    assert (days["bits_high"] < np.log2(60)).all()
    assert days.loc[("both", 28), "bits_low"] > days.loc[("both", 4), "bits_high"]


def test_a_twin_is_no_better_than_the_trace_and_adds_to_it(days):
    trace, twin = days.loc[("trace", 14)], days.loc[("twin", 14)]
    assert trace["low"] < twin["value"] < trace["high"]
    for n_days in (14, 28):
        both = days.loc[("both", n_days)]
        assert both["value"] > days.loc[("trace", n_days), "value"] + 0.1
        assert both["value"] > days.loc[("twin", n_days), "value"] + 0.1


def test_rates_fall_with_people_far_slower_than_a_guess(people):
    for series in ("600 people", "120 people", "twin", "both"):
        rates = people.loc[series]
        assert rates["value"].is_monotonic_decreasing
        assert rates["value"].between(rates["low"], rates["high"]).all()
        assert rates.loc[1_000_000, "low"] > 100 * 1e-6
        assert rates.loc[1_000_000, "high"] < 0.2


def test_the_extrapolation_holds_where_it_can_be_checked(people):
    expected, found = people.loc[("120 people", 300)], people.loc[("600 people", 300)]
    assert expected["extrapolated"]
    assert not found["extrapolated"]
    assert expected["low"] < found["value"] < expected["high"]


def test_fewer_people_make_the_extrapolation_wider(people):
    def width(series):
        row = people.loc[(series, 1_000_000)]
        return row["high"] / row["low"]

    assert width("120 people") > 10 * width("600 people")


def test_drift_blurs_and_does_not_hide(drift):
    for series in EVIDENCE:
        rates = drift.loc[series]
        assert rates["value"].is_monotonic_decreasing
        assert rates.loc[0.6, "high"] < rates.loc[0.0, "low"]
        assert rates.loc[0.6, "low"] > 10 * rates.loc[0.6, "chance"]


def test_all_figures_share_the_usual_case(days, drift, mismatch):
    for series in EVIDENCE:
        rate = days.loc[(series, 14), "value"]
        assert drift.loc[(series, 0.2), "value"] == rate
        assert mismatch.loc[(USUAL, series), "value"] == rate


def test_a_bad_diary_takes_from_the_twin_only(mismatch):
    half = mismatch.loc["half of the diary missing"]
    usual = mismatch.loc[USUAL]
    assert half.loc["trace", "value"] == usual.loc["trace", "value"]
    assert half.loc["twin", "high"] < usual.loc["twin", "low"]
    assert half.loc["both", "value"] < usual.loc["both", "value"]


def test_parameters_of_delay_are_hardly_personal(mismatch):
    fewer = mismatch.loc["delays not fitted"]
    for series in ("twin", "both"):
        assert fewer.loc[series, "high"] > mismatch.loc[(USUAL, series), "value"]


def test_a_steady_life_is_the_better_fingerprint(mismatch):
    steady = mismatch.loc[STEADY]
    for series in EVIDENCE:
        assert steady.loc[series, "low"] > mismatch.loc[(USUAL, series), "high"]
    assert steady.loc["both", "low"] > 0.8


def test_records_are_found_until_their_values_move(records):
    for _, rates in records.groupby(level=[0, 1, 2]):
        assert rates["value"].iloc[0] > 0.99
        assert rates["value"].is_monotonic_decreasing


def test_likelihood_gains_where_columns_differ_in_worth(records):
    alone = records.loc[("all are there", "labs")]
    gap = alone.loc["likelihood", "value"] - alone.loc["distance", "value"]
    assert gap.abs().max() < 0.02
    known = records.loc[("all are there", "labs, age, sex")]
    likelihood, distance = known.loc["likelihood"], known.loc["distance"]
    assert (likelihood.loc[0.3:, "low"] > distance.loc[0.3:, "high"]).all()


def test_one_who_may_be_absent_is_harder_to_name(records):
    closed, open_set = records.loc["all are there"], records.loc["1 % false alarms"]
    assert (open_set["value"] <= closed["value"]).all()
    best = ("labs, age, sex", "likelihood", 0.5)
    assert closed.loc[best, "low"] > 0.8
    assert open_set.loc[best, "high"] < 0.3


def test_dates_name_more_than_values_and_both_more_than_either(unicity):
    assert unicity.loc[("day, 0.1", 2), "low"] > 0.97
    for series in ("day, no value", "no date, 0.1"):
        assert unicity.loc[(series, 2), "high"] < 0.05
    assert unicity.loc[("day, no value", 3), "low"] > 0.5
    assert unicity.loc[("no date, 0.1", 3), "high"] < 0.01
    for series in unicity.index.unique("series"):
        assert unicity.loc[series, "value"].is_monotonic_increasing


def test_coarser_values_help_against_who_knows_few(unicity):
    order = ["day, 0.1", "week, 0.5", "month, 0.5"]
    for fine, coarse in pairwise(unicity.loc[series, "value"] for series in order):
        assert (coarse <= fine).all()
    assert unicity.loc[("week, 0.5", 3), "high"] < 0.35
    assert unicity.loc[("week, 0.5", 6), "low"] > 0.9
    assert unicity.loc[("month, 0.5", 6), "high"] < 0.35
