"""Defences: what they keep and what they cost, and what no attack can exceed."""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twinprivacy.plots.axes import (
    ACCENT,
    LINE_STYLES,
    MUTED,
    SECOND,
    label_ends,
    log_axis,
    name_points,
    share_axis,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Bar = tuple[tuple[float, float], tuple[float, float]]


def plot_frontier(
    data: pd.DataFrame,
    axes: Any,
    *,
    label_x: str,
    label_y: str,
    reference: str = "no defence",
    share_x: bool = False,
    share_y: bool = False,
) -> None:
    """Draw the use of each setting against what it leaks, and the front of the best.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns panel (title of its axes), setting (its name), useful, useful_low,
        useful_high, leak, leak_low, leak_high and dominated, as from `mark_dominated`.
        Those that are dominated are grey and hollow; a step line joins the others.
    axes : matplotlib.axes.Axes, or an array of them
        One for each panel.
    label_x, label_y : str
        What leaks, and what it is good for.
    reference : str
        The setting that is drawn as a square: nothing done.
    share_x, share_y : bool
        Whether leak and use are shares, written as percentages.
    """
    axes = np.atleast_1d(axes).ravel()
    panels = list(data.groupby("panel", sort=False))
    for ax, (panel, part) in zip(axes, panels, strict=True):
        _draw_settings(ax, part, reference)
        ax.margins(0.16)
        for wanted, axis in ((share_x, ax.xaxis), (share_y, ax.yaxis)):
            if wanted:
                share_axis(axis)
        ax.set(
            title=str(panel), xlabel=label_x, ylabel=label_y if ax is axes[0] else ""
        )
    # Places are final when all panels are drawn.
    for ax, (_, part) in zip(axes, panels, strict=True):
        _name_settings(ax, part, reference)


def plot_modality_worth(
    data: pd.DataFrame, ax: "Axes", *, label: str = "share of the total"
) -> None:
    """Draw each modality's share of use beside its share of risk.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns modality (from top to bottom), series (two: use first, filled; then
        risk, hatched), value, low, high (shares) and drop_first (bool: accented, and
        said so under its name).
    ax : matplotlib.axes.Axes
    label : str
        What the shares are of.
    """
    import matplotlib as mpl

    names, series = (list(dict.fromkeys(data[of])) for of in ("modality", "series"))
    ink = mpl.rcParams["text.color"]
    dropped = set(data.loc[data["drop_first"], "modality"])
    for row in data.to_dict("records"):
        second = series.index(row["series"])
        place = names.index(row["modality"]) + (-0.19, 0.19)[second]
        colour = ACCENT if row["modality"] in dropped else MUTED
        look = {"fill": False, "hatch": "////"} if second else {"color": colour}
        ax.barh(place, row["value"], 0.32, edgecolor=colour, lw=1, **look)
        ax.hlines(place, row["low"], row["high"], color=ink, lw=1.2)
        if row["modality"] == names[0]:
            _name_bar(ax, row, place)
    ticks = [f"{name}\n(drop first)" if name in dropped else name for name in names]
    ax.set_yticks(range(len(names)), ticks)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.axvline(0, color=MUTED, lw=1)
    share_axis(ax.xaxis)
    ax.set_xlabel(label)


def plot_bound(
    data: pd.DataFrame,
    ax: "Axes",
    *,
    label_x: str,
    label_y: str,
    names: tuple[str, str] = ("no attack exceeds this", "attack measured"),
    baseline: tuple[float, str] | None = None,
    share: bool = True,
) -> None:
    """Draw measured attacks under the bound that holds for every attack.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns budget (above 0), bound, value, low, high; in the order of the budget.
    ax : matplotlib.axes.Axes
    label_x, label_y : str
        What the budget is, and what an attack has.
    names : tuple of str
        Of the bound and of the points.
    baseline : tuple of float and str, optional
        What is had without the release, and its name: a dotted line.
    share : bool
        Whether values are shares, written as percentages.
    """
    budget = data["budget"]
    ax.plot(budget, data["bound"], "--", color=SECOND)
    look: dict[str, Any] = {"color": ACCENT, "clip_on": False}
    ax.vlines(budget, data["low"], data["high"], lw=1.4, **look)
    ax.plot(budget, data["value"], "o", ms=4.5, **look)
    last = data.iloc[-1]
    ends = [
        (last["budget"], last["bound"], names[0], SECOND),
        (last["budget"], last["value"], names[1], ACCENT),
    ]
    if baseline is not None:
        ax.axhline(baseline[0], color=MUTED, lw=1, ls=":", zorder=0)
        ends.append((last["budget"], *baseline, MUTED))
    log_axis(ax.xaxis, label=label_x)
    if share:
        share_axis(ax.yaxis)
    ax.set_ylabel(label_y)
    # Lines end where their names start.
    ax.set_xlim(right=last["budget"])
    label_ends(ax, ends)


def plot_trade(
    data: pd.DataFrame, axes: Any, *, label_x: str, share: bool = True
) -> None:
    """Draw what a privacy budget buys, one panel above the other.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns panel (title of its axes), measure (what its axis shows), series, budget
        (above 0; missing for a level that has none, such as a twin without noise),
        value, low, high; by rising budget. Levels are grey lines.
    axes : array of matplotlib.axes.Axes
        One for each panel, from top to bottom, sharing the axis of the budget.
    label_x : str
        What the budget is.
    share : bool
        Whether values are shares, written as percentages.
    """
    axes = np.atleast_1d(axes).ravel()
    last, ends = data["budget"].max(), []
    is_level = data["budget"].isna()
    lines, levels = (
        list(dict.fromkeys(data.loc[rows, "series"])) for rows in (~is_level, is_level)
    )
    panels = list(data.groupby("panel", sort=False))
    for ax, (panel, rows) in zip(axes, panels, strict=True):
        ends.append(_draw_series(ax, rows, last, (lines, levels)))
        log_axis(ax.xaxis, label=label_x)
        if ax is not axes[-1]:
            ax.set_xlabel("")
            ax.tick_params(labelbottom=False)
        if share:
            share_axis(ax.yaxis)
        ax.set(title=str(panel), ylabel=rows["measure"].iloc[0])
        ax.set_xlim(data["budget"].min(), last)
    for ax, names in zip(axes, ends, strict=True):
        label_ends(ax, names)


def _draw_settings(ax: "Axes", part: pd.DataFrame, reference: str) -> None:
    """Draw each setting with its intervals, and the front."""
    for row in part.to_dict("records"):
        colour, face = _look(row, reference)
        for start, end in _bars(row):
            ax.plot(*zip(start, end, strict=True), color=colour)
        marker = "s" if row["setting"] == reference else "o"
        look: dict[str, Any] = {"color": colour, "mfc": face, "ms": 5, "zorder": 3}
        ax.plot(row["leak"], row["useful"], marker, **look)
    steps: dict[str, Any] = {"color": ACCENT, "lw": 1, "alpha": 0.6, "zorder": 1}
    for start, end in _steps(part):
        ax.plot(*zip(start, end, strict=True), **steps)


def _name_settings(ax: "Axes", part: pd.DataFrame, reference: str) -> None:
    rows = part.to_dict("records")
    bars = [bar for row in rows for bar in _bars(row)] + _steps(part)
    names = [
        (row["leak"], row["useful"], str(row["setting"]), _look(row, reference)[0])
        for row in rows
    ]
    name_points(ax, names, bars=bars)


def _name_bar(ax: "Axes", row: dict[Any, Any], place: float) -> None:
    """Write what a bar is beside its end, or beside that of its interval."""
    beside = max(row["value"], np.nan_to_num(row["high"]), 0.0)
    ax.annotate(
        str(row["series"]),
        (beside, place),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
    )


def _look(row: dict[Any, Any], reference: str) -> tuple[str, str]:
    """Return the colour of a setting, and of the inside of its mark."""
    if row["dominated"]:
        return MUTED, "none"
    colour = SECOND if row["setting"] == reference else ACCENT
    return colour, colour


def _bars(row: dict[Any, Any]) -> list[Bar]:
    """Return the ends of both intervals of a setting."""
    return [
        ((row["leak_low"], row["useful"]), (row["leak_high"], row["useful"])),
        ((row["leak"], row["useful_low"]), (row["leak"], row["useful_high"])),
    ]


def _steps(part: pd.DataFrame) -> list[Bar]:
    """Return the pieces of the line that joins those that nothing beats."""
    front = part[~part["dominated"]].sort_values(["leak", "useful"])
    points = list(zip(front["leak"], front["useful"], strict=True))
    pieces = []
    for (leak, use), (next_leak, next_use) in itertools.pairwise(points):
        pieces += [
            ((leak, use), (next_leak, use)),
            ((next_leak, use), (next_leak, next_use)),
        ]
    return pieces


def _draw_series(
    ax: "Axes", rows: pd.DataFrame, last: float, names: tuple[list[str], list[str]]
) -> list[tuple[float, float, str, str]]:
    """Draw lines with bands, and levels; return where their names go."""
    ends = []
    lines, levels = names
    for series, part in rows.groupby("series", sort=False):
        if series in levels:
            row = part.iloc[0]
            colour, style = MUTED, LINE_STYLES[::-1][levels.index(str(series)) % 4]
            ax.axhspan(row["low"], row["high"], color=MUTED, alpha=0.12, lw=0)
            ax.axhline(row["value"], color=MUTED, lw=1.2, ls=style)
        else:
            place = lines.index(str(series)) % len(LINE_STYLES)
            colour, style = f"C{place}", LINE_STYLES[place]
            x = part["budget"]
            ax.fill_between(
                x, part["low"], part["high"], color=colour, alpha=0.15, lw=0
            )
            look: dict[str, Any] = {
                "color": colour,
                "marker": "o",
                "ms": 3.5,
                "clip_on": False,
            }
            ax.plot(x, part["value"], style, **look)
        ends.append((last, float(part["value"].iloc[-1]), str(series), colour))
    return ends
