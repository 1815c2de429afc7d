"""Shares, means and differences against statsmodels, worked examples and coverage."""

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import statsmodels.api as sm
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm, ttest_1samp, ttest_ind
from statsmodels.stats.proportion import proportion_confint

from twinprivacy.errors import FitError, ParameterError
from twinprivacy.estimates import (
    Estimate,
    difference_of_means,
    difference_of_rates,
    mean_interval,
    paired_difference,
    share_interval,
    wilson_interval,
)

Z = float(norm.ppf(0.975))


def pairs(
    both: int, first: int, second: int, neither: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    counts = [both, first, second, neither]
    return np.repeat([True, True, False, False], counts), np.repeat(
        [True, False, True, False], counts
    )


def bounds(estimate: Estimate) -> tuple[float, float]:
    return estimate.low, estimate.high


# Newcombe (1998), Statistics in Medicine 17:873, table II, method 10.
@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
    ],
)
def test_rates_as_published(
    counts: tuple[int, int, int, int], expected: tuple[float, float]
) -> None:
    found = difference_of_rates(*counts)
    assert bounds(found) == pytest.approx(expected, abs=5e-5)
    assert found.value == pytest.approx(counts[0] / counts[1] - counts[2] / counts[3])
    assert found.n == counts[1] + counts[3]


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(0, 40), st.integers(0, 30), st.floats(0.5, 0.99))
def test_rates_swap_sides(first: int, second: int, level: float) -> None:
    there = difference_of_rates(first, 40, second, 30, confidence_level=level)
    back = difference_of_rates(second, 30, first, 40, confidence_level=level)
    assert bounds(there) == pytest.approx((-back.high, -back.low), abs=1e-12)
    assert -1 <= there.low < there.high <= 1


def score(delta: float, gained: int, lost: int, n: int) -> float:
    """Return the score statistic, the share of lost pairs found by search."""
    low = max(0.0, -delta)

    def loss(q: float) -> float:
        shares = (q + delta, q, 1 - 2 * q - delta)
        counts = (gained, lost, n - gained - lost)
        pieces = [
            k * math.log(max(share, 1e-300))
            for k, share in zip(counts, shares, strict=True)
            if k
        ]
        return -sum(pieces)

    limits = (low, (1 - delta) / 2)
    q = float(
        minimize_scalar(
            loss, bounds=limits, method="bounded", options={"xatol": 1e-12}
        ).x
    )
    spread = n * (2 * q + delta * (1 - delta))
    return (gained - lost - n * delta) / math.sqrt(spread)


@pytest.mark.parametrize(
    "counts", [(1, 1, 7, 12), (20, 5, 2, 30), (90, 12, 40, 60), (3, 1, 1, 500)]
)
def test_pairs_solve_the_score_equation(counts: tuple[int, int, int, int]) -> None:
    found = paired_difference(*pairs(*counts))
    n = sum(counts)
    assert found.value == pytest.approx((counts[1] - counts[2]) / n)
    assert found.n == n
    assert score(found.low, counts[1], counts[2], n) == pytest.approx(Z, abs=1e-3)
    assert score(found.high, counts[1], counts[2], n) == pytest.approx(-Z, abs=1e-3)


@pytest.mark.parametrize("n", [1, 10, 200, 100_000])
def test_pairs_that_never_differ_keep_a_width(n: int) -> None:
    found = paired_difference(*pairs(n, 0, 0, 0))
    half = Z**2 / (n + Z**2)
    assert bounds(found) == pytest.approx((-half, half), abs=1e-12)


def test_pairs_that_always_differ() -> None:
    n = 50
    found = paired_difference(*pairs(0, n, 0, 0))
    assert found.low == pytest.approx((n - Z**2) / (n + Z**2), abs=1e-12)
    assert (found.value, found.high) == (1, 1)


counts_of_pairs = st.tuples(*[st.integers(0, 30)] * 4).filter(any)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(counts_of_pairs, st.floats(0.5, 0.99))
def test_pairs_swap_sides_and_widen_with_the_level(
    counts: tuple[int, int, int, int], level: float
) -> None:
    first, second = pairs(*counts)
    there = paired_difference(first, second, confidence_level=level)
    back = paired_difference(second, first, confidence_level=level)
    assert bounds(there) == pytest.approx((-back.high, -back.low), abs=1e-9)
    assert -1 <= there.low < there.high <= 1
    wider = paired_difference(first, second, confidence_level=min(level + 0.005, 0.999))
    assert wider.low <= there.low + 1e-9
    assert wider.high >= there.high - 1e-9


@pytest.mark.parametrize(
    "shares", [(0.6, 0.01, 0, 0.39), (0.5, 0.04, 0.01, 0.45), (0.4, 0.1, 0.1, 0.4)]
)
def test_pairs_cover(
    rng: np.random.Generator, shares: tuple[float, float, float, float]
) -> None:
    truth = shares[1] - shares[2]
    drawn = rng.multinomial(200, shares, size=600)
    found = [paired_difference(*pairs(*counts)) for counts in drawn.tolist()]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert covered >= 0.93


def test_pairs_of_persons_with_several_rows() -> None:
    rows = pairs(30, 12, 4, 34)
    copies = [np.repeat(flags, 3) for flags in rows]
    alone = paired_difference(*rows, groups=np.arange(80))
    grouped = paired_difference(*copies, groups=np.repeat(np.arange(80), 3))
    assert bounds(grouped) == pytest.approx(bounds(alone), abs=1e-9)
    assert grouped.n == alone.n == 80
    # Counting copies as people would be too sure.
    assert paired_difference(*copies).high < grouped.high


def test_pairs_of_persons_cover(rng: np.random.Generator) -> None:
    covered = 0
    for _ in range(400):
        tendency = np.repeat(rng.choice([0.0, 0.3], size=60), 4)
        first = rng.random(240) < 0.5 + tendency / 2
        second = first & (rng.random(240) >= tendency)
        # P(first only) is the mean of (0.5 + t / 2) t: 0.65 * 0.3 / 2.
        found = paired_difference(first, second, groups=np.repeat(np.arange(60), 4))
        covered += found.low <= 0.0975 <= found.high
    assert covered / 400 >= 0.93


def test_share_without_groups_is_wilson() -> None:
    flags = np.repeat([True, False], [13, 27])
    assert share_interval(flags) == wilson_interval(13, 40)
    assert share_interval([1, 0, 1]) == wilson_interval(2, 3)


def test_share_of_persons_with_copies() -> None:
    flags, groups = np.repeat([True, False], [26, 54]), np.repeat(np.arange(40), 2)
    found = share_interval(flags, groups=groups)
    # 13 of 40 persons, with the variance of 39 degrees of freedom.
    from scipy.stats import t

    size = 39 * (Z / float(t.ppf(0.975, 39))) ** 2
    expected = proportion_confint(size * 13 / 40, size, method="wilson")
    assert bounds(found) == pytest.approx(expected)
    assert found.n == 40


def test_share_that_does_not_vary_counts_persons() -> None:
    found = share_interval([True] * 60, groups=np.repeat(np.arange(20), 3))
    assert found.high == found.value == 1
    assert found.low < wilson_interval(20, 20).low


def test_share_of_persons_covers(rng: np.random.Generator) -> None:
    groups, covered = np.repeat(np.arange(40), 5), 0
    for _ in range(500):
        chance = np.repeat(rng.beta(0.5, 4.5, size=40), 5)
        found = share_interval(rng.random(200) < chance, groups=groups)
        covered += found.low <= 0.1 <= found.high
    assert covered / 500 >= 0.93


def test_mean_is_student(rng: np.random.Generator) -> None:
    values = rng.normal(size=17)
    expected = ttest_1samp(values, 0).confidence_interval(0.9)
    found = mean_interval(values, confidence_level=0.9)
    assert bounds(found) == pytest.approx((expected.low, expected.high))
    assert found.n == 17


def test_mean_of_persons_is_the_clustered_regression(rng: np.random.Generator) -> None:
    groups = rng.integers(12, size=70)
    values = rng.normal(size=12)[groups] + rng.normal(size=70)
    fit = sm.OLS(values, np.ones(70)).fit()
    # statsmodels multiplies by (n - 1) / (n - k), which is 1 for a lone constant.
    robust = fit.get_robustcov_results("cluster", groups=groups, use_t=True)
    found = mean_interval(values, groups=groups)
    assert bounds(found) == pytest.approx(robust.conf_int()[0])
    names = np.array([f"person {group}" for group in groups], dtype=object)
    assert mean_interval(values, groups=names) == found


def test_mean_without_spread_or_with_one_person() -> None:
    assert bounds(mean_interval([0.1] * 7)) == pytest.approx((0.1, 0.1), abs=1e-15)
    assert bounds(mean_interval([2.0, 2.0])) == (2, 2)
    for lone in (mean_interval([3.0]), mean_interval([1, 2], groups=["a", "a"])):
        assert np.isnan(bounds(lone)).all()
        assert lone.n == 1
    assert np.isnan(bounds(share_interval([1, 0], groups=[1, 1]))).all()
    assert np.isnan(bounds(paired_difference([1, 0], [1, 1], groups=[1, 1]))).all()


def test_means_are_welch(rng: np.random.Generator) -> None:
    first, second = rng.normal(1, 2, size=15), rng.normal(0, 0.5, size=40)
    expected = ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    found = difference_of_means(first, second)
    assert bounds(found) == pytest.approx((expected.low, expected.high))
    copies = difference_of_means(
        np.repeat(first, 2),
        second,
        groups_first=np.repeat(np.arange(15), 2),
        groups_second=np.arange(40),
    )
    assert bounds(copies) == pytest.approx(bounds(found))
    assert copies.n == found.n == 55


def test_means_where_a_side_does_not_vary() -> None:
    one_sided = difference_of_means([1.0, 2.0, 3.0], [5.0, 5.0])
    alone = mean_interval([1.0, 2.0, 3.0])
    assert bounds(one_sided) == pytest.approx((alone.low - 5, alone.high - 5))
    assert bounds(difference_of_means([1.0, 1.0], [3.0, 3.0])) == (-2, -2)
    assert np.isnan(bounds(difference_of_means([1.0], [3.0, 4.0]))).all()


MISTAKES: list[tuple[Any, type[Exception], str]] = [
    (
        lambda: difference_of_rates(5, 4, 1, 2),
        ParameterError,
        "n_success and n_trials must satisfy 0 <= n_success <= n_trials and "
        "n_trials >= 1; got 5 and 4",
    ),
    (
        lambda: difference_of_rates(1, 4, 1, 2, confidence_level=1),
        ParameterError,
        "confidence_level must lie strictly in (0, 1); got 1",
    ),
    (
        lambda: paired_difference([True], [True, False]),
        ParameterError,
        "first and second must have one value for each target; got 1 and 2",
    ),
    (
        lambda: paired_difference([0.5, 1], [1, 1]),
        ParameterError,
        "first must be true or false, or 0 or 1; got 1 of 2 that are neither",
    ),
    (
        lambda: share_interval([1, np.nan]),
        ParameterError,
        "success must be finite; got 1 of 2 missing or infinite",
    ),
    (
        lambda: mean_interval([[1.0]]),
        ParameterError,
        "values must be one-dimensional; got 2 axes",
    ),
    (lambda: mean_interval([]), FitError, "values must hold at least 1 value; got 0"),
    (
        lambda: mean_interval([1, 2], groups=["a"]),
        ParameterError,
        "groups must name the group of each of the 2 rows; got shape (1,)",
    ),
    (
        lambda: difference_of_means([1, 2], [1, 2], groups_second=["a", None]),
        ParameterError,
        "groups_second must not be missing; got 1 of 2 missing",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), MISTAKES)
def test_mistakes_are_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        call()
