"""The store: what one person whose record leaks loses, in bits."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.attacks._surface_answers import (
    inr_readings,
    invert_repeated,
    warfarin_patients,
)
from twinprivacy.attacks._surface_cells import (
    INR_RANGE,
    MEASUREMENT_RANGE,
    Cell,
    means,
    step_of,
)
from twinprivacy.attacks._surface_code import code_lengths
from twinprivacy.estimates import Estimate
from twinprivacy.twins.cohort import MODALITIES, simulate_cohort
from twinprivacy.twins.patients import COLUMNS

__all__ = ["STORE"]

# What is on an envelope, or can be seen, is no loss.
KNOWN = ("age_years", "sex", "race")
HELD = tuple(
    name for names in MODALITIES.values() for name in names if name not in KNOWN
)
KINDS = tuple(
    accumulate(sum(n in HELD for n in names) for names in MODALITIES.values())
)
# Alleles, and hours and days of a habit, have few values: they count as categories.
NUMBERS = tuple(
    name
    for kind in ("demographics", "laboratory")
    for name in MODALITIES[kind]
    if name in HELD and not COLUMNS[name].categories
)


def by_people(
    volumes: Sequence[int], lost: Array, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the loss of one person in stores of the first so many people."""
    return means([lost[:n].sum(axis=1) for n in volumes], level)


def by_attributes(
    volumes: Sequence[int], lost: Array, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the loss of the first so many attributes."""
    return means([lost[:, :n].sum(axis=1) for n in volumes], level)


def by_days(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the loss of daily readings of the INR, held to a tenth."""
    patients = warfarin_patients(n_people, rng)
    readings = inr_readings(patients, range(1, max(volumes) + 1), rng)
    table = pd.DataFrame(np.log(readings)).rename(columns=str)
    # On the scale of logarithms a tenth of an INR of 2, where most readings lie.
    step = step_of(2, INR_RANGE) / 2
    names = [*table.columns]
    lost = code_lengths(table, names, steps=dict.fromkeys(names, step))
    return means([lost.cumsum(axis=1)[:, day - 1] for day in volumes], level)


def by_answers(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return what a log of noisy answers tells of both warfarin genotypes."""
    samples = invert_repeated(volumes, n_people, rng, secret=("vkorc1", "cyp2c9"))
    return means(samples, level)


def by_decimals(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the loss of laboratory values held to so many digits."""
    people, names = simulate_cohort(n_people, rng=rng), MODALITIES["laboratory"]
    samples = []
    for digits in volumes:
        steps = dict.fromkeys(names, step_of(digits, MEASUREMENT_RANGE))
        lost = code_lengths(people, names, known=KNOWN, steps=steps)
        samples.append(lost.sum(axis=1))
    return means(samples, level)


def record_bits(n_people: int, rng: np.random.Generator) -> Array:
    """Return the loss of each person and attribute, shape (n, attributes)."""
    people = simulate_cohort(n_people, rng=rng)
    steps = dict.fromkeys(NUMBERS, step_of(2, MEASUREMENT_RANGE))
    return code_lengths(people, HELD, known=KNOWN, steps=steps)


STORE = {
    "people": Cell(
        by_people,
        (100, 300, 1_000, 3_000),
        3_000,
        "what one exposed person loses does not depend on who else is in the store; "
        "the number of people exposed grows",
        shares=1,
        simulate=record_bits,
    ),
    "attributes": Cell(
        by_attributes,
        KINDS,
        3_000,
        "the whole record beyond age, sex and race, kind after kind",
        most=len(HELD),
        simulate=record_bits,
    ),
    "days": Cell(by_days, (1, 2, 4, 7, 14, 28), 1_000, "daily readings of the INR"),
    "answers": Cell(
        by_answers,
        (1, 2, 4, 8, 16, 32, 64),
        3_000,
        "a log of answers without the record: both warfarin genotypes",
    ),
    "decimals": Cell(
        by_decimals,
        (0, 1, 2, 3),
        1_500,
        "six laboratory values, known to so many digits",
    ),
}
