"""Lines with bands draw what they are given, and say what was not measured."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from twinprivacy.figures.publishing import check_labels, rc_params
from twinprivacy.plots import plot_curves


@pytest.fixture(params=["light", "dark"])
def figure(request):
    with mpl.rc_context(rc_params(request.param, hash_salt="test")):
        yield Figure(figsize=(7.2, 3.2), layout="constrained")


@pytest.fixture
def data():
    rows = [
        {"panel": panel, "series": series, "volume": volume, "value": value + shift}
        for panel in ("attributes", "people")
        for series, shift in (("age", 0.0), ("age and sex", 0.2))
        for volume, value in ((10, 0.1), (100, 0.3), (1_000, 0.5))
    ]
    data = pd.DataFrame(rows).assign(axis="people", extrapolated=False)
    data["low"], data["high"] = data["value"] - 0.05, data["value"] + 0.05
    return data


def lines_of_data(ax):
    return [line for line in ax.lines if len(line.get_xdata()) > 2]


def test_one_line_a_series_through_its_values(figure, data):
    axes = figure.subplots(1, 2)
    plot_curves(data, axes, label="share unique", log_x=True)
    for ax in axes:
        first, second = lines_of_data(ax)
        np.testing.assert_allclose(first.get_ydata(), [0.1, 0.3, 0.5])
        np.testing.assert_allclose(second.get_ydata(), [0.3, 0.5, 0.7])
        assert first.get_linestyle() != second.get_linestyle()
    assert axes[0].get_ylabel() == "share unique"
    assert axes[1].get_ylabel() == ""
    assert axes[0].get_xscale() == "log"
    check_labels(figure, "a-figure")  # raises where two overlap


def test_what_was_not_measured_is_dashed_and_grey(figure, data):
    part = data[(data["panel"] == "people") & (data["series"] == "age")].copy()
    part["extrapolated"] = part["volume"] > 100
    ax = figure.subplots()
    plot_curves(part, ax, label="share unique", log_x=True)
    seen, beyond = ax.lines
    np.testing.assert_allclose(seen.get_xdata(), [10, 100])
    np.testing.assert_allclose(beyond.get_xdata(), [100, 1_000])
    assert beyond.get_linestyle() == "--"
    cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    assert to_hex(beyond.get_color()) == to_hex(cycle[4])


def test_named_places_and_levels(figure, data):
    part = data[data["panel"] == "people"].copy()
    part["volume_label"] = part["volume"].map({10: "ten", 100: "", 1_000: "many"})
    ax = figure.subplots()
    plot_curves(part, ax, label="share", reference={"chance": 0.02})
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["ten", "many"]
    assert "chance" in [text.get_text() for text in ax.texts]


def test_shares_on_two_logarithmic_axes(figure, data):
    ax = figure.subplots()
    part = data[data["panel"] == "people"]
    plot_curves(part, ax, label="true positives", log_x=True, log_y=True)
    figure.draw_without_rendering()
    assert ax.get_yscale() == "log"
    assert "10 %" in [tick.get_text() for tick in ax.get_yticklabels()]
    assert ax.get_ylabel().startswith("true positives")


def test_panels_that_are_left_over_stay_empty(figure, data):
    axes = figure.subplots(1, 3)
    plot_curves(data, axes, label="share")
    assert not axes[2].axison


def test_labels_of_lines_along_the_bottom_stay_above_the_axis(figure, data):
    flat = pd.concat(data.assign(series=f"line {place}") for place in range(4))
    flat[["value", "low", "high"]] = 0.0
    flat.loc[flat["series"] == "line 3", "value"] = 1.0
    axes = figure.subplots(1, 2)
    plot_curves(flat, axes, label="share", log_x=True)
    check_labels(figure, "a-figure")
    floor = axes[0].get_window_extent().y0
    for text in axes[0].texts:
        box = text.get_window_extent()
        assert (box.y0 + box.y1) / 2 >= floor - 1


def test_names_inside_stand_right_of_their_line_where_there_is_room(figure, data):
    part = data[data["panel"] == "people"].copy()
    # Two lines that leave the floor at different places and meet at the top.
    late = part["series"] == "age"
    part.loc[late, "value"] = [0.0, 0.0, 1.0]
    part.loc[~late, "value"] = [0.0, 1.0, 1.0]
    ax = figure.subplots()
    plot_curves(part, ax, label="share", names_inside=True)
    assert [text.get_text() for text in ax.texts] == ["age", "age and sex"]
    for text, (x_low, x_high) in zip(ax.texts, [(100, 1_000), (10, 100)], strict=True):
        x, y = text.xy
        assert x == pytest.approx(x_low + y * (x_high - x_low))
        assert 0 < y < 1
    check_labels(figure, "a-figure")
