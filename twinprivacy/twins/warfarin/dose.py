"""The warfarin twin: a weekly dose from genes, body, age, race and drugs.

The dose that keeps blood from clotting without bleeding differs tenfold between people,
and two genes tell much of it. So a dose tells something of the genes, which makes this
twin the classic case of a model that gives its patients away.
The course of the INR under a dose is in `twinprivacy.twins.warfarin`.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy._validation import check_choice, check_rng
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.people.columns import CYP2C9_GENOTYPES, RACES, VKORC1_GENOTYPES, Column
from twinprivacy.people.patients import check_number, read_patients

__all__ = [
    "GENOTYPE_PAIRS",
    "describe_models",
    "dose_matrix",
    "dose_residual_sd",
    "predict_dose",
    "simulate_dose",
]


# Known genotypes of both genes, in the order of the columns of `dose_matrix`.
GENOTYPE_PAIRS = tuple(
    (vkorc1, cyp2c9)
    for vkorc1 in VKORC1_GENOTYPES
    for cyp2c9 in CYP2C9_GENOTYPES
    if "unknown" not in (vkorc1, cyp2c9)
)


def describe_models() -> pd.DataFrame:
    """List the published dose equations and how well they predict.

    Returns
    -------
    pandas.DataFrame
        One row an equation, columns model, name, predicts (the scale of its sum), n,
        r2_percent and mae_mg_per_week (patients it was fitted to, variance explained,
        mean absolute error), n_validation, r2_validation_percent and
        mae_validation_mg_per_week (on others), citation, url.

    Notes
    -----
    Gage prints 53 to 54 % for both samples together, on the logarithm of the dose; the
    lower end is listed. No mean absolute error of it was found.

    References
    ----------
    International Warfarin Pharmacogenetics Consortium (2009),
    doi:10.1056/NEJMoa0809329; Gage et al. (2008), doi:10.1038/clpt.2008.10.

    Examples
    --------
    >>> describe_models().set_index("model").loc["iwpc_clinical", "r2_percent"]
    np.float64(27.0)
    """
    rows = [
        (
            model,
            equation.name,
            equation.predicts,
            *_performance(equation),
            *_source(equation),
        )
        for model, equation in _EQUATIONS.items()
    ]
    columns = ["model", "name", "predicts", "n", "r2_percent", "mae_mg_per_week"]
    columns += ["n_validation", "r2_validation_percent", "mae_validation_mg_per_week"]
    return pd.DataFrame(rows, columns=[*columns, "citation", "url"])


USUAL_TARGET_INR = 2.5


def predict_dose(
    patients: pd.DataFrame, *, model: str, target_inr: npt.ArrayLike = USUAL_TARGET_INR
) -> Array:
    r"""Predict the stable weekly dose of warfarin.

    IWPC adds up the square root of the weekly dose, Gage the logarithm of the daily:

    .. math:: d_{\text{IWPC}} = \Big(b_0 + \sum_j b_j x_j\Big)^2, \qquad
       d_{\text{Gage}} = 7 \exp\Big(b_0 + \sum_j b_j x_j\Big)

    Parameters
    ----------
    patients : pandas.DataFrame
        Columns age_years, height_cm, weight_kg, race, amiodarone and, for IWPC,
        enzyme_inducer, for Gage current_smoker and venous_thrombosis; for all but
        "iwpc_clinical" also vkorc1 and cyp2c9. See `twinprivacy.people`.
    model : str
        "iwpc_pharmacogenetic", "iwpc_clinical" or "gage".
    target_inr : array_like
        INR aimed at, from 1 to 5: a number, or shape (n,). Only Gage has a term for it.

    Returns
    -------
    numpy.ndarray
        Dose in mg per week, shape (n,).

    Raises
    ------
    DataError
        If `patients` lacks a column or holds values that are missing or outside their
        range; for Gage also if a genotype is unknown.
    ParameterError
        If the model is unknown, or the target is outside its range, or not 2.5 for an
        equation without a term for it.

    Notes
    -----
    - IWPC takes age in decades, 90 and over being the last, and has terms for unknown
      genotypes. It knows White, Black, Asian and "missing or mixed": Hispanic goes to
      the last, because in its records it is an ethnicity beside the race.
    - Where IWPC's sum is below 0 (a tiny, very old person with every gene and drug
      against warfarin), the dose is 0.
    - Gage counts alleles. Its terms for smoking and thrombosis are those of the people
      it was fitted to. The article's way to body surface was not found; the formula of
      DuBois and DuBois is used. Mosteller's, in some public calculators, gives 1 % more
      for a person of 175 cm and 80 kg and 6 % more at 150 kg.

    References
    ----------
    International Warfarin Pharmacogenetics Consortium (2009),
    doi:10.1056/NEJMoa0809329; Gage et al. (2008), doi:10.1038/clpt.2008.10;
    DuBois and DuBois (1916), doi:10.1001/archinte.1916.00080130010002.

    Examples
    --------
    >>> person = pd.DataFrame({
    ...     "age_years": [50], "height_cm": [175], "weight_kg": [80], "race": ["White"],
    ...     "amiodarone": [False], "enzyme_inducer": [False],
    ...     "vkorc1": ["G/G"], "cyp2c9": ["*1/*1"],
    ... })
    >>> predict_dose(person, model="iwpc_pharmacogenetic").round(1)
    array([46.8])
    """
    equation = _equation(model)
    genes = GENES if equation.uses_genes else ()
    values = read_patients(patients, (*equation.columns, *genes))
    score = _person_score(model, values, target_inr)
    if genes:
        if not equation.is_iwpc:
            check_known_genes(values, needed_by=repr(model))
        vkorc1, cyp2c9 = _gene_effects(equation)
        score = score + vkorc1[values["vkorc1"]] + cyp2c9[values["cyp2c9"]]
    return _to_mg_per_week(equation, score)


def dose_matrix(
    patients: pd.DataFrame, *, model: str, target_inr: npt.ArrayLike = USUAL_TARGET_INR
) -> Array:
    """Predict everyone's dose for each pair of genotypes they might have.

    What an attacker asks the twin who knows a person but not the genes: a person's own
    genotypes are not looked at, and need not be in the table.

    Parameters
    ----------
    patients, model, target_inr
        As for `predict_dose`, without vkorc1 and cyp2c9.

    Returns
    -------
    numpy.ndarray
        Dose in mg per week, shape (n, 18), columns as in `GENOTYPE_PAIRS`. Those of
        "iwpc_clinical" are all the same.

    Raises
    ------
    DataError, ParameterError
        As for `predict_dose`.

    Examples
    --------
    >>> person = pd.DataFrame({
    ...     "age_years": [50], "height_cm": [175], "weight_kg": [80], "race": ["White"],
    ...     "amiodarone": [False], "enzyme_inducer": [False],
    ... })
    >>> doses = dose_matrix(person, model="iwpc_pharmacogenetic")
    >>> doses[0, GENOTYPE_PAIRS.index(("A/A", "*3/*3"))].round(1)
    np.float64(7.9)
    """
    equation = _equation(model)
    values = read_patients(patients, equation.columns)
    score = _person_score(model, values, target_inr)
    vkorc1, cyp2c9 = _gene_effects(equation)
    pairs = [
        vkorc1[VKORC1_GENOTYPES.index(v)] + cyp2c9[CYP2C9_GENOTYPES.index(c)]
        for v, c in GENOTYPE_PAIRS
    ]
    return _to_mg_per_week(equation, score[:, np.newaxis] + np.array(pairs))


def simulate_dose(patients: pd.DataFrame, *, rng: np.random.Generator) -> Array:
    r"""Simulate the stable dose that people turn out to need.

    The square root of the dose is normal about IWPC's, cut off at 0:
    :math:`\sqrt{d} \sim N(\mu, \sigma^2)` given :math:`\sqrt{d} > 0`, with
    :math:`\mu` the root of what "iwpc_pharmacogenetic" predicts and :math:`\sigma` of
    `dose_residual_sd`. So the density of a root :math:`s` is
    :math:`\varphi((s - \mu) / \sigma) / (\sigma \Phi(\mu / \sigma))`.

    Parameters
    ----------
    patients : pandas.DataFrame
        As for `predict_dose` with "iwpc_pharmacogenetic".
    rng : numpy.random.Generator
        Source of the residuals, one draw a person.

    Returns
    -------
    numpy.ndarray
        Dose in mg per week, shape (n,), never below 0.

    Raises
    ------
    DataError
        As for `predict_dose`.
    ParameterError
        If `rng` is no generator.

    References
    ----------
    International Warfarin Pharmacogenetics Consortium (2009),
    doi:10.1056/NEJMoa0809329.

    Examples
    --------
    >>> people = pd.DataFrame({
    ...     "age_years": [50, 70], "height_cm": [175, 160], "weight_kg": [80, 55],
    ...     "race": ["White", "Asian"], "amiodarone": [False, False],
    ...     "enzyme_inducer": [False, False], "vkorc1": ["G/G", "A/A"],
    ...     "cyp2c9": ["*1/*1", "*1/*1"],
    ... })
    >>> simulate_dose(people, rng=np.random.default_rng(1_709)).round(1)
    array([29.2,  5.7])
    """
    from scipy.special import ndtr, ndtri

    check_rng(rng)
    mean = np.sqrt(predict_dose(patients, model="iwpc_pharmacogenetic"))
    sd = dose_residual_sd()
    # Upper tail probabilities, uniform on (0, 1] times that of a root above 0.
    tail = (1 - rng.random(mean.size)) * ndtr(mean / sd)
    return np.square(np.maximum(mean - sd * ndtri(tail), 0.0))


@cache
def dose_residual_sd() -> float:
    """Return the standard deviation of the root of the dose about IWPC's prediction.

    Returns
    -------
    float
        In square roots of mg per week, as computed from the public records of 5,370
        patients with "iwpc_pharmacogenetic".

    References
    ----------
    International Warfarin Pharmacogenetics Consortium (2009),
    doi:10.1056/NEJMoa0809329.

    Examples
    --------
    >>> dose_residual_sd()
    0.996
    """
    facts = datasets.load("warfarin_cohort_margins")
    row = facts[facts["variable"] == "pg_residual_sd_on_sqrt_scale"]
    return float(row["value"].item())


@dataclass(frozen=True)
class _Equation:
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


def _equation(model: str) -> _Equation:
    check_choice(model, name="model", allowed=tuple(_EQUATIONS))
    return _EQUATIONS[model]


_Values = dict[str, npt.NDArray[Any]]


def _person_score(model: str, values: _Values, target_inr: npt.ArrayLike) -> Array:
    """Return the score without genes, after a check of the target."""
    equation = _EQUATIONS[model]
    targets = read_target_inr(target_inr, values["age_years"].size)
    if equation.is_iwpc and (targets != USUAL_TARGET_INR).any():
        raise ParameterError(
            f"target_inr must be {USUAL_TARGET_INR} for {model!r}, which has no term "
            "for it; got others"
        )
    return _score_without_genes(equation, values, targets)


_DAYS_PER_WEEK = 7
_TARGET_INR = Column("target_inr", "dose", "INR", "Target INR", 1, 5)
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


_SQUARE_ROOT = "square root of mg per week"
_EQUATIONS = {
    "iwpc_pharmacogenetic": _Equation(
        "iwpc_pharmacogenetic", "IWPC 2009, with genes", _SQUARE_ROOT, _IWPC, True
    ),
    "iwpc_clinical": _Equation(
        "iwpc_clinical", "IWPC 2009, without genes", _SQUARE_ROOT, _IWPC, False
    ),
    "gage": _Equation(
        "gage_pharmacogenetic", "Gage 2008", "logarithm of mg per day", _GAGE, True
    ),
}


def _score_without_genes(
    equation: _Equation, values: _Values, target_inr: Array
) -> Array:
    """Return the part of the score that no gene changes, shape (n,)."""
    term = _coefficients(equation.table)
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


def _gene_effects(equation: _Equation) -> tuple[Array, Array]:
    """Return what each genotype adds to the score, in the order of the vocabulary.

    Shapes (4,) and (7,); nan for an unknown one where the equation has no term for it.
    """
    if not equation.uses_genes:
        return np.zeros(len(VKORC1_GENOTYPES)), np.zeros(len(CYP2C9_GENOTYPES))
    term = _coefficients(equation.table)
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


def _to_mg_per_week(equation: _Equation, score: Array) -> Array:
    """Return the dose of a score: a square root is not below 0, nor is its square."""
    if equation.is_iwpc:
        return np.square(np.maximum(score, 0.0))
    return _DAYS_PER_WEEK * np.exp(score)


def check_known_genes(values: _Values, *, needed_by: str) -> None:
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
    targets = check_number(target_inr, _TARGET_INR)
    if targets.shape not in ((), (n,)):
        raise ParameterError(
            f"target_inr must be a number or have shape ({n},); got {targets.shape}"
        )
    return targets


@cache
def _coefficients(table: str) -> dict[str, float]:
    """Return the confirmed terms of one equation."""
    rows = _equation_rows(table)
    return dict(zip(rows["term"], rows["coefficient"].astype(float), strict=True))


def _equation_rows(table: str) -> pd.DataFrame:
    """Return the confirmed rows of one equation, with their source."""
    facts = datasets.load("warfarin_iwpc_coefficients")
    return facts[(facts["model"] == table) & (facts["check"] == "verified")]


def _performance(equation: _Equation) -> tuple[float, ...]:
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


def _source(equation: _Equation) -> tuple[str, str]:
    """Return citation and address of an equation."""
    row = _equation_rows(equation.table).iloc[0]
    return str(row["source_title"]), str(row["source_url"])


def _race_effects(term: dict[str, float], names: dict[str, str]) -> Array:
    return np.array([term[names[r]] if r in names else 0.0 for r in RACES])


def _body_surface_m2(values: _Values) -> Array:
    """Return the body surface, DuBois and DuBois (1916)."""
    height, weight = values["height_cm"], values["weight_kg"]
    return np.asarray(0.007184 * height**0.725 * weight**0.425)
