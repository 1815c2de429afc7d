"""The door of an attack: where its tables, the secret and the answers enter.

People are checked, laid in one order, and given their secrets, answers and persons;
what follows trusts that.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy.attacks.inference.threats import Ask, Secret, ThreatModel
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import check_table, finite_floats, read_persons

# More different numbers than this are no categories.
_MOST_CATEGORIES = 20
_FEWEST_BINS, _MOST_BINS = 8, 80


@dataclass(frozen=True, eq=False, repr=False)
class People:
    """One group of people in canonical order, with what an attacker sees of them."""

    frame: pd.DataFrame
    codes: Indices
    numbers: Array | None
    answers: Array
    persons: Indices | None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.frame)


@dataclass(frozen=True, eq=False, repr=False)
class Read:
    """The three tables of an attack, read, and what the secret may be."""

    members: People
    controls: People
    auxiliary: People
    secret: Secret


def read_people(
    tables: dict[str, pd.DataFrame],
    ask: Ask | None,
    threat: ThreatModel,
    *,
    needed: Sequence[str],
    groups: str | None,
    secret: Secret | None,
    rng: np.random.Generator,
) -> Read:
    """Read members, controls and auxiliary people, with their secrets and answers.

    `secret` is learned from the auxiliary people where it is not given.
    """
    needed = [*needed, *(threat.answers if ask is None else ())]
    if groups is not None:
        needed.append(groups)
    ordered = {
        name: order_rows(table, name=name, needed=needed)
        for name, table in tables.items()
    }
    _check_apart(ordered, groups)
    if secret is None:
        secret = read_secret(ordered["auxiliary"], threat, name="auxiliary")
    people = {}
    for (name, table), child in zip(ordered.items(), rng.spawn(3), strict=True):
        codes, numbers = code_secret(table, secret, name=name)
        answers = read_answers(table, ask, threat, name=name, rng=child)
        persons = _read_persons(table, groups)
        people[name] = People(table, codes, numbers, answers, persons)
    return Read(**people, secret=secret)


def order_rows(
    frame: pd.DataFrame, *, name: str, needed: Sequence[str]
) -> pd.DataFrame:
    """Return a checked table in an order that depends on its contents alone.

    On the first digits of numbers, for the last ones differ between machines; exact
    contents decide between people who agree in those.
    """
    check_table(frame, name=name, columns=list(dict.fromkeys(needed)))
    check_table(frame, name=name, columns=list(frame.columns.unique()))
    # The largest and the smallest floats cannot be rounded, and need not be.
    with np.errstate(all="ignore"):
        rough = frame.apply(_round_floats)
    return frame.iloc[np.lexsort((_row_hashes(frame), _row_hashes(rough)))]


def _check_apart(tables: dict[str, pd.DataFrame], person: str | None) -> None:
    """Raise where two tables share people, by their rows or by a column of persons."""
    for first, second in combinations(tables, 2):
        n_shared = _n_shared(tables[first], tables[second])
        where = "in both"
        if person is not None and not n_shared:
            ours, theirs = (tables[name][person].unique() for name in (first, second))
            n_shared = int(pd.Index(ours).isin(theirs).sum())
            where = f"with rows in both, by {person!r}"
        if n_shared:
            raise DataError(
                f"{first} and {second} must be different people; got {n_shared} {where}"
            )


def read_secret(frame: pd.DataFrame, threat: ThreatModel, *, name: str) -> Secret:
    """Return what the secret may be, learned from the auxiliary people."""
    values = frame[threat.sensitive]
    if threat.tolerance is not None:
        return _bins(_numbers(values, name), threat)
    _check_complete(values, name)
    found = _categories(values)
    if len(found) < 2:
        raise DataError(
            f"{name} must hold at least two values of {threat.sensitive!r}, or there "
            f"is nothing to infer; got {len(found)}"
        )
    if pd.api.types.is_numeric_dtype(values.dtype) and len(found) > _MOST_CATEGORIES:
        raise ParameterError(
            f"threat.tolerance must be given for {threat.sensitive!r}, which has "
            f"{len(found)} different numbers; at most {_MOST_CATEGORIES} are categories"
        )
    return Secret(threat.sensitive, found)


def code_secret(
    frame: pd.DataFrame, secret: Secret, *, name: str
) -> tuple[Indices, Array | None]:
    """Return the place of each person's secret, and the number that it is."""
    values = frame[secret.name]
    if secret.edges is not None:
        numbers = _numbers(values, name)
        inner = np.searchsorted(secret.edges[1:-1], numbers, side="right")
        return inner.astype(np.intp), numbers
    _check_complete(values, name)
    codes = pd.Index(secret.values).get_indexer(pd.Index(values.to_numpy()))
    n_unseen = int((codes < 0).sum())
    if n_unseen:
        raise DataError(
            f"{name} has values of {secret.name!r} that no auxiliary person has, in "
            f"{n_unseen} of {len(values)} rows; allowed are the {secret.n_values} "
            "values among the auxiliary people"
        )
    return codes.astype(np.intp), None


def asker(twin: Any) -> Ask | None:
    """Return what asks the twin; None where answers are recorded."""
    if twin is None:
        return None
    if hasattr(twin, "predict"):
        predict: Callable[[pd.DataFrame], npt.ArrayLike] = twin.predict
        return predict
    if callable(twin):
        return twin  # type: ignore[no-any-return]
    raise ParameterError(
        "twin must be callable with people, have a method predict, or be None for "
        f"answers that are columns; got {type(twin).__name__}"
    )


def read_answers(
    frame: pd.DataFrame,
    ask: Ask | None,
    threat: ThreatModel,
    *,
    name: str,
    rng: np.random.Generator,
) -> Array:
    """Return what an attacker sees: noisy, rounded, all answers query by query."""
    given = frame[list(threat.answers)] if ask is None else ask(frame)
    said = _as_answers(given, len(frame), len(threat.answers), name=name)
    asked = [
        said + threat.noise_sd * rng.standard_normal(said.shape)
        if threat.noise_sd
        else said
        for _ in range(threat.n_queries)
    ]
    seen = np.hstack(asked)
    step = threat.output_precision
    return seen if step is None else np.round(seen / step) * step


def _as_answers(given: Any, n_people: int, n_answers: int, *, name: str) -> Array:
    """Return what a twin said, shape (n_people, n_answers), checked."""
    said = np.asarray(given, dtype=float)
    if said.ndim == 1:
        said = said[:, np.newaxis]
    if said.shape != (n_people, n_answers):
        raise DataError(
            f"the twin must give {n_answers} answers for each of {n_people} {name}; "
            f"got shape {said.shape}"
        )
    n_bad = int((~np.isfinite(said).all(axis=1)).sum())
    if n_bad:
        raise DataError(
            f"the twin's answers must be finite; got {n_bad} of {n_people} {name} with "
            "a missing or infinite one"
        )
    return said


def check_ask(ask: Ask | None, attacker: str) -> Ask:
    """Return the way to ask the twin, or raise where answers are only recorded."""
    if ask is None:
        raise ParameterError(
            f"{attacker} must be able to ask the twin, and the answers here are "
            "recorded columns; got no twin"
        )
    return ask


def ask_about(ask: Ask, people: pd.DataFrame, n_answers: int) -> Array:
    """Return the twin's answers, shape (n, n_answers), checked."""
    return _as_answers(ask(people), len(people), n_answers, name="people")


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
        columns = {
            str(name): constant_column(value, like[name], len(people))
            for name, value in row.items()
        }
        said[:, place] = ask_about(ask, people.assign(**columns), n_answers)
    return said


def constant_column(value: Any, like: "pd.Series[Any]", n: int) -> Any:
    """Return n times one value, with the categories of a categorical column."""
    if isinstance(like.dtype, pd.CategoricalDtype):
        if value not in like.cat.categories:
            return np.full(n, value, dtype=object)
        code = like.cat.categories.get_loc(value)
        return pd.Categorical.from_codes(np.full(n, code), dtype=like.dtype)
    return np.full(n, value, dtype=object if isinstance(value, str) else None)


def _read_persons(frame: pd.DataFrame, groups: str | None) -> Indices | None:
    """Return a number for each person who may have several rows."""
    if groups is None:
        return None
    # The name itself, where it is a number, so that splits agree on who is who.
    persons = frame[groups]
    if pd.api.types.is_integer_dtype(persons.dtype):
        return persons.to_numpy(dtype=np.intp)
    return read_persons(persons, len(frame), name=repr(groups))[0]


def _round_floats(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column of floats to seven digits of its largest, any other as it is."""
    if not pd.api.types.is_float_dtype(column.dtype):
        return column
    sizes = np.abs(column.to_numpy(dtype=float, na_value=np.nan))
    largest = sizes[np.isfinite(sizes)].max(initial=0.0)
    if not largest:
        return column
    return column.round(7 - math.ceil(math.log10(largest))) + 0.0  # no zero below zero


def _row_hashes(frame: pd.DataFrame) -> npt.NDArray[np.uint64]:
    # The columns' order must not matter either.
    ordered = frame[sorted(frame.columns, key=str)]
    hashes = pd.util.hash_pandas_object(ordered, index=False)
    return np.asarray(hashes, dtype=np.uint64)


def _n_shared(first: pd.DataFrame, second: pd.DataFrame) -> int:
    """Count people in both: the same label and contents, or tables mostly the same."""
    columns = [column for column in first.columns if column in second.columns]
    ours, theirs = (
        pd.Series(_row_hashes(f[columns]), f.index) for f in (first, second)
    )
    labels = ours.index.intersection(theirs.index)
    if ours.index.is_unique and theirs.index.is_unique and len(labels):
        n_same = int((ours[labels] == theirs[labels]).sum())
        if n_same:
            return n_same
    n_found = int(ours.isin(theirs).sum())
    # Rows of few categories may coincide; whole tables of distinct rows do not.
    distinct = min(ours.nunique() / len(ours), theirs.nunique() / len(theirs))
    return n_found if distinct > 0.9 and n_found > 0.5 * len(ours) else 0


def _check_complete(values: "pd.Series[Any]", name: str) -> None:
    n_missing = int(values.isna().sum())
    if n_missing:
        raise DataError(
            f"{name} must know {values.name!r} of everyone, to judge the attack by; "
            f"got {n_missing} of {len(values)} missing"
        )


def _numbers(values: "pd.Series[Any]", name: str) -> Array:
    return finite_floats(values, name=f"{values.name!r} of {name}")


def _bins(numbers: Array, threat: ThreatModel) -> Secret:
    """Return equal bins over the numbers seen, at most half a tolerance wide."""
    low, high = float(numbers.min()), float(numbers.max())
    if low == high:
        raise DataError(
            f"auxiliary must hold different values of {threat.sensitive!r}, or there "
            "is nothing to infer; got one"
        )
    assert threat.tolerance is not None
    wanted = np.ceil((high - low) / (threat.tolerance / 2))
    n_bins = int(np.clip(wanted, _FEWEST_BINS, _MOST_BINS))
    edges = np.linspace(low, high, n_bins + 1)
    return Secret(threat.sensitive, (edges[:-1] + edges[1:]) / 2, edges)


def _categories(values: "pd.Series[Any]") -> npt.NDArray[Any]:
    if isinstance(values.dtype, pd.CategoricalDtype):
        used = values.cat.remove_unused_categories()
        return np.asarray(used.cat.categories)
    return np.asarray(sorted(values.unique(), key=lambda value: (str(value), value)))
