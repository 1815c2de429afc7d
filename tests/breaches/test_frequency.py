"""Counts a year: against statsmodels and scipy, by hand, and bad input."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from twinprivacy.breaches import fit_frequency, overdispersion_test
from twinprivacy.errors import FitError, ParameterError

YEARS = range(2010, 2020)
SCATTERED = [199, 200, 218, 277, 314, 270, 328, 358, 369, 511]
NAN, INF = np.nan, np.inf
quick = settings(derandomize=True, max_examples=25, deadline=None)


def series(values: list[float], start: int = 2010) -> pd.Series:
    return pd.Series(values, index=range(start, start + len(values)))


@pytest.fixture
def counts() -> pd.Series:
    return series(SCATTERED)


# Oracles: statsmodels' other routes to the same likelihoods.


def test_poisson_is_statsmodels_discrete_fit(counts: pd.Series) -> None:
    from statsmodels.api import Poisson, add_constant

    times = add_constant(np.arange(10) - 4.5)
    oracle = Poisson(counts.to_numpy(), times).fit(disp=0)
    model = fit_frequency(counts, family="poisson", trend=True)
    np.testing.assert_allclose(model.coefficients, oracle.params, rtol=1e-7)
    np.testing.assert_allclose(model.covariance, oracle.cov_params(), rtol=1e-6)
    assert model.log_likelihood == pytest.approx(oracle.llf, rel=1e-9)
    assert model.aic == pytest.approx(oracle.aic, rel=1e-9)


@pytest.mark.parametrize("trend", [False, True])
def test_negative_binomial_is_statsmodels_discrete_fit(
    counts: pd.Series, trend: bool
) -> None:
    from statsmodels.api import NegativeBinomial

    times = np.column_stack([np.ones(10), np.arange(10) - 4.5])[:, : 1 + trend]
    start = np.array([5.7, 0.1, 0.02]) if trend else np.array([5.7, 0.08])
    oracle = NegativeBinomial(counts.to_numpy(), times).fit(
        start_params=start, method="nm", maxiter=9_000, disp=0, xtol=1e-10, ftol=1e-12
    )
    model = fit_frequency(counts, family="negative_binomial", trend=trend)
    np.testing.assert_allclose(model.coefficients, oracle.params[:-1], rtol=1e-5)
    assert model.dispersion == pytest.approx(oracle.params[-1], rel=1e-4)
    assert model.log_likelihood == pytest.approx(oracle.llf, abs=1e-7)
    # The coefficients and the dispersion are orthogonal only in expectation.
    oracle_errors = np.sqrt(np.diag(oracle.cov_params()))[:-1]
    errors = np.sqrt(np.diag(model.covariance))
    np.testing.assert_allclose(errors, oracle_errors, rtol=0.05)


# By hand.


def test_poisson_without_trend_is_the_mean() -> None:
    # Mean (2 + 4 + 6) / 3 = 4; the log of a Poisson mean has variance 1 / sum = 1 / 12.
    model = fit_frequency(series([2, 4, 6]), family="poisson")
    z = stats.norm.ppf(0.975)
    estimate = model.expected(2030)
    assert estimate.value == pytest.approx(4)
    assert estimate.low == pytest.approx(4 * np.exp(-z / np.sqrt(12)))
    assert estimate.high == pytest.approx(4 * np.exp(z / np.sqrt(12)))
    assert estimate.n == 3
    logs = stats.poisson.logpmf([2, 4, 6], 4).sum()
    assert model.log_likelihood == pytest.approx(logs)
    assert model.aic == pytest.approx(2 - 2 * logs)


def test_doubling_counts_grow_by_100_percent() -> None:
    model = fit_frequency(series([5, 10, 20, 40]), family="poisson", trend=True)
    assert model.growth().value == pytest.approx(1)
    assert model.expected(2014).value == pytest.approx(80)


def test_equal_counts_have_no_dispersion() -> None:
    model = fit_frequency(series([7, 7, 7, 7]), family="negative_binomial")
    assert model.dispersion == 0
    assert model.expected(2014).value == pytest.approx(7)
    poisson = fit_frequency(series([7, 7, 7, 7]), family="poisson")
    assert model.log_likelihood == pytest.approx(poisson.log_likelihood)
    assert model.aic == pytest.approx(poisson.aic + 2)


def test_negative_binomial_intervals_use_student_and_the_corrected_variance(
    counts: pd.Series,
) -> None:
    model = fit_frequency(counts, family="negative_binomial", trend=True)
    # 10 years and 2 coefficients leave 8 degrees of freedom; variances grow by 10/8.
    factor = np.sqrt(10 / 8) * stats.t.ppf(0.95, 8)
    assert model.interval_factor(0.9) == pytest.approx(factor)
    middle, error = model.log_expected(2020)
    estimate = model.expected(2020, confidence_level=0.9)
    assert estimate.high == pytest.approx(np.exp(middle + factor * error))
    poisson = fit_frequency(counts, family="poisson", trend=True)
    assert poisson.interval_factor(0.9) == pytest.approx(stats.norm.ppf(0.95))


# Prediction.


def test_prediction_of_a_well_known_poisson_mean_is_its_quantiles() -> None:
    # 400 years with mean 9: the mean is known to 3 / sqrt(400) = 0.15.
    model = fit_frequency(series([9] * 400, 1600), family="poisson")
    interval = model.prediction_interval(2000)
    expected = stats.poisson.ppf([0.5, 0.025, 0.975], 9)
    assert [interval.value, interval.low, interval.high] == expected.tolist()


@pytest.mark.parametrize("family", ["poisson", "negative_binomial"])
def test_prediction_agrees_with_simulation(
    counts: pd.Series, family: str, rng: np.random.Generator
) -> None:
    model = fit_frequency(counts, family=family, trend=True)
    drawn = model.simulate([2021], 200_000, rng=rng)
    interval = model.prediction_interval(2021, confidence_level=0.9)
    expected = np.quantile(drawn, [0.5, 0.05, 0.95])
    found = [interval.value, interval.low, interval.high]
    np.testing.assert_allclose(found, expected, rtol=0.01)


def test_one_draw_of_the_parameters_serves_all_years(
    counts: pd.Series, rng: np.random.Generator
) -> None:
    model = fit_frequency(counts, family="poisson", trend=True)
    drawn = model.simulate([2030, 2031], 20_000, rng=rng)
    assert drawn.shape == (20_000, 2)
    # Far ahead the common slope dominates the scatter of single years.
    assert np.corrcoef(drawn.T)[0, 1] > 0.5


def test_three_years_and_a_trend_predict_without_a_bound() -> None:
    model = fit_frequency(series([5, 50, 6]), family="negative_binomial", trend=True)
    interval = model.prediction_interval(2030)
    assert interval.low == 0
    assert interval.high == INF


# Overdispersion.


def test_overdispersion_by_hand() -> None:
    # Mean 6; Pearson's sum is (16 + 0 + 16) / 6 over 2 degrees of freedom.
    test = overdispersion_test(series([2, 6, 10]))
    assert test["pearson_ratio"] == pytest.approx((16 + 0 + 16) / 6 / 2)
    negative = fit_frequency(series([2, 6, 10]), family="negative_binomial")
    poisson = stats.poisson.logpmf([2, 6, 10], 6).sum()
    ratio = 2 * (negative.log_likelihood - poisson)
    assert test["likelihood_ratio"] == pytest.approx(ratio)
    assert test["p_value"] == pytest.approx(stats.chi2.sf(ratio, 1) / 2)


def test_counts_that_scatter_less_than_poisson_show_no_overdispersion() -> None:
    test = overdispersion_test(series([50, 51, 49, 50, 50]))
    assert test["likelihood_ratio"] == 0
    assert test["p_value"] == 1


def test_overdispersion_is_found_at_its_level(rng: np.random.Generator) -> None:
    # Under Poisson the test at 5 % rejects at most 5 % of the time, and not never.
    found = [
        overdispersion_test(series(list(rng.poisson(200, size=15))))["p_value"] < 0.05
        for _ in range(300)
    ]
    assert 0.005 < np.mean(found) < 0.08


# Properties.

yearly = st.lists(st.integers(1, 900), min_size=5, max_size=15)


@quick
@given(yearly, st.sampled_from(["poisson", "negative_binomial"]), st.randoms())
def test_order_of_years_does_not_matter(values: list[int], family: str, random) -> None:
    counts = series(values)
    years = list(counts.index)
    random.shuffle(years)
    first = fit_frequency(counts, family=family, trend=True)
    second = fit_frequency(counts[years], family=family, trend=True)
    np.testing.assert_allclose(
        second.coefficients, first.coefficients, rtol=1e-6, atol=1e-8
    )
    assert second.log_likelihood == pytest.approx(first.log_likelihood, abs=1e-6)


@quick
@given(yearly, st.sampled_from(["poisson", "negative_binomial"]), st.booleans())
def test_intervals_hold_their_value_and_widen_with_the_level(
    values: list[int], family: str, trend: bool
) -> None:
    model = fit_frequency(series(values), family=family, trend=trend)
    year = 2010 + len(values)
    for ask in (model.expected, model.prediction_interval):
        narrow, wide = (ask(year, confidence_level=level) for level in (0.5, 0.95))
        assert wide.low <= narrow.low <= narrow.value == wide.value
        assert narrow.value <= narrow.high <= wide.high
    # A single year scatters around its expectation, so its range is the wider one,
    # but for counts so small or so few that whole numbers and Student's t decide.
    if len(values) >= 6 and min(values) >= 10:
        predicted, expected = model.prediction_interval(year), model.expected(year)
        assert predicted.low <= expected.low + 1
        assert predicted.high >= expected.high - 1


@quick
@given(
    st.lists(st.integers(0, 5) | st.integers(0, 10**6), min_size=3, max_size=8),
    st.sampled_from(["poisson", "negative_binomial"]),
    st.booleans(),
)
def test_any_counts_are_fitted_or_refused(
    values: list[int], family: str, trend: bool
) -> None:
    try:
        model = fit_frequency(series(values), family=family, trend=trend)
    except (ParameterError, FitError):
        assert np.count_nonzero(values) < 2
        return
    predicted = model.prediction_interval(2010 + len(values))
    assert 0 <= predicted.low <= predicted.value <= predicted.high
    assert model.dispersion >= 0


def test_same_seed_same_counts(counts: pd.Series) -> None:
    model = fit_frequency(counts, family="negative_binomial", trend=True)
    first, second = (
        model.simulate([2020], 50, rng=np.random.default_rng(5)) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    assert (first == np.floor(first)).all()


# Bad input.

NOT_WHOLE = (
    "counts must be whole numbers of at least 0, not all 0; got {} that are not, and a "
    "sum of {}"
)


@pytest.mark.parametrize(
    ("counts", "arguments", "message"),
    [
        (series([3, 2.5, 4]), {}, NOT_WHOLE.format(1, "9.5")),
        (series([3, -2, 4]), {}, NOT_WHOLE.format(1, "5")),
        (
            series([3, -2, NAN, INF]),
            {},
            "counts must be finite; got 2 of 4 missing or infinite",
        ),
        (series([0, 0, 0]), {}, NOT_WHOLE.format(0, "0")),
        (
            series([3]),
            {},
            "counts must hold at least 2 different years; got 1 entries for 1 years",
        ),
        (
            series([]),
            {},
            "counts must hold at least 2 different years; got 0 entries for 0 years",
        ),
        (
            series([3, 4]),
            {"trend": True},
            "counts must hold at least 3 different years; got 2 entries for 2 years",
        ),
        (
            pd.Series([3, 4, 5], index=[2010, 2011, 2011]),
            {},
            "counts must hold at least 2 different years; got 3 entries for 2 years",
        ),
        ([3, 4, 5], {}, "counts must be a pandas.Series; got list"),
        (
            pd.Series([3, 4], index=["a", "b"]),
            {},
            "years of counts must hold numbers only; got others",
        ),
        (
            series([3, 4]),
            {"family": "binomial"},
            "family must be one of 'poisson', 'negative_binomial'; got 'binomial'",
        ),
    ],
)
def test_fit_refuses(
    counts: pd.Series, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        fit_frequency(counts, **{"family": "poisson", **arguments})


@pytest.mark.parametrize("family", ["poisson", "negative_binomial"])
@pytest.mark.parametrize("values", [[0, 0, 0, 5], [5, 0, 0, 0]])
def test_breaches_in_one_outer_year_have_no_trend(
    family: str, values: list[int]
) -> None:
    message = (
        "counts must be above 0 in more than the first or the last year to determine a "
        "trend; got 1 of 4 years above 0"
    )
    with pytest.raises(FitError, match=f"^{message}$"):
        fit_frequency(series(values), family=family, trend=True)
    assert fit_frequency(series(values), family=family).expected(2014).value > 0


def test_growth_needs_a_trend(counts: pd.Series) -> None:
    model = fit_frequency(counts, family="poisson")
    message = r"^trend must be True for a growth rate; got False$"
    with pytest.raises(ParameterError, match=message):
        model.growth()


def test_questions_outside_the_range(counts: pd.Series) -> None:
    model = fit_frequency(counts, family="poisson", trend=True)
    level = r"^confidence_level must lie strictly in \(0, 1\); got 95$"
    for ask in (model.expected, model.prediction_interval):
        with pytest.raises(ParameterError, match=level):
            ask(2020, confidence_level=95)
    with pytest.raises(ParameterError, match=level):
        model.growth(confidence_level=95)
    message = r"^rng must be a numpy.random.Generator; got int$"
    with pytest.raises(ParameterError, match=message):
        model.simulate([2020], 3, rng=7)  # type: ignore[arg-type]
