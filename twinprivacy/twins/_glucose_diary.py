"""What days leave behind: readings, and tables of meals and boluses."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from twinprivacy._types import AnyArray
from twinprivacy.twins._glucose_parameters import KINDS


@dataclass(frozen=True)
class Days:
    """What happened to several people, and what their devices know of it.

    Attributes
    ----------
    patients : pandas.DataFrame
        Who they are on a usual day, with their prescription.
    minutes : numpy.ndarray
        Minutes since midnight of the first day, every 5, shape (n_times,).
    cgm_mg_dl, plasma_mg_dl : numpy.ndarray
        Readings, and the true plasma glucose, in mg/dL, shape (n, n_times).
    meals : pandas.DataFrame
        What was eaten: patient, minute, kind, carbohydrate_g and counted_g.
    insulin : pandas.DataFrame
        Boluses: patient, minute, bolus_units.
    """

    patients: pd.DataFrame
    minutes: AnyArray
    cgm_mg_dl: AnyArray
    plasma_mg_dl: AnyArray
    meals: pd.DataFrame
    insulin: pd.DataFrame

    @property
    def diary(self) -> pd.DataFrame:
        """Return the meals as entered: counted grams, forgotten meals left out."""
        entered = self.meals[self.meals["counted_g"] > 0]
        diary = entered.drop(columns="carbohydrate_g")
        return diary.rename(columns={"counted_g": "carbohydrate_g"})


def pick(
    rows: AnyArray, counts: AnyArray, names: AnyArray
) -> tuple[AnyArray, AnyArray]:
    """Return whose the filled rows are, and the rows."""
    filled = np.arange(rows.shape[1]) < counts[:, None]
    return np.repeat(names, counts), rows[filled]


def meal_table(
    who: AnyArray,
    rows: AnyArray,
    rescued: AnyArray,
    rescue_minutes: AnyArray,
    rescue_g: float,
) -> pd.DataFrame:
    """Return what was eaten: meals, then rescue carbohydrate."""
    meals = pd.DataFrame(
        {
            "patient": who,
            "minute": rows[:, 0].astype(int),
            "kind": np.array(KINDS)[rows[:, 2].astype(int)],
            "carbohydrate_g": rows[:, 1],
            "counted_g": rows[:, 3],
        }
    )
    rescues = pd.DataFrame({"patient": rescued, "minute": rescue_minutes.astype(int)})
    rescues = rescues.assign(
        kind=KINDS[-1], carbohydrate_g=rescue_g, counted_g=rescue_g
    )
    return pd.concat([meals, rescues], ignore_index=True)


def insulin_table(who: AnyArray, rows: AnyArray) -> pd.DataFrame:
    """Return the boluses."""
    return pd.DataFrame(
        {"patient": who, "minute": rows[:, 0].astype(int), "bolus_units": rows[:, 1]}
    )
