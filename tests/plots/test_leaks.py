"""Plots of leaks draw what they are given, and their labels can be read."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from twinprivacy import plots
from twinprivacy.figures.publishing import check_labels, rc_params


@pytest.fixture(params=["light", "dark"])
def figure(request):
    with mpl.rc_context(rc_params(request.param, hash_salt="test")):
        yield Figure(figsize=(7.2, 3.6), layout="constrained")


def palette():
    cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    return [to_hex(colour) for colour in cycle]


def tick_names(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


class TestBaselines:
    @pytest.fixture
    def data(self):
        who = ["commonest", "without the twin", "people it never saw", "its patients"]
        role = ["baseline", "baseline", "control", "attack"]
        rows = [
            {"panel": panel, "who": name, "role": part, "value": value + shift}
            for panel, shift in (("VKORC1", 0.0), ("CYP2C9", 0.1))
            for name, part, value in zip(who, role, (0.3, 0.4, 0.5, 0.6), strict=True)
        ]
        data = pd.DataFrame(rows)
        return data.assign(low=data["value"] - 0.05, high=data["value"] + 0.04)

    def test_every_row_is_a_mark_on_its_interval(self, figure, data):
        axes = figure.subplots(1, 2)
        plots.plot_baselines(data, axes)
        for ax, (panel, part) in zip(
            axes, data.groupby("panel", sort=False), strict=True
        ):
            assert ax.get_title() == panel
            bars, marks = ax.lines[::2], ax.lines[1::2]
            assert len(bars) == len(marks) == len(part)
            rows = part.to_dict("records")
            for place, (bar, mark, row) in enumerate(
                zip(bars, marks, rows, strict=True)
            ):
                assert list(bar.get_xdata()) == [row["low"], row["high"]]
                assert list(mark.get_xdata()) == [row["value"]]
                assert list(mark.get_ydata()) == [place]
        check_labels(figure, "baselines")

    def test_panels_to_be_compared_share_the_whole_axis(self, figure, data):
        axes = figure.subplots(1, 2)
        plots.plot_baselines(data, axes, label="unique", whole=True)
        for ax in axes:
            low, high = ax.get_xlim()
            assert low < 0 < 1 < high
            assert ax.get_xlabel() == "unique"
        assert axes[0].get_xlim() == axes[1].get_xlim()

    def test_names_stand_once_and_the_first_on_top(self, figure, data):
        axes = figure.subplots(1, 2)
        plots.plot_baselines(data, axes)
        assert tick_names(axes[0].yaxis) == list(dict.fromkeys(data["who"]))
        assert set(tick_names(axes[1].yaxis)) == {""}
        bottom, top = axes[0].get_ylim()
        assert bottom > top

    def test_who_is_who_hangs_on_more_than_colour(self, figure, data):
        axes = figure.subplots(1, 2)
        plots.plot_baselines(data, axes)
        accent, muted = palette()[0], palette()[4]
        marks = axes[0].lines[1::2]
        assert [to_hex(mark.get_color()) for mark in marks] == [
            muted,
            muted,
            accent,
            accent,
        ]
        assert [mark.get_marker() for mark in marks] == ["s", "s", "o", "o"]
        hollow = [mark.get_markerfacecolor() == "none" for mark in marks]
        assert hollow == [False, False, True, False]

    def test_a_panel_without_axes_is_refused(self, figure, data):
        with pytest.raises(ValueError, match="zip"):
            plots.plot_baselines(data, figure.subplots(1, 2)[:1])

    def test_a_grid_names_who_in_each_row_and_empties_the_rest(self, figure, data):
        third = data[data["panel"] == "VKORC1"].assign(panel="CYP4F2")
        axes = figure.subplots(2, 2)
        plots.plot_baselines(pd.concat([data, third]), axes)
        titles = [ax.get_title() for ax in axes.ravel()]
        assert titles == ["VKORC1", "CYP2C9", "CYP4F2", ""]
        names = list(dict.fromkeys(data["who"]))
        assert [tick_names(ax.yaxis) == names for ax in axes.ravel()[:3]] == [
            True,
            False,
            True,
        ]
        assert not axes[1, 1].axison


class TestLeakBits:
    @pytest.fixture
    def data(self):
        return pd.DataFrame(
            {
                "name": ["VKORC1", "heart failure"] * 2,
                "role": ["member"] * 2 + ["control"] * 2,
                "value": [0.4, 0.02, 0.38, -0.01],
                "low": [0.3, -0.05, 0.3, -0.08],
                "high": [0.5, 0.09, 0.46, 0.06],
            }
        )

    def test_members_and_controls_stand_side_by_side(self, figure, data):
        ax = figure.subplots()
        plots.plot_leak_bits(data, ax)
        members, controls, zero = ax.lines
        assert members.get_xdata().tolist() == [0.4, 0.02]
        assert controls.get_xdata().tolist() == [0.38, -0.01]
        np.testing.assert_allclose(members.get_ydata(), [-0.16, 0.84])
        np.testing.assert_allclose(controls.get_ydata(), [0.16, 1.16])
        assert members.get_markerfacecolor() != "none"
        assert controls.get_markerfacecolor() == "none"
        assert set(zero.get_xdata()) == {0}
        drawn = [bars.get_segments() for bars in ax.collections]
        ends = [segment[:, 0].tolist() for part in drawn for segment in part]
        assert ends == data[["low", "high"]].to_numpy().tolist()

    def test_labels_say_who_and_what(self, figure, data):
        ax = figure.subplots()
        plots.plot_leak_bits(data, ax)
        assert tick_names(ax.yaxis) == ["VKORC1", "heart failure"]
        shown = [text.get_text() for text in ax.texts]
        assert shown == ["people it was trained on", "people it never saw"]
        assert ax.get_xlabel() == "bits per person beyond what was known"
        assert {to_hex(text.get_color()) for text in ax.texts} == {palette()[0]}
        check_labels(figure, "leak-bits")


class TestDoseResponse:
    @pytest.fixture
    def data(self):
        rows = [
            {"panel": panel, "axis": axis, "series": name, "volume": x, "value": y}
            for panel, axis in (("Queries", "answers seen"), ("People", "people held"))
            for name, height in (("VKORC1", 1.0), ("CYP2C9", 0.3))
            for x, y in ((0, 0.1), (1, 0.5 * height), (2, height))
        ]
        data = pd.DataFrame(rows)
        value = data["value"]
        return data.assign(
            volume_label=data["volume"].map({0: "1", 1: "10", 2: "100"}),
            low=value - 0.1,
            high=value + 0.1,
            curve=value + 0.01,
            curve_low=value - 0.08,
            curve_high=value + 0.08,
        )

    def test_estimates_lie_on_a_curve_with_its_band(self, figure, data):
        axes = figure.subplots(1, 2)
        plots.plot_dose_response(data, axes)
        part = data[(data["panel"] == "Queries") & (data["series"] == "VKORC1")]
        curve, points = axes[0].lines[:2]
        assert curve.get_ydata().tolist() == part["curve"].tolist()
        assert points.get_ydata().tolist() == part["value"].tolist()
        band, bars = axes[0].collections[:2]
        corners = band.get_paths()[0].vertices[:, 1]
        assert corners.min() == part["curve_low"].min()
        assert corners.max() == part["curve_high"].max()
        ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
        assert ends == part[["low", "high"]].to_numpy().tolist()

    def test_series_differ_by_line_and_have_their_names(self, figure, data):
        axes = figure.subplots(1, 2)
        plots.plot_dose_response(data, axes)
        for ax in axes:
            curves = [line for line in ax.lines if len(line.get_xdata()) == 3][::2]
            assert [line.get_linestyle() for line in curves] == ["-", "--"]
            assert [to_hex(line.get_color()) for line in curves] == palette()[:2]
            assert [text.get_text() for text in ax.texts] == ["VKORC1", "CYP2C9"]
        check_labels(figure, "dose-response")

    def test_axes_say_what_grows_and_what_leaks(self, figure, data):
        axes = figure.subplots(1, 2)
        plots.plot_dose_response(data, axes, label="gain")
        assert [ax.get_xlabel() for ax in axes] == ["answers seen", "people held"]
        assert [ax.get_title() for ax in axes] == ["Queries", "People"]
        assert [ax.get_ylabel() for ax in axes] == ["gain", ""]
        assert tick_names(axes[0].xaxis) == ["1", "10", "100"]
        assert axes[0].lines[-1].get_ydata() == [0, 0]

    def test_axes_left_over_stay_empty_and_each_row_says_what_leaks(self, figure, data):
        axes = figure.subplots(3, 1)
        plots.plot_dose_response(data, axes)
        assert [ax.axison for ax in axes] == [True, True, False]
        assert [ax.get_ylabel() for ax in axes[:2]] == ["bits per person"] * 2

    def test_a_lone_series_needs_no_name_and_no_curve(self, figure, data):
        lone = data[data["series"] == "VKORC1"]
        lone = lone.assign(curve=np.nan, curve_low=np.nan, curve_high=np.nan)
        axes = figure.subplots(1, 2)
        plots.plot_dose_response(lone, axes)
        assert not axes[0].texts
        points = axes[0].lines[1].get_ydata()
        assert points.tolist() == lone["value"].tolist()[:3]
        check_labels(figure, "dose-response-points")
