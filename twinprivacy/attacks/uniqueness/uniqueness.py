"""How many people a table tells apart, and how that grows with what it holds."""

import itertools
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Integers
from twinprivacy._validation import check_choice
from twinprivacy.attacks.uniqueness.anonymity import AnonymitySets, sets_from_sizes
from twinprivacy.attacks.uniqueness.parquet import opened_people
from twinprivacy.attacks.uniqueness.partition import (
    check_names,
    check_people,
    drop_missing,
    one_set,
    value_codes,
)

__all__ = [
    "anonymity_sets",
    "uniqueness_ladder",
]


MISSING_RULES = ("value", "drop", "wildcard")
MEMORY_LIMIT_GIB = 4.0


def anonymity_sets(
    frame: pd.DataFrame | str | Path,
    quasi_identifiers: Sequence[str],
    *,
    missing: str = "value",
    memory_limit_gib: float = MEMORY_LIMIT_GIB,
    temporary_directory: str | Path | None = None,
) -> AnonymitySets:
    """Count who shares the quasi-identifiers with how many others, exactly.

    Two values are the same where they are equal: 0.0 and -0.0, 1 and 1.0. NaN, None,
    NaT and pandas.NA are all missing, an infinity is a value. Numbers that were
    measured finely tell people apart by their last digit: round them as far as an
    attacker knows them.

    Parameters
    ----------
    frame : pandas.DataFrame, str or pathlib.Path
        One row a person; or a parquet file of them, which DuckDB then counts on disk.
    quasi_identifiers : sequence of str
        Columns that an attacker may know, one or more.
    missing : {"value", "drop", "wildcard"}
        "value": missing is a value like any other. "drop": people who lack a
        quasi-identifier are left out. "wildcard": two people look the same where each
        quasi-identifier is equal or missing in at least one of them, so that sets
        overlap and a gap never makes anybody stand out; it takes a pass for each two
        patterns of gaps, and a frame.
    memory_limit_gib : float
        For a file: memory that DuckDB may use, in GiB; beyond it, it spills to disk.
    temporary_directory : str or pathlib.Path, optional
        For a file: where it spills.

    Returns
    -------
    AnonymitySets

    Raises
    ------
    ParameterError
        If there is no quasi-identifier or one repeats, or the rule is unknown.
    DataError
        If a column is absent or its name repeats, or nobody is (left) in the table.

    References
    ----------
    Sweeney (2002), doi:10.1142/S0218488502001648.

    Examples
    --------
    >>> people = pd.DataFrame({"age": [30, 30, 30, 41], "sex": ["f", "f", "m", "m"]})
    >>> sets = anonymity_sets(people, ["age", "sex"])
    >>> sets.set_sizes.tolist(), sets.k, sets.share_unique
    ([2, 2, 1, 1], 1, 0.5)
    """
    names = check_names(quasi_identifiers, name="quasi_identifiers")
    check_choice(missing, name="missing", allowed=MISSING_RULES)
    if isinstance(frame, str | Path):
        check_choice(missing, name="missing in a file", allowed=MISSING_RULES[:2])
        return count_sets(
            frame,
            names,
            missing=missing,
            memory_limit_gib=memory_limit_gib,
            temporary_directory=temporary_directory,
        )
    people = check_people(frame, names)
    if missing == "drop":
        people = drop_missing(people, names)
    if missing == "wildcard":
        sizes = pd.Series(_matching_people(people), people.index, name="set_size")
        return sets_from_sizes(sizes, names)
    split = one_set(len(people))
    for name in names:
        split = split.refined(*value_codes(people[name].iloc[split.people]))
    sizes = pd.Series(split.set_sizes(), people.index, name="set_size")
    return AnonymitySets(names, len(people), split.histogram(), sizes)


def uniqueness_ladder(
    frame: pd.DataFrame | str | Path,
    order: Sequence[str] | Mapping[str, Sequence[str]],
    *,
    missing: str = "value",
    confidence_level: float = 0.95,
    memory_limit_gib: float = MEMORY_LIMIT_GIB,
    temporary_directory: str | Path | None = None,
) -> pd.DataFrame:
    """Count how people become unique as attributes are added one after another.

    Parameters
    ----------
    frame, missing, memory_limit_gib, temporary_directory
        As for `anonymity_sets`. With "drop", all steps count the same people: those
        who lack nothing in `order`.
    order : sequence of str, or mapping of str to sequences of str
        Columns in the order in which they become known; or names of steps with the
        columns that each adds.
    confidence_level : float
        Coverage of the interval, strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        One row a step: attribute (name of the column or step added), n_attributes,
        n_people, k, share_unique, share_unique_low, share_unique_high, share_below_5,
        share_below_11, prosecutor_risk (mean of 1 / set size), share_over_threshold
        (the regulators' line, see `AnonymitySets`), bits (mean log2 of how much the
        set shrank) and bits_left. All are exact for this table, but for the interval:
        it is of the share of unique people in tables of as many people drawn from the
        same source, see `AnonymitySets.share_interval`.

    Raises
    ------
    ParameterError, DataError
        As for `anonymity_sets`.

    Examples
    --------
    >>> people = pd.DataFrame({"age": [30, 30, 30, 41], "sex": ["f", "f", "m", "m"]})
    >>> ladder = uniqueness_ladder(people, ["sex", "age"])
    >>> ladder[["attribute", "n_attributes", "k", "share_unique", "bits"]]
      attribute  n_attributes  k  share_unique  bits
    0       sex             1  2           0.0   1.0
    1       age             2  1           0.5   1.5
    """
    steps = _steps(order)
    names = check_names(
        [c for columns in steps.values() for c in columns], name="order"
    )
    check_choice(missing, name="missing", allowed=MISSING_RULES)
    if isinstance(frame, str | Path):
        check_choice(missing, name="missing in a file", allowed=MISSING_RULES[:2])
        counted = count_ladder(
            frame,
            names,
            missing=missing,
            memory_limit_gib=memory_limit_gib,
            temporary_directory=temporary_directory,
        )
    else:
        counted = _ladder(check_people(frame, names, name="order"), missing)
    lengths = itertools.accumulate(len(columns) for columns in steps.values())
    added = dict(zip(lengths, steps, strict=True))
    rows = [
        {"attribute": added[n]} | _row(sets, confidence_level)
        for n, sets in enumerate(counted, start=1)
        if n in added
    ]
    return pd.DataFrame(rows)


def _ladder(people: pd.DataFrame, missing: str) -> list[AnonymitySets]:
    """Return the sets of the first one, two, ... columns."""
    names = tuple(people.columns)
    if missing == "wildcard":
        lengths = range(1, len(names) + 1)
        return [anonymity_sets(people, names[:n], missing=missing) for n in lengths]
    if missing == "drop":
        people = drop_missing(people, names)
    split, found = one_set(len(people)), []
    for n, name in enumerate(names, start=1):
        split = split.refined(*value_codes(people[name].iloc[split.people]))
        found.append(AnonymitySets(names[:n], len(people), split.histogram()))
    return found


def _steps(order: Any) -> dict[str, tuple[str, ...]]:
    if isinstance(order, Mapping):
        return {
            step: check_names(columns, name=f"order[{step!r}]")
            for step, columns in order.items()
        }
    return {name: (name,) for name in check_names(order, name="order")}


def _row(sets: AnonymitySets, confidence_level: float) -> dict[str, float]:
    unique = sets.share_interval(confidence_level=confidence_level)
    return {
        "n_attributes": len(sets.quasi_identifiers),
        "n_people": sets.n_people,
        "k": sets.k,
        "share_unique": unique.value,
        "share_unique_low": unique.low,
        "share_unique_high": unique.high,
        "share_below_5": sets.share_below(5),
        "share_below_11": sets.share_below(11),
        "prosecutor_risk": sets.prosecutor_risk,
        "share_over_threshold": sets.share_over_threshold(),
        "bits": sets.bits,
        "bits_left": sets.bits_left,
    }


_MEMORY_LIMIT_GIB = 4.0


def count_sets(
    path: str | Path,
    quasi_identifiers: Sequence[str],
    *,
    missing: str = "value",
    memory_limit_gib: float = _MEMORY_LIMIT_GIB,
    temporary_directory: str | Path | None = None,
) -> AnonymitySets:
    """Count the people who share each combination of values, in one pass of a file.

    Parameters
    ----------
    path : str or pathlib.Path
        A parquet file, one row a person.
    quasi_identifiers : sequence of str
        Columns, as they are spelled in the file.
    missing : str
        As for `twinprivacy.attacks.uniqueness.anonymity_sets`.
    memory_limit_gib : float
        What DuckDB may hold, in GiB; the rest goes to disk. The process itself needs
        some hundred MiB more.
    temporary_directory : str or pathlib.Path, optional
        Where a folder for what does not fit is made, and removed; by default where the
        system keeps temporary files. It should have room for a few times the file.

    Returns
    -------
    AnonymitySets
        Without the sizes by person.
    """
    with opened_people(
        path,
        quasi_identifiers,
        missing=missing,
        memory_limit_gib=memory_limit_gib,
        temporary_directory=temporary_directory,
    ) as people:
        return people.sets(quasi_identifiers)


def count_ladder(
    path: str | Path,
    order: Sequence[str],
    *,
    missing: str = "value",
    memory_limit_gib: float = _MEMORY_LIMIT_GIB,
    temporary_directory: str | Path | None = None,
) -> list[AnonymitySets]:
    """Count the sets of the first one, two, ... columns of an order.

    The finest step that still has far fewer sets than people is written down with its
    counts, and every coarser step is added up from the one above it. The steps beyond
    it are counted from the file, until most people stand alone: from then on from the
    others only.

    Parameters
    ----------
    path, missing, memory_limit_gib, temporary_directory
        As for `count_sets`.
    order : sequence of str
        Columns in the order in which they become known.

    Returns
    -------
    list of AnonymitySets
        One for each length from 1.
    """
    with opened_people(
        path,
        order,
        name="order",
        missing=missing,
        memory_limit_gib=memory_limit_gib,
        temporary_directory=temporary_directory,
    ) as people:
        steps = [order[: length + 1] for length in range(len(order))]
        kept = bisect_left(steps, True, key=lambda step: not people.shrinks(step))
        finer, coarser, rest = [], [], people
        for step in steps[kept:]:
            finer.append(rest.sets(step))
            if len(step) < len(order):
                rest = rest.without_unique(finer[-1])
        for step in reversed(steps[:kept]):
            people = people.grouped(step)
            coarser.append(people.sets(step))
        return coarser[::-1] + finer


def _matching_people(people: pd.DataFrame) -> Integers:
    """Count for each person the people with whom no known value is at odds.

    Two people match if each attribute is equal or missing in at least one of them; a
    person matches him- or herself. Matching is not transitive, so these sets are no
    partition. Records with the same gaps are compared with those of every other
    pattern of gaps on the attributes that both have: one pass for each two patterns.
    """
    coded = [value_codes(people[name]) for name in people.columns]
    split = one_set(len(people))
    for codes, width in coded:
        split = split.refined(codes[split.people], width)
    labels = split.set_labels()
    _, first, weights = np.unique(labels, return_index=True, return_counts=True)
    records = np.column_stack([codes[first] for codes, _ in coded])
    widths = [width for _, width in coded]
    patterns, of_record = np.unique(records >= 0, axis=0, return_inverse=True)
    groups = [np.flatnonzero(of_record == p) for p in range(len(patterns))]
    found = np.zeros(len(records), dtype=np.int64)
    pairs = itertools.combinations_with_replacement(range(len(patterns)), 2)
    for one, other in pairs:
        both = np.flatnonzero(patterns[one] & patterns[other])
        rows = np.concatenate([groups[one], groups[other]])
        looks = _looks(records[rows], both, widths)
        here, there = np.split(looks, [len(groups[one])])
        n_looks = int(looks.max()) + 1
        found[groups[one]] += _total(there, weights[groups[other]], n_looks)[here]
        if other != one:
            found[groups[other]] += _total(here, weights[groups[one]], n_looks)[there]
    return found[labels]


def _looks(
    records: Integers, columns: npt.NDArray[np.intp], widths: list[int]
) -> Integers:
    """Return for each record a number that is the same where these columns are."""
    split = one_set(len(records))
    for column in columns:
        split = split.refined(records[split.people, column], widths[column])
    return split.set_labels()


def _total(looks: Integers, weights: Integers, n_looks: int) -> Integers:
    return np.bincount(looks, weights, n_looks).astype(np.int64)
