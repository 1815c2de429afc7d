"""Each person's constants of the INR model, from genotypes and age."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy.twins._columns import CYP2C9_GENOTYPES, VKORC1_GENOTYPES
from twinprivacy.twins._warfarin_equations import GENES, check_known_genes
from twinprivacy.twins.patients import read_patients

# The article centres age on its patients' median.
_MEDIAN_AGE_YEARS = 71
_TABLE = "hamberg_2010"


@dataclass(frozen=True)
class Constants:
    """Hold what is the same for everyone.

    Attributes
    ----------
    active_share : float
        Share of a tablet that is the S form.
    volume_l, absorption_per_h : float
        Volume of distribution and rate of absorption.
    gamma : float
        Steepness of the effect.
    transit_h : tuple of float
        Mean transit times of the two chains of three steps.
    base_inr, max_inr : float
        INR without the drug, and the most that the drug adds.
    """

    active_share: float
    volume_l: float
    absorption_per_h: float
    gamma: float
    transit_h: tuple[float, float]
    base_inr: float
    max_inr: float


@dataclass(frozen=True)
class People:
    """Hold clearance in L/h and concentration of half effect in mg/L, shape (n,)."""

    clearance_l_per_h: Array
    ec50_mg_per_l: Array


@cache
def constants() -> Constants:
    """Return the constants of the article."""
    value = _values()
    return Constants(
        active_share=value["F_S"],
        volume_l=value["V"],
        absorption_per_h=value["ka"],
        gamma=value["gamma"],
        transit_h=(value["MTT_1"], value["MTT_2"]),
        base_inr=value["INR_base"],
        max_inr=value["INR_max"],
    )


def read_people(patients: pd.DataFrame) -> People:
    """Return the typical constants of everyone's genotypes and age."""
    values = read_patients(patients, ("age_years", *GENES))
    check_known_genes(values, needed_by="the course of the INR")
    value = _values()
    clearance = _sums_of_alleles(CYP2C9_GENOTYPES, "CL_allele_")[values["cyp2c9"]]
    years = values["age_years"] - _MEDIAN_AGE_YEARS
    return People(
        clearance * (1 + value["CL_age_slope"] * years),
        _sums_of_alleles(VKORC1_GENOTYPES, "EC50_allele_")[values["vkorc1"]],
    )


def _sums_of_alleles(genotypes: tuple[str, ...], prefix: str) -> Array:
    """Return the sum of both alleles of each genotype, nan for an unknown one."""
    value = _values()
    sums = [
        sum(value[prefix + allele] for allele in genotype.split("/"))
        if genotype != "unknown"
        else np.nan
        for genotype in genotypes
    ]
    return np.array(sums)


@cache
def _values() -> dict[str, float]:
    facts = datasets.load("warfarin_pkpd_parameters")
    rows = facts[(facts["model"] == _TABLE) & (facts["check"] != "recalled")]
    return dict(zip(rows["parameter"], rows["value"].astype(float), strict=True))
