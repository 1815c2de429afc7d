"""The first analysis of the table of cases, held against what the package gives."""

import pandas as pd
import pytest
from ledger import agrees

from twinprivacy import datasets
from twinprivacy.breaches import ImpactModel, fit_impact, usable_cases

N_CASES = {
    "ocr_penalty": 92,
    "class_settlement": 51,
    "state_ag_penalty": 36,
    "foreign_regulator_fine": 12,
    "disclosed_direct_cost": 6,
}


def slope(model: ImpactModel) -> float:
    return model.elasticity().value


def error(model: ImpactModel, kind: str) -> float:
    result = model.hc3 if kind == "hc3" else model.result
    return float(result.bse["log_people"])


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return datasets.load("health_breach_impacts")


@pytest.fixture(scope="module")
def cases(table: pd.DataFrame) -> pd.DataFrame:
    return usable_cases(table)


def test_numbers_of_cases(table: pd.DataFrame, cases: pd.DataFrame) -> None:
    assert cases["impact_kind"].value_counts().to_dict() == N_CASES
    assert len(table) == 230
    assert len(usable_cases(table, with_excluded=True)) == 223


@pytest.mark.parametrize("kind", N_CASES)
def test_slopes_by_kind(cases: pd.DataFrame, kind: str) -> None:
    model = fit_impact(cases, kinds=[kind])
    assert agrees(slope(model), f"elasticity, {kind}")
    assert agrees(error(model, "hc3"), f"HC3 error, {kind}")


def test_pooled_slope(cases: pd.DataFrame) -> None:
    model = fit_impact(cases)
    assert (model.n, model.n_incidents) == (197, 169)
    assert agrees(slope(model), "elasticity with kind fixed effects")
    assert agrees(error(model, "hc3"), "HC3 error with kind fixed effects")
    assert agrees(error(model, "clustered"), "clustered error with kind fixed effects")
    assert agrees(model.result.rsquared, "R squared with kind fixed effects")


def test_slopes_of_all_rows(table: pd.DataFrame) -> None:
    rows = usable_cases(table, with_excluded=True)
    for kind in N_CASES:
        model = fit_impact(rows, kinds=[kind])
        assert agrees(slope(model), f"elasticity in all rows, {kind}")
    model = fit_impact(rows)
    assert agrees(slope(model), "elasticity in all rows, pooled")
    assert agrees(error(model, "hc3"), "HC3 error in all rows, pooled")
    assert agrees(error(model, "clustered"), "clustered error in all rows, pooled")


def test_slopes_of_other_choices(cases: pd.DataFrame) -> None:
    model = fit_impact(cases[cases["source_url_2"].notna()])
    assert model.n == 79
    assert agrees(slope(model), "elasticity in rows with two sources")
    assert agrees(error(model, "clustered"), "clustered error in rows with two sources")
    kinds = ["ocr_penalty", "class_settlement", "state_ag_penalty"]
    model = fit_impact(cases, kinds=kinds)
    assert model.n == 179
    assert agrees(slope(model), "elasticity in three US kinds")
    assert agrees(error(model, "clustered"), "clustered error in three US kinds")


def test_medians_a_person(cases: pd.DataFrame) -> None:
    per_person = cases["amount_usd"] / cases["individuals_affected"]
    for kind, median in per_person.groupby(cases["impact_kind"]).median().items():
        assert agrees(median, f"median a person, {kind}")
