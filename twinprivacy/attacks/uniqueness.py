"""How many people a table tells apart, and how that grows with what it holds."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from twinprivacy._validation import check_choice
from twinprivacy.attacks._columns import (
    check_names,
    check_people,
    drop_missing,
    value_codes,
)
from twinprivacy.attacks._partition import one_set
from twinprivacy.attacks.anonymity import AnonymitySets, sets_from_sizes

__all__ = ["anonymity_sets", "uniqueness_ladder"]

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
        from twinprivacy.attacks import _uniqueness_parquet

        check_choice(missing, name="missing in a file", allowed=MISSING_RULES[:2])
        return _uniqueness_parquet.count_sets(
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
        from twinprivacy.attacks._wildcard import matching_people

        sizes = pd.Series(matching_people(people), people.index, name="set_size")
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
        from twinprivacy.attacks import _uniqueness_parquet

        check_choice(missing, name="missing in a file", allowed=MISSING_RULES[:2])
        counted = _uniqueness_parquet.count_ladder(
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
