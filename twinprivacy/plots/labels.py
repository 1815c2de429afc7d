"""Names beside points, each where it touches nothing."""

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

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
