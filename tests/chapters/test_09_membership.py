"""What chapter 9 finds: whose membership shows, and what a promise allows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FIGURES = Path(__file__).parents[2] / "book" / "figures"
COUNTY, HEART = "county", "heart attack, 250 in training"
FULL, LEAVES = "forest to the end", "forest, leaves of 20"


def figure(figure_id):
    return pd.read_csv(FIGURES / figure_id / f"{figure_id}.csv")


@pytest.fixture(scope="module")
def volume():
    data = figure("membership-volume").astype({"volume_label": str})
    return data.set_index(["panel", "series", "volume_label"]).sort_index()


@pytest.fixture(scope="module")
def models():
    data = figure("membership-models")
    return data.set_index(["series", "volume"]).sort_index()


@pytest.fixture(scope="module")
def roc():
    data = figure("membership-roc")
    return data.set_index(["panel", "series", "volume"]).sort_index()


@pytest.fixture(scope="module")
def audits():
    data = figure("membership-audit")
    data[["case", "attack"]] = data["name"].str.split(": ", expand=True)
    return data.set_index(["attack", "case"]).sort_index()


@pytest.fixture(scope="module")
def patients():
    data = figure("membership-patients")
    return data.set_index(["panel", "series", "level"]).sort_index()


@pytest.fixture(scope="module")
def bounds():
    data = figure("membership-bounds")
    return data.set_index(["panel", "series", "volume"]).sort_index()


@pytest.fixture(scope="module")
def genomes():
    data = figure("membership-genomes")
    return data.set_index(["panel", "series", "volume"]).sort_index()


def test_more_people_hide_those_of_a_regression(volume):
    few, many = (volume.loc[(COUNTY, "regression", n)] for n in ("50", "1,600"))
    assert few["low"] > 0.5
    assert few["low"] > many["high"]
    assert many["low"] < 0.5 < many["high"] < 0.52


def test_more_people_do_not_hide_those_of_a_forest(volume):
    few, many = (volume.loc[(COUNTY, FULL, n)] for n in ("50", "1,600"))
    assert many["low"] > 0.8
    assert few["value"] - 0.02 < many["value"]
    # Leaves of twenty give less, and something.
    leaves = volume.loc[(COUNTY, LEAVES, "1,600")]
    assert 0.52 < leaves["low"] < leaves["high"] < 0.6


def test_more_attributes_make_a_forest_worse(volume):
    value = volume.loc[(HEART, FULL), "value"][["1", "2", "4", "8"]]
    assert value.is_monotonic_increasing
    one, all_of_them = (volume.loc[(HEART, FULL, k)] for k in ("1", "11"))
    assert one["high"] < 0.62 < 0.88 < all_of_them["low"]
    regression = volume.loc[(HEART, "regression")]
    assert regression["value"].max() < 0.56


@pytest.mark.parametrize(
    "series", ["heart attack, 250", "HIV trial, 575", "county, 500"]
)
def test_smaller_leaves_give_more_away(models, series):
    value = models.loc[series, "value"]
    # Regressions come first, then leaves of 50, 20, 5 and 1.
    assert value.loc[2:].is_monotonic_increasing
    assert value.loc[[0, 1, 2]].max() < 0.58
    assert models.loc[(series, 3), "low"] > 0.5
    assert models.loc[(series, 5), "low"] > 0.7


def test_shadow_models_find_members_of_a_forest_at_few_false_alarms(roc):
    online, offline = (roc.loc[("forest", s, 0.01)] for s in ("online", "offline"))
    assert online["low"] > 0.15
    assert offline["low"] > 0.12
    assert offline["value"] < online["value"]
    # No threshold on the loss alone accuses so few.
    assert roc.loc[("forest", "loss alone")].index.min() >= 0.05
    # The normal law does not hold at the far left, where less is said by more digits.
    coarse = roc.loc[("forest", "online, yes or no only", 0.001)]
    assert coarse["low"] > roc.loc[("forest", "online", 0.001), "high"]


def test_little_is_found_of_a_regression(roc):
    assert roc.loc[("regression", "online", 0.01), "high"] < 0.02
    assert roc.loc[("regression", "loss alone", 0.01), "high"] < 0.02
    chance = roc.loc["regression"].loc["chance", "value"]
    np.testing.assert_allclose(chance, chance.index)


def test_the_audit_is_near_for_the_loss_and_below_a_likelihood_ratio(audits):
    audit, loss, ratio = (
        audits.loc[attack, "value"]
        for attack in (
            "free audit, loss",
            "shadow models, loss",
            "shadow models, likelihood ratio",
        )
    )
    assert (audit - loss).abs().max() < 0.05
    assert (ratio > audit).all()
    forests = [case for case in ratio.index if case.startswith("forest")]
    assert (ratio - audit)[forests].min() > 0.1
    assert ratio.drop(forests).max() < 0.57


def test_the_average_hides_some(patients):
    forest = patients.loc[("forest", "measured")]
    assert forest.loc[0.99, "low"] > 0.1
    regression = patients.loc[("regression", "measured")]
    for level in (0.7, 0.8):
        assert regression.loc[level, "low"] > 0
        assert regression.loc[level, "high"] < 0.1
    for panel in ("forest", "regression"):
        chance = patients.loc[(panel, "by chance"), "value"]
        measured = patients.loc[(panel, "measured")].loc[[0.6, 0.7, 0.8]]
        assert (measured["low"] > chance[[0.6, 0.7, 0.8]]).all()
        assert chance.get(0.9, 0.0) < 0.0005
        assert chance.get(0.99, 0.0) == 0


def test_a_cox_twin_keeps_every_day_and_more_people_share_them():
    days = figure("membership-event-days").set_index(["series", "volume"])
    assert (days["found"] == 1).all()
    county = days.loc["county"]
    assert county.loc[3900, "low"] > county.loc[800, "high"]
    assert county.loc[3900, "high"] < 0.3
    assert county.loc[200, "high"] < 0.1


@pytest.mark.parametrize("panel", ["Laplace noise", "normal noise"])
def test_no_attack_beats_its_bound(bounds, panel):
    one, four = bounds.loc[(panel, "bound")], bounds.loc[(panel, "bound, four visits")]
    for series in ("worst placed", "typical"):
        assert (bounds.loc[(panel, series), "low"] <= one["value"]).all()
    assert (bounds.loc[(panel, "worst, four visits"), "low"] <= four["value"]).all()


def test_the_worst_placed_reach_the_bound_of_normal_noise_and_typical_people_do_not(
    bounds,
):
    limit = bounds.loc[("normal noise", "bound"), "value"]
    worst = bounds.loc[("normal noise", "worst placed")]
    assert ((worst["low"] <= limit) & (limit <= worst["high"])).sum() >= len(limit) - 1
    typical = bounds.loc[("normal noise", "typical")]
    assert (typical["high"] < limit).loc[2:].all()
    laplace = bounds.loc[("Laplace noise", "worst placed")]
    assert (
        (laplace["high"] < bounds.loc[("Laplace noise", "bound"), "value"])
        .loc[1:]
        .all()
    )


def test_four_visits_lift_the_bound_and_the_attack(bounds):
    one = bounds.loc[("Laplace noise", "bound", 2)]
    visits = bounds.loc[("Laplace noise", "worst, four visits", 2)]
    assert one["value"] == pytest.approx((np.e - 1) / (np.e + 1), rel=1e-5)
    assert visits["low"] > one["value"]


def test_what_counts_is_positions_for_each_person_in_the_pool(genomes):
    small, large = (genomes.loc[("pool", f"{n} people")] for n in (50, 500))
    # Pools of different size, the same ratio: the same curve.
    assert (small["low"] < large["high"]).all()
    assert (large["low"] < small["high"]).all()
    assert large["value"].is_monotonic_increasing
    assert large.loc[12.0, "low"] > 0.9


def test_a_beacon_needs_six_answers_for_each_person(genomes):
    for series in ("50 people", "500 people"):
        found = genomes.loc[("beacon", series)]
        assert found.loc[3.0, "value"] == 0
        assert found.loc[7.0, "low"] > 0.9
    formula = genomes.loc[("beacon", "closed form"), "value"]
    assert 5 < formula[formula > 0].index.min() < 7
