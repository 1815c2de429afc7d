"""Declared features: rows of length 1 at most, and nothing learned from a table."""

import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.defences.declared import design_rows, in_fixed_order, read_features
from twinprivacy.errors import DataError, ParameterError

FEATURES: dict[str, Any] = {
    "age_years": (20, 80),
    "sex": ["F", "M"],
    "vkorc1": ["A/A", "A/G", "G/G"],
}


def people(ages: list[float], sexes: list[str], genes: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"age_years": ages, "sex": sexes, "vkorc1": genes})


def test_rows_by_hand() -> None:
    declared = read_features({"age_years": (20, 80), "sex": ["F", "M"]}, "y")
    frame = people([50, 65, 95], ["M", "F", "F"], ["A/A"] * 3)
    # (50 - 50) / 30, (65 - 50) / 30, and 95 clipped to 80; all over sqrt(1 + 2).
    expected = np.array([[1, 0, 1], [1, 0.5, -1], [1, 1, -1]]) / math.sqrt(3)
    found = design_rows(frame, declared, name="frame")
    # Helmert's row may have either sign.
    found[:, 2] *= np.sign(found[0, 2])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_values_are_corners_of_a_regular_simplex() -> None:
    values = ["A/A", "A/G", "G/G", "unknown"]
    declared = read_features({"vkorc1": values}, "y")
    rows = design_rows(pd.DataFrame({"vkorc1": values}), declared, name="frame")
    assert rows.shape == (4, 4)
    corners = rows[:, 1:] * math.sqrt(2)
    # Unit vectors that add up to 0: inner products of - 1 / (k - 1).
    expected = np.full((4, 4), -1 / 3)
    np.fill_diagonal(expected, 1)
    np.testing.assert_allclose(corners @ corners.T, expected, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(-1e6, 1e6),
            st.sampled_from(FEATURES["sex"]),
            st.sampled_from(FEATURES["vkorc1"]),
        ),
        max_size=8,
    )
)
def test_no_row_is_longer_than_1(rows: list[tuple[float, str, str]]) -> None:
    ages, sexes, genes = (
        (list(column) for column in zip(*rows, strict=True)) if (rows) else ([], [], [])
    )
    declared = read_features(FEATURES, "y")
    design = design_rows(people(ages, sexes, genes), declared, name="frame")
    assert design.shape == (len(rows), 5)
    assert (np.linalg.norm(design, axis=1) <= 1 + 1e-12).all()


def test_a_tuple_of_numbers_is_a_range_and_anything_else_values() -> None:
    def rows(features: dict[str, Any]) -> np.ndarray:
        frame = pd.DataFrame({"x": [0.5], "y": [1]})
        return design_rows(frame, read_features(features, "z"), name="f")

    assert rows({"x": (0, 1)})[0, 1] == 0
    assert rows({"y": [0, 1]}).shape == (1, 2)
    assert rows({"y": (False, True)}).shape == (1, 2)
    with pytest.raises(DataError):
        rows({"x": [0, 1]})


def test_rows_have_one_order(rng: np.random.Generator) -> None:
    design, outcome = rng.normal(size=(50, 3)), rng.normal(size=50)
    order = rng.permutation(50)
    first = in_fixed_order(design, outcome)
    again = in_fixed_order(design[order], outcome[order])
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    # The same rows, each with its own outcome.
    pairs = {(*row, y) for row, y in zip(design.tolist(), outcome, strict=True)}
    assert pairs == {
        (*row, y) for row, y in zip(first[0].tolist(), first[1], strict=True)
    }


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            {},
            "features must be a mapping of columns, one or more and not the outcome, "
            "to what is declared of them; got []",
        ),
        (
            {"y": (0, 1)},
            "features must be a mapping of columns, one or more and not the outcome, "
            "to what is declared of them; got ['y']",
        ),
        (
            {"x": (1, 1)},
            "features['x'] must be finite and in ascending order; got 1 and 1",
        ),
        (
            {"x": (0, math.inf)},
            "features['x'] must be finite and in ascending order; got 0 and inf",
        ),
        (
            {"x": ["a"]},
            "features['x'] must declare two values or more, each once and none "
            "missing; got 1 of which 1 differ",
        ),
        (
            {"x": ["a", "a", None]},
            "features['x'] must declare two values or more, each once and none "
            "missing; got 3 of which 1 differ",
        ),
        (
            {"x": [[1], [2]]},
            "features['x'] must declare values such as text, numbers or flags; got "
            "others",
        ),
    ],
)
def test_bad_declarations(features: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        read_features(features, "y")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (
            "vkorc1",
            "T/T",
            "people['vkorc1'] must hold declared values only; got 1 of 2 others",
        ),
        (
            "age_years",
            np.nan,
            "people['age_years'] must be finite for everyone; got 1 of 2 missing or "
            "infinite",
        ),
        (
            "age_years",
            "old",
            "people['age_years'] must hold numbers, or true and false; got others",
        ),
    ],
)
def test_bad_people(column: str, value: Any, message: str) -> None:
    frame = people([50, 60], ["F", "M"], ["A/A", "A/A"]).astype({column: object})
    frame.loc[1, column] = value
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        design_rows(frame, read_features(FEATURES, "y"), name="people")


def test_missing_columns() -> None:
    frame = people([50, 60], ["F", "M"], ["A/A", "A/A"])
    message = (
        "people must have the columns age_years, sex, vkorc1 once each; missing: sex; "
        "repeated: none"
    )
    with pytest.raises(DataError, match=f"^{message}$"):
        design_rows(
            frame.drop(columns="sex"), read_features(FEATURES, "y"), name="people"
        )
