"""Compute the grids of the book's page "Your programme" and write them."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

import twinprivacy
from twinprivacy._types import Array
from twinprivacy._validation import check_rng
from twinprivacy.attacks.inference.attribute_inference import infer_attribute
from twinprivacy.attacks.inference.learned_attacker import LearnedAttacker
from twinprivacy.attacks.inference.query_inversion import QueryInversion
from twinprivacy.attacks.inference.result import AttackResult
from twinprivacy.attacks.inference.threats import ThreatModel
from twinprivacy.attacks.uniqueness.anonymity import anonymity_sets
from twinprivacy.errors import DataError
from twinprivacy.explorer.interpolation import look_up, make_axis, make_table, rounded
from twinprivacy.explorer.linkage import DAYS, linkage_grids
from twinprivacy.explorer.losses import MOST_PEOPLE, RATES, loss_grids, stated_rates
from twinprivacy.people.cohort import MODALITIES, simulate_cohort
from twinprivacy.twins.cardiovascular import outside_domain, predict_risk
from twinprivacy.twins.warfarin.dose import predict_dose

__all__ = [
    "compute_grids",
    "main",
    "read_grids",
    "write_grids",
]


SEED = 20_261_129
N_PEOPLE_ATTACKED = 2_000
FEWEST_PEOPLE = 100
LEAST_EXPOSED = 0.01


def compute_grids(*, rng: np.random.Generator) -> dict[str, Any]:
    """Compute every table that the page looks up.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    dict
        Tables of loss, uniqueness, inference and linkage, each part with its
        `interpolation_error` on points that are no points of its axes; ranges of the
        sliders, the stated rates and the version of the package. Ready for JSON.

    Raises
    ------
    ParameterError
        If `rng` is not a generator.

    Notes
    -----
    Some two minutes on two cores. Work goes through joblib: set its backend around it.
    """
    check_rng(rng)
    loss_rng, unique_rng, inference_rng, linkage_rng = rng.spawn(4)
    return {
        "version": twinprivacy.__version__,
        "confidence_level": 0.95,
        "ranges": {
            "people": [FEWEST_PEOPLE, MOST_PEOPLE],
            "days": [DAYS[0], DAYS[-1]],
            "decimals": list(DECIMALS),
            "widths": list(_WIDTHS),
            "rate": [RATES[0], RATES[-1]],
            "exposed": [LEAST_EXPOSED, 1.0],
        },
        "kinds": list(_KINDS),
        "rates": {name: rounded(rate) for name, rate in stated_rates().items()},
        "loss": loss_grids(rng=loss_rng),
        "uniqueness": _uniqueness_grids(rng=unique_rng),
        "inference": _inference_grids(N_PEOPLE_ATTACKED, rng=inference_rng),
        "linkage": linkage_grids(rng=linkage_rng),
    }


def write_grids(path: str | Path, *, seed: int = SEED, n_jobs: int = 2) -> None:
    """Compute the grids and write them as JSON, on two cores unless told otherwise."""
    from joblib import parallel_config

    with parallel_config(n_jobs=n_jobs):
        grids = compute_grids(rng=np.random.default_rng(seed))
    text = json.dumps({"seed": seed, **grids}, separators=(",", ":"))
    Path(path).write_text(text + "\n", encoding="utf-8")


def read_grids(path: str | Path) -> dict[str, Any]:
    """Read what `write_grids` wrote.

    Raises
    ------
    DataError
        If there is no such file, or it holds no grids.
    """
    try:
        grids = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise DataError(
            f"path must name the grids that write_grids wrote; got {path}: {error}"
        ) from error
    if not isinstance(grids, dict) or "uniqueness" not in grids:
        raise DataError(f"path must name the grids that write_grids wrote; got {path}")
    return grids


def main(arguments: list[str] | None = None) -> None:
    """Write the grids to the path that is given as the only argument."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1:
        raise SystemExit("usage: python -m twinprivacy.explorer.grids PATH")
    write_grids(given[0])


# -1 is tens, 3 stands for every digit.
DECIMALS = (-1, 0, 1, 2, 3)
_MODELS = ("shares", "table", "logistic")
_N_DONORS = 40
_DAYS_PER_WEEK = 7


@dataclass(frozen=True)
class _Question:
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
        kinds = _held_kinds(mask, self.kinds)
        names = [name for kind in kinds for name in MODALITIES[kind]]
        return tuple(name for name in names if name != self.secret)


def questions(n_each: int, *, rng: np.random.Generator) -> Mapping[str, _Question]:
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
        "smoking": _Question(
            risk,
            "current_smoker",
            told,
            0.01,
            adults[: 3 * n_each].reset_index(drop=True),
        ),
        "VKORC1": _Question(dose, "vkorc1", by_genes, _DAYS_PER_WEEK, patients),
    }


def _inference_grids(n_each: int, *, rng: np.random.Generator) -> dict[str, Any]:
    """Return gain and bits of both secrets, by kinds known and decimals."""
    people_rng, attack_rng = rng.spawn(2)
    asked = questions(n_each, rng=people_rng)
    seed = int(attack_rng.integers(2**32))
    return {name: _grid(question, seed) for name, question in asked.items()}


def _grid(question: _Question, seed: int) -> dict[str, Any]:
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
    question: _Question, mask: int, decimals: int, seed: int
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
    attackers = (QueryInversion(_N_DONORS), LearnedAttacker(models=_MODELS))
    results = [
        infer_attribute(
            question.ask,
            threat=threat,
            attacker=attacker,
            models=_MODELS,
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


_KINDS = tuple(MODALITIES)
# Each width is a multiple of the one before, so that wider bands never tell more.
_WIDTHS = (1, 5, 10, 20)
_N_PEOPLE = 1_000_000
_SIZES = tuple(round(10 ** (quarter / 4)) for quarter in range(8, 25))
_HELD_OUT_SIZES = (135, 2_400, 20_000, 237_000)
# Told in bands; days, hours and numbers of alleles are few as they are.
BANDED = (
    "age_years",
    "height_cm",
    "weight_kg",
    "systolic_bp_mmhg",
    "diastolic_bp_mmhg",
    "pulse_per_minute",
    "total_cholesterol_mg_dl",
    "hdl_mg_dl",
    "egfr_ml_min",
)
_MOST_STORES = 10


def _held_kinds(mask: int, kinds: tuple[str, ...] = _KINDS) -> tuple[str, ...]:
    """Return the kinds of data whose bits are set."""
    return tuple(kind for bit, kind in enumerate(kinds) if mask >> bit & 1)


def kind_codes(people: pd.DataFrame, width: int) -> pd.DataFrame:
    """Return a column for each kind: a number for each look of its attributes."""
    banded = people.assign(**(people[[*BANDED]] // width).astype("int16"))
    looks: Mapping[str, pd.Series] = {
        kind: banded.groupby([*names], observed=True, sort=False).ngroup()
        for kind, names in MODALITIES.items()
    }
    return pd.DataFrame(looks).astype("int32")


def whole_numbers(people: pd.DataFrame) -> pd.DataFrame:
    """Round height and weight as people know them."""
    body = ["height_cm", "weight_kg"]
    return people.assign(**people[body].round())


def _uniqueness_grids(*, rng: np.random.Generator) -> dict[str, Any]:
    """Return the share of people who are unique, with its interval."""
    people = whole_numbers(simulate_cohort(_N_PEOPLE, rng=rng))
    masks = range(1, 2 ** len(_KINDS))
    shares = np.zeros((len(masks) + 1, len(_WIDTHS), len(_SIZES), 3))
    checked = np.zeros((len(masks) + 1, len(_WIDTHS), len(_HELD_OUT_SIZES), 3))
    for place, width in enumerate(_WIDTHS):
        codes = kind_codes(people, width)
        found = Parallel()(delayed(_shares)(codes, mask) for mask in masks)
        for mask, (at_sizes, at_others) in zip(masks, found, strict=True):
            shares[mask, place], checked[mask, place] = at_sizes, at_others
    axes = [
        make_axis("mask", range(2 ** len(_KINDS)), scale="exact"),
        make_axis("width", _WIDTHS, scale="exact"),
        make_axis("people", _SIZES, scale="log"),
    ]
    tables = {
        name: make_table(axes, shares[..., side])
        for side, name in enumerate(("value", "low", "high"))
    }
    return {
        **tables,
        "kinds": list(_KINDS),
        "counted_up_to": _N_PEOPLE,
        "interpolation_error": rounded(_error(tables, checked)),
        "error_of": "share of people",
    }


def _shares(codes: pd.DataFrame, mask: int) -> tuple[Array, Array]:
    known = list(_held_kinds(mask))
    at = {n: mean_share(codes, known, n) for n in (*_SIZES, *_HELD_OUT_SIZES)}
    return np.array([at[n] for n in _SIZES]), np.array([at[n] for n in _HELD_OUT_SIZES])


def mean_share(codes: pd.DataFrame, known: list[str], n_people: int) -> Array:
    """Return share unique, low and high, each a mean over up to ten stores."""
    n_stores = min(_MOST_STORES, len(codes) // n_people)
    found = []
    for store in range(n_stores):
        part = codes.iloc[store * n_people : (store + 1) * n_people]
        estimate = anonymity_sets(part, known).share_interval()
        found.append((estimate.value, estimate.low, estimate.high))
    mean: Array = np.asarray(found, dtype=float).mean(axis=0)
    return mean


def _error(tables: dict[str, Any], checked: Array) -> float:
    """Return the largest error of a share between sizes, interval included."""
    worst = 0.0
    for (mask, place, size, side), truth in np.ndenumerate(checked):
        table = tables[("value", "low", "high")[side]]
        at = {"width": _WIDTHS[place], "people": _HELD_OUT_SIZES[size]}
        if mask:
            worst = max(worst, abs(look_up(table, mask=mask, **at) - truth))
    return worst


if __name__ == "__main__":
    main()
