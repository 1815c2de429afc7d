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
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import norm

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy.people.columns import RACES
from twinprivacy.people.genomes import us_frequencies, warfarin_frequencies

_BANDS = {"20-39": (20, 40), "40-59": (40, 60), "60+": (60, 90)}
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
_FLAGS = {"diabetes": "diabetes_self_report", "current_smoker": "current_smoker"}
_COUNTED = (
    "education_level",
    "sleep_hours_per_night",
    "active_days_per_week",
    "alcohol_days_per_week",
    "tv_hours_per_day",
)
# They change a warfarin dose.
_DRUGS = ("amiodarone", "enzyme_inducer")
_QUANTITIES = ("age_years", *_MEASURED, *_FLAGS, *_COUNTED)
# Names of the races in the cohort's tables: overall, and by race.
_TABLE_1 = {
    "White": "White",
    "Black": "Black",
    "Asian": "Asian",
    "Mixed or unknown": "Mixed or missing",
}
_BY_RACE = {
    "White": "White",
    "Black": "Black or African American",
    "Asian": "Asian",
    "Mixed or unknown": "Unknown",
}
_DERIVATION = "derivation (n=4043)"
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
class Pieces:
    """Uniform within pieces that have shares, such as five years of age."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]

    @property
    def slope(self) -> float:
        """Return the correlation with the score, on a fine grid of probabilities."""
        score = norm.ppf((np.arange(4_000) + 0.5) / 4_000)
        return float(np.corrcoef(score, self.value(score))[0, 1])

    def value(self, score: Array) -> Array:
        """Return the quantile at the probability of each score."""
        below = np.concatenate([[0.0], np.cumsum(self.shares)]) / np.sum(self.shares)
        return np.interp(ndtr(score), below, self.edges)


@dataclass(frozen=True)
class Steps:
    """Few rising values with their shares, such as yes or no."""

    values: tuple[float, ...]
    shares: tuple[float, ...]

    @property
    def cuts(self) -> Array:
        """Return the scores at which the value steps up."""
        below = np.cumsum(self.shares)[:-1] / np.sum(self.shares)
        return np.asarray(norm.ppf(np.clip(below, 1e-12, 1 - 1e-12)))

    @property
    def slope(self) -> float:
        """Return sum of step times normal density at the cut, over the SD."""
        values, weights = np.array(self.values), np.array(self.shares)
        mean = np.average(values, weights=weights)
        sd = np.sqrt(np.average((values - mean) ** 2, weights=weights))
        return float(np.sum(np.diff(values) * norm.pdf(self.cuts)) / sd)

    def value(self, score: Array) -> Array:
        """Return the value of the step that holds each score."""
        return np.array(self.values)[np.searchsorted(self.cuts, score)]


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
    frequencies : mapping of str to numpy.ndarray
        Of variant alleles by gene, shape (races, variants).
    """

    groups: tuple[Group, ...]
    bodies: Mapping[tuple[str, str], Body]
    drugs: Mapping[str, Array]
    frequencies: Mapping[str, Array]


def find_population(name: str) -> Population:
    """Return a population by its name."""
    return us_adults() if name == "us_adults" else warfarin_patients()


@cache
def us_adults() -> Population:
    """Return the US adults of NHANES 2009-2012."""
    margins, structure = _survey_margins(), datasets.load("population_structure")
    share = margins.query("quantity == 'adult_population_share'")
    share_of = share.set_index(["sex", "age_band"])["value"] / 100
    groups = []
    for sex in ("female", "male"):
        for band in _BANDS:
            races = _shares(structure, sex, band, "race").reindex(list(RACES))
            race_shares = share_of[sex, band] * (races / races.sum()).to_numpy()
            ages = _ages(structure, sex, band)
            laws = {"age_years": ages, **_laws_of(margins, structure, sex, band)}
            groups.append(_make_group(structure, sex, band, race_shares, laws))
    nobody = np.zeros(len(RACES))
    drugs = dict.fromkeys(_DRUGS, nobody)
    return Population(tuple(groups), {}, drugs, us_frequencies())


@cache
def warfarin_patients() -> Population:
    """Return the adults of 20 and older of the IWPC cohort.

    Age, race, sex by race, body size by race and sex, drugs by race, diabetes and
    smoking are the cohort's own; the rest is that of US adults of the same sex and age.
    """
    cohort, margins = datasets.load("warfarin_cohort_margins"), _survey_margins()
    structure = datasets.load("population_structure")
    decades, races = _decades(cohort), _race_shares(cohort)
    men = _by_race(cohort, "male", "percent") / 100
    weights = {
        (sex, band): float(
            (races * (men if sex == "male" else 1 - men)).sum()
            * decades[(decades.index >= low) & (decades.index < high)].sum()
        )
        for sex in ("female", "male")
        for band, (low, high) in _BANDS.items()
    }
    laws = {key: _laws_of(margins, structure, *key) for key in weights}
    for name in _FLAGS:
        _match_share(laws, weights, name, _percent_known(cohort, name) / 100)
    groups = []
    for (sex, band), of_group in laws.items():
        of_group["age_years"] = _decade_ages(decades, band)
        of_sex = races * (men if sex == "male" else 1 - men)
        shares = of_sex / of_sex.sum() * weights[sex, band]
        groups.append(
            _make_group(structure, sex, band, shares, of_group, body_by_race=True)
        )
    drugs = {name: _by_race(cohort, name, "percent") / 100 for name in _DRUGS}
    bodies = _bodies(cohort)
    return Population(tuple(groups), bodies, drugs, warfarin_frequencies())


def _survey_margins() -> pd.DataFrame:
    """Return the survey's own rows: later reports have other years and bands."""
    margins = datasets.load("population_margins")
    return margins[margins["source_title"].str.startswith(_NHANES)]


def _laws_of(
    margins: pd.DataFrame, structure: pd.DataFrame, sex: str, band: str
) -> dict[str, Margin]:
    """Return the laws of one group but for age."""
    rows = margins[(margins["sex"] == sex) & (margins["age_band"] == band)]
    value = rows.set_index(["quantity", "statistic"])["value"]
    laws: dict[str, Margin] = {}
    for name, short in _MEASURED.items():
        kind = Normal if name == "height_cm" else LogNormal
        laws[name] = kind(float(value[short, "mean"]), float(value[short, "sd"]))
    for name, short in _FLAGS.items():
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


def _ages(structure: pd.DataFrame, sex: str, band: str) -> Pieces:
    rows = structure[
        (structure["sex"] == sex)
        & (structure["quantity"] == "age_years")
        & (structure["statistic"] == "share")
    ]
    starts = rows["other"].str.slice(0, 2).astype(int)
    low, high = _BANDS[band]
    inside = (starts >= low) & (starts < high)
    edges = (*starts[inside].astype(float), float(high))
    return Pieces(edges, tuple(rows["value"][inside]))


def _make_group(
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


def _decades(cohort: pd.DataFrame) -> "pd.Series[float]":
    """Return the share of each decade of age from 20 on, by its first year."""
    counts = _counts(cohort, "age")
    counts.index = counts.index.str.slice(0, 2).astype(int)
    return counts[counts.index >= 20] / counts[counts.index >= 20].sum()


def _decade_ages(decades: "pd.Series[float]", band: str) -> Pieces:
    low, high = (60, 100) if band == "60+" else _BANDS[band]
    inside = decades[(decades.index >= low) & (decades.index < high)]
    return Pieces((*map(float, inside.index), float(high)), tuple(inside))


def _race_shares(cohort: pd.DataFrame) -> Array:
    counts = _counts(cohort, "race")
    found = np.array([counts[_TABLE_1[r]] if r in _TABLE_1 else 0.0 for r in RACES])
    return np.asarray(found / found.sum())


def _counts(cohort: pd.DataFrame, variable: str) -> "pd.Series[float]":
    """Return how many people of each category the equations were derived from."""
    rows = cohort[(cohort["scope"] == _DERIVATION) & (cohort["statistic"] == "count")]
    return rows[rows["variable"] == variable].set_index("category")["value"]


def _by_race(cohort: pd.DataFrame, variable: str, statistic: str) -> Array:
    """Return one value for each race, 0 for those that the cohort does not tell."""
    rows = cohort[(cohort["variable"] == variable) & (cohort["statistic"] == statistic)]
    value = rows.set_index("scope")["value"]
    return np.array(
        [value[f"by race: {_BY_RACE[r]}"] if r in _BY_RACE else 0.0 for r in RACES]
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
    for race, name in _BY_RACE.items():
        for sex in ("female", "male"):
            of = value.loc[f"by race and sex: {name} / {sex}"]
            found[race, sex] = Body(
                Normal(float(of["height_mean"]), float(of["height_sd"])),
                LogNormal(float(of["weight_mean"]), float(of["weight_sd"])),
                float(of["height_weight_correlation"]),
            )
    return found
