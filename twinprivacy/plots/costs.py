"""Costs: of one breach, of a year, and to whom."""

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
    share_axis,
    short_percent,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KIND_NAMES = {
    "ocr_penalty": "federal penalty",
    "class_settlement": "class settlement",
    "state_ag_penalty": "state penalty",
    "foreign_regulator_fine": "fine abroad",
    "disclosed_direct_cost": "disclosed direct cost",
}
_MARKERS = ("o", "s", "^", "D", "v")


def cost_name(kind: str) -> str:
    """Write the name of a kind of amount as readers know it.

    Examples
    --------
    >>> cost_name("ocr_penalty")
    'federal penalty'
    """
    return _KIND_NAMES.get(kind, kind.replace("_", " "))


def plot_intervals(
    data: pd.DataFrame,
    ax: "Axes",
    *,
    label: str,
    reference: float | None = None,
    reference_label: str = "",
    log: bool = False,
) -> None:
    """Draw one estimate a line with its interval, named at the left.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns name, value (missing: said so in words), low, high (missing: no
        interval), marked (bool: the line to be read) and hollow (bool: to be read with
        care), in the order from top to bottom.
    ax : matplotlib.axes.Axes
    label : str
        What the values are.
    reference : float, optional
        A value to hold the estimates against, drawn as a dashed line.
    reference_label : str
        What it stands for.
    log : bool
        Logarithmic values.
    """
    places = np.arange(len(data))[::-1]
    for place, row in zip(places, data.to_dict("records"), strict=True):
        colour = ACCENT if row["marked"] else MUTED
        if pd.isna(row["value"]):
            ax.annotate(
                "too few cases to tell",
                (0.5, place),
                xycoords=("axes fraction", "data"),
                color=MUTED,
                ha="center",
                va="center",
            )
            continue
        ax.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=1.4)
        ax.plot(
            row["value"],
            place,
            "o",
            color=colour,
            markerfacecolor="none" if row["hollow"] else colour,
            markersize=4.5,
        )
    if log:
        log_axis(ax.xaxis, label=label)
    else:
        ax.set_xlabel(label)
    if reference is not None:
        ax.axvline(reference, color=MUTED, linewidth=1, linestyle="--", zorder=0)
        ax.annotate(
            reference_label,
            (reference, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            color=MUTED,
            ha="center",
        )
    ax.set_yticks(places, data["name"])
    ax.set_ylim(-0.6, len(data) - 0.4)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")


def plot_cost_cases(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw every real case with the lines of published models and of our own fit.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns series (what the row belongs to), role ("case", "model" or "fit"),
        n_individuals, amount_usd, low, high (band of the fit) and outside_domain
        (drawn thin and dotted), lines in rising order of people.
    ax : matplotlib.axes.Axes
    """
    cases = data[data["role"] == "case"]
    for place, (series, part) in enumerate(cases.groupby("series", sort=False)):
        ax.plot(
            part["n_individuals"],
            part["amount_usd"],
            _MARKERS[place % len(_MARKERS)],
            color=MUTED,
            markerfacecolor="none",
            markersize=3,
            markeredgewidth=0.6,
            label=cost_name(str(series)),
        )
    ends = []
    place = 0  # of the published models, ours apart
    for series, line in data[data["role"] != "case"].groupby("series", sort=False):
        ours = (line["role"] == "fit").all()
        colour = ACCENT if ours else f"C{1 + place % 3}"
        style = "-" if ours else LINE_STYLES[place // 3]
        place += not ours
        x = line["n_individuals"]
        if ours:
            ax.fill_between(
                x, line["low"], line["high"], color=ACCENT, alpha=0.12, lw=0
            )
        inside = line["amount_usd"].where(~line["outside_domain"])
        ax.plot(x, line["amount_usd"], color=colour, linewidth=0.9, linestyle=":")
        ax.plot(x, inside, color=colour, linestyle=style, linewidth=2 if ours else 1.4)
        tip = line.iloc[-1]
        ends.append((tip["n_individuals"], tip["amount_usd"], str(series), colour))
    log_axis(ax.xaxis, label="people in the breach")
    log_axis(ax.yaxis, label="US dollars")
    ax.legend(loc="upper left", fontsize="small", handletextpad=0.2)
    label_ends(ax, ends)


def plot_cost_per_person(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw the cost for each person against the people in the breach.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns series (kind of amount), n_individuals, usd_per_person, low, high
        (prediction interval of one case), outside_domain, marked (bool: the series
        whose interval is drawn).
    ax : matplotlib.axes.Axes
    """
    ends = []
    for place, (series, line) in enumerate(data.groupby("series", sort=False)):
        x, colour = line["n_individuals"], f"C{place}"
        if line["marked"].all():
            ax.fill_between(x, line["low"], line["high"], color=colour, alpha=0.15)
        ax.plot(x, line["usd_per_person"], color=colour, linewidth=0.9, linestyle=":")
        inside = line["usd_per_person"].where(~line["outside_domain"])
        ax.plot(x, inside, color=colour, linestyle=LINE_STYLES[place])
        tip = line.iloc[-1]
        name = cost_name(str(series))
        ends.append((tip["n_individuals"], tip["usd_per_person"], name, colour))
    log_axis(ax.xaxis, label="people in the breach")
    log_axis(ax.yaxis, label="US dollars a person")
    label_ends(ax, ends)


def plot_penalties(data: pd.DataFrame, axes: Any) -> None:
    """Draw how often breaches are penalised by size, and the penalty to expect.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns panel ("share" or "amount"), series, n_individuals, value, low, high.
        In "share" the series "observed" is drawn as points and "fitted" as a line.
    axes : array of two matplotlib.axes.Axes
    """
    left, right = axes
    for series, part in data[data["panel"] == "share"].groupby("series", sort=False):
        x, value = part["n_individuals"], part["value"]
        if series == "observed":
            below, above = value - part["low"], part["high"] - value
            left.errorbar(
                x, value, yerr=[below, above], fmt="o", color=MUTED, markersize=4
            )
        else:
            left.fill_between(
                x, part["low"], part["high"], color=ACCENT, alpha=0.2, lw=0
            )
            left.plot(x, value, color=ACCENT)
    share_axis(left.yaxis)
    left.set(ylim=(0, None), title="share of breaches penalised")
    ends = []
    amounts = data[data["panel"] == "amount"]
    for place, (series, part) in enumerate(amounts.groupby("series", sort=False)):
        x, colour = part["n_individuals"], (SECOND, ACCENT)[place]
        right.fill_between(x, part["low"], part["high"], color=colour, alpha=0.2, lw=0)
        right.plot(x, part["value"], color=colour, linestyle=LINE_STYLES[1 - place])
        ends.append((x.iloc[-1], part["value"].iloc[-1], str(series), colour))
    right.set_title("mean penalty, US dollars")
    for ax in axes:
        log_axis(ax.xaxis, label="people in the breach")
    log_axis(right.yaxis, label="")
    right.set_ylabel("")
    label_ends(right, ends)


def plot_annual_loss(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw the chance that a year's loss exceeds an amount.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns series, loss_usd, chance, low, high (missing: no band).
    ax : matplotlib.axes.Axes
    """
    ends = []
    for place, (series, part) in enumerate(data.groupby("series", sort=False)):
        x, colour = part["loss_usd"], f"C{place}"
        ax.fill_between(x, part["low"], part["high"], color=colour, alpha=0.18, lw=0)
        ax.plot(x, part["chance"], color=colour, linestyle=LINE_STYLES[place])
        tip = part.iloc[-1]
        ends.append((tip["loss_usd"], tip["chance"], str(series), colour))
    log_axis(ax.xaxis, label="loss in a year, US dollars")
    log_axis(ax.yaxis, label="chance of a larger loss", write=short_percent)
    label_ends(ax, ends)


def plot_tornado(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw how far each input moves a result, widest at the top.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns name, low, high (result at the two ends of the input), low_label,
        high_label (what the ends are), base (the result as planned), from top down.
    ax : matplotlib.axes.Axes
    """
    places = np.arange(len(data))[::-1]
    ends = data[["low", "high"]].to_numpy(dtype=float)
    labels = data[["low_label", "high_label"]].to_numpy()
    for place, span, texts in zip(places, ends, labels, strict=True):
        ax.plot(span, [place, place], color=ACCENT, linewidth=6, solid_capstyle="butt")
        order = np.argsort(span, kind="stable")
        for side, end in zip(("right", "left"), order, strict=True):
            shift = -5 if side == "right" else 5
            ax.annotate(
                str(texts[end]),
                (span[end], place),
                xytext=(shift, 0),
                textcoords="offset points",
                ha=side,
                va="center",
                color=MUTED,
            )
    ax.axvline(data["base"].iloc[0], color=MUTED, linewidth=1, linestyle="--")
    log_axis(ax.xaxis, label="mean loss in a year, US dollars")
    # Room for what is written beside the bars.
    ax.set_xlim(ends.min() / 12, ends.max() * 12)
    ax.set_yticks(places, data["name"])
    ax.set_ylim(-0.6, len(data) - 0.4)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")


def plot_stores(data: pd.DataFrame, ax: "Axes") -> None:
    """Draw a loss relative to one store against the number of stores.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns series (how attacks grow), n_stores, relative_loss.
    ax : matplotlib.axes.Axes
    """
    ends = []
    for place, (series, line) in enumerate(data.groupby("series", sort=False)):
        x, ratio, colour = line["n_stores"], line["relative_loss"], f"C{place}"
        ax.plot(x, ratio, "o", color=colour, linestyle=LINE_STYLES[place], markersize=3)
        ends.append((x.iloc[-1], ratio.iloc[-1], str(series), colour))
    ax.axhline(1, color=MUTED, linewidth=1, linestyle="--", zorder=0)
    log_axis(ax.xaxis, label="")
    log_axis(ax.yaxis, label="")
    ax.set(xlabel="stores of equal size", ylabel="mean loss, relative to one store")
    # Steps of two and a half: whole powers of ten would leave one label each.
    ax.set_xticks(sorted(data["n_stores"].unique()))
    steps = np.outer(10.0 ** np.arange(-3, 4), [1, 2, 5]).ravel()
    low, high = data["relative_loss"].min(), data["relative_loss"].max()
    ax.set_yticks(steps[(steps > low / 1.3) & (steps < high * 1.3)])
    label_ends(ax, ends)
