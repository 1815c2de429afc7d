"""Where a curve of bits has half of its most, and when it is not known."""

from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.attacks._monotone import crossings
from twinprivacy.errors import DataError

__all__ = ["CURVE", "check_curves", "half_of"]

CURVE = {"value": "curve", "low": "curve_low", "high": "curve_high"}
_NEEDED = ("surface", "axis", "unit", "scale", "increasing", "volume", *CURVE.values())


def check_curves(table: pd.DataFrame) -> None:
    """Refuse a table on whose curves no half can be looked for."""
    lacking = [name for name in _NEEDED if name not in table.columns]
    if lacking:
        raise DataError(f"table must have the columns {', '.join(lacking)}")
    if table.empty:
        raise DataError("table must hold at least one row; got none")
    n_missing = int((~np.isfinite(table["curve"].to_numpy(dtype=float))).sum())
    if n_missing:
        raise DataError(f"curve must be finite; got {n_missing} values that are not")
    for (surface, axis), part in table.groupby(["surface", "axis"], sort=False):
        if len(part) < 2 or part["volume"].duplicated().any():
            raise DataError(
                f"volume must differ in two rows or more of {surface}, {axis}; got "
                f"{part['volume'].tolist()}"
            )
    if (table.loc[table["scale"] == "log", "volume"] <= 0).any():
        raise DataError("volume must be above 0 on a logarithmic axis")


def half_of(part: pd.DataFrame) -> dict[str, Any]:
    """Return the row of one curve, its volumes in increasing order."""
    places = part["volume"].to_numpy(dtype=float)
    middle, low, high = (part[name].to_numpy(dtype=float) for name in CURVE.values())
    rises, is_log = bool(part["increasing"].iloc[0]), part["scale"].iloc[0] == "log"
    most = -1 if rises else 0
    kind = {"increasing": rises, "logarithmic": bool(is_log)}
    # Half of the least and of the largest that the most can be, by the other band.
    value, first, last = (
        float(crossings(curve[None], np.array([height / 2]), places, **kind)[0])
        for curve, height in (
            (middle, middle[most]),
            (high, low[most]),
            (low, high[most]),
        )
    )
    row = {name: part[name].iloc[0] for name in ("surface", "axis", "unit")}
    row |= {"half_bits": middle[most] / 2}
    scale = np.log(places) if is_log else places
    reading = _reading(value, middle, low, scale, rises=rises)
    if reading != "bends":
        value = first = last = np.nan
    ends = sorted((value, *((first, last) if rises else (last, first))))
    return row | {"value": value, "low": ends[0], "high": ends[2], "reading": reading}


def _reading(
    value: float, curve: Array, low: Array, places: Array, *, rises: bool
) -> str:
    if not low[-1 if rises else 0] > 0:
        return "nothing shown"
    if not np.isfinite(value) or value == 0:
        return "below the range" if rises else "beyond the range"
    slopes = np.abs(np.diff(curve) / np.diff(places))
    average = abs(curve[-1] - curve[0]) / (places[-1] - places[0])
    # The most is at the end that leaks most: a level end shows that it is the most.
    if slopes[-1 if rises else 0] > average / 2:
        return "beyond the range" if rises else "below the range"
    return "bends"
