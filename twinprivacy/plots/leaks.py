"""Leaks: rates beside their baselines, and how much leaks as a twin is fed more."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twinprivacy.plots.axes import ACCENT, LINE_STYLES, MUTED, label_ends, share_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_baselines(
    data: pd.DataFrame,
    axes: Any,
    *,
    label: str = "guessed rightly",
    whole: bool = False,
) -> None:
    """Draw the success of an attack beside what it is held against.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns panel (title of its axes), who (one line each, from top to bottom), role
        ("attack" is accented, "control" hollow, all else grey), value, low, high, all
        shares of people.
    axes : array of matplotlib.axes.Axes
        One for each panel, row by row; what is left over stays empty.
    label : str
        What the shares are of.
    whole : bool
        Let every panel run from 0 to 100 %, where they are to be compared.
    """
    from matplotlib.ticker import MaxNLocator

    names = list(dict.fromkeys(data["who"]))
    panels = list(data.groupby("panel", sort=False))
    axes = np.asarray(axes)
    first_of_rows = list(axes[:, 0] if axes.ndim > 1 else axes[:1])
    for ax in axes.ravel()[len(panels) :]:
        ax.set_axis_off()
    for ax, (panel, part) in zip(axes.ravel()[: len(panels)], panels, strict=True):
        for row in part.to_dict("records"):
            place = names.index(row["who"])
            colour = MUTED if row["role"] == "baseline" else ACCENT
            ax.plot([row["low"], row["high"]], [place, place], color=colour, lw=1.4)
            face = "none" if row["role"] == "control" else colour
            ax.plot(
                row["value"],
                place,
                "o" if row["role"] != "baseline" else "s",
                color=colour,
                markerfacecolor=face,
                markersize=4.5,
            )
        is_first = ax in first_of_rows
        ax.set_yticks(range(len(names)), names if is_first else [""] * len(names))
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.margins(x=0.12)
        if whole:
            ax.set_xlim(-0.05, 1.1)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 2.5, 5, 10]))
        share_axis(ax.xaxis)
        ax.set(title=str(panel), xlabel=label)


def plot_leak_bits(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw bits per person of members and of controls, a line for each secret.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns name (the secret and its cohort, from top to bottom), role ("member" or
        "control"), value, low, high in bits per person.
    ax : matplotlib.axes.Axes
    """
    names = list(dict.fromkeys(data["name"]))
    for role, shift, face in (("member", -0.16, ACCENT), ("control", 0.16, "none")):
        part = data[data["role"] == role]
        places = np.array([names.index(name) for name in part["name"]]) + shift
        ax.hlines(places, part["low"], part["high"], color=ACCENT, lw=1.4)
        ax.plot(part["value"], places, "o", color=ACCENT, mfc=face, ms=4.5)
        first = part.iloc[0]
        ax.annotate(
            "people it was trained on" if role == "member" else "people it never saw",
            (first["high"], places[0]),
            xytext=(6, 4 if role == "member" else -4),
            textcoords="offset points",
            color=ACCENT,
            va="center",
        )
    ax.axvline(0, color=MUTED, lw=1, ls="--", zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.6)
    ax.set(xlabel="bits per person beyond what was known")


def plot_dose_response(
    data: pd.DataFrame, axes: Any, *, label: str = "bits per person"
) -> None:
    """Draw a leak against what the twin or the attacker is given more of.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns panel (title of its axes), axis (what grows), series, volume (place on
        the axis), volume_label (written there), value, low, high (estimates) and curve,
        curve_low, curve_high (the monotone curve and its band; missing for none).
    axes : matplotlib.axes.Axes, or an array of them
        One for each panel; what is left over stays empty.
    label : str
        What leaks.
    """
    names = list(dict.fromkeys(data["series"]))
    panels = list(data.groupby("panel", sort=False))
    axes = np.atleast_1d(axes).ravel()
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    for ax, (panel, rows) in zip(axes[: len(panels)], panels, strict=True):
        ends = []
        for series, part in rows.groupby("series", sort=False):
            place = names.index(str(series))
            colour, x = f"C{place}", part["volume"]
            ax.fill_between(
                x, part["curve_low"], part["curve_high"], color=colour, alpha=0.15, lw=0
            )
            ax.plot(x, part["curve"], LINE_STYLES[place], color=colour)
            beside = _shifted(ax, 3 * (place - (len(names) - 1) / 2))
            whiskers = {"color": colour, "transform": beside}
            ax.vlines(x, part["low"], part["high"], lw=1, **whiskers)
            ax.plot(x, part["value"], "o", ms=3.5, **whiskers)
            # What is shifted does not count for the limits by itself.
            for end in ("low", "high"):
                ax.update_datalim(np.column_stack([x, part[end]]))
            last = part["curve"].fillna(part["value"]).iloc[-1]
            ends.append((x.iloc[-1], last, str(series), colour))
        ticks = rows.drop_duplicates("volume").sort_values("volume")
        ax.set_xticks(ticks["volume"], ticks["volume_label"])
        ax.axhline(0, color=MUTED, lw=1, ls="--", zorder=0)
        ax.set(title=str(panel), xlabel=rows["axis"].iloc[0])
        ax.margins(x=0.04)
        ax.autoscale_view()
        spec = ax.get_subplotspec()
        if spec is None or spec.is_first_col():
            ax.set_ylabel(label)
        if len(ends) > 1:
            label_ends(ax, ends)


def _shifted(ax: "Axes", points: float) -> Any:
    """Return data coordinates moved to the right, so that series do not hide others."""
    from matplotlib.transforms import ScaledTranslation

    inches = ax.figure.dpi_scale_trans
    return ax.transData + ScaledTranslation(points / 72, 0, inches)
