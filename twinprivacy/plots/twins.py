"""The twins: what they are told, what they answer, and what each kind of data buys."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from twinprivacy.plots.axes import ACCENT, LINE_STYLES, MUTED, label_ends, log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# So many that two ticks fit into a narrow panel.
_TICK_STEPS = [1, 2, 2.5, 4, 5, 10]


def plot_threat_model(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw what a twin is fed, the five places where it can leak, and who asks.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns role ("volume" or "surface"), name, detail, asker (empty for volumes),
        from top to bottom.
    ax : matplotlib.axes.Axes
    """
    from matplotlib.patches import FancyBboxPatch

    ax.set(xlim=(0, 100), ylim=(0, 100))
    ax.axis("off")
    heads = (
        (2.0, "What grows"),
        (37.0, "Held"),
        (52, "What can leak"),
        (78, "Who asks"),
    )
    for x, text in heads:
        ax.text(x, 96, text, weight="bold", va="center")
    held = FancyBboxPatch(
        (34.5, 12), 11, 74, boxstyle="round,pad=0.6", fill=False, edgecolor=MUTED
    )
    ax.add_patch(held)
    ax.text(40, 68, "records\nof all\npatients", ha="center", va="center")
    ax.text(40, 30, "a model\nof each,\nits twin", ha="center", va="center")
    for role, x, tip, tail in (("volume", 2.0, 33, 29), ("surface", 52.0, 51, 47)):
        rows = data[data["role"] == role]
        step = 84 / len(rows)
        for place, row in enumerate(rows.itertuples()):
            y = 89 - step * (place + 0.5)
            colour = ACCENT if role == "surface" else "C1"
            ax.text(x, y + 3, str(row.name), color=colour, weight="bold", va="center")
            ax.text(x, y - 3.4, str(row.detail), va="center")
            ax.text(78, y - 0.2, str(row.asker), va="center")
            arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.2}
            ax.annotate("", (tip, y), (tail, y), arrowprops=arrow)


def plot_inr_courses(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw the course of clotting under several doses, with the target range.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns series, day, inr, target_low, target_high.
    ax : matplotlib.axes.Axes
    """
    low, high = data["target_low"].iloc[0], data["target_high"].iloc[0]
    ax.axhspan(low, high, color=MUTED, alpha=0.18, lw=0)
    ends = []
    for place, (series, part) in enumerate(data.groupby("series", sort=False)):
        colour = f"C{place}"
        ax.plot(part["day"], part["inr"], color=colour, linestyle=LINE_STYLES[place])
        tip = part.iloc[-1]
        ends.append((tip["day"], tip["inr"], str(series), colour))
    ax.text(0.01, high, "target range", color=MUTED, va="bottom", transform=_day(ax))
    ax.set(xlabel="days since the first dose", ylabel="INR")
    label_ends(ax, ends)


def _day(ax: "Axes") -> Any:
    """Return a transform with x as a share of the axes and y in data."""
    return ax.get_yaxis_transform()


def plot_glucose_day(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw a day of glucose as it is, as the sensor reads it and as twins foretell it.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns series, role ("sensor" is drawn as points, "line" as a line, "meal" as
        an arrow from below), hour, glucose_mg_dl.
    ax : matplotlib.axes.Axes
    """
    ax.axhspan(70, 180, color=MUTED, alpha=0.18, lw=0)
    ends = []
    place = 0
    for series, part in data.groupby("series", sort=False):
        role = part["role"].iloc[0]
        x, y = part["hour"], part["glucose_mg_dl"]
        if role == "sensor":
            ax.plot(x, y, ".", color=MUTED, markersize=3)
            continue
        if role == "meal":
            for hour in x:
                ax.axvline(hour, color=MUTED, linewidth=1, linestyle=":")
            ax.annotate(
                str(series),
                (x.iloc[0], 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                color=MUTED,
                ha="center",
            )
            continue
        ax.plot(x, y, color=f"C{place}", linestyle=LINE_STYLES[place])
        ends.append((x.iloc[-1], y.iloc[-1], str(series), f"C{place}"))
        place += 1
    ax.set(xlabel="hour of the day", ylabel="glucose, mg/dL", xlim=(0, 24))
    ax.set_xticks(range(0, 25, 6))
    label_ends(ax, ends)


def plot_ladder(data: pd.DataFrame, axes: Any) -> None:
    """Draw how well outcomes are predicted as kinds of data are added.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns panel (title of its axes), measure (what the axis shows), rung, value,
        low, high; rungs in the order in which they are added. A panel without a rung
        has no such data.
    axes : array of matplotlib.axes.Axes
        One for each panel.
    """
    from matplotlib.ticker import MaxNLocator

    rungs = list(dict.fromkeys(data["rung"]))
    steps = [f"+ {rung}" if place else rung for place, rung in enumerate(rungs)]
    panels = list(dict.fromkeys(data["panel"]))
    for ax, panel in zip(axes, panels, strict=True):
        part = data[data["panel"] == panel]
        ax.errorbar(
            part["value"],
            [rungs.index(rung) for rung in part["rung"]],
            xerr=[part["value"] - part["low"], part["high"] - part["value"]],
            color=ACCENT,
            marker="o",
            markersize=4,
            capsize=2,
        )
        ax.set_yticks(range(len(rungs)), steps if ax is axes[0] else [""] * len(rungs))
        ax.set_ylim(len(rungs) - 0.6, -0.4)
        ax.margins(x=0.15)
        n_ticks = 3 if len(panels) < 4 else 2
        ax.xaxis.set_major_locator(MaxNLocator(nbins=n_ticks, steps=_TICK_STEPS))
        ax.set(title=panel, xlabel=part["measure"].iloc[0])


def plot_days_of_record(data: pd.DataFrame, axes: Any) -> None:
    """Draw errors of prediction against the days of record behind them.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns panel (title of its axes), measure (what the axis shows), series, days,
        value, low, high; a series of one row is drawn as a level over all days.
    axes : array of matplotlib.axes.Axes
        One for each panel.
    """
    last = data["days"].max()
    names = list(dict.fromkeys(data["series"]))
    for ax, (panel, rows) in zip(axes, data.groupby("panel", sort=False), strict=True):
        ends = []
        for series, part in rows.groupby("series", sort=False):
            place = names.index(str(series))
            colour, value = f"C{place}", part["value"]
            if len(part) == 1:
                ax.axhline(value.item(), color=colour, linestyle=LINE_STYLES[place])
                spread = part["low"].item(), part["high"].item()
                ax.axhspan(*spread, color=colour, alpha=0.12, lw=0)
            else:
                spread = part["low"], part["high"]
                ax.fill_between(part["days"], *spread, color=colour, alpha=0.15, lw=0)
                style = LINE_STYLES[place]
                ax.plot(part["days"], value, style, color=colour, marker="o", ms=4)
            ends.append((last, value.iloc[-1], str(series), colour))
        log_axis(ax.xaxis, label="")
        ax.set(xlabel="days of record", ylabel=rows["measure"].iloc[0], title=panel)
        days = sorted(data["days"].unique())
        ax.set_xticks(days, [f"{day:g}" for day in days])
        # Levels and lines end where their labels start.
        ax.set(ylim=(0, None), xlim=(0.93 * days[0], last))
        label_ends(ax, ends)
