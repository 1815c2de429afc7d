"""Breaches: how often, how large, how long between two."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from twinprivacy.plots.axes import (
    ACCENT,
    LINE_STYLES,
    MUTED,
    SECOND,
    label_ends,
    log_axis,
    share_axis,
    short_percent,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LAW_NAMES = {
    "lognormal": "log-normal",
    "pareto": "Pareto",
    "truncated_pareto": "Pareto, ceiling",
    "generalised_pareto": "generalised Pareto",
}


def law_name(family: str) -> str:
    """Write the name of a size family as readers know it.

    Examples
    --------
    >>> law_name("generalised_pareto")
    'generalised Pareto'
    """
    return _LAW_NAMES.get(family, family.replace("_", " "))


def plot_frequency(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw reports a year, the fitted trend and its prediction band.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns year, n_breaches (may be missing), expected, low, high, fitted (bool:
        the year was used in the fit).
    ax : matplotlib.axes.Axes
    """
    ax.fill_between(data["year"], data["low"], data["high"], color=ACCENT, alpha=0.18)
    ax.plot(data["year"], data["expected"], color=ACCENT)
    used = data["fitted"]
    ax.plot(data["year"][used], data["n_breaches"][used], "o", color=ACCENT, ms=4)
    ax.plot(
        data["year"][~used],
        data["n_breaches"][~used],
        "o",
        color=MUTED,
        markerfacecolor="none",
        ms=4,
    )
    ax.set(ylim=(0, None), ylabel="reports a year")
    ax.set_xlabel("year of report (hollow: not in the fit)")
    last = data.iloc[-1]
    label_ends(
        ax,
        [
            (last["year"], last["high"], "19 of 20 years", MUTED),
            (last["year"], last["expected"], "trend", ACCENT),
        ],
    )


def plot_exceedance(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw the share of breaches of at least a size, observed and fitted.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns series ("observed" or a family), n_individuals, exceedance, low, high
        (missing where there is no band), best (bool: the family to be read).
    ax : matplotlib.axes.Axes
    """
    ends = []
    grey = iter(LINE_STYLES[1:])
    for series, part in data.groupby("series", sort=False):
        if series == "observed":
            ax.plot(part["n_individuals"], part["exceedance"], "o", color=MUTED, ms=3)
            continue
        best = bool(part["best"].iloc[0])
        colour = ACCENT if best else MUTED
        ax.plot(
            part["n_individuals"],
            part["exceedance"],
            color=colour,
            linestyle="-" if best else next(grey),
            linewidth=1.6 if best else 1.0,
        )
        if best:
            ax.fill_between(
                part["n_individuals"],
                part["low"],
                part["high"],
                color=ACCENT,
                alpha=0.2,
            )
        tip = part.iloc[-1]
        ends.append(
            (tip["n_individuals"], tip["exceedance"], law_name(str(series)), colour)
        )
    log_axis(ax.xaxis, label="people in one breach")
    log_axis(ax.yaxis, label="share of breaches at least as large", write=short_percent)
    ax.set_ylim(data["exceedance"].min() / 2, 1.5)
    label_ends(ax, ends)


def plot_tail_index(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw the tail index by the size above which it is estimated.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns threshold_individuals, tail_index, low, high.
    ax : matplotlib.axes.Axes
    """
    ax.axhline(1, color=MUTED, linewidth=1, linestyle="--")
    ax.fill_between(
        data["threshold_individuals"],
        data["low"],
        data["high"],
        color=ACCENT,
        alpha=0.2,
    )
    ax.plot(data["threshold_individuals"], data["tail_index"], "o-", color=ACCENT, ms=3)
    ax.annotate(
        "at or below this line\nthere is no mean size",
        (data["threshold_individuals"].min(), 1),
        xytext=(0, 5),
        textcoords="offset points",
        color=MUTED,
    )
    log_axis(ax.xaxis, label="breaches of at least this many people")
    ax.set(ylim=(0, max(1.3, 1.05 * data["high"].max())), ylabel="tail index")


def plot_concentration(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw the share of all people that the largest breaches hold.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns share_of_breaches, low, middle, high (share of people; low and high
        bound it), marked (bool: the point that the title names).
    ax : matplotlib.axes.Axes
    """
    ax.fill_between(
        data["share_of_breaches"], data["low"], data["high"], color=ACCENT, alpha=0.3
    )
    ax.plot(data["share_of_breaches"], data["middle"], color=ACCENT)
    marked = data[data["marked"]]
    points = marked[["share_of_breaches", "middle"]].to_numpy(dtype=float)
    for breaches, people in points:
        ax.plot(breaches, people, "o", color=ACCENT)
        ax.annotate(
            f"largest {100 * breaches:g} %\nof breaches:\n"
            f"{100 * people:.0f} % of people",
            (breaches, people),
            xytext=(8, -8),
            textcoords="offset points",
            va="top",
        )
    log_axis(
        ax.xaxis, label="largest breaches, share of all breaches", write=short_percent
    )
    share_axis(ax.yaxis)
    ax.set(ylim=(0, 1.02), ylabel="share of all people")


def plot_mix(data: pd.DataFrame, axes: Any) -> None:
    """Draw how the shares of a few kinds changed, one panel for each grouping.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns grouping, kind, year, share, low, high.
    axes : array of matplotlib.axes.Axes
        One for each grouping, in the order in which they come in the table.
    """
    for ax, (grouping, part) in zip(
        axes, data.groupby("grouping", sort=False), strict=True
    ):
        ends = []
        for place, (kind, line) in enumerate(part.groupby("kind", sort=False)):
            colour = f"C{place}"
            style = LINE_STYLES[place % len(LINE_STYLES)]
            ax.fill_between(
                line["year"], line["low"], line["high"], color=colour, alpha=0.15, lw=0
            )
            ax.plot(line["year"], line["share"], color=colour, linestyle=style)
            tip = line.iloc[-1]
            ends.append(
                (tip["year"], tip["share"], str(kind).replace("_", " "), colour)
            )
        share_axis(ax.yaxis)
        ax.set(ylim=(0, 1), title=grouping, xlabel="year of report")
        label_ends(ax, ends)
    axes[0].set_ylabel("share of reports")


def plot_return_period(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw the years between breaches of at least a size, observed and by law.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns series ("observed" or a family), n_individuals, years, low, high
        (missing for the observed).
    ax : matplotlib.axes.Axes
    """
    ends = []
    for place, (series, part) in enumerate(data.groupby("series", sort=False)):
        x, years = part["n_individuals"], part["years"]
        if series == "observed":
            ax.plot(x, years, "o", color=MUTED, markerfacecolor="none", ms=4)
            ends.append((x.iloc[-1], years.iloc[-1], "observed", MUTED))
            continue
        colour = f"C{place}"
        ax.fill_between(x, part["low"], part["high"], color=colour, alpha=0.2, lw=0)
        ax.plot(x, years, color=colour, linestyle=LINE_STYLES[place])
        ends.append((x.iloc[-1], years.iloc[-1], law_name(str(series)), colour))
    log_axis(ax.xaxis, label="people in one breach, at least")
    log_axis(ax.yaxis, label="years between two")
    label_ends(ax, ends)


def plot_out_of_time(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw what a model promised for later years beside what came.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns n_individuals, expected, low, high, observed.
    ax : matplotlib.axes.Axes
    """
    x = data["n_individuals"]
    ax.fill_between(x, data["low"], data["high"], color=ACCENT, alpha=0.2)
    ax.plot(x, data["expected"], color=ACCENT)
    ax.plot(x, data["observed"], "o", color=SECOND, ms=4)
    first = data.iloc[len(data) // 2]
    for column, text, colour, up in (
        ("observed", "came", SECOND, 8),
        ("expected", "promised", ACCENT, -14),
    ):
        ax.annotate(
            text,
            (first["n_individuals"], first[column]),
            xytext=(6 if up > 0 else -6, up),
            ha="left" if up > 0 else "right",
            textcoords="offset points",
            color=colour,
        )
    log_axis(ax.xaxis, label="people in one breach, at least")
    log_axis(ax.yaxis, label="number of breaches")


def plot_revisions(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw how a year's total grew from one export to the next.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns year, as_of (decimal year of the export), ratio (total over the total
        in the first export that holds the year).
    ax : matplotlib.axes.Axes
    """
    largest = float(data["year"].to_numpy()[data["ratio"].to_numpy().argmax()])
    for year, part in data.groupby("year"):
        marked = year == largest
        ax.plot(
            part["as_of"],
            part["ratio"],
            "o-",
            color=ACCENT if marked else MUTED,
            ms=3,
            linewidth=1.6 if marked else 0.8,
            alpha=1 if marked else 0.6,
        )
    top = data[data["year"] == largest].iloc[-1]
    ax.axhline(1, color=MUTED, linewidth=0.8, linestyle="--")
    ax.set(xlabel="date of the export", ylabel="people, first count = 1")
    label_ends(ax, [(top["as_of"], top["ratio"], f"{largest:.0f}", ACCENT)])
