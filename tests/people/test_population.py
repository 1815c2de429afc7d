"""Laws as functions of a normal score: moments, shares and slopes."""

import numpy as np
import pytest
from scipy.stats import lognorm, norm

from twinprivacy.people.population import LogNormal, Normal, Pieces, Steps

SCORES = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
LAWS = {
    "normal": Normal(170.0, 7.0),
    "log-normal": LogNormal(28.0, 6.0),
    "yes or no": Steps((0.0, 1.0), (0.9, 0.1)),
    "counts": Steps((0.0, 1.0, 2.0, 5.0), (0.4, 0.3, 0.2, 0.1)),
    "pieces": Pieces((20.0, 25.0, 40.0), (0.25, 0.75)),
}


@pytest.mark.parametrize("name", LAWS)
def test_slope_is_the_correlation_with_the_score(name):
    law = LAWS[name]
    found = np.corrcoef(SCORES, law.value(SCORES))[0, 1]
    assert law.slope == pytest.approx(found, abs=2e-4)


def test_log_normal_has_the_moments_it_is_given():
    law = LogNormal(28.0, 6.0)
    assert law.log_sd == pytest.approx(np.sqrt(np.log(1 + (6 / 28) ** 2)))
    other = lognorm(law.log_sd, scale=28 / np.sqrt(1 + (6 / 28) ** 2))
    assert (other.mean(), other.std()) == pytest.approx((28, 6))
    np.testing.assert_allclose(law.value(SCORES), other.ppf(norm.cdf(SCORES)))


def test_steps_have_their_shares():
    values = LAWS["counts"].value(SCORES)
    shares = [(values == value).mean() for value in (0, 1, 2, 5)]
    assert shares == pytest.approx([0.4, 0.3, 0.2, 0.1], abs=1e-5)


def test_pieces_are_uniform_within():
    """A quarter below 25; the median is 25 + 15 (1/2 - 1/4) / (3/4) = 30."""
    law = LAWS["pieces"]
    assert law.value(norm.ppf(np.array([0.25, 0.5]))) == pytest.approx([25, 30])
