"""The patients of a titration: what they need, and the errors of their measurements."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_rng
from twinprivacy.errors import ParameterError
from twinprivacy.twins._columns import Column
from twinprivacy.twins._inr_parameters import People, read_people
from twinprivacy.twins.inr import steady_state_dose
from twinprivacy.twins.patients import check_number
from twinprivacy.twins.warfarin import simulate_dose

DAYS_PER_WEEK = 7
_DOSE = Column("dose_mg_per_week", "dose", "mg per week", "Dose of warfarin", 0, 25 * 7)
# Nobody needs less; without it a draw of almost nothing would stand for a patient.
_LEAST_STABLE_MG_PER_WEEK = 0.5


class PatientSet(NamedTuple):
    """Everyone's constants and needs, and the errors of their measurements."""

    labels: "pd.Index[Any]"
    people: People
    stable_mg_per_week: Array
    errors: Array


def read_patient_set(
    patients: pd.DataFrame,
    stable_dose_mg_per_week: npt.ArrayLike | None,
    days: int,
    rng: np.random.Generator,
) -> PatientSet:
    """Return what `simulate_titration` is about, its needs drawn if not given."""
    check_rng(rng)
    people = read_people(patients)
    # Two sources, whether or not both are used, so that errors are the same.
    needs_rng, error_rng = rng.spawn(2)
    if stable_dose_mg_per_week is None:
        drawn = simulate_dose(patients, rng=needs_rng)
        stable = np.maximum(drawn, _LEAST_STABLE_MG_PER_WEEK)
    else:
        stable = read_doses(
            stable_dose_mg_per_week, patients.index, "stable_dose_mg_per_week"
        )
    typical = steady_state_dose(patients) * DAYS_PER_WEEK
    sensitive = replace(people, ec50_mg_per_l=people.ec50_mg_per_l * stable / typical)
    errors = error_rng.standard_normal((days + 1, len(patients)))
    return PatientSet(patients.index, sensitive, stable, errors)


def read_doses(values: npt.ArrayLike, labels: "pd.Index[Any]", name: str) -> Array:
    """Return one dose for each labelled person, in mg a week."""
    n = len(labels)
    doses = check_number(values, replace(_DOSE, name=name))
    if doses.shape not in ((), (n,)):
        raise ParameterError(
            f"{name} must be a number or have shape ({n},); got {doses.shape}"
        )
    if isinstance(values, pd.Series) and not values.index.equals(labels):
        raise ParameterError(
            f"{name} must have the index of patients in the same order; got {n} rows "
            "that differ in it"
        )
    n_none = int((doses == 0).sum())
    if n_none:
        raise ParameterError(
            f"{name} must be above 0, since doses change by factors; got {n_none} of "
            f"{doses.size} at 0"
        )
    return np.ascontiguousarray(np.broadcast_to(doses, (n,)))
