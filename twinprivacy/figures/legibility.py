"""Labels that touch or leave the picture are errors, found before a reader does."""

from itertools import combinations

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from twinprivacy.errors import FigureError

# Boxes of text are a little taller than its ink.
TOLERANCE_PT = 1.0


def check_labels(figure: Figure, figure_id: str) -> None:
    """Raise if two labels overlap or one is cut off by the edge of the picture.

    Raises
    ------
    FigureError
        The message quotes the labels.
    """
    figure.draw_without_rendering()
    slack = TOLERANCE_PT * figure.dpi / 72
    boxes = [(text.get_text(), _box(text, slack)) for text in _visible_texts(figure)]
    frame = figure.bbox.padded(2 * slack)
    for label, box in boxes:
        if not (
            frame.x0 <= box.x0
            and box.x1 <= frame.x1
            and frame.y0 <= box.y0
            and box.y1 <= frame.y1
        ):
            raise FigureError(f"figure {figure_id!r}: label {label!r} is cut off")
    for (one, first), (other, second) in combinations(boxes, 2):
        if first.overlaps(second):
            raise FigureError(
                f"figure {figure_id!r}: labels {one!r} and {other!r} overlap"
            )


def _box(text: Text, slack: float) -> Bbox:
    box = text.get_window_extent()
    return Bbox.from_extents(
        box.x0 + slack, box.y0 + slack, box.x1 - slack, box.y1 - slack
    )


def _visible_texts(figure: Figure) -> list[Text]:
    hidden = {id(text) for text in _ticks_out_of_view(figure)}
    return [
        text
        for text in figure.findobj(Text)
        if isinstance(text, Text)
        and text.get_visible()
        and text.get_text().strip()
        and id(text) not in hidden
    ]


def _ticks_out_of_view(figure: Figure) -> list[Text]:
    """Return labels that matplotlib keeps but does not draw."""
    hidden: list[Text] = []
    for axis in figure.findobj(Axis):
        assert isinstance(axis, Axis)
        low, high = sorted(axis.get_view_interval())
        width = 1e-9 * (high - low)
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            drawn = axis.get_visible() and low - width <= tick.get_loc() <= high + width
            if not (drawn and tick.label1.get_visible()):
                hidden.append(tick.label1)
            if not (drawn and tick.label2.get_visible()):
                hidden.append(tick.label2)
    return hidden
