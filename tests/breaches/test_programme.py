import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import beta

from twinprivacy.breaches import (
    CostComponent,
    ExposedShare,
    Programme,
    draw_programmes,
    exact_annual_loss,
    hold_fewer_kinds,
    segment,
    shorten_retention,
)
from twinprivacy.errors import ParameterError

PENALTY = CostComponent(
    "penalty",
    300.0,
    0.6,
    1.2,
    probability=(-4.0, 0.5),
    kind_effects={"genome": (0.5, 0.2), "diagnoses": (0.1, 0.05)},
    covariance=((0.25, -0.02), (-0.02, 0.01)),
    probability_covariance=((0.3, -0.05), (-0.05, 0.02)),
    residual_df=40,
)
PROGRAMME = Programme(
    "twins", 50_000, ("genome", "habits"), 0.4, ExposedShare(0.1, 1, 3), (PENALTY,)
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"usd_of_one_person": 0.0}, "usd_of_one_person must be finite and above 0"),
        ({"elasticity": np.nan}, "elasticity must be finite; got 1"),
        ({"residual_sd": -0.1}, "residual_sd must be finite and 0 or more; got -0.1"),
        ({"residual_sd": np.inf}, "residual_sd"),
        ({"residual_sd": 15.1}, "residual_sd must be at most 15; got 15.1"),
        ({"probability": 1.2}, r"probability must lie in \[0, 1\]; got 1.2"),
        ({"probability": -0.1}, "probability must lie"),
        (
            {"probability": (np.inf, 1.0)},
            "intercept and slope of probability must be finite",
        ),
        ({"ceiling_usd": 0.0}, "ceiling_usd must be above 0; got 0.0"),
        ({"tail_index": 0.0}, "tail_index must be finite and above 0"),
        (
            {"tail_index": 0.9},
            "mean of 'fine' is infinite at tail_index 0.9: give a ceiling_usd, or a "
            "tail_index above 1",
        ),
        ({"tail_index": 1.0}, "infinite"),
        ({"tail_index": 2.0, "residual_sd": 1.0}, "tail_index or residual_sd, not"),
        ({"residual_df": 0.0}, "residual_df"),
        ({"covariance": ((1.0, 2.0), (2.0, 1.0))}, "covariance must be a 2 x 2"),
        ({"covariance": ((1.0, 0.5), (0.1, 1.0))}, "symmetric"),
        ({"covariance": ((1.0,),)}, "2 x 2"),
        ({"probability_covariance": ((1.0, 0.0), (0.0, 1.0))}, "constant 1.0"),
        ({"kind_effects": {"genome": (np.nan, 0.1)}}, "kind_effects"),
        ({"kind_effects": {"genome": (0.1, -0.1)}}, "standard error of 'genome'"),
    ],
)
def test_component_refuses_what_has_no_meaning(changes, message):
    settings = {"usd_of_one_person": 10.0, "elasticity": 0.5, **changes}
    with pytest.raises(ParameterError, match=message):
        CostComponent("fine", **settings)


def test_tail_index_below_one_is_allowed_under_a_ceiling():
    component = CostComponent("fine", 10.0, 0.5, tail_index=0.7, ceiling_usd=1e6)
    assert component.tail_index == 0.7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_people": -1}, "n_people must be a whole number of 0 or more; got -1"),
        ({"n_people": 10.5}, "n_people must be a whole number"),
        ({"breaches_per_year": -0.1}, "breaches_per_year"),
        ({"breaches_per_year": np.inf}, "breaches_per_year must be finite"),
        ({"rate_dispersion": -1.0}, "rate_dispersion"),
        ({"kinds_of_data": ("genome", "genome")}, "distinct"),
    ],
)
def test_programme_refuses_what_has_no_meaning(changes, message):
    with pytest.raises(ParameterError, match=message):
        replace(PROGRAMME, **changes)


@pytest.mark.parametrize("share", [-0.01, 1.01, np.nan])
def test_share_outside_0_to_1_is_refused(share):
    with pytest.raises(ParameterError, match=r"constant must lie in \[0, 1\]; got"):
        ExposedShare.fixed(share)
    with pytest.raises(ParameterError, match=r"whole must lie in \[0, 1\]; got"):
        ExposedShare(whole=share)


@pytest.mark.parametrize("share", [(0, 0.3, 2), (0.2, 0.6, 0.4), (0.5, 4, 9)])
@pytest.mark.parametrize("power", [0.3, 1.0, 2.0])
def test_quadrature_gives_the_moments_of_the_share(share, power):
    whole, a, b = share
    law = ExposedShare(whole, a, b)
    weights, shares, edges = law.quadrature(16)
    expected = whole + (1 - whole) * beta(a + power, b) / beta(a, b)
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    assert weights @ shares**power == pytest.approx(expected, rel=2e-6)
    cells = stats.beta.cdf(edges[1], a, b) - stats.beta.cdf(edges[0], a, b)
    partial = shares < 1
    assert (1 - whole) * cells[partial] == pytest.approx(weights[partial], abs=1e-12)


def test_quadrature_of_a_fixed_share_is_one_node():
    weights, shares, edges = ExposedShare.fixed(0.3).quadrature(16)
    assert (weights, shares) == ([1.0], [0.3])
    assert edges.tolist() == [[0.3], [0.3]]


def test_mean_of_a_share_by_hand():
    assert ExposedShare(0.2, 1.0, 3.0).mean() == pytest.approx(0.2 + 0.8 / 4)


def test_amount_multiplies_effects_of_the_kinds_held_only():
    people = np.array([1.0, 100.0])
    plain = 300 * people**0.6
    held = PENALTY.scale_usd(people, kinds=("genome", "habits"))
    assert held == pytest.approx(plain * np.exp(0.5))
    assert PENALTY.scale_usd(people, kinds=()) == pytest.approx(plain)


def test_occurrence_is_logistic_in_log10_people():
    found = PENALTY.occurrence(np.array([1.0, 1e8]))
    assert found == pytest.approx([1 / (1 + np.exp(4)), 0.5])


def test_components_can_be_hashed_copied_and_pickled():
    same = replace(PENALTY)
    assert same == PENALTY
    assert hash(same) == hash(PENALTY)
    assert pickle.loads(pickle.dumps(PROGRAMME)) == PROGRAMME


@pytest.mark.parametrize(("exponent", "power"), [(0.0, -0.7), (1.0, 0.3), (0.5, -0.2)])
def test_segmentation_scales_the_mean_by_a_power_of_the_stores(exponent, power):
    # At a fixed share X ~ people^b, so the mean goes as k^(exponent - b).
    fine = CostComponent("fine", 100.0, 0.7, 0.8)
    share = ExposedShare.fixed(0.5)
    one = Programme("p", 80_000, (), 0.5, share, (fine,))
    eight = segment(one, 8, rate_exponent=exponent)
    assert eight.n_people == 10_000
    ratio = exact_annual_loss(eight).mean_usd / exact_annual_loss(one).mean_usd
    assert ratio == pytest.approx(8**power, rel=1e-12)


def test_one_store_leaves_the_programme_as_it_is():
    assert segment(PROGRAMME, 1, rate_exponent=1.0) == PROGRAMME


@pytest.mark.parametrize(
    ("n_stores", "exponent", "message"),
    [
        (0, 0.0, "n_stores must be a whole number of 1 to 50000; got 0"),
        (50_001, 0.0, "n_stores"),
        (2, 1.5, r"rate_exponent must lie in \[0, 1\]; got 1.5"),
    ],
)
def test_segment_refuses(n_stores, exponent, message):
    with pytest.raises(ParameterError, match=message):
        segment(PROGRAMME, n_stores, rate_exponent=exponent)


def test_shorter_retention_scales_the_people():
    kept = shorten_retention(PROGRAMME, from_years=10, to_years=3)
    assert kept == replace(PROGRAMME, n_people=15_000)
    with pytest.raises(ParameterError, match="to_years must lie in"):
        shorten_retention(PROGRAMME, from_years=3, to_years=10)
    with pytest.raises(ParameterError, match="to_years"):
        shorten_retention(PROGRAMME, from_years=3, to_years=0)


def test_fewer_kinds_divide_the_loss_by_their_effect():
    fewer = hold_fewer_kinds(PROGRAMME, ("habits",))
    assert fewer.kinds_of_data == ("habits",)
    ratio = exact_annual_loss(PROGRAMME).mean_usd / exact_annual_loss(fewer).mean_usd
    assert ratio == pytest.approx(np.exp(0.5), rel=1e-12)
    with pytest.raises(ParameterError, match="'diagnoses'"):
        hold_fewer_kinds(PROGRAMME, ("habits", "diagnoses"))


def test_draws_repeat_and_more_draws_leave_the_first_unchanged():
    law = stats.gamma(4, scale=0.1)
    few, many = (
        draw_programmes(PROGRAMME, n, rate_law=law, rng=np.random.default_rng(7))
        for n in (5, 12)
    )
    assert many[:5] == few
    assert len(set(many)) == 12


def test_draws_have_the_moments_of_their_laws():
    n = 4_000
    law = stats.gamma(4, scale=0.1)
    drawn = draw_programmes(PROGRAMME, n, rate_law=law, rng=np.random.default_rng(8))
    parts = [programme.components[0] for programme in drawn]
    pairs = np.array([(np.log(c.usd_of_one_person), c.elasticity) for c in parts])
    logits = np.array([c.probability for c in parts])
    for found, mean, covariance in (
        (pairs, (np.log(300), 0.6), PENALTY.covariance),
        (logits, PENALTY.probability, PENALTY.probability_covariance),
    ):
        expected = np.array(covariance)
        error = np.sqrt(np.diag(expected) / n)
        assert (np.abs(found.mean(axis=0) - mean) < 4 * error).all()
        assert np.cov(found.T) == pytest.approx(expected, rel=0.12)
    scaled = 40 * PENALTY.residual_sd**2 / np.array([c.residual_sd for c in parts]) ** 2
    assert stats.kstest(scaled, stats.chi2(40).cdf).pvalue > 1e-3
    effects = np.array([dict(c.kind_effects)["genome"][0] for c in parts])
    assert stats.kstest(effects, stats.norm(0.5, 0.2).cdf).pvalue > 1e-3
    # The kinds err together: one normal number moves both.
    others = np.array([dict(c.kind_effects)["diagnoses"][0] for c in parts])
    assert (others - 0.1) / 0.05 == pytest.approx((effects - 0.5) / 0.2)
    rates = [programme.breaches_per_year for programme in drawn]
    assert stats.kstest(rates, law.cdf).pvalue > 1e-3


def test_draws_leave_alone_what_is_known():
    known = CostComponent("fine", 100.0, 0.7, 0.8, kind_effects={"genome": (0.5, 0.0)})
    programme = replace(PROGRAMME, components=(known,))
    (drawn,) = draw_programmes(programme, 1, rng=np.random.default_rng(9))
    assert drawn.breaches_per_year == programme.breaches_per_year
    assert drawn.components[0].usd_of_one_person == pytest.approx(100, rel=1e-12)
    assert replace(drawn.components[0], usd_of_one_person=100.0) == known


def test_draws_refuse():
    rng = np.random.default_rng(1)
    with pytest.raises(ParameterError, match="no negative rate"):
        draw_programmes(PROGRAMME, 2, rate_law=stats.norm(1, 1), rng=rng)
    with pytest.raises(ParameterError, match="n_draws"):
        draw_programmes(PROGRAMME, -1, rng=rng)
    with pytest.raises(ParameterError, match="rng"):
        draw_programmes(PROGRAMME, 1, rng=1)
