"""Scales, tick labels and labels at line ends that all plots share.

Colours are the places of the current palette ("C0" is the accent, `MUTED` the grey of
what is not the point), so that one function serves the light and the dark picture.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import XAxis, YAxis

ACCENT, SECOND, THIRD, FOURTH, MUTED = (f"C{place}" for place in range(5))
# Meaning never hangs on colour alone.
LINE_STYLES = ("-", "--", "-.", ":")
TEN_TIMES = "each step is ten times more"
_UNITS = ((1e9, "B"), (1e6, "M"), (1e3, "k"), (1, ""))


def short_number(value: float) -> str:
    """Write a tick label: 500, 10 k, 1 M.

    Examples
    --------
    >>> [short_number(value) for value in (0.1, 500, 10_000, 2_500_000, 1e9)]
    ['0.1', '500', '10 k', '2.5 M', '1 B']
    """
    for size, unit in _UNITS:
        if value >= size:
            return f"{value / size:g} {unit}".rstrip()
    return f"{value:g}"


def short_percent(value: float) -> str:
    """Write a tick label of a share: 0.1 %, 10 %.

    Examples
    --------
    >>> [short_percent(value) for value in (0.00001, 0.01, 1)]
    ['0.001 %', '1 %', '100 %']
    """
    return f"{100 * value:.10f}".rstrip("0").rstrip(".") + " %"


def log_axis(
    axis: "XAxis | YAxis",
    *,
    label: str,
    write: Callable[[float], str] = short_number,
) -> None:
    """Give an axis a logarithmic scale that a lay reader can follow."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(base=10, numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_label_text(f"{label}\n({TEN_TIMES})")


def share_axis(axis: "XAxis | YAxis") -> None:
    """Write the ticks of a linear axis of shares as percentages."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: short_percent(value)))


def label_ends(
    ax: "Axes", ends: Sequence[tuple[float, float, str, str]], *, gap_pt: float = 11
) -> None:
    """Write labels beside the ends of lines, moved apart where they would touch.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    ends : sequence of (x, y, text, colour)
        In data coordinates.
    gap_pt : float
        Least distance between two labels in points.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None  # axes are always given with their figure
    figure.draw_without_rendering()  # places depend on the final layout
    points_per_pixel = 72 / figure.dpi
    pixels = np.array([ax.transData.transform((x, y))[1] for x, y, *_ in ends])
    wanted = pixels * points_per_pixel
    placed = spread(wanted, gap_pt)
    placed = raise_above(placed, ax.bbox.y0 * points_per_pixel, gap_pt)
    for (x, y, text, colour), shift in zip(ends, placed - wanted, strict=True):
        ax.annotate(
            text,
            (x, y),
            xytext=(5, shift),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )


def spread(positions: np.ndarray, gap: float) -> np.ndarray:
    """Move positions apart by at least `gap`, keeping their order and centre."""
    order = np.argsort(positions, kind="stable")
    placed = positions[order].astype(float)
    for _ in range(100):
        lack = gap - np.diff(placed)
        if (lack <= 1e-9).all():
            break
        push = np.clip(lack, 0, None) / 2
        placed[:-1] -= push
        placed[1:] += push
    result = np.empty_like(placed)
    result[order] = placed
    return result


def raise_above(positions: np.ndarray, floor: float, gap: float) -> np.ndarray:
    """Lift what lies below `floor` on to it, and what that would touch above it."""
    order = np.argsort(positions, kind="stable")
    placed = positions.astype(float)
    least = floor
    for place in order:
        if placed[place] >= least:
            break
        placed[place] = least
        least += gap
    return placed
