"""What chapter 7 finds: what twins of five real cohorts tell, of whom, and to whom."""

from pathlib import Path

import pandas as pd
import pytest

FIGURES = Path(__file__).parents[2] / "book" / "figures"
SECRETS = (
    "heart failure",
    "CD4 below 50",
    "injected drugs",
    "MGUS",
    "excellent health",
    "limitation",
    "blood pressure",
)
BY_INVERSION = [secret for secret in SECRETS if secret != "CD4 below 50"]


def figure(figure_id):
    return pd.read_csv(FIGURES / figure_id / f"{figure_id}.csv")


@pytest.fixture(scope="module")
def baselines():
    return figure("cohort-baselines").set_index(["panel", "who"])


@pytest.fixture(scope="module")
def bits():
    data = figure("cohort-bits")
    data[["secret", "twin"]] = data["name"].str.split(", ", expand=True)
    return data.set_index(["twin", "role", "secret"]).sort_index()


@pytest.fixture(scope="module")
def subgroups():
    data = figure("cohort-subgroups")
    data[["secret", "who"]] = data["name"].str.split(", ", expand=True)
    return data.set_index(["who", "secret"]).sort_index()


@pytest.fixture(scope="module")
def volume():
    data = figure("cohort-volume").astype({"volume_label": str})
    return data.set_index(["panel", "series", "volume_label"]).sort_index()


@pytest.mark.parametrize("secret", BY_INVERSION)
def test_knowing_all_else_settles_the_secret_of_anyone(baselines, secret):
    for who in ("all else + answer", "all else, never in training"):
        assert baselines.loc[(secret, who), "value"] > 0.99
    without = baselines.loc[(secret, "knows all else")]
    assert without["high"] < 0.99


def test_a_count_on_another_day_is_not_certain(baselines):
    seen = baselines.loc[("CD4 below 50", "all else + answer")]
    assert 0.85 < seen["low"] < seen["high"] < 0.95
    assert seen["low"] > baselines.loc[("CD4 below 50", "knows all else"), "high"]


def test_knowing_little_gains_on_some_secrets_and_nothing_on_drugs(baselines):
    for secret in ("heart failure", "CD4 below 50", "excellent health"):
        attack = baselines.loc[(secret, "little + answer")]
        assert attack["low"] > baselines.loc[(secret, "knows little"), "high"]
    drugs = baselines.loc["injected drugs", "value"]
    assert abs(drugs["little + answer"] - drugs["commonest answer"]) < 0.005


def test_success_hides_a_rare_secret(baselines):
    """Saying no is right for all but 1.46 % of people."""
    mode = baselines.loc[("MGUS", "commonest answer"), "value"]
    assert mode == pytest.approx(1 - 0.0146, abs=0.001)
    gain = baselines.loc[("MGUS", "little + answer"), "value"] - mode
    assert 0 <= gain < 0.006


def test_being_told_is_what_tells(bits):
    told, not_told = bits.loc[("told", "member")], bits.loc[("not told", "member")]
    assert (told["low"] > 0).all()
    # MGUS is found by the light chains, which both twins are told.
    more = told["value"] > not_told["value"]
    assert more.drop("MGUS").all()
    assert not_told.loc["MGUS", "low"] > 0
    assert told.loc["MGUS", "high"] < 0.05
    for secret in ("heart failure", "CD4 below 50", "limitation", "blood pressure"):
        assert told.loc[secret, "low"] > not_told.loc[secret, "high"]


def test_a_twin_not_told_still_tells_through_what_goes_with_the_secret(bits):
    shown = bits.loc[("not told", "member")].query("low > 0")
    surely = {"heart failure", "MGUS", "excellent health", "limitation"}
    assert surely <= set(shown.index) <= surely | {"CD4 below 50"}
    assert shown["value"].idxmax() == "limitation"
    assert shown["value"].max() < 0.06


@pytest.mark.parametrize("twin", ["not told", "told"])
def test_members_and_others_lose_alike(bits, twin):
    member, control = bits.loc[(twin, "member")], bits.loc[(twin, "control")]
    assert (member["low"] < control["high"]).all()
    assert (control["low"] < member["high"]).all()


def test_memorising_never_tells_more_of_members(bits):
    member, control = (bits.loc[("memorising", role)] for role in ("member", "control"))
    assert not (member["low"] > control["high"]).any()
    worse = member.index[member["high"] < control["low"]]
    assert set(worse) >= {"heart failure", "CD4 below 50", "limitation"}
    for secret in ("heart failure", "CD4 below 50"):
        assert member.loc[secret, "high"] < 0 < control.loc[secret, "low"]


def test_the_average_hides_those_told_most(subgroups):
    everyone, most = subgroups.loc["everyone"], subgroups.loc["told most"]
    assert (most["value"] > 2 * everyone["value"]).all()
    assert (most["low"] > 0).all()
    have_it = subgroups.loc["who have it"]
    others = everyone.loc[have_it.index]
    assert (have_it["value"] > others["value"]).all()
    assert have_it.loc["MGUS", "low"] > 0.4
    assert everyone.loc["MGUS", "high"] < 0.05


def test_more_patients_make_the_twin_tell_more_of_strangers(volume):
    for series in ("members", "others"):
        told = volume.loc[("told", series)]
        assert told.loc["160", "low"] > told.loc["40", "high"]
        assert told.loc[["40", "80", "160"], "curve"].is_monotonic_increasing
    memorised = volume.loc[("memorising", "members")]
    assert memorised.loc["160", "high"] < 0
    assert memorised.loc["160", "value"] < memorised.loc["40", "value"]


def test_more_kinds_of_data_may_hide_one(volume):
    for series in ("members", "others"):
        kinds = volume.loc[("told, more kinds", series)]
        assert kinds.loc["basics", "high"] < 0.03
        assert kinds.loc["history", "low"] > kinds.loc["labs", "high"]
        assert kinds.loc["labs", "low"] > 0.15
        assert kinds["curve"].isna().all()
