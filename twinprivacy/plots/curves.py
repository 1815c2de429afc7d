"""Lines with bands: any measure against any volume, a panel for each question."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twinprivacy.plots.axes import (
    LINE_STYLES,
    MUTED,
    label_ends,
    log_axis,
    share_axis,
    short_percent,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_curves(
    data: pd.DataFrame,
    axes: Any,
    *,
    label: str,
    share: bool = True,
    log_x: bool = False,
    log_y: bool = False,
    reference: Mapping[str, float] | None = None,
    names_inside: bool = False,
) -> None:
    """Draw a measure against a volume, a line and a band for each series.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns panel (title of its axes), axis (what grows), series, volume (place on
        the axis), value, low, high (missing: no band). With a column volume_label the
        volumes are named places. With a column extrapolated (bool) those rows are drawn
        dashed and grey, from the last row before them on: there nothing was measured.
    axes : matplotlib.axes.Axes, or an array of them
        One for each panel.
    label : str
        What is measured.
    share : bool
        Whether values are shares, written as percentages.
    log_x, log_y : bool
        Logarithmic scales.
    reference : mapping of str to float, optional
        Levels to hold the values against, by name, drawn as dotted grey lines.
    names_inside : bool
        Write the names of the series beside their rise or fall, for lines that all end
        in one place.
    """
    names = list(dict.fromkeys(data["series"]))
    panels = list(data.groupby("panel", sort=False))
    axes = np.atleast_1d(axes).ravel()
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    for ax, (panel, rows) in zip(axes[: len(panels)], panels, strict=True):
        _scale(ax, rows, log_x=log_x, log_y=log_y, share=share, label=label)
        ends = []
        for series, part in rows.groupby("series", sort=False):
            place = names.index(str(series))
            colour = f"C{place}" if place < len(LINE_STYLES) else MUTED
            _draw_line(ax, part, colour, LINE_STYLES[place % len(LINE_STYLES)])
            last = part.iloc[-1]
            ends.append((last["volume"], last["value"], str(series), colour))
        if names_inside:
            _name_inside(ax, rows, {name: colour for *_, name, colour in ends})
            ends = []
        for name, level in (reference or {}).items():
            ax.axhline(level, color=MUTED, lw=1, ls=":", zorder=0)
            ends.append((rows["volume"].max(), level, name, MUTED))
        ax.set(title=str(panel), xlim=(None, rows["volume"].max()))
        if len(ends) > 1:
            label_ends(ax, ends)


def _draw_line(ax: "Axes", part: pd.DataFrame, colour: str, style: str) -> None:
    beyond = part.get("extrapolated", pd.Series(False, index=part.index)).astype(bool)
    ax.fill_between(
        part["volume"], part["low"], part["high"], color=colour, alpha=0.15, lw=0
    )
    seen = part[~beyond]
    look: dict[str, Any] = {"color": colour, "marker": "o", "ms": 3.5, "clip_on": False}
    ax.plot(seen["volume"], seen["value"], style, **look)
    if beyond.any():
        rest = pd.concat([seen.tail(1), part[beyond]])
        ax.plot(rest["volume"], rest["value"], "--", color=MUTED, lw=1.4)


def _name_inside(ax: "Axes", rows: pd.DataFrame, colours: Mapping[str, str]) -> None:
    """Write each name to the right of its line, at the height with most room there."""
    low, high = rows["value"].min(), rows["value"].max()
    heights = np.linspace(0.85 * low + 0.15 * high, 0.15 * low + 0.85 * high, 15)
    passes = {}
    for series, part in rows.groupby("series", sort=False):
        ordered = part.sort_values("value", kind="stable")
        passes[str(series)] = np.interp(heights, ordered["value"], ordered["volume"])
    for name, at in passes.items():
        gaps = np.stack([other - at for other in passes.values()])
        room = np.where(gaps > 0, gaps, rows["volume"].max() - at).min(axis=0)
        place = int(room.argmax())
        ax.annotate(
            name,
            (float(at[place]), float(heights[place])),
            xytext=(6, -2),
            textcoords="offset points",
            color=colours[name],
            va="top",
        )


def _scale(
    ax: "Axes",
    rows: pd.DataFrame,
    *,
    log_x: bool,
    log_y: bool,
    share: bool,
    label: str,
) -> None:
    """Set scales, ticks and names of both axes."""
    axis = str(rows["axis"].iloc[0])
    if log_x:
        log_axis(ax.xaxis, label=axis)
    else:
        ax.set_xlabel(axis)
    if "volume_label" in rows:
        ticks = rows.drop_duplicates("volume").sort_values("volume")
        ticks = ticks[ticks["volume_label"].astype(str) != ""]
        ax.set_xticks(ticks["volume"], ticks["volume_label"])
    place = ax.get_subplotspec()
    is_first = place is None or place.is_first_col()
    if log_y:
        write = partial(log_axis, write=short_percent) if share else log_axis
        write(ax.yaxis, label=label if is_first else "")
    elif share:
        share_axis(ax.yaxis)
    if not log_y or not is_first:
        ax.set_ylabel(label if is_first else "")
