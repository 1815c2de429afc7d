"""The dose equations: a score that adds up, one part for the person, one for each gene.

IWPC's score is the square root of the weekly dose, Gage's the logarithm of the daily.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins._columns import (
    CYP2C9_GENOTYPES,
    RACES,
    VKORC1_GENOTYPES,
    Column,
)
from twinprivacy.twins.patients import check_number

Values = dict[str, npt.NDArray[Any]]

DAYS_PER_WEEK = 7
USUAL_TARGET_INR = 2.5
TARGET_INR = Column("target_inr", "dose", "INR", "Target INR", 1, 5)
GENES = ("vkorc1", "cyp2c9")
_BODY = ("age_years", "height_cm", "weight_kg", "race")
_IWPC = (*_BODY, "amiodarone", "enzyme_inducer")
_GAGE = (*_BODY, "amiodarone", "current_smoker", "venous_thrombosis")
# Terms of the tables by race of the vocabulary. In the records behind the equation,
# Hispanic is no race but an ethnicity: who gives no other race has none.
_IWPC_RACE_TERMS = {
    "Black": "race_Black_or_African_American",
    "Asian": "race_Asian",
    "Hispanic": "race_missing_or_mixed",
    "Mixed or unknown": "race_missing_or_mixed",
}
_GAGE_RACE_TERMS = {"Black": "race_African_American"}


@dataclass(frozen=True)
class Equation:
    """Describe a dose equation: its table, what it asks and what it makes of a gene."""

    table: str
    name: str
    predicts: str
    columns: tuple[str, ...]
    uses_genes: bool

    @property
    def is_iwpc(self) -> bool:
        """Whether the score is a square root, and a gene may be unknown."""
        return self.table.startswith("iwpc")


_SQUARE_ROOT = "square root of mg per week"
EQUATIONS = {
    "iwpc_pharmacogenetic": Equation(
        "iwpc_pharmacogenetic", "IWPC 2009, with genes", _SQUARE_ROOT, _IWPC, True
    ),
    "iwpc_clinical": Equation(
        "iwpc_clinical", "IWPC 2009, without genes", _SQUARE_ROOT, _IWPC, False
    ),
    "gage": Equation(
        "gage_pharmacogenetic", "Gage 2008", "logarithm of mg per day", _GAGE, True
    ),
}


def person_score(equation: Equation, values: Values, target_inr: Array) -> Array:
    """Return the part of the score that no gene changes, shape (n,)."""
    term = coefficients(equation.table)
    score = term["intercept"] + term["amiodarone"] * values["amiodarone"]
    if equation.is_iwpc:
        # The last decade of the table is 90 and over.
        decades = np.minimum(values["age_years"] // 10, 9)
        score = score + term["age_decades"] * decades
        score = score + term["height_cm"] * values["height_cm"]
        score = score + term["weight_kg"] * values["weight_kg"]
        score = score + term["enzyme_inducer"] * values["enzyme_inducer"]
        return np.asarray(score + _race_effects(term, _IWPC_RACE_TERMS)[values["race"]])
    score = score + term["age_years"] * values["age_years"]
    score = score + term["bsa_m2"] * _body_surface_m2(values)
    score = score + term["target_inr"] * target_inr
    score = score + term["smokes"] * values["current_smoker"]
    score = score + term["dvt_pe"] * values["venous_thrombosis"]
    return np.asarray(score + _race_effects(term, _GAGE_RACE_TERMS)[values["race"]])


def gene_effects(equation: Equation) -> tuple[Array, Array]:
    """Return what each genotype adds to the score, in the order of the vocabulary.

    Shapes (4,) and (7,); nan for an unknown one where the equation has no term for it.
    """
    if not equation.uses_genes:
        return np.zeros(len(VKORC1_GENOTYPES)), np.zeros(len(CYP2C9_GENOTYPES))
    term = coefficients(equation.table)
    if equation.is_iwpc:
        # The commonest genotypes are the reference and have no term.
        vkorc1 = [term.get(f"VKORC1_{name}", 0.0) for name in VKORC1_GENOTYPES]
        cyp2c9 = [term.get(f"CYP2C9_{name}", 0.0) for name in CYP2C9_GENOTYPES]
        return np.array(vkorc1), np.array(cyp2c9)
    n_a = np.array([name.count("A") for name in VKORC1_GENOTYPES])
    n_2, n_3 = (
        np.array([name.count(allele) for name in CYP2C9_GENOTYPES])
        for allele in ("*2", "*3")
    )
    vkorc1_effects = term["VKORC1_A_alleles"] * n_a
    cyp2c9_effects = term["CYP2C9_*2_alleles"] * n_2 + term["CYP2C9_*3_alleles"] * n_3
    return (
        np.where(np.array(VKORC1_GENOTYPES) == "unknown", np.nan, vkorc1_effects),
        np.where(np.array(CYP2C9_GENOTYPES) == "unknown", np.nan, cyp2c9_effects),
    )


def to_mg_per_week(equation: Equation, score: Array) -> Array:
    """Return the dose of a score: a square root is not below 0, nor is its square."""
    if equation.is_iwpc:
        return np.square(np.maximum(score, 0.0))
    return DAYS_PER_WEEK * np.exp(score)


def check_known_genes(values: Values, *, needed_by: str) -> None:
    """Raise unless both genotypes are known for everyone."""
    for gene, names in zip(GENES, (VKORC1_GENOTYPES, CYP2C9_GENOTYPES), strict=True):
        n_unknown = int((values[gene] == names.index("unknown")).sum())
        if n_unknown:
            raise DataError(
                f"{gene} must be known for everyone for {needed_by}; got {n_unknown} "
                f"of {values[gene].size} unknown"
            )


def read_target_inr(target_inr: npt.ArrayLike, n: int) -> Array:
    """Return a checked target INR, one for all or one a person."""
    targets = check_number(target_inr, TARGET_INR)
    if targets.shape not in ((), (n,)):
        raise ParameterError(
            f"target_inr must be a number or have shape ({n},); got {targets.shape}"
        )
    return targets


@cache
def coefficients(table: str) -> dict[str, float]:
    """Return the confirmed terms of one equation."""
    rows = equation_rows(table)
    return dict(zip(rows["term"], rows["coefficient"].astype(float), strict=True))


def equation_rows(table: str) -> pd.DataFrame:
    """Return the confirmed rows of one equation, with their source."""
    facts = datasets.load("warfarin_iwpc_coefficients")
    return facts[(facts["model"] == table) & (facts["check"] == "verified")]


def performance(equation: Equation) -> tuple[float, ...]:
    """Return n, R2 in % and mean absolute error: sample fitted to, then another."""
    if not equation.is_iwpc:
        scope = datasets.load("twin_model_scope")
        of_gage = scope[scope["model"] == "gage_2008"].set_index("quantity")["value"]
        explained = float(of_gage["variance explained"])
        fitted, others = of_gage["people fitted"], of_gage["people of validation"]
        return int(fitted), explained, np.nan, int(others), explained, np.nan
    facts = datasets.load("warfarin_cohort_margins")
    rows = facts[
        (facts["variable"] == "model_performance")
        & (facts["category"] == equation.table.removeprefix("iwpc_"))
    ]
    found: list[float] = []
    # Scopes are "derivation (n=...)" and "validation (n=...)".
    for sample_name, sample in rows.groupby("scope"):
        value = sample.set_index("statistic")["value"]
        n = int(str(sample_name).partition("n=")[2].rstrip(")"))
        found += [n, float(value["R2"]), float(value["MAE"])]
    return tuple(found)


def source(equation: Equation) -> tuple[str, str]:
    """Return citation and address of an equation."""
    row = equation_rows(equation.table).iloc[0]
    return str(row["source_title"]), str(row["source_url"])


def _race_effects(term: dict[str, float], names: dict[str, str]) -> Array:
    return np.array([term[names[r]] if r in names else 0.0 for r in RACES])


def _body_surface_m2(values: Values) -> Array:
    """Return the body surface, DuBois and DuBois (1916)."""
    height, weight = values["height_cm"], values["weight_kg"]
    return np.asarray(0.007184 * height**0.725 * weight**0.425)
