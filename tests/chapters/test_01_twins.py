"""What chapter 1 finds: which data buy which answer, and what days of record buy."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twinprivacy import datasets
from twinprivacy.people import MODALITIES

FIGURES = Path(__file__).parents[2] / "book" / "figures"


def figure(figure_id):
    return pd.read_csv(FIGURES / figure_id / f"{figure_id}.csv")


def gains(panel):
    data = figure("ladder-simulated")
    return data[data["panel"] == panel].set_index("rung")


def test_threat_model_has_the_volumes_and_surfaces_of_the_book():
    data = figure("threat-model")
    assert (data["role"] == "volume").sum() == 4
    assert (data["role"] == "surface").sum() == 5
    assert data.loc[data["role"] == "surface", "asker"].notna().all()


def test_doses_settle_in_the_order_of_their_size():
    data = figure("inr-course")
    ends = data.groupby("series", sort=False)["inr"].last()
    assert list(ends) == sorted(ends, reverse=True)
    assert data.groupby("series")["inr"].first().tolist() == [1, 1, 1]
    # A tenth more of the dose moves the INR by less than a tenth of it.
    with_genes, tenth_more = ends.iloc[2], ends.iloc[1]
    assert 0.03 < tenth_more / with_genes - 1 < 0.1


def test_genes_and_nothing_else_explain_the_dose():
    dose = gains("dose of warfarin")
    assert list(dose.index) == list(MODALITIES)
    assert dose.loc["genome", "gain_low"] > 0.15
    for rung in ("laboratory", "daily habits"):
        assert abs(dose.loc[rung, "gain"]) < 0.005
    assert dose.loc["history", "gain_low"] > 0
    assert dose.loc["history", "gain_high"] < 0.03


def test_the_last_rungs_lie_near_the_published_performance():
    """IWPC 2009: 27 % without genes and 47 % with them."""
    dose = gains("dose of warfarin")
    assert dose.loc["laboratory", "value"] == pytest.approx(0.27, abs=0.02)
    assert dose.loc["daily habits", "value"] == pytest.approx(0.47, abs=0.02)


def test_genes_do_not_foretell_heart_disease():
    event = gains("ten-year event")
    assert event.loc["genome", "gain_high"] < 0.001
    for rung in ("history", "laboratory", "daily habits"):
        assert event.loc[rung, "gain_low"] > 0


def test_real_cohorts_climb_and_sometimes_do_not():
    data = figure("ladder-real")
    steps = data.dropna(subset="gain")
    assert len(steps) == 10
    assert (steps["gain_low"] > 0).sum() == 6
    assert not (steps["gain_high"] < 0).any()
    last = data[data["panel"] == "HIV"].iloc[-1]
    assert last["rung"] == "daily habits"
    assert last["gain_low"] < 0 < last["gain_high"]
    # Trained people are predicted better than people never met.
    assert (data["in_sample"] > data["value"]).mean() > 0.8


def test_real_cohorts_have_their_published_sizes():
    sizes = figure("ladder-real").groupby("panel")["n"].first()
    expected = {"heart attack": 500, "HIV": 1151, "county": 7874}
    assert expected.items() <= sizes.to_dict().items()
    assert set(datasets.cohort_names()) == {
        "whas500",
        "actg320",
        "flchain",
        "diabetes",
        "randhie",
    }


def test_days_of_record_make_the_twin_its_own():
    data = figure("glucose-days").set_index(["panel", "series", "days"])
    data = data["value"].sort_index()
    for panel in ("next day foretold", "effect of one unit"):
        own = data[panel, "own twin"]
        assert own.iloc[-1] < own.iloc[0]
        assert own[14] < data[panel, "average twin", 14]
    # No better than a mean by more than a tenth: a weak forecaster of a whole day.
    mean = data["next day foretold", "own mean", 14]
    assert data["next day foretold", "own twin", 14] == pytest.approx(mean, rel=0.1)


def test_her_day_is_shown_whole_and_its_low_is_missed():
    data = figure("glucose-day")
    for series in ("sensor", "own twin", "average twin"):
        day = data[data["series"] == series]
        assert len(day) == 288
        assert day["glucose_mg_dl"].between(20, 500).all()
    own, sensor = (
        data.loc[data["series"] == series, "glucose_mg_dl"].to_numpy()
        for series in ("own twin", "sensor")
    )
    assert 30 < np.sqrt(((own - sensor) ** 2).mean()) < 80
    evening = data[data["hour"] > 21].groupby("series")["glucose_mg_dl"].min()
    assert evening["sensor"] < 54
    assert evening["own twin"] > 100
