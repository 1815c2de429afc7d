"""What chapter 10 finds: what defences keep, what they cost, and whom they help."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FIGURES = Path(__file__).parents[2] / "book" / "figures"
DOSE = "warfarin: VKORC1 against doses within 20 %"
RISK = "heart risk: smoking against AUC"
GLUCOSE = "glucose: owner against time in range"
HEART = "heart attack: membership against AUC"
FALLS, BARE = "falls back on the fixed dose", "careless"
IN_RANGE = "Days with an INR of 2 to 3, in the first 90"
GUESSED = "VKORC1 guessed beyond a fair guess, by inverting the twin that falls back"


def figure(figure_id):
    return pd.read_csv(FIGURES / figure_id / f"{figure_id}.csv")


@pytest.fixture(scope="module")
def front():
    return figure("defence-frontier").set_index(["panel", "setting"]).sort_index()


@pytest.fixture(scope="module")
def trade():
    data = figure("private-dose")
    return data.set_index(["panel", "series", "budget"]).sort_index()


@pytest.fixture(scope="module")
def outcome():
    data = figure("private-outcome")
    return data.set_index(["panel", "series", "budget"]).sort_index()


def test_what_is_not_told_is_not_given_away(front):
    genes = front.loc[DOSE, "genes not told"]
    smoking = front.loc[RISK, "smoking not told"]
    assert abs(genes["leak"]) < 0.01
    assert smoking["leak_low"] <= 0 < 0.01 > smoking["leak"]
    assert genes["useful_high"] < 0  # it has a price
    assert smoking["useful_high"] < 0


def test_not_asking_beats_coarse_rounding_and_strong_noise(front):
    for panel, untold, blurred in (
        (DOSE, "genes not told", ("to 5 mg a day", "noise, mu 10")),
        (RISK, "smoking not told", ("to 5 %", "noise, mu 30")),
    ):
        for setting in blurred:
            other = front.loc[panel, setting]
            assert other["dominated"]
            assert other["leak_low"] > front.loc[(panel, untold), "leak_high"]
            assert other["useful"] < front.loc[(panel, untold), "useful"]


def test_finer_answers_tell_more_and_cost_less(front):
    for panel, order in (
        (DOSE, ["to 5 mg a day", "to 1 mg a day", "no defence"]),
        (DOSE, ["noise, mu 10", "noise, mu 30", "no defence"]),
        (RISK, ["to 5 %", "to 1 %", "to 0.1 %"]),
        (RISK, ["noise, mu 30", "noise, mu 100", "no defence"]),
    ):
        rows = front.loc[panel].loc[order]
        assert rows["leak"].is_monotonic_increasing
        assert rows["useful"].is_monotonic_increasing


def test_private_training_hides_nothing_of_whom_it_is_asked_about(front):
    private, open_twin = (
        front.loc[DOSE, name] for name in ("trained with mu 1", "no defence")
    )
    assert private["leak"] == pytest.approx(open_twin["leak"], abs=0.02)
    assert private["leak_low"] > 1
    assert private["useful_low"] <= 0 <= private["useful_high"]


def test_glucose_twins_give_owners_away_for_no_time_in_range(front):
    glucose = front.loc[GLUCOSE]
    assert glucose.loc["1 day", "leak_high"] < glucose.loc["no defence", "leak_low"]
    assert glucose.loc["no defence", "leak_low"] > 1.5
    assert glucose.loc["twin, mu 1", "leak_high"] < 0.1
    others = glucose.drop("no defence")
    assert (others["useful_low"] <= 0).all()
    assert (others["useful_high"] >= 0).all()


def test_a_simpler_model_leaks_less_than_a_forest_and_predicts_no_worse(front):
    heart = front.loc[HEART]
    assert heart.loc["no defence", "clearly"]
    for simpler in ("regression", "leaves of 20"):
        assert heart.loc[simpler, "leak_high"] < heart.loc["no defence", "leak_low"] / 5
        assert heart.loc[simpler, "useful_high"] > 0
    promised = heart.loc[["epsilon 1", "epsilon 3", "epsilon 10"], "useful"]
    assert promised.is_monotonic_increasing
    assert heart.loc["epsilon 1", "useful_high"] < 0


def test_no_attack_on_an_answer_exceeds_its_bound():
    data = figure("defence-bounds")
    data = data.set_index(["panel", "series", "volume_label"]).sort_index()
    for panel in data.index.unique("panel"):
        attack, bound, guess = (
            data.loc[panel, series] for series in ("attack", "bound", "guess")
        )
        assert (attack["low"] <= bound["value"]).all()
        assert (bound["value"] > guess["value"]).all()
        # Where the noise is strongest, only chance moves the success.
        first, *later = np.diff(attack["value"])
        assert first > -0.02
        assert min(later) > 0
        assert attack["value"].iloc[-1] > guess["value"].iloc[-1] + 0.15
        # Where the noise is strongest the attack is a guess.
        assert attack["low"].iloc[0] <= guess["value"].iloc[0]


def test_four_answers_are_one_with_twice_the_budget():
    data = figure("defence-bounds")
    data = data.set_index(["panel", "series", "volume_label"]).sort_index()
    once = data.loc["one answer"]
    often = data.loc["four answers, each with this mu"]
    for mu in (1, 2, 4, 8, 16):
        assert often.loc[("bound", mu), "value"] == pytest.approx(
            once.loc[("bound", 2 * mu), "value"], abs=2e-4
        )
        assert often.loc[("attack", mu), "value"] == pytest.approx(
            once.loc[("attack", 2 * mu), "value"], abs=0.03
        )


def test_a_careless_private_twin_hurts_and_one_that_falls_back_does_not(trade):
    fixed = trade.loc[(IN_RANGE, "fixed dose"), ["value", "low", "high"]].iloc[0]
    falls, bare = (trade.loc[IN_RANGE, kind] for kind in (FALLS, BARE))
    assert bare.loc[[0.1, 0.3], "high"].max() < fixed["low"]
    assert (falls["value"] > fixed["value"]).all()
    assert falls.loc[0.3, "low"] > fixed["high"]
    for kind in (falls, bare):
        assert np.diff(kind["value"]).min() > -0.01
    hurt = next(panel for panel in trade.index.unique("panel") if "Hurt" in panel)
    gap = trade.loc[hurt, BARE]["low"] - trade.loc[hurt, FALLS]["high"]
    assert (gap.loc[[0.1, 0.3]] > 0.1).all()
    assert gap.loc[10.0] < 0


def test_privacy_costs_little_with_a_thousand_patients(trade):
    open_twin = trade.loc[(IN_RANGE, "not private"), "value"].iloc[0]
    assert open_twin - trade.loc[(IN_RANGE, FALLS, 1.0), "value"] < 0.04
    assert open_twin - trade.loc[(IN_RANGE, FALLS, 10.0), "value"] < 0.01


def test_training_privacy_does_not_lower_what_holds_for_all(trade):
    others = trade.loc[GUESSED, "other patients"]
    own = trade.loc[GUESSED, "its own patients"]
    open_twin = trade.loc[(GUESSED, "not private, others"), "value"].iloc[0]
    assert others.loc[1.0, "value"] == pytest.approx(open_twin, abs=0.02)
    # It falls only where the doses themselves do.
    assert others.loc[0.1, "value"] < others.loc[1.0, "value"] - 0.02
    assert (own["low"] <= others["high"]).all()
    assert (others["low"] <= own["high"]).all()
    assert others.loc[1.0, "low"] > 0


def test_more_people_make_a_promise_cheaper(outcome):
    auc = outcome.loc["AUC on people outside"]
    names = auc.index.unique("series")
    many, few = (
        next(n for n in names if n.startswith(cohort) and "no noise" not in n)
        for cohort in ("county", "heart")
    )
    lost = {
        name: auc.loc[f"{name.split(',')[0]}, no noise"]["value"].iloc[0]
        - auc.loc[name]["value"]
        for name in (many, few)
    }
    assert (lost[few].loc[[0.1, 0.3, 1.0, 3.0]] > lost[many].loc[:3.0]).all()
    assert lost[few].loc[1.0] > 0.05
    assert lost[many].loc[1.0] < 0.01
    assert np.diff(auc.loc[few]["value"]).min() > 0


def test_memberships_found_stay_below_their_bound(outcome):
    found = outcome.loc["advantage of telling members"]
    bound = found.loc["no attack above"]["value"]
    assert bound.is_monotonic_increasing
    for name in found.index.unique("series").difference(["no attack above"]):
        assert (found.loc[name]["value"] < 0.1).all()
        if "no noise" not in name:
            assert (found.loc[name]["low"] < bound).all()


def test_laboratory_values_identify_more_than_they_predict():
    data = figure("modality-worth").set_index(["modality", "series"]).sort_index()
    use, risk = (
        data.xs(series, level="series")
        for series in ("use: AUC", "risk: bits that single out")
    )
    assert risk.loc["laboratory", "low"] > use.loc["laboratory", "high"]
    assert use.loc["demographics", "low"] > risk.loc["demographics", "high"]
    assert risk["value"].sum() == pytest.approx(1, abs=1e-3)
    assert use["value"].sum() == pytest.approx(1, abs=1e-3)
    assert data.query("drop_first").index.unique("modality").tolist() == ["laboratory"]


def test_smaller_stores_hide_nobody_and_pay_only_if_breaches_do_not_multiply():
    data = figure("store-defences").set_index(["panel", "who"])
    unique = data.loc["unique people of a store"]
    assert (
        unique.loc["10 stores, breaches as before", "high"]
        > unique.loc["as it is", "value"]
    )
    for less in ("bands of 10", "no height, no weight"):
        assert unique.loc[less, "high"] < 0.1 < 0.9 < unique.loc["as it is", "low"]
    loss = data.loc["mean yearly loss, of that as it is", "value"]
    assert loss["10 stores, breaches as before"] < loss["3 of 10 years kept"] < 1
    assert loss["10 stores, each breached as often"] > 3
