"""Properties of the published cost models, and their errors."""

import numpy as np
import pytest
from scipy import stats

from twinprivacy import datasets
from twinprivacy.breaches import (
    breach_ceiling,
    cost_models,
    exceedance_probability,
    predict_cost,
)
from twinprivacy.breaches.published_costs import Law, _regression, values
from twinprivacy.errors import ParameterError

ALL = cost_models()["model"].tolist()
REGRESSIONS = [
    "dbir2015_loglog",
    "jacobs2014_loglog",
    "jacobs2014_linear_2013",
    "jacobs2014_linear_2014",
]
WITH_LAW = [*REGRESSIONS, "iris2020"]
SIZES = np.geomspace(50, 3e8, 40)


# The list.


def test_list_of_models():
    table = cost_models().set_index("model")
    assert table.index.tolist() == [
        "dbir2015_loglog",
        "dbir2015_flat",
        "jacobs2014_loglog",
        "jacobs2014_linear_pooled",
        "jacobs2014_linear_2013",
        "jacobs2014_linear_2014",
        "ponemon_flat_2013",
        "ponemon_flat_2014",
        "ibm_healthcare_flat_2019",
        "ibm_mega_2018",
        "ibm_mega_2019",
        "iris2020",
    ]
    counts = [191, 191, 115, 115, 54, 61, 54, 61, None, 11, None, None]
    found = [None if np.isnan(n) else n for n in table["n"].astype(float)]
    assert found == counts
    assert table["name"].is_unique
    assert table["url"].str.startswith("http").all()
    assert table["citation"].str.contains("20").all()


def test_each_model_cites_its_row_of_the_facts():
    facts = datasets.load("published_models").set_index("model_id")
    table = cost_models().set_index("model")
    for model in table.index.intersection(facts.index):
        assert table.loc[model, "citation"] == facts.loc[model, "citation"].iloc[0]
        assert table.loc[model, "url"] == facts.loc[model, "doi_or_url"].iloc[0]


# Shape.


@pytest.mark.parametrize("model", ALL)
def test_cost_rises_with_records(model):
    cost = predict_cost(model, SIZES)
    assert (np.diff(cost["expected_usd"]) > 0).all()
    assert (cost["expected_usd"] > 0).all()
    np.testing.assert_array_equal(cost["n_records"], SIZES)
    assert (cost["model"] == model).all()


@pytest.mark.parametrize("model", ALL)
def test_interval_holds_the_expected_cost_or_is_missing(model):
    cost = predict_cost(model, SIZES)
    bounds = cost[["low_usd", "high_usd"]]
    if model not in WITH_LAW:
        assert bounds.isna().all(axis=None)
        return
    assert (cost["low_usd"] >= 0).all()
    assert (cost["low_usd"] < cost["expected_usd"]).all()
    assert (cost["expected_usd"] < cost["high_usd"]).all()


@pytest.mark.parametrize("model", WITH_LAW)
def test_higher_level_widens_the_interval(model):
    narrow, wide = (
        predict_cost(model, SIZES, confidence_level=level) for level in (0.5, 0.95)
    )
    assert (wide["high_usd"] > narrow["high_usd"]).all()
    assert (wide["low_usd"] <= narrow["low_usd"]).all()
    assert (wide["low_usd"] < narrow["low_usd"]).any()
    np.testing.assert_array_equal(wide["expected_usd"], narrow["expected_usd"])


@pytest.mark.parametrize("model", REGRESSIONS)
def test_average_interval_lies_within_the_prediction_interval(model):
    average = predict_cost(model, SIZES, interval="average")
    prediction = predict_cost(model, SIZES)
    assert (average["high_usd"] < prediction["high_usd"]).all()
    assert (average["low_usd"] >= prediction["low_usd"]).all()
    assert (average["low_usd"] < average["expected_usd"]).all()


def test_iris_has_no_average_interval():
    cost = predict_cost("iris2020", SIZES, interval="average")
    assert cost[["low_usd", "high_usd"]].isna().all(axis=None)
    assert cost["expected_usd"].notna().all()


def test_lower_bound_of_a_straight_line_ends_at_zero():
    cost = predict_cost("jacobs2014_linear_2013", [100, 1e6])
    assert cost["low_usd"][0] == 0
    assert cost["low_usd"][1] > 0


@pytest.mark.parametrize("model", ["dbir2015_loglog", "jacobs2014_loglog"])
def test_mean_of_a_log_normal_loss(model):
    (scatter,) = (v for k, v in values(model).items() if k.startswith("s (resid"))
    cost = predict_cost(model, [1e4, 1e5])
    shape = stats.lognorm(s=scatter, scale=cost["expected_usd"])
    np.testing.assert_allclose(cost["mean_usd"], shape.mean(), rtol=1e-12)


def test_mean_of_the_other_models():
    for model, form in cost_models()[["model", "form"]].to_numpy():
        cost = predict_cost(model, [1e4, 1e5])
        if form in ("linear", "flat"):
            np.testing.assert_array_equal(cost["mean_usd"], cost["expected_usd"])
        elif form != "log-log":
            assert cost["mean_usd"].isna().all()


def test_domain_ends_are_inside():
    for model, low, high in cost_models()[
        ["model", "lower_records", "upper_records"]
    ].to_numpy():
        sizes = [high * 0.999, high, high * 1.001]
        outside = predict_cost(model, sizes)["outside_domain"].tolist()
        assert outside == [False, False, True]
        if np.isnan(low):
            assert not predict_cost(model, 1)["outside_domain"].item()
            continue
        sizes = [low * 0.999, low, low * 1.001]
        outside = predict_cost(model, sizes)["outside_domain"].tolist()
        assert outside == [True, False, False]


# Regression errors: a design recovered from its printed errors is the design itself.


def test_design_is_recovered_from_standard_errors(rng):
    x = rng.normal(10, 0.7, 60)
    y = 7.7 + 0.76 * x + rng.normal(0, 0.5, 60)
    fit = stats.linregress(x, y)
    residuals = y - fit.intercept - fit.slope * x
    printed = {
        "a": fit.intercept,
        "b": fit.slope,
        "s": np.sqrt(residuals @ residuals / 58),
        "df": 58.0,
        "se_a": fit.intercept_stderr,
        "se_b": fit.stderr,
    }
    law = _regression(printed, "a", "b", "s", log=True)
    assert law.n == 60
    assert law.x_mean == pytest.approx(x.mean(), rel=1e-9)
    assert law.sxx == pytest.approx(((x - x.mean()) ** 2).sum(), rel=1e-9)
    design = np.column_stack([np.ones(60), x])
    row = np.array([1.0, 8.0])
    variance = printed["s"] ** 2 * row @ np.linalg.inv(design.T @ design) @ row
    records = np.exp(np.array([8.0]))
    assert law.line_error(records) == pytest.approx(np.sqrt(variance), rel=1e-9)
    new = np.sqrt(printed["s"] ** 2 + variance)
    assert law.prediction_error(records) == pytest.approx(new, rel=1e-9)


def test_prediction_interval_covers_new_losses_at_its_level(rng):
    law = Law(8.0, 0.4, log=True, sd=1.5, df=30, n=32, x_mean=9.0, sxx=500.0)
    records = np.full(40_000, 1e6)
    # A fit of its own for every draw: line and scatter as regression estimates them.
    line_error = law.line_error(records) * rng.normal(size=records.size)
    scatter = np.sqrt(rng.chisquare(30, records.size) / 30)
    new = 1.5 * rng.normal(size=records.size)
    scores = (new - line_error) / (law.prediction_error(records) * scatter)
    inside = np.abs(scores) <= stats.t.ppf(0.95, 30)
    assert inside.mean() == pytest.approx(0.9, abs=0.006)


# Exceedances.


@pytest.mark.parametrize("model", WITH_LAW)
def test_half_of_losses_exceed_the_expected(model):
    cost = predict_cost(model, SIZES)
    half = exceedance_probability(model, SIZES, cost["expected_usd"])
    np.testing.assert_allclose(half, 0.5, atol=1e-9)


@pytest.mark.parametrize("model", WITH_LAW)
def test_interval_ends_have_their_tails(model):
    cost = predict_cost(model, [1e6, 1e7], confidence_level=0.9)
    above = exceedance_probability(model, cost["n_records"], cost["high_usd"])
    below = exceedance_probability(model, cost["n_records"], cost["low_usd"])
    np.testing.assert_allclose(above, 0.05, rtol=1e-9)
    np.testing.assert_allclose(below, 0.95, rtol=1e-9)


@pytest.mark.parametrize("model", WITH_LAW)
def test_exceedance_falls_with_the_loss_and_rises_with_records(model):
    losses, records = np.geomspace(1e5, 3e7, 20), np.geomspace(1e4, 1e5, 7)
    table = exceedance_probability(model, records[:, None], losses)
    assert table.shape == (7, 20)
    assert ((table >= 0) & (table <= 1)).all()
    assert (np.diff(table, axis=1) < 0).all()
    assert (np.diff(table, axis=0) > 0).all()


def test_exceedance_of_a_regression_is_students_t():
    # Verizon's recovered line, written out at 10,000 records and a million USD.
    x, y = np.log(1e4), np.log(1e6)
    error = 1.5538 * np.sqrt(1 + 1 / 191 + (x - 9.16) ** 2 / 2946)
    tail = stats.t.sf((y - 8.19375 - 0.423569 * x) / error, 189)
    found = exceedance_probability("dbir2015_loglog", 1e4, 1e6)
    assert found == pytest.approx(tail, rel=1e-12)


def test_exceedance_refuses_models_without_a_law():
    for model in set(ALL) - set(WITH_LAW):
        with pytest.raises(ParameterError, match="must have a law") as caught:
            exceedance_probability(model, 1e6, 1e6)
        for name in WITH_LAW:
            assert repr(name) in str(caught.value)
        assert f"got '{model}'" in str(caught.value)


# The ceiling.


def test_ceiling_grows_by_half_in_five_years():
    assert breach_ceiling(2015) == 2e8
    assert breach_ceiling(2020) == pytest.approx(3e8)
    assert breach_ceiling(2025) == pytest.approx(4.5e8)
    assert breach_ceiling(2017.5) == pytest.approx(np.sqrt(2e8 * 3e8))


def test_largest_breach_in_health_care_stays_below_the_ceiling():
    largest = datasets.load("ocr_largest_breaches")
    assert largest["individuals_affected"].max() == 192_700_000
    assert round(breach_ceiling(2024) / 1e6) == 415


@pytest.mark.parametrize("year", [1999, np.nan, np.inf])
def test_ceiling_refuses_other_years(year):
    with pytest.raises(ParameterError, match="year must be finite and 2000 or more"):
        breach_ceiling(year)


# Errors.


@pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf, [10, 0]])
def test_bad_records(bad):
    records, loss = (
        f"{name} must be (finite|above 0); got" for name in ("n_records", "loss_usd")
    )
    with pytest.raises(ParameterError, match=records):
        predict_cost("dbir2015_loglog", bad)
    with pytest.raises(ParameterError, match=records):
        exceedance_probability("dbir2015_loglog", bad, 1e6)
    with pytest.raises(ParameterError, match=loss):
        exceedance_probability("dbir2015_loglog", 1e4, bad)


def test_records_in_two_dimensions():
    with pytest.raises(ParameterError, match=r"shape \(k,\); got \(2, 2\)"):
        predict_cost("dbir2015_loglog", np.ones((2, 2)))


@pytest.mark.parametrize("function", [predict_cost, exceedance_probability])
def test_unknown_model(function):
    arguments = (1e4,) if function is predict_cost else (1e4, 1e6)
    with pytest.raises(ParameterError, match="'iris2020'; got 'dbir2016'"):
        function("dbir2016", *arguments)


@pytest.mark.parametrize("level", [0, 1, -0.1, 95, np.nan])
def test_bad_level(level):
    with pytest.raises(ParameterError, match="confidence_level must lie strictly"):
        predict_cost("dbir2015_loglog", 1e4, confidence_level=level)


def test_unknown_interval():
    with pytest.raises(ParameterError, match="'prediction', 'average'; got 'mean'"):
        predict_cost("dbir2015_loglog", 1e4, interval="mean")
