"""How common candidates are before an answer: by law, by count or by imputation."""

from collections.abc import Callable
from functools import cache
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_choice
from twinprivacy.attacks.inference.threats import Auxiliary, Secret
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.people.cohort import POPULATIONS
from twinprivacy.people.columns import CYP2C9_GENOTYPES, RACES, VKORC1_GENOTYPES
from twinprivacy.people.patients import read_patients
from twinprivacy.tables import check_table
from twinprivacy.twins.warfarin.dose import GENOTYPE_PAIRS

__all__ = [
    "warfarin_prior",
]


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
        Population of `twinprivacy.people.simulate_cohort` that they come from.

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
    from twinprivacy.people import (
        genomes as _genomes,
        population as _population,
        warfarin_patients as _warfarin_population,
    )

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


CandidatePrior = None | str | tuple[str, ...] | Callable[[pd.DataFrame], npt.ArrayLike]
# Known people, and their secrets by imputation, to P(candidate), rows adding to at
# most 1.
FittedPrior = Callable[[pd.DataFrame, Array], Array]
IMPUTATION = "imputation"
# One person is spread over all candidates; in a group, as the candidates are overall.
_PSEUDO_COUNT = 1.0


def fit_prior(
    prior: CandidatePrior,
    candidates: pd.DataFrame,
    codes: Indices,
    auxiliary: Auxiliary,
) -> FittedPrior:
    """Count the candidates, whose secrets are `codes`, among the auxiliary people."""
    m = len(candidates)
    if callable(prior):
        return lambda known, imputed: read_prior(prior(known), len(known), m)
    check_table(auxiliary.people, name="auxiliary", columns=list(candidates.columns))
    places = _place_people(auxiliary.people, candidates)
    counts = np.bincount(places[places >= 0], minlength=m)
    overall = (counts + _PSEUDO_COUNT / m) / (counts.sum() + _PSEUDO_COUNT)
    if isinstance(prior, tuple) and prior:
        return _share_by_group(prior, places, overall, auxiliary)
    if prior == IMPUTATION:
        of_value = np.bincount(codes, overall, auxiliary.secret.n_values)
        given_value = overall / of_value[codes]
        return lambda known, imputed: np.asarray(imputed[:, codes] * given_value)
    return lambda known, imputed: np.broadcast_to(overall, (len(known), m))


def _share_by_group(
    columns: tuple[str, ...], places: Indices, overall: Array, auxiliary: Auxiliary
) -> FittedPrior:
    """Count the candidates within each group of known columns."""
    unknown = [name for name in columns if name not in auxiliary.threat.known]
    if unknown:
        raise ParameterError(
            "prior must name columns that the attacker knows, among "
            f"{', '.join(auxiliary.threat.known) or 'none'}; got {', '.join(unknown)}"
        )
    keys = _keys(auxiliary.people, columns)
    groups = keys.unique()
    group = groups.get_indexer(keys)
    table = np.zeros((len(groups), overall.size))
    np.add.at(table, (group[places >= 0], places[places >= 0]), 1.0)
    n = table.sum(axis=1, keepdims=True)
    table = (table + _PSEUDO_COUNT * overall) / (n + _PSEUDO_COUNT)
    # The last row is for groups that no auxiliary person is in.
    table = np.vstack([table, overall])
    return lambda known, imputed: table[groups.get_indexer(_keys(known, columns))]


def _keys(people: pd.DataFrame, columns: tuple[str, ...]) -> "pd.Index[Any]":
    """Return one key a person: categories and numbers compare by what they say."""
    keys = people[list(columns)].astype(object)
    if len(columns) == 1:
        return cast("pd.Index[Any]", pd.Index(keys[columns[0]]))
    return cast("pd.Index[Any]", pd.MultiIndex.from_frame(keys))


def read_prior(given: npt.ArrayLike, n: int, m: int) -> Array:
    """Return the prior of m candidates for each of n people, checked."""
    prior = np.asarray(given, dtype=float)
    if prior.shape not in ((m,), (n, m)):
        raise DataError(
            f"prior must give a probability for each of {m} candidates, shape ({n}, "
            f"{m}); got shape {prior.shape}"
        )
    prior = np.broadcast_to(prior, (n, m))
    totals = prior.sum(axis=1)
    is_law = (prior >= 0).all(axis=1) & (np.abs(totals - 1) < 1e-6)
    if not is_law.all():
        raise DataError(
            "prior must give probabilities of 0 or more that add to 1; got "
            f"{int((~is_law).sum())} of {n} rows that do not"
        )
    return prior


def code_candidates(values: "pd.Series[Any]", secret: Secret) -> Indices:
    """Return the place among the secret's values of each candidate."""
    if secret.edges is not None:
        numbers = values.to_numpy(dtype=float)
        outside = ~((numbers >= secret.edges[0]) & (numbers <= secret.edges[-1]))
        codes = np.searchsorted(secret.edges[1:-1], numbers, side="right")
        codes = np.where(outside, -1, codes)
        allowed = f"numbers from {secret.edges[0]:g} to {secret.edges[-1]:g}"
    else:
        codes = pd.Index(secret.values).get_indexer(pd.Index(values.to_numpy()))
        allowed = ", ".join(repr(value) for value in secret.values.tolist())
    n_bad = int((codes < 0).sum())
    if n_bad:
        raise ParameterError(
            f"candidates must have values of {secret.name!r} that some auxiliary "
            f"person has, {allowed}; got {n_bad} of {len(codes)} others: leave those "
            "rows out, or bring more auxiliary people"
        )
    return codes.astype(np.intp)


def _place_people(people: pd.DataFrame, candidates: pd.DataFrame) -> Indices:
    """Return the candidate that each person is, -1 for none.

    A number is that of the nearest candidate; anything else must be equal.
    """
    ours, theirs = [], []
    for name in candidates.columns:
        values = candidates[name]
        known = pd.Index(values.to_numpy()).unique()
        is_number = pd.api.types.is_numeric_dtype(values.dtype)
        if is_number and not pd.api.types.is_bool_dtype(values.dtype):
            known = known.sort_values()
            found = _nearest(people[name].to_numpy(dtype=float), known.to_numpy(float))
        else:
            found = known.get_indexer(pd.Index(people[name].to_numpy()))
        ours.append(found)
        theirs.append(known.get_indexer(pd.Index(values.to_numpy())))
    index = pd.MultiIndex.from_arrays(theirs)
    return index.get_indexer(pd.MultiIndex.from_arrays(ours)).astype(np.intp)


def _nearest(numbers: Array, known: Array) -> npt.NDArray[np.intp]:
    middles = (known[:-1] + known[1:]) / 2
    return np.where(np.isnan(numbers), -1, np.searchsorted(middles, numbers))
