"""How common genotypes are among simulated people: the most an attacker can know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_choice
from twinprivacy.attacks.inference.reading import as_answers
from twinprivacy.attacks.inference.threats import Ask, Auxiliary, Secret
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.people.cohort import POPULATIONS
from twinprivacy.people.columns import CYP2C9_GENOTYPES, RACES, VKORC1_GENOTYPES
from twinprivacy.people.patients import read_patients
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
    from twinprivacy.people.population import find_population

    source = find_population(population)
    frequencies = source.frequencies
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


_CandidatePrior = Callable[[pd.DataFrame], npt.ArrayLike]
Prior = None | str | tuple[str, ...] | _CandidatePrior
_IMPUTATION = "imputation"
# One person is spread over all candidates; in a group, as the candidates are overall.
_PSEUDO_COUNT = 1.0


@dataclass(frozen=True, eq=False, repr=False)
class FittedPrior:
    """P(candidate | known), from what it was fitted to.

    `overall` are the shares of the candidates; `given_value` those among candidates
    with the same secret; `groups` and `by_group` the known groups and their shares.
    """

    kind: Prior
    overall: Array
    given_value: Array
    codes: Indices
    groups: "pd.Index[Any] | None" = None
    by_group: Array | None = None

    def of(self, known: pd.DataFrame, imputed: Array) -> Array:
        """Return shape (n, m), rows adding to 1 or less."""
        if self.kind == _IMPUTATION:
            return np.asarray(imputed[:, self.codes] * self.given_value)
        if callable(self.kind):
            return read_prior(self.kind(known), len(known), self.overall.size)
        if self.groups is None or self.by_group is None:
            return np.broadcast_to(self.overall, (len(known), self.overall.size))
        assert isinstance(self.kind, tuple)
        places = self.groups.get_indexer(_keys(known, self.kind))
        # The last row is for groups that no auxiliary person is in.
        return np.asarray(np.vstack([self.by_group, self.overall])[places])


def check_prior(prior: Prior) -> None:
    """Raise unless `prior` is of an allowed kind."""
    is_columns = isinstance(prior, tuple) and all(isinstance(c, str) for c in prior)
    if not (prior is None or prior == _IMPUTATION or callable(prior) or is_columns):
        raise ParameterError(
            "prior must be None, 'imputation', a tuple of known columns, or callable "
            f"with people; got {prior!r}"
        )


def fit_prior(
    prior: Prior, candidates: pd.DataFrame, codes: Indices, auxiliary: Auxiliary
) -> FittedPrior:
    """Count the candidates among the auxiliary people."""
    m, overall = len(candidates), np.full(len(candidates), 1 / len(candidates))
    places = np.full(len(auxiliary.people), -1, dtype=np.intp)
    if not callable(prior):
        _check_columns(candidates, auxiliary.people)
        places = _place_people(auxiliary.people, candidates)
        counts = np.bincount(places[places >= 0], minlength=m)
        overall = (counts + _PSEUDO_COUNT / m) / (counts.sum() + _PSEUDO_COUNT)
    of_value = np.bincount(codes, overall, auxiliary.secret.n_values)
    given_value = overall / of_value[codes]
    if not isinstance(prior, tuple) or not prior:
        return FittedPrior(prior, overall, given_value, codes)
    unknown = [name for name in prior if name not in auxiliary.threat.known]
    if unknown:
        raise ParameterError(
            "prior must name columns that the attacker knows, among "
            f"{', '.join(auxiliary.threat.known) or 'none'}; got {', '.join(unknown)}"
        )
    keys = _keys(auxiliary.people, prior)
    groups = keys.unique()
    group = groups.get_indexer(keys)
    table = np.zeros((len(groups), m))
    np.add.at(table, (group[places >= 0], places[places >= 0]), 1.0)
    n = table.sum(axis=1, keepdims=True)
    table = (table + _PSEUDO_COUNT * overall) / (n + _PSEUDO_COUNT)
    return FittedPrior(prior, overall, given_value, codes, groups, table)


def _check_columns(candidates: pd.DataFrame, people: pd.DataFrame) -> None:
    lacking = [name for name in candidates.columns if name not in people.columns]
    if lacking:
        raise DataError(
            "the auxiliary people must have the columns of candidates, to learn how "
            f"common each is; missing: {', '.join(lacking)}"
        )


def _keys(people: pd.DataFrame, columns: tuple[str, ...]) -> "pd.Index[Any]":
    """Return one key a person: categories and numbers compare by what they say."""
    keys = people[list(columns)].astype(object)
    if len(columns) == 1:
        return cast("pd.Index[Any]", pd.Index(keys[columns[0]]))
    return cast("pd.Index[Any]", pd.MultiIndex.from_frame(keys))


def read_prior(given: npt.ArrayLike, n: int, m: int) -> Array:
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


def _assign_values(
    people: pd.DataFrame, values: Mapping[Any, Any], *, like: pd.DataFrame
) -> pd.DataFrame:
    """Return the people with one value for all in some columns, typed as in `like`."""
    return people.assign(
        **{
            name: constant_column(value, like[name], len(people))
            for name, value in values.items()
        }
    )


def constant_column(value: Any, like: "pd.Series[Any]", n: int) -> Any:
    """Return n times one value, with the categories of a categorical column."""
    if isinstance(like.dtype, pd.CategoricalDtype):
        if value not in like.cat.categories:
            return np.full(n, value, dtype=object)
        code = like.cat.categories.get_loc(value)
        return pd.Categorical.from_codes(np.full(n, code), dtype=like.dtype)
    return np.full(n, value, dtype=object if isinstance(value, str) else None)


def ask_about(ask: Ask, people: pd.DataFrame, n_answers: int) -> Array:
    """Return the twin's answers, shape (n, n_answers), checked."""
    return as_answers(ask(people), len(people), n_answers, name="people")


def ask_candidates(
    ask: Ask,
    people: pd.DataFrame,
    candidates: pd.DataFrame,
    n_answers: int,
    *,
    like: pd.DataFrame,
) -> Array:
    """Return what a twin says of everyone with every candidate, (n, m, n_answers)."""
    said = np.empty((len(people), len(candidates), n_answers))
    for place, row in enumerate(candidates.to_dict("records")):
        asked = _assign_values(people, row, like=like)
        said[:, place] = ask_about(ask, asked, n_answers)
    return said


def check_ask(ask: Ask | None, attacker: str) -> Ask:
    """Return the way to ask the twin, or raise where answers are only recorded."""
    if ask is None:
        raise ParameterError(
            f"{attacker} must be able to ask the twin, and the answers here are "
            "recorded columns; got no twin"
        )
    return ask


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
