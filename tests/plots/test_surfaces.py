"""Figures of all surfaces: what is drawn, and that it can be read."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from twinprivacy.plots import plot_half_volumes, plot_person_year, plot_surfaces
from twinprivacy.plots.surfaces import SURFACE_LOOKS


@pytest.fixture
def axes():
    figure, axes = plt.subplots(2, 3, figsize=(7, 5))
    yield axes
    plt.close(figure)


@pytest.fixture
def bits():
    rows = []
    for axis, scale, volumes in (
        ("people", "log", (10, 100, 10_000)),
        ("days", "log", (1, 2, 4, 7, 14, 28)),
        ("decimals", "linear", (0, 1, 2)),
    ):
        for height, surface in enumerate(SURFACE_LOOKS, start=1):
            for place, volume in enumerate(volumes):
                value = height * (1.0 + place)
                rows.append(
                    {
                        "axis": axis,
                        "unit": axis,
                        "scale": scale,
                        "surface": surface,
                        "volume": volume,
                        "value": value,
                        "curve": value,
                        "curve_low": value - 2,
                        "curve_high": value + 1,
                    }
                )
    return pd.DataFrame(rows)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_every_panel_names_each_surface_and_the_rest_is_empty(axes, bits):
    plot_surfaces(bits, axes)
    drawn = axes.ravel()
    assert all(sorted(texts(ax)) == sorted(SURFACE_LOOKS) for ax in drawn[:3])
    assert [ax.get_xlabel() for ax in drawn[:3]] == ["people", "days", "decimals"]
    assert not any(ax.axison for ax in drawn[3:])
    assert drawn[0].get_ylabel().startswith("bits per person")
    assert drawn[1].get_ylabel() == ""


def test_panels_share_one_scale_and_a_foot_for_what_is_not_above_it(axes, bits):
    plot_surfaces(bits, axes, least_bits=0.1)
    drawn = axes.ravel()[:3]
    limits = {ax.get_ylim() for ax in drawn}
    assert limits == {(0.1, 2 * float(bits["curve_high"].max()))}
    lowest = min(
        path.vertices[:, 1].min()
        for ax in drawn
        for band in ax.collections
        for path in band.get_paths()
    )
    assert lowest == pytest.approx(0.1)


def test_a_surface_looks_the_same_in_every_panel_and_like_no_other(axes, bits):
    plot_surfaces(bits, axes)
    looks = [
        {(line.get_color(), str(line.get_linestyle())) for line in ax.lines[::2]}
        for ax in axes.ravel()[:3]
    ]
    assert looks[0] == looks[1] == looks[2]
    assert len({colour for colour, *_ in SURFACE_LOOKS.values()}) == len(SURFACE_LOOKS)
    assert len({marker for *_, marker in SURFACE_LOOKS.values()}) == len(SURFACE_LOOKS)


def test_labels_of_volumes_do_not_touch(axes, bits):
    plot_surfaces(bits, axes)
    axes.ravel()[0].figure.draw_without_rendering()
    for ax in axes.ravel()[:3]:
        boxes = [
            label.get_window_extent()
            for label in ax.get_xticklabels()
            if label.get_text()
        ]
        boxes.sort(key=lambda box: box.x0)
        assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))


def test_half_volumes_draws_what_bends_and_says_why_the_rest_does_not(axes):
    data = pd.DataFrame(
        {
            "surface": ["record", "trace", "model"],
            "unit": ["attributes", "days of record", "answers"],
            "value": [3.0, np.nan, 8.0],
            "low": [2.0, np.nan, 0.0],
            "high": [4.0, np.nan, np.inf],
            "reading": ["bends", "beyond the range", "bends"],
        }
    )
    ax = axes[0, 0]
    plot_half_volumes(data, ax)
    assert texts(ax) == ["beyond the range"]
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["record: attributes", "trace: days of record", "model: answers"]
    points = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
    assert points == [3.0, 8.0]
    assert np.isfinite([line.get_xdata() for line in ax.lines[::2]]).all()


def test_person_year_leaves_out_what_costs_nothing(axes):
    data = pd.DataFrame(
        {
            "axis": "answers",
            "volume": [1, 1, 8, 8],
            "volume_label": ["1", "1", "8", "8"],
            "who": ["keeper", "person, answers"] * 2,
            "value": [1.0, 0.0, 1.0, 5.0],
            "low": [0.0, 0.0, 0.5, 1.0],
            "high": [2.0, 0.0, 2.0, 50.0],
        }
    )
    plot_person_year(data, axes)
    ax = axes[0, 0]
    assert ax.get_yscale() == "log"
    keeper, person = ax.lines
    assert keeper.get_ydata().tolist() == [1.0, 1.0]
    assert person.get_ydata().tolist() == [5.0]
    assert sorted(texts(ax)) == ["keeper", "person, answers"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "8"]
    assert not axes[1, 2].axison


def test_a_single_volume_lies_in_the_middle(axes, bits):
    plot_surfaces(bits.groupby(["axis", "surface"], sort=False).head(1), axes)
    people, _, decimals = axes.ravel()[:3]
    assert people.get_xlim() == (5, 20)
    assert decimals.get_xlim() == (-1, 1)


def test_half_volumes_without_any_half_says_why(axes):
    data = pd.DataFrame(
        {
            "surface": ["record", "trace"],
            "unit": ["attributes", "days of record"],
            "value": np.nan,
            "low": np.nan,
            "high": np.nan,
            "reading": ["nothing shown", "beyond the range"],
        }
    )
    plot_half_volumes(data, axes[0, 0])
    assert texts(axes[0, 0]) == ["nothing shown", "beyond the range"]


def year_table(values, volumes):
    values = np.array(values, dtype=float)
    return pd.DataFrame(
        {
            "axis": "answers",
            "volume": volumes,
            "volume_label": [str(volume) for volume in volumes],
            "who": "keeper",
            "value": values,
            "low": values / 2,
            "high": values * 2,
        }
    )


def test_person_year_keeps_the_tick_of_a_volume_that_costs_nothing(axes):
    ax = axes[0, 0]
    plot_person_year(year_table([0, 1, 2], [1, 2, 4]), axes)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "4"]
    assert ax.get_xlim() == (0, 2)
    assert ax.lines[0].get_xdata().tolist() == [1, 2]


@pytest.mark.parametrize(("value", "lines"), [(1, 1), (0, 0)])
def test_person_year_of_one_volume_or_of_no_cost(axes, value, lines):
    plot_person_year(year_table([value], [1]), axes)
    ax = axes[0, 0]
    assert ax.get_xlim() == (-1, 1)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1"]
    assert len(ax.lines) == lines
