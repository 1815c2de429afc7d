"""Checks of linkage at the public door, and who is who in its tables."""

from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._clusters import group_codes
from twinprivacy._types import Indices
from twinprivacy._validation import check_choice, check_rng
from twinprivacy.errors import DataError, ParameterError

METHODS = ("distance", "gower", "mahalanobis", "fellegi_sunter")


def people(groups: Any, rows: Indices, n: int) -> Indices:
    """Return the number of the person behind each target."""
    if groups is not None:
        return group_codes(groups, n)[0]
    alone = np.where(rows < 0, -1 - np.arange(n), rows)
    return group_codes(alone, n)[0]


def rows_of(truth: Any, left: pd.DataFrame, right: pd.DataFrame) -> Indices:
    """Return the row in the gallery of each target, -1 where it has none."""
    if truth is None:
        return np.full(len(left), -1, dtype=np.intp)
    # A list of whole numbers with a missing one must not turn to floats, which would
    # take long identifiers for one another.
    typed = hasattr(truth, "dtype")
    labels = truth if typed else pd.Series(list(truth), dtype=object)
    labels = pd.Index(labels, dtype=object, tupleize_cols=False)
    if len(labels) != len(left):
        raise ParameterError(
            f"truth must hold a label for each of the {len(left)} targets; got "
            f"{len(labels)}"
        )
    rows = right.index.astype(object).get_indexer(labels)
    known = ~np.asarray(pd.isna(labels))
    n_bad = int((known & (rows < 0)).sum())
    if n_bad:
        raise ParameterError(
            f"truth must be in the index of right, or missing for people who are not "
            f"in the gallery; got {n_bad} of {len(left)} labels that are neither"
        )
    return np.where(known, rows, -1).astype(np.intp)


def check_settings(method: str, missing: str, one_to_one: bool, rng: Any) -> None:
    """Raise unless the settings are among the allowed."""
    check_choice(method, name="method", allowed=METHODS)
    check_choice(missing, name="missing", allowed=("typical", "skip"))
    if missing == "skip" and method not in ("distance", "gower"):
        raise ParameterError(
            f"missing 'skip' is for methods 'distance' and 'gower'; got {method!r}"
        )
    if one_to_one:
        check_rng(rng)


def check_tables(left: pd.DataFrame, right: pd.DataFrame, on: Any) -> None:
    """Raise unless both tables have rows, the columns and single names."""
    if isinstance(on, str) or not len(on):
        raise ParameterError("on must be a list or mapping of 1 column or more")
    for table, name in ((left, "left"), (right, "right")):
        if not len(table):
            raise DataError(f"{name} must have 1 row or more; got 0")
        check_columns(table, on, name)
    if right.index.nlevels > 1:
        raise DataError(
            f"the index of right must have 1 level; got {right.index.nlevels}"
        )
    n_repeated = int(np.count_nonzero(right.index.duplicated()))
    n_missing = int(np.count_nonzero(right.index.isna()))
    if n_repeated or n_missing:
        raise DataError(
            "the index of right must name every candidate once; got "
            f"{n_repeated} repeated and {n_missing} missing labels"
        )


def check_columns(table: pd.DataFrame, columns: Any, name: str) -> None:
    """Raise unless the table has the columns, each once."""
    absent = [c for c in columns if list(table.columns).count(c) != 1]
    if absent:
        raise DataError(f"{name} must have each column of `on` once; got {absent} not")


def kind_of(column: "pd.Series[Any]") -> str:
    """Return what a column is compared as if nothing is said."""
    number = pd.api.types.is_numeric_dtype(column)
    return "number" if number and not pd.api.types.is_bool_dtype(column) else "category"
