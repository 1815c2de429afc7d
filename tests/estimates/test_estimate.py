"""One number with its uncertainty: its contract, and intervals against references."""

import math
import re
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.errors import FitError, ParameterError
from twinprivacy.estimates import Estimate, bootstrap_interval, wilson_interval

NAN = math.nan


def test_estimate_shows_three_digits() -> None:
    shown = repr(Estimate(1 / 3, 0, 2 / 3, confidence_level=0.95, n=1_234))
    expected = "Estimate(value=0.333, low=0, high=0.667, confidence_level=0.95, n=1234)"
    assert shown == expected


def test_estimate_cannot_be_changed() -> None:
    estimate = Estimate(1, 0, 2, confidence_level=0.95, n=3)
    with pytest.raises(FrozenInstanceError):
        estimate.value = 5  # type: ignore[misc]


def test_estimate_as_a_row() -> None:
    row = Estimate(1, 0, 2, confidence_level=0.9, n=3).as_dict()
    assert row == {"value": 1, "low": 0, "high": 2, "confidence_level": 0.9, "n": 3}


@pytest.mark.parametrize(
    "numbers",
    [(1, 1, 1), (1, 0, math.inf), (math.inf, 2, math.inf), (1, NAN, NAN), (NAN,) * 3],
)
def test_estimate_allows(numbers: tuple[float, float, float]) -> None:
    assert math.isnan(numbers[1]) or Estimate(*numbers, 0.95, 3).low == numbers[1]


@pytest.mark.parametrize(
    "numbers", [(1, 2, 3), (4, 2, 3), (1, NAN, 3), (1, 0, NAN), (NAN, 0, 1)]
)
def test_estimate_refuses(numbers: tuple[float, float, float]) -> None:
    value, low, high = numbers
    message = (
        "low, value and high must satisfy low <= value <= high, or low and high must "
        f"both be nan; got {low!r}, {value!r} and {high!r}"
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        Estimate(value, low, high, 0.95, 3)


def test_estimate_refuses_a_negative_count_or_a_level_of_one() -> None:
    with pytest.raises(ParameterError, match=r"^n must be 0 or more; got -1$"):
        Estimate(1, 0, 2, 0.95, -1)
    message = r"^confidence_level must lie strictly in \(0, 1\); got 1$"
    with pytest.raises(ParameterError, match=message):
        Estimate(1, 0, 2, 1, 3)


def test_wilson_by_hand() -> None:
    # Wilson (1927): (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    z, n, p = 1.959963984540054, 10, 3 / 10
    middle, scale = p + z**2 / (2 * n), 1 + z**2 / n
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    interval = wilson_interval(3, 10)
    assert interval.low == pytest.approx((middle - half) / scale, rel=1e-12)
    assert interval.high == pytest.approx((middle + half) / scale, rel=1e-12)


@pytest.mark.parametrize(("n_success", "n_trials"), [(0, 20), (20, 20), (37, 90)])
def test_wilson_against_statsmodels(n_success: int, n_trials: int) -> None:
    from statsmodels.stats.proportion import proportion_confint

    expected = proportion_confint(n_success, n_trials, alpha=0.1, method="wilson")
    interval = wilson_interval(n_success, n_trials, confidence_level=0.9)
    assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-12)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
)
def test_wilson_holds_its_rate_within_0_and_1(counts: tuple[int, int]) -> None:
    interval = wilson_interval(*counts)
    assert 0 <= interval.low <= counts[0] / counts[1] <= interval.high <= 1


def test_wilson_refuses_more_successes_than_trials() -> None:
    message = (
        "n_success and n_trials must satisfy 0 <= n_success <= n_trials and "
        "n_trials >= 1; got 4 and 3"
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        wilson_interval(4, 3)


def test_bootstrap_of_a_mean_has_its_standard_error(rng: np.random.Generator) -> None:
    sample = np.random.default_rng(3).normal(10, 2, size=400)
    interval = bootstrap_interval(sample, np.mean, n_resamples=4_000, rng=rng)
    half = 1.96 * sample.std() / math.sqrt(400)
    assert interval.value == sample.mean()
    assert (interval.high - interval.low) / 2 == pytest.approx(half, rel=0.05)


def test_bootstrap_same_seed_same_answer_and_order_does_not_change_the_value() -> None:
    sample = np.arange(50.0)
    first, second = (
        bootstrap_interval(sample, np.median, rng=np.random.default_rng(7))
        for _ in range(2)
    )
    assert first == second
    turned = bootstrap_interval(sample[::-1], np.median, rng=np.random.default_rng(7))
    assert turned.value == first.value


def test_bootstrap_of_equal_values_is_one_point(rng: np.random.Generator) -> None:
    interval = bootstrap_interval([4, 4, 4], np.mean, n_resamples=100, rng=rng)
    assert (interval.value, interval.low, interval.high) == (4, 4, 4)


@pytest.mark.parametrize(
    ("sample", "error", "message"),
    [
        ([1], FitError, "sample must hold at least 2 observations to resample; got 1"),
        ([], FitError, "sample must hold at least 1 value; got 0"),
        (
            [1, NAN, math.inf],
            ParameterError,
            "sample must be finite; got 2 of 3 missing or infinite",
        ),
        ([[1, 2]], ParameterError, "sample must be one-dimensional; got 2 axes"),
    ],
)
def test_bootstrap_refuses(
    sample: list[float], error: type[Exception], message: str, rng: np.random.Generator
) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        bootstrap_interval(sample, np.mean, rng=rng)


def test_bootstrap_refuses_few_resamples_and_a_seed(rng: np.random.Generator) -> None:
    with pytest.raises(
        ParameterError,
        match=r"^n_resamples must be a whole number of 100 or more; got 9$",
    ):
        bootstrap_interval([1, 2], np.mean, n_resamples=9, rng=rng)
    message = r"^rng must be a numpy.random.Generator; got int$"
    with pytest.raises(ParameterError, match=message):
        bootstrap_interval([1, 2], np.mean, rng=7)  # type: ignore[arg-type]
