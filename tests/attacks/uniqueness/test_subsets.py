"""Subsets that name people: against counting all of them, and what bounds spare."""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.attacks.uniqueness import (
    anonymity_sets,
    risky_subsets,
    uniqueness_ladder,
)
from twinprivacy.errors import DataError, ParameterError


def best_of_all(frame: pd.DataFrame, size: int, n_best: int) -> list[tuple[str, ...]]:
    """Count every subset of a size; names decide between equals."""
    ranked = []
    for names in itertools.combinations(frame.columns, size):
        sets = anonymity_sets(frame, names)
        ranked.append((-sets.share_unique, -round(sets.bits, 9), sorted(names)))
    return [tuple(names) for *_, names in sorted(ranked)[:n_best]]


TABLES = st.integers(2, 6).flatmap(
    lambda d: st.lists(
        st.tuples(*[st.integers(0, 2 * place) for place in range(d)]),
        min_size=1,
        max_size=40,
    )
)


@given(TABLES, st.integers(1, 4))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_bounds_never_cost_a_subset(rows: list[tuple[int, ...]], n_best: int) -> None:
    frame = pd.DataFrame(rows, columns=list("abcdef")[: len(rows[0])])
    most = min(3, len(frame.columns))
    found = risky_subsets(frame, list(frame.columns), max_size=most, n_best=n_best)
    for size, best in found.subsets.groupby("n_attributes"):
        expected = best_of_all(frame, int(size), n_best)
        assert [tuple(sorted(names)) for names in best["attributes"]] == expected
    assert found.n_counted <= found.n_subsets


@given(TABLES, st.randoms(use_true_random=False))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_order_of_rows_and_columns_is_irrelevant(
    rows: list[tuple[int, ...]], random: Any
) -> None:
    frame = pd.DataFrame(rows, columns=list("abcdef")[: len(rows[0])])
    names, people = list(frame.columns), list(frame.index)
    random.shuffle(names)
    random.shuffle(people)
    for search in ("exact", "greedy"):
        one = risky_subsets(frame, sorted(names), max_size=2, search=search).subsets
        other = risky_subsets(
            frame.loc[people], names, max_size=2, search=search
        ).subsets
        for table in (one, other):
            table["attributes"] = [tuple(sorted(n)) for n in table["attributes"]]
        pd.testing.assert_frame_equal(one, other)


def people(rng: np.random.Generator) -> pd.DataFrame:
    """Twelve flags, and three columns of which only together name people."""
    n = 1_000
    flags = {f"flag_{i:02}": rng.random(n) < 0.5 for i in range(12)}
    place = np.arange(n)
    return pd.DataFrame(
        {**flags, "x": place % 10, "y": place // 10 % 10, "z": place // 100}
    )


def test_the_three_columns_that_name_everybody_are_found(
    rng: np.random.Generator,
) -> None:
    frame = people(rng)
    found = risky_subsets(frame, list(frame.columns), n_best=1)
    best = found.subsets.iloc[-1]
    assert best["attributes"] == ("x", "y", "z")
    assert best["share_unique"] == 1
    assert best["bits"] == pytest.approx(math.log2(1_000))
    assert found.n_subsets == 15 + math.comb(15, 2) + math.comb(15, 3) == 575
    # Nobody is alone by two of these, so that all pairs count as equals; but flags make
    # too few cells for any other three to be as good.
    assert found.n_counted == 15 + math.comb(15, 2) + 1
    assert repr(found) == (
        "RiskySubsets(x, y, z: share_unique=1 of 1000 people; "
        f"{found.n_counted} of 575 subsets counted)"
    )


def test_all_subsets_are_counted_where_all_are_asked_for(
    rng: np.random.Generator,
) -> None:
    frame = people(rng)[["x", "y", "z", "flag_00"]]
    found = risky_subsets(frame, list(frame.columns), max_size=4, n_best=6)
    assert found.n_counted == found.n_subsets == len(found.subsets) == 15


def test_greed_costs_less_and_may_find_less() -> None:
    """The best single column leads astray: two others together name everybody."""
    frame = pd.DataFrame(
        {
            "lure": [0, 1, 2, 3, 4, 4, 4, 4, 4],
            "x": [0, 0, 0, 1, 1, 1, 2, 2, 2],
            "y": [0, 1, 2, 0, 1, 2, 0, 1, 2],
        }
    )
    names = list(frame.columns)
    exact = risky_subsets(frame, names, max_size=2, n_best=1)
    greedy = risky_subsets(frame, names, max_size=2, n_best=1, search="greedy")
    assert exact.subsets["attributes"].iloc[-1] == ("x", "y")
    assert greedy.subsets["attributes"].iloc[0] == ("lure",)
    assert greedy.subsets["attributes"].iloc[-1] == ("lure", "y")
    assert greedy.subsets["share_unique"].iloc[-1] < 1
    assert greedy.n_counted == 3 + 2


def test_a_greedy_search_is_a_ladder_in_its_own_order(
    rng: np.random.Generator,
) -> None:
    frame = people(rng)
    greedy = risky_subsets(
        frame, list(frame.columns), max_size=5, n_best=1, search="greedy"
    )
    chosen = [set(names) for names in greedy.subsets["attributes"]]
    order = [
        (new - old).pop() for old, new in zip([set(), *chosen], chosen, strict=False)
    ]
    ladder = uniqueness_ladder(frame, order)
    assert ladder["share_unique"].tolist() == greedy.subsets["share_unique"].tolist()
    assert ladder["bits"].tolist() == pytest.approx(greedy.subsets["bits"].tolist())


def test_two_hundred_columns_and_awkward_ones(rng: np.random.Generator) -> None:
    values = {f"c{i:03}": rng.integers(0, 2, 300) for i in range(197)}
    frame = pd.DataFrame({**values, "constant": 1, "missing": None, "id": range(300)})
    found = risky_subsets(frame, list(frame.columns), max_size=2, n_best=3)
    assert found.n_subsets == 200 + math.comb(200, 2)
    single = found.subsets.iloc[0]
    assert (single["attributes"], single["share_unique"]) == (("id",), 1)
    # A single identifier with anything is no better than alone, and all are equal.
    assert found.subsets["share_unique"].iloc[-3:].tolist() == [1, 1, 1]


def test_one_person_is_named_by_anything() -> None:
    found = risky_subsets(pd.DataFrame({"a": [1], "b": [None]}), ["a", "b"], max_size=2)
    assert found.subsets["share_unique"].tolist() == [1, 1, 1]
    assert found.subsets["bits"].tolist() == [0, 0, 0]


def test_people_with_gaps_can_be_left_out() -> None:
    frame = pd.DataFrame({"a": [1, 1, 2], "b": [1, 1, None]})
    found = risky_subsets(frame, ["a", "b"], max_size=1, missing="drop")
    assert found.n_people == 2
    assert found.subsets["share_unique"].tolist() == [0, 0]


PEOPLE = pd.DataFrame({"a": [1, 2], "b": [1, 1]})
BAD_CALLS: dict[str, tuple[type[Exception], dict[str, Any]]] = {
    "max_size must be a whole number of 1 to 2; got 3": (ParameterError, {}),
    "max_size must be a whole number of 1 to 2; got 0": (
        ParameterError, {"max_size": 0}),
    "n_best must be a whole number of 1 or more; got 0": (
        ParameterError, {"max_size": 1, "n_best": 0}),
    "search must be one of 'exact', 'greedy'; got 'random'": (
        ParameterError, {"max_size": 1, "search": "random"}),
    "missing must be one of 'value', 'drop'; got 'wildcard'": (
        ParameterError, {"max_size": 1, "missing": "wildcard"}),
    "frame must have the columns a, zip once each; missing: zip; repeated: none": (
        DataError, {"columns": ["a", "zip"], "max_size": 1}),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD_CALLS)
def test_bad_calls_are_refused(message: str) -> None:
    kind, options = BAD_CALLS[message]
    options = {"columns": ["a", "b"], **options}
    with pytest.raises(kind) as error:
        risky_subsets(PEOPLE, options.pop("columns"), **options)
    assert str(error.value) == message
