"""Unicity against arithmetic on uniform cells, by hand, and on bad input."""

from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.attacks.traces import unicity, unicity_curve
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.estimates import wilson_interval


def uniform_traces(
    n: int, n_points: int, n_cells: int, rng: np.random.Generator
) -> pd.DataFrame:
    cells = [rng.choice(n_cells, n_points, replace=False) for _ in range(n)]
    return pd.DataFrame(
        {"patient": np.repeat(np.arange(n), n_points), "cell": np.concatenate(cells)}
    )


@pytest.mark.parametrize("k", [1, 2, 3])
def test_uniform_cells_by_arithmetic(k: int, rng: np.random.Generator) -> None:
    n, n_points, n_cells = 400, 10, 60
    # Another person has all k points with the hypergeometric probability q; all n - 1
    # others lack one of them with (1 - q)^(n - 1).
    q = comb(n_cells - k, n_points - k) / comb(n_cells, n_points)
    expected = (1 - q) ** (n - 1)
    found = [
        unicity(uniform_traces(n, n_points, n_cells, rng), k, rng=rng).value
        for _ in range(10)
    ]
    error = np.std(found, ddof=1) / np.sqrt(10)
    assert abs(np.mean(found) - expected) < 4 * error + 1e-3


def test_by_hand() -> None:
    # a and b share two of their three points; c has nothing in common with them.
    points = pd.DataFrame(
        {
            "patient": list("aaabbbccc"),
            "day": [1, 2, 3, 1, 2, 4, 7, 8, 9],
            "inr": [2.0, 2.5, 3.0, 2.0, 2.5, 3.0, 2.0, 2.0, 2.0],
        }
    )
    # One of a's three points is a's alone, likewise b's, and c's all are: with many
    # draws (1/3 + 1/3 + 1) / 3; two points are shared in one of three pairs.
    rng = np.random.default_rng(7)
    one = unicity(points, 1, n_draws=3_000, rng=rng)
    two = unicity(points, 2, n_draws=3_000, rng=rng)
    assert one.value == pytest.approx(5 / 9, abs=0.02)
    assert two.value == pytest.approx((2 / 3 + 2 / 3 + 1) / 3, abs=0.02)
    assert unicity(points, 3, rng=rng).value == 1
    assert one.n == two.n == 3


def test_a_person_seen_twice_is_never_named(rng: np.random.Generator) -> None:
    points = uniform_traces(50, 6, 40, rng)
    twin = points.assign(patient=points["patient"] + 50)
    both = pd.concat([points, twin])
    assert unicity_curve(both, [1, 3, 6], rng=rng)["value"].tolist() == [0, 0, 0]


def test_a_constant_names_nobody_and_an_identifier_everybody() -> None:
    points = pd.DataFrame({"patient": range(9), "same": 1.0, "own": range(9)})
    rng = np.random.default_rng(7)
    assert unicity(points[["patient", "same"]], 1, rng=rng).value == 0
    assert unicity(points[["patient", "own"]], 1, rng=rng).value == 1


@given(st.integers(0, 2**32), st.integers(2, 30), st.integers(3, 50))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_more_and_finer_points_never_name_fewer(
    seed: int, n: int, n_cells: int
) -> None:
    rng = np.random.default_rng(seed)
    points = uniform_traces(n, 3, n_cells, rng)
    widths = {1: {"cell": 1}, 2: {"cell": 2}, 4: {"cell": 4}, 8: {"cell": 8.0}}
    table = unicity_curve(points, [1, 2, 3], widths, rng=rng)
    wide = table.pivot_table(index="k", columns="coarsening", values="value")
    assert (np.diff(wide.to_numpy(), axis=0) >= 0).all()
    assert (np.diff(wide.to_numpy(), axis=1) <= 0).all()
    assert table["low"].min() >= 0
    assert table["high"].max() <= 1
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()


def test_order_of_rows_does_not_matter(rng: np.random.Generator) -> None:
    points = uniform_traces(60, 5, 30, rng)
    shuffled = points.sample(frac=1.0, random_state=1)
    answers = [
        unicity_curve(table, [1, 2], n_draws=2, rng=np.random.default_rng(3))
        for table in (points, shuffled)
    ]
    pd.testing.assert_frame_equal(*answers)


def test_missing_and_repeated_points_are_no_points() -> None:
    points = pd.DataFrame({"patient": [1, 1, 1, 2], "value": [5.0, 5.0, np.nan, 6.0]})
    rng = np.random.default_rng(7)
    assert unicity(points, 1, rng=rng).value == 1
    message = r"points must hold 2 points of somebody; the most are 1"
    with pytest.raises(FitError, match=f"^{message}$"):
        unicity(points, 2, rng=rng)


def test_times_are_coarsened() -> None:
    times = pd.to_datetime(["2020-01-01 00:10", "2020-01-01 00:50", "2020-01-01 01:10"])
    points = pd.DataFrame({"patient": [1, 2, 3], "time": times})
    widths = {"hour": {"time": pd.Timedelta(hours=1)}}
    rng = np.random.default_rng(7)
    table = unicity_curve(points, [1], widths, rng=rng)
    assert table["value"].tolist() == [pytest.approx(1 / 3)]


@pytest.mark.parametrize("n_draws", [1, 2, 10])
def test_interval_covers_the_share_of_uniform_cells(n_draws: int) -> None:
    rng = np.random.default_rng(11)
    n, q = 100, comb(57, 7) / comb(60, 10)
    truth = (1 - q) ** (n - 1)
    assert truth == pytest.approx(0.707, abs=0.001)
    found = [
        unicity(uniform_traces(n, 10, 60, rng), 3, n_draws=n_draws, rng=rng)
        for _ in range(100)
    ]
    covered = sum(one.low <= truth <= one.high for one in found)
    assert covered >= 89


@pytest.mark.parametrize(("n", "expected"), [(5, 1.0), (1, 1.0), (5, 0.0)])
def test_more_draws_of_the_same_answer_tell_no_more(n: int, expected: float) -> None:
    value = np.arange(n) if expected else np.zeros(n)
    points = pd.DataFrame({"patient": range(n), "value": value})
    rng = np.random.default_rng(7)
    for n_draws in (1, 2, 20):
        found = unicity(points, 1, n_draws=n_draws, rng=rng)
        assert found == wilson_interval(int(n * expected), n)


def test_interval_holds_where_few_are_ever_named() -> None:
    # Everybody has 9 points in common and, by a coin, one of their own, which a draw
    # in 10 hits: the share is 1/20, and most people are named by none of 4 draws.
    rng, covered = np.random.default_rng(12), 0
    for _ in range(150):
        own = np.where(rng.random(20) < 0.5, 100 + np.arange(20), 9)
        values = [[*range(9), one] for one in own]
        points = pd.DataFrame({"patient": range(20), "value": values}).explode("value")
        found = unicity(points, 1, n_draws=4, rng=rng)
        covered += found.low <= 1 / 20 <= found.high
    assert covered / 150 >= 0.93


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"who": [1], "a": [1]}, "points must have the columns patient, who, a once"),
        ({"patient": [1]}, "points must have 1 column or more beside that of people"),
        (
            {"patient": [None, 1], "a": [1, 2]},
            "patient must be known for everyone; got 1 of 2",
        ),
        ({"patient": [1, 2], "a": [[1], [2]]}, "points must hold numbers, texts, "),
    ],
)
def test_bad_tables(table: dict[str, list[int]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        unicity(pd.DataFrame(table), 1, rng=np.random.default_rng(1))


def test_a_repeated_column_is_refused() -> None:
    points = pd.DataFrame([[1, 2, 3]], columns=["patient", "a", "a"])
    message = "repeated: a$"
    with pytest.raises(DataError, match=message):
        unicity(points, 1, rng=np.random.default_rng(1))


def test_coarser_names_more_where_widths_are_no_multiples() -> None:
    points = pd.DataFrame({"patient": [1, 2, 3, 4], "a": [0, 1, 2, 3]})
    # Classes of 2 are {0, 1} and {2, 3}; those of 3 are {0, 1, 2} and {3} alone.
    widths = {w: {"a": w} for w in (np.int64(2), np.float32(3), 6)}
    table = unicity_curve(points, [1], widths, rng=np.random.default_rng(1))
    assert table["value"].tolist() == [0, 0.25, 0]


def test_bad_settings() -> None:
    points = pd.DataFrame({"patient": [1, 2], "a": [1.0, 2.0], "b": ["x", "y"]})
    rng = np.random.default_rng(7)
    for k, n_draws in [(0, 1), (1.5, 1), (1, 0), (1, 1.5), (np.nan, 1)]:
        message = "^(k|n_draws) must be a whole number of 1 or more; got"
        with pytest.raises(ParameterError, match=message):
            unicity(points, k, n_draws=n_draws, rng=rng)
    assert unicity(points, np.int64(1), rng=rng).value == 1
    with pytest.raises(ParameterError, match=r"rng must be a numpy.random.Generator"):
        unicity(points, 1, rng=1)  # type: ignore[arg-type]
    with pytest.raises(FitError, match=r"points must hold at least one without"):
        unicity(points.assign(a=np.nan), 1, rng=rng)
    for widths, error, message in [
        ({"c": 1}, DataError, "coarsenings name the column c, which points lacks"),
        ({"b": 1}, DataError, "b must be a number or a time to be coarsened"),
        ({"a": 0}, ParameterError, "the width of a must be finite and above 0; got 0"),
        (
            {"a": "2"},
            ParameterError,
            "the width of a must be finite and above 0; got '2'",
        ),
    ]:
        with pytest.raises(error, match=f"^{message}$"):
            unicity_curve(points, [1], {"": widths}, rng=rng)
