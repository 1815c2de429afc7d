"""Plots of costs draw what they are given and say what is missing or extrapolated."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from twinprivacy import plots
from twinprivacy.figures.publishing import check_labels


@pytest.fixture
def ax():
    return Figure(figsize=(7.2, 3.5), layout="constrained").subplots()


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_intervals_are_drawn_from_the_top_and_gaps_are_said(ax):
    data = pd.DataFrame(
        {
            "name": ["first", "unknown", "last"],
            "value": [0.5, np.nan, 2.0],
            "low": [0.2, np.nan, 1.5],
            "high": [0.9, np.nan, 3.0],
            "marked": [True, False, False],
            "hollow": [False, False, True],
        }
    )
    plots.plot_intervals(
        data, ax, label="ratio", reference=1, reference_label="no difference"
    )
    assert ax.lines[0].get_xydata().tolist() == [[0.2, 2], [0.9, 2]]
    assert ax.lines[1].get_xydata().tolist() == [[0.5, 2]]
    assert ax.lines[3].get_markerfacecolor() == "none"
    assert texts(ax) == ["too few cases to tell", "no difference"]
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    assert labels == ["first", "unknown", "last"]
    check_labels(ax.figure, "intervals")


def test_lines_of_models_are_dotted_outside_their_domain(ax):
    lines = pd.DataFrame(
        {
            "series": ["old"] * 3 + ["our fit"] * 3,
            "role": ["model"] * 3 + ["fit"] * 3,
            "n_individuals": [1e3, 1e5, 1e7] * 2,
            "amount_usd": [1e4, 1e6, 1e8, 1e5, 2e5, 4e5],
            "low": [np.nan] * 3 + [1e4] * 3,
            "high": [np.nan] * 3 + [1e6] * 3,
            "outside_domain": [False, False, True, False, False, False],
        }
    )
    case = pd.DataFrame(
        {
            "series": ["ocr_penalty"],
            "role": ["case"],
            "n_individuals": [2e4],
            "amount_usd": [3e5],
            "outside_domain": [False],
        }
    )
    plots.plot_cost_cases(pd.concat([case, lines]), ax)
    points, dotted, solid = ax.lines[:3]
    assert points.get_xydata().tolist() == [[2e4, 3e5]]
    assert dotted.get_linestyle() == ":"
    assert len(dotted.get_xdata()) == 3
    assert np.isnan(solid.get_ydata()).tolist() == [False, False, True]
    assert texts(ax) == ["old", "our fit"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "federal penalty"
    ]
    assert plots.cost_name("state_ag_penalty") == "state penalty"
    check_labels(ax.figure, "cases")


def test_cost_per_person_has_a_band_for_the_marked_kind_only(ax):
    data = pd.DataFrame(
        {
            "series": ["ocr_penalty"] * 2 + ["state_ag_penalty"] * 2,
            "n_individuals": [1e3, 1e6] * 2,
            "usd_per_person": [100.0, 1.0, 50.0, 0.5],
            "low": [10.0, 0.1] * 2,
            "high": [1e3, 10.0] * 2,
            "outside_domain": [False] * 4,
            "marked": [True] * 2 + [False] * 2,
        }
    )
    plots.plot_cost_per_person(data, ax)
    assert len(ax.collections) == 1
    assert texts(ax) == ["federal penalty", "state penalty"]
    check_labels(ax.figure, "per-person")


def test_penalties_show_points_and_curve_beside_the_amounts():
    axes = Figure(figsize=(7.2, 3.5), layout="constrained").subplots(1, 2)
    sizes = [1e3, 1e5, 1e7]
    rows = [
        ("share", "observed", [0.01, 0.1, 0.3]),
        ("share", "fitted", [0.01, 0.1, 0.3]),
        ("amount", "if penalised", [1e5, 2e5, 4e5]),
        ("amount", "of any breach", [1e3, 2e4, 1.2e5]),
    ]
    data = pd.concat(
        pd.DataFrame(
            {
                "panel": panel,
                "series": series,
                "n_individuals": sizes,
                "value": values,
                "low": np.array(values) / 2,
                "high": np.array(values) * 2,
            }
        )
        for panel, series, values in rows
    )
    plots.plot_penalties(data, axes)
    left, right = axes
    assert left.get_ylim()[0] == 0
    assert len(left.containers) == 1
    assert texts(right) == ["if penalised", "of any breach"]
    assert right.lines[1].get_ydata().tolist() == [1e3, 2e4, 1.2e5]
    check_labels(left.figure, "penalties")


def test_annual_loss_falls_with_its_band(ax):
    data = pd.DataFrame(
        {
            "series": ["twins"] * 3,
            "loss_usd": [1e4, 1e6, 1e8],
            "chance": [0.1, 0.05, 0.001],
            "low": [0.05, 0.02, 0.0001],
            "high": [0.2, 0.1, 0.01],
        }
    )
    plots.plot_annual_loss(data, ax)
    assert ax.lines[0].get_ydata().tolist() == [0.1, 0.05, 0.001]
    assert len(ax.collections) == 1
    assert texts(ax) == ["twins"]
    check_labels(ax.figure, "loss")


def test_tornado_writes_each_end_beside_its_own_side(ax):
    data = pd.DataFrame(
        {
            "name": ["people", "stores"],
            "low": [1e4, 3e5],
            "high": [1e6, 5e4],
            "low_label": ["few", "one"],
            "high_label": ["many", "ten"],
            "base": 1e5,
        }
    )
    plots.plot_tornado(data, ax)
    places = {text.get_text(): text for text in ax.texts}
    # What lowers the loss stands at the left, whichever end of the input it is.
    assert places["few"].get_ha() == places["ten"].get_ha() == "right"
    assert places["many"].get_ha() == places["one"].get_ha() == "left"
    assert places["ten"].xy == (5e4, 0)
    assert to_rgba(ax.lines[0].get_color()) == to_rgba("C0")
    check_labels(ax.figure, "tornado")


def test_stores_start_at_one_and_every_number_of_stores_has_a_tick(ax):
    data = pd.DataFrame(
        {
            "series": ["more"] * 3 + ["less"] * 3,
            "n_stores": [1, 2, 10] * 2,
            "relative_loss": [1.0, 1.5, 3.8, 1.0, 0.7, 0.4],
        }
    )
    plots.plot_stores(data, ax)
    assert ax.get_xticks().tolist() == [1, 2, 10]
    assert ax.get_yticks().tolist() == pytest.approx([0.5, 1, 2])
    assert texts(ax) == ["more", "less"]
    check_labels(ax.figure, "stores")
