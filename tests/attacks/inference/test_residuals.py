import inspect
import re

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import integrate, stats

from twinprivacy.attacks.inference import (
    Exact,
    LogNormalResidual,
    NormalResidual,
    Residual,
    RootNormalResidual,
)
from twinprivacy.errors import ParameterError

LAWS = [NormalResidual(3.0), RootNormalResidual(0.996), LogNormalResidual(0.3)]
IDS = [type(law).__name__ for law in LAWS]


def density(law, y, expected, noise_sd=0.0):
    found = law.log_likelihood(
        np.array([[y]]), np.array([[expected]]), precision=None, noise_sd=noise_sd
    )
    return float(np.exp(found[0, 0]))


def step_probability(law, y, expected, step, noise_sd=0.0):
    found = law.log_likelihood(
        np.array([[y]]), np.array([[expected]]), precision=step, noise_sd=noise_sd
    )
    return float(np.exp(found[0, 0]))


@pytest.mark.parametrize("law", [Exact(), *LAWS], ids=["Exact", *IDS])
def test_every_law_is_called_as_the_protocol_says(law):
    asked = inspect.signature(Residual.log_likelihood)
    assert inspect.signature(type(law).log_likelihood) == asked


class TestExact:
    def test_every_digit(self):
        expected = np.array([[35.0, 35.0 * (1 + 1e-12), 35.0001]])
        found = Exact().log_likelihood(
            np.array([[35.0]]), expected, precision=None, noise_sd=0.0
        )
        np.testing.assert_array_equal(found, [[0.0, 0.0, -np.inf]])

    def test_zero_is_zero(self):
        found = Exact().log_likelihood(
            np.zeros((1, 1)), np.array([[0.0, 1e-300]]), precision=None, noise_sd=0.0
        )
        np.testing.assert_array_equal(found, [[0.0, -np.inf]])

    def test_halves_go_to_even(self):
        # 12.5 / 5 = 2.5 rounds to 2, 17.5 / 5 = 3.5 to 4.
        expected = np.array([[12.5, 17.5, 12.6]])
        for answer, holds in ((10.0, [1, 0, 0]), (15.0, [0, 0, 1]), (20.0, [0, 1, 0])):
            found = Exact().log_likelihood(
                np.array([[answer]]), expected, precision=5.0, noise_sd=0.0
            )
            np.testing.assert_array_equal(np.exp(found), [holds])

    @settings(derandomize=True, deadline=None)
    @given(
        st.floats(-1e6, 1e6, allow_nan=False),
        st.sampled_from([1e-3, 0.05, 0.1, 1 / 3, 1.0, 5.0, 7.0]),
    )
    def test_a_rounded_answer_is_always_reproduced(self, value, step):
        answer = np.round(value / step) * step
        found = Exact().log_likelihood(
            np.array([[answer]]), np.array([[value]]), precision=step, noise_sd=0.0
        )
        assert found[0, 0] == 0.0

    def test_noise_makes_it_normal(self):
        law = stats.norm(30, 2)
        assert density(Exact(), 33.0, 30.0, 2.0) == pytest.approx(law.pdf(33))
        expected = law.cdf(37.5) - law.cdf(32.5)
        found = step_probability(Exact(), 35.0, 30.0, 5.0, 2.0)
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("law", LAWS, ids=IDS)
class TestDensities:
    def test_they_add_to_one(self, law):
        low = -np.inf if type(law) is NormalResidual else 0.0
        for expected in (0.3, 4.0, 30.0):
            total = sum(
                integrate.quad(lambda y, e=expected: density(law, y, e), *ends)[0]
                for ends in ((low, expected), (expected, np.inf))
            )
            assert total == pytest.approx(1, abs=1e-6)

    def test_steps_add_to_one(self, law):
        answers = np.arange(-60, 400, 5.0)[:, np.newaxis]
        found = law.log_likelihood(
            answers, np.array([[0.3, 4.0, 30.0]]), precision=5.0, noise_sd=0.0
        )
        np.testing.assert_allclose(np.exp(found).sum(axis=0), 1, rtol=1e-12)

    def test_a_step_is_the_integral_of_the_density(self, law):
        for y, expected in ((5.0, 4.0), (35.0, 30.0), (10.0, 30.0)):
            area = integrate.quad(
                lambda z, e=expected: density(law, z, e), y - 1, y + 1
            )
            assert step_probability(law, y, expected, 2.0) == pytest.approx(area[0])

    def test_a_tiny_step_is_density_times_step(self, law):
        # Also where both ends of the step lie far in one tail.
        for y, expected in ((31.0, 30.0), (80.0, 20.0), (2.0, 60.0)):
            found = law.log_likelihood(
                np.array([[y]]), np.array([[expected]]), precision=1e-6, noise_sd=0.0
            )
            each = law.log_likelihood(
                np.array([[y]]), np.array([[expected]]), precision=None, noise_sd=0.0
            )
            np.testing.assert_allclose(found, each + np.log(1e-6), atol=1e-5)


def test_normal_adds_noise_to_its_variance():
    # sqrt(3^2 + 4^2) = 5
    assert density(NormalResidual(3.0), 7.0, 4.0, 4.0) == pytest.approx(
        stats.norm(4, 5).pdf(7)
    )


def test_log_normal_is_scipys():
    law = stats.lognorm(0.3, scale=30)
    assert density(LogNormalResidual(0.3), 25.0, 30.0) == pytest.approx(law.pdf(25))
    found = step_probability(LogNormalResidual(0.3), 25.0, 30.0, 5.0)
    assert found == pytest.approx(law.cdf(27.5) - law.cdf(22.5))


def test_root_normal_is_scipys_truncated_normal():
    # Cut off at a root of 0, one standard deviation below the mean.
    root = stats.truncnorm(-1.0, np.inf, loc=0.996, scale=0.996)
    law, expected = RootNormalResidual(0.996), 0.996**2
    found = density(law, 4.0, expected)
    assert found == pytest.approx(root.pdf(2) / (2 * 2))
    assert step_probability(law, 0.0, expected, 2.0) == pytest.approx(root.cdf(1.0))


@pytest.mark.parametrize("law", LAWS[1:], ids=IDS[1:])
def test_impossible_answers(law):
    for precision in (None, 5.0):
        found = law.log_likelihood(
            np.array([[-10.0]]), np.array([[30.0]]), precision=precision, noise_sd=0.0
        )
        assert found[0, 0] == -np.inf


def test_an_answer_of_zero_is_no_nan():
    found = RootNormalResidual(1.0).log_likelihood(
        np.array([[0.0]]), np.array([[0.0, 9.0]]), precision=None, noise_sd=0.0
    )
    # Both densities are huge, their ratio is phi(0) / Phi(0) over phi(3) / Phi(3).
    ratio = stats.norm.pdf(0) / 0.5 / (stats.norm.pdf(3) / stats.norm.cdf(3))
    assert found[0, 0] - found[0, 1] == pytest.approx(np.log(ratio))


@pytest.mark.parametrize("law", [NormalResidual, RootNormalResidual, LogNormalResidual])
@pytest.mark.parametrize("sd", [0.0, -1.0, np.nan, np.inf])
def test_spread_must_be_positive(law, sd):
    message = f"sd must be finite and above 0; got {sd!r}"
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        law(sd)


@pytest.mark.parametrize(
    ("law", "name", "scale"),
    [
        (RootNormalResidual(1.0), "RootNormalResidual", "root"),
        (LogNormalResidual(1.0), "LogNormalResidual", "logarithm"),
    ],
)
def test_noise_has_no_law_with_a_residual_on_another_scale(law, name, scale):
    message = (
        f"noise_sd must be 0 with {name}, because noise on the answer and a residual "
        f"on its {scale} have no law in closed form together; got 2.0"
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        density(law, 3.0, 3.0, 2.0)
