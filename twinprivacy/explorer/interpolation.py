"""What a programme's setting comes to, looked up in grids: as the book's page does."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._validation import check_choice
from twinprivacy.errors import ParameterError

__all__ = [
    "BASES",
    "LOSSES_USD",
    "QUANTITIES",
    "SCALES",
    "TRANSFORMS",
    "Quantity",
    "Setting",
    "evaluate",
    "exceedance_curve",
    "look_up",
    "make_axis",
    "make_table",
    "rounded",
]


Grids = Mapping[str, Any]
Triple = tuple[float, float, float]

# The worst year in two hundred.
BAD_YEAR = 0.005
LOSSES_USD = tuple(float(f"{10 ** (step / 10):.4g}") for step in range(30, 91))
# Below it the models of cost were not measured.
FEWEST_EXPOSED = 100
_SIDES = ("value", "low", "high")
_STEPS = 60


@dataclass(frozen=True)
class Setting:
    """Say what a programme holds, answers and risks.

    Parameters
    ----------
    people : int
        Held, 100 to 10 million.
    kinds : tuple of str
        Kinds of data held of each person, and known to an attacker.
    days : float
        Of glucose record, 1 to 28.
    decimals : int
        Of the answers in percent or mg a day: -1 (tens) to 2, and 3 for every digit.
    width : int
        Of the bands in which measurements are held: 1, 5, 10 or 20.
    rate : float
        Breaches a year, 0.001 to 1.
    exposed : float
        Share of the people whom one breach exposes, 0.01 to 1.
    view : str
        Of what one breach costs: "insured claims" or "survey".

    Examples
    --------
    >>> Setting(people=20_000, kinds=("genome",)).days
    14
    """

    people: int = 50_000
    kinds: tuple[str, ...] = ("demographics", "history", "genome", "daily habits")
    days: float = 14
    decimals: int = 1
    width: int = 1
    rate: float = 0.02
    exposed: float = 0.75
    view: str = "insured claims"


def evaluate(grids: Grids, setting: Setting) -> pd.DataFrame:
    """Return every quantity of a setting, with its interval.

    Parameters
    ----------
    grids : dict
        As from `grids.compute_grids`.
    setting : Setting

    Returns
    -------
    pandas.DataFrame
        Columns quantity, value, low, high, unit, interval (what it is of, at 95 %),
        figure (id) and basis (a key of `quantities.BASES`), a row for each of
        `quantities.QUANTITIES`. What is not measured is nan.

    Raises
    ------
    ParameterError
        If the setting lies outside the ranges of the grids.

    Notes
    -----
    Each part of the grids states its largest error of interpolation, which comes on top
    of the intervals.
    """
    _check(grids, setting)
    exposed = _people_exposed(setting)
    on_cost = "measured" if exposed >= FEWEST_EXPOSED else "few exposed"
    mean, bad = _mean(grids, setting), _bad_year(grids, setting)
    triples: dict[str, tuple[Triple, str]] = {
        "mean_year": (mean, on_cost),
        "bad_year": (bad, on_cost),
        "person_year": (_times(mean, 1 / setting.people), on_cost),
        "unique": _unique(grids["uniqueness"], setting),
        "linked": _linked(grids["linkage"], setting),
    }
    for secret, table in grids["inference"].items():
        for measure in ("gain", "bits"):
            found = _inferred(table, measure, setting)
            triples[f"{secret}_{measure}"] = found, "measured"
    rows = [
        (q.name, *triples[q.name][0], q.unit, q.interval, q.figure, triples[q.name][1])
        for q in QUANTITIES
    ]
    names = ["quantity", *_SIDES, "unit", "interval", "figure", "basis"]
    return pd.DataFrame(rows, columns=names)


def exceedance_curve(grids: Grids, setting: Setting) -> pd.DataFrame:
    """Return the chances that a year's loss is exceeded, with their band.

    Parameters
    ----------
    grids : dict
        As from `grids.compute_grids`.
    setting : Setting

    Returns
    -------
    pandas.DataFrame
        Columns loss_usd, chance, low and high, for losses from a thousand to a billion
        dollars. The band is the middle 95 % of curves with other costs of one breach.

    Raises
    ------
    ParameterError
        If the setting lies outside the ranges of the grids.
    """
    _check(grids, setting)
    table = grids["loss"][setting.view]
    log_typical, reach = _typical(table, setting)
    rows = []
    for loss in LOSSES_USD:
        z = (math.log(loss) - log_typical) / table["residual_sd"]
        at = {"rate": setting.rate, "reach": reach, "z": z}
        names = ("chance", "chance_low", "chance_high")
        rows.append((loss, *(look_up(table[name], **at) for name in names)))
    return pd.DataFrame(rows, columns=["loss_usd", "chance", "low", "high"])


def _check(grids: Grids, setting: Setting) -> None:
    ranges = grids["ranges"]
    for name in ("people", "days", "rate", "exposed"):
        low, high = ranges[name]
        value = getattr(setting, name)
        if not low <= value <= high:
            raise ParameterError(
                f"{name} must lie in [{low:g}, {high:g}]; got {value!r}"
            )
    for name, allowed in (("decimals", "decimals"), ("width", "widths")):
        value = getattr(setting, name)
        if value not in ranges[allowed]:
            raise ParameterError(
                f"{name} must be one of {ranges[allowed]}; got {value!r}"
            )
    for kind in setting.kinds:
        check_choice(kind, name="kinds", allowed=grids["kinds"])
    check_choice(setting.view, name="view", allowed=list(grids["loss"]))


def _people_exposed(setting: Setting) -> float:
    return max(setting.people * setting.exposed, 1.0)


def _typical(table: Grids, setting: Setting) -> tuple[float, float]:
    """Return the log of a typical cost, and its error over the scatter."""
    log_people = math.log(_people_exposed(setting))
    n_kinds = len(set(table["kinds_that_count"]) & set(setting.kinds))
    level = table["log_usd_of_one_person"] + table["elasticity"] * log_people
    (v_level, v_both), (_, v_slope) = table["covariance"]
    variance = v_level + 2 * v_both * log_people + v_slope * log_people**2
    variance += (n_kinds * table["kind_error"]) ** 2
    reach = math.sqrt(max(variance, 0.0)) / table["residual_sd"]
    return level + n_kinds * table["kind_effect"], reach


def _mean(grids: Grids, setting: Setting) -> Triple:
    table = grids["loss"][setting.view]
    log_typical, reach = _typical(table, setting)
    mean = setting.rate * math.exp(log_typical + table["residual_sd"] ** 2 / 2)
    low, high = (look_up(table[f"mean_{side}"], reach=reach) for side in _SIDES[1:])
    return mean, mean * low, mean * high


def _bad_year(grids: Grids, setting: Setting) -> Triple:
    table = grids["loss"][setting.view]
    log_typical, reach = _typical(table, setting)
    losses = []
    for name in ("chance", "chance_low", "chance_high"):
        z = _exceeded(table[name], rate=setting.rate, reach=reach)
        losses.append(math.exp(log_typical + z * table["residual_sd"]))
    return losses[0], losses[1], losses[2]


def _exceeded(table: Grids, **at: float) -> float:
    """Return the position that is exceeded in a bad year, or minus infinity."""
    points = table["axes"][-1]["points"]
    low, high = float(points[0]), float(points[-1])
    if look_up(table, z=low, **at) <= BAD_YEAR:
        return -math.inf
    for _ in range(_STEPS):
        middle = (low + high) / 2
        above = look_up(table, z=middle, **at) > BAD_YEAR
        low, high = (middle, high) if above else (low, middle)
    return low


def _unique(grid: Grids, setting: Setting) -> tuple[Triple, str]:
    mask = _mask(grid["kinds"], setting)
    people = setting.people
    found = _sides(grid, "{}", mask=mask, width=setting.width, people=people)
    return found, "measured" if people <= grid["counted_up_to"] else "at most"


def _linked(grid: Grids, setting: Setting) -> tuple[Triple, str]:
    people = setting.people
    if people > grid["ends_at"]:
        return (math.nan, math.nan, math.nan), "not measured"
    found = _sides(grid, "{}", days=setting.days, people=people)
    return found, "measured" if people <= grid["counted_up_to"] else "extrapolated"


def _inferred(grid: Grids, measure: str, setting: Setting) -> Triple:
    mask = _mask(grid["kinds"], setting)
    found = _sides(grid, measure + "_{}", mask=mask, decimals=setting.decimals)
    return _times(found, 100.0) if measure == "gain" else found


def _mask(kinds: list[str], setting: Setting) -> int:
    return sum(1 << bit for bit, kind in enumerate(kinds) if kind in setting.kinds)


def _sides(grid: Grids, name: str, **at: float) -> Triple:
    value, low, high = (look_up(grid[name.format(side)], **at) for side in _SIDES)
    return value, low, high


def _times(triple: Triple, factor: float) -> Triple:
    value, low, high = (factor * x for x in triple)
    return value, low, high


class Quantity(NamedTuple):
    """What is told: name, label, unit, what its interval is of, figure of the book."""

    name: str
    label: str
    unit: str
    interval: str
    figure: str


_COSTS = "over what one breach may cost, at this rate and share"
_ATTACKS = "over people attacked"
QUANTITIES = (
    Quantity(
        "mean_year", "Mean loss of a year", "USD", _COSTS, "programme-annual-loss"
    ),
    Quantity(
        "bad_year",
        "Exceeded in one year of two hundred",
        "USD",
        _COSTS,
        "programme-annual-loss",
    ),
    Quantity(
        "person_year",
        "Mean cost a year for each person held",
        "USD",
        _COSTS,
        "programme-annual-loss",
    ),
    Quantity(
        "unique",
        "People who are unique in the store",
        "share",
        "over stores of as many people",
        "uniqueness-kinds",
    ),
    Quantity(
        "linked",
        "Glucose traces linked to their owner",
        "share",
        "over people sought",
        "fingerprint-days",
    ),
    Quantity(
        "smoking_gain",
        "Smoking inferred from a risk, more than guessed",
        "points",
        _ATTACKS,
        "risk-to-history",
    ),
    Quantity(
        "smoking_bits",
        "Told about smoking by a risk",
        "bits",
        _ATTACKS,
        "risk-to-history",
    ),
    Quantity(
        "VKORC1_gain",
        "VKORC1 inferred from a dose, more than guessed",
        "points",
        _ATTACKS,
        "genotype-answers",
    ),
    Quantity(
        "VKORC1_bits",
        "Told about VKORC1 by a dose",
        "bits",
        _ATTACKS,
        "genotype-answers",
    ),
)
BASES = MappingProxyType(
    {
        "measured": "",
        "few exposed": (
            "fewer than a hundred people exposed: outside what the cost model was "
            "fitted to"
        ),
        "at most": "counted among a million; among more people fewer are unique",
        "extrapolated": (
            "beyond the people simulated, by two laws that nobody has tested there; "
            "the interval is of both laws"
        ),
        "not measured": "no law is carried beyond a million people",
    }
)

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
