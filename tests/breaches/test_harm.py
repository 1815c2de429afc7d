"""Harm to the person beside the keeper's cost: published values, no guess."""

import numpy as np
import pandas as pd
import pytest

from twinprivacy import datasets
from twinprivacy.breaches import (
    break_even_probability,
    externality,
    person_harm,
    usable_cases,
)
from twinprivacy.errors import ParameterError


@pytest.fixture(scope="module")
def cases():
    return usable_cases(datasets.load("health_breach_impacts"))


def test_every_harm_is_a_confirmed_row_of_the_data():
    facts = datasets.load("individual_harm").set_index("measure_id")
    harm = person_harm().set_index("measure_id")
    assert set(harm["check"]) == {"verified", "derived"}
    assert set(harm["component"]) == {"money", "time", "distress", "care"}
    for column in ("value", "unit", "source_url", "year"):
        assert harm[column].tolist() == facts.loc[harm.index, column].tolist()


def test_expected_loss_of_medical_theft_is_share_times_cost():
    facts = datasets.load("individual_harm").set_index("measure_id")["value"]
    harm = person_harm().set_index("measure_id")["value"]
    product = facts["ponemon2013_share"] * facts["ponemon2013_cost"]
    assert harm["ponemon2013_expected"] == pytest.approx(product)


def test_break_even_balances_the_two_sides():
    keeper, loss = np.array([0.0, 36.63, 5_000.0]), 880.0
    share = break_even_probability(keeper, loss)
    assert share * loss == pytest.approx(keeper)
    assert share[2] > 1


def test_medians_are_those_of_the_cases(cases):
    table = externality(cases, rng=np.random.default_rng(3), min_cases=1)
    found = table[table["side"] == "keeper"].set_index("name")
    per_person = cases["amount_usd"] / cases["individuals_affected"].astype(float)
    medians = per_person.groupby(cases["impact_kind"]).median()
    assert found["value"].to_dict() == pytest.approx(medians.to_dict())
    assert found.loc["ocr_penalty", "value"] == pytest.approx(36.63, abs=0.005)
    assert (found["low"] <= found["value"]).all()


def test_interval_covers_the_true_median(rng):
    hits = 0
    for stream in rng.spawn(40):
        amounts = stream.lognormal(2, 1.5, 60)
        cases = pd.DataFrame(
            {
                "amount_usd": amounts,
                "individuals_affected": 1,
                "impact_kind": "ocr_penalty",
            }
        )
        row = externality(cases, rng=stream).iloc[-1]
        hits += row["low"] <= np.exp(2) <= row["high"]
    assert hits >= 33  # 40 draws at 95 %: fewer than 33 has probability below 0.001


def test_same_seed_gives_the_same_table(cases):
    first, second = (externality(cases, rng=np.random.default_rng(9)) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_both_sides_stand_side_by_side(cases):
    table = externality(cases, rng=np.random.default_rng(9))
    keeper, person = (table[table["side"] == side] for side in ("keeper", "person"))
    assert set(keeper["name"]) == {
        "ocr_penalty",
        "class_settlement",
        "state_ag_penalty",
        "foreign_regulator_fine",
    }
    assert (keeper["n"] >= 10).all()
    assert person[["low", "high"]].isna().all(axis=None)
    assert person["value"].min() > keeper["value"].max()


def test_refusals(cases):
    with pytest.raises(ParameterError, match="0 or more"):
        break_even_probability(-1, 880)
    with pytest.raises(ParameterError, match="above 0"):
        break_even_probability(1, 0)
    with pytest.raises(ParameterError, match="rng must be"):
        externality(cases, rng=3)
