"""What a programme's setting comes to, looked up in grids: as the book's page does."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from twinprivacy._validation import check_choice
from twinprivacy.errors import ParameterError
from twinprivacy.explorer.lookup import look_up
from twinprivacy.explorer.quantities import QUANTITIES

__all__ = ["LOSSES_USD", "Setting", "evaluate", "exceedance_curve"]

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
