"""Published counts and effects of the real cohorts; ledger.csv lists them all."""

import numpy as np
import pytest
from ledger import agrees, published

from twinprivacy.datasets import load_cohort
from twinprivacy.twins.outcome import CoxRegression, fit_outcome_twin

pytest.importorskip("sksurv")


@pytest.mark.parametrize(
    ("name", "event"),
    [("whas500", "died"), ("actg320", "aids_or_died"), ("flchain", "died")],
)
def test_people_and_events_of_real_cohorts(name: str, event: str) -> None:
    people = load_cohort(name)
    assert agrees(len(people), f"people in {name}")
    assert agrees(people[event].sum(), f"events in {name}")


@pytest.mark.parametrize("name", ["randhie", "diabetes"])
def test_rows_of_real_cohorts(name: str) -> None:
    assert agrees(len(load_cohort(name)), f"rows in {name}")


def test_actg320_events_by_arm() -> None:
    people = load_cohort("actg320")
    events = people.groupby("indinavir")["aids_or_died"].sum()
    assert agrees(events[True], "AIDS or deaths with indinavir in ACTG 320")
    assert agrees(events[False], "AIDS or deaths without indinavir in ACTG 320")


def test_actg320_hazard_ratio() -> None:
    twin = fit_outcome_twin(
        load_cohort("actg320"),
        outcome=("follow_up_days", "aids_or_died"),
        features=["indinavir"],
        estimator=CoxRegression(penalty=0.0),
        folds=0,
        rng=np.random.default_rng(1),
    )
    treated = twin.predict_what_if({}, indinavir=True)
    untreated = twin.predict_what_if({}, indinavir=False)
    quantity = "hazard ratio of AIDS or death with indinavir in ACTG 320"
    assert agrees((treated / untreated).item(), quantity)


def test_flchain_top_decile() -> None:
    people = load_cohort("flchain")
    total = people["kappa_light_chain_mg_dl"] + people["lambda_light_chain_mg_dl"]
    top = people["light_chain_decile"] == 10
    quantity = "sum of free light chains where the top decile begins in mg/dL"
    assert agrees(total[top].min(), quantity)
    assert total[~top].max() < published(quantity)[0]
