"""What chapter 6 finds: a fair baseline, the limit, and what answers and digits add."""

from pathlib import Path

import pandas as pd
import pytest

FIGURES = Path(__file__).parents[2] / "book" / "figures"


def figure(figure_id):
    return pd.read_csv(FIGURES / figure_id / f"{figure_id}.csv")


def rates(gene):
    data = figure("genotype-from-dose")
    return data[data["panel"] == gene].set_index("who")


def curve(figure_id, panel, series):
    data = figure(figure_id)
    data = data[(data["panel"] == panel) & (data["series"] == series)]
    return data.set_index(data["volume_label"].astype(str))


def test_the_published_attack_beats_the_commonest_genotype_but_not_a_fair_guess():
    vkorc1 = rates("VKORC1")
    published = vkorc1.loc["stable dose, all patients' shares"]
    assert published["low"] > vkorc1.loc["commonest genotype", "high"]
    assert published["high"] < vkorc1.loc["guess from these and race", "low"]


def test_the_fair_attack_gains_and_is_true_of_people_outside():
    vkorc1 = rates("VKORC1")
    fair = vkorc1.loc["stable dose, race's shares"]
    assert fair["low"] > vkorc1.loc["guess from these and race", "high"]
    other = vkorc1.loc["the same, other patients"]
    assert other["low"] < fair["value"] < other["high"]


def test_order_of_the_closed_form_check():
    """Mode, inversion with all patients' shares, with those of the race.

    On another simulated cohort, with R2 .40: .353, .511 and .662; and for CYP2C9 .759
    without and with the dose.
    """
    vkorc1, cyp2c9 = rates("VKORC1")["value"], rates("CYP2C9")["value"]
    assert vkorc1["commonest genotype"] == pytest.approx(0.353, abs=0.03)
    assert vkorc1["stable dose, all patients' shares"] == pytest.approx(0.511, abs=0.03)
    assert vkorc1["stable dose, race's shares"] == pytest.approx(0.662, abs=0.03)
    for who in ("commonest genotype", "stable dose, race's shares"):
        assert cyp2c9[who] == pytest.approx(0.759, abs=0.015)


@pytest.mark.parametrize("gene", ["VKORC1", "CYP2C9"])
def test_every_digit_of_the_twins_dose_is_the_genotype(gene):
    assert rates(gene).loc["twin's dose, every digit", "value"] > 0.999


def test_small_training_sets_leak_their_own_and_large_ones_do_not():
    data = figure("genotype-training").set_index(["series", "volume"])
    inside = data.loc["patients in the training data"]
    outside = data.loc["patients outside it"]
    assert inside.loc[0, "low"] > outside.loc[0, "high"]
    # At the largest size the intervals of both hold one another's estimate or nearly.
    assert abs(inside.loc[2, "value"] - outside.loc[2, "value"]) < 0.03
    assert outside.loc[2, "low"] > 0


@pytest.mark.parametrize("gene", ["VKORC1", "CYP2C9"])
@pytest.mark.parametrize(
    ("panel", "least", "most"),
    [
        ("twin's dose, one answer", "5", "all"),
        ("measured INRs", "1", "5"),
        ("noisy dose, asked again", "1", "32"),
    ],
)
def test_more_answers_and_digits_tell_more(gene, panel, least, most):
    data = curve("genotype-answers", panel, gene)
    assert data.loc[most, "low"] > data.loc[least, "high"]
    assert data["curve"].is_monotonic_increasing
    assert ((data["curve_low"] <= data["curve"]) & (data["low"] > 0)).all()


def test_decimals_and_what_if_questions_tell_who_smokes():
    one = curve("risk-to-history", "chart known, one answer", "smoking")
    again = curve("risk-to-history", "whole percents, what if older", "smoking")
    assert one.loc["0.1 %", "low"] > one.loc["1 %", "high"]
    assert again.loc["8", "low"] > again.loc["1", "high"]
    # Eight rounded answers tell what one with all digits does.
    assert again.loc["8", "value"] == pytest.approx(one.loc["all", "value"], abs=0.02)


@pytest.mark.parametrize("secret", ["smoking", "diabetes", "pressure drug"])
def test_who_knows_less_learns_less(secret):
    data = curve("risk-to-history", "one decimal, less known", secret)
    assert data["low"].iloc[-1] > data["high"].iloc[0]
    assert data["low"].iloc[0] > 0


def test_half_of_what_five_inrs_tell_comes_with_the_second():
    curves = curve("genotype-answers", "measured INRs", "VKORC1")["curve"]
    assert curves["1"] < curves["5"] / 2 < curves["2"]
