"""Published doses and risks of single people; ledger.csv lists them all."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from ledger import agrees, published

from twinprivacy.twins.cardiovascular import linear_predictor, predict_risk
from twinprivacy.twins.warfarin import (
    GENOTYPE_PAIRS,
    dose_matrix,
    predict_dose,
    steady_state_dose,
)

TAKES_WARFARIN: dict[str, Any] = {
    "age_years": 50,
    "height_cm": 175.0,
    "weight_kg": 80.0,
    "race": "White",
    "amiodarone": False,
    "enzyme_inducer": False,
    "current_smoker": False,
    "venous_thrombosis": False,
    "vkorc1": "G/G",
    "cyp2c9": "*1/*1",
}
# The person of the supplement to PREVENT: a body mass index of 35 at 175 cm.
PREVENT_PERSON: dict[str, Any] = {
    "age_years": 50,
    "total_cholesterol_mg_dl": 200,
    "hdl_mg_dl": 45,
    "systolic_bp_mmhg": 160,
    "bp_medication": True,
    "statin": False,
    "diabetes": True,
    "current_smoker": False,
    "egfr_ml_min": 90,
    "height_cm": 175.0,
    "weight_kg": 35 * 1.75**2,
}
# The person of the guideline, the same in all four groups.
PCE_PERSON: dict[str, Any] = {
    "age_years": 55,
    "total_cholesterol_mg_dl": 213,
    "hdl_mg_dl": 50,
    "systolic_bp_mmhg": 120,
    "bp_medication": False,
    "diabetes": False,
    "current_smoker": False,
}


def dose(model: str, target_inr: float = 2.5, **changes: Any) -> float:
    person = pd.DataFrame([TAKES_WARFARIN | changes])
    return float(predict_dose(person, model=model, target_inr=target_inr).item())


def risk(
    person: dict[str, Any], model: str, outcome: str, horizon_years: int = 10
) -> float:
    """Return a risk in %."""
    found = predict_risk(
        pd.DataFrame([person]),
        model=model,
        outcome=outcome,
        horizon_years=horizon_years,
    )
    return 100 * float(found.item())


# IWPC (2009).


def test_iwpc_figure_1() -> None:
    """The figure prints more than 45 and less than 10 mg a week."""
    person = pd.DataFrame([TAKES_WARFARIN])
    doses = dose_matrix(person, model="iwpc_pharmacogenetic")[0]
    quantity = "IWPC: mg a week at 50 y, 175 cm, 80 kg without variants, more than"
    most = doses[GENOTYPE_PAIRS.index(("G/G", "*1/*1"))]
    assert most == doses.max()
    assert most > published(quantity)[0]
    quantity = "IWPC: mg a week at 50 y, 175 cm, 80 kg with A/A and *3/*3, less than"
    least = doses[GENOTYPE_PAIRS.index(("A/A", "*3/*3"))]
    assert least == doses.min()
    assert least < published(quantity)[0]
    np.testing.assert_allclose([most, least], [46.8, 7.9], atol=0.05)


# Gage (2008): the percentages of the abstract.


@pytest.mark.parametrize(
    ("quantity", "changes"),
    [
        ("A allele of VKORC1", {"vkorc1": "A/G"}),
        ("allele *3 of CYP2C9", {"cyp2c9": "*1/*3"}),
        ("allele *2 of CYP2C9", {"cyp2c9": "*1/*2"}),
        ("decade of age", {"age_years": 60}),
        ("half a unit of target INR", {"target_inr": 3.0}),
        ("amiodarone", {"amiodarone": True}),
        ("smoking", {"current_smoker": True}),
        ("African American race", {"race": "Black"}),
        ("current thrombosis", {"venous_thrombosis": True}),
    ],
)
def test_gage_effects(quantity: str, changes: dict[str, Any]) -> None:
    percent = 100 * (dose("gage", **changes) / dose("gage") - 1)
    assert agrees(percent, f"Gage: change of dose by {quantity}, %")


def test_gage_effect_of_body_surface() -> None:
    # By DuBois, so that a weight stands for a surface.
    surface = 0.007184 * 175**0.725 * 80**0.425 + 0.25
    weight = (surface / (0.007184 * 175**0.725)) ** (1 / 0.425)
    percent = 100 * (dose("gage", weight_kg=weight) / dose("gage") - 1)
    assert agrees(percent, "Gage: change of dose by 0.25 m2 of body surface, %")


# Hamberg (2010).


@pytest.mark.parametrize(
    ("vkorc1", "cyp2c9"), [("G/G", "*1/*1"), ("A/A", "*1/*1"), ("A/A", "*3/*3")]
)
def test_hamberg_steady_state(vkorc1: str, cyp2c9: str) -> None:
    person = pd.DataFrame({"age_years": [71], "vkorc1": [vkorc1], "cyp2c9": [cyp2c9]})
    found = steady_state_dose(person, target_inr=2.5).item()
    quantity = (
        f"Hamberg: mg a day for INR 2.5 at 71 y, VKORC1 {vkorc1}, CYP2C9 {cyp2c9}"
    )
    assert agrees(found, quantity)


# PREVENT (2023).


@pytest.mark.parametrize("outcome", ["total_cvd", "ascvd", "heart_failure"])
@pytest.mark.parametrize(
    ("sex", "horizon"), [("female", 10), ("female", 30), ("male", 10)]
)
def test_prevent_example(sex: str, horizon: int, outcome: str) -> None:
    person = PREVENT_PERSON | {"sex": sex}
    found = risk(person, "prevent_2023", outcome, horizon)
    quantity = f"PREVENT: {outcome} in {horizon} years of the example, {sex}, %"
    # Printed to 0.1 %, and ours rounds to it.
    assert agrees(found, quantity)
    assert round(found, 1) == published(quantity)[0]


# Pooled Cohort Equations (2013).


@pytest.mark.parametrize("race", ["White", "Black"])
@pytest.mark.parametrize("sex", ["female", "male"])
def test_pooled_cohort_example(race: str, sex: str) -> None:
    person = PCE_PERSON | {"race": race, "sex": sex}
    found = risk(person, "pce_2013", "ascvd")
    assert agrees(found, f"PCE: risk of the example, {race} {sex}, %")


def test_pooled_cohort_example_of_the_text() -> None:
    """The guideline adds up rounded terms, which brings its risk to 5.3 %."""
    person = pd.DataFrame([PCE_PERSON | {"race": "White", "sex": "male"}])
    score = linear_predictor(person, model="pce_2013", outcome="ascvd").item()
    quantity = "PCE: sum of the terms of the example, White male"
    assert agrees(score + 61.18, quantity)
    printed = 100 * (1 - 0.9144 ** np.exp(published(quantity)[0] - 61.18))
    assert round(printed, 1) == published("PCE: risk of the example, White male, %")[0]


# Framingham (2008).


@pytest.mark.parametrize(
    ("quantity", "profile"),
    [
        ("woman of 61 y in the article", ("female", 61, 180, 47, 124, 0, 1, 0)),
        ("man of 53 y in the article", ("male", 53, 161, 55, 125, 1, 0, 1)),
        ("man of 53 y in admiral", ("male", 53, 216.16, 54.91, 133, 0, 0, 0)),
        ("woman of 52 y in admiral", ("female", 52, 186.39, 64.19, 161, 1, 1, 0)),
    ],
)
def test_framingham_example(quantity: str, profile: tuple[Any, ...]) -> None:
    names = ("sex", "age_years", "total_cholesterol_mg_dl", "hdl_mg_dl")
    names += ("systolic_bp_mmhg", "bp_medication", "current_smoker", "diabetes")
    person = dict(zip(names, profile, strict=True))
    found = risk(person, "framingham_2008", "total_cvd")
    assert agrees(found, f"Framingham: risk of the {quantity}, %")
