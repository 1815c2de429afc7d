"""Amounts against people: known slopes, intervals that cover, clear refusals."""

import numpy as np
import pandas as pd
import pytest

from twinprivacy import datasets
from twinprivacy.breaches import (
    ImpactModel,
    compare_methods,
    data_kind_effects,
    elasticity_by_kind,
    fit_impact,
    leave_one_incident_out,
    sensitivity,
    usable_cases,
)
from twinprivacy.errors import DataError, FitError, ParameterError

KINDS = ("class_settlement", "ocr_penalty", "state_ag_penalty")


def simulated(n_incidents, *, elasticity, sd, rng, amounts_each=1):
    """Draw cases with one slope, an intercept for each kind and normal errors."""
    incident = np.repeat(np.arange(n_incidents), amounts_each)
    people = np.repeat(10 ** rng.uniform(3, 7, n_incidents), amounts_each)
    kind = rng.integers(len(KINDS), size=incident.size)
    noise = rng.normal(0, sd, incident.size)
    return pd.DataFrame(
        {
            "amount_usd": np.exp(9 + kind + elasticity * np.log(people) + noise),
            "individuals_affected": people,
            "impact_kind": np.array(KINDS)[kind],
            "incident_id": incident.astype(str),
        }
    )


@pytest.fixture(scope="module")
def table():
    return datasets.load("health_breach_impacts")


@pytest.fixture(scope="module")
def cases(table):
    return usable_cases(table)


@pytest.fixture(scope="module")
def left_out(cases):
    return leave_one_incident_out(cases)


def test_exact_amounts_give_the_exact_line(rng):
    cases = simulated(60, elasticity=0.4, sd=0, rng=rng)
    model = fit_impact(cases)
    assert model.elasticity().value == pytest.approx(0.4)
    predicted = model.predict([1e4, 1e6], kind="ocr_penalty")
    assert predicted["median_usd"].to_numpy() == pytest.approx(
        np.exp(10) * np.array([1e4, 1e6]) ** 0.4
    )


def test_interval_covers_the_true_elasticity(rng):
    hits = 0
    for stream in rng.spawn(60):
        cases = simulated(80, elasticity=0.3, sd=1.3, rng=stream)
        slope = fit_impact(cases).elasticity()
        hits += slope.low <= 0.3 <= slope.high
    assert hits >= 51  # 60 draws at 95 %: fewer than 51 has probability below 0.001


def test_repeated_amounts_widen_the_clustered_interval(rng):
    cases = simulated(60, elasticity=0.3, sd=1.0, rng=rng)
    five_times = pd.concat([cases] * 5)
    once, repeated = fit_impact(cases), fit_impact(five_times)
    clustered, hc3 = repeated.elasticity(), repeated.hc3.conf_int()
    assert clustered.value == pytest.approx(once.elasticity().value)
    # Copies hold no news: HC3 takes them for news, clusters do not.
    width = once.elasticity().high - once.elasticity().low
    assert clustered.high - clustered.low == pytest.approx(width, rel=0.05)
    assert np.ptp(hc3.loc["log_people"]) < 0.6 * width


def test_prediction_interval_is_that_of_the_textbook(rng):
    # Computed beside statsmodels: ordinary least squares of one kind by hand.
    cases = simulated(40, elasticity=0.5, sd=0.8, rng=rng)
    cases = cases.assign(impact_kind="ocr_penalty")
    x, y = np.log(cases["individuals_affected"]), np.log(cases["amount_usd"])
    slope, intercept = np.polyfit(x, y, 1)
    sd = np.sqrt(((y - intercept - slope * x) ** 2).sum() / 38)
    model = fit_impact(cases)
    predicted = model.predict([np.exp(x.mean())]).iloc[0]
    assert model.residual_sd == pytest.approx(sd)
    assert predicted["median_usd"] == pytest.approx(np.exp(y.mean()))
    # At the mean the error of the line adds s^2 / n, whatever the covariance.
    half = np.log(predicted["high_usd"] / predicted["median_usd"])
    assert half == pytest.approx(2.0227 * sd * np.sqrt(1 + 1 / 40), rel=0.01)


def test_mean_is_the_median_times_the_smearing_factor(cases):
    model = fit_impact(cases)
    row = model.predict([1e5], kind="ocr_penalty").iloc[0]
    factor = np.exp(model.cases["log_usd"] - model.result.fittedvalues).mean()
    assert row["mean_usd"] == pytest.approx(row["median_usd"] * factor)


def test_cost_per_person_is_the_amount_over_the_people(cases):
    model = fit_impact(cases)
    sizes = [1e3, 1e6]
    amounts = model.predict(sizes, kind="state_ag_penalty")
    per_person = model.cost_per_person(sizes, kind="state_ag_penalty")
    assert (per_person["high_usd_per_person"] * sizes).tolist() == pytest.approx(
        amounts["high_usd"].tolist()
    )
    assert per_person["median_usd_per_person"].is_monotonic_decreasing


def test_domain_is_that_of_the_kind(cases):
    model = fit_impact(cases)
    low, high = model.people_range("state_ag_penalty")
    asked = [low / 2, low, high, 2 * high]
    flags = model.predict(asked, kind="state_ag_penalty")["outside_domain"]
    assert flags.tolist() == [True, False, False, True]


def test_elasticity_is_far_from_one_in_every_kind_that_can_tell(cases):
    by_kind = elasticity_by_kind(cases).set_index("kind")
    assert (by_kind.loc[[*KINDS, "pooled"], "high"] < 1).all()
    assert (by_kind.loc[[*KINDS, "pooled"], "p_value_of_one"] < 1e-5).all()
    # Six cases cannot tell: the interval holds 0 and 1.
    assert by_kind.loc["disclosed_direct_cost", ["low", "high"]].tolist() == [
        pytest.approx(-0.44, abs=0.01),
        pytest.approx(1.03, abs=0.01),
    ]


def test_model_counts_its_amounts_and_incidents(cases):
    model = fit_impact(cases)
    assert isinstance(model, ImpactModel)
    assert (model.n, model.n_incidents) == (197, 169)


def test_p_value_is_that_of_the_interval_that_ends_at_one(rng):
    model = fit_impact(simulated(60, elasticity=0.9, sd=2.0, rng=rng))
    slope = model.elasticity(confidence_level=1 - model.p_value())
    end = slope.high if slope.value < 1 else slope.low
    assert end == pytest.approx(1)


def test_methods_agree_on_exact_data(rng):
    cases = simulated(80, elasticity=0.4, sd=0.01, rng=rng)
    table = compare_methods(cases)
    assert table["elasticity"].to_numpy() == pytest.approx(0.4, abs=0.01)
    # One amount for each incident: an effect of the incident cannot be told.
    assert "random effect of incident" not in set(table["method"])


def test_methods_on_the_real_cases_all_stay_below_one(cases):
    methods = compare_methods(cases).set_index("method")
    assert methods["elasticity"].between(0.15, 0.35).all()
    assert (methods["high"] < 0.5).all()
    assert (
        methods.loc["quantile 0.1", "elasticity"]
        > (methods.loc["quantile 0.9", "elasticity"])
    )


def test_no_choice_of_rows_reaches_one(table):
    variants = sensitivity(table)
    assert (variants["high"] < 0.5).all()
    assert (variants["low"] > 0).all()
    lowest, highest = variants["elasticity"].iloc[-2:]
    assert lowest < variants["elasticity"].iloc[0] < highest


def test_prediction_intervals_cover_what_was_left_out(cases, left_out):
    assert len(left_out) == len(cases)
    assert 0.90 <= left_out["covered"].mean() <= 0.98


def test_narrower_intervals_cover_less(cases, left_out):
    half = leave_one_incident_out(cases.head(60), confidence_level=0.5)
    assert half["covered"].mean() < 0.75 < left_out["covered"].mean()


def test_effect_of_a_kind_of_data_is_found_where_there_is_one(rng):
    cases = simulated(120, elasticity=0.3, sd=0.3, rng=rng)
    has = rng.random(len(cases)) < 0.5
    cases["amount_usd"] *= np.where(has, 3, 1)
    cases["data_categories"] = np.where(has, "ssn|diagnosis", "diagnosis")
    effects = data_kind_effects(cases, kinds_of_data=["ssn"]).set_index("kind_of_data")
    ssn = effects.loc["ssn"]
    assert ssn["low"] < 3 < ssn["high"]
    assert ssn["low"] > 2
    assert effects.loc["one kind more", "ratio"] == pytest.approx(ssn["ratio"])


def test_kinds_too_rare_to_tell_get_no_number(cases):
    effects = data_kind_effects(cases).set_index("kind_of_data")
    rare = effects.loc[["mental_health", "genetic"]]
    assert not rare["estimable"].any()
    assert rare[["ratio", "low", "high"]].isna().all(axis=None)
    # Where an estimate can be had, none differs from no effect.
    known = effects[effects["estimable"]]
    assert ((known["low"] < 1) & (known["high"] > 1)).all()
    assert known["n"].eq(175).all()


def test_refusals_name_the_allowed_and_the_received(cases, rng):
    with pytest.raises(DataError, match="missing: incident_id"):
        fit_impact(cases.drop(columns="incident_id"))
    with pytest.raises(DataError, match="got 1 of"):
        fit_impact(cases.assign(amount_usd=[0, *cases["amount_usd"][1:]]))
    with pytest.raises(ParameterError, match="kinds must be one of"):
        fit_impact(cases, kinds=["fine"])
    with pytest.raises(FitError, match="at least 5 incidents"):
        fit_impact(cases.head(4))
    with pytest.raises(FitError, match="must vary"):
        fit_impact(cases.assign(individuals_affected=1_000))
    with pytest.raises(FitError, match="do not determine"):
        data_kind_effects(cases.assign(data_categories="ssn"), kinds_of_data=[])
    model = fit_impact(cases)
    with pytest.raises(ParameterError, match="above 0"):
        model.predict([0], kind="ocr_penalty")
    with pytest.raises(ParameterError, match="kind must be one of"):
        model.predict([1e3])
    with pytest.raises(ParameterError, match="min_cases"):
        data_kind_effects(cases, min_cases=1)
