"""The populations that people are simulated from: groups, margins and correlations.

A group is one sex and age band. Within it every quantity is a function of a normal
score, and the scores are jointly normal with a mean that depends on race. Correlations
of scores follow from published correlations of values; the part that race explains is
taken out of them, so that the whole group has the published ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy.twins._columns import RACES
from twinprivacy.twins._margins import LogNormal, Margin, Normal, Pieces, Steps

BANDS = {"20-39": (20, 40), "40-59": (40, 60), "60+": (60, 90)}
# Published short names of what has a mean and a standard deviation.
MEASURED = {
    "height_cm": "height",
    "bmi_kg_m2": "bmi",
    "systolic_bp_mmhg": "systolic_bp",
    "diastolic_bp_mmhg": "diastolic_bp",
    "pulse_per_minute": "pulse",
    "total_cholesterol_mg_dl": "total_cholesterol",
    "hdl_mg_dl": "hdl_cholesterol",
}
FLAGS = {"diabetes": "diabetes_self_report", "current_smoker": "current_smoker"}
COUNTED = (
    "education_level",
    "sleep_hours_per_night",
    "active_days_per_week",
    "alcohol_days_per_week",
    "tv_hours_per_day",
)
# They change a warfarin dose.
DRUGS = ("amiodarone", "enzyme_inducer")
QUANTITIES = ("age_years", *MEASURED, *FLAGS, *COUNTED)
NHANES = "NHANES 2009-2012 public-use data"


@dataclass(frozen=True)
class Body:
    """Height and weight of one race and sex, and the correlation of the two."""

    height: Normal
    weight: LogNormal
    correlation: float


@dataclass(frozen=True)
class Group:
    """People of one sex and age band.

    Attributes
    ----------
    sex, age_band : str
    race_shares : numpy.ndarray
        Of all people of the population, in the order of `RACES`.
    margins : mapping of str to Margin
        By quantity, in the order of `QUANTITIES`.
    shifts : numpy.ndarray
        Mean score of each race, shape (races, quantities).
    root : numpy.ndarray
        Lower triangular root of the scores' covariance within a race.
    """

    sex: str
    age_band: str
    race_shares: Array
    margins: Mapping[str, Margin]
    shifts: Array
    root: Array


@dataclass(frozen=True)
class Population:
    """Groups, and what differs from US adults.

    Attributes
    ----------
    groups : tuple of Group
    bodies : mapping of (str, str) to Body
        By race and sex; empty where height and body-mass index are in the margins.
    drugs : mapping of str to numpy.ndarray
        Share of each race that takes a drug.
    """

    groups: tuple[Group, ...]
    bodies: Mapping[tuple[str, str], Body]
    drugs: Mapping[str, Array]


@cache
def us_adults() -> Population:
    """Return the US adults of NHANES 2009-2012."""
    margins, structure = survey_margins(), datasets.load("population_structure")
    share = margins.query("quantity == 'adult_population_share'")
    share_of = share.set_index(["sex", "age_band"])["value"] / 100
    groups = []
    for sex in ("female", "male"):
        for band in BANDS:
            races = _shares(structure, sex, band, "race").reindex(list(RACES))
            race_shares = share_of[sex, band] * (races / races.sum()).to_numpy()
            ages = _ages(structure, sex, band)
            laws = {"age_years": ages, **laws_of(margins, structure, sex, band)}
            groups.append(make_group(structure, sex, band, race_shares, laws))
    nobody = np.zeros(len(RACES))
    return Population(tuple(groups), {}, dict.fromkeys(DRUGS, nobody))


def survey_margins() -> pd.DataFrame:
    """Return the survey's own rows: later reports have other years and bands."""
    margins = datasets.load("population_margins")
    return margins[margins["source_title"].str.startswith(NHANES)]


def laws_of(
    margins: pd.DataFrame, structure: pd.DataFrame, sex: str, band: str
) -> dict[str, Margin]:
    """Return the laws of one group but for age."""
    rows = margins[(margins["sex"] == sex) & (margins["age_band"] == band)]
    value = rows.set_index(["quantity", "statistic"])["value"]
    laws: dict[str, Margin] = {}
    for name, short in MEASURED.items():
        kind = Normal if name == "height_cm" else LogNormal
        laws[name] = kind(float(value[short, "mean"]), float(value[short, "sd"]))
    for name, short in FLAGS.items():
        share = float(value[short, "prevalence"]) / 100
        laws[name] = Steps((0.0, 1.0), (1 - share, share))
    for name in COUNTED:
        shares = _shares(structure, sex, band, name)
        laws[name] = Steps(tuple(map(float, shares.index)), tuple(shares))
    return laws


def _shares(
    structure: pd.DataFrame, sex: str, band: str, quantity: str
) -> "pd.Series[float]":
    rows = structure[
        (structure["sex"] == sex)
        & (structure["age_band"] == band)
        & (structure["quantity"] == quantity)
        & (structure["statistic"] == "share")
    ]
    shares = rows.set_index("other")["value"]
    return shares if quantity == "race" else shares.rename(index=float).sort_index()


def _ages(structure: pd.DataFrame, sex: str, band: str) -> Pieces:
    rows = structure[
        (structure["sex"] == sex)
        & (structure["quantity"] == "age_years")
        & (structure["statistic"] == "share")
    ]
    starts = rows["other"].str.slice(0, 2).astype(int)
    low, high = BANDS[band]
    inside = (starts >= low) & (starts < high)
    edges = (*starts[inside].astype(float), float(high))
    return Pieces(edges, tuple(rows["value"][inside]))


def make_group(
    structure: pd.DataFrame,
    sex: str,
    band: str,
    race_shares: Array,
    laws: dict[str, Margin],
    *,
    body_by_race: bool = False,
) -> Group:
    """Turn published correlations and differences into laws of scores."""
    slopes = np.array([laws[name].slope for name in QUANTITIES])
    total = _correlations(structure, sex, band) / np.outer(slopes, slopes)
    np.fill_diagonal(total, 1.0)
    shifts = _race_differences(structure, sex) / slopes
    if body_by_race:
        # The population gives height and weight by race itself.
        shifts[:, [QUANTITIES.index("height_cm"), QUANTITIES.index("bmi_kg_m2")]] = 0
    weights = race_shares / race_shares.sum()
    shifts = shifts - weights @ shifts
    within = total - (shifts.T * weights) @ shifts
    laws = {name: laws[name] for name in QUANTITIES}
    return Group(sex, band, race_shares, laws, shifts, _root(within))


def _correlations(structure: pd.DataFrame, sex: str, band: str) -> Array:
    rows = structure[
        (structure["sex"] == sex)
        & (structure["age_band"] == band)
        & (structure["statistic"] == "correlation")
    ]
    value = rows.set_index(["quantity", "other"])["value"]
    found = np.eye(len(QUANTITIES))
    for i, j in combinations(range(len(QUANTITIES)), 2):
        pair = QUANTITIES[i], QUANTITIES[j]
        given = pair if pair in value.index else pair[::-1]
        found[i, j] = found[j, i] = value[given]
    return found


def _race_differences(structure: pd.DataFrame, sex: str) -> Array:
    rows = structure[
        (structure["sex"] == sex)
        & (structure["statistic"] == "standardised difference")
    ]
    table = rows.pivot_table(index="other", columns="quantity", values="value")
    table = table.reindex(index=list(RACES), columns=list(QUANTITIES))
    # Age has no difference here: the races' shares differ by age band instead.
    return table.fillna({"age_years": 0.0}).to_numpy(dtype=float)


def _root(covariance: Array) -> Array:
    """Return the Cholesky root after lifting eigenvalues that are not positive."""
    values, vectors = np.linalg.eigh(covariance)
    lifted = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    # Keep the variances: lifting may raise them a little.
    scale = np.sqrt(np.diag(covariance) / np.diag(lifted))
    return np.linalg.cholesky(lifted * np.outer(scale, scale))
