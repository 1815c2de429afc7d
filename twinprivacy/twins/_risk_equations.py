"""The cardiovascular risk equations: what they predict, for whom, and their terms.

A term of the table is a product of quantities, and the sum of the terms of a person's
group is the score. So one evaluator serves all equations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy.twins._columns import COLUMNS
from twinprivacy.twins._risk_quantities import QUANTITIES, Values

Limits = Mapping[str, tuple[float, float]]

BODY_MASS_INDEX = "body_mass_index"
AGE = "age_years"


class Model(NamedTuple):
    """Describe a model: its outcomes, and its name in the table of coefficients.

    `table` has outcome and horizon to be filled in.
    """

    name: str
    outcomes: tuple[str, ...]
    table: str
    by_race: bool = False


MODELS = {
    "prevent_2023": Model(
        "PREVENT 2023, base",
        ("total_cvd", "ascvd", "heart_failure"),
        "prevent_2023_base:{outcome}_{horizon}y",
    ),
    "pce_2013": Model(
        "Pooled Cohort Equations 2013", ("ascvd",), "pce_2013_ascvd", by_race=True
    ),
    "framingham_2008": Model(
        "Framingham 2008, general", ("total_cvd",), "framingham_2008_general_cvd"
    ),
}
# Groups in the order of `Equation.group`: sexes as in the vocabulary, then races.
_SEXES = COLUMNS["sex"].categories
_GROUPS_BY_RACE = tuple(
    f"{race}_{sex}" for race in ("white", "black") for sex in _SEXES
)
_BLACK = COLUMNS["race"].categories.index("Black")


@dataclass(frozen=True)
class Scope:
    """Whom a model is for, and how many people it was fitted to.

    Attributes
    ----------
    ages : mapping of int to (float, float)
        By horizon in years.
    limits : mapping of str to (float, float)
        Of other quantities.
    n : int or None
        None where the source was not seen.
    """

    ages: Mapping[int, tuple[float, float]]
    limits: Limits
    n: int | None


@cache
def scope(model: str) -> Scope:
    """Return the limits of a model from table twin_model_scope."""
    facts = datasets.load("twin_model_scope")
    rows = facts[facts["model"] == model]
    fitted = rows.loc[rows["quantity"] == "people fitted", "value"]
    bounds = rows[rows["quantity"].isin([*COLUMNS, BODY_MASS_INDEX])]
    ends = {
        (str(quantity), horizon): (float(low), float(high))
        for quantity, horizon, low, high in zip(
            bounds["quantity"],
            bounds["horizon_years"],
            bounds["value_low"],
            bounds["value_high"],
            strict=True,
        )
    }
    return Scope(
        ages={int(years): span for (name, years), span in ends.items() if name == AGE},
        limits={name: span for (name, _), span in ends.items() if name != AGE},
        n=None if fitted.empty else int(fitted.item()),
    )


@dataclass(frozen=True)
class Equation:
    """Hold one equation, for each of its groups.

    Attributes
    ----------
    terms : dict of str to numpy.ndarray
        Coefficient of each term, one a group.
    mean, survival : numpy.ndarray or None
        Mean score, and survival of those who have it, one a group; None for a logistic
        equation.
    by_race : bool
        Whether groups are by sex and race, or by sex alone.
    citation, url : str
        Source.
    """

    terms: dict[str, Array]
    mean: Array | None
    survival: Array | None
    by_race: bool
    citation: str
    url: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the terms ask for, in the order of the vocabulary."""
        needed = {"sex", "race"} if self.by_race else {"sex"}
        for term in self.terms:
            for factor in term.split("*"):
                needed |= set(QUANTITIES[factor].columns)
        return tuple(name for name in COLUMNS if name in needed)

    def score(self, values: Values) -> Array:
        """Return the sum of the terms, less its mean where the equation has one."""
        group = self._group(values)
        factors = {name for term in self.terms for name in term.split("*")}
        known = {name: QUANTITIES[name].of(values) for name in factors}
        score = np.zeros(group.size)
        for term, coefficient in self.terms.items():
            product = coefficient[group]
            for factor in term.split("*"):
                product *= known[factor]
            score += product
        return score if self.mean is None else score - self.mean[group]

    def risk(self, values: Values) -> Array:
        """Return the probability of an event within the horizon."""
        from scipy.special import expit

        score = self.score(values)
        if self.survival is None:
            return np.asarray(expit(score))
        hazard = -np.log(self.survival)[self._group(values)] * np.exp(score)
        return np.asarray(-np.expm1(-hazard))

    def _group(self, values: Values) -> npt.NDArray[np.int64]:
        group = values["sex"].astype(np.int64)
        if self.by_race:
            group += len(_SEXES) * (values["race"] == _BLACK)
        return group


@cache
def equation(model: str, outcome: str, horizon_years: int) -> Equation:
    """Return one equation of `MODELS`, from the confirmed rows of the table."""
    about = MODELS[model]
    facts = datasets.load("cvd_risk_coefficients")
    rows = facts[
        (facts["model"] == about.table.format(outcome=outcome, horizon=horizon_years))
        & (facts["check"] == "verified")
        & ~facts["term"].str.startswith("EXAMPLE")
    ]
    groups = list(_GROUPS_BY_RACE if about.by_race else _SEXES)
    table = rows.pivot_table(index="term", columns="group", values="value", sort=False)
    terms = {str(term): np.array(row) for term, row in table[groups].iterrows()}
    return Equation(
        mean=terms.pop("mean_linear_predictor", None),
        survival=terms.pop("baseline_survival_10y", None),
        terms=terms,
        by_race=about.by_race,
        citation=str(rows["source_title"].iloc[0]),
        url=str(rows["source_url"].iloc[0]),
    )
