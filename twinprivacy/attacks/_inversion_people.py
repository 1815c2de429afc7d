"""Ask a twin about people as they might be."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy.attacks._contract import Ask, Secret
from twinprivacy.attacks._reading import as_answers
from twinprivacy.errors import ParameterError


def assign_values(
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
        asked = assign_values(people, row, like=like)
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


def place_people(people: pd.DataFrame, candidates: pd.DataFrame) -> Indices:
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
