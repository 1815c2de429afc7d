r"""Tables of numbers at the points of axes, and what lies between the points.

Between points a value is interpolated linearly along each axis, in the logarithm of
positions on a "log" axis and in a transform of the value: :math:`\ln v` for "log",
:math:`\ln(-\ln(1 - v))` for "cloglog", under which the chance of any breach is linear
in the logarithm of their rate. The result is monotone wherever the points are. Beyond
the ends the end holds. The page of the book does the same in the browser.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._validation import check_choice
from twinprivacy.errors import ParameterError

__all__ = ["SCALES", "TRANSFORMS", "look_up", "make_axis", "make_table", "rounded"]

SCALES = ("linear", "log", "exact")
TRANSFORMS = ("identity", "log", "cloglog")
# Exceedances below a millionth are not resolved; a rate of zero has no logarithm.
_SMALLEST = 1e-9
_LARGEST = 1 - 1e-12
_DIGITS = 4


def make_axis(
    name: str, points: npt.ArrayLike, *, scale: str = "linear"
) -> dict[str, Any]:
    """Return an axis of a table.

    Parameters
    ----------
    name : str
        What a position is called in `look_up`.
    points : array_like
        Ascending, positive on a "log" axis.
    scale : str
        One of `SCALES`; on an "exact" axis there is nothing between the points.

    Raises
    ------
    ParameterError
        For another scale, or points that do not ascend.
    """
    check_choice(scale, name="scale", allowed=SCALES)
    at = np.asarray(points, dtype=float)
    ascend = at.ndim == 1 and at.size > 0 and bool((np.diff(at) > 0).all())
    if not ascend or (scale == "log" and at[0] <= 0):
        raise ParameterError(
            f"points of {name!r} must ascend, from above 0 on a log axis; got "
            f"{points!r}"
        )
    return {"name": name, "scale": scale, "points": [rounded(x) for x in at]}


def make_table(
    axes: Sequence[Mapping[str, Any]],
    values: npt.ArrayLike,
    *,
    transform: str = "identity",
) -> dict[str, Any]:
    """Return a table that can be written as JSON, values to four digits.

    Parameters
    ----------
    axes : sequence of dict
        As from `make_axis`.
    values : array_like
        A dimension for each axis.
    transform : str
        One of `TRANSFORMS`; values are stored transformed.

    Raises
    ------
    ParameterError
        For another transform, or values of another shape than the axes.

    Examples
    --------
    >>> axis = make_axis("people", [10, 1000], scale="log")
    >>> table = make_table([axis], [0.2, 0.4])
    >>> round(look_up(table, people=100), 6)
    0.3
    """
    check_choice(transform, name="transform", allowed=TRANSFORMS)
    shape = tuple(len(axis["points"]) for axis in axes)
    array = np.asarray(values, dtype=float)
    if array.shape != shape:
        raise ParameterError(
            f"values must have the shape {shape} of the axes; got {array.shape}"
        )
    stored = _transformed(array, transform).ravel()
    return {
        "axes": [dict(axis) for axis in axes],
        "transform": transform,
        "values": [rounded(value) for value in stored],
    }


def look_up(table: Mapping[str, Any], **at: float) -> float:
    """Return the value of a table at a position on every axis.

    Parameters
    ----------
    table : dict
        As from `make_table`.
    **at : float
        A position for each axis, by name.

    Raises
    ------
    ParameterError
        If an axis has no position, or an "exact" one not this.
    """
    places = [_place(axis, at) for axis in table["axes"]]
    sizes = [len(axis["points"]) for axis in table["axes"]]
    total = 0.0
    for corner in product((0, 1), repeat=len(places)):
        weight, index = 1.0, 0
        for (left, part), side, size in zip(places, corner, sizes, strict=True):
            weight *= part if side else 1 - part
            index = index * size + min(left + side, size - 1)
        if weight:
            total += weight * table["values"][index]
    return _back(total, table["transform"])


def rounded(value: float) -> float:
    """Return a number to four significant digits, as the tables hold it.

    Examples
    --------
    >>> rounded(123456.0), rounded(0.0123456)
    (123500.0, 0.01235)
    """
    return float(f"{value:.{_DIGITS}g}")


def _place(axis: Mapping[str, Any], at: Mapping[str, float]) -> tuple[int, float]:
    """Return the point to the left of a position and how far it is past it."""
    name, points = axis["name"], axis["points"]
    if name not in at:
        raise ParameterError(f"at must give a position on the axis {name!r}")
    position = at[name]
    if axis["scale"] == "exact":
        if position not in points:
            raise ParameterError(f"{name} must be one of {points}; got {position!r}")
        return points.index(position), 0.0
    position = min(max(position, points[0]), points[-1])
    if len(points) == 1:
        return 0, 0.0
    left = min(bisect_right(points, position) - 1, len(points) - 2)
    ends = points[left], points[left + 1]
    if axis["scale"] == "log":
        return left, math.log(position / ends[0]) / math.log(ends[1] / ends[0])
    return left, (position - ends[0]) / (ends[1] - ends[0])


def _transformed(
    values: npt.NDArray[np.float64], transform: str
) -> npt.NDArray[np.float64]:
    if transform == "identity":
        return values
    clipped = np.clip(values, _SMALLEST, None if transform == "log" else _LARGEST)
    if transform == "log":
        return np.log(clipped)
    return np.log(-np.log1p(-clipped))


def _back(value: float, transform: str) -> float:
    if transform == "identity":
        return value
    if transform == "log":
        return math.exp(value)
    return -math.expm1(-math.exp(value))
