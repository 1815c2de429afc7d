"""Plots of defences draw what they are given, and their labels can be read."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from twinprivacy import plots
from twinprivacy.figures.publishing import check_labels, rc_params
from twinprivacy.studies import mark_dominated


@pytest.fixture(params=["light", "dark"])
def figure(request):
    with mpl.rc_context(rc_params(request.param, hash_salt="test")):
        yield Figure(figsize=(7.2, 4.0), layout="constrained")


def palette():
    cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    return [to_hex(colour) for colour in cycle]


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def tick_names(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def ends(collection):
    return [segment.tolist() for segment in collection.get_segments()]


class TestFrontier:
    settings = (
        ("no defence", 0.62, 0.90),
        ("rounded to 5 mg", 0.615, 0.62),
        ("10 questions", 0.61, 0.70),
        ("noise, mu 2", 0.56, 0.60),
        ("noise, mu 1", 0.54, 0.30),
        ("fixed dose", 0.49, 0.00),
    )

    @pytest.fixture
    def data(self):
        rows = [
            {"panel": panel, "setting": name, "measure": measure, "value": value}
            for panel in ("Warfarin", "Glucose")
            for name, *pair in self.settings
            for measure, value in zip(("use", "bits"), pair, strict=True)
        ]
        table = pd.DataFrame(rows)
        table = table.assign(low=table["value"] - 0.01, high=table["value"] + 0.02)
        return mark_dominated(table, useful="use", leak="bits")

    def draw(self, figure, data, **options):
        axes = figure.subplots(1, 2)
        options = {"label_x": "bits", "label_y": "use", "share_y": True} | options
        plots.plot_frontier(data, axes, **options)
        return axes

    def marks(self, ax):
        return [line for line in ax.lines if line.get_marker() in ("o", "s")]

    def test_every_setting_is_a_mark_with_its_name(self, figure, data):
        for ax in self.draw(figure, data):
            found = [(*line.get_ydata(), *line.get_xdata()) for line in self.marks(ax)]
            assert found == [tuple(values) for _, *values in self.settings]
            assert sorted(texts(ax)) == sorted(name for name, *_ in self.settings)
        check_labels(figure, "frontier")

    def test_both_intervals_are_bars(self, figure, data):
        ax = self.draw(figure, data)[0]
        drawn = [np.column_stack(line.get_data()).tolist() for line in ax.lines]
        row = data.iloc[0]
        assert [
            [row["leak_low"], row["useful"]],
            [row["leak_high"], row["useful"]],
        ] in drawn
        assert [
            [row["leak"], row["useful_low"]],
            [row["leak"], row["useful_high"]],
        ] in drawn

    def test_the_beaten_are_grey_and_hollow_and_nothing_done_is_a_square(
        self, figure, data
    ):
        ax = self.draw(figure, data)[0]
        by_name = dict(
            zip([name for name, *_ in self.settings], self.marks(ax), strict=True)
        )
        accent, second, *_, muted = palette()
        assert to_hex(by_name["noise, mu 1"].get_color()) == accent
        assert by_name["noise, mu 1"].get_markerfacecolor() != "none"
        hollow = [n for n, mark in by_name.items() if mark.get_mfc() == "none"]
        assert hollow == ["10 questions"]
        assert to_hex(by_name["10 questions"].get_color()) == muted
        square = by_name["no defence"]
        assert (square.get_marker(), to_hex(square.get_color())) == ("s", second)
        assert [mark.get_marker() for mark in by_name.values()] == ["s"] + 5 * ["o"]
        shown = {text.get_text(): to_hex(text.get_color()) for text in ax.texts}
        assert shown["10 questions"] == muted
        assert shown["no defence"] == second

    def test_the_front_is_joined_by_steps(self, figure, data):
        ax = self.draw(figure, data)[0]
        thin = [line for line in ax.lines if line.get_alpha() == 0.6]
        path = [np.column_stack(line.get_data()).tolist() for line in thin]
        # From one setting level to the next leak, then up to its use.
        assert path[:2] == [
            [[0.0, 0.49], [0.3, 0.49]],
            [[0.3, 0.49], [0.3, 0.54]],
        ]
        assert path[-1][-1] == [0.9, 0.62]
        assert [0.7, 0.61] not in [end for piece in path for end in piece]

    def test_names_touch_no_mark(self, figure, data):
        axes = self.draw(figure, data)
        figure.draw_without_rendering()
        for ax in axes:
            places = [
                ax.transData.transform(np.column_stack(line.get_data()))[0]
                for line in self.marks(ax)
            ]
            for text in ax.texts:
                if text.get_text():
                    box = text.get_window_extent()
                    assert not any(box.contains(*place) for place in places)

    def test_axes_say_what_they_are(self, figure, data):
        axes = self.draw(figure, data)
        assert [ax.get_title() for ax in axes] == ["Warfarin", "Glucose"]
        assert [ax.get_xlabel() for ax in axes] == ["bits", "bits"]
        assert [ax.get_ylabel() for ax in axes] == ["use", ""]
        figure.draw_without_rendering()
        assert all(name.endswith("%") for name in tick_names(axes[0].yaxis))
        assert not any(name.endswith("%") for name in tick_names(axes[0].xaxis))

    def test_a_panel_without_axes_is_refused(self, figure, data):
        with pytest.raises(ValueError, match="zip"):
            plots.plot_frontier(data, figure.subplots(), label_x="", label_y="")


class TestNames:
    def test_a_crowd_is_told_apart(self, figure):
        ax = figure.subplots()
        ax.set(xlim=(0, 1), ylim=(0, 1))
        points = [(0.5 + 0.004 * i, 0.5, f"setting {i}", "C0") for i in range(8)]
        plots.name_points(ax, points)
        assert sorted(texts(ax)) == sorted(f"setting {i}" for i in range(8))
        check_labels(figure, "crowd")
        # The first stands beside its point; the last need a line to theirs.
        arrows = [text for text in ax.texts if not text.get_text()]
        assert 0 < len(arrows) < 8

    def test_a_lone_name_stands_to_the_right(self, figure):
        ax = figure.subplots()
        plots.name_points(ax, [(0.5, 0.5, "alone", "C0")])
        (name,) = ax.texts
        figure.draw_without_rendering()
        place = ax.transData.transform((0.5, 0.5))
        box = name.get_window_extent()
        gap = (box.x0 - place[0]) * 72 / figure.dpi
        assert gap == pytest.approx(5, abs=0.5)
        assert box.y0 < place[1] < box.y1

    def test_bars_are_avoided(self, figure):
        ax = figure.subplots()
        ax.set(xlim=(0, 1), ylim=(0, 1))
        bars = [((0.5, 0.5), (0.9, 0.5))]
        plots.name_points(ax, [(0.5, 0.5, "beside", "C0")], bars=bars)
        assert ax.texts[0].get_position()[0] < 0

    def test_names_stay_inside(self, figure):
        ax = figure.subplots()
        ax.set(xlim=(0, 1), ylim=(0, 1))
        plots.name_points(ax, [(1.0, 1.0, "in the corner", "C0")])
        figure.draw_without_rendering()
        box = ax.texts[0].get_window_extent()
        assert box.x1 <= ax.bbox.x1
        assert box.y1 <= ax.bbox.y1


class TestModalityWorth:
    @pytest.fixture
    def data(self):
        rows = [
            {"modality": name, "series": series, "value": value}
            for name, *pair in (
                ("demographics", 0.68, 0.02),
                ("history", -0.01, 0.0),
                ("laboratory", 0.31, 0.98),
            )
            for series, value in zip(
                ("of what it predicts", "of what names people"), pair, strict=True
            )
        ]
        data = pd.DataFrame(rows)
        return data.assign(
            low=data["value"] - 0.02,
            high=data["value"] + 0.01,
            drop_first=data["modality"] == "laboratory",
        )

    def test_bars_come_in_pairs_with_intervals(self, figure, data):
        ax = figure.subplots()
        plots.plot_modality_worth(data, ax)
        assert [bar.get_width() for bar in ax.patches] == data["value"].tolist()
        middle = [bar.get_y() + bar.get_height() / 2 for bar in ax.patches]
        np.testing.assert_allclose(middle, [-0.19, 0.19, 0.81, 1.19, 1.81, 2.19])
        spans = [np.array(ends(part))[0, :, 0].tolist() for part in ax.collections]
        assert spans == data[["low", "high"]].to_numpy().tolist()
        check_labels(figure, "worth")

    def test_use_is_filled_and_risk_hatched(self, figure, data):
        ax = figure.subplots()
        plots.plot_modality_worth(data, ax)
        assert [bar.get_fill() for bar in ax.patches] == [True, False] * 3
        assert [bool(bar.get_hatch()) for bar in ax.patches] == [False, True] * 3
        assert texts(ax) == ["of what it predicts", "of what names people"]

    def test_what_to_drop_is_accented_and_said(self, figure, data):
        ax = figure.subplots()
        plots.plot_modality_worth(data, ax)
        accent, *_, muted = palette()
        edges = [to_hex(bar.get_edgecolor()) for bar in ax.patches]
        assert edges == [muted] * 4 + [accent] * 2
        assert tick_names(ax.yaxis) == [
            "demographics",
            "history",
            "laboratory\n(drop first)",
        ]
        bottom, top = ax.get_ylim()
        assert bottom > top


class TestBound:
    @pytest.fixture
    def data(self):
        data = pd.DataFrame({"budget": [0.1, 0.3, 1.0, 3.0, 10.0]})
        value = 0.37 + 0.02 * data["budget"]
        return data.assign(
            bound=value + np.array([0.01, 0.03, 0.1, 0.3, 0.4]),
            value=value,
            low=value - 0.02,
            high=value + 0.01,
        )

    def test_points_lie_under_a_line(self, figure, data):
        ax = figure.subplots()
        plots.plot_bound(
            data,
            ax,
            label_x="budget",
            label_y="guessed rightly",
            baseline=(0.37, "without the twin"),
        )
        bound, points, level = ax.lines
        assert bound.get_ydata().tolist() == data["bound"].tolist()
        assert bound.get_linestyle() == "--"
        assert points.get_ydata().tolist() == data["value"].tolist()
        assert points.get_linestyle() == "None"
        assert set(level.get_ydata()) == {0.37}
        spans = [[y for _, y in segment] for segment in ends(ax.collections[0])]
        assert spans == data[["low", "high"]].to_numpy().tolist()
        assert texts(ax) == [
            "no attack exceeds this",
            "attack measured",
            "without the twin",
        ]
        assert ax.get_xscale() == "log"
        assert ax.get_xlabel() == "budget\n(each step is ten times more)"
        assert ax.get_ylabel() == "guessed rightly"
        check_labels(figure, "bound")

    def test_bits_are_no_percentages(self, figure, data):
        ax = figure.subplots()
        plots.plot_bound(data, ax, label_x="mu", label_y="bits", share=False)
        figure.draw_without_rendering()
        assert not any("%" in name for name in tick_names(ax.yaxis))
        assert len(ax.lines) == 2


class TestTrade:
    budgets = (0.1, 1.0, 10.0)

    @pytest.fixture
    def data(self):
        rows = [
            {
                "panel": panel,
                "measure": measure,
                "series": series,
                "budget": budget,
                "value": value,
            }
            for panel, measure, series, values in (
                ("What patients get", "patients", "better", (0.2, 0.35, 0.5)),
                ("What patients get", "patients", "hurt", (0.45, 0.3, 0.1)),
                ("What stays hidden", "genotypes", "kept", (1.0, 0.9, 0.7)),
            )
            for budget, value in zip(self.budgets, values, strict=True)
        ]
        levels = pd.DataFrame(
            {
                "panel": ["What patients get"] * 2 + ["What stays hidden"],
                "measure": ["patients"] * 2 + ["genotypes"],
                "series": ["fixed dose", "no noise", "no noise"],
                "budget": np.nan,
                "value": [0.3, 0.52, 0.62],
            }
        )
        data = pd.concat([pd.DataFrame(rows), levels], ignore_index=True)
        return data.assign(low=data["value"] - 0.03, high=data["value"] + 0.02)

    def test_lines_and_levels(self, figure, data):
        axes = figure.subplots(2, 1, sharex=True)
        plots.plot_trade(data, axes, label_x="budget")
        upper = axes[0].lines
        assert upper[0].get_ydata().tolist() == [0.2, 0.35, 0.5]
        assert upper[1].get_ydata().tolist() == [0.45, 0.3, 0.1]
        assert [set(line.get_ydata()) for line in upper[2:]] == [{0.3}, {0.52}]
        assert axes[1].lines[0].get_ydata().tolist() == [1.0, 0.9, 0.7]
        band = axes[0].collections[0].get_paths()[0].vertices[:, 1]
        assert (band.min(), band.max()) == pytest.approx((0.17, 0.52))
        check_labels(figure, "trade")

    def test_a_name_looks_the_same_in_both_panels_and_unlike_others(self, figure, data):
        axes = figure.subplots(2, 1, sharex=True)
        plots.plot_trade(data, axes, label_x="budget")
        first, second, third, _, muted = palette()
        looks = [
            (to_hex(line.get_color()), line.get_linestyle())
            for ax in axes
            for line in ax.lines
        ]
        assert looks == [
            (first, "-"),
            (second, "--"),
            (muted, ":"),
            (muted, "-."),
            (third, "-."),
            (muted, "-."),
        ]

    def test_the_budget_is_named_once(self, figure, data):
        axes = figure.subplots(2, 1, sharex=True)
        plots.plot_trade(data, axes, label_x="budget")
        assert [ax.get_xlabel() for ax in axes] == [
            "",
            "budget\n(each step is ten times more)",
        ]
        assert [ax.get_ylabel() for ax in axes] == ["patients", "genotypes"]
        assert texts(axes[0]) == ["better", "hurt", "fixed dose", "no noise"]
        assert axes[0].get_xlim() == axes[1].get_xlim() == (0.1, 10.0)
