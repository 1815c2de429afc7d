"""The patients behind the IWPC dosing equations, by their published margins."""

from functools import cache

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy.people.columns import RACES
from twinprivacy.people.population import (
    BANDS,
    DRUGS,
    FLAGS,
    Body,
    LogNormal,
    Margin,
    Normal,
    Pieces,
    Population,
    Steps,
    laws_of,
    make_group,
    survey_margins,
)

# Names of the races in the cohort's tables: overall, and by race.
TABLE_1 = {
    "White": "White",
    "Black": "Black",
    "Asian": "Asian",
    "Mixed or unknown": "Mixed or missing",
}
BY_RACE = {
    "White": "White",
    "Black": "Black or African American",
    "Asian": "Asian",
    "Mixed or unknown": "Unknown",
}
DERIVATION = "derivation (n=4043)"


@cache
def warfarin_patients() -> Population:
    """Return the adults of 20 and older of the IWPC cohort.

    Age, race, sex by race, body size by race and sex, drugs by race, diabetes and
    smoking are the cohort's own; the rest is that of US adults of the same sex and age.
    """
    cohort, margins = datasets.load("warfarin_cohort_margins"), survey_margins()
    structure = datasets.load("population_structure")
    decades, races = _decades(cohort), _race_shares(cohort)
    men = _by_race(cohort, "male", "percent") / 100
    weights = {
        (sex, band): float(
            (races * (men if sex == "male" else 1 - men)).sum()
            * decades[(decades.index >= low) & (decades.index < high)].sum()
        )
        for sex in ("female", "male")
        for band, (low, high) in BANDS.items()
    }
    laws = {key: laws_of(margins, structure, *key) for key in weights}
    for name in FLAGS:
        _match_share(laws, weights, name, _percent_known(cohort, name) / 100)
    groups = []
    for (sex, band), of_group in laws.items():
        of_group["age_years"] = _ages(decades, band)
        of_sex = races * (men if sex == "male" else 1 - men)
        shares = of_sex / of_sex.sum() * weights[sex, band]
        groups.append(
            make_group(structure, sex, band, shares, of_group, body_by_race=True)
        )
    drugs = {name: _by_race(cohort, name, "percent") / 100 for name in DRUGS}
    return Population(tuple(groups), _bodies(cohort), drugs)


def _decades(cohort: pd.DataFrame) -> "pd.Series[float]":
    """Return the share of each decade of age from 20 on, by its first year."""
    rows = cohort[
        (cohort["scope"] == DERIVATION)
        & (cohort["variable"] == "age")
        & (cohort["statistic"] == "count")
    ]
    counts = rows.set_index(rows["category"].str.slice(0, 2).astype(int))["value"]
    return counts[counts.index >= 20] / counts[counts.index >= 20].sum()


def _ages(decades: "pd.Series[float]", band: str) -> Pieces:
    low, high = BANDS[band]
    if band == "60+":
        high = 100
    inside = decades[(decades.index >= low) & (decades.index < high)]
    return Pieces((*map(float, inside.index), float(high)), tuple(inside))


def _race_shares(cohort: pd.DataFrame) -> Array:
    rows = cohort[
        (cohort["scope"] == DERIVATION)
        & (cohort["variable"] == "race")
        & (cohort["statistic"] == "count")
    ]
    counts = rows.set_index("category")["value"]
    found = np.array([counts[TABLE_1[r]] if r in TABLE_1 else 0.0 for r in RACES])
    return np.asarray(found / found.sum())


def _by_race(cohort: pd.DataFrame, variable: str, statistic: str) -> Array:
    """Return one value for each race, 0 for those that the cohort does not tell."""
    rows = cohort[(cohort["variable"] == variable) & (cohort["statistic"] == statistic)]
    value = rows.set_index("scope")["value"]
    return np.array(
        [value[f"by race: {BY_RACE[r]}"] if r in BY_RACE else 0.0 for r in RACES]
    )


def _percent_known(cohort: pd.DataFrame, name: str) -> float:
    """Return the percentage among those for whom a flag is known."""
    rows = cohort[cohort["variable"].str.startswith(f"{name} (known")]
    return float(rows["value"].item())


def _match_share(
    laws: dict[tuple[str, str], dict[str, Margin]],
    weights: dict[tuple[str, str], float],
    name: str,
    share: float,
) -> None:
    """Shift the scores of a flag in all groups alike, so that its total share fits."""
    given = {key: float(laws[key][name].shares[1]) for key in laws}  # type: ignore[attr-defined]
    total = sum(weights.values())

    def excess(shift: float) -> float:
        shares = {key: norm.cdf(norm.ppf(p) + shift) for key, p in given.items()}
        return float(sum(weights[key] * p for key, p in shares.items()) / total - share)

    shift = brentq(excess, -5, 5)
    for key, p in given.items():
        moved = float(norm.cdf(norm.ppf(p) + shift))
        laws[key][name] = Steps((0.0, 1.0), (1 - moved, moved))


def _bodies(cohort: pd.DataFrame) -> dict[tuple[str, str], Body]:
    value = cohort.set_index(["scope", "variable"])["value"]
    found = {}
    for race, name in BY_RACE.items():
        for sex in ("female", "male"):
            of = value.loc[f"by race and sex: {name} / {sex}"]
            found[race, sex] = Body(
                Normal(float(of["height_mean"]), float(of["height_sd"])),
                LogNormal(float(of["weight_mean"]), float(of["weight_sd"])),
                float(of["height_weight_correlation"]),
            )
    return found
