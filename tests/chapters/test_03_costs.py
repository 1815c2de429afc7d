"""What chapter 3 finds: slopes below one, the models' order, selection, no kinds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twinprivacy import datasets
from twinprivacy.breaches import fit_impact, predict_cost, usable_cases

FIGURES = Path(__file__).parents[2] / "book" / "figures"


def figure(figure_id):
    return pd.read_csv(FIGURES / figure_id / f"{figure_id}.csv")


def test_elasticity_is_below_one_with_its_interval():
    data = figure("breach-cost-elasticity")
    read = data[~data["hollow"]]
    assert len(read) == 4
    assert (read["high"] < 0.6).all()
    assert (read["low"] > 0).all()
    pooled = data[data["marked"]].iloc[0]
    slope = fit_impact(
        usable_cases(datasets.load("health_breach_impacts"))
    ).elasticity()
    assert pooled[["low", "value", "high"]].tolist() == pytest.approx(
        [slope.low, slope.value, slope.high], rel=1e-5
    )


def test_cost_per_person_falls_with_size():
    data = figure("breach-cost-per-person")
    for _, line in data.groupby("series"):
        assert line["usd_per_person"].is_monotonic_decreasing
        assert (line["low"] < line["usd_per_person"]).all()
        assert (line["usd_per_person"] < line["high"]).all()
    federal = data[data["marked"]].set_index("n_individuals")["usd_per_person"]
    assert federal.iloc[0] / federal.iloc[-1] > 1_000


def test_every_case_is_named_with_its_source():
    data = figure("breach-cost-cases")
    cases = data[data["role"] == "case"]
    usable = usable_cases(datasets.load("health_breach_impacts"))
    assert len(cases) == len(usable) == 197
    assert sorted(cases["entity"]) == sorted(usable["entity"])
    assert cases["source_url"].str.startswith("http").all()
    assert cases["amount_usd"].sum() == pytest.approx(usable["amount_usd"].sum())


def test_every_model_is_marked_outside_its_domain():
    data = figure("breach-cost-cases").query("role == 'model'")
    flat = data[data["series"] == "flat rate"]
    assert flat["outside_domain"].tolist() == (flat["n_individuals"] > 1e5).tolist()
    mega = data[data["series"] == "IBM"]
    inside = mega["n_individuals"].between(1e6, 5e7)
    assert (mega["outside_domain"] != inside).all()
    assert set(data["series"]) == {"DBIR", "Jacobs", "flat rate", "IBM", "IRIS"}


def test_models_disagree_by_two_orders_at_a_million():
    data = figure("breach-cost-models").set_index("name")["value"]
    assert data.max() / data.min() > 100
    order = ["DBIR 2015", "IBM 2018, mega-breach", "Jacobs 2014", "Ponemon 2014, flat"]
    assert data[order].is_monotonic_increasing
    assert data["Jacobs 2014"] == pytest.approx(7.68e7, rel=0.001)
    for model, name in (("dbir2015_loglog", "DBIR 2015"), ("iris2020", "IRIS 2020")):
        expected = predict_cost(model, [1e6])["expected_usd"].item()
        assert data[name] == pytest.approx(expected, rel=1e-5)


def test_domain_is_marked_at_a_million():
    data = figure("breach-cost-models")
    inside = set(data[~data["hollow"]]["name"])
    assert inside == {
        "DBIR 2015",
        "DBIR 2015, flat",
        "IBM 2018, mega-breach",
        "IBM 2019, mega-breach",
        "IRIS 2020",
    }


def test_larger_breaches_are_penalised_more_often():
    data = figure("breach-penalty-selection")
    seen = data[(data["panel"] == "share") & (data["series"] == "observed")]
    assert seen["value"].is_monotonic_increasing
    assert seen["high"].iloc[0] < seen["low"].iloc[-1]
    assert seen["value"].iloc[0] < 0.02 < 0.15 < seen["value"].iloc[-1]


def test_penalty_to_expect_grows_faster_than_the_penalty_paid():
    data = figure("breach-penalty-selection").query("panel == 'amount'")
    slopes = {}
    for series, line in data.groupby("series"):
        part = line[line["n_individuals"].between(4e3, 6e5)]
        x, y = np.log(part["n_individuals"]), np.log(part["value"])
        slopes[series] = np.polyfit(x, y, 1)[0]
    assert 0.1 < slopes["if penalised"] < 0.3
    assert 0.5 < slopes["of any breach"] < 0.8
    paid, any_breach = (
        data[data["series"] == name].set_index("n_individuals")["value"]
        for name in ("if penalised", "of any breach")
    )
    assert (any_breach < paid).all()


def test_no_kind_of_data_moves_the_amount_and_two_cannot_be_told():
    data = figure("breach-cost-data-kinds")
    unknown = data[data["value"].isna()]["name"]
    assert [name.split(" (")[0] for name in unknown] == ["mental health", "genetic"]
    told = data.dropna(subset="value")
    assert ((told["low"] < 1) & (told["high"] > 1)).all()


def test_no_choice_of_cases_reaches_a_fixed_cost_per_record():
    data = figure("breach-cost-sensitivity")
    assert len(data) == 12
    assert data["value"].between(0.15, 0.3).all()
    assert (data["high"] < 0.5).all()
