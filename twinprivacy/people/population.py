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
from typing import Protocol

import numpy as np
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy.people.columns import RACES

BANDS = {"20-39": (20, 40), "40-59": (40, 60), "60+": (60, 90)}
# Published short names of what has a mean and a standard deviation.
_MEASURED = {
    "height_cm": "height",
    "bmi_kg_m2": "bmi",
    "systolic_bp_mmhg": "systolic_bp",
    "diastolic_bp_mmhg": "diastolic_bp",
    "pulse_per_minute": "pulse",
    "total_cholesterol_mg_dl": "total_cholesterol",
    "hdl_mg_dl": "hdl_cholesterol",
}
FLAGS = {"diabetes": "diabetes_self_report", "current_smoker": "current_smoker"}
_COUNTED = (
    "education_level",
    "sleep_hours_per_night",
    "active_days_per_week",
    "alcohol_days_per_week",
    "tv_hours_per_day",
)
# They change a warfarin dose.
DRUGS = ("amiodarone", "enzyme_inducer")
_QUANTITIES = ("age_years", *_MEASURED, *FLAGS, *_COUNTED)
_NHANES = "NHANES 2009-2012 public-use data"


@dataclass(frozen=True)
class Normal:
    """Normal law with a mean and a standard deviation."""

    mean: float
    sd: float
    slope: float = 1.0

    def value(self, score: Array) -> Array:
        """Return mean + sd score."""
        return self.mean + self.sd * score


@dataclass(frozen=True)
class LogNormal:
    """Log-normal law with a given mean and standard deviation of the value itself."""

    mean: float
    sd: float

    @property
    def log_sd(self) -> float:
        """Return the standard deviation of the logarithm."""
        return float(np.sqrt(np.log1p((self.sd / self.mean) ** 2)))

    @property
    def slope(self) -> float:
        """Return log_sd over the coefficient of variation."""
        return self.log_sd * self.mean / self.sd

    def value(self, score: Array) -> Array:
        """Return exp(mu + log_sd score)."""
        log_mean = np.log(self.mean) - self.log_sd**2 / 2
        return np.asarray(np.exp(log_mean + self.log_sd * score))


@dataclass(frozen=True)
class Body:
    """Height and weight of one race and sex, and the correlation of the two."""

    height: Normal
    weight: LogNormal
    correlation: float


class Margin(Protocol):
    """A law that turns normal scores into values."""

    def value(self, score: Array) -> Array:
        """Return the values at given normal scores, rising with them."""
        ...

    @property
    def slope(self) -> float:
        """Return the correlation of a value with its own normal score.

        Two values whose scores correlate by rho correlate by rho times both slopes, to
        the first order of a Hermite expansion.
        """
        ...


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
    return margins[margins["source_title"].str.startswith(_NHANES)]


def laws_of(
    margins: pd.DataFrame, structure: pd.DataFrame, sex: str, band: str
) -> dict[str, Margin]:
    """Return the laws of one group but for age."""
    rows = margins[(margins["sex"] == sex) & (margins["age_band"] == band)]
    value = rows.set_index(["quantity", "statistic"])["value"]
    laws: dict[str, Margin] = {}
    for name, short in _MEASURED.items():
        kind = Normal if name == "height_cm" else LogNormal
        laws[name] = kind(float(value[short, "mean"]), float(value[short, "sd"]))
    for name, short in FLAGS.items():
        share = float(value[short, "prevalence"]) / 100
        laws[name] = Steps((0.0, 1.0), (1 - share, share))
    for name in _COUNTED:
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


@dataclass(frozen=True)
class Pieces:
    """Uniform within pieces that have shares, such as five years of age."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]

    @property
    def slope(self) -> float:
        """Return the correlation with the score, on a fine grid of probabilities."""
        from scipy.stats import norm

        score = norm.ppf((np.arange(4_000) + 0.5) / 4_000)
        return float(np.corrcoef(score, self.value(score))[0, 1])

    def value(self, score: Array) -> Array:
        """Return the quantile at the probability of each score."""
        from scipy.special import ndtr

        below = np.concatenate([[0.0], np.cumsum(self.shares)]) / np.sum(self.shares)
        return np.interp(ndtr(score), below, self.edges)


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
    slopes = np.array([laws[name].slope for name in _QUANTITIES])
    total = _correlations(structure, sex, band) / np.outer(slopes, slopes)
    np.fill_diagonal(total, 1.0)
    shifts = _race_differences(structure, sex) / slopes
    if body_by_race:
        # The population gives height and weight by race itself.
        shifts[:, [_QUANTITIES.index("height_cm"), _QUANTITIES.index("bmi_kg_m2")]] = 0
    weights = race_shares / race_shares.sum()
    shifts = shifts - weights @ shifts
    within = total - (shifts.T * weights) @ shifts
    laws = {name: laws[name] for name in _QUANTITIES}
    return Group(sex, band, race_shares, laws, shifts, _root(within))


def _correlations(structure: pd.DataFrame, sex: str, band: str) -> Array:
    rows = structure[
        (structure["sex"] == sex)
        & (structure["age_band"] == band)
        & (structure["statistic"] == "correlation")
    ]
    value = rows.set_index(["quantity", "other"])["value"]
    found = np.eye(len(_QUANTITIES))
    for i, j in combinations(range(len(_QUANTITIES)), 2):
        pair = _QUANTITIES[i], _QUANTITIES[j]
        given = pair if pair in value.index else pair[::-1]
        found[i, j] = found[j, i] = value[given]
    return found


def _race_differences(structure: pd.DataFrame, sex: str) -> Array:
    rows = structure[
        (structure["sex"] == sex)
        & (structure["statistic"] == "standardised difference")
    ]
    table = rows.pivot_table(index="other", columns="quantity", values="value")
    table = table.reindex(index=list(RACES), columns=list(_QUANTITIES))
    # Age has no difference here: the races' shares differ by age band instead.
    return table.fillna({"age_years": 0.0}).to_numpy(dtype=float)


def _root(covariance: Array) -> Array:
    """Return the Cholesky root after lifting eigenvalues that are not positive."""
    values, vectors = np.linalg.eigh(covariance)
    lifted = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    # Keep the variances: lifting may raise them a little.
    scale = np.sqrt(np.diag(covariance) / np.diag(lifted))
    return np.linalg.cholesky(lifted * np.outer(scale, scale))


@dataclass(frozen=True)
class Steps:
    """Few rising values with their shares, such as yes or no."""

    values: tuple[float, ...]
    shares: tuple[float, ...]

    @property
    def cuts(self) -> Array:
        """Return the scores at which the value steps up."""
        from scipy.stats import norm

        below = np.cumsum(self.shares)[:-1] / np.sum(self.shares)
        return np.asarray(norm.ppf(np.clip(below, 1e-12, 1 - 1e-12)))

    @property
    def slope(self) -> float:
        """Return sum of step times normal density at the cut, over the SD."""
        from scipy.stats import norm

        values, weights = np.array(self.values), np.array(self.shares)
        mean = np.average(values, weights=weights)
        sd = np.sqrt(np.average((values - mean) ** 2, weights=weights))
        return float(np.sum(np.diff(values) * norm.pdf(self.cuts)) / sd)

    def value(self, score: Array) -> Array:
        """Return the value of the step that holds each score."""
        return np.array(self.values)[np.searchsorted(self.cuts, score)]
