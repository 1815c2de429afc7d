"""Plots of twins draw what they are given, and their labels can be read."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

from twinprivacy import plots
from twinprivacy.figures.publishing import check_labels, rc_params


@pytest.fixture
def figure():
    import matplotlib as mpl

    with mpl.rc_context(rc_params("light", hash_salt="test")):
        yield Figure(figsize=(7.2, 4))


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_threat_model_names_every_volume_surface_and_asker(figure):
    data = pd.DataFrame(
        {
            "role": ["volume"] * 2 + ["surface"] * 3,
            "name": ["people", "answers", "the store", "the record", "the model"],
            "detail": ["patients held", "queries", "a breach?", "who?", "in it?"],
            "asker": ["", "", "a thief", "a linker", "an insurer"],
        }
    )
    ax = figure.subplots()
    plots.plot_threat_model(data, ax)
    shown = texts(ax)
    for text in [*data["name"], *data["detail"], *data["asker"]]:
        assert text in shown
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == len(data)
    check_labels(figure, "threat-model")


def test_inr_courses_have_their_target_range_and_names(figure):
    data = pd.DataFrame(
        {
            "series": ["usual dose"] * 3 + ["by genotype"] * 3,
            "day": [0, 10, 20] * 2,
            "inr": [1, 2.5, 3.4, 1, 2, 2.4],
            "target_low": 2.0,
            "target_high": 3.0,
        }
    )
    ax = figure.subplots()
    plots.plot_inr_courses(data, ax)
    assert texts(ax) == ["target range", "usual dose", "by genotype"]
    assert ax.lines[0].get_ydata().tolist() == [1, 2.5, 3.4]
    assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()
    (band,) = ax.patches
    assert band.get_y() == 2
    assert band.get_height() == 1
    check_labels(figure, "inr")


def test_glucose_day_draws_sensor_as_points_and_meals_as_marks(figure):
    data = pd.DataFrame(
        {
            "series": ["sensor"] * 3 + ["own twin"] * 3 + ["meals"] * 2,
            "role": ["sensor"] * 3 + ["line"] * 3 + ["meal"] * 2,
            "hour": [0, 12, 24, 0, 12, 24, 7, 19],
            "glucose_mg_dl": [110, 170, 120, 112, 160, 118, None, None],
        }
    )
    ax = figure.subplots()
    plots.plot_glucose_day(data, ax)
    points, line, *meals = ax.lines
    assert (points.get_linestyle(), points.get_marker()) == ("None", ".")
    assert line.get_ydata().tolist() == [112, 160, 118]
    assert [mark.get_xdata()[0] for mark in meals] == [7, 19]
    assert texts(ax) == ["meals", "own twin"]
    check_labels(figure, "glucose")


def test_ladder_has_a_panel_for_each_outcome_and_whiskers(figure):
    rungs = ["demographics", "history", "genome"]
    data = pd.DataFrame(
        {
            "panel": ["dose"] * 3 + ["event"] * 2,
            "measure": ["R2"] * 3 + ["AUC"] * 2,
            "rung": [*rungs, "demographics", "history"],
            "value": [0.2, 0.25, 0.4, 0.7, 0.75],
            "low": [0.19, 0.24, 0.39, 0.68, 0.73],
            "high": [0.21, 0.26, 0.41, 0.72, 0.77],
        }
    )
    axes = figure.subplots(1, 2)
    plots.plot_ladder(data, axes)
    assert [ax.get_title() for ax in axes] == ["dose", "event"]
    assert [ax.get_xlabel() for ax in axes] == ["R2", "AUC"]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == [
        "demographics",
        "+ history",
        "+ genome",
    ]
    line = axes[0].containers[0].lines[0]
    assert line.get_xydata().tolist() == [[0.2, 0], [0.25, 1], [0.4, 2]]
    (whiskers,) = axes[1].containers[0].lines[2]
    assert whiskers.get_segments()[0][:, 0] == pytest.approx([0.68, 0.72])
    assert axes[0].yaxis_inverted()
    check_labels(figure, "ladder")


def test_days_of_record_draws_single_values_as_levels(figure):
    data = pd.DataFrame(
        {
            "panel": ["next day"] * 4 + ["one unit"] * 3,
            "measure": ["error, mg/dL"] * 4 + ["error, %"] * 3,
            "series": ["own twin"] * 3 + ["average twin"] + ["own twin"] * 3,
            "days": [1, 4, 14, 14, 1, 4, 14],
            "value": [40.0, 30.0, 28.0, 60.0, 50.0, 30.0, 20.0],
            "low": [38.0, 28.0, 27.0, 57.0, 45.0, 26.0, 17.0],
            "high": [42.0, 32.0, 29.0, 63.0, 55.0, 34.0, 23.0],
        }
    )
    axes = figure.subplots(1, 2)
    plots.plot_days_of_record(data, axes)
    assert axes[0].lines[0].get_xydata().tolist() == [[1, 40], [4, 30], [14, 28]]
    assert set(axes[0].lines[1].get_ydata()) == {60.0}
    assert texts(axes[0]) == ["own twin", "average twin"]
    assert texts(axes[1]) == ["own twin"]
    assert [ax.get_ylabel() for ax in axes] == ["error, mg/dL", "error, %"]
    ticks = [label.get_text() for label in axes[1].get_xticklabels()]
    assert ticks == ["1", "4", "14"]
    check_labels(figure, "days")
