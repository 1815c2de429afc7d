"""Scales, tick labels and labels at line ends that all plots share.

Colours are the places of the current palette ("C0" is the accent, `MUTED` the grey of
what is not the point), so that one function serves the light and the dark picture.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

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


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

_DISTANCES_PT = (5.0, 11.0, 18.0, 26.0, 36.0, 48.0)
_DIRECTIONS = (
    (1, 0),
    (-1, 0),
    (0, 1),
    (0, -1),
    (1, 1),
    (1, -1),
    (-1, 1),
    (-1, -1),
)
# From here on a name needs a line to its point.
_FAR_PT = 15.0
_NEVER = 1e6


def name_points(
    ax: "Axes",
    points: Sequence[tuple[float, float, str, str]],
    *,
    bars: Sequence[tuple[tuple[float, float], tuple[float, float]]] = (),
) -> None:
    """Write a name beside each point, on no other name or point and no bar if it can.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With its limits and those of its figure final.
    points : sequence of (x, y, text, colour)
        In data coordinates.
    bars : sequence of pairs of (x, y)
        Ends of lines that names should leave free.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None  # axes are always given with their figure
    figure.draw_without_rendering()
    pixel = figure.dpi / 72
    marks = [
        _around(ax.transData.transform([(x, y)]), 4 * pixel) for x, y, *_ in points
    ]
    lines = [_around(ax.transData.transform(bar), pixel) for bar in bars]
    placed: list[Bbox] = []
    for x, y, text, colour in points:
        note: Any = ax.annotate(
            text, (x, y), xytext=(0, 0), textcoords="offset points", color=colour
        )
        note.set_in_layout(False)
        size = note.get_window_extent().size / pixel
        here = ax.transData.transform((x, y)) / pixel
        free = [*placed, *marks]
        box, shift, far = _place(here, size, ax.bbox, pixel, (free, lines))
        note.set(position=shift, ha="center", va="center")
        placed.append(box)
        if far:
            corner = np.clip(here * pixel, box.min, box.max) / pixel - here
            _tie(ax, (x, y), tuple(corner), colour)


def _tie(
    ax: "Axes", point: tuple[float, float], corner: tuple[float, float], colour: str
) -> None:
    """Draw a line from a name that is far to its point."""
    ends = {"arrowstyle": "-", "color": colour, "lw": 0.6, "shrinkA": 0}
    line = ax.annotate(
        "", point, corner, textcoords="offset points", arrowprops=ends, zorder=1
    )
    line.set_in_layout(False)


def _place(
    here: Any, size: Any, inside: "Bbox", pixel: float, taken: Any
) -> tuple["Bbox", tuple[float, float], bool]:
    """Return the nearest free box, its centre beside the point, and if that is far."""
    from matplotlib.transforms import Bbox

    best = None
    for distance, (right, up) in product(_DISTANCES_PT, _DIRECTIONS):
        shift = (right * (distance + size[0] / 2), up * (distance + size[1] / 2))
        centre = here + shift
        box = Bbox([(centre - size / 2) * pixel, (centre + size / 2) * pixel])
        names, lines = (sum(box.overlaps(other) for other in of) for of in taken)
        outside = not (inside.containsx(box.x0) and inside.containsx(box.x1)) or not (
            inside.containsy(box.y0) and inside.containsy(box.y1)
        )
        # A line that is crossed is as bad as so many points further away.
        fault = _NEVER * (2 * names + outside) + 20 * lines + distance
        if best is None or fault < best[0]:
            best = (fault, box, shift, distance > _FAR_PT)
    assert best is not None  # there are directions
    return best[1:]


def _around(pixels: Any, margin: float) -> "Bbox":
    from matplotlib.transforms import Bbox

    low, high = pixels.min(axis=0), pixels.max(axis=0)
    return Bbox([low - margin, high + margin])
