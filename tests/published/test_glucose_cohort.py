"""Published glucose control, doses and meals beside the simulated; see ledger.csv."""

from functools import cache

import numpy as np
import pytest
from ledger import agrees, published

from twinprivacy import datasets
from twinprivacy.estimates import Estimate
from twinprivacy.twins.glucose import (
    Days,
    cohort_metrics,
    glucose_metrics,
    prescribe,
    sample_patients,
    simulate_days,
)

N_DAYS = 14
MEASURES = {
    "mean_mg_dl": ("mean_glucose", "mean glucose of pump users in mg/dL"),
    "time_in_range_percent": (
        "time_in_range",
        "time in 70 to 180 mg/dL with real-time sensors in percent",
    ),
    "time_below_70_percent": (
        "time_below_70",
        "time below 70 mg/dL with sensor and pump in percent",
    ),
    "time_above_180_percent": (
        "time_above_180",
        "time above 180 mg/dL with sensor and pump in percent",
    ),
    "cv_percent": (
        "coefficient_of_variation",
        "coefficient of variation of glucose in percent",
    ),
}
ENTERED = "carbohydrate entered by pump users in g a day"
BASAL = "basal dose titrated by sensor in U/kg/day"


@cache
def cohort() -> Days:
    rng = np.random.default_rng(51)
    plan = prescribe(sample_patients(300, rng=rng), rng=rng)
    return simulate_days(plan, days=N_DAYS, rng=rng)


@cache
def measured() -> dict[str, Estimate]:
    return cohort_metrics(glucose_metrics(cohort().cgm_mg_dl))


@pytest.mark.parametrize("measure", MEASURES)
def test_cohort_looks_like_published_cohorts(measure: str) -> None:
    fact, quantity = MEASURES[measure]
    table = datasets.load("glucose_clinical_values")
    row = table[table["quantity"] == fact].iloc[0]
    assert row["value"] == published(quantity)[0]
    assert agrees(measured()[measure].value, quantity)


def test_entered_carbohydrate() -> None:
    entered = cohort().diary
    meals = entered[entered["kind"] != "rescue"]
    daily = meals.groupby("patient")["carbohydrate_g"].sum() / N_DAYS
    assert agrees(daily.mean(), ENTERED)


def test_basal_doses() -> None:
    people = cohort().patients
    dose = 24 * people["basal_u_per_hour"] / people["weight_kg"]
    assert agrees(dose.mean(), BASAL)
