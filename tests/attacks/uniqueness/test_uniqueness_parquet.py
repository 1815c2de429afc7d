import math
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.attacks.uniqueness import (
    anonymity_sets,
    parquet as _parquet_people,
    risky_subsets,
    uniqueness_ladder,
)
from twinprivacy.errors import DataError, ParameterError

duckdb = pytest.importorskip("duckdb")

# Two names that differ in case, one with quotes, one of another script.
NAMES = ("Age", 'se"x; --', "Größe in cm", "it's")
FLOATS = st.sampled_from([0.0, -0.0, 1.5, math.nan, -math.nan, math.inf, None])
WORDS = st.sampled_from(["", "a", "A", "it's", 'a"b', "é", "nan", "NULL", None])
ROWS = st.lists(
    st.tuples(st.integers(0, 2), WORDS, FLOATS, st.booleans() | st.none()),
    min_size=1,
    max_size=30,
)


def write(path: Path, select: str) -> Path:
    quoted = str(path).replace("'", "''")
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({select}) TO '{quoted}' (FORMAT parquet)")
    return path


def write_rows(path: Path, rows: list[tuple[object, ...]]) -> Path:
    """Write rows of an integer, a word, a number and a flag, NaN and NULL apart."""
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in NAMES)
    quoted = str(path).replace("'", "''")
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE people (a INTEGER, b VARCHAR, c DOUBLE, d BOOLEAN)"
        )
        connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", rows)
        connection.execute(
            f"COPY (SELECT * FROM people AS people({names})) TO '{quoted}' "
            "(FORMAT parquet)"
        )
    return path


def by_hand(rows: list[tuple[object, ...]], places: tuple[int, ...]) -> dict[int, int]:
    """Count sets of sizes in plain Python: every kind of missing is one value."""

    def plain(value: object) -> object:
        return None if isinstance(value, float) and math.isnan(value) else value

    sets: dict[tuple[object, ...], int] = {}
    for row in rows:
        key = tuple(plain(row[place]) for place in places)
        sets[key] = sets.get(key, 0) + 1
    sizes = sorted(sets.values())
    return {size: sizes.count(size) for size in dict.fromkeys(sizes)}


def count_ladder(path: Path, order: Sequence[str]) -> list[dict[int, int]]:
    """Count the sets of the first one, two, ... columns."""
    options = {"missing": "value", "memory_limit_gib": 4.0}
    with _parquet_people.opened_people(path, order, **options) as people:
        return [
            dict(zip(frame["set_size"], frame["n_sets"], strict=True))
            for frame in people.ladder(list(order))
        ]


def histogram(sets: object) -> dict[int, int]:
    frame = sets.histogram
    return dict(zip(frame["set_size"], frame["n_sets"], strict=True))


@settings(derandomize=True, deadline=None, max_examples=8)
@given(ROWS)
def test_sets_are_those_counted_in_plain_python(tmp_path_factory, rows):
    path = write_rows(tmp_path_factory.mktemp("t") / "it's [a] *.parquet", rows)
    every = range(len(NAMES))
    assert histogram(anonymity_sets(path, NAMES)) == by_hand(rows, tuple(every))
    ladder = count_ladder(path, NAMES)
    for length, step in enumerate(ladder, start=1):
        assert step == by_hand(rows, tuple(every)[:length])


@settings(derandomize=True, deadline=None, max_examples=8)
@given(
    ROWS,
    st.sampled_from(["exact", "greedy"]),
    st.sampled_from([1e-9, 1e9]),
)
def test_subsets_in_a_file_and_in_a_frame_are_the_same(
    tmp_path_factory, rows, search, worth
):
    path = write_rows(tmp_path_factory.mktemp("t") / "people.parquet", rows)
    frame = pd.DataFrame(rows, columns=list(NAMES))
    asked = {"max_size": 3, "search": search, "n_best": 5}
    in_memory = risky_subsets(frame, NAMES, **asked)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_parquet_people, "WORTH_KEEPING", worth)
        in_file = risky_subsets(path, NAMES, **asked)
    pd.testing.assert_frame_equal(in_memory.subsets, in_file.subsets)
    assert in_file.n_people == len(rows)
    if search == "exact":  # 4 + 6 + 4 subsets of 1 to 3 of 4 columns
        assert in_file.n_counted == in_file.n_subsets == 14
    else:  # 4 + 3 + 2
        assert in_file.n_counted == in_memory.n_counted == 9


@settings(derandomize=True, deadline=None, max_examples=8)
@given(ROWS, st.sampled_from(["value", "drop"]))
def test_a_file_and_a_frame_have_the_same_answers(tmp_path_factory, rows, missing):
    path = write_rows(tmp_path_factory.mktemp("t") / "people.parquet", rows)
    frame = pd.DataFrame(rows, columns=list(NAMES))
    ladders = []
    for people in (frame, path, str(path)):
        try:
            sets = anonymity_sets(people, NAMES, missing=missing)
            ladder = uniqueness_ladder(people, NAMES, missing=missing)
        except DataError as error:
            ladders.append(str(error))
        else:
            ladders.append((histogram(sets), ladder.to_dict("records")))
    assert ladders[0] == ladders[1] == ladders[2]


@settings(derandomize=True, deadline=None, max_examples=8)
@given(ROWS)
def test_people_with_a_missing_value_can_be_left_out(tmp_path_factory, rows):
    path = write_rows(tmp_path_factory.mktemp("t") / "people.parquet", rows)
    whole = [row for row in rows if not {None} & set(row) and row[2] == row[2]]
    if not whole:
        with pytest.raises(DataError):
            anonymity_sets(path, NAMES, missing="drop")
        return
    assert histogram(anonymity_sets(path, NAMES, missing="drop")) == by_hand(
        whole, (0, 1, 2, 3)
    )


def test_hand_sized_table(tmp_path):
    # Sets: {1, 1, 1}, {2, 2}, {3}: one of each size, k = 1, 1 / 6 unique.
    path = write(tmp_path / "t", "SELECT * FROM (VALUES (1),(2),(1),(3),(2),(1)) t(a)")
    sets = anonymity_sets(str(path), ["a"])
    assert histogram(sets) == {1: 1, 2: 1, 3: 1}
    assert (sets.k, sets.share_unique) == (1, pytest.approx(1 / 6))
    assert (sets.histogram.dtypes == np.int64).all()


# Steps added up, always the file, and only those not yet alone.
WAYS = {
    "added up": (1e-9, True),
    "file": (1e9, False),
    "left": (1e-9, False),
    "usual": (4, True),
}


def climbed(path: Path, order: Sequence[str], way: str) -> list[dict[int, int]]:
    """Return the histograms of a ladder that is climbed in a certain way."""
    worth, added_up = WAYS[way]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_parquet_people, "WORTH_KEEPING", worth)
        if not added_up:
            patched.setattr(_parquet_people.ParquetPeople, "shrinks", lambda *_: False)
        return count_ladder(path, order)


@pytest.mark.parametrize("way", WAYS)
def test_ladder_is_the_same_however_it_is_climbed(tmp_path, way):
    path = write(
        tmp_path / "people.parquet",
        "SELECT range % 7 AS a, range % 11 AS b, range % 13 AS c, range AS id, "
        "range % 17 AS d FROM range(5000)",
    )
    # 5000 = 7 * 714 + 2 = 77 * 64 + 72 = 1001 * 4 + 996
    assert climbed(path, ["a", "b", "c", "id", "d"], way) == [
        {714: 5, 715: 2},
        {64: 5, 65: 72},
        {4: 5, 5: 996},
        {1: 5000},
        {1: 5000},
    ]


@settings(derandomize=True, deadline=None, max_examples=6)
@given(ROWS)
def test_ways_agree_with_missing_values(tmp_path_factory, rows):
    path = write_rows(tmp_path_factory.mktemp("t") / "people.parquet", rows)
    expected = [by_hand(rows, tuple(range(n))) for n in (1, 2, 3, 4)]
    for way in ("left", "added up"):
        assert climbed(path, NAMES, way) == expected


def test_nested_dates_and_constants(tmp_path):
    path = write(
        tmp_path / "people.parquet",
        "SELECT {'u': range, 'v': [range]} AS nested, DATE '2020-01-01' AS day, "
        "range // 2 AS pair, NULL::VARCHAR AS never FROM range(10)",
    )
    assert histogram(anonymity_sets(path, ["pair"])) == {2: 5}
    assert histogram(anonymity_sets(path, ["day"])) == {10: 1}
    assert histogram(anonymity_sets(path, ["never"])) == {10: 1}
    assert histogram(anonymity_sets(path, ["never", "nested"])) == {1: 10}


def test_what_does_not_fit_into_memory_goes_to_disk(tmp_path, monkeypatch):
    path = write(
        tmp_path / "people.parquet",
        "SELECT hash(range) AS a, range // 2 AS b, range % 3 AS c FROM range(4000000)",
    )
    spill = tmp_path / "spill"
    spill.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spill))
    sets = anonymity_sets(path, ["a", "b", "c"], memory_limit_gib=0.1)
    assert histogram(sets) == {1: 4_000_000}
    assert list(spill.iterdir()) == []
    usual = _parquet_people._settings

    def without_disk(folder, memory_limit_gib):
        return usual(folder, memory_limit_gib) | {"max_temp_directory_size": "0B"}

    monkeypatch.setattr(_parquet_people, "_settings", without_disk)
    message = (
        "memory_limit_gib must be larger, or the folder of temporary files have more "
        "room, to count this file; got 0.1"
    )
    with pytest.raises(ParameterError, match=f"^{message}$"):
        anonymity_sets(path, ["a", "b", "c"], memory_limit_gib=0.1)
    assert histogram(anonymity_sets(path, ["a", "b", "c"])) == {1: 4_000_000}


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "absent.parquet"
    for found in (path, tmp_path, "https://example.org/people.parquet"):
        message = f"there is no parquet file at {str(found)!r}"
        with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
            anonymity_sets(found, ["a"])


def test_a_file_of_another_kind_is_not_quoted(tmp_path):
    path = tmp_path / "people.parquet"
    path.write_text("name,age\nAda Lovelace,36\n" * 20)
    message = (
        f"the parquet file cannot be counted (InvalidInputException): {str(path)!r}"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        anonymity_sets(path, ["age"])


def test_columns_as_the_file_spells_them(tmp_path):
    path = write(tmp_path / "p.parquet", "SELECT 1 AS Age, {'in': 2} AS nested")
    for name in ("age", "in", "AGE", "Age\0", "*"):
        message = f"missing: {name}; repeated: none"
        with pytest.raises(DataError, match=f"{re.escape(message)}$"):
            anonymity_sets(path, ["Age", name])


def test_columns_that_differ_in_case_only(tmp_path):
    path = write(
        tmp_path / "p.parquet",
        "SELECT range AS age_x, range % 2 AS QGE_X, 1 AS third FROM range(8)",
    )
    # DuckDB writes no such files, but others do: names in the footer are plain bytes.
    path.write_bytes(path.read_bytes().replace(b"QGE_X", b"AGE_X"))
    assert histogram(anonymity_sets(path, ["AGE_X"])) == {4: 2}
    assert histogram(anonymity_sets(path, ["age_x"])) == {1: 8}
    path.write_bytes(path.read_bytes().replace(b"AGE_X", b"age_x"))
    with pytest.raises(DataError, match=r"repeated: age_x$"):
        anonymity_sets(path, ["age_x"])
    assert histogram(anonymity_sets(path, ["third"])) == {8: 1}


def test_a_table_of_nobody(tmp_path):
    path = write(tmp_path / "p.parquet", "SELECT 1 AS a WHERE false")
    with pytest.raises(DataError, match=r"^frame must have at least one person "):
        anonymity_sets(path, ["a"])


def test_one_person_two_hundred_columns(tmp_path):
    names = [f"c{place}" for place in range(200)]
    select = ", ".join(f"{place} AS {name}" for place, name in enumerate(names))
    path = write(tmp_path / "p.parquet", f"SELECT {select}")
    assert count_ladder(path, names) == [{1: 1}] * 200


def test_settings_out_of_range(tmp_path):
    path = write(tmp_path / "p.parquet", "SELECT 1 AS a")
    message = "missing must be one of 'value', 'drop'; got 'ignore'"
    for call in (anonymity_sets, uniqueness_ladder):
        with pytest.raises(ParameterError, match=f"^{message}$"):
            call(path, ["a"], missing="ignore")
    message = "memory_limit_gib must be finite and above 0; got 0"
    with pytest.raises(ParameterError, match=f"^{message}$"):
        anonymity_sets(path, ["a"], memory_limit_gib=0)


def test_without_duckdb_the_extra_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "p.parquet", "SELECT 1 AS a")
    monkeypatch.setitem(sys.modules, "duckdb", None)
    message = (
        "a table in a parquet file is counted by duckdb, which is not installed: "
        "pip install duckdb, or this package with its extra 'large'"
    )
    with pytest.raises(DataError, match=f"^{message}$"):
        anonymity_sets(path, ["a"])
