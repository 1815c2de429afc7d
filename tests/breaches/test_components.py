"""Fits and published models as parts of a programme, errors included."""

import numpy as np
import pandas as pd
import pytest

from twinprivacy import datasets
from twinprivacy.breaches import (
    cost_models,
    data_kind_effects,
    effects_of_more_kinds,
    expected_penalty,
    fit_impact,
    fit_penalty_probability,
    fitted_component,
    predict_cost,
    published_component,
    size_bins,
    usable_cases,
)
from twinprivacy.errors import ParameterError

PEOPLE = np.array([1e3, 1e5, 1e7])


@pytest.fixture(scope="module")
def cases():
    return usable_cases(datasets.load("health_breach_impacts"))


@pytest.fixture(scope="module")
def chance(cases):
    table = datasets.load("ocr_binned_sizes")
    reports = size_bins(table, years=range(2009, 2019), drop_placeholder_bin=False)
    paid = cases[
        (cases["impact_kind"] == "ocr_penalty") & (cases["incident_year"] < 2019)
    ]
    return fit_penalty_probability(paid, reports)


def error_of_the_line(component, people):
    """Return the standard error of the log median from the component's covariance."""
    design = np.column_stack([np.ones_like(people), np.log(people)])
    covariance = np.array(component.covariance)
    return np.sqrt(np.einsum("ij,jk,ik->i", design, covariance, design))


@pytest.mark.parametrize(
    "model", cost_models().query("form != 'linear'")["model"].tolist()
)
def test_median_is_what_the_model_predicts(model):
    component = published_component(model)
    predicted = predict_cost(model, PEOPLE)["expected_usd"]
    assert component.scale_usd(PEOPLE, kinds=()).tolist() == pytest.approx(
        predicted.tolist()
    )


@pytest.mark.parametrize("model", ["dbir2015_loglog", "jacobs2014_loglog"])
def test_errors_are_those_of_the_regression(model):
    component = published_component(model)
    average = predict_cost(model, PEOPLE, interval="average")
    from scipy.stats import t

    quantile = t.ppf(0.975, component.residual_df)
    width = np.log(average["high_usd"] / average["expected_usd"]) / quantile
    assert error_of_the_line(component, PEOPLE) == pytest.approx(width.to_numpy())


def test_fit_is_kept_with_its_chance(cases, chance):
    amounts = fit_impact(cases, kinds=["ocr_penalty"])
    component = fitted_component(amounts, chance=chance)
    assert component.scale_usd(PEOPLE, kinds=()).tolist() == pytest.approx(
        amounts.predict(PEOPLE)["median_usd"].tolist()
    )
    mean = component.scale_usd(PEOPLE, kinds=()) * np.exp(component.residual_sd**2 / 2)
    expected = expected_penalty(chance, amounts, PEOPLE)["expected_usd"]
    assert (component.occurrence(PEOPLE) * mean).tolist() == pytest.approx(
        expected.tolist()
    )
    frame = amounts.result.get_prediction(pd.DataFrame({"log_people": np.log(PEOPLE)}))
    assert error_of_the_line(component, PEOPLE) == pytest.approx(frame.se)


def test_each_kind_more_has_the_effect_of_one(cases):
    effects = effects_of_more_kinds(cases, ["genetic", "daily_habits"])
    known = data_kind_effects(cases).set_index("kind_of_data").loc["one kind more"]
    assert set(effects) == {"genetic", "daily_habits"}
    for log_ratio, error in effects.values():
        assert np.exp(log_ratio) == pytest.approx(known["ratio"])
        assert np.exp(log_ratio + 1.959964 * error) == pytest.approx(known["high"])
    component = published_component("dbir2015_loglog", kind_effects=effects)
    both = component.scale_usd(PEOPLE, kinds=("genetic", "daily_habits", "name"))
    none = component.scale_usd(PEOPLE, kinds=("name",))
    assert both / none == pytest.approx(known["ratio"] ** 2)


def test_refusals(cases, chance):
    with pytest.raises(ParameterError, match="model must be one of"):
        published_component("jacobs2014_linear_pooled")
    with pytest.raises(ParameterError, match="fit of one kind"):
        fitted_component(fit_impact(cases), chance=chance)
