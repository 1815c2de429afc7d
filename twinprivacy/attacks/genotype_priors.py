"""How common genotypes are among simulated people: the most an attacker can know."""

from functools import cache

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_choice
from twinprivacy.twins._columns import CYP2C9_GENOTYPES, RACES, VKORC1_GENOTYPES
from twinprivacy.twins.cohort import POPULATIONS
from twinprivacy.twins.patients import read_patients
from twinprivacy.twins.warfarin import GENOTYPE_PAIRS

__all__ = ["warfarin_prior"]


def warfarin_prior(
    people: pd.DataFrame, *, use_race: bool, population: str = "warfarin_patients"
) -> Array:
    r"""Return the true prior of both genotypes of simulated people.

    Both genes are independent given race r, each in Hardy-Weinberg proportion:

    .. math:: P(g_{ij}, h_{kl} \mid r) = P(g_{ij} \mid r) P(h_{kl} \mid r), \qquad
       P(g_{ij} \mid r) = (2 - [i = j])\, p_{ri}\, p_{rj}

    and :math:`P(g, h) = \sum_r P(r) P(g, h \mid r)` for who does not look at race, so
    that the genes are then not independent.

    Parameters
    ----------
    people : pandas.DataFrame
        Column race if it is used; otherwise only the number of rows matters.
    use_race : bool
        Whether the attacker looks at race.
    population : str
        Population of `twinprivacy.twins.cohort.simulate_cohort` that they come from.

    Returns
    -------
    numpy.ndarray
        Probabilities, shape (n, 18), columns as in
        `twinprivacy.twins.warfarin.GENOTYPE_PAIRS`; rows add to 1.

    Raises
    ------
    DataError
        If race is used and missing from the table, or a race is unknown.
    ParameterError
        If the population is unknown.

    References
    ----------
    International Warfarin Pharmacogenetics Consortium (2009),
    doi:10.1056/NEJMoa0809329; Shendre et al. (2018), doi:10.2217/pgs-2018-0146.

    Examples
    --------
    >>> people = pd.DataFrame({"race": ["White", "Asian"]})
    >>> prior = warfarin_prior(people, use_race=True)
    >>> prior.shape, prior[:, GENOTYPE_PAIRS.index(("A/A", "*1/*1"))].round(2)
    ((2, 18), array([0.1 , 0.72]))
    """
    check_choice(population, name="population", allowed=POPULATIONS)
    by_race, shares = _pairs_by_race(population)
    if use_race:
        return np.asarray(by_race[read_patients(people, ("race",))["race"]])
    return np.tile(shares @ by_race, (len(people), 1))


@cache
def _pairs_by_race(population: str) -> tuple[Array, Array]:
    """Return the law of the pairs by race, shape (races, 18), and the races' shares."""
    from twinprivacy.twins import _genomes, _population, _warfarin_population

    if population == "us_adults":
        source, frequencies = _population.us_adults(), _genomes.us_frequencies()
    else:
        source = _warfarin_population.warfarin_patients()
        frequencies = _genomes.warfarin_frequencies()
    shares = np.sum([group.race_shares for group in source.groups], axis=0)
    vkorc1 = _genotypes(frequencies["vkorc1"], ("G", "A"), VKORC1_GENOTYPES)
    cyp2c9 = _genotypes(frequencies["cyp2c9"], ("*1", "*2", "*3"), CYP2C9_GENOTYPES)
    pairs = [vkorc1[v] * cyp2c9[c] for v, c in GENOTYPE_PAIRS]
    assert len(RACES) == len(shares)
    return np.stack(pairs, axis=1), shares / shares.sum()


def _genotypes(
    variants: Array, alleles: tuple[str, ...], names: tuple[str, ...]
) -> dict[str, Array]:
    """Return the share of each genotype by race, of alleles the first is the rest."""
    common = 1 - variants.sum(axis=1, keepdims=True)
    share = dict(zip(alleles, np.hstack([common, variants]).T, strict=True))
    found = {}
    for name in names:
        if name == "unknown":
            continue
        first, second = name.split("/")
        found[name] = share[first] * share[second] * (1 if first == second else 2)
    return found
