"""Bounds of private releases: against brute force over regions, limits, properties."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import norm

from twinprivacy.attacks.bounds import (
    advantage_bound,
    attribute_bits_bound,
    attribute_success_bound,
    mean_attribute_success_bound,
    membership_bits_bound,
    true_positive_rate_bound,
)
from twinprivacy.attacks.guarantees import (
    PrivacyGuarantee,
    group_guarantee,
)
from twinprivacy.errors import ParameterError

RATES = np.linspace(0, 1, 20_001)
GUARANTEES = st.one_of(
    st.builds(PrivacyGuarantee, epsilon=st.floats(0, 12), delta=st.floats(0, 1)),
    st.builds(PrivacyGuarantee, mu=st.floats(0, 8)),
)


def entropy(p: np.ndarray) -> np.ndarray:
    safe = np.clip(p, 1e-300, 1)
    return -p * np.log2(safe) - (1 - p) * np.log2(np.clip(1 - p, 1e-300, 1))


@pytest.mark.parametrize(
    "guarantee",
    [
        PrivacyGuarantee(epsilon=0.0),
        PrivacyGuarantee(epsilon=0.5),
        PrivacyGuarantee(epsilon=1.0, delta=0.1),
        PrivacyGuarantee(epsilon=0.1, delta=0.6),
        PrivacyGuarantee(epsilon=4.0, delta=1e-5),
        PrivacyGuarantee(mu=0.05),
        PrivacyGuarantee(mu=1.0),
        PrivacyGuarantee(mu=3.5),
    ],
)
def test_advantage_and_bits_are_the_largest_on_the_curve(
    guarantee: PrivacyGuarantee,
) -> None:
    reached = true_positive_rate_bound(guarantee, RATES)
    advantage = advantage_bound(guarantee)
    assert advantage == pytest.approx((reached - RATES).max(), abs=1e-4)
    assert advantage >= (reached - RATES).max() - 1e-12
    bits = entropy((reached + RATES) / 2) - (entropy(reached) + entropy(RATES)) / 2
    found = membership_bits_bound(guarantee)
    assert found == pytest.approx(bits.max(), rel=1e-3, abs=1e-12)
    assert found >= bits.max() - 1e-12


def test_bits_of_a_verdict_by_hand() -> None:
    # Epsilon ln 3, delta 0.2: the verdict at (0.8 / 4, 1 - 0.8 / 4) beats (0, 0.2).
    guarantee = PrivacyGuarantee(epsilon=math.log(3), delta=0.2)
    by_hand = 1 - float(entropy(np.array(0.2)))
    assert membership_bits_bound(guarantee) == pytest.approx(by_hand)


def test_bounds_of_a_mu_beyond_squares() -> None:
    assert attribute_bits_bound(PrivacyGuarantee(mu=1e200)) == math.inf
    wide = PrivacyGuarantee(mu=np.float64(1e200))
    assert attribute_bits_bound(wide, entropy_bits=3.0) == 3


def test_no_bound_is_below_the_rate() -> None:
    for nothing in (PrivacyGuarantee(epsilon=0.0), PrivacyGuarantee(mu=0.0)):
        assert (true_positive_rate_bound(nothing, RATES) >= RATES).all()


def test_group_guarantee_by_hand() -> None:
    # Two steps: P1 <= e P2 + d <= e (e P3 + d) + d.
    found = group_guarantee(PrivacyGuarantee(epsilon=1.0, delta=0.01), 2)
    assert found.epsilon == 2
    assert found.delta == pytest.approx(0.01 + math.e * 0.01)
    assert group_guarantee(PrivacyGuarantee(mu=0.5), 3) == PrivacyGuarantee(mu=1.5)
    far = group_guarantee(PrivacyGuarantee(epsilon=50.0, delta=1e-9), 100)
    assert (far.epsilon, far.delta) == (5_000, 1)
    for bound in (advantage_bound, membership_bits_bound, attribute_bits_bound):
        one = PrivacyGuarantee(epsilon=0.3)
        assert bound(one, n_dependent=5) == bound(PrivacyGuarantee(epsilon=1.5))
    one, five = PrivacyGuarantee(mu=0.3), PrivacyGuarantee(mu=1.5)
    for curve in (true_positive_rate_bound, attribute_success_bound):
        np.testing.assert_array_equal(
            curve(one, RATES, n_dependent=5), curve(five, RATES)
        )


def test_attribute_bits_hold_for_randomised_response() -> None:
    # A binary secret of a member, told by randomised response; without the member the
    # answer is a coin. The pair keeps log 2 q, so one record costs epsilon = log 2 q
    # or log 1 / (2 - 2 q), whichever is more.
    for right in (0.55, 0.7, 0.9, 0.99):
        epsilon = max(math.log(2 * right), -math.log(2 * (1 - right)))
        told = 1 - float(entropy(np.array(right)))
        bound = attribute_bits_bound(PrivacyGuarantee(epsilon=epsilon), entropy_bits=1)
        assert told <= bound


def test_attribute_success_holds_for_gaussian_noise_and_many_secrets() -> None:
    # Without the member N(0, 1), with secret s N(mu_s, 1), |mu_s| <= 1: the best guess
    # is the largest prior times density.
    shifts, prior = np.array([-1.0, 0.0, 1.0]), np.array([0.3, 0.3, 0.4])
    x = np.linspace(-8, 8, 16_001)
    joint = prior[:, None] * norm.pdf(x, shifts[:, None])
    success = np.trapezoid(joint.max(axis=0), x)
    bound = attribute_success_bound(PrivacyGuarantee(mu=1.0), prior.max())
    assert prior.max() < success < bound
    mixture = joint.sum(axis=0)
    told = np.trapezoid(
        (joint * np.log2(joint / prior[:, None] / mixture)).sum(axis=0), x
    )
    assert 0 < told < attribute_bits_bound(PrivacyGuarantee(mu=1.0))


def test_attribute_bits_with_delta() -> None:
    # Told for certain with probability delta, else nothing: delta times the entropy.
    guarantee = PrivacyGuarantee(epsilon=0.0, delta=0.25)
    found = attribute_bits_bound(guarantee, entropy_bits=2.0)
    # 0.25 x 2 + 0.75 x log2(4 / 3)
    assert found == pytest.approx(0.5 + 0.75 * math.log2(4 / 3))
    assert attribute_bits_bound(guarantee) == math.inf
    whole = PrivacyGuarantee(epsilon=0.0, delta=1.0)
    assert attribute_bits_bound(whole, entropy_bits=2.0) == 2


def test_limits() -> None:
    for nothing in (PrivacyGuarantee(epsilon=0.0), PrivacyGuarantee(mu=0.0)):
        np.testing.assert_allclose(true_positive_rate_bound(nothing, RATES), RATES)
        assert advantage_bound(nothing) == pytest.approx(0, abs=1e-15)
        assert membership_bits_bound(nothing) == pytest.approx(0, abs=1e-15)
        assert attribute_bits_bound(nothing) == 0
    for all_told in (PrivacyGuarantee(epsilon=math.inf), PrivacyGuarantee(mu=math.inf)):
        np.testing.assert_array_equal(true_positive_rate_bound(all_told, RATES), 1)
        assert advantage_bound(all_told) == 1
        assert membership_bits_bound(all_told) == 1
        assert attribute_bits_bound(all_told, entropy_bits=3.0) == 3
    assert true_positive_rate_bound(PrivacyGuarantee(epsilon=800.0), 1e-9) == 1


@settings(derandomize=True, deadline=None, max_examples=200)
@given(GUARANTEES, st.floats(0, 1), st.floats(0, 1), st.integers(1, 5))
def test_properties(
    guarantee: PrivacyGuarantee, rate: float, other: float, n_dependent: int
) -> None:
    low, high = sorted((rate, other))
    reached = true_positive_rate_bound(guarantee, [low, (low + high) / 2, high])
    assert (reached >= [low, (low + high) / 2, high] - np.array(1e-12)).all()
    assert (reached <= 1).all()
    assert reached[0] <= reached[2] + 1e-12
    assert reached[1] >= (reached[0] + reached[2]) / 2 - 1e-9  # concave
    assert mean_attribute_success_bound(guarantee, [low, high]) <= reached[1] + 1e-9
    advantage = advantage_bound(guarantee)
    assert (reached - [low, (low + high) / 2, high] <= advantage + 1e-9).all()
    verdict = membership_bits_bound(guarantee)
    most = min(attribute_bits_bound(guarantee, entropy_bits=1), 1)
    assert 0 <= verdict <= most + 1e-9
    assert advantage_bound(guarantee, n_dependent=n_dependent) >= advantage - 1e-12
    worse = true_positive_rate_bound(guarantee, rate, n_dependent=n_dependent)
    assert worse >= true_positive_rate_bound(guarantee, rate) - 1e-12


def test_bad_settings() -> None:
    message = r"^exactly one of epsilon and mu must be given; got None and None$"
    with pytest.raises(ParameterError, match=message):
        PrivacyGuarantee()
    with pytest.raises(ParameterError, match=r"^epsilon must be 0 or more; got -1$"):
        PrivacyGuarantee(epsilon=-1)
    with pytest.raises(ParameterError, match=r"^mu must be 0 or more; got nan$"):
        PrivacyGuarantee(mu=math.nan)
    message = r"^delta must lie in \[0, 1\], and be 0 with mu; got 0.1$"
    with pytest.raises(ParameterError, match=message):
        PrivacyGuarantee(mu=1.0, delta=0.1)
    one = PrivacyGuarantee(epsilon=1.0)
    message = r"^n_dependent must be a whole number of 1 or more; got 0$"
    with pytest.raises(ParameterError, match=message):
        advantage_bound(one, n_dependent=0)
    message = r"^false_positive_rate must lie in \[0, 1\]; got 2 of 3 outside$"
    with pytest.raises(ParameterError, match=message):
        true_positive_rate_bound(one, [0.5, 1.1, np.nan])
    with pytest.raises(ParameterError, match=r"^priors must hold one or more; got 0$"):
        mean_attribute_success_bound(one, [])
    message = r"^entropy_bits must be 0 or more; got -1$"
    with pytest.raises(ParameterError, match=message):
        attribute_bits_bound(one, entropy_bits=-1)
