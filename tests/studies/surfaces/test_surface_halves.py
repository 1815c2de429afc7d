"""Where half of the most leaks, and when it is not known."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.errors import DataError
from twinprivacy.estimates.monotone import crossings
from twinprivacy.studies import half_volumes


def curve_table(curve, *, band=0.0, scale="linear", volumes=None, increasing=True):
    curve = np.asarray(curve, dtype=float)
    volumes = list(range(1, len(curve) + 1)) if volumes is None else volumes
    return pd.DataFrame(
        {
            "surface": "answers",
            "axis": "answers",
            "unit": "answers",
            "scale": scale,
            "increasing": increasing,
            "volume": volumes,
            "curve": curve,
            "curve_low": curve - band,
            "curve_high": curve + band,
        }
    )


def test_half_is_interpolated_by_hand():
    # Half of 4 is 2: from 1 at 2 to 3 at 3, halfway. Bands: 2.1 by the lower curve
    # (2.1 = half of 4.2: 0.8 + 2 t), 1.9 by the upper one (1.2 + 2 t).
    table = curve_table([0, 1, 3, 4, 4], band=0.2)
    row = half_volumes(table).iloc[0]
    assert row["value"] == pytest.approx(2.5)
    assert row["low"] == pytest.approx(2 + 0.7 / 2)
    assert row["high"] == pytest.approx(2 + 1.3 / 2)
    assert row["half_bits"] == 2
    assert row["reading"] == "bends"


def test_half_on_a_logarithmic_axis_lies_at_the_geometric_mean():
    table = curve_table([1, 3, 4, 4], scale="log", volumes=[1, 100, 1_000, 10_000])
    assert half_volumes(table)["value"].item() == pytest.approx(10)


def test_half_of_a_falling_curve():
    # Half of 4 is 2: from 4 at 2 to 1 at 3, two thirds of the way.
    table = curve_table([4, 4, 1, 1], increasing=False)
    assert half_volumes(table)["value"].item() == pytest.approx(2 + 2 / 3)


@pytest.mark.parametrize(
    ("curve", "band", "increasing", "reading"),
    [
        ([1, 2, 3, 4], 0.1, True, "beyond the range"),
        ([3, 4, 4, 4], 0.1, True, "below the range"),
        ([0, 0.1, 0.2, 0.2], 0.3, True, "nothing shown"),
        ([4, 3.5, 3, 3], 0.1, False, "beyond the range"),
        ([4, 2, 1, 0.5], 0.1, False, "below the range"),
    ],
)
def test_no_half_is_made_up(curve, band, increasing, reading):
    row = half_volumes(curve_table(curve, band=band, increasing=increasing)).iloc[0]
    assert row["reading"] == reading
    assert row[["value", "low", "high"]].isna().all()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0, 10), min_size=3, max_size=6),
    st.floats(0.0, 1.0),
    st.booleans(),
)
def test_half_lies_within_its_bounds_and_the_volumes(values, band, increasing):
    curve = sorted(values, reverse=not increasing)
    row = half_volumes(curve_table(curve, band=band, increasing=increasing)).iloc[0]
    if row["reading"] == "bends":
        assert row["low"] <= row["value"] <= row["high"]
        assert 1 <= row["value"] <= len(curve)


def test_levels_outside_a_curve_are_crossed_beyond_it():
    curves, places = np.array([[1.0, 2.0], [1.0, 2.0]]), np.array([1.0, 2.0])
    levels = np.array([0.5, 3.0])
    kind = {"logarithmic": False}
    rising = crossings(curves, levels, places, increasing=True, **kind)
    falling = crossings(curves[:, ::-1], levels, places, increasing=False, **kind)
    assert rising.tolist() == [-np.inf, np.inf]
    assert falling.tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize(
    ("last", "reading"), [(5.3, "bends"), (5.4, "beyond the range")]
)
def test_a_last_step_at_half_of_the_average_slope_decides(last, reading):
    # Steps of 4 and s: s is half of their average, (4 + s) / 4, at s = 4 / 3.
    table = curve_table([0, 4, last])
    assert half_volumes(table)["reading"].item() == reading


@pytest.mark.parametrize("first", [1, 2, 3])
def test_no_half_of_a_falling_curve_hangs_on_the_first_volume(first):
    # c / n halves with each doubling: its most is at volumes that nobody measured.
    volumes = np.array([12, 25, 50, 100, 200, 400])[first - 1 :]
    table = curve_table(
        40 / volumes, band=0.001, scale="log", volumes=volumes, increasing=False
    )
    assert half_volumes(table)["reading"].item() == "below the range"


def test_a_curve_without_a_band_shows_nothing():
    row = half_volumes(curve_table([1, 3, 4, 4], band=np.nan)).iloc[0]
    assert row["reading"] == "nothing shown"


def test_half_volumes_needs_a_curve():
    with pytest.raises(DataError, match=r"^table must have the columns curve_low$"):
        half_volumes(curve_table([0, 1, 1]).drop(columns="curve_low"))
    with pytest.raises(DataError, match=r"^table must hold at least one row; got none"):
        half_volumes(curve_table([0, 1, 1]).head(0))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"curve": [0, np.nan, 1]}, "curve must be finite; got 1 values that are not"),
        (
            {"curve": [1]},
            "volume must differ in two rows or more of answers, answers; got [1]",
        ),
        (
            {"curve": [0, 1, 1], "volumes": [1, 2, 2]},
            "volume must differ in two rows or more of answers, answers; got [1, 2, 2]",
        ),
        (
            {"curve": [0, 1, 1], "volumes": [0, 1, 2], "scale": "log"},
            "volume must be above 0 on a logarithmic axis",
        ),
    ],
)
def test_a_curve_needs_values_and_volumes(bad, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        half_volumes(curve_table(**bad))
