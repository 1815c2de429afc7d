"""Budgets add up as by hand, as OpenDP's composition says, and back again."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from scipy.stats import norm

from twinprivacy.attacks.bounds import advantage_bound, attribute_success_bound
from twinprivacy.attacks.guarantees import (
    PrivacyGuarantee,
    gaussian_mu,
    group_guarantee,
)
from twinprivacy.defences import NoisyAnswers, compose, fit_private_dose, repeat, split
from twinprivacy.errors import ParameterError
from twinprivacy.estimates import membership_advantage, wilson_interval

PURE = st.builds(PrivacyGuarantee, epsilon=st.floats(0, 20), delta=st.floats(0, 0.05))
NORMAL = st.builds(PrivacyGuarantee, mu=st.floats(0, 20))
ONE = st.one_of(PURE, NORMAL)


def numbers(guarantee: PrivacyGuarantee) -> tuple[float | None, float, float | None]:
    return guarantee.epsilon, guarantee.delta, guarantee.mu


def assert_same(found: PrivacyGuarantee, expected: PrivacyGuarantee) -> None:
    for one, other in zip(numbers(found), numbers(expected), strict=True):
        assert one == (None if other is None else pytest.approx(other, rel=1e-12))


def test_sums_by_hand() -> None:
    parts = [
        PrivacyGuarantee(epsilon=0.5, delta=1e-6),
        PrivacyGuarantee(epsilon=1.0),
        PrivacyGuarantee(epsilon=0.25, delta=2e-6),
    ]
    # 0.5 + 1 + 0.25, and 1e-6 + 2e-6.
    assert_same(compose(parts), PrivacyGuarantee(epsilon=1.75, delta=3e-6))
    # The root of 3^2 + 4^2.
    parts = [PrivacyGuarantee(mu=3.0), PrivacyGuarantee(mu=4.0)]
    assert_same(compose(parts), PrivacyGuarantee(mu=5.0))


def test_delta_is_no_more_than_1() -> None:
    sure = PrivacyGuarantee(epsilon=1.0, delta=0.7)
    assert compose([sure, sure]) == PrivacyGuarantee(epsilon=2.0, delta=1.0)
    assert repeat(sure, 3) == PrivacyGuarantee(epsilon=3.0, delta=1.0)


def test_as_opendp_composes() -> None:
    dp = pytest.importorskip("opendp.prelude")
    dp.enable_features("contrib")
    domain = dp.vector_domain(dp.atom_domain(T=float, nan=False))
    # Laplace noise of scale b on what changes by 1 keeps 1 / b.
    space = domain, dp.l1_distance(T=float)
    both = dp.c.make_composition(
        [dp.m.make_laplace(*space, scale=b) for b in (2.0, 0.8)]
    )
    parts = [PrivacyGuarantee(epsilon=1 / b) for b in (2.0, 0.8)]
    assert compose(parts).epsilon == pytest.approx(both.map(1.0), rel=1e-12)
    # Normal noise of deviation b keeps mu = 1 / b, which OpenDP calls rho = mu^2 / 2.
    space = domain, dp.l2_distance(T=float)
    normal = [dp.m.make_gaussian(*space, scale=b) for b in (2.0, 0.8)]
    both = dp.c.make_composition(normal)
    found = compose([PrivacyGuarantee(mu=1 / b) for b in (2.0, 0.8)]).mu
    assert found is not None
    assert found**2 / 2 == pytest.approx(both.map(1.0), rel=1e-12)
    # Each with a delta of its own.
    with_delta = [
        dp.c.make_fix_delta(dp.c.make_zCDP_to_approxDP(one), 1e-6) for one in normal
    ]
    both = dp.c.make_composition(with_delta)
    parts = [
        PrivacyGuarantee(epsilon=one.map(1.0)[0], delta=1e-6) for one in with_delta
    ]
    found_epsilon, found_delta = both.map(1.0)
    assert compose(parts).epsilon == pytest.approx(found_epsilon, rel=1e-12)
    assert compose(parts).delta == pytest.approx(found_delta, rel=1e-12)


@given(ONE, st.integers(1, 40))
def test_compose_is_repeat_and_split_undoes_it(one: PrivacyGuarantee, n: int) -> None:
    assert_same(compose([one] * n), repeat(one, n))
    assert_same(repeat(split(one, n), n), one)


@given(st.one_of(st.lists(PURE, min_size=1), st.lists(NORMAL, min_size=1)), st.data())
def test_more_releases_never_keep_more(
    parts: list[PrivacyGuarantee], data: st.DataObject
) -> None:
    total = compose(parts)
    assert_same(compose(data.draw(st.permutations(parts))), total)
    for one in parts:
        for part, whole in zip(numbers(one), numbers(total), strict=True):
            assert part is None or (whole is not None and whole >= part * (1 - 1e-12))


def test_nothing_said_is_nothing_spent() -> None:
    assert repeat(PrivacyGuarantee(epsilon=math.inf), 0) == PrivacyGuarantee(epsilon=0)
    assert repeat(PrivacyGuarantee(mu=math.inf), 0) == PrivacyGuarantee(mu=0)
    assert compose([PrivacyGuarantee(mu=0)]) == PrivacyGuarantee(mu=0)


def test_no_guarantee_stays_none() -> None:
    for one in (PrivacyGuarantee(epsilon=math.inf), PrivacyGuarantee(mu=math.inf)):
        assert compose([one, one]) == one
        assert split(one, 3) == one


def test_mixed_budgets_name_the_way_out() -> None:
    mixed = [PrivacyGuarantee(epsilon=1.0), PrivacyGuarantee(mu=gaussian_mu(1.0, 0.1))]
    message = (
        "^guarantees must all have epsilon, or all mu; got 1 with epsilon and 1 with "
        "mu: turn each mu into an epsilon at a delta with gaussian_epsilon$"
    )
    with pytest.raises(ParameterError, match=message):
        compose(mixed)


def scores_of_a_fit_and_an_answer(record: float, n: int) -> np.ndarray:
    """Return how much more a fit with a record and an answer tell of 100 than of 0.

    Both are made of the record, each with a mu of 1.
    """
    settings = {"outcome": "dose", "features": {"x": (-1, 1)}, "mu": 1.0}
    settings |= {"lower": 0.0, "upper": 100.0, "fixed_dose": 50.0}
    noisy = NoisyAnswers(0.0, 100.0, mu=1.0)
    person = pd.DataFrame({"x": [1.0], "dose": [record]})
    # In deviations of the noise: a row (1, 1) / sqrt(2) times -1 or 1 over sqrt(2), and
    # 0 or 1. The matrix of the fit does not depend on the dose.
    of_0, of_100 = np.array([-0.5, -0.5, 0.0]), np.array([0.5, 0.5, 1.0])
    scores = []
    for rng in np.random.default_rng(int(record)).spawn(n):
        fit = fit_private_dose(person, **settings, rng=rng)
        answer = noisy.simulate([record], rng=rng) / 100
        seen = np.append(fit.released.vector / math.sqrt(2), answer)
        scores.append(((seen - of_0) ** 2 - (seen - of_100) ** 2).sum())
    return np.array(scores)


def test_a_fit_and_answers_compose_once_they_are_about_the_same_two_records() -> None:
    zero, hundred = (scores_of_a_fit_and_an_answer(dose, 1_000) for dose in (0, 100))
    found = membership_advantage(hundred, zero, threshold=0.0, confidence_level=0.999)
    fit, noisy = PrivacyGuarantee(mu=1.0), NoisyAnswers(0.0, 100.0, mu=1.0)
    # The two cases lie the root of 3 apart.
    exact = 2 * norm.cdf(math.sqrt(3) / 2) - 1
    assert found.low <= exact <= found.high
    # With or without is not the one record or the other: the sum says too little,
    assert found.low > advantage_bound(compose([fit, noisy.guarantee()]))
    # and one removed and one added hold.
    both = compose([group_guarantee(fit, 2), noisy.guarantee()])
    assert found.low <= advantage_bound(both)
    # Against what knows nothing, half the answer's budget is enough.
    right = int((hundred > 0).sum() + (zero <= 0).sum())
    success = wilson_interval(right, 2_000, confidence_level=0.999)
    half = compose([fit, noisy.attribute_guarantee()])
    assert success.low <= attribute_success_bound(half, 0.5)


def test_bad_input() -> None:
    one = PrivacyGuarantee(epsilon=1.0)
    message = "^guarantees must hold one PrivacyGuarantee or more; got none$"
    with pytest.raises(ParameterError, match=message):
        compose([])
    message = "^guarantees must hold one PrivacyGuarantee or more; got float$"
    with pytest.raises(ParameterError, match=message):
        compose([1.0])  # type: ignore[list-item]
    for bad in (-1, 2.0, True):
        message = f"^n_answers must be a whole number of 0 or more; got {bad}$"
        with pytest.raises(ParameterError, match=message):
            repeat(one, bad)  # type: ignore[arg-type]
    message = "^n_answers must be a whole number of 1 or more; got 0$"
    with pytest.raises(ParameterError, match=message):
        split(one, 0)
