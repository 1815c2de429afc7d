"""Laws of breach sizes: against scipy, by hand, in their limits, and bad input."""

import re

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from twinprivacy.breaches import SizeModel, fit_size
from twinprivacy.breaches.size import _log_likelihoods
from twinprivacy.errors import FitError, ParameterError

LOWER = 500.0
FAMILIES = ("lognormal", "pareto", "truncated_pareto", "generalised_pareto")
POINTS = np.array([500.0, 501, 900, 1e4, 3e5, 8e6])
quick = settings(derandomize=True, max_examples=30, deadline=None)


def law(
    family: str, *theta: float, lower: float = LOWER, upper: float = np.inf
) -> SizeModel:
    """Build a law with known parameters, on the fitted scale."""
    return SizeModel(
        family=family,
        theta=np.array(theta),
        covariance=0.01 * np.eye(len(theta)),
        lower=lower,
        upper=upper,
        n=100,
        n_parameters=len(theta),
        log_likelihood=0.0,
    )


def parameters_of(model: SizeModel) -> dict[str, float]:
    table = model.summary()
    return dict(zip(table["parameter"], table["value"], strict=True))


def log_density(model: SizeModel, x: npt.NDArray[np.float64]) -> object:
    return _log_likelihoods(model, np.asarray(x)[:, None])


def lognormal_sizes(n: int, rng: np.random.Generator, theta: float = 0.6) -> object:
    """Draw sizes of at least LOWER with mu = 8 and log sigma = theta."""
    sigma = np.exp(theta)
    logs = stats.truncnorm((np.log(LOWER) - 8) / sigma, np.inf, 8, sigma)
    return np.maximum(np.exp(logs.ppf(rng.uniform(size=n))), LOWER)


def agree(model: SizeModel, oracle: object, of: object = None) -> None:
    """Hold density and survival against a distribution of scipy.

    `of` turns sizes into that distribution's variable, (forward, Jacobian).
    """
    forward, log_jacobian = of or (lambda x: x, lambda x: np.zeros_like(x))
    x = POINTS[model.upper > POINTS]
    np.testing.assert_allclose(
        model.survival(x), oracle.sf(forward(x)), rtol=1e-9, atol=1e-300
    )
    np.testing.assert_allclose(
        log_density(model, x), oracle.logpdf(forward(x)) + log_jacobian(x), rtol=1e-9
    )


# Oracles: the same laws in scipy.stats.


def test_lognormal_is_scipys_truncated_normal_of_the_logarithms() -> None:
    mu, sigma = 8.0, 2.0
    for upper in (np.inf, 1e7):
        a, b = (np.log(LOWER) - mu) / sigma, (np.log(upper) - mu) / sigma
        agree(
            law("lognormal", mu, np.log(sigma), upper=upper),
            stats.truncnorm(a, b, loc=mu, scale=sigma),
            (np.log, lambda x: -np.log(x)),
        )


def test_lognormal_with_a_tiny_threshold_is_scipys_lognormal() -> None:
    model = law("lognormal", 8.0, np.log(2.0), lower=1e-9)
    agree(model, stats.lognorm(2.0, scale=np.exp(8.0)))


def test_pareto_is_scipys_pareto() -> None:
    agree(law("pareto", np.log(0.7)), stats.pareto(0.7, scale=LOWER))


def test_truncated_pareto_is_scipys_truncpareto() -> None:
    model = law("truncated_pareto", np.log(0.7), upper=2e6)
    agree(model, stats.truncpareto(0.7, 2e6 / LOWER, scale=LOWER))


@pytest.mark.parametrize("xi", [-0.3, -0.00001, 0.0, 0.00001, 0.4, 1.5])
def test_generalised_pareto_is_scipys_genpareto(xi: float) -> None:
    model = law("generalised_pareto", xi, np.log(3e6))
    oracle = stats.genpareto(xi, loc=LOWER, scale=3e6)
    # scipy's density loses digits near xi = 0, so the tolerance is wider than above.
    x = POINTS
    np.testing.assert_allclose(model.survival(x), oracle.sf(x), rtol=1e-9)
    np.testing.assert_allclose(log_density(model, x), oracle.logpdf(x), rtol=1e-8)


# Oracles: fitted parameters.


@pytest.fixture(scope="module")
def sizes() -> npt.NDArray[np.float64]:
    return lognormal_sizes(800, np.random.default_rng(1_901), np.log(2.0))


def test_pareto_fit_is_the_closed_form_of_hill(sizes: npt.NDArray[np.float64]) -> None:
    model = fit_size(sizes, family="pareto")
    alpha = len(sizes) / np.log(sizes / LOWER).sum()
    assert parameters_of(model)["tail_index"] == pytest.approx(alpha, rel=1e-8)
    assert parameters_of(model)["tail_index"] == pytest.approx(
        stats.pareto.fit(sizes, floc=0, fscale=LOWER)[0], rel=1e-8
    )
    # The information of n sizes about log(alpha) is n.
    error = model.summary().loc[0, "standard_error"]
    assert error == pytest.approx(alpha / np.sqrt(len(sizes)), rel=1e-5)


def test_pareto_by_hand() -> None:
    # log(1000/500) + log(2000/500) + log(4000/500) = (1 + 2 + 3) log 2
    model = fit_size([1_000, 2_000, 4_000], family="pareto")
    alpha = 3 / (6 * np.log(2))
    assert parameters_of(model)["tail_index"] == pytest.approx(alpha, rel=1e-9)
    logs = np.log([1_000, 2_000, 4_000])
    expected = (np.log(alpha) + alpha * np.log(500) - (alpha + 1) * logs).sum()
    assert model.log_likelihood == pytest.approx(expected, rel=1e-12)
    assert model.aic == pytest.approx(2 - 2 * expected, rel=1e-12)


def test_generalised_pareto_fit_is_scipys(sizes: npt.NDArray[np.float64]) -> None:
    model = fit_size(sizes, family="generalised_pareto")
    xi, _, scale = stats.genpareto.fit(
        sizes, 1.0, floc=LOWER, scale=2_000, optimizer=_careful
    )
    assert parameters_of(model)["xi"] == pytest.approx(xi, rel=1e-5)
    assert parameters_of(model)["scale"] == pytest.approx(scale, rel=1e-5)
    best = stats.genpareto(xi, LOWER, scale).logpdf(sizes).sum()
    assert model.log_likelihood == pytest.approx(best, abs=1e-6)


def test_truncated_pareto_fit_is_the_root_of_its_score(
    sizes: npt.NDArray[np.float64],
) -> None:
    # Aban, Meerschaert and Panorska (2006), doi:10.1198/016214505000000411, eq. 2.6:
    # n/a + n r^a log(r) / (1 - r^a) - sum(log(x/lower)) = 0, with r = lower/upper.
    model = fit_size(sizes, family="truncated_pareto")
    alpha, ratio = parameters_of(model)["tail_index"], LOWER / sizes.max()
    n = len(sizes)
    score = n / alpha + n * ratio**alpha * np.log(ratio) / (1 - ratio**alpha)
    assert score == pytest.approx(np.log(sizes / LOWER).sum(), rel=1e-8)
    assert model.upper == sizes.max()
    assert model.n_parameters == 2


def test_truncated_pareto_fit_is_scipys(sizes: npt.NDArray[np.float64]) -> None:
    upper = 1e9
    model = fit_size(sizes, family="truncated_pareto", upper=upper)
    fitted = stats.truncpareto.fit(
        sizes, 0.5, fc=upper / LOWER, floc=0, fscale=LOWER, optimizer=_careful
    )
    assert parameters_of(model)["tail_index"] == pytest.approx(fitted[0], rel=1e-6)
    assert model.n_parameters == 1


def test_lognormal_fit_beats_scipys_search(sizes: npt.NDArray[np.float64]) -> None:
    # scipy fits truncnorm's own bounds, so its likelihood is searched here directly.
    from scipy.optimize import minimize

    logs = np.log(sizes)

    def loss(theta: npt.NDArray[np.float64]) -> float:
        mu, sigma = theta[0], np.exp(theta[1])
        oracle = stats.truncnorm((np.log(LOWER) - mu) / sigma, np.inf, mu, sigma)
        return -float((oracle.logpdf(logs) - logs).sum())

    options = {"xatol": 1e-10, "fatol": 1e-10, "maxiter": 2_000}
    found = minimize(loss, [7.0, 0.5], method="Nelder-Mead", options=options)
    model = fit_size(sizes, family="lognormal")
    assert model.log_likelihood == pytest.approx(-found.fun, abs=1e-7)
    np.testing.assert_allclose(model.theta, found.x, rtol=1e-5)


def _careful(
    function: object, start: object, args: object = (), disp: int = 0
) -> object:
    from scipy.optimize import fmin

    return fmin(function, start, args=args, disp=disp, xtol=1e-10, ftol=1e-10)


# Limits.


@pytest.mark.parametrize("family", ["lognormal", "generalised_pareto"])
def test_a_ceiling_far_away_changes_nothing(
    family: str, sizes: npt.NDArray[np.float64]
) -> None:
    free = fit_size(sizes, family=family)
    for upper in (np.inf, 1e60):
        capped = fit_size(sizes, family=family, upper=upper)
        np.testing.assert_allclose(capped.theta, free.theta, rtol=1e-7)
        assert capped.log_likelihood == pytest.approx(free.log_likelihood, abs=1e-7)


def test_truncated_pareto_with_a_ceiling_far_away_is_pareto(
    sizes: npt.NDArray[np.float64],
) -> None:
    free = fit_size(sizes, family="pareto")
    capped = fit_size(sizes, family="truncated_pareto", upper=1e60)
    np.testing.assert_allclose(capped.theta, free.theta, rtol=1e-7)


def test_generalised_pareto_with_no_shape_is_exponential() -> None:
    x = POINTS[1:4]
    exponential = stats.expon(loc=LOWER, scale=2_000)
    for xi in (0.0, 1e-12, -1e-12, 1e-8, -1e-8):
        model = law("generalised_pareto", xi, np.log(2_000))
        np.testing.assert_allclose(model.survival(x), exponential.sf(x), rtol=1e-6)


def test_generalised_pareto_of_shape_one_is_pareto_of_index_one() -> None:
    one = law("generalised_pareto", 1.0, np.log(LOWER))
    other = law("pareto", 0.0)
    np.testing.assert_allclose(one.survival(POINTS), other.survival(POINTS), rtol=1e-12)


def test_a_bounded_tail_ends() -> None:
    # xi = -0.5 and scale 1,000 end at 500 + 1000 / 0.5 = 2,500.
    model = law("generalised_pareto", -0.5, np.log(1_000))
    assert model.survival([2_499, 2_500, 9_999])[1:].tolist() == [0, 0]
    none = model.exceedance_probability(3_000)
    assert (none.value, none.low, none.high) == (0, 0, 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_fine_bins_give_the_exact_fit(
    family: str, sizes: npt.NDArray[np.float64]
) -> None:
    upper = 1e9 if family == "truncated_pareto" else None
    exact = fit_size(sizes, family=family, upper=upper)
    distances = []
    for width in (0.3, 0.03, 0.003):
        step = 10**width
        place = np.floor(np.log(sizes / LOWER) / np.log(step))
        bins = LOWER * np.column_stack([step**place, step ** (place + 1)])
        bins[:, 0] = np.maximum(bins[:, 0], LOWER)
        model = fit_size(bins, family=family, upper=upper)
        distances.append(np.abs(model.theta - exact.theta).max())
    assert distances[0] > distances[2]
    assert distances[2] < 0.003


@pytest.mark.parametrize("family", FAMILIES)
def test_the_probabilities_of_bins_sum_to_one(family: str) -> None:
    theta = {"lognormal": (8.0, 0.7), "generalised_pareto": (0.9, 8.0)}
    upper = 1e7 if family == "truncated_pareto" else np.inf
    model = law(family, *theta.get(family, (-0.4,)), upper=upper)
    edges = np.append(LOWER * 10 ** np.linspace(0, 4, 30), upper)
    mass = -np.diff(model.survival(edges))
    assert mass.sum() == pytest.approx(1, abs=1e-12)
    assert (mass > 0).all()


def test_a_threshold_far_in_the_tail_keeps_its_digits() -> None:
    # The threshold lies 40 standard deviations above mu: its survival underflows.
    model = law("lognormal", np.log(LOWER) - 40, 0.0)
    # There the normal tail is exp(-z^2 / 2) / z, so sizes fall as a power of 40.
    x = LOWER * np.exp([1e-4, 1e-3, 0.01])
    z = 40 + np.log(x / LOWER)
    tail = stats.norm.logsf(z) - stats.norm.logsf(40)
    np.testing.assert_allclose(model.survival(x), np.exp(tail), rtol=1e-9)


# Properties.

parameters = {
    "lognormal": st.tuples(st.floats(2, 12), st.floats(-0.5, 1.2)),
    "pareto": st.tuples(st.floats(-1, 1)),
    "truncated_pareto": st.tuples(st.floats(-1, 1)),
    "generalised_pareto": st.tuples(st.floats(-0.4, 1.8), st.floats(5, 10)),
}
laws = st.one_of(
    *(
        st.builds(
            lambda theta, upper, family=family: law(family, *theta, upper=upper),
            theta,
            st.just(np.inf) if family == "pareto" else st.sampled_from([1e7, np.inf]),
        )
        for family, theta in parameters.items()
    )
)


@quick
@given(laws)
def test_survival_falls_from_one_towards_zero(model: SizeModel) -> None:
    survival = model.survival(np.array([1, *POINTS, 1e12]))
    assert survival[0] == survival[1] == 1
    assert (np.diff(survival) <= 0).all()
    assert ((survival >= 0) & (survival <= 1)).all()


@quick
@given(laws, st.floats(500, 1e8))
def test_intervals_hold_their_estimates(model: SizeModel, x: float) -> None:
    tail = model.exceedance_probability(x)
    assert 0 <= tail.low <= tail.value <= tail.high <= 1
    wide = model.exceedance_probability(x, confidence_level=0.99)
    assert wide.low <= tail.low
    assert tail.high <= wide.high


@quick
@given(st.sampled_from(FAMILIES), st.integers(0, 2**32 - 1))
def test_order_and_repetition_do_not_matter(family: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = lognormal_sizes(120, rng)
    counts = rng.integers(1, 5, size=120)
    upper = 1e12 if family == "truncated_pareto" else None
    once = fit_size(sizes, family=family, counts=counts, upper=upper)
    order = rng.permutation(120)
    again = fit_size(sizes[order], family=family, counts=counts[order], upper=upper)
    spelled_out = fit_size(np.repeat(sizes, counts), family=family, upper=upper)
    for other in (again, spelled_out):
        np.testing.assert_allclose(other.theta, once.theta, rtol=1e-6, atol=1e-7)
        assert other.log_likelihood == pytest.approx(once.log_likelihood, rel=1e-9)
        assert other.n == once.n == counts.sum()


@quick
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_another_unit_moves_the_scale_and_nothing_else(seed: int, unit: float) -> None:
    sizes = lognormal_sizes(200, np.random.default_rng(seed))
    for family, moved in (("lognormal", 0), ("generalised_pareto", 1)):
        here = fit_size(sizes, family=family)
        there = fit_size(unit * sizes, family=family, lower=unit * LOWER)
        shift = np.zeros(2)
        shift[moved] = np.log(unit)
        np.testing.assert_allclose(there.theta, here.theta + shift, atol=1e-5)
    here, there = (
        fit_size(k * sizes, family="pareto", lower=k * LOWER) for k in (1, unit)
    )
    np.testing.assert_allclose(there.theta, here.theta, atol=1e-8)


@quick
@given(
    st.lists(st.integers(500, 2_000) | st.integers(500, 10**9), min_size=1, max_size=8),
    st.sampled_from(FAMILIES),
    st.booleans(),
)
def test_few_sizes_are_fitted_or_refused(
    sizes: list[int], family: str, binned: bool
) -> None:
    given_sizes = [[x, 2 * x] for x in sizes] if binned else sizes
    try:
        model = fit_size(given_sizes, family=family)
    except FitError:
        return
    assert np.isfinite(model.theta).all()
    assert (np.diag(model.covariance) > 0).all()
    tail = model.exceedance_probability(1e5)
    assert 0 <= tail.low <= tail.value <= tail.high <= 1


def test_summary_in_natural_units(sizes: npt.NDArray[np.float64]) -> None:
    model = fit_size(sizes, family="lognormal")
    table = model.summary().set_index("parameter")
    assert list(table.index) == ["mu", "sigma"]
    assert table["value"].to_dict() == pytest.approx(parameters_of(model))
    errors = np.sqrt(np.diag(model.covariance))
    # mu is fitted as it is, sigma on the log scale: the delta rule multiplies by sigma.
    assert table.loc["mu", "standard_error"] == pytest.approx(errors[0])
    sigma = parameters_of(model)["sigma"]
    assert table.loc["sigma", "standard_error"] == pytest.approx(sigma * errors[1])
    z = stats.norm.ppf(0.975)
    high = sigma * np.exp(z * errors[1])
    assert table.loc["sigma", "high"] == pytest.approx(high)
    assert table.loc["mu", "low"] == pytest.approx(
        table.loc["mu", "value"] - z * errors[0]
    )
    assert model.limits == (LOWER, np.inf)


def test_exceedance_at_and_below_the_threshold_is_certain() -> None:
    model = law("pareto", 0.0)
    for x in (1, 500):
        certain = model.exceedance_probability(x)
        assert (certain.value, certain.low, certain.high) == (1, 1, 1)


def test_error_of_the_log_exceedance_by_hand() -> None:
    # log S = -alpha log(x/u); its derivative by log(alpha) is -alpha log(x/u).
    model = law("pareto", np.log(0.7))
    expected = 0.7 * np.log(1e6 / LOWER) * 0.1
    assert model.log_exceedance_error(1e6) == pytest.approx(expected, rel=1e-6)


# Bad input: whole messages, which count and never show a size.

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("sizes", "arguments", "message"),
    [
        (
            [611, 450, 433, 7_777],
            {},
            "sizes must lie in the law's range; got 2 below lower = 500",
        ),
        (
            [611, NAN, INF, 7_777],
            {},
            "sizes must lie in the law's range; got 2 missing or infinite",
        ),
        (
            [611, NAN, 433, 7_777],
            {"upper": 5_000},
            "sizes must lie in the law's range; got 1 missing or infinite, 1 below "
            "lower = 500, 1 above upper = 5000",
        ),
        (
            [[611, 7_777], [900, 900], [1_000, 700]],
            {},
            "sizes must lie in the law's range; got 2 bins whose end is not above "
            "their start",
        ),
        (
            [],
            {},
            "sizes must have shape (n,) for exact sizes or (n, 2) for bins, n >= 1; "
            "got (0,)",
        ),
        (
            [[611, 700, 7_777]],
            {},
            "sizes must have shape (n,) for exact sizes or (n, 2) for bins, n >= 1; "
            "got (1, 3)",
        ),
        (
            [611, 7_777],
            {"counts": [1, -2]},
            "counts must be 2 numbers of at least 0, not all 0; got shape (2,) with 1 "
            "below 0",
        ),
        (
            [611, 7_777],
            {"counts": [1, 2, 3]},
            "counts must be 2 numbers of at least 0, not all 0; got shape (3,) with 0 "
            "below 0",
        ),
        (
            [611, 7_777],
            {"counts": [1, INF]},
            "counts must be finite; got 1 of 2 missing or infinite",
        ),
        (
            [611, 7_777],
            {"counts": [0, 0]},
            "counts must be 2 numbers of at least 0, not all 0; got shape (2,) with 0 "
            "below 0",
        ),
        (
            [611, 7_777],
            {"lower": -3.0},
            "lower must be finite and above 0; got -3.0",
        ),
        (
            [611, 7_777],
            {"upper": 400},
            "upper must be above lower = 500; got 400",
        ),
        ([611, 7_777], {"upper": NAN}, "upper must be above lower = 500; got nan"),
        (
            [[611, 7_777], [7_777, INF]],
            {"family": "truncated_pareto"},
            "upper must be given for family 'truncated_pareto' when the last bin has "
            "no end; got None",
        ),
        (
            [611, 7_777],
            {"family": "pareto", "upper": 10_000},
            "upper must be None for family 'pareto'; use 'truncated_pareto'",
        ),
        (
            [611, 7_777],
            {"family": "weibull"},
            "family must be one of 'lognormal', 'pareto', 'truncated_pareto', "
            "'generalised_pareto'; got 'weibull'",
        ),
    ],
)
def test_fit_refuses(
    sizes: list[float], arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$") as caught:
        fit_size(sizes, **{"family": "lognormal", **arguments})
    assert not re.search("611|450|433|7777|7_777", str(caught.value))


@pytest.mark.parametrize("family", ["lognormal", "generalised_pareto"])
@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ([611.0], "1 different exact sizes"),
        ([611.0] * 9, "1 different exact sizes"),
        ([[500, 611]], "1 different bins"),
        # Two bins without a gap tell one probability.
        ([[500, 611], [611, INF]], "2 different bins"),
    ],
)
def test_two_parameters_need_more_than_one_value(
    family: str, sizes: list[float], found: str
) -> None:
    names = {"lognormal": "mu and sigma", "generalised_pareto": "xi and scale"}
    message = f"sizes must take more values to determine {names[family]}; got {found}"
    with pytest.raises(FitError, match=f"^{re.escape(message)}$"):
        fit_size(sizes, family=family)


def test_pareto_needs_a_size_above_the_threshold() -> None:
    message = (
        "sizes must take more values to determine tail_index; got 1 different exact "
        "sizes"
    )
    with pytest.raises(FitError, match=f"^{message}$"):
        fit_size([500, 500, 500], family="pareto")
    # One breach of e times the threshold: alpha = 1 / log(e) = 1.
    single = fit_size([500 * np.e], family="pareto")
    assert parameters_of(single)["tail_index"] == pytest.approx(1, rel=1e-8)


def test_sizes_that_grow_commoner_have_no_truncated_pareto() -> None:
    # Uniform sizes call for an index of -1; the search runs to 0 and says so.
    message = (
        "the likelihood has no inner maximum: these sizes do not determine tail_index"
    )
    with pytest.raises(FitError, match=f"^{message}$"):
        fit_size(np.linspace(500, 1_000, 50), family="truncated_pareto")


def test_questions_outside_the_range() -> None:
    model = law("pareto", 0.0)
    with pytest.raises(ParameterError, match=r"^x must be finite and above 0; got -1$"):
        model.exceedance_probability(-1)
    level = r"^confidence_level must lie strictly in \(0, 1\); got 95$"
    with pytest.raises(ParameterError, match=level):
        model.exceedance_probability(1_000, confidence_level=95)
    with pytest.raises(ParameterError, match=level):
        model.summary(95)


def test_words_among_the_sizes_are_refused_without_quoting_them() -> None:
    with pytest.raises(
        ParameterError, match=r"^sizes must hold numbers only; got others$"
    ) as caught:
        fit_size([600, "a secret"], family="pareto")
    assert caught.value.__cause__ is None


def test_missing_counts_of_people_are_named_as_missing() -> None:
    sizes = pd.Series([600, 900, None], dtype="Int64")
    message = "sizes must lie in the law's range; got 1 missing or infinite"
    with pytest.raises(ParameterError, match=f"^{message}$"):
        fit_size(sizes, family="pareto")
