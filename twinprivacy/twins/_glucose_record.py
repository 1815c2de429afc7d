"""What a fit is told of one person: readings, meals and doses in model units."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from twinprivacy._types import AnyArray
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.twins import _glucose_inputs as inputs
from twinprivacy.twins._glucose_errors import sensor_law
from twinprivacy.twins._glucose_parameters import PARAMETERS
from twinprivacy.twins._glucose_search import Record

TICK = 5
# What was eaten and injected before the record still acts for a while.
RUN_IN_MINUTES = 180
# Glucose at the start is the mean of the readings of this time.
START_MINUTES = 15
LEAST_READINGS = 100


def free_places(fixed: Collection[str]) -> AnyArray:
    """Return the places of the parameters that are not fixed."""
    unknown = sorted(set(fixed) - set(PARAMETERS))
    if unknown or len(set(fixed)) == len(PARAMETERS):
        raise ParameterError(
            f"fixed must be some, not all, of {', '.join(PARAMETERS)}; got "
            f"{sorted(fixed)}"
        )
    return np.array([i for i, name in enumerate(PARAMETERS) if name not in set(fixed)])


def read_events(
    meals: pd.DataFrame, insulin: pd.DataFrame, weight_kg: AnyArray
) -> tuple[AnyArray, AnyArray]:
    """Return one person's meals and boluses in the model's units."""
    for name, table in (("meals", meals), ("insulin", insulin)):
        inputs.check_table(table, name, ["minute"])
        n_people = table["patient"].nunique() if "patient" in table.columns else 1
        if n_people > 1:
            raise DataError(f"{name} must be of one patient; got {n_people} patients")
    who = np.zeros(1)
    eaten = inputs.read_meals(meals.assign(patient=0), who, weight_kg)
    given = inputs.read_insulin(insulin.assign(patient=0), who, weight_kg)
    return eaten.rows, given.rows


def make_record(
    cgm: AnyArray,
    meals: AnyArray,
    boluses: AnyArray,
    weight_kg: float,
    basal_u_per_hour: float,
    step_minutes: int,
) -> Record:
    """Return what the search is told, without the readings that it does not use."""
    known = cgm[np.isfinite(cgm)]
    first = cgm[: START_MINUTES // TICK]
    first = first[np.isfinite(first)]
    used = cgm.copy()
    used[: RUN_IN_MINUTES // TICK] = np.nan
    law = sensor_law()
    used[(used <= law.lowest) | (used >= law.highest)] = np.nan
    n = int(np.isfinite(used).sum())
    if n < LEAST_READINGS:
        raise FitError(
            f"cgm_mg_dl must hold at least {LEAST_READINGS} readings within the "
            f"sensor's range after {RUN_IN_MINUTES} minutes; got {n}"
        )
    basal = inputs.basal_mu_per_kg_min(basal_u_per_hour, weight_kg)
    start = float(first.mean() if first.size else known[0])
    every = TICK // step_minutes
    return Record(used, meals, boluses, float(basal), start, step_minutes, every)
