"""What an inversion believes of the candidates before it sees an answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy.attacks._contract import Auxiliary
from twinprivacy.attacks._inversion_people import place_people
from twinprivacy.errors import DataError, ParameterError

CandidatePrior = Callable[[pd.DataFrame], npt.ArrayLike]
Prior = None | str | tuple[str, ...] | CandidatePrior
IMPUTATION = "imputation"
# One person is spread over all candidates; in a group, as the candidates are overall.
PSEUDO_COUNT = 1.0


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
        if self.kind == IMPUTATION:
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
    if not (prior is None or prior == IMPUTATION or callable(prior) or is_columns):
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
        places = place_people(auxiliary.people, candidates)
        counts = np.bincount(places[places >= 0], minlength=m)
        overall = (counts + PSEUDO_COUNT / m) / (counts.sum() + PSEUDO_COUNT)
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
    table = (table + PSEUDO_COUNT * overall) / (n + PSEUDO_COUNT)
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
