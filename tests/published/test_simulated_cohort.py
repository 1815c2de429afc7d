"""The published performance of dose equations on simulated patients; see ledger.csv."""

import numpy as np
import pandas as pd
import pytest
from ledger import agrees, published

from twinprivacy import datasets
from twinprivacy.people import simulate_cohort
from twinprivacy.twins.outcome import measure_performance
from twinprivacy.twins.warfarin import predict_dose, simulate_dose

N = 100_000


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    people_rng, dose_rng = np.random.default_rng(2_009).spawn(2)
    people = simulate_cohort(N, population="warfarin_patients", rng=people_rng)
    return people.assign(dose=simulate_dose(people, rng=dose_rng))


@pytest.mark.parametrize(
    ("model", "name"),
    [("iwpc_pharmacogenetic", "with genes"), ("iwpc_clinical", "without genes")],
)
def test_iwpc_performance_on_simulated_patients(
    cohort: pd.DataFrame, model: str, name: str
) -> None:
    predicted = predict_dose(cohort, model=model)
    found = measure_performance(
        cohort["dose"], predicted, measures=["r_squared", "mean_absolute_error"]
    ).set_index("measure")["value"]
    explained = 100 * found["r_squared"]
    assert agrees(explained, f"IWPC {name}: variance of the dose explained, %")
    error = found["mean_absolute_error"]
    assert agrees(error, f"IWPC {name}: mean absolute error, mg a week")


@pytest.mark.parametrize(
    ("model", "category"),
    [("iwpc_pharmacogenetic", "pharmacogenetic"), ("iwpc_clinical", "clinical")],
)
def test_iwpc_share_within_a_fifth_of_the_dose(
    cohort: pd.DataFrame, model: str, category: str
) -> None:
    """Real errors are small more often: we stay below the published share."""
    rows = datasets.load("warfarin_cohort_margins")
    rows = rows[
        (rows["variable"] == "dose_within_20_percent") & (rows["category"] == category)
    ]
    printed = float(np.average(rows["value"], weights=rows["n"].astype(float)))
    name = "with genes" if category == "pharmacogenetic" else "without genes"
    quantity = f"IWPC {name}: predicted within 20 % of the dose, %"
    assert published(quantity)[0] == pytest.approx(printed, abs=0.05)
    predicted = predict_dose(cohort, model=model)
    (share,) = measure_performance(
        cohort["dose"], predicted, measures=["share_within_20_percent"]
    )["value"]
    found = 100 * share
    assert agrees(found, quantity)
    assert found < printed


def test_iwpc_doses_of_simulated_patients(cohort: pd.DataFrame) -> None:
    error = float((cohort["dose"] - 35).abs().mean())
    assert agrees(error, "IWPC, 35 mg for all: mean absolute error, mg a week")
    for share, name in ((0.25, "lower quartile"), (0.5, "median")):
        quantile = float(cohort["dose"].quantile(share))
        assert agrees(quantile, f"IWPC: {name} of the dose, mg a week")
    upper = float(cohort["dose"].quantile(0.75))
    assert agrees(upper, "IWPC: upper quartile of the dose, mg a week")
