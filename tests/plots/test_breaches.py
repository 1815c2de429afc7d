"""Plots draw what they are given; findings are tested with the chapters."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from matplotlib.figure import Figure

from twinprivacy import plots
from twinprivacy.figures.publishing import check_labels
from twinprivacy.plots.axes import spread


@pytest.fixture
def ax():
    return Figure(figsize=(3.5, 2.2), layout="constrained").subplots()


def line_data(ax, place=0):
    return ax.lines[place].get_xydata()


def test_frequency_marks_the_years_outside_the_fit(ax):
    data = pd.DataFrame(
        {
            "year": [2010, 2011, 2012],
            "n_breaches": [10, 12, 5],
            "expected": [10.0, 11.0, 12.0],
            "low": [5.0, 6.0, 7.0],
            "high": [15.0, 16.0, 17.0],
            "fitted": [True, True, False],
        }
    )
    plots.plot_frequency(data, ax)
    assert line_data(ax, 1).tolist() == [[2010, 10], [2011, 12]]
    assert line_data(ax, 2).tolist() == [[2012, 5]]
    assert ax.lines[2].get_markerfacecolor() == "none"
    assert ax.get_ylim()[0] == 0
    check_labels(ax.figure, "frequency")


def test_log_axis_speaks_plainly_and_has_no_minor_ticks(ax):
    ax.plot([500, 2e8], [1, 2])
    plots.log_axis(ax.xaxis, label="people")
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "people\n(each step is ten times more)"
    assert len(ax.xaxis.get_minorticklocs()) == 0
    ax.figure.draw_without_rendering()
    labels = [text.get_text() for text in ax.get_xticklabels()]
    assert {"1 k", "10 k", "100 k", "1 M", "10 M", "100 M"} <= set(labels)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6), st.floats(1, 20))
def test_labels_are_moved_apart_in_order(positions, gap):
    placed = spread(np.array(positions), gap)
    order = np.argsort(positions, kind="stable")
    assert (np.diff(placed[order]) >= gap * 0.95).all()
    assert placed.mean() == pytest.approx(np.mean(positions), abs=1e-6)


def test_labels_at_line_ends_do_not_touch(ax):
    ax.plot([0, 1], [0, 1])
    plots.label_ends(ax, [(1, 1.0, "first", "C0"), (1, 0.99, "second", "C1")])
    check_labels(ax.figure, "ends")


def test_concentration_names_the_marked_point(ax):
    data = pd.DataFrame(
        {
            "share_of_breaches": [0.001, 0.01, 0.1],
            "low": [0.3, 0.6, 0.9],
            "middle": [0.3, 0.625, 0.9],
            "high": [0.3, 0.65, 0.9],
            "marked": [False, True, False],
        }
    )
    plots.plot_concentration(data, ax)
    (note,) = ax.texts
    assert note.get_text() == "largest 1 %\nof breaches:\n62 % of people"


def test_exceedance_draws_points_and_every_law_with_its_name(ax):
    x = [1e3, 1e5, 1e7]
    parts = {"observed": [1.0, 0.2, 0.01], "lognormal": [1.0, 0.21, 0.012]}
    parts["pareto"] = [1.0, 0.3, 0.1]
    data = pd.concat(
        pd.DataFrame(
            {
                "series": series,
                "n_individuals": x,
                "exceedance": values,
                "low": values,
                "high": values,
                "best": series == "lognormal",
            }
        )
        for series, values in parts.items()
    )
    ax.figure.set_size_inches(7, 4)
    plots.plot_exceedance(data, ax)
    assert [line_data(ax, place)[:, 1].tolist() for place in range(3)] == [
        *parts.values()
    ]
    assert [text.get_text() for text in ax.texts] == ["log-normal", "Pareto"]
    assert ax.lines[1].get_linestyle() != ax.lines[2].get_linestyle()
    check_labels(ax.figure, "exceedance")


def test_return_periods_name_laws_and_the_observed(ax):
    x = [1e5, 1e6, 1e8]
    laws = {"lognormal": [0.01, 0.1, 50], "generalised_pareto": [0.01, 0.1, 10]}
    laws["observed"] = [0.01, 0.1, 5]
    data = pd.concat(
        pd.DataFrame(
            {
                "series": series,
                "n_individuals": x,
                "years": years,
                "low": np.multiply(years, 0.8),
                "high": np.multiply(years, 1.3),
            }
        )
        for series, years in laws.items()
    )
    ax.figure.set_size_inches(7, 4)
    plots.plot_return_period(data, ax)
    assert [line_data(ax, place)[:, 1].tolist() for place in range(3)] == [
        *laws.values()
    ]
    labels = [text.get_text() for text in ax.texts]
    assert labels == ["log-normal", "generalised Pareto", "observed"]
    check_labels(ax.figure, "return-periods")


def test_tail_index_shows_the_line_at_one(ax):
    data = pd.DataFrame(
        {
            "threshold_individuals": [1e3, 1e5, 1e6],
            "tail_index": [0.5, 0.7, 1.1],
            "low": [0.4, 0.6, 0.9],
            "high": [0.6, 0.8, 1.4],
        }
    )
    plots.plot_tail_index(data, ax)
    assert ax.lines[0].get_ydata() == [1, 1]
    assert line_data(ax, 1)[:, 1].tolist() == data["tail_index"].tolist()
    assert ax.get_ylim()[0] == 0


def test_mix_gives_each_grouping_its_panel():
    axes = Figure(figsize=(7, 3), layout="constrained").subplots(1, 2)
    rows = [
        (grouping, kind, year, share, share - 0.05, share + 0.05)
        for grouping, kinds in {
            "how": ("theft", "hacking"),
            "who": ("provider",),
        }.items()
        for kind in kinds
        for year, share in ((2010, 0.3), (2024, 0.9 if kind == "hacking" else 0.1))
    ]
    columns = ["grouping", "kind", "year", "share", "low", "high"]
    plots.plot_mix(pd.DataFrame(rows, columns=columns), axes)
    assert [ax.get_title() for ax in axes] == ["how", "who"]
    assert [len(ax.lines) for ax in axes] == [2, 1]
    assert axes[0].lines[0].get_linestyle() != axes[0].lines[1].get_linestyle()
    check_labels(axes[0].figure, "mix")


def test_out_of_time_sets_what_came_beside_what_was_promised(ax):
    data = pd.DataFrame(
        {
            "n_individuals": [1e3, 1e5, 1e6],
            "expected": [1000.0, 90.0, 10.0],
            "low": [900.0, 70.0, 5.0],
            "high": [1100.0, 120.0, 20.0],
            "observed": [1050, 300, 60],
        }
    )
    plots.plot_out_of_time(data, ax)
    assert line_data(ax, 0)[:, 1].tolist() == data["expected"].tolist()
    assert line_data(ax, 1)[:, 1].tolist() == data["observed"].tolist()
    assert {text.get_text() for text in ax.texts} == {"came", "promised"}


def test_revisions_mark_the_year_that_moved_most(ax):
    data = pd.DataFrame(
        {
            "year": [2014, 2014, 2015, 2015],
            "as_of": [2017.6, 2020.6, 2017.6, 2020.6],
            "ratio": [1.0, 1.5, 1.0, 0.99],
        }
    )
    plots.plot_revisions(data, ax)
    (label,) = ax.texts
    assert label.get_text() == "2014"
    assert ax.lines[0].get_color() != ax.lines[1].get_color()
