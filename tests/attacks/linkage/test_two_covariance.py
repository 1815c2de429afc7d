"""The likelihood ratio against scipy's densities; the law against known ones."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import multivariate_normal

from twinprivacy.attacks.linkage import (
    TwoCovariance,
    fit_two_covariance,
    log_likelihood_ratios,
)
from twinprivacy.errors import DataError, FitError


def pair(
    n: int, ratios: list[float], rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    people = rng.normal(size=(n, len(ratios))) * np.sqrt(ratios)
    records = [people + rng.normal(size=people.shape) for _ in range(2)]
    return pd.DataFrame(records[0]).add_prefix("x"), pd.DataFrame(
        records[1]
    ).add_prefix("x")


@given(st.integers(0, 2**32), st.integers(1, 4))
@settings(derandomize=True, deadline=None, max_examples=20)
def test_ratio_is_that_of_normal_densities(seed: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    ratios = np.sort(rng.exponential(3, d))[::-1]
    names = tuple("abcd"[:d])
    law = TwoCovariance(names, np.zeros(d), np.ones(d), np.eye(d), ratios, 99)
    x, y = (pd.DataFrame(rng.normal(size=(3, d)), columns=names) for _ in range(2))
    found = log_likelihood_ratios(law, x, y)
    between, total = np.diag(ratios), np.diag(ratios + 1)
    joint = np.block([[total, between], [between, total]])
    for i in range(3):
        for j in range(3):
            both = np.concatenate([x.iloc[i], y.iloc[j]])
            expected = multivariate_normal(np.zeros(2 * d), joint).logpdf(both)
            expected -= multivariate_normal(np.zeros(d), total).logpdf(x.iloc[i])
            expected -= multivariate_normal(np.zeros(d), total).logpdf(y.iloc[j])
            assert found[i, j] == pytest.approx(expected, abs=1e-9)


def test_known_law_is_learned(rng: np.random.Generator) -> None:
    law = fit_two_covariance(*pair(20_000, [9.0, 1.0, 0.0], rng))
    assert law.ratios == pytest.approx([9, 1, 0], abs=0.4)


def test_units_and_mixtures_of_columns_do_not_matter(rng: np.random.Generator) -> None:
    left, right = pair(1_000, [4.0, 2.0], rng)
    mix = np.array([[3.0, 100.0], [-1.0, 50.0]])
    mixed = [
        pd.DataFrame(t.to_numpy() @ mix + 7, columns=["u", "v"]) for t in (left, right)
    ]
    plain = log_likelihood_ratios(fit_two_covariance(left, right), left, right)
    other = log_likelihood_ratios(fit_two_covariance(*mixed), *mixed)
    # Shrinkage and the cut at 4 SDs depend on the columns a little.
    assert np.corrcoef(plain.ravel(), other.ravel())[0, 1] > 0.99


def test_calibration_of_a_true_law(rng: np.random.Generator) -> None:
    # Of pairs with posterior odds of a same person p : 1 - p, a share p are.
    law = fit_two_covariance(*pair(5_000, [4.0, 2.0], rng))
    left, right = pair(1_000, [4.0, 2.0], rng)
    ratios = log_likelihood_ratios(law, left, right)
    same, other = np.diag(ratios), ratios[~np.eye(1_000, dtype=bool)]
    # E over strangers of the likelihood ratio is 1, and over owners of its inverse.
    assert np.exp(other).mean() == pytest.approx(1, abs=0.1)
    assert np.exp(-same).mean() == pytest.approx(1, abs=0.3)
    # One record tells sum log2(1 + r) - log2(1 + 2 r) / 2 bits of the other.
    expected = (np.log2(1 + law.ratios) - np.log2(1 + 2 * law.ratios) / 2).sum()
    assert same.mean() / np.log(2) == pytest.approx(expected, abs=0.15)


def test_independent_records_tell_nothing(rng: np.random.Generator) -> None:
    left, right = (pd.DataFrame(rng.normal(size=(5_000, 3))) for _ in range(2))
    law = fit_two_covariance(left, right)
    assert (law.ratios < 0.1).all()


def test_same_records_are_finite_and_certain(rng: np.random.Generator) -> None:
    left = pd.DataFrame(rng.normal(size=(60, 3)))
    scores = log_likelihood_ratios(fit_two_covariance(left, left), left, left)
    assert np.isfinite(scores).all()
    assert (scores.argmax(axis=1) == np.arange(60)).all()


def test_200_columns_of_20_people(rng: np.random.Generator) -> None:
    left, right = (pd.DataFrame(rng.normal(size=(20, 200))) for _ in range(2))
    law = fit_two_covariance(left, right)
    assert law.axes.shape == (200, 200)
    assert np.isfinite(log_likelihood_ratios(law, left, right)).all()


def test_order_of_people_and_missing_columns(rng: np.random.Generator) -> None:
    left, right = pair(50, [2.0, 1.0], rng)
    law = fit_two_covariance(left, right)
    shuffled = fit_two_covariance(left, right.sample(frac=1, random_state=3))
    np.testing.assert_array_equal(law.ratios, shuffled.ratios)
    more = [t.assign(same=1.0, empty=np.nan) for t in (left, right)]
    assert fit_two_covariance(*more).names == ("x0", "x1")
    holes = left.mask(rng.random(left.shape) < 0.1)
    assert np.isfinite(log_likelihood_ratios(law, holes, right)).all()


def test_bad_input(rng: np.random.Generator) -> None:
    left, right = pair(30, [2.0, 1.0], rng)
    cases = [
        (left.head(9), right.head(9), FitError, "10 people or more; got 9"),
        (left, right.head(29), DataError, "the same people in their index"),
        (
            left,
            right.set_axis([0] * 30),
            DataError,
            "the index of right must name each row once",
        ),
        (left, right[["x1", "x0"]], DataError, "the same columns, in one order"),
        (
            left,
            right[["x0"]],
            DataError,
            "right must have the columns x0, x1 once each; missing: x1",
        ),
        (left * np.inf, right, DataError, "left must be finite or missing; got"),
        (
            left.assign(x0="a"),
            right,
            DataError,
            "left must hold numbers, or true and false",
        ),
        (left * 0, right * 0, FitError, "at least one column that varies"),
    ]
    for one, two, error, message in cases:
        with pytest.raises(error, match=message):
            fit_two_covariance(one, two)
    for columns in (["x0"], ["x0", "x1", "x1"]):
        with pytest.raises(
            DataError, match=r"^records must have the columns x0, x1 once"
        ):
            fit_two_covariance(left, right).place(left[columns])


def test_times_are_no_numbers() -> None:
    times = pd.DataFrame({"t": pd.date_range("2020-01-01", periods=12)})
    with pytest.raises(
        DataError, match=r"^left must hold numbers, or true and false; got others$"
    ):
        fit_two_covariance(times, times)
