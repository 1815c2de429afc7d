"""The record: whose it is, in bits by which the set of those who fit shrinks."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy.attacks._surface_answers import inr_readings, warfarin_patients
from twinprivacy.attacks._surface_cells import (
    INR_RANGE,
    MEASUREMENT_RANGE,
    Cell,
    means,
    step_of,
)
from twinprivacy.attacks.anonymity import AnonymitySets
from twinprivacy.attacks.uniqueness import anonymity_sets
from twinprivacy.estimates import Estimate
from twinprivacy.twins.cardiovascular import predict_risk
from twinprivacy.twins.cohort import MODALITIES, simulate_cohort

__all__ = ["RECORD", "identity_bits"]

Array = npt.NDArray[np.float64]
DEMOGRAPHICS = ("sex", "race", "age_years", "education_level", "height_cm", "weight_kg")
ORDER = (*DEMOGRAPHICS, *MODALITIES["laboratory"])
# What the twin is asked about everyone, one question after another.
CHANGES: tuple[dict[str, float | bool], ...] = (
    {},
    {"current_smoker": False},
    {"bp_medication": True},
    {"systolic_bp_mmhg": 120},
    {"statin": True},
    {"total_cholesterol_mg_dl": 190, "hdl_mg_dl": 50},
    {"diabetes": False},
    {"egfr_ml_min": 90},
)


def by_people(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits of six demographic values in stores of so many people."""
    people = _people(max(volumes), rng)
    return means([_bits(people.head(n)[list(DEMOGRAPHICS)]) for n in volumes], level)


def by_attributes(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits of the first so many attributes."""
    people = _people(n_people, rng)
    return means([_bits(people[list(ORDER[:n])]) for n in volumes], level)


def by_days(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits of daily readings of the INR, known to a whole number."""
    patients = warfarin_patients(n_people, rng)
    readings = inr_readings(patients, range(1, max(volumes) + 1), rng)
    table = pd.DataFrame(np.round(readings / step_of(1, INR_RANGE)))
    return means([_bits(table.iloc[:, :day]) for day in volumes], level)


def by_answers(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits of risks that the twin told, to a hundredth."""
    people = _people(n_people, rng)
    asked = (people.assign(**change) for change in CHANGES[: max(volumes)])
    risks = [predict_risk(who, model="prevent_2023", outcome="ascvd") for who in asked]
    table = pd.DataFrame(np.round(np.column_stack(risks) / step_of(2, 1.0)))
    return means([_bits(table.iloc[:, :n]) for n in volumes], level)


def by_decimals(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits of six measurements, known to so many digits."""
    people, names = _people(n_people, rng), ["age_years", "height_cm", "weight_kg"]
    names += ["systolic_bp_mmhg", "total_cholesterol_mg_dl", "hdl_mg_dl"]
    samples = []
    for digits in volumes:
        step = step_of(digits, MEASUREMENT_RANGE)
        samples.append(_bits((people[names].astype(float) / step).round()))
    return means(samples, level)


def identity_bits(sets: AnonymitySets) -> Array:
    """Return each person's log2 of how far the set of those who fit has shrunk."""
    assert sets.set_sizes is not None  # counted in memory
    return np.asarray(np.log2(sets.n_people / sets.set_sizes.to_numpy(dtype=float)))


def _people(n_people: int, rng: np.random.Generator) -> pd.DataFrame:
    people = simulate_cohort(n_people, rng=rng)
    body = ["height_cm", "weight_kg"]
    people[body] = people[body].round()
    return people


def _bits(table: pd.DataFrame) -> Array:
    return identity_bits(anonymity_sets(table, [*table.columns]))


RECORD = {
    "people": Cell(
        by_people,
        (100, 300, 1_000, 3_000, 10_000, 30_000),
        30_000,
        "six demographic values; a larger store takes more bits to name somebody in it",
        extrapolates="tested on uniqueness, from samples to a million simulated people",
    ),
    "attributes": Cell(
        by_attributes,
        (1, 2, 3, 4, 5, 6, 8, 12),
        10_000,
        "demographics, then laboratory values, in a store of 10,000",
        most=len(ORDER),
    ),
    "days": Cell(
        by_days,
        (1, 2, 4, 7, 14, 28),
        5_000,
        "daily readings of the INR, known to a whole number, in a store of 5,000",
    ),
    "answers": Cell(
        by_answers,
        (1, 2, 4, 8),
        10_000,
        "risks told to a hundredth, question after question, in a store of 10,000",
        most=len(CHANGES),
    ),
    "decimals": Cell(
        by_decimals,
        (0, 1, 2),
        10_000,
        "six measurements, known to so many digits, in a store of 10,000",
    ),
}
