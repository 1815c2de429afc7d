"""What the terms of the risk equations are made of, by the names of their table."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array

Values = dict[str, npt.NDArray[Any]]

_MMOL_L_PER_MG_DL = 0.02586


class Quantity(NamedTuple):
    """Name the columns that a quantity is made of, and how."""

    columns: tuple[str, ...]
    of: Callable[[Values], Array]


def body_mass_index(values: Values) -> Array:
    """Return the body mass index in kg/m2."""
    return np.asarray(values["weight_kg"] / (values["height_cm"] / 100) ** 2)


def _plain(column: str) -> Quantity:
    return Quantity((column,), lambda values: values[column])


def _log(column: str) -> Quantity:
    return Quantity((column,), lambda values: np.log(values[column]))


def _log_pressure(treated: bool) -> Quantity:
    """Return the log of the pressure of those who take a drug against it, or do not."""
    return Quantity(
        ("systolic_bp_mmhg", "bp_medication"),
        lambda values: np.where(
            values["bp_medication"] == treated, np.log(values["systolic_bp_mmhg"]), 0.0
        ),
    )


def _below(column: str, knot: float, unit: float) -> Quantity:
    """Return what lies below a knot, in multiples of a unit."""
    return Quantity((column,), lambda v: (np.minimum(v[column], knot) - knot) / unit)


def _above(column: str, knot: float, centre: float, unit: float) -> Quantity:
    """Return what lies above a knot, counted from a centre, in multiples of a unit."""
    return Quantity((column,), lambda v: (np.maximum(v[column], knot) - centre) / unit)


def _age_decades(values: Values) -> Array:
    return np.asarray((values["age_years"] - 55) / 10)


def _non_hdl(values: Values) -> Array:
    rest = values["total_cholesterol_mg_dl"] - values["hdl_mg_dl"]
    return np.asarray(_MMOL_L_PER_MG_DL * rest - 3.5)


# Knots, centres and units are those of the table's column of notes.
QUANTITIES = {
    "constant": Quantity((), lambda values: np.ones(values["sex"].size)),
    "age": Quantity(("age_years",), _age_decades),
    "age_squared": Quantity(("age_years",), lambda values: _age_decades(values) ** 2),
    "non_hdl": Quantity(("total_cholesterol_mg_dl", "hdl_mg_dl"), _non_hdl),
    "hdl": Quantity(
        ("hdl_mg_dl",), lambda v: (_MMOL_L_PER_MG_DL * v["hdl_mg_dl"] - 1.3) / 0.3
    ),
    "sbp_below_110": _below("systolic_bp_mmhg", 110, 20),
    "sbp_above_110": _above("systolic_bp_mmhg", 110, 130, 20),
    "egfr_below_60": _below("egfr_ml_min", 60, -15),
    "egfr_above_60": _above("egfr_ml_min", 60, 90, -15),
    "bmi_below_30": Quantity(
        ("height_cm", "weight_kg"),
        lambda values: (np.minimum(body_mass_index(values), 30) - 25) / 5,
    ),
    "bmi_above_30": Quantity(
        ("height_cm", "weight_kg"),
        lambda values: (np.maximum(body_mass_index(values), 30) - 30) / 5,
    ),
    "diabetes": _plain("diabetes"),
    "smoker": _plain("current_smoker"),
    "bp_medication": _plain("bp_medication"),
    "statin": _plain("statin"),
    "ln_age": _log("age_years"),
    "ln_age_squared": Quantity(
        ("age_years",), lambda values: np.log(values["age_years"]) ** 2
    ),
    "ln_total_chol": _log("total_cholesterol_mg_dl"),
    "ln_total_chol_mgdl": _log("total_cholesterol_mg_dl"),
    "ln_hdl": _log("hdl_mg_dl"),
    "ln_hdl_mgdl": _log("hdl_mg_dl"),
    "ln_sbp_treated": _log_pressure(treated=True),
    "ln_sbp_untreated": _log_pressure(treated=False),
}
