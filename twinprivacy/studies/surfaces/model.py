"""The trained model: who was in it, in bits of a verdict at even odds."""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from twinprivacy._types import Array
from twinprivacy.attacks.membership.inference import infer_membership
from twinprivacy.attacks.membership.observed import MembershipThreat
from twinprivacy.attacks.membership.result import MembershipResult
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.studies.surfaces.answers import (
    DOSE_RANGE_MG_PER_WEEK,
    NOISE_SD_MG_PER_WEEK,
    Cell,
    inr_readings,
    step_of,
    warfarin_patients,
)
from twinprivacy.twins.outcome.twin import fit_outcome_twin
from twinprivacy.twins.warfarin.dose import simulate_dose

# None of a few rare values, which a handful of people would all share.
FEATURES = (
    *("weight_kg", "age_years", "height_cm", "vkorc1", "systolic_bp_mmhg"),
    *("total_cholesterol_mg_dl", "hdl_mg_dl", "pulse_per_minute"),
)
N_TREES = 20
# People whose data train one twin, where that is not what grows.
N_TRAINED = 50
# Of doses and INRs, behind the point: more than any record keeps. Trees choose between
# equal splits by their last digits, which differ between machines.
N_DIGITS = 6


def by_people(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits about who trained a dose twin of so many people."""
    patients = _dosed(n_people, rng)
    return [
        _bits(_rounds(patients, n, FEATURES, copy.deepcopy(rng)), rng, level)
        for n in volumes
    ]


def by_attributes(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits from a dose twin that is told so many attributes."""
    patients = _dosed(n_people, rng)
    told = (FEATURES[:n] for n in volumes)
    return [
        _bits(_rounds(patients, N_TRAINED, names, copy.deepcopy(rng)), rng, level)
        for names in told
    ]


def by_days(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits from an INR twin that was trained on so many days of each."""
    patients = warfarin_patients(n_people, rng)
    readings = inr_readings(patients, range(1, max(volumes) + 1), rng)
    found = []
    for n in volumes:
        visits = _visits(patients, readings[:, :n])
        features = FEATURES if n == 1 else (*FEATURES, "day")
        twins = _rounds(visits, N_TRAINED * n, features, copy.deepcopy(rng), "log_inr")
        found.append(_bits(twins, rng, level, groups="patient"))
    return found


def by_answers(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits where a dose is told with fresh noise, so often."""
    twins = _rounds(_dosed(n_people, rng), N_TRAINED, FEATURES, rng)
    found = []
    for n in volumes:
        sd = float(NOISE_SD_MG_PER_WEEK / np.sqrt(n))
        hear = partial(_noisy, sd=sd, rng=copy.deepcopy(rng))
        found.append(_bits(twins, rng, level, hear=hear))
    return found


def by_decimals(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits where a dose is told to so many digits."""
    twins = _rounds(_dosed(n_people, rng), N_TRAINED, FEATURES, rng)
    steps = (step_of(digits, DOSE_RANGE_MG_PER_WEEK) for digits in volumes)
    return [
        _bits(twins, rng, level, threat=MembershipThreat(output_precision=step))
        for step in steps
    ]


Round = tuple[Any, pd.DataFrame, pd.DataFrame, str]


def _dosed(n_people: int, rng: np.random.Generator) -> pd.DataFrame:
    patients = warfarin_patients(n_people, rng)
    return patients.assign(stable_dose=simulate_dose(patients, rng=rng).round(N_DIGITS))


def _visits(patients: pd.DataFrame, readings: Array) -> pd.DataFrame:
    """Return a row for each reading, all of one person after another."""
    n = readings.shape[1]
    visits = patients.loc[patients.index.repeat(n)].reset_index(names="patient")
    days = np.tile(np.arange(1.0, n + 1), len(patients))
    return visits.assign(day=days, log_inr=np.log(readings).ravel().round(N_DIGITS))


def _rounds(
    rows: pd.DataFrame,
    n: int,
    features: Sequence[str],
    rng: np.random.Generator,
    outcome: str = "stable_dose",
) -> list[Round]:
    """Train a twin on every other n rows; the n rows after them were not in it."""
    starts = range(0, len(rows) - 2 * n + 1, 2 * n)
    return list(
        Parallel()(
            delayed(_train)(rows.iloc[s : s + 2 * n], n, features, stream, outcome)
            for s, stream in zip(starts, rng.spawn(len(starts)), strict=True)
        )
    )


def _train(
    rows: pd.DataFrame,
    n: int,
    features: Sequence[str],
    rng: np.random.Generator,
    outcome: str,
) -> Round:
    from sklearn.ensemble import (
        RandomForestRegressor,
    )

    # Grown until each leaf holds one person, as common software does by itself.
    forest = RandomForestRegressor(N_TREES, n_jobs=1)
    members, others = rows.iloc[:n], rows.iloc[n:]
    twin = fit_outcome_twin(
        members,
        outcome=outcome,
        features=list(features),
        estimator=forest,
        folds=0,
        rng=rng,
    )
    return twin, members, others, outcome


def _bits(
    rounds: Sequence[Round],
    rng: np.random.Generator,
    level: float,
    *,
    hear: Callable[[Any], Any] | None = None,
    threat: MembershipThreat | None = None,
    groups: str | None = None,
) -> Estimate:
    """Return the bits of one verdict over all rounds, whose people are different."""
    parts = [
        infer_membership(
            hear(twin) if hear else twin,
            members,
            others,
            outcome=outcome,
            threat=threat,
            groups=groups,
        ).targets
        for twin, members, others, outcome in rounds
    ]
    found = MembershipResult(pd.concat(parts), "loss")
    return found.bits(rng=copy.deepcopy(rng), confidence_level=level)


def _noisy(
    twin: Any, *, sd: float, rng: np.random.Generator
) -> Callable[[pd.DataFrame], Array]:
    def ask(people: pd.DataFrame) -> Array:
        noise = sd * rng.standard_normal(len(people))
        return np.asarray(twin.predict(people) + noise)

    return ask


MODEL = {
    "people": Cell(
        by_people,
        (25, 50, 100, 200, 400),
        2_000,
        "a forest that tells doses, grown until each leaf holds one person",
        increasing=False,
        shares=2,
        least=25,
    ),
    "attributes": Cell(
        by_attributes,
        (1, 2, 4, 6, 8),
        2_000,
        "what such a forest of 50 people is told of each",
        most=len(FEATURES),
    ),
    "days": Cell(
        by_days, (1, 2, 4, 8), 800, "readings of the INR of each of 50 people in it"
    ),
    "answers": Cell(
        by_answers,
        (1, 2, 4, 8, 16, 32, 64),
        2_000,
        "the same dose asked for again, each time with fresh noise of 10 mg a week",
    ),
    "decimals": Cell(
        by_decimals,
        (0, 1, 2, 3),
        2_000,
        "one dose in mg a week, told to so many digits",
    ),
}
