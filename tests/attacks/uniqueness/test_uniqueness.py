"""Uniqueness against pandas, by hand, and where the data are awkward."""

import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.attacks.uniqueness import (
    AnonymitySets,
    anonymity_sets,
    uniqueness_ladder,
)
from twinprivacy.errors import DataError, ParameterError

TABLES = st.integers(1, 5).flatmap(
    lambda d: st.lists(
        st.tuples(*[st.sampled_from([0, 1, 2, 3, None])] * d), min_size=1, max_size=30
    )
)


def frame_of(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[f"c{i}" for i in range(len(rows[0]))])


def by_pandas(frame: pd.DataFrame, names: list[str]) -> pd.Series:
    """Size of everybody's set, the usual way."""
    groups = frame.assign(one=1).groupby(names, dropna=False, observed=True)
    return groups["one"].transform("size")


@given(TABLES)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_set_sizes_are_those_of_pandas(rows: list[tuple[Any, ...]]) -> None:
    frame = frame_of(rows)
    sets = anonymity_sets(frame, list(frame.columns))
    assert sets.set_sizes is not None
    assert sets.set_sizes.tolist() == by_pandas(frame, list(frame.columns)).tolist()
    assert sets.set_sizes.index.equals(frame.index)
    people = sets.histogram["set_size"] * sets.histogram["n_sets"]
    assert people.sum() == sets.n_people == len(frame)


@given(TABLES)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_more_attributes_never_lower_uniqueness(
    rows: list[tuple[Any, ...]],
) -> None:
    frame = frame_of(rows)
    ladder = uniqueness_ladder(frame, list(frame.columns))
    for column in ("share_unique", "share_below_5", "prosecutor_risk", "bits"):
        assert (ladder[column].diff().dropna() >= -1e-12).all()
    assert (ladder["k"].diff().dropna() <= 0).all()


@given(TABLES, st.data())
@settings(derandomize=True, deadline=None, max_examples=50)
def test_coarser_values_never_raise_uniqueness(
    rows: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    frame = frame_of(rows)
    coarser = {value: data.draw(st.integers(0, 3)) for value in (0, 1, 2, 3)}
    generalised = frame.apply(lambda column: column.map(coarser))
    fine = anonymity_sets(frame, list(frame.columns))
    coarse = anonymity_sets(generalised, list(frame.columns))
    assert coarse.share_unique <= fine.share_unique
    assert coarse.bits <= fine.bits + 1e-12
    assert coarse.k >= fine.k


@given(TABLES, st.randoms(use_true_random=False))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_order_of_rows_and_columns_is_irrelevant(
    rows: list[tuple[Any, ...]], random: Any
) -> None:
    frame = frame_of(rows)
    names = list(frame.columns)
    people = list(frame.index)
    before = anonymity_sets(frame, names)
    random.shuffle(people)
    random.shuffle(names)
    after = anonymity_sets(frame.loc[people], names)
    pd.testing.assert_frame_equal(before.histogram, after.histogram)
    assert before.set_sizes is not None
    assert after.set_sizes is not None
    pd.testing.assert_series_equal(before.set_sizes, after.set_sizes.sort_index())


@given(TABLES)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_every_step_of_a_ladder_is_what_its_columns_give(
    rows: list[tuple[Any, ...]],
) -> None:
    frame = frame_of(rows)
    names = list(frame.columns)
    ladder = uniqueness_ladder(frame, names)
    for n, row in enumerate(ladder.itertuples(), start=1):
        sets = anonymity_sets(frame, names[:n])
        assert (row.attribute, row.n_attributes) == (names[n - 1], n)
        found = (row.k, row.share_unique, row.prosecutor_risk, row.bits)
        expected = (sets.k, sets.share_unique, sets.prosecutor_risk, sets.bits)
        assert found == pytest.approx(expected)


def column_of_every_kind() -> dict[str, tuple[Any, list[int]]]:
    """Values, and the sizes of the sets that they make."""
    days = ["2020-01-01", "2020-01-01", None, "2021-05-05"]
    return {
        "bool": ([True, False, True, True], [3, 1, 3, 3]),
        "whole": (np.array([-(2**63), 5, 5, 2**62]), [1, 2, 2, 1]),
        "unsigned": (np.array([2**64 - 1, 0, 0, 1], dtype="uint64"), [1, 2, 2, 1]),
        "float": ([0.0, -0.0, np.nan, np.inf], [2, 2, 1, 1]),
        "gaps": (pd.array([None, pd.NA, 1, 1], dtype="Int64"), [2, 2, 2, 2]),
        "boolean": (pd.array([None, True, True, None], dtype="boolean"), [2] * 4),
        "text": (["a", "b", "a", None], [2, 1, 2, 1]),
        "date": (pd.to_datetime(days), [2, 2, 1, 1]),
        "zoned": (pd.to_datetime(days).tz_localize("Europe/Athens"), [2, 2, 1, 1]),
        "category": (
            pd.Categorical(["x", None, "x", "y"], ["y", "x", "z"]),
            [2, 1, 2, 1],
        ),
        "interval": (pd.cut([1, 2, 60, 61], [0, 50, 100]), [2, 2, 2, 2]),
        "object": (pd.Series([None, np.nan, pd.NaT, pd.NA], dtype=object), [4] * 4),
        "mixed": (
            pd.Series([1, 1.0, "1", decimal.Decimal(2)], dtype=object),
            [2, 2, 1, 1],
        ),
    }


@pytest.mark.parametrize("kind", column_of_every_kind())
def test_columns_of_every_kind(kind: str) -> None:
    values, sizes = column_of_every_kind()[kind]
    sets = anonymity_sets(pd.DataFrame({"q": values}), ["q"])
    assert sets.set_sizes is not None
    assert sets.set_sizes.tolist() == sizes


def test_people_with_gaps_can_be_left_out() -> None:
    frame = pd.DataFrame({"a": [1, 1, None, 2], "b": [1, 1, 1, None]}, list("wxyz"))
    sets = anonymity_sets(frame, ["a", "b"], missing="drop")
    assert sets.set_sizes is not None
    assert sets.set_sizes.to_dict() == {"w": 2, "x": 2}
    assert sets.n_people == 2
    # All steps of a ladder count the same people.
    ladder = uniqueness_ladder(frame, ["a", "b"], missing="drop")
    assert ladder["n_people"].tolist() == [2, 2]


def test_a_gap_makes_stand_out_or_is_left_out() -> None:
    frame = pd.DataFrame({"a": [1, 1, 2, None]})
    assert anonymity_sets(frame, ["a"]).share_unique == 2 / 4
    assert anonymity_sets(frame, ["a"], missing="drop").share_unique == 1 / 3


def test_identifiers_constants_and_columns_without_any_value() -> None:
    frame = pd.DataFrame({"id": range(50), "constant": 1, "missing": [None] * 50})
    assert anonymity_sets(frame, ["id"]).share_unique == 1
    for name in ("constant", "missing"):
        sets = anonymity_sets(frame, [name])
        assert (sets.k, sets.share_unique, sets.bits) == (50, 0, 0)
    ladder = uniqueness_ladder(frame, ["constant", "missing", "id"])
    assert ladder["bits"].tolist() == pytest.approx([0, 0, np.log2(50)])
    assert ladder["share_unique"].tolist() == [0, 0, 1]


def test_one_person_and_duplicated_people() -> None:
    one = pd.DataFrame({"age": [41]})
    for missing in ("value", "drop"):
        sets = anonymity_sets(one, ["age"], missing=missing)
        assert (sets.k, sets.share_unique, sets.bits) == (1, 1, 0)
    # Twice the same people, under the same labels: nobody is unique.
    twice = pd.concat([pd.DataFrame({"age": [41, 50]})] * 2)
    sets = anonymity_sets(twice, ["age"])
    assert sets.set_sizes is not None
    assert sets.set_sizes.tolist() == [2] * 4
    assert sets.set_sizes.index.tolist() == [0, 1, 0, 1]


def test_two_hundred_attributes(rng: np.random.Generator) -> None:
    values = rng.integers(0, 2, (2_000, 200))
    values[1_000:] = values[:1_000]
    frame = pd.DataFrame(values, columns=[f"c{i}" for i in range(200)])
    ladder = uniqueness_ladder(frame, list(frame.columns))
    assert len(ladder) == 200
    assert ladder["share_unique"].max() == 0
    assert ladder["bits"].iloc[-1] == pytest.approx(np.log2(1_000))


def test_steps_may_add_several_columns() -> None:
    frame = pd.DataFrame(
        {"sex": [0, 0, 1, 1], "age": [1, 1, 1, 2], "hdl": [1, 2, 3, 4]}
    )
    order = {"demographics": ["sex", "age"], "laboratory": ["hdl"]}
    ladder = uniqueness_ladder(frame, order)
    assert ladder["attribute"].tolist() == ["demographics", "laboratory"]
    assert ladder["n_attributes"].tolist() == [2, 3]
    assert ladder["share_unique"].tolist() == [0.5, 1]


def test_a_file_is_counted_like_the_frame(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    duckdb = pytest.importorskip("duckdb")
    frame = pd.DataFrame(rng.integers(0, 5, (300, 3)), columns=list("abc"))
    with duckdb.connect() as connection:
        connection.register("people", frame)
        connection.execute(
            f"COPY people TO '{tmp_path / 'people.parquet'}' (FORMAT parquet)"
        )
    from_file = anonymity_sets(tmp_path / "people.parquet", ["a", "b"])
    assert from_file.set_sizes is None
    pd.testing.assert_frame_equal(
        from_file.histogram, anonymity_sets(frame, ["a", "b"]).histogram
    )
    order = {"first": ["a", "b"], "second": ["c"]}
    pd.testing.assert_frame_equal(
        uniqueness_ladder(tmp_path / "people.parquet", order),
        uniqueness_ladder(frame, order),
    )


PEOPLE = pd.DataFrame({"age": [30, 41], "sex": ["f", "m"]})
TWICE = pd.DataFrame([[1, 2]], columns=["age", "age"])
NOBODY = (
    "frame must have at least one person (with missing='drop': who lacks none of the "
    "columns); got none"
)
BAD_CALLS: dict[str, tuple[type[Exception], Any, Any, str, str]] = {
    "nobody": (DataError, PEOPLE[:0], ["age"], "value", NOBODY),
    "nobody without gaps": (
        DataError, PEOPLE.assign(age=None), ["age"], "drop", NOBODY),
    "absent": (
        DataError, PEOPLE, ["age", "zip"], "value",
        "frame must have the columns age, zip once each; missing: zip; repeated: none"),
    "twice": (
        DataError, TWICE, ["age"], "value",
        "frame must have the columns age once each; missing: none; repeated: age"),
    "no columns": (
        ParameterError, PEOPLE, [], "value",
        "quasi_identifiers must be one column or more, each once; got 0 names of 0 "
        "columns"),
    "columns repeat": (
        ParameterError, PEOPLE, ["age", "age"], "value",
        "quasi_identifiers must be one column or more, each once; got 2 names of 1 "
        "columns"),
    "a text": (
        ParameterError, PEOPLE, "age", "value",
        "quasi_identifiers must be a list of columns; got str"),
    "rule": (
        ParameterError, PEOPLE, ["age"], "ignore",
        "missing must be one of 'value', 'drop'; got 'ignore'"),
    "no frame": (
        DataError, [1, 2], ["age"], "value",
        "frame must be a pandas.DataFrame; got list"),
    "lists": (
        DataError, PEOPLE.assign(age=[[1], [2]]), ["age"], "value",
        "column 'age' must hold values that can be compared, such as numbers, texts or "
        "dates; got others"),
}  # fmt: skip


@pytest.mark.parametrize("call", BAD_CALLS)
def test_bad_calls_are_refused_without_a_value(call: str) -> None:
    kind, frame, names, missing, message = BAD_CALLS[call]
    with pytest.raises(kind) as error:
        anonymity_sets(frame, names, missing=missing)
    assert str(error.value) == message


def test_a_bad_order_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"^order must be one .* 2 names of 1 "):
        uniqueness_ladder(PEOPLE, {"who": ["age"], "again": ["age"]})
    with pytest.raises(ParameterError, match=r"^order\['who'\] must be one column or "):
        uniqueness_ladder(PEOPLE, {"who": []})
    with pytest.raises(DataError, match="missing: zip"):
        uniqueness_ladder(PEOPLE, ["zip"])


def test_no_output_holds_a_value() -> None:
    frame = pd.DataFrame({"name": ["Xanthippe", "Socrates"]})
    sets = anonymity_sets(frame, ["name"])
    assert isinstance(sets, AnonymitySets)
    ladder = uniqueness_ladder(frame, ["name"])
    for text in (repr(sets), str(sets.histogram), str(sets.set_sizes), str(ladder)):
        assert "Xanthippe" not in text
