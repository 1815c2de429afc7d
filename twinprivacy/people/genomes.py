"""Genotypes in Hardy-Weinberg proportion, from allele frequencies by race."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy.people.columns import COLUMNS, RACES

# Genetic ancestry that stands for a race as people report it.
ANCESTRY = {"White": "EUR", "Black": "AFR", "Asian": "EAS", "Hispanic": "AMR"}
# Rows of the table that each column needs.
ALLELES = {
    "vkorc1": ("VKORC1 -1639G>A",),
    "cyp2c9": ("CYP2C9*2", "CYP2C9*3"),
    "cyp2c19": ("CYP2C19*2", "CYP2C19*17"),
    "cyp4f2_3_alleles": ("CYP4F2*3",),
    "nqo1_2_alleles": ("NQO1*2",),
    "rs12777823_a_alleles": ("CYP2C cluster",),
}
IWPC_NAMES = {"White": "White", "Black": "Black or African American", "Asian": "Asian"}
IWPC_NAMES |= {"Mixed or unknown": "Unknown"}


def simulate_genomes(
    races: npt.NDArray[np.int8],
    frequencies: Mapping[str, Array],
    *,
    rng: np.random.Generator,
) -> dict[str, npt.NDArray[np.int8]]:
    """Draw the two alleles of every gene independently for each person.

    Parameters
    ----------
    races : numpy.ndarray
        Places in `RACES`, shape (n,).
    frequencies : mapping of str to numpy.ndarray
        By column: frequencies of the variant alleles by race, shape
        (races, variants); what is left is the common allele.
    rng : numpy.random.Generator
        Each gene has a generator of its own.

    Returns
    -------
    dict of str to numpy.ndarray
        Copies of the variant, or places among the categories of the column.
    """
    found = {}
    for (name, of_race), child in zip(
        frequencies.items(), rng.spawn(len(frequencies)), strict=True
    ):
        # From a draw below the last bound, which is the rarest place, upwards.
        bounds = np.cumsum(of_race[:, ::-1], axis=1)[:, ::-1].T[:, races]
        alleles = [
            _alleles(child.random(len(races)), bounds).astype(np.int8) for _ in range(2)
        ]
        found[name] = _genotype(name, *alleles)
    return found


@cache
def us_frequencies() -> Mapping[str, Array]:
    """Return the frequencies of 1000 Genomes, by the ancestry nearest to each race.

    People of mixed or unknown race have the mean of the four ancestries.
    """
    table = datasets.load("allele_frequencies")
    table = table[table["check"] == "verified"]
    value = table.set_index(["gene_or_allele", "population"])["frequency"]
    return {name: _of_races(value, alleles) for name, alleles in ALLELES.items()}


@cache
def warfarin_frequencies() -> Mapping[str, Array]:
    """Return the IWPC cohort's frequencies of VKORC1 and CYP2C9, else as US adults."""
    cohort = datasets.load("warfarin_cohort_margins")
    counts = cohort[cohort["statistic"] == "count"]
    value = counts.set_index(["scope", "variable", "category"])["value"].sort_index()
    found = dict(us_frequencies())
    for column, variable, variants in (
        ("vkorc1", "VKORC1_rs9923231", ("A",)),
        ("cyp2c9", "CYP2C9", ("*2", "*3")),
    ):
        table = found[column].copy()
        for race, name in IWPC_NAMES.items():
            genotypes = value.loc[f"by race: {name}", variable]
            table[RACES.index(race)] = _count_alleles(genotypes, variants)
        found[column] = table
    return found


def _of_races(value: "pd.Series[float]", alleles: tuple[str, ...]) -> Array:
    by_race = {
        race: [float(value[allele, ancestry]) for allele in alleles]
        for race, ancestry in ANCESTRY.items()
    }
    by_race["Mixed or unknown"] = list(np.mean(list(by_race.values()), axis=0))
    return np.array([by_race[race] for race in RACES])


def _count_alleles(
    genotypes: "pd.Series[float]", variants: tuple[str, ...]
) -> list[float]:
    """Return the share of each variant among the alleles of known genotypes."""
    known = genotypes[genotypes.index.str.contains("/")]
    pairs = known.index.str.split("/")
    n_alleles = 2 * float(known.sum())
    return [
        float(
            sum(n * pair.count(variant) for n, pair in zip(known, pairs, strict=True))
        )
        / n_alleles
        for variant in variants
    ]


def _alleles(draws: Array, bounds: Array) -> Array:
    """Return how many of the falling bounds a draw lies below: the allele's place.

    Place 0 is the common allele. With variants of frequency a and b the bounds are
    a + b and b, so that place 1 has frequency a and place 2 has b.
    """
    return np.asarray((draws < bounds).sum(axis=0))


def _genotype(
    name: str, first: npt.NDArray[np.int8], second: npt.NDArray[np.int8]
) -> npt.NDArray[np.int8]:
    if not COLUMNS[name].categories or name == "vkorc1":
        # Copies of the variant, which is the order of G/G, A/G and A/A too.
        return first + second
    low, high = np.minimum(first, second), np.maximum(first, second)
    # *1/*1, *1/x, *1/y, x/x, x/y, y/y with x, y the variants in the order of the table.
    places = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]], dtype=np.int8)
    return places[low, high]
