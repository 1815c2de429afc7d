"""The record: whose it is, in bits by which the set of those who fit shrinks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.attacks.uniqueness.anonymity import AnonymitySets, anonymity_sets
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.people.cohort import MODALITIES, simulate_cohort
from twinprivacy.studies.surfaces.answers import (
    INR_RANGE,
    MEASUREMENT_RANGE,
    Cell,
    clustered_mean,
    inr_readings,
    step_of,
    warfarin_patients,
)
from twinprivacy.twins.cardiovascular import predict_risk

DEMOGRAPHICS = ("sex", "race", "age_years", "education_level", "height_cm", "weight_kg")
ORDER = (*DEMOGRAPHICS, *MODALITIES["laboratory"])
MEASURED = (
    *("age_years", "height_cm", "weight_kg"),
    *("systolic_bp_mmhg", "total_cholesterol_mg_dl", "hdl_mg_dl"),
)
# Who looks like whom is a matter of the whole store, so that stores are the sample.
N_STORES = 5
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
    people = stores(max(volumes), rng)[list(DEMOGRAPHICS)]
    return [_bits(people, n, level) for n in volumes]


def by_attributes(
    volumes: Sequence[int], people: pd.DataFrame, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits of the first so many attributes."""
    size = len(people) // N_STORES
    return [_bits(people[list(ORDER[:n])], size, level) for n in volumes]


def by_days(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits of daily readings of the INR, known to a whole number."""
    patients = warfarin_patients(N_STORES * n_people, rng)
    readings = inr_readings(patients, range(1, max(volumes) + 1), rng)
    table = pd.DataFrame(np.round(readings / step_of(1, INR_RANGE)))
    return [_bits(table.iloc[:, :day], n_people, level) for day in volumes]


def by_answers(
    volumes: Sequence[int], people: pd.DataFrame, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits of risks that the twin told, to a hundredth."""
    size = len(people) // N_STORES
    asked = (people.assign(**change) for change in CHANGES[: max(volumes)])
    risks = [predict_risk(who, model="prevent_2023", outcome="ascvd") for who in asked]
    table = pd.DataFrame(np.round(np.column_stack(risks) / step_of(2, 1.0)))
    return [_bits(table.iloc[:, :n], size, level) for n in volumes]


def by_decimals(
    volumes: Sequence[int], people: pd.DataFrame, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits of six measurements, known to so many digits."""
    size, measured = len(people) // N_STORES, people[list(MEASURED)].astype(float)
    steps = (step_of(digits, MEASUREMENT_RANGE) for digits in volumes)
    return [_bits((measured / step).round(), size, level) for step in steps]


def identity_bits(sets: AnonymitySets, *, n_people: int) -> Array:
    """Return each one's log2 of how far the set of those who fit has shrunk from n."""
    assert sets.set_sizes is not None  # counted in memory
    return np.asarray(np.log2(n_people / sets.set_sizes.to_numpy(dtype=float)))


def stores(n_people: int, rng: np.random.Generator) -> pd.DataFrame:
    """Simulate stores of so many people each, one after another."""
    people = simulate_cohort(N_STORES * n_people, rng=rng)
    body = ["height_cm", "weight_kg"]
    people[body] = people[body].round()
    return people


def _bits(people: pd.DataFrame, size: int, level: float) -> Estimate:
    """Return the bits in stores of so many people each, one after another."""
    in_full = people.head(len(people) // size * size)
    in_full = in_full.assign(store=np.arange(len(in_full)) // size)
    sets = anonymity_sets(in_full, [*in_full.columns])
    return clustered_mean(identity_bits(sets, n_people=size), size, level)


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
        "demographics, then laboratory values, in stores of 10,000",
        most=len(ORDER),
        simulate=stores,
    ),
    "days": Cell(
        by_days,
        (1, 2, 4, 7, 14, 28),
        5_000,
        "daily readings of the INR, known to a whole number, in stores of 5,000",
    ),
    "answers": Cell(
        by_answers,
        (1, 2, 4, 8),
        10_000,
        "risks told to a hundredth, question after question, in stores of 10,000",
        most=len(CHANGES),
        simulate=stores,
    ),
    "decimals": Cell(
        by_decimals,
        (0, 1, 2),
        10_000,
        "six measurements, known to so many digits, in stores of 10,000",
        simulate=stores,
    ),
}
