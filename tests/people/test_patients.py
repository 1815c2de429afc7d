"""The door of every twin: units, kinds, missing values, and messages without values."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from twinprivacy.errors import DataError, ParameterError
from twinprivacy.people import (
    COLUMNS,
    Column,
    check_number,
    read_column,
    read_patients,
)

NUMBERS = [c for c in COLUMNS.values() if c.unit not in ("category", "yes or no")]
FLAGS = [c for c in COLUMNS.values() if c.unit == "yes or no"]
CATEGORIES = [c for c in COLUMNS.values() if c.categories]


def names(columns: list[Any]) -> list[str]:
    return [column.name for column in columns]


def message(call: Callable[[], object], kind: type[Exception] = DataError) -> str:
    """Return the message, after a look at it and at what would be printed above it."""
    with pytest.raises(kind) as caught:
        call()
    error: BaseException | None = caught.value
    while error is not None:
        # Values of these tests are told by these digits.
        assert "7365" not in str(error)
        shown = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or shown
    return str(caught.value)


def read_one(name: str, *values: object) -> np.ndarray[Any, Any]:
    return read_patients(pd.DataFrame({name: list(values)}), [name])[name]


# What is read.


def test_a_table_as_people_write_it() -> None:
    people = pd.DataFrame(
        {
            "height_cm": ["175", 160],
            "sex": ["male", "female"],
            "diabetes": [True, False],
            "amiodarone": pd.array([None, True], dtype="boolean"),
            "race": [None, "Black"],
            "vkorc1": ["A/G", np.nan],
            "not asked for": ["x", "y"],
        },
        index=["b", "a"],
    )
    wanted = ["height_cm", "sex", "diabetes", "amiodarone", "race", "vkorc1"]
    found = read_patients(people, wanted)
    assert {name: values.tolist() for name, values in found.items()} == {
        "height_cm": [175, 160],
        "sex": [1, 0],
        "diabetes": [1, 0],
        "amiodarone": [0, 1],
        "race": [4, 1],
        "vkorc1": [1, 3],
    }
    for name, values in found.items():
        assert read_column(people[name], COLUMNS[name]).tolist() == values.tolist()


@pytest.mark.parametrize("column", NUMBERS, ids=names(NUMBERS))
def test_both_ends_of_a_range_are_inside(column: Any) -> None:
    assert read_one(column.name, column.low, column.high).tolist() == [
        column.low,
        column.high,
    ]
    for outside in (np.nextafter(column.low, -1e9), np.nextafter(column.high, 1e9)):
        assert "got 1 of 2 outside" in message(
            lambda value=outside: read_one(column.name, column.low, value)
        )


@pytest.mark.parametrize("column", CATEGORIES, ids=names(CATEGORIES))
def test_categories_have_their_places(column: Any) -> None:
    places = list(range(len(column.categories)))
    assert read_one(column.name, *column.categories).tolist() == places
    # Categories of a categorical column in another order, one of them unused.
    levels = [*reversed(column.categories), "never used"]
    series = pd.Categorical(column.categories, categories=levels)
    assert read_one(column.name, *series).tolist() == places
    table = pd.DataFrame({column.name: series})
    assert read_patients(table, [column.name])[column.name].tolist() == places


@given(st.permutations(range(7)))
def test_order_of_people_does_not_matter(order: list[int]) -> None:
    people = pd.DataFrame(
        {
            "age_years": np.linspace(20, 80, 7),
            "cyp2c9": COLUMNS["cyp2c9"].categories,
            "statin": [True, False] * 3 + [True],
        }
    )
    straight = read_patients(people, people.columns)
    turned = read_patients(people.iloc[order], people.columns)
    for name, values in straight.items():
        np.testing.assert_array_equal(turned[name], values[order])


# Other units: the message names them.


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        ("height_cm", 1.7365, "metres"),
        ("height_cm", 67.365, "inches"),
        ("weight_kg", 77_365, "grams"),
        ("hba1c_percent", 57.365, "mmol/mol"),
        ("total_cholesterol_mg_dl", 5.7365, "mmol/L"),
        ("hdl_mg_dl", 1.7365, "mmol/L"),
        ("systolic_bp_mmhg", 17.365, "kPa"),
        ("systolic_bp_mmhg", 7.365, "cmHg"),
        ("diastolic_bp_mmhg", 10.7365, "kPa"),
        ("egfr_ml_min", 1.7365, "mL/s/1.73 m2"),
    ],
)
def test_other_units_are_named(name: str, value: float, unit: str) -> None:
    column = COLUMNS[name]
    assert message(lambda: read_one(name, value, value)) == (
        f"{name} must lie in {column.low:g} to {column.high:g} {column.unit}; "
        f"got 2 of 2 outside: they look like {unit}"
    )


def test_values_of_no_known_unit_get_no_hint() -> None:
    assert message(lambda: read_one("height_cm", 1.7365, 7_365)) == (
        "height_cm must lie in 120 to 230 cm; got 2 of 2 outside"
    )


def test_a_unit_is_told_from_those_outside_alone() -> None:
    assert message(lambda: read_one("hba1c_percent", 6.1, 57.365)) == (
        "hba1c_percent must lie in 3 to 18 %; got 1 of 2 outside: they look like "
        "mmol/mol"
    )


def test_every_other_unit_lies_outside_the_right_one() -> None:
    """Where two units overlap, a value in both is taken as the right one."""
    for column in NUMBERS:
        for unit, low, high in column.mistaken:
            assert low < high, (column.name, unit)
            assert low < column.low or high > column.high, (column.name, unit)


# Missing, of another kind, absent.


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_missing_numbers(missing: float) -> None:
    assert message(lambda: read_one("age_years", 50, missing)) == (
        "age_years must be finite for everyone; got 1 of 2 missing or infinite"
    )


@pytest.mark.parametrize("column", FLAGS, ids=names(FLAGS))
def test_missing_yes_or_no(column: Any) -> None:
    if column.if_missing == "no":
        assert read_one(column.name, True, None).tolist() == [1, 0]
    else:
        assert message(lambda: read_one(column.name, True, None)) == (
            f"{column.name} must be finite for everyone; got 1 of 2 missing or infinite"
        )
    assert "got 1 of 2" in message(lambda: read_one(column.name, 1, np.inf))


@pytest.mark.parametrize("column", CATEGORIES, ids=names(CATEGORIES))
def test_missing_category(column: Any) -> None:
    if column.if_missing is not None:
        place = column.categories.index(column.if_missing)
        assert read_one(column.name, None).tolist() == [place]
    else:
        assert message(lambda: read_one(column.name, column.categories[0], None)) == (
            f"{column.name} must be one of {', '.join(column.categories)}; got 1 of 2 "
            "others, 1 of them missing"
        )


def test_other_genotypes() -> None:
    assert message(lambda: read_one("vkorc1", "G/A", "T/7365", "A/A")) == (
        "vkorc1 must be one of G/G, A/G, A/A, unknown; got 2 of 3 others, 0 of them "
        "missing"
    )


def test_text_for_numbers() -> None:
    assert message(lambda: read_one("age_years", "seven 7365")) == (
        "age_years must hold numbers, or true and false; got others"
    )
    assert message(lambda: read_one("statin", "maybe 7365")) == (
        "statin must hold numbers, or true and false; got others"
    )


def test_numbers_for_yes_or_no() -> None:
    assert message(lambda: read_one("statin", 1, 0.7365, 0.5)) == (
        "statin must hold true or false; got 2 of 3 others"
    )
    # Years of use, say.
    assert "statin must" in message(lambda: read_one("statin", 1, 7_365))


def test_no_table() -> None:
    people: Any = {"age_years": [7365]}
    assert (
        message(lambda: read_patients(people, ["age_years"]))
        == "patients must be a pandas.DataFrame; got dict"
    )


def test_columns_absent() -> None:
    people = pd.DataFrame({"sex": ["female"]})
    wanted = ["sex", "vkorc1", "cyp2c9"]
    assert message(lambda: read_patients(people, wanted)) == (
        "patients must have the columns sex, vkorc1, cyp2c9 once each; missing: "
        "vkorc1, cyp2c9; repeated: none"
    )


def test_columns_repeated() -> None:
    people = pd.DataFrame([[50, 60]], columns=["age_years", "age_years"])
    assert message(lambda: read_patients(people, ["age_years"])) == (
        "patients must have the columns age_years once each; missing: none; "
        "repeated: age_years"
    )


def test_nobody() -> None:
    people = pd.DataFrame({"age_years": []})
    assert message(lambda: read_patients(people, ["age_years"])) == (
        "patients must have 1 rows or more; got 0"
    )


# Arguments that are no column.


def test_arguments_raise_their_own_error() -> None:
    age = COLUMNS["age_years"]
    assert check_number([50, 60], age).tolist() == [50, 60]
    assert message(lambda: check_number(7_365, age), ParameterError) == (
        "age_years must lie in 10 to 110 years; got 1 of 1 outside"
    )
    for wrong in ("seven 7365", [[1], [2, 3]], object()):
        assert message(lambda w=wrong: check_number(w, age), ParameterError) == (
            "age_years must hold numbers only; got others"
        )


# The list.


def test_every_column_says_what_it_is() -> None:
    for name, column in COLUMNS.items():
        assert isinstance(column, Column)
        assert column.name == name
        assert len(column.description) > 2
        assert column.unit
        assert column.low < column.high or column.categories
        for unit, low, high in column.mistaken:
            # Values in the other unit must lie outside the range to be caught.
            assert low < column.low or high > column.high, (name, unit)
