"""All surfaces side by side: bits and dollars per person against each volume."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twinprivacy.plots.axes import (
    ACCENT,
    FOURTH,
    LINE_STYLES,
    MUTED,
    SECOND,
    THIRD,
    label_ends,
    log_axis,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colour, line and point: a surface looks the same wherever it is drawn.
SURFACE_LOOKS: Mapping[str, tuple[str, Any, str]] = MappingProxyType(
    {
        "store": (MUTED, (0, (5, 1)), "v"),
        "record": (ACCENT, "-", "o"),
        "trace": (SECOND, "--", "s"),
        "answers": (THIRD, "-.", "^"),
        "model": (FOURTH, ":", "D"),
    }
)
# Ticks nearer than this part of the axis would touch.
LEAST_GAP = 0.16


def plot_surfaces(data: pd.DataFrame, axes: Any, *, least_bits: float = 0.01) -> None:
    """Draw the bits that each surface gives away, a panel for each volume.

    Parameters
    ----------
    data : pandas.DataFrame
        As from `twinprivacy.studies.surface_curves`: axis (a panel each), unit
        (what its numbers count), scale ("log" or "linear"), surface, volume, value
        (points), curve, curve_low and curve_high (line and band), in bits per person.
    axes : array of matplotlib.axes.Axes
        One for each panel, row by row; what is left over stays empty.
    least_bits : float
        Foot of the logarithmic scale; what lies below is drawn on it.
    """
    panels = list(data.groupby("axis", sort=False))
    axes = np.atleast_1d(axes).ravel()
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    top = 2 * float(data[["value", "curve_high"]].max().max())
    ends: list[list[tuple[float, float, str, str]]] = []
    for ax, (_, rows) in zip(axes[: len(panels)], panels, strict=True):
        _volume_axis(ax, rows)
        _bits_axis(ax, least_bits, top)
        ends.append(
            [
                _draw_surface(ax, str(surface), part, least_bits)
                for surface, part in rows.groupby("surface", sort=False)
            ]
        )
    # Limits and layout are final only once every panel is drawn.
    for ax, of_panel in zip(axes[: len(panels)], ends, strict=True):
        label_ends(ax, of_panel)


def plot_half_volumes(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw the volume at which each surface has given away half of its most.

    Parameters
    ----------
    data : pandas.DataFrame
        As from `twinprivacy.studies.half_volumes`: surface, unit, value, low,
        high (the volume, in the unit), reading (why it is missing).
    ax : matplotlib.axes.Axes
    """
    seen = data.loc[np.isfinite(data["value"]), "value"]
    # Where there is no half, any scale will do.
    low, high = (1.0, 10.0) if seen.empty else (seen.min() / 4, seen.max() * 4)
    log_axis(ax.xaxis, label="volume at half of the most that leaks, in its own unit")
    for place, row in enumerate(data.to_dict("records")):
        colour, _, marker = SURFACE_LOOKS[row["surface"]]
        if np.isfinite(row["value"]):
            whisker = np.clip([row["low"], row["high"]], low, high)
            ax.plot(whisker, [place, place], color=colour, lw=1.4)
            ax.plot(row["value"], place, marker, color=colour, ms=4.5)
        else:
            ax.text(low * 1.1, place, row["reading"], color=MUTED, va="center")
    names = data["surface"] + ": " + data["unit"]
    ax.set_yticks(range(len(data)), names)
    ax.set(xlim=(low, high), ylim=(len(data) - 0.5, -0.5))


def plot_person_year(data: pd.DataFrame, axes: Any) -> None:
    """Draw what a year costs each person, and the keeper for each, against volumes.

    Parameters
    ----------
    data : pandas.DataFrame
        As from `twinprivacy.breaches.expected_cost_per_person_year`: axis
        (a panel each), volume, volume_label, who (a line each), value, low, high in USD
        per person and year. What is not above 0 is left out.
    axes : array of matplotlib.axes.Axes
        One for each panel; what is left over stays empty.
    """
    payers = list(dict.fromkeys(data["who"]))
    drawn = data[data["value"] > 0]
    # Where nothing costs anything, any scale will do.
    low, high = (
        (1.0, 1.0) if drawn.empty else (drawn["value"].min(), drawn["high"].max())
    )
    panels = list(data.groupby("axis", sort=False))
    axes = np.atleast_1d(axes).ravel()
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    ends = []
    for ax, (axis, rows) in zip(axes[: len(panels)], panels, strict=True):
        _usd_axis(ax)
        labels = rows.drop_duplicates("volume")["volume_label"]
        ax.set_xticks(range(len(labels)), labels)
        ax.set(xlabel=str(axis), ylim=(low / 100, 2 * high))
        _span(ax, 0, len(labels) - 1)
        ends.append(_draw_payers(ax, rows, payers, low / 100))
    for ax, of_panel in zip(axes[: len(panels)], ends, strict=True):
        if of_panel:
            label_ends(ax, of_panel)


def _draw_payers(
    ax: "Axes", rows: pd.DataFrame, payers: Sequence[str], least: float
) -> list[tuple[float, float, str, str]]:
    """Draw a line with its band for each payer, and return their ends."""
    places = {volume: i for i, volume in enumerate(dict.fromkeys(rows["volume"]))}
    ends = []
    for who, part in rows[rows["value"] > 0].groupby("who", sort=False):
        number = payers.index(str(who))
        colour, x = f"C{number}", part["volume"].map(places)
        bottom = part["low"].clip(lower=least)
        ax.fill_between(x, bottom, part["high"], color=colour, alpha=0.15, lw=0)
        look: dict[str, Any] = {"marker": "o", "ms": 3.5, "clip_on": False}
        ax.plot(x, part["value"], color=colour, ls=LINE_STYLES[number], **look)
        end = (float(x.iloc[-1]), float(part["value"].iloc[-1]))
        ends.append((*end, str(who), colour))
    return ends


def _draw_surface(
    ax: "Axes", surface: str, part: pd.DataFrame, least: float
) -> tuple[float, float, str, str]:
    """Draw one line with its band and points, and return its end."""
    colour, style, marker = SURFACE_LOOKS[surface]
    x = part["volume"]
    curve, low, high, value = (
        part[name].clip(lower=least)
        for name in ("curve", "curve_low", "curve_high", "value")
    )
    ax.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
    ax.plot(x, curve, color=colour, ls=style)
    ax.plot(x, value, marker, color=colour, ms=3, clip_on=False)
    return float(x.iloc[-1]), float(curve.iloc[-1]), surface, colour


def _volume_axis(ax: "Axes", rows: pd.DataFrame) -> None:
    """Set the scale, and ticks at volumes that were measured."""
    from matplotlib.ticker import NullLocator

    is_log, unit = rows["scale"].iloc[0] == "log", str(rows["unit"].iloc[0])
    volumes = sorted(rows["volume"].unique())
    if is_log and volumes[-1] / volumes[0] >= 1_000:
        log_axis(ax.xaxis, label=unit)
        ax.set_xlabel(unit)
    else:
        ax.set(xscale="log" if is_log else "linear", xlabel=unit)
        ticks = _thinned(volumes, is_log=is_log)
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.xaxis.set_minor_locator(NullLocator())
    _span(ax, volumes[0], volumes[-1])


def _span(ax: "Axes", first: float, last: float) -> None:
    """Let the axis end at its volumes; a single one lies in its middle."""
    if first < last:
        ax.set_xlim(first, last)
    elif ax.get_xscale() == "log":
        ax.set_xlim(first / 2, first * 2)
    else:
        ax.set_xlim(first - 1, first + 1)


def _thinned(volumes: Sequence[float], *, is_log: bool) -> list[float]:
    """Return the volumes that can bear a tick label, from the first on."""
    places = np.log(volumes) if is_log else np.asarray(volumes, dtype=float)
    gap = LEAST_GAP * (places[-1] - places[0])
    kept = [0]
    for place in range(1, len(places)):
        if places[place] - places[kept[-1]] >= gap:
            kept.append(place)
    return [float(volumes[place]) for place in kept]


def _bits_axis(ax: "Axes", least: float, top: float) -> None:
    place = ax.get_subplotspec()
    is_first = place is None or place.is_first_col()
    log_axis(ax.yaxis, label="")
    # In three lines, for panels that are low.
    name = "bits per person\n(each step is\nten times more)"
    ax.set_ylabel(name if is_first else "")
    ax.set_ylim(least, top)


def _usd_axis(ax: "Axes") -> None:
    place = ax.get_subplotspec()
    log_axis(ax.yaxis, label="USD per person and year")
    if place is not None and not place.is_first_col():
        ax.set_ylabel("")
