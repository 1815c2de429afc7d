"""The trace: whose it is, in bits by which the named stretch of record finds it."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.attacks.linkage.scored import link_by_likelihood
from twinprivacy.attacks.uniqueness.anonymity import anonymity_sets
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.studies.surfaces.answers import (
    MEASUREMENT_RANGE,
    Cell,
    Measure,
    means,
    step_of,
)
from twinprivacy.studies.surfaces.record import identity_bits
from twinprivacy.twins.glucose.days import prescribe, simulate_days
from twinprivacy.twins.glucose.features import trace_features
from twinprivacy.twins.glucose.inputs import READINGS_PER_DAY
from twinprivacy.twins.glucose.model import drift, sample_patients

# Half of them are the named ones among whom a trace is sought.
N_PEOPLE = 200
DAYS, DRIFT_SD = 14, 0.2
LEAST_MG_DL = 40.0
N_FEATURES, N_PARTS = 33, 7


@dataclass(frozen=True, eq=False, repr=False)
class Stretches:
    """Hold everyone's readings in mg/dL over two stretches, shape (n, times)."""

    named: Array
    nameless: Array

    @cached_property
    def features(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the features of both whole stretches."""
        return _features(self)


def simulate_stretches(n_people: int, rng: np.random.Generator) -> Stretches:
    """Simulate two weeks of sensor readings twice, the body drifting in between."""
    people_rng, named_rng, drift_rng, nameless_rng = rng.spawn(4)
    people = sample_patients(n_people, rng=people_rng)
    people = prescribe(people, rng=people_rng)
    later = drift(people, sd=DRIFT_SD, rng=drift_rng)
    named, nameless = (
        simulate_days(who, days=DAYS, rng=stream, n_jobs=1).cgm_mg_dl
        for who, stream in ((people, named_rng), (later, nameless_rng))
    )
    return Stretches(named, nameless)


def by_people(
    volumes: Sequence[int], lives: Stretches, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits among so many named people; as many taught the attacker."""
    named, nameless = lives.features
    sizes = (2 * n for n in volumes)
    return [_link(named.head(n), nameless.head(n), rng, level) for n in sizes]


def by_attributes(
    volumes: Sequence[int], lives: Stretches, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits of so many features of the trace."""
    named, nameless = lives.features
    # One from each part of the list before a second of any.
    names = [name for start in range(N_PARTS) for name in list(named)[start::N_PARTS]]
    chosen = (names[:n] for n in volumes)
    return [_link(named[some], nameless[some], rng, level) for some in chosen]


def by_days(
    volumes: Sequence[int], lives: Stretches, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits of the first so many days of each stretch."""
    found = []
    for n in volumes:
        times = n * READINGS_PER_DAY
        whole = times == lives.named.shape[1]
        tables = lives.features if whole else _features(lives, times=times)
        found.append(_link(*tables, rng, level))
    return found


def by_answers(
    volumes: Sequence[int], lives: Stretches, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits of so many readings heard of the very trace that leaked."""
    times = rng.choice(lives.named.shape[1], size=max(volumes), replace=False)
    step = step_of(1, MEASUREMENT_RANGE)
    heard = pd.DataFrame(np.round(lives.named[:, times] / step))
    sets = (anonymity_sets(heard, [*heard.columns[:n]]) for n in volumes)
    return means([identity_bits(one, n_people=len(heard)) for one in sets], level)


def by_decimals(
    volumes: Sequence[int], lives: Stretches, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return the bits of traces of which so many digits are kept."""
    steps = (step_of(digits, MEASUREMENT_RANGE) for digits in volumes)
    return [_link(*_features(lives, step=step), rng, level) for step in steps]


def _features(
    lives: Stretches, *, times: int | None = None, step: float | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    named, nameless = (
        trace_features(_held(readings[:, :times], step))
        for readings in (lives.named, lives.nameless)
    )
    return named, nameless


def _held(readings: Array, step: float | None) -> Array:
    if step is None:
        return readings
    # A sensor shows nothing below its least reading.
    return np.maximum(np.round(readings / step) * step, LEAST_MG_DL)


def _link(
    named: pd.DataFrame,
    nameless: pd.DataFrame,
    rng: np.random.Generator,
    level: float,
) -> Estimate:
    """Link by the same cut in halves at every volume."""
    cut = copy.deepcopy(rng)
    return link_by_likelihood(named, nameless, rng=cut).bits(confidence_level=level)


def _cell(measure: Measure, volumes: tuple[int, ...], note: str, **limits: Any) -> Cell:
    return Cell(measure, volumes, N_PEOPLE, note, simulate=simulate_stretches, **limits)


TRACE = {
    "people": _cell(
        by_people,
        (10, 30, 100),
        "two weeks of glucose sought among so many named ones; a larger gallery takes "
        "more bits to name somebody in it",
        shares=2,
    ),
    "attributes": _cell(
        by_attributes,
        (1, 2, 4, 8, 16, 33),
        "features of the trace, among 100 people",
        most=N_FEATURES,
    ),
    "days": _cell(
        by_days, (1, 2, 4, 7, 14), "days of glucose, among 100 people", most=DAYS
    ),
    "answers": _cell(
        by_answers,
        (1, 2, 4, 8, 16),
        "readings of the very trace that leaked, known to 10 mg/dL, among 200 people",
        most=DAYS * READINGS_PER_DAY,
    ),
    "decimals": _cell(
        by_decimals, (0, 1, 2), "readings in mg/dL of so many digits, among 100 people"
    ),
}
