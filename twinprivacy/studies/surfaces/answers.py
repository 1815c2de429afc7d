"""The answers: what they say of the VKORC1 genotype, in bits beyond the chart.

Where the law of secret and answer is known the attacker is given it, so that no other
attacker finds more on average.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy.attacks.inference.attribute_inference import infer_attribute
from twinprivacy.attacks.inference.bayes_inversion import ask_each, invert
from twinprivacy.attacks.inference.learned_attacker import LearnedAttacker
from twinprivacy.attacks.inference.priors import warfarin_prior
from twinprivacy.attacks.inference.residuals import (
    Exact,
    LogNormalResidual,
    NormalResidual,
    Residual,
)
from twinprivacy.attacks.inference.threats import ThreatModel
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import mean_interval
from twinprivacy.people.cohort import simulate_cohort
from twinprivacy.twins.outcome.twin import fit_outcome_twin
from twinprivacy.twins.warfarin.dose import (
    GENOTYPE_PAIRS,
    dose_matrix,
    predict_dose,
    simulate_dose,
)
from twinprivacy.twins.warfarin.inr import inr_on_days

__all__ = ["AXES"]


MODEL = "iwpc_pharmacogenetic"
_CHART = ("race", "age_years", "weight_kg", "height_cm", "amiodarone", "enzyme_inducer")
_TOLD = ("age_years", "height_cm", "weight_kg", "race", "vkorc1", "cyp2c9")
PAIRS = pd.DataFrame(GENOTYPE_PAIRS, columns=["vkorc1", "cyp2c9"])
DOSE_RANGE_MG_PER_WEEK = 100.0
# A tenth of the range of doses: one answer hardly tells, many do.
NOISE_SD_MG_PER_WEEK = DOSE_RANGE_MG_PER_WEEK / 10
_DAILY_DOSE_MG = 5.0
_N_OTHERS = 1_500


def by_people(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return what stable doses tell of those who trained a twin of so many people."""
    patients = warfarin_patients(n_people, rng)
    patients["root_dose"] = np.sqrt(simulate_dose(patients, rng=rng))
    found = []
    for n, child in zip(volumes, rng.spawn(len(volumes)), strict=True):
        starts = range(0, n_people - n + 1, n)
        streams = zip(starts, child.spawn(len(starts)), strict=True)
        bits = [_own_twin(patients.iloc[s : s + n], stream) for s, stream in streams]
        found.append(clustered_mean(np.concatenate(bits), n, level))
    return found


def by_attributes(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return what the twin's dose tells one who knows so many columns of the chart."""
    patients = warfarin_patients(2 * n_people + _N_OTHERS, rng)
    attack = partial(
        infer_attribute,
        partial(predict_dose, model=MODEL),
        members=patients[:n_people],
        controls=patients[n_people : 2 * n_people],
        auxiliary=patients[2 * n_people :],
        attacker=LearnedAttacker(models=("logistic",)),
        models=("logistic",),
        confidence_level=level,
    )
    threats = (ThreatModel("vkorc1", _CHART[:n], ("dose",), 7.0) for n in volumes)
    return [attack(threat=t, rng=copy.deepcopy(rng)).bits for t in threats]


def by_days(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return what daily readings of the INR on one dose tell."""
    patients = warfarin_patients(n_people, rng)
    days = range(1, max(volumes) + 1)
    readings = inr_readings(patients, days, rng)
    ask = partial(inr_on_days, daily_dose_mg=_DAILY_DOSE_MG, days=days)
    expected = ask_each(patients, ask=ask, candidates=PAIRS, n_answers=len(days))
    prior = warfarin_prior(patients, use_race=True)
    residual, belief, samples = LogNormalResidual(_inr_sd()), prior, []
    for day in days:
        belief = _update(
            readings[:, day - 1], expected[:, :, day - 1], belief, residual
        )
        if day in volumes:
            samples.append(_gain(patients, belief, prior, ("vkorc1",)))
    return means(samples, level)


def by_answers(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return what the twin's dose tells, asked for so often, with fresh noise."""
    return means(invert_repeated(volumes, n_people, rng, secret=("vkorc1",)), level)


def by_decimals(
    volumes: Sequence[int], n_people: int, rng: np.random.Generator, level: float
) -> list[Estimate]:
    """Return what the twin's dose tells, with so many digits."""
    patients = warfarin_patients(n_people, rng)
    expected = dose_matrix(patients, model=MODEL)
    exact = predict_dose(patients, model=MODEL)
    prior = warfarin_prior(patients, use_race=True)
    samples = []
    for digits in volumes:
        step = step_of(digits, DOSE_RANGE_MG_PER_WEEK)
        heard = np.round(exact / step) * step
        belief = invert(heard, expected, prior, residual=Exact(), precision=step)
        samples.append(_gain(patients, belief, prior, ("vkorc1",)))
    return means(samples, level)


def warfarin_patients(n_people: int, rng: np.random.Generator) -> pd.DataFrame:
    """Simulate patients whose genotypes are all known."""
    patients = simulate_cohort(n_people, rng=rng, population="warfarin_patients")
    for gene in PAIRS:
        # All genotypes, since a rare one may be absent, and nothing that is none.
        known = patients[gene].cat.categories.intersection([*PAIRS[gene]], sort=False)
        patients[gene] = patients[gene].cat.set_categories(known)
    return patients


def inr_readings(
    patients: pd.DataFrame, days: Sequence[int], rng: np.random.Generator
) -> Array:
    """Return measured INRs on 5 mg a day, shape (n, days)."""
    course = inr_on_days(patients, _DAILY_DOSE_MG, days=list(days))
    return np.asarray(course * np.exp(_inr_sd() * rng.standard_normal(course.shape)))


def invert_repeated(
    volumes: Sequence[int],
    n_people: int,
    rng: np.random.Generator,
    *,
    secret: tuple[str, ...],
) -> list[Array]:
    """Return the bits about genotypes from a dose that is repeated with fresh noise."""
    patients = warfarin_patients(n_people, rng)
    expected = dose_matrix(patients, model=MODEL)
    exact = predict_dose(patients, model=MODEL)[:, np.newaxis]
    noise = NOISE_SD_MG_PER_WEEK * rng.standard_normal((n_people, max(volumes)))
    prior = warfarin_prior(patients, use_race=True)
    samples = []
    for n in volumes:
        # The mean of n answers says all that they do.
        heard = (exact + noise[:, :n]).mean(axis=1)
        sd = float(NOISE_SD_MG_PER_WEEK / np.sqrt(n))
        belief = invert(heard, expected, prior, residual=Exact(), noise_sd=sd)
        samples.append(_gain(patients, belief, prior, secret))
    return samples


def _own_twin(patients: pd.DataFrame, rng: np.random.Generator) -> Array:
    """Train a dose twin, and invert it on the stable doses of its own patients."""
    twin = fit_outcome_twin(
        patients, outcome="root_dose", features=_TOLD, folds=0, rng=rng
    )
    left = patients["root_dose"].to_numpy() - twin.in_sample
    spread = NormalResidual(float(np.sqrt(np.mean(left**2))))
    expected = ask_each(patients, ask=twin.predict, candidates=_candidates(patients))
    prior = warfarin_prior(patients, use_race=True)
    belief = _update(patients["root_dose"].to_numpy(), expected[:, :, 0], prior, spread)
    return _gain(patients, belief, prior, ("vkorc1",))


def _candidates(patients: pd.DataFrame) -> pd.DataFrame:
    return PAIRS.astype(patients[list(PAIRS)].dtypes)


def _update(answers: Array, expected: Array, belief: Array, law: Residual) -> Array:
    return invert(
        answers, expected, belief / belief.sum(1, keepdims=True), residual=law
    )


def _gain(
    patients: pd.DataFrame, belief: Array, prior: Array, secret: tuple[str, ...]
) -> Array:
    """Return log2 of how much likelier the true genotypes have become."""
    candidates = PAIRS[list(secret)].to_numpy()
    true = patients[list(secret)].astype(str).to_numpy()
    same = (candidates[None] == true[:, None]).all(axis=2)
    return np.asarray(np.log2((belief * same).sum(1)) - np.log2((prior * same).sum(1)))


@cache
def _inr_sd() -> float:
    facts = datasets.load("warfarin_pkpd_parameters").set_index(["model", "parameter"])
    return float(facts["value"]["hamberg_2010", "residual_INR"])


Measure = Callable[[Sequence[int], Any, np.random.Generator, float], list[Estimate]]


@dataclass(frozen=True)
class Cell:
    """State how one surface is measured along one axis.

    Attributes
    ----------
    measure : callable
        ``measure(volumes, people, rng, confidence_level)`` returns an Estimate in bits
        per person for each volume; `people` is their number, or what `simulate` made.
    volumes : tuple of int
        In increasing order.
    n_people : int
        People simulated, unless the volumes say so.
    increasing : bool
        Whether the curve through the volumes rises.
    note : str
        What grows along the axis, and what does not.
    extrapolates : str
        Whether the law was tested beyond the range measured.
    least, most : int
        Smallest and largest volume that can be measured; no largest by default.
    shares : int, optional
        Volumes of people are at most the people simulated over this.
    simulate : callable, optional
        ``simulate(n_people, rng)`` makes what several cells share.
    """

    measure: Measure
    volumes: tuple[int, ...]
    n_people: int
    note: str
    increasing: bool = True
    extrapolates: str = "not tested beyond the range"
    least: int = 0
    most: int | None = None
    shares: int | None = None
    simulate: Callable[[int, np.random.Generator], Any] | None = None

    def check_volumes(self, volumes: Sequence[int], n_people: int, name: str) -> None:
        """Refuse volumes that cannot be measured."""
        if volumes[0] < self.least:
            raise ParameterError(
                f"volumes of {name} must be {self.least} or more; got {volumes[0]}"
            )
        most = n_people // self.shares if self.shares else self.most
        if most is not None and max(volumes) > most:
            raise ParameterError(
                f"volumes of {name} must be at most {most}; got {max(volumes)}"
            )


ANSWERS = {
    "people": Cell(
        by_people,
        (50, 100, 200, 400, 800),
        2_400,
        "those who trained the twin, from their stable dose; what is left with many "
        "people is true of anyone",
        increasing=False,
        shares=2,
        least=25,
    ),
    "attributes": Cell(
        by_attributes,
        (1, 2, 3, 4, 6),
        1_000,
        "columns of the chart that the attacker knows, race first; the dose is told to "
        "1 mg a day",
        most=len(_CHART),
    ),
    "days": Cell(
        by_days, (1, 2, 4, 7, 14, 28), 3_000, "daily readings of the INR on one dose"
    ),
    "answers": Cell(
        by_answers,
        (1, 2, 4, 8, 16, 32, 64),
        3_000,
        "the same dose asked for again, each time with fresh noise of 10 mg a week",
    ),
    "decimals": Cell(
        by_decimals,
        (0, 1, 2, 3),
        3_000,
        "one dose in mg a week, told to so many digits",
    ),
}

# Axis: what its numbers count, and the scale between them.
AXES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "people": ("people", "log"),
        "attributes": ("attributes", "linear"),
        "days": ("days of record", "log"),
        "answers": ("answers", "log"),
        "decimals": ("digits kept", "linear"),
    }
)
# A digit divides these by ten: years, centimetres, kilograms, mmHg and mg/dL alike.
MEASUREMENT_RANGE = 100.0
INR_RANGE = 10.0


def step_of(digits: int, whole: float) -> float:
    """Return the step of values of which so many digits are kept, of a whole range.

    Examples
    --------
    >>> step_of(1, 100.0), step_of(2, 100.0)
    (10.0, 1.0)
    """
    return float(whole / 10.0**digits)


def means(samples: Sequence[Array], confidence_level: float) -> list[Estimate]:
    """Return the mean over people and its interval, for each volume."""
    return [mean_interval(one, confidence_level=confidence_level) for one in samples]


def clustered_mean(bits: Array, size: int, confidence_level: float) -> Estimate:
    """Return the mean over people of whom each so many share a store or a twin.

    Whole stores or twins are sampled; n is the number of people.

    Examples
    --------
    >>> clustered_mean(np.array([1.0, 3.0, 2.0, 4.0]), 2, 0.95)
    Estimate(value=2.5, low=-3.85, high=8.85, confidence_level=0.95, n=4)
    """
    groups = np.arange(len(bits)) // size
    found = mean_interval(bits, groups=groups, confidence_level=confidence_level)
    return replace(found, n=len(bits))
