"""Tables: exact at their points, linear and monotone between them, held at the ends."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, strategies as st

from twinprivacy.errors import ParameterError
from twinprivacy.explorer.interpolation import (
    SCALES,
    TRANSFORMS,
    look_up,
    make_axis,
    make_table,
    rounded,
)


def test_two_axes_by_hand() -> None:
    # Half way in x, a quarter of the way in y.
    axes = [make_axis("x", [0, 2]), make_axis("y", [10, 20])]
    table = make_table(axes, [[0.0, 8.0], [4.0, 20.0]])
    expected = 0.75 * (0.5 * 0 + 0.5 * 4) + 0.25 * (0.5 * 8 + 0.5 * 20)
    assert look_up(table, x=1, y=12.5) == pytest.approx(expected)


def test_logarithms_of_positions_and_values() -> None:
    # Half way from 1 to 100 is 10, half way from 1e-4 to 1e-2 is 1e-3.
    table = make_table(
        [make_axis("x", [1, 100], scale="log")], [1e-4, 1e-2], transform="log"
    )
    assert look_up(table, x=10) == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_every_scale_and_transform_keeps_the_points(scale, transform) -> None:
    axis = make_axis("x", [1, 3, 10], scale=scale)
    table = make_table([axis], [0.125, 0.5, 0.75], transform=transform)
    found = [look_up(table, x=x) for x in (1, 3, 10)]
    assert found == pytest.approx([0.125, 0.5, 0.75], rel=1e-3)


def test_chance_of_any_breach_is_exact_between_rates() -> None:
    # 1 - exp(-rate) is linear under the transform, so the table adds no error.
    rates = np.array([0.01, 1.0])
    axis = make_axis("rate", rates, scale="log")
    table = make_table([axis], -np.expm1(-rates), transform="cloglog")
    assert look_up(table, rate=0.1) == pytest.approx(1 - math.exp(-0.1), rel=1e-3)


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=6),
    st.floats(0, 8),
    st.floats(0, 8),
    st.sampled_from(["identity", "log", "cloglog"]),
)
def test_monotone_where_the_points_are(
    values: list[float], one: float, other: float, transform: str
) -> None:
    axis = make_axis("x", range(1, len(values) + 1), scale="log")
    table = make_table([axis], sorted(values), transform=transform)
    low, high = (look_up(table, x=at) for at in sorted((one, other)))
    assert low <= high + 1e-12


def test_ends_hold_and_one_point_is_everywhere() -> None:
    table = make_table([make_axis("x", [1, 2])], [3.0, 5.0])
    assert [look_up(table, x=x) for x in (-9, 1, 2, 99)] == [3, 3, 5, 5]
    assert look_up(make_table([make_axis("x", [7])], [4.0]), x=0) == 4


def test_exact_axis_has_nothing_between() -> None:
    table = make_table([make_axis("bands", [1, 5], scale="exact")], [0.1, 0.3])
    assert look_up(table, bands=5) == 0.3
    message = "bands must be one of [1.0, 5.0]; got 2"
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        look_up(table, bands=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: make_axis("x", [2, 1]),
            "points of 'x' must ascend, from above 0 on a log axis; got [2, 1]",
        ),
        (
            lambda: make_axis("x", [0, 1], scale="log"),
            "points of 'x' must ascend, from above 0 on a log axis; got [0, 1]",
        ),
        (
            lambda: make_axis("x", [0, 1], scale="cubic"),
            "scale must be one of 'linear', 'log', 'exact'; got 'cubic'",
        ),
        (
            lambda: make_table([make_axis("x", [0, 1])], [1.0]),
            "values must have the shape (2,) of the axes; got (1,)",
        ),
        (
            lambda: make_table([make_axis("x", [0])], [1.0], transform="root"),
            "transform must be one of 'identity', 'log', 'cloglog'; got 'root'",
        ),
        (
            lambda: look_up(make_table([make_axis("x", [0, 1])], [1, 2]), y=1),
            "at must give a position on the axis 'x'",
        ),
    ],
)
def test_bad_input(call, message) -> None:
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        call()


def test_four_digits() -> None:
    assert rounded(math.pi) == 3.142
    assert make_table([make_axis("x", [0])], [1 / 3])["values"] == [0.3333]
