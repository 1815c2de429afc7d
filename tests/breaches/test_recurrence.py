"""Years between breaches and counts of large ones: by hand, limits, bad input."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from twinprivacy.breaches import (
    FrequencyModel,
    SizeModel,
    fit_frequency,
    fit_size,
    predict_exceedances,
    return_period,
)
from twinprivacy.errors import ParameterError

YEARS = range(2010, 2020)


@pytest.fixture(scope="module")
def size_model() -> SizeModel:
    sizes = np.random.default_rng(1_954).pareto(1.0, 900) * 1_000 + 1_000
    return fit_size(sizes, family="pareto", lower=1_000)


@pytest.fixture(scope="module")
def frequency_model() -> FrequencyModel:
    counts = pd.Series(
        [80, 95, 85, 102, 110, 99, 120, 131, 118, 140], index=list(YEARS)
    )
    return fit_frequency(counts, family="poisson", trend=True)


def test_return_period_by_hand() -> None:
    # 4 breaches a year of at least 1,000 people; one breach of e times as many gives
    # an index of 1, so P(X >= 8,000) = 1/8 and one in 8 / 4 = 2 years.
    size = fit_size([1_000 * np.e], family="pareto", lower=1_000)
    frequency = fit_frequency(pd.Series([3, 5], index=[1, 2]), family="poisson")
    period = return_period(size, frequency, 8_000, year=3)
    assert period.value == pytest.approx(2, rel=1e-7)
    # log T = log 8 - log mu; the index has a relative error of 1 (one breach), the
    # rate one of 1/sqrt(8) (eight breaches).
    width = stats.norm.ppf(0.975) * np.hypot(np.log(8), 1 / np.sqrt(8))
    assert period.low == pytest.approx(2 * np.exp(-width), rel=1e-5)
    assert period.high == pytest.approx(2 * np.exp(width), rel=1e-5)
    assert period.n == 1


def test_return_period_at_the_threshold_is_that_of_any_breach(
    size_model: SizeModel, frequency_model: FrequencyModel
) -> None:
    period = return_period(size_model, frequency_model, 1_000, year=2020)
    rate = frequency_model.expected(2020)
    assert period.value == pytest.approx(1 / rate.value)
    assert period.low == pytest.approx(1 / rate.high)
    assert period.high == pytest.approx(1 / rate.low)


def test_return_period_of_a_negative_binomial_uses_its_wider_factor(
    size_model: SizeModel,
) -> None:
    counts = pd.Series([50, 95, 20, 170], index=range(2010, 2014))
    model = fit_frequency(counts, family="negative_binomial")
    period = return_period(size_model, model, 1_000, year=2014)
    rate = model.expected(2014)
    assert period.low == pytest.approx(1 / rate.high)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.floats(1_000, 1e9), st.floats(1.01, 10))
def test_larger_breaches_are_rarer(
    size_model: SizeModel, frequency_model: FrequencyModel, x: float, factor: float
) -> None:
    here = return_period(size_model, frequency_model, x, year=2020)
    there = return_period(size_model, frequency_model, factor * x, year=2020)
    assert there.value > here.value
    assert here.low <= here.value <= here.high
    wide = return_period(
        size_model, frequency_model, x, year=2020, confidence_level=0.99
    )
    assert wide.low <= here.low
    assert wide.high >= here.high


def test_expected_exceedances_are_rate_times_share(
    size_model: SizeModel, frequency_model: FrequencyModel, rng: np.random.Generator
) -> None:
    thresholds = [1_000, 1e4, 1e6]
    table = predict_exceedances(
        size_model, frequency_model, thresholds, years=range(2020, 2023), rng=rng
    )
    rate = sum(frequency_model.expected(year).value for year in (2020, 2021, 2022))
    expected = rate * size_model.survival(thresholds)
    np.testing.assert_allclose(table["expected"], expected)
    assert (table["low"] <= table["expected"]).all()
    assert (table["expected"] <= table["high"]).all()
    assert table["n_individuals"].tolist() == thresholds


def test_one_year_at_the_threshold_is_the_prediction_interval(
    size_model: SizeModel, frequency_model: FrequencyModel, rng: np.random.Generator
) -> None:
    table = predict_exceedances(
        size_model,
        frequency_model,
        [1_000],
        years=range(2020, 2021),
        rng=rng,
        n_draws=100_000,
    )
    interval = frequency_model.prediction_interval(2020)
    assert table.loc[0, "low"] == pytest.approx(interval.low, abs=1)
    assert table.loc[0, "high"] == pytest.approx(interval.high, abs=1)


def test_exceedances_same_seed_same_answer_and_wider_at_a_higher_level(
    size_model: SizeModel, frequency_model: FrequencyModel
) -> None:
    tables = [
        predict_exceedances(
            size_model,
            frequency_model,
            [1e4, 1e5],
            years=range(2020, 2025),
            rng=np.random.default_rng(8),
            confidence_level=level,
        )
        for level in (0.9, 0.9, 0.99)
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert (tables[2]["low"] <= tables[0]["low"]).all()
    assert (tables[2]["high"] >= tables[0]["high"]).all()


def test_return_period_refuses(
    size_model: SizeModel, frequency_model: FrequencyModel
) -> None:
    message = (
        "x must lie between the size model's lower = 1000 and its upper = inf; got 999"
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        return_period(size_model, frequency_model, 999, year=2020)
    capped = fit_size(
        [1_200, 1_900, 7_000], family="truncated_pareto", lower=1_000, upper=9_000
    )
    message = (
        "x must lie between the size model's lower = 1000 and its upper = 9000; got "
        "9000"
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        return_period(capped, frequency_model, 9_000, year=2020)
    with pytest.raises(
        ParameterError, match=r"^x must be finite and above 0; got nan$"
    ):
        return_period(size_model, frequency_model, np.nan, year=2020)
    message = r"^confidence_level must lie strictly in \(0, 1\); got 0$"
    with pytest.raises(ParameterError, match=message):
        return_period(size_model, frequency_model, 2e3, year=2020, confidence_level=0)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"n_draws": 99},
            "n_draws must be a whole number of 100 or more; got 99",
        ),
        (
            {"years": range(0)},
            "number of years must be a whole number of 1 or more; got 0",
        ),
        (
            {"thresholds": [2_000, 900]},
            "thresholds must be at least the size model's lower = 1000; got 900",
        ),
        ({"rng": 7}, "rng must be a numpy.random.Generator; got int"),
        (
            {"confidence_level": 95},
            "confidence_level must lie strictly in (0, 1); got 95",
        ),
    ],
)
def test_prediction_refuses(
    size_model: SizeModel,
    frequency_model: FrequencyModel,
    changed: dict[str, object],
    message: str,
    rng: np.random.Generator,
) -> None:
    arguments = {"thresholds": [2_000], "years": range(2020, 2021), "rng": rng}
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        predict_exceedances(size_model, frequency_model, **{**arguments, **changed})
