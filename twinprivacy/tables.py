"""The one door where a table enters: its columns, its rows, its numbers, its persons.

What passes here is trusted below. A table that does not pass is a `DataError` which
names the table or the column, what is allowed and how many rows are not; never a value.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy.errors import DataError, ParameterError


def check_names(names: Any, *, name: str) -> list[str]:
    """Return names of columns as a list: at least one, none twice.

    Examples
    --------
    >>> check_names(("age_years", "sex"), name="features")
    ['age_years', 'sex']
    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ParameterError(
            f"{name} must be a list of columns; got {type(names).__name__}"
        )
    found = list(names)
    if not found or len(set(found)) < len(found):
        raise ParameterError(
            f"{name} must be one column or more, each once; got {len(found)} names of "
            f"{len(set(found))} columns"
        )
    return found


def _count_unnamed(index: pd.Index) -> int:
    """Count rows that the index does not name each once, whatever its levels."""
    levels = [index.get_level_values(level) for level in range(index.nlevels)]
    missing = np.any([level.isna() for level in levels], axis=0)
    return int((index.duplicated() | missing).sum())


def check_table(
    table: Any,
    *,
    name: str,
    columns: Sequence[str] = (),
    least: int = 1,
    own_index: bool = False,
) -> None:
    """Raise unless it is a table with enough rows and each of some columns once.

    Parameters
    ----------
    table : object
        What was given.
    name : str
        Name of the parameter, for the message.
    columns : sequence of str
        Columns that are needed.
    least : int
        Rows that are needed.
    own_index : bool
        Whether the index must name each row once.

    Raises
    ------
    DataError
        If anything is absent or repeated.
    """
    if not isinstance(table, pd.DataFrame):
        raise DataError(
            f"{name} must be a pandas.DataFrame; got {type(table).__name__}"
        )
    present = list(table.columns)
    lacking = [str(column) for column in columns if column not in present]
    twice = [str(column) for column in columns if present.count(column) > 1]
    if lacking or twice:
        raise DataError(
            f"{name} must have the columns {', '.join(map(str, columns))} once each; "
            f"missing: {', '.join(lacking) or 'none'}; repeated: "
            f"{', '.join(twice) or 'none'}"
        )
    if len(table) < least:
        raise DataError(f"{name} must have {least} rows or more; got {len(table)}")
    n_bad = _count_unnamed(table.index) if own_index else 0
    if n_bad:
        raise DataError(
            f"the index of {name} must name each row once; got {n_bad} of {len(table)} "
            "repeated or missing"
        )


def as_floats(values: Any) -> Array:
    """Return a column or table of numbers as floats, missing as nan.

    Raises TypeError or ValueError for anything else, for the caller to put in words:
    pandas would give times as whole numbers in units of their own, a missing one too.
    """
    dtypes = [values.dtype] if values.ndim == 1 else list(values.dtypes)
    if any(dtype.kind in "mM" for dtype in dtypes):
        raise TypeError("times are no numbers")
    floats: Array = values.to_numpy(dtype=float, na_value=np.nan)
    return floats


def read_numbers(values: Any, *, name: str) -> Array:
    """Return a column or table of numbers or flags as floats, missing as nan.

    Raises
    ------
    DataError
        If anything else is among them, or a number is infinite.

    Examples
    --------
    >>> read_numbers(pd.Series([1, None, 3], dtype="Int64"), name="visits")
    array([ 1., nan,  3.])
    """
    try:
        numbers = as_floats(values)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise DataError(
            f"{name} must hold numbers, or true and false; got others"
        ) from None
    n_infinite = int(np.isinf(numbers).sum())
    if n_infinite:
        raise DataError(
            f"{name} must be finite or missing; got {n_infinite} of {numbers.size} "
            "infinite"
        )
    return numbers


def finite_floats(values: Any, *, name: str) -> Array:
    """Return a column as floats; raise unless everyone has a finite number or flag.

    Examples
    --------
    >>> finite_floats(pd.Series([True, False]), name="ill")
    array([1., 0.])
    """
    try:
        numbers = as_floats(values)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise DataError(
            f"{name} must hold numbers, or true and false; got others"
        ) from None
    n_bad = int((~np.isfinite(numbers)).sum())
    if n_bad:
        raise DataError(
            f"{name} must be finite for everyone; got {n_bad} of {numbers.size} "
            "missing or infinite"
        )
    return numbers


def read_persons(groups: Any, n: int, *, name: str) -> tuple[Indices, pd.Index]:
    """Return whose each of n rows is, 0, 1, ..., and the persons' names in order.

    Raises
    ------
    DataError
        If a row has no person, or there are more or fewer than n.

    Examples
    --------
    >>> codes, names = read_persons(["b", "a", "b"], 3, name="groups")
    >>> codes, list(names)
    (array([1, 0, 1]), ['a', 'b'])
    """
    if np.ndim(groups) != 1 or len(groups) != n:
        raise DataError(
            f"{name} must name the person of each of the {n} rows; got shape "
            f"{np.shape(groups)}"
        )
    codes, names = pd.factorize(np.asarray(groups), sort=True)
    n_missing = int((codes < 0).sum())
    if n_missing:
        raise DataError(
            f"{name} must be known for everyone; got {n_missing} of {n} missing"
        )
    return codes.astype(np.intp), pd.Index(names, name="person")
