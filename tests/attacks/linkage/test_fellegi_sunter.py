"""The likelihood form of linkage against hand arithmetic and simulated truth."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.attacks.linkage import (
    FellegiSunterModel,
    fit_fellegi_sunter,
    link_records,
)
from twinprivacy.errors import DataError, FitError, ParameterError


def model_of(comparisons, rows, normals=()):
    levels = pd.DataFrame(rows, columns=["column", "level", "m", "u"])
    levels["weight_bits"] = np.log2(levels["m"] / levels["u"])
    return FellegiSunterModel(
        comparisons,
        levels,
        pd.DataFrame(normals, columns=["column", "within_sd", "between_sd"]),
        0.1,
    )


def register(n, rng):
    """Two tables of the same people: some entries differ or are missing."""
    right = pd.DataFrame(
        {
            "sex": rng.choice(["m", "f"], n),
            "race": rng.choice(list("abcd"), n, p=[0.7, 0.1, 0.1, 0.1]),
            "born": rng.integers(1930, 2000, n).astype(float),
            "height": rng.normal(170, 10, n),
        },
        index=[f"p{i}" for i in range(n)],
    )
    left = right.copy()
    wrong = rng.random(n) < 0.1
    left.loc[wrong, "race"] = rng.choice(list("abcd"), wrong.sum())
    left["born"] += rng.choice([0, 1, -1], n, p=[0.8, 0.1, 0.1])
    left["height"] += rng.normal(0, 2, n)
    left.loc[rng.random(n) < 0.1, "race"] = None
    return left, right


LEVELS = {"sex": "category", "race": "category", "born": (0, 1, 3), "height": (2, 5)}


def test_weights_are_sums_of_log_ratios_by_hand():
    model = model_of(
        {"name": "category", "born": (0.0, 1.0)},
        [
            ("name", 0, 0.9, 0.01),
            ("name", 1, 0.1, 0.99),
            ("born", 0, 0.8, 0.02),
            ("born", 1, 0.15, 0.04),
            ("born", 2, 0.05, 0.94),
        ],
    )
    right = pd.DataFrame({"name": ["A", "B"], "born": [1950, 1960]}, index=["a", "b"])
    left = pd.DataFrame({"name": ["A", None, "B"], "born": [1951, 1960, 1950]})
    found = link_records(
        left,
        right,
        on=["name", "born"],
        truth=["a", "b", "b"],
        method="fellegi_sunter",
        model=model,
    ).targets
    expected = [
        math.log2(0.9 / 0.01) + math.log2(0.15 / 0.04),
        math.log2(0.8 / 0.02),  # a missing name weighs nothing
        math.log2(0.9 / 0.01) + math.log2(0.05 / 0.94),
    ]
    np.testing.assert_allclose(-found["own_distance"], expected)


def test_the_weight_of_a_number_is_the_ratio_of_two_normal_densities():
    from scipy.stats import norm

    model = model_of({"height": "normal"}, [], [("height", 2.0, 14.0)])
    right = pd.DataFrame({"height": [170.0, 181.0]})
    left = pd.DataFrame({"height": [173.0, 180.0, np.nan]})
    found = link_records(
        left,
        right,
        on=["height"],
        truth=[0, 1, 0],
        method="fellegi_sunter",
        model=model,
    ).targets
    gaps = np.array([3.0, 1.0])
    ratio = norm.logpdf(gaps, scale=2.0) - norm.logpdf(gaps, scale=14.0)
    np.testing.assert_allclose(-found["own_distance"], [*(ratio / np.log(2)), 0.0])
    assert found["n_tied"].tolist() == [1, 1, 2]


def test_known_pairs_give_shares_by_hand():
    right = pd.DataFrame({"sex": list("fmfm"), "age": [50.0, 61, 72, 83]})
    left = pd.DataFrame({"sex": ["f", "m", "m", None], "age": [50.0, 62, 75, 83]})
    model = fit_fellegi_sunter(
        left, right, on={"sex": "category", "age": (0, 1)}, truth=[0, 1, 2, 3]
    )
    # Sex of one person: 2 agree, 1 does not, 1 unknown; half a count on each level.
    # Of all 12 known pairs 6 agree, so of the 9 of two persons 4 agree and 5 do not.
    # Age of one person: 2 at 0, 1 at up to 1, 1 beyond; all 12 others are beyond.
    expected = pd.DataFrame(
        {
            "column": ["sex", "sex", "age", "age", "age"],
            "level": [0, 1, 0, 1, 2],
            "m": [2.5 / 4, 1.5 / 4, 2.5 / 5.5, 1.5 / 5.5, 1.5 / 5.5],
            "u": [4.5 / 10, 5.5 / 10, 0.5 / 13.5, 0.5 / 13.5, 12.5 / 13.5],
        }
    )
    pd.testing.assert_frame_equal(model.levels.drop(columns="weight_bits"), expected)
    assert model.prevalence == 4 / 16
    assert model.n_steps == 0


def test_known_pairs_give_spreads_by_hand():
    right = pd.DataFrame({"x": [0.0, 10.0, 30.0]})
    left = pd.DataFrame({"x": [1.0, 8.0, 32.0]})
    model = fit_fellegi_sunter(left, right, on=["x"], truth=[0, 1, 2])
    row = model.normals.iloc[0]
    assert row["within_sd"] == pytest.approx(math.sqrt((1 + 4 + 4) / 3))
    others = [9, 29, 8, 22, 32, 22]
    assert row["between_sd"] == pytest.approx(math.sqrt(np.mean(np.square(others))))


def test_agreement_of_unknown_pairs_is_recovered(rng):
    left, right = register(1_500, rng)
    known = fit_fellegi_sunter(left, right, on=LEVELS, truth=right.index).levels
    model = fit_fellegi_sunter(left, right, on=LEVELS | {"height": (2, 5)})
    assert model.n_steps > 0
    assert model.prevalence == pytest.approx(1 / 1_500, rel=0.5)
    best = known["level"] == 0
    np.testing.assert_allclose(model.levels["u"], known["u"], atol=0.01)
    np.testing.assert_allclose(
        model.levels.loc[best, "m"], known.loc[best, "m"], atol=0.2
    )


def test_expectation_maximisation_climbs_to_the_truth_of_independent_columns(rng):
    """Binary columns, many of them: the mixture is identified."""
    n, columns = 400, list("abcdefgh")
    right = pd.DataFrame(rng.integers(0, 5, (n, 8)).astype(str), columns=columns)
    left = right.copy()
    for column, error in zip(columns, np.linspace(0.02, 0.3, 8), strict=True):
        wrong = rng.random(n) < error
        left.loc[wrong, column] = "x"
    model = fit_fellegi_sunter(left, right, on=dict.fromkeys(columns, "category"))
    agree = model.levels[model.levels["level"] == 0]
    np.testing.assert_allclose(agree["m"], 1 - np.linspace(0.02, 0.3, 8), atol=0.06)
    # Strangers have the same of 5 values, unless the entry is wrong.
    np.testing.assert_allclose(
        agree["u"], (1 - np.linspace(0.02, 0.3, 8)) / 5, atol=0.01
    )
    assert model.prevalence == pytest.approx(1 / n, rel=0.05)


def test_weights_link_better_than_a_plain_distance(rng):
    learnt, linked = register(1_000, rng), register(1_000, rng)
    on = LEVELS | {"height": "normal"}
    model = fit_fellegi_sunter(*learnt, on=on, truth=learnt[1].index)
    truth = linked[1].index
    found = link_records(
        *linked, on=list(on), truth=truth, method="fellegi_sunter", model=model
    )
    plain = link_records(*linked, on=list(on), truth=truth)
    assert found.rank_rate(1).low > plain.rank_rate(1).high


def test_weights_of_independent_tables_tell_nothing(rng):
    left, right = register(300, rng)[0], register(300, rng)[1]
    truth = rng.permutation(right.index)
    model = fit_fellegi_sunter(
        left, right, on=LEVELS | {"height": "normal"}, truth=truth
    )
    other, gallery = register(300, rng)[0], register(300, rng)[1]
    found = link_records(
        other,
        gallery,
        on=list(LEVELS),
        truth=rng.permutation(gallery.index),
        method="fellegi_sunter",
        model=model,
    )
    rate = found.rank_rate(10)
    assert rate.low <= found.chance(10) <= rate.high


@settings(derandomize=True, deadline=None, max_examples=10)
@given(st.integers(0, 1_000), st.booleans())
def test_shares_are_shares_and_rows_have_no_order(seed, known):
    rng = np.random.default_rng(seed)
    left, right = register(40, rng)
    truth = pd.Series(right.index, index=left.index)
    turn = rng.permutation(40)
    fits = [
        fit_fellegi_sunter(
            left.iloc[order],
            right.iloc[order[::-1]],
            on=LEVELS,
            truth=truth.iloc[order] if known else None,
        )
        for order in (np.arange(40), turn)
    ]
    pd.testing.assert_frame_equal(fits[0].levels, fits[1].levels, rtol=1e-4, atol=1e-6)
    sums = fits[0].levels.groupby("column")[["m", "u"]].sum()
    np.testing.assert_allclose(sums, 1)
    assert (fits[0].levels[["m", "u"]] > 0).all(axis=None)


X = pd.DataFrame({"x": [1.0, 2.0], "s": ["a", "b"]}, index=["p", "q"])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"on": {"x": "normal"}, "truth": None},
            ParameterError,
            "on['x'] must be 'category', ends of levels or, with truth, 'normal'; got "
            "'normal'",
        ),
        (
            {"on": {"x": (2, 1)}},
            ParameterError,
            "on['x'] must have increasing ends of levels, 0 or more; got (2, 1)",
        ),
        (
            {"on": {"x": ()}},
            ParameterError,
            "on['x'] must have increasing ends of levels, 0 or more; got ()",
        ),
        (
            {"on": {"x": (-1, 1)}},
            ParameterError,
            "on['x'] must have increasing ends of levels, 0 or more; got (-1, 1)",
        ),
        (
            {"on": {"x": "normal"}},
            FitError,
            "column 'x' never differs within persons: compare it by levels",
        ),
        (
            {"truth": [None, None]},
            FitError,
            "column 's' must be known for some pairs of one person and of two",
        ),
        (
            {"left": X.assign(s=None)},
            FitError,
            "column 's' must be known for some pairs of one person and of two",
        ),
        (
            {"left": X.assign(s=None), "truth": None},
            FitError,
            "column 's' must be known for some pairs of one person and of two",
        ),
        (
            {"on": {"s": (0, 1)}},
            DataError,
            "column 's' must hold numbers, or true and false; got others",
        ),
        (
            {"left": X.iloc[:0]},
            DataError,
            "left must have 1 rows or more; got 0",
        ),
    ],
)
def test_bad_input_is_named(change, error, message):
    given_ = {"left": X, "right": X, "on": ["s"], "truth": ["p", "q"]} | change
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        fit_fellegi_sunter(given_.pop("left"), given_.pop("right"), **given_)


def test_too_many_patterns_are_refused():
    wide = pd.DataFrame(np.zeros((2, 30)), columns=[f"c{j}" for j in range(30)])
    message = (
        "on must give at most 1,000,000 patterns of agreement without truth; got "
        "2.06e+14"
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        fit_fellegi_sunter(wide, wide, on=dict.fromkeys(wide, "category"))


def test_a_model_of_other_columns_is_refused():
    model = fit_fellegi_sunter(X, X, on=["s"], truth=["p", "q"])
    message = "method 'fellegi_sunter' takes the columns of its model"
    with pytest.raises(ParameterError, match=f"^{message}$"):
        link_records(X, X, on=["x"], method="fellegi_sunter", model=model)
