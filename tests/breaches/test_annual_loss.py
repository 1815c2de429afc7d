from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats
from scipy.special import beta

from twinprivacy.breaches import (
    CostComponent,
    ExactLoss,
    ExposedShare,
    Programme,
    draw_programmes,
    exact_annual_loss,
    exceedance_band,
    segment,
    tornado,
)
from twinprivacy.errors import ParameterError

MOSTLY_SMALL = ExposedShare(whole=0.15, a=0.6, b=3)
LOGNORMALS = (
    CostComponent("penalty", 150, 0.6, 1.5, probability=(-4.0, 0.6)),
    CostComponent("settlement", 80, 0.7, 1.2, probability=0.3, ceiling_usd=5e7),
    CostComponent("response", 900, 0.5, 0.9, kind_effects={"genome": (0.4, 0.1)}),
)
HEAVY = CostComponent("penalty", 500, 0.5, 3.6, ceiling_usd=1e9)
PARETO = CostComponent("penalty", 500, 0.5, tail_index=0.7, ceiling_usd=1e8)
LETTERS = CostComponent("letters", 10, 1.0)
FINE = CostComponent("fine", 1000, 0.0)


def programme(components, rate, share=None, n_people=50_000, dispersion=0.0):
    share = ExposedShare.fixed(1.0) if share is None else share
    return Programme(
        "twins", n_people, ("genome",), rate, share, tuple(components), dispersion
    )


SHAPES = {
    "three lognormal": (programme(LOGNORMALS, 0.35, MOSTLY_SMALL), 400_000),
    "heavy and rare": (programme([HEAVY], 0.02, MOSTLY_SMALL), 400_000),
    "pareto to a ceiling": (programme([PARETO], 0.3, MOSTLY_SMALL), 400_000),
    "many and dispersed": (
        programme(LOGNORMALS, 200.0, ExposedShare(0, 0.5, 20), dispersion=0.1),
        60_000,
    ),
    "flat per person": (
        programme([LETTERS], 0.5, ExposedShare(whole=0.02)),
        400_000,
    ),
    "flat and lognormal": (
        programme([LETTERS, *LOGNORMALS], 0.5, MOSTLY_SMALL),
        400_000,
    ),
}


def simulate(law, n_years, rng):
    """Draw the losses of years breach by breach, sorted."""
    alpha, rate, share = law.rate_dispersion, law.breaches_per_year, law.share_exposed
    rates = (
        rate * rng.gamma(1 / alpha, alpha, n_years) if alpha else np.full(n_years, rate)
    )
    year = np.repeat(np.arange(n_years), rng.poisson(rates))
    shares = rng.beta(share.a, share.b, len(year))
    shares[rng.random(len(year)) < share.whole] = 1
    people, total = law.people_exposed(shares), np.zeros(n_years)
    for part in law.components:
        amounts = part.scale_usd(people, kinds=law.kinds_of_data)
        amounts *= np.exp(part.residual_sd * rng.standard_normal(len(year)))
        if part.tail_index is not None:
            amounts *= 1 + rng.pareto(part.tail_index, len(year))
        occurs = rng.random(len(year)) < part.occurrence(people)
        amounts = occurs * np.minimum(amounts, part.ceiling_usd)
        total += np.bincount(year, weights=amounts, minlength=n_years)
    return np.sort(total)


@pytest.mark.parametrize("shape", SHAPES)
def test_exact_and_simulated_agree_within_three_standard_errors(shape):
    law, n = SHAPES[shape]
    exact, losses = (
        exact_annual_loss(law),
        simulate(law, n, np.random.default_rng(20_260_101)),
    )
    error = losses.std() / np.sqrt(n)
    assert abs(exact.mean_usd - losses.mean()) < 3 * error
    for probability in (0.95, 0.995):
        ranks = stats.binom(n, probability).ppf(stats.norm.cdf([-3, 3])).astype(int)
        quantile = exact.quantile(probability)
        assert losses[ranks[0] - 1] <= quantile <= losses[ranks[1]]
        # The excess over the quantile has the tail mean's error.
        excess = np.maximum(losses - quantile, 0) / (1 - probability)
        tail = exact.tail_mean(probability) - quantile - excess.mean()
        assert abs(tail) < 3 * excess.std() / np.sqrt(n)
    for loss in np.unique(np.quantile(losses, [0.7, 0.9, 0.99, 0.995])):
        # At a loss of 0 the exceedance is exact; elsewhere the law has no jump here.
        chance = exact.exceedance(loss).item()
        found = (losses > loss).mean()
        assert abs(found - chance) < 3 * np.sqrt(chance * (1 - chance) / n)


@pytest.mark.parametrize("rate", [0.1, 5.0, 200.0])
@pytest.mark.parametrize("dispersion", [0.0, 0.5])
def test_fixed_loss_gives_the_law_of_the_count(rate, dispersion):
    exact = exact_annual_loss(programme([FINE], rate, dispersion=dispersion))
    shape = 1 / dispersion if dispersion else None
    count = (
        stats.nbinom(shape, shape / (shape + rate)) if shape else stats.poisson(rate)
    )
    n = np.unique(count.ppf([0.3, 0.9, 0.99, 0.999]))
    # Between the multiples of the loss; a jump itself is spread.
    tolerance = 1e-5 if rate < 100 else 5e-3
    between = exact.exceedance((n + 0.5) * 1000)
    assert between == pytest.approx(count.sf(n), rel=tolerance)
    assert exact.exceedance(0) == pytest.approx(1 - count.pmf(0), rel=1e-12)
    assert exact.mean_usd == pytest.approx(1000 * rate, rel=1e-12)
    for probability in (0.9999, 0.995, 0.95):
        expected = 1000 * count.ppf(probability)
        assert exact.quantile(probability) == pytest.approx(expected, rel=5e-3, abs=1)


@pytest.mark.parametrize("rate", [1000.0, 10_000.0])
def test_many_breaches_give_the_law_of_the_count(rate):
    exact = exact_annual_loss(programme([FINE], rate))
    assert isinstance(exact, ExactLoss)
    for probability in (0.001, 0.5, 0.995):
        expected = 1000 * stats.poisson.ppf(probability, rate)
        assert exact.quantile(probability) == pytest.approx(expected, rel=1e-3)


def test_loss_that_occurs_at_times_gives_the_thinned_count():
    sometimes = replace(FINE, probability=0.2)
    exact = exact_annual_loss(programme([sometimes], 3.0))
    n = np.arange(5)
    expected = stats.poisson.sf(n, 3.0 * 0.2)
    assert exact.exceedance((n + 0.5) * 1000) == pytest.approx(expected, rel=1e-6)
    assert exact.quantile(0.5) == 0
    assert exact.mean_usd == pytest.approx(600)


def test_two_independent_fixed_losses_give_the_sum_of_two_thinned_counts():
    first, second = replace(FINE, probability=0.2), CostComponent("b", 1e6, 0, 0, 0.1)
    exact = exact_annual_loss(programme([first, second], 1.0))
    # Thousands and millions: the millions are the count of the second component.
    expected = stats.poisson.sf([0, 1, 2], 0.1)
    assert exact.exceedance([0.5e6, 1.5e6, 2.5e6]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("sd", [0.5, 1.2, 3.6])
def test_rare_breaches_give_the_law_of_one_loss(sd):
    # P(S > x) = rate P(X > x) up to terms of the order of the rate squared.
    rate = 1e-4
    exact = exact_annual_loss(programme([replace(FINE, residual_sd=sd)], rate))
    z = np.array([-2.0, 0.0, 1.0, 2.0])
    found = exact.exceedance(1000 * np.exp(sd * z))
    assert found == pytest.approx(rate * stats.norm.sf(z), rel=1e-3)


def test_lognormal_sum_matches_the_series_over_the_count():
    # With two breaches at most, P(S > x) = P(1) F1(x) + P(2) F2(x), by quadrature.
    rate, sd = 0.02, 1.0
    exact = exact_annual_loss(programme([replace(FINE, residual_sd=sd)], rate))
    x = np.array([500.0, 2000.0, 10_000.0])
    u = (np.arange(200_000) + 0.5) / 200_000
    first = 1000 * np.exp(sd * stats.norm.ppf(u))
    one = stats.norm.sf(np.log(x / 1000) / sd)
    rest = np.maximum(x[:, None] - first, 1e-300)
    two = stats.norm.sf(np.log(rest / 1000) / sd).mean(axis=1)
    p = stats.poisson.pmf([1, 2], rate)
    three_or_more = stats.poisson.sf(2, rate)
    found = exact.exceedance(x) - p[0] * one - p[1] * two
    assert (found > -1e-7).all()
    assert (found < three_or_more + 1e-7).all()


@pytest.mark.parametrize("dispersion", [0.0, 0.4])
def test_second_moment_of_the_curve_is_the_closed_form(dispersion):
    rate, sd = 3.0, 0.6
    law = programme([replace(FINE, residual_sd=sd)], rate, dispersion=dispersion)
    exact = exact_annual_loss(law)
    mean = 1000 * np.exp(sd**2 / 2)
    second = 1e6 * np.exp(2 * sd**2)
    variance = rate * second + dispersion * (rate * mean) ** 2
    assert exact.mean_usd == pytest.approx(rate * mean, rel=1e-12)
    x = np.linspace(0, 2e5, 40_001)
    # E S^2 is twice the integral of x P(S > x).
    found = 2 * np.trapezoid(x * exact.exceedance(x), x) - exact.mean_usd**2
    assert found == pytest.approx(variance, rel=1e-3)


@pytest.mark.parametrize("ceiling", [inf, 3e5])
def test_mean_under_a_beta_share_is_the_closed_form(ceiling):
    rate, b, sd, whole = 0.7, 0.6, 1.1, 0.2
    component = CostComponent("fine", 50, b, sd, 0.4, ceiling_usd=ceiling)
    exact = exact_annual_loss(
        programme([component], rate, ExposedShare(whole, 2, 5), n_people=10**9)
    )
    u = stats.beta(2, 5).ppf((np.arange(100_000) + 0.5) / 100_000)
    medians = 50 * 1e9**b * np.append(u, 1) ** b
    if ceiling == inf:
        partial = 50 * 1e9**b * np.exp(sd**2 / 2) * beta(2 + b, 5) / beta(2, 5)
        all_of_it = medians[-1] * np.exp(sd**2 / 2)
    else:
        z = np.log(ceiling / medians) / sd
        capped = medians * np.exp(sd**2 / 2) * stats.norm.cdf(z - sd)
        capped += ceiling * stats.norm.sf(z)
        partial, all_of_it = capped[:-1].mean(), capped[-1]
    expected = rate * 0.4 * ((1 - whole) * partial + whole * all_of_it)
    assert exact.mean_usd == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("index", "ceiling"), [(2.5, inf), (0.7, 1e6), (1.0, 1e6)])
def test_mean_and_exceedance_of_a_pareto_loss_are_the_closed_form(index, ceiling):
    rate = 1e-3
    loss = replace(FINE, tail_index=index, ceiling_usd=ceiling)
    exact = exact_annual_loss(programme([loss], rate))
    beyond = np.log(1000) if index == 1 else 1 / (index - 1)
    if index == 0.7:
        beyond = (1000**0.3 - 1) / 0.3
    assert exact.mean_usd == pytest.approx(rate * 1000 * (1 + beyond), rel=1e-9)
    x = np.array([2e3, 1e4, 5e4])
    expected = rate * (x / 1000) ** -index
    # Two breaches in a year are the terms of the order of the rate.
    assert exact.exceedance(x) == pytest.approx(expected, rel=5e-3)


def test_flat_cost_under_a_uniform_share_is_uniform():
    rate = 1e-4
    exact = exact_annual_loss(programme([LETTERS], rate, ExposedShare(whole=0.1)))
    x = np.array([0.05, 0.3, 0.9, 0.99])
    expected = rate * (0.1 + 0.9 * (1 - x))
    assert exact.exceedance(x * 500_000) == pytest.approx(expected, rel=1e-3)


def test_tail_mean_of_a_fixed_loss_is_that_of_the_count():
    # One year in about a thousand has a loss, so the worst 1e-4 cost 1,000 at least.
    exact = exact_annual_loss(programme([FINE], 1e-3))
    second = stats.poisson.sf(np.arange(1, 5), 1e-3).sum() / 1e-4
    assert exact.tail_mean(1 - 1e-4) == pytest.approx(1000 * (1 + second), rel=1e-3)
    # Below the share of years without loss the tail holds all of the mean.
    assert exact.tail_mean(0.9) == pytest.approx(exact.mean_usd / 0.1, rel=1e-12)


def test_capped_losses_reach_the_ceiling_and_no_further():
    capped = replace(HEAVY, ceiling_usd=1e6)
    exact = exact_annual_loss(programme([capped], 1e-3))
    assert exact.quantile(1 - 2e-5) == pytest.approx(1e6, rel=3e-3)
    assert exact.exceedance(1.01e6) < 1e-6
    z = np.log(0.99e6 / (500 * 50_000**0.5)) / 3.6
    expected = 1e-3 * stats.norm.sf(z)
    assert exact.exceedance(0.99e6) == pytest.approx(expected, rel=2e-3)


NOTHING = {
    "no people": programme(LOGNORMALS, 0.5, MOSTLY_SMALL, n_people=0),
    "no breaches": programme(LOGNORMALS, 0.0, MOSTLY_SMALL),
    "no share": programme(LOGNORMALS, 0.5, ExposedShare.fixed(0.0)),
    "no cost": programme([], 0.5, MOSTLY_SMALL),
    "no occurrence": programme([replace(FINE, probability=0.0)], 0.5, dispersion=0.3),
}


@pytest.mark.parametrize("why", NOTHING)
def test_nothing_to_lose_is_a_loss_of_zero(why):
    exact = exact_annual_loss(NOTHING[why])
    assert exact.mean_usd == 0
    assert exact.quantile(0.999) == 0
    assert exact.tail_mean(0.99) == 0
    assert exact.exceedance([-1, 0, 1, 1e9]).tolist() == [1, 0, 0, 0]


def test_part_of_the_breaches_can_cost_nothing():
    share = ExposedShare(whole=0.25, constant=0.0)
    exact = exact_annual_loss(programme([FINE], 2.0, share))
    n = np.arange(4)
    expected = stats.poisson.sf(n, 0.5)
    assert exact.exceedance((n + 0.5) * 1000) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1e6), (0.01, 1.0)])
def test_one_person_at_least_is_exposed(a, b):
    rate = 1e-4
    component = CostComponent("fine", 10, 0.8, 0.5)
    exact = exact_annual_loss(programme([component], rate, ExposedShare(0, a, b)))
    u = (np.arange(400_000) + 0.5) / 400_000
    medians = 10 * np.maximum(50_000 * stats.beta(a, b).ppf(u), 1.0) ** 0.8
    assert medians.min() == 10
    expected = rate * medians.mean() * np.exp(0.125)
    assert exact.mean_usd == pytest.approx(expected, rel=1e-4)
    x = np.array([8.0, 20.0, 60.0])
    survival = stats.norm.sf(np.log(x[:, None] / medians) / 0.5).mean(axis=1)
    assert exact.exceedance(x) == pytest.approx(rate * survival, rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(
    rate=st.floats(1e-3, 50),
    dispersion=st.floats(0, 2),
    sd=st.floats(0.3, 3),
    whole=st.floats(0, 1),
    a=st.floats(0.2, 5),
    b=st.floats(0.2, 5),
)
def test_curve_falls_and_quantiles_invert_it(rate, dispersion, sd, whole, a, b):
    component = CostComponent("fine", 200, 0.6, sd, 0.7)
    exact = exact_annual_loss(
        programme([component], rate, ExposedShare(whole, a, b), dispersion=dispersion)
    )
    losses = np.append(0, np.geomspace(1, 1e12, 150))
    curve = exact.exceedance(losses)
    assert ((curve >= 0) & (curve <= 1)).all()
    assert (np.diff(curve) <= 1e-5).all()
    for probability in (0.5, 0.95, 0.999):
        quantile = exact.quantile(probability)
        if quantile > 0:
            expected = pytest.approx(1 - probability, rel=2e-3)
            assert exact.exceedance(quantile) == expected
        assert exact.tail_mean(probability) >= quantile


@pytest.mark.parametrize("dispersion", [1.2e-7, 1e-6, 1e-4])
def test_a_small_dispersion_keeps_the_digits_of_the_tail(dispersion):
    component = CostComponent("fine", 200, 0.6, 1.0, 0.7)
    nearly, poisson = (
        exact_annual_loss(programme([component], 1.0, MOSTLY_SMALL, dispersion=d))
        for d in (dispersion, 0.0)
    )
    losses = np.geomspace(1, 1e12, 150)
    expected = pytest.approx(poisson.exceedance(losses), rel=dispersion, abs=1e-9)
    assert nearly.exceedance(losses) == expected


def test_windows_meet():
    exact = exact_annual_loss(SHAPES["three lognormal"][0])
    seams = 0.8 * 4.0 ** np.arange(5, 14)
    below, above = (exact.exceedance(seams * (1 + e)) for e in (-1e-6, 1e-6))
    assert above == pytest.approx(below, rel=3e-4)


def test_band_holds_the_curves_of_the_draws():
    uncertain = replace(FINE, residual_sd=1.0, covariance=((0.25, 0.0), (0.0, 0.0)))
    law = programme([uncertain], 1e-3)
    draws = draw_programmes(law, 60, rng=np.random.default_rng(3))
    losses = np.array([1e3, 1e4])
    band = exceedance_band(draws, losses, confidence_level=0.8)
    medians = np.array([p.components[0].usd_of_one_person for p in draws])
    curves = 1e-3 * stats.norm.sf(np.log(losses / medians[:, None]))
    low, middle, high = np.quantile(curves, [0.1, 0.5, 0.9], axis=0)
    assert band.columns.tolist() == ["loss_usd", "low", "middle", "high"]
    assert band["loss_usd"].tolist() == losses.tolist()
    for name, expected in (("low", low), ("middle", middle), ("high", high)):
        assert band[name].to_numpy() == pytest.approx(expected, rel=1e-2)
    with pytest.raises(ParameterError, match="programmes must hold one or more"):
        exceedance_band([], losses)


def test_tornado_sorts_by_the_span_of_means():
    base = programme([replace(FINE, elasticity=0.5, residual_sd=1.0)], 0.5)
    twice, half = (replace(base, breaches_per_year=r) for r in (1.0, 0.25))
    frame = tornado(
        base,
        {
            "stores": (segment(base, 4), base),
            "rate": (half, twice),
            "none": (base, base),
        },
        probability=0.95,
    )
    assert frame["label"].tolist() == ["rate", "stores", "none"]
    mean = 0.5 * 1000 * 50_000**0.5 * np.exp(0.5)
    means = frame[["mean_low_usd", "mean_base_usd", "mean_high_usd"]].to_numpy() / mean
    assert means == pytest.approx(np.array([[0.5, 1, 2], [0.5, 1, 1], [1, 1, 1]]))
    expected = exact_annual_loss(twice).quantile(0.95)
    assert frame.loc[0, "quantile_high_usd"] == expected


def test_exact_law_refuses():
    exact = exact_annual_loss(programme([FINE], 1.0))
    for probability in (0.0, 1.0, np.nan):
        with pytest.raises(ParameterError, match="probability must lie strictly"):
            exact.quantile(probability)
    with pytest.raises(ParameterError, match="at most 1 - 1e-6"):
        exact.tail_mean(1 - 1e-9)
    with pytest.raises(ParameterError, match="loss_usd must be finite; got 1 of 2"):
        exact.exceedance([1.0, np.nan])
    with pytest.raises(ParameterError, match="at most 10,000; got 10001"):
        exact_annual_loss(programme([FINE], 10_001.0))
