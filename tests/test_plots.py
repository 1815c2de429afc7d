"""Plots draw what they are given; findings are tested with the chapters."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from twinprivacy import plots
from twinprivacy.figures.legibility import check_labels


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
    placed = plots._spread(np.array(positions), gap)
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
