"""Linkage: exact, blind to the order of rows, and at chance where nothing is told."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.attacks.linkage import link_records
from twinprivacy.errors import DataError, ParameterError


def people(n, rng, columns=4):
    return pd.DataFrame(
        rng.normal(size=(n, columns)),
        columns=[f"c{j}" for j in range(columns)],
        index=[f"p{i}" for i in range(n)],
    )


def mixed(n, rng):
    table = people(n, rng, 3)
    table["sex"] = rng.choice(["f", "m"], n)
    table["blood"] = pd.Categorical(rng.choice(list("ABO"), n))
    table.loc[rng.random(n) < 0.2, "c0"] = np.nan
    table.loc[rng.random(n) < 0.2, "sex"] = None
    return table


def naive(left, right, on, *, power):
    """All distances by definition, in whole matrices; scales are given in `on`."""
    total = np.zeros((len(left), len(right)))
    for column, scale in on.items():
        x, y = (t[column].to_numpy(dtype=object) for t in (left, right))
        if scale == "category":
            total += x[:, None] != y
        else:
            x, y = x.astype(float), y.astype(float)
            total += np.abs((x[:, None] - y) / scale) ** power
    out = total / len(on)
    return np.sqrt(out) if power == 2 else out


@pytest.mark.parametrize(("method", "power"), [("distance", 2), ("gower", 1)])
@pytest.mark.parametrize("n", [3, 128, 129, 400])
def test_nearest_and_ranks_are_those_of_all_pairs(rng, method, power, n):
    right = people(n, rng)
    right["sex"] = rng.choice(["f", "m"], n)
    left = right.copy()
    left[["c0", "c1"]] += rng.normal(size=(n, 2))
    on = {"c0": 1.0, "c1": 2.0, "c2": 0.5, "sex": "category"}
    found = link_records(left, right, on=on, truth=right.index, method=method).targets
    every = naive(left, right, on, power=power)
    own = np.diag(every)
    np.testing.assert_allclose(found["own_distance"], own)
    np.testing.assert_allclose(found["distance"], every.min(axis=1))
    np.testing.assert_allclose(found["second_distance"], np.sort(every)[:, 1])
    np.testing.assert_array_equal(
        found["n_nearer"], (every < own[:, None] - 1e-12).sum(axis=1)
    )


def test_nearest_neighbours_are_those_of_scikit_learn(rng):
    from sklearn.neighbors import NearestNeighbors

    right, left = people(700, rng, 6), people(500, rng, 6)
    on = dict.fromkeys(right, 1.0)
    found = link_records(left, right, on=on).targets
    peer = NearestNeighbors(n_neighbors=2).fit(right.to_numpy())
    distance, at = peer.kneighbors(left.to_numpy())
    assert (found["nearest"] == right.index[at[:, 0]]).all()
    # Ours is the root of the mean over 6 columns.
    np.testing.assert_allclose(found["distance"], distance[:, 0] / np.sqrt(6))
    np.testing.assert_allclose(found["second_distance"], distance[:, 1] / np.sqrt(6))


def test_a_missing_value_costs_what_strangers_cost():
    right = pd.DataFrame({"sex": ["f", "m", "m", None]}, index=list("abcd"))
    left = pd.DataFrame({"sex": ["m", None]})
    found = link_records(left, right, on=["sex"], truth=["d", "a"]).targets
    # m on the left against f, m, m: a third differs; the cost is 1/3, its root 0.577.
    np.testing.assert_allclose(found["own_distance"], [np.sqrt(1 / 3)] * 2)
    assert found["n_nearer"].tolist() == [2, 0]
    assert found["n_tied"].tolist() == [1, 4]


def test_the_same_table_twice_links_everybody(rng):
    table = mixed(120, rng)
    table["c0"] = table["c0"].fillna(0.0)
    table["sex"] = table["sex"].fillna("f")
    found = link_records(table, table, on=list(table), truth=table.index)
    assert found.rank_rate(1).value == 1


def test_t_copies_of_a_record_share_its_success(rng):
    single = people(20, rng)
    table = pd.concat([single] * 3, ignore_index=True)
    found = link_records(table, table, on=list(table), truth=table.index)
    assert found.rank_rate(1).value == pytest.approx(1 / 3)
    assert found.rank_rate(2).value == pytest.approx(2 / 3)
    assert found.rank_rate(3).value == 1
    assert found.targets["n_nearest"].eq(3).all()
    assert found.targets["nearest"].isna().all()
    assert found.targets["rank"].eq(2).all()


@pytest.mark.parametrize("method", ["distance", "gower"])
def test_constant_columns_in_the_same_order_link_at_chance(method):
    table = pd.DataFrame({"a": np.full(50, 3.3), "b": ["x"] * 50})
    found = link_records(table, table, on=["a", "b"], truth=table.index, method=method)
    assert found.rank_rate(1).value == pytest.approx(1 / 50)
    assert found.rank_rate(7).value == pytest.approx(7 / 50)
    assert found.rank_rate(1).low < found.chance(1) < found.rank_rate(1).high


def test_all_missing_links_at_chance():
    table = pd.DataFrame({"a": np.full(30, np.nan), "b": [None] * 30})
    on = {"a": "number", "b": "category"}
    found = link_records(table, table, on=on, truth=table.index)
    assert found.rank_rate(1).value == pytest.approx(1 / 30)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 90))
def test_the_order_of_rows_does_not_matter(seed, n):
    rng = np.random.default_rng(seed)
    right = mixed(n, rng).round(1)
    left = right.copy()
    left["c1"] = (left["c1"] + rng.normal(size=n)).round(1)
    truth = pd.Series(right.index, index=left.index)
    on = list(left)
    first = link_records(left, right, on=on, truth=truth)
    turn, other = rng.permutation(n), rng.permutation(n)
    second = link_records(
        left.iloc[turn],
        right.iloc[other],
        on=on,
        truth=truth.iloc[turn],
    )
    pd.testing.assert_frame_equal(
        first.targets, second.targets.loc[first.targets.index], rtol=1e-9, atol=1e-9
    )
    assert 0 <= first.rank_rate(1).value <= 1
    assert first.rank_rate(n).value == pytest.approx(1)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_units_do_not_matter(seed, factor, shift):
    rng = np.random.default_rng(seed)
    right = people(40, rng)
    left = right + rng.normal(size=right.shape)
    for method in ("distance", "gower"):
        found = [
            link_records(a, b, on=list(right), truth=right.index, method=method).targets
            for a, b in ((left, right), (factor * left + shift, factor * right + shift))
        ]
        pd.testing.assert_frame_equal(*found, rtol=1e-6)


def test_independent_tables_link_at_chance_at_the_stated_rate(rng):
    covered = 0
    for one in rng.spawn(300):
        left, right = people(60, one, 3), people(8, one, 3)
        truth = one.choice(right.index, 60)
        found = link_records(
            left, right, on=list(left), truth=truth, groups=np.arange(60)
        )
        rate = found.rank_rate(2)
        covered += rate.low <= found.chance(2) <= rate.high
    assert 0.93 <= covered / 300 <= 0.97


def test_rows_of_one_person_are_one_person(rng):
    right = people(30, rng)
    truth = np.repeat(right.index, 4)
    noise = np.repeat(rng.normal(size=(30, 4)), 4, axis=0)
    left = right.loc[truth].reset_index(drop=True) + noise
    found = link_records(left, right, on=list(left), truth=truth)
    alone = link_records(left, right, on=list(left), truth=truth, groups=np.arange(120))
    wide, narrow = found.rank_rate(1), alone.rank_rate(1)
    assert (wide.n, narrow.n) == (30, 120)
    assert wide.value == narrow.value
    # Four copies of a row are worth one: the interval is about twice as wide.
    ratio = (wide.high - wide.low) / (narrow.high - narrow.low)
    assert 1.8 < ratio < 2.4


def test_times_and_spans_of_time_are_no_numbers():
    born = pd.Series(pd.date_range("1930-03-01", periods=9))
    message = "column 'born' must hold numbers, or true and false; got others"
    for column in (born, born - born[1], born.astype("category")):
        table = column.to_frame("born")
        with pytest.raises(DataError, match=f"^{message}$"):
            link_records(table, table, on={"born": "number"})
        same = link_records(table, table, on=["born"], truth=table.index)
        assert same.rank_rate(1).value == 1


@pytest.mark.parametrize(("n_left", "n_right"), [(1, 1), (1, 5), (5, 1)])
def test_one_target_or_one_candidate(rng, n_left, n_right):
    right = people(n_right, rng)
    left = right.iloc[[0] * n_left].reset_index(drop=True)
    found = link_records(left, right, on=list(left), truth=["p0"] * n_left)
    assert found.rank_rate(1).value == 1
    assert found.targets["nearest"].eq("p0").all()
    assert np.isinf(found.targets["second_distance"]).all() == (n_right == 1)
    assert found.chance(1) == 1 / n_right


def test_two_hundred_columns_and_an_identifier(rng):
    right = people(50, rng, 200)
    left = right + rng.normal(size=right.shape)
    assert link_records(left, right, on=list(left), truth=right.index).rank_rate(
        1
    ).value == pytest.approx(1)
    numbers = pd.DataFrame({"ssn": [f"{i:09d}" for i in range(50)]}, index=right.index)
    found = link_records(numbers, numbers, on=["ssn"], truth=numbers.index)
    assert found.rank_rate(1).value == 1
    assert found.targets["own_distance"].eq(0).all()


def test_open_set_targets_are_no_part_of_the_rate(rng):
    right = people(40, rng)
    left = pd.concat([right, people(20, rng)], ignore_index=True)
    truth = [*right.index, *[None] * 20]
    found = link_records(left, right, on=list(left), truth=truth)
    assert found.rank_rate(1).n == 40
    assert found.targets["in_gallery"].sum() == 40
    part = found.targets[~found.targets["in_gallery"]]
    assert part[["own_distance", "n_nearer", "rank"]].isna().all(axis=None)
    assert part["distance"].notna().all()


@pytest.mark.parametrize(
    "given",
    [
        list,
        tuple,
        lambda truth: np.array(truth, dtype=object),
        lambda truth: pd.array(truth, dtype="Int64"),
        lambda truth: pd.Series(truth, dtype="Int64"),
        lambda truth: pd.Index(truth, dtype=object),
    ],
)
def test_long_identifiers_are_told_apart(given):
    first = 2**60
    right = pd.DataFrame({"a": [0.0, 1.0, 2.0]}, index=first + np.arange(3))
    left = pd.DataFrame({"a": [0.0, 1.0, 2.0, 5.0]})
    truth = given([first, first + 1, first + 2, None])
    found = link_records(left, right, on={"a": 1.0}, truth=truth).targets
    assert found["own_distance"].tolist()[:3] == [0, 0, 0]
    assert found["in_gallery"].tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    "names",
    [
        pd.date_range("2020-01-01", periods=3),
        pd.Index([("a", 1), ("a", 2), ("b", 1)], tupleize_cols=False),
        pd.CategoricalIndex(["x", "y", "z"]),
        pd.Index([1.5, 2.5, 3.5]),
    ],
)
def test_names_may_be_of_any_kind(names):
    right = pd.DataFrame({"a": [0.0, 1.0, 2.0]}, index=names)
    for truth in (names, list(names), pd.Series(list(names), dtype=object)):
        found = link_records(right, right, on={"a": 1.0}, truth=truth)
        assert found.rank_rate(1).value == 1
        part = link_records(right[:2], right, on={"a": 1.0}, truth=[names[0], None])
        assert part.targets["in_gallery"].tolist() == [True, False]


ONE = pd.DataFrame({"a": [1.0, 2.0]}, index=["x", "y"])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"left": ONE.iloc[:0]}, DataError, "left must have 1 rows or more; got 0"),
        ({"right": ONE.iloc[:0]}, DataError, "right must have 1 rows or more; got 0"),
        (
            {"on": ["b"]},
            DataError,
            "left must have the columns b once each; missing: b; repeated: none",
        ),
        *[
            (
                {"on": on},
                ParameterError,
                message,
            )
            for on, message in (
                (
                    [],
                    "on must be one column or more, each once; got 0 names of 0 "
                    "columns",
                ),
                ("a", "on must be a list of columns; got str"),
            )
        ],
        (
            {"on": {"a": -1.0}},
            ParameterError,
            "on['a'] must be finite and above 0; got -1.0",
        ),
        (
            {"on": ["a", "a"]},
            ParameterError,
            "on must be one column or more, each once; got 2 names of 1 columns",
        ),
        (
            {"right": ONE.set_axis(["x", "x"])},
            DataError,
            "the index of right must name each row once; got 1 of 2 repeated or "
            "missing",
        ),
        (
            {"right": ONE.set_axis(pd.MultiIndex.from_tuples([("x", 1), ("y", 1)]))},
            DataError,
            "the index of right must have 1 level; got 2",
        ),
        (
            {"truth": ["x", "secret"]},
            ParameterError,
            "truth must be in the index of right, or missing for people who are not in "
            "the gallery; got 1 of 2 labels that are neither",
        ),
        (
            {"truth": ["x"]},
            ParameterError,
            "truth must hold a label for each of the 2 targets; got 1",
        ),
        (
            {"left": ONE * np.inf},
            DataError,
            "column 'a' must be finite or missing; got 2 of 2 infinite",
        ),
        (
            {"left": ONE.astype(str).replace("1.0", "Ann"), "on": {"a": "number"}},
            DataError,
            "column 'a' must hold numbers, or true and false; got others",
        ),
        (
            {"method": "soundex"},
            ParameterError,
            "method must be one of 'distance', 'gower', 'fellegi_sunter'; got "
            "'soundex'",
        ),
        *[
            (
                {"on": {"a": how}},
                ParameterError,
                f"on['a'] must be finite and above 0; got {how!r}",
            )
            for how in ([1.0], np.ones(2), pd.Timedelta(1, "D"), None)
        ],
        (
            {"left": pd.DataFrame({"a": [[1], [2]]}), "on": {"a": "category"}},
            DataError,
            "column 'a' must hold single values in both tables, not lists",
        ),
        (
            {"method": "fellegi_sunter"},
            ParameterError,
            "model must be given for method 'fellegi_sunter' only",
        ),
        (
            {"groups": [1, None]},
            ParameterError,
            "groups must not be missing; got 1 of 2 missing",
        ),
    ],
)
def test_bad_input_is_named(change, error, message):
    given = {"left": ONE, "right": ONE, "on": ["a"], "truth": ["x", "y"]} | change
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        link_records(given.pop("left"), given.pop("right"), **given)


def test_nobody_is_shown(rng):
    found = link_records(ONE, ONE, on=["a"], truth=["x", "y"])
    shown = repr(found)
    assert shown == (
        "LinkageResult(method='distance', n_targets=2, n_in_gallery=2, n_candidates=2, "
        "rank 1 1.000)"
    )
