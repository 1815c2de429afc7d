"""The share of breaches that is ever paid for, and the expected payment."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from twinprivacy import datasets
from twinprivacy.breaches import (
    PenaltyModel,
    SizeBins,
    expected_penalty,
    fit_impact,
    fit_penalty_probability,
    penalty_shares,
    size_bins,
    usable_cases,
)
from twinprivacy.errors import FitError, ParameterError

YEARS = range(2009, 2019)


@pytest.fixture(scope="module")
def reports():
    table = datasets.load("ocr_binned_sizes")
    return size_bins(table, years=YEARS, drop_placeholder_bin=False)


@pytest.fixture(scope="module")
def cases():
    table = usable_cases(datasets.load("health_breach_impacts"))
    years = table["incident_year"].isin(list(YEARS))
    return table[(table["impact_kind"] == "ocr_penalty") & years]


def simulated(rng, *, intercept=-8.0, slope=1.2, each=400):
    """Draw reports in bins of exact size and pay for them by the logistic law."""
    starts = 500 * 10 ** (np.arange(40) / 10)
    bins = np.column_stack([starts, np.append(starts[1:], starts[-1] * 1.2)])
    counts = np.full(40, float(each))
    paid = rng.binomial(each, expit(intercept + slope * np.log10(starts)))
    sizes = np.repeat(starts, paid)
    cases = pd.DataFrame(
        {"individuals_affected": sizes, "incident_id": np.arange(len(sizes))}
    )
    return cases, SizeBins(bins, counts, counts * starts, 500)


def test_logistic_law_is_recovered(rng):
    for stream in rng.spawn(3):
        model = fit_penalty_probability(*simulated(stream))
        error = np.sqrt(np.diag(model.covariance))
        assert abs(model.intercept + 8) < 3.5 * error[0]
        assert abs(model.slope - 1.2) < 3.5 * error[1]
        assert model.n_reports == 16_000


def test_probability_is_the_logistic_function():
    model = PenaltyModel(-8.0, 2.0, np.diag([0.04, 0.0]), n_reports=100, n_paid=5)
    row = model.probability([1e4], confidence_level=0.95).iloc[0]
    assert row["probability"] == pytest.approx(0.5)
    # Log-odds 0 with standard error 0.2.
    assert row["low"] == pytest.approx(expit(-1.96 * 0.2), abs=1e-4)
    assert row["high"] == pytest.approx(expit(1.96 * 0.2), abs=1e-4)


def test_shares_are_counts_over_counts(cases, reports):
    edges = [500, 5_000, 50_000, 500_000]
    shares = penalty_shares(cases, reports, edges=edges)
    assert shares["n_reports"].sum() == reports.counts.sum()
    assert (shares["share"] * shares["n_reports"]).tolist() == pytest.approx(
        shares["n_paid"].tolist()
    )
    inside = cases["individuals_affected"] >= 500
    assert shares["n_paid"].sum() == cases.loc[inside, "incident_id"].nunique()


def test_model_follows_the_shares(cases, reports):
    shares = penalty_shares(cases, reports, edges=[500, 5_000, 50_000, 500_000])
    model = fit_penalty_probability(cases, reports)
    for row in shares.itertuples():
        inside = (reports.bins[:, 0] >= row.size_low) & (
            reports.bins[:, 0] < row.size_high
        )
        people = reports.totals[inside] / reports.counts[inside]
        chance = model.probability(people)["probability"]
        expected = np.average(chance, weights=reports.counts[inside])
        assert row.low < expected < row.high


def test_larger_breaches_are_penalised_more_often(cases, reports):
    model = fit_penalty_probability(cases, reports)
    chance = model.probability([1e3, 1e4, 1e5, 1e6])
    assert chance["probability"].is_monotonic_increasing
    assert chance["high"].iloc[0] < chance["low"].iloc[-1]


def test_expected_penalty_is_the_product(cases, reports):
    model = fit_penalty_probability(cases, reports)
    amounts = fit_impact(cases)
    expected = expected_penalty(model, amounts, [1e4, 1e6])
    product = expected["probability"] * expected["paid_mean_usd"]
    assert expected["expected_usd"].tolist() == pytest.approx(product.tolist())
    law = amounts.predict([1e4, 1e6])["median_usd"] * np.exp(amounts.residual_sd**2 / 2)
    assert expected["paid_mean_usd"].tolist() == pytest.approx(law.tolist())


def test_elasticity_is_the_slope_of_the_expected_amount(cases, reports):
    model = fit_penalty_probability(cases, reports)
    amounts = fit_impact(cases)
    step = 1.0001
    pair = expected_penalty(model, amounts, [1e5 / step, 1e5, 1e5 * step])
    slope = np.log(pair["expected_usd"].iloc[2] / pair["expected_usd"].iloc[0]) / (
        2 * np.log(step)
    )
    assert pair["elasticity"].iloc[1] == pytest.approx(slope, rel=1e-6)
    # Before anyone knows whether it is paid for, people count more than after.
    assert pair["elasticity_low"].iloc[1] > amounts.elasticity().high
    assert pair["elasticity_high"].iloc[1] < 1


def test_interval_covers_the_true_expected_amount(rng):
    true = expit(-8 + 1.2 * 5) * np.exp(10 + 0.3 * np.log(1e5) + 0.8**2 / 2)
    hits = 0
    for stream in rng.spawn(40):
        cases, reports = simulated(stream, each=40)
        noise = stream.normal(0, 0.8, len(cases))
        amounts = np.exp(10 + 0.3 * np.log(cases["individuals_affected"]) + noise)
        cases = cases.assign(amount_usd=amounts, impact_kind="ocr_penalty")
        model = fit_penalty_probability(cases, reports)
        row = expected_penalty(model, fit_impact(cases), [1e5]).iloc[0]
        hits += row["low_usd"] <= true <= row["high_usd"]
    assert hits >= 33  # 40 draws at 95 %: fewer than 33 has probability below 0.001


def test_refusals(cases, reports):
    with pytest.raises(FitError, match="at least 5 incidents"):
        fit_penalty_probability(cases.head(2), reports)
    few = SizeBins(reports.bins, np.ones_like(reports.counts), reports.totals, 500)
    with pytest.raises(ParameterError, match="hold fewer"):
        fit_penalty_probability(cases, few)
    with pytest.raises(ParameterError, match="within a bin"):
        penalty_shares(cases, reports, edges=[500, 600])
    model = fit_penalty_probability(cases, reports)
    with pytest.raises(ParameterError, match="above 0"):
        model.probability([-1])
    with pytest.raises(ParameterError, match="confidence_level"):
        model.probability([1e3], confidence_level=1.5)
