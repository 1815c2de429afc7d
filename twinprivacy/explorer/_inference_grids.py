"""What a twin's answer tells of a secret, by decimals and by kinds of data known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from twinprivacy._types import Array
from twinprivacy.attacks.attack_result import AttackResult
from twinprivacy.attacks.attribute_inference import infer_attribute
from twinprivacy.attacks.learned_attacker import LearnedAttacker
from twinprivacy.attacks.query_inversion import QueryInversion
from twinprivacy.attacks.threats import ThreatModel
from twinprivacy.explorer._uniqueness_grids import held_kinds
from twinprivacy.explorer.lookup import make_axis, make_table, rounded
from twinprivacy.twins.cardiovascular import outside_domain, predict_risk
from twinprivacy.twins.cohort import MODALITIES, simulate_cohort
from twinprivacy.twins.warfarin import predict_dose

# -1 is tens, 3 stands for every digit.
DECIMALS = (-1, 0, 1, 2, 3)
MODELS = ("shares", "table", "logistic")
N_DONORS = 40
DAYS_PER_WEEK = 7


@dataclass(frozen=True)
class Question:
    """Say what a twin is asked, of whom, and what an attacker wants to learn from it.

    Parameters
    ----------
    ask : callable
        People to answers.
    secret : str
    kinds : tuple of str
        Kinds of data that the twin is told.
    one_unit : float
        Change of the answer that is one unit in print.
    people : DataFrame
        Members, controls and auxiliary people, a third each.
    """

    ask: Callable[[pd.DataFrame], Array]
    secret: str
    kinds: tuple[str, ...]
    one_unit: float
    people: pd.DataFrame

    def step(self, decimals: int) -> float | None:
        """Return the precision of an answer with so many decimals."""
        every_digit = decimals == DECIMALS[-1]
        return None if every_digit else self.one_unit * 10.0**-decimals

    def known(self, mask: int) -> tuple[str, ...]:
        """Return what is known of a person's kinds of data, but for the secret."""
        kinds = held_kinds(mask, self.kinds)
        names = [name for kind in kinds for name in MODALITIES[kind]]
        return tuple(name for name in names if name != self.secret)


def questions(n_each: int, *, rng: np.random.Generator) -> Mapping[str, Question]:
    """Return the two questions of chapter 6: who smokes, and which VKORC1."""
    adult_rng, patient_rng = rng.spawn(2)
    adults = simulate_cohort(5 * n_each, rng=adult_rng)
    adults = adults[~outside_domain(adults, model="prevent_2023")]
    patients = simulate_cohort(
        3 * n_each, rng=patient_rng, population="warfarin_patients"
    )
    for gene in ("vkorc1", "cyp2c9"):
        patients[gene] = patients[gene].cat.remove_unused_categories()
    risk = partial(predict_risk, model="prevent_2023", outcome="total_cvd")
    dose = partial(predict_dose, model="iwpc_pharmacogenetic")
    told = ("demographics", "history", "laboratory")
    by_genes = ("demographics", "history", "genome")
    return {
        "smoking": Question(
            risk,
            "current_smoker",
            told,
            0.01,
            adults[: 3 * n_each].reset_index(drop=True),
        ),
        "VKORC1": Question(dose, "vkorc1", by_genes, DAYS_PER_WEEK, patients),
    }


def inference_grids(n_each: int, *, rng: np.random.Generator) -> dict[str, Any]:
    """Return gain and bits of both secrets, by kinds known and decimals."""
    people_rng, attack_rng = rng.spawn(2)
    asked = questions(n_each, rng=people_rng)
    seed = int(attack_rng.integers(2**32))
    return {name: _grid(question, seed) for name, question in asked.items()}


def _grid(question: Question, seed: int) -> dict[str, Any]:
    masks = range(2 ** len(question.kinds))
    cells = [(mask, decimals) for mask in masks for decimals in DECIMALS]
    found = Parallel()(delayed(best_attack)(question, *cell, seed) for cell in cells)
    axes = [
        make_axis("mask", masks, scale="exact"),
        make_axis("decimals", DECIMALS, scale="exact"),
    ]
    grid: dict[str, Any] = {"kinds": list(question.kinds)}
    worst = 0.0
    for measure in ("gain", "bits"):
        estimates = [getattr(result, measure) for result in found]
        for side in ("value", "low", "high"):
            flat = [getattr(estimate, side) for estimate in estimates]
            raw = np.array(flat).reshape(len(masks), len(DECIMALS))
            rising = np.array([_monotone(row) for row in raw])
            worst = max(worst, float(np.abs(rising - raw).max()))
            grid[f"{measure}_{side}"] = make_table(axes, rising)
    grid["interpolation_error"] = rounded(worst)
    grid["error_of"] = "what the fit of a monotone curve over decimals moved"
    return grid


def best_attack(
    question: Question, mask: int, decimals: int, seed: int
) -> AttackResult:
    """Run both attackers on the same people; return the better by other people."""
    n = len(question.people) // 3
    groups: dict[str, Any] = {
        name: question.people.iloc[start * n : (start + 1) * n].reset_index(drop=True)
        for start, name in enumerate(("members", "controls", "auxiliary"))
    }
    threat = ThreatModel(
        question.secret, question.known(mask), ("answer",), question.step(decimals)
    )
    attackers = (QueryInversion(N_DONORS), LearnedAttacker(models=MODELS))
    results = [
        infer_attribute(
            question.ask,
            threat=threat,
            attacker=attacker,
            models=MODELS,
            rng=np.random.default_rng(seed),
            **groups,
        )
        for attacker in attackers
    ]
    # The controls choose, so that the members' interval does not know of the choice.
    return max(results, key=lambda result: round(result.control_bits.value, 3))


def _monotone(values: Array) -> Array:
    from scipy.optimize import isotonic_regression

    return np.asarray(isotonic_regression(values).x)
