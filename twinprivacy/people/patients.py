"""Tables of people, read by the vocabulary of `columns`.

One vocabulary for all twins, so that a table of people made for one serves the others.
Ranges are wide enough for any living adult and narrow enough to catch another unit.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import as_numbers
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.people.columns import COLUMNS, Column
from twinprivacy.tables import check_table, finite_floats, read_numbers

__all__ = [
    "check_number",
    "read_column",
    "read_patients",
]


def read_patients(
    patients: pd.DataFrame, names: Iterable[str]
) -> dict[str, npt.NDArray[Any]]:
    """Check some columns of a table of people and return them as arrays.

    No message holds a person's value: only how many are wrong, and how.

    Parameters
    ----------
    patients : pandas.DataFrame
        One row a person, columns named as in `COLUMNS`; others are ignored.
    names : iterable of str
        The columns that are needed.

    Returns
    -------
    dict of str to numpy.ndarray
        Shape (n,) each: numbers as float64; yes or no as float64 of 0 and 1;
        categories as int8 places in `Column.categories`.

    Raises
    ------
    DataError
        If `patients` is not a table, is empty, lacks a column, or holds values that are
        missing, of another kind or outside the allowed range, such as those of another
        unit.

    Examples
    --------
    >>> people = pd.DataFrame({"height_cm": [175.0], "vkorc1": [None]})
    >>> {name: values.tolist() for name, values in
    ...  read_patients(people, ["height_cm", "vkorc1"]).items()}
    {'height_cm': [175.0], 'vkorc1': [3]}
    """
    needed = list(names)
    check_table(patients, name="patients", columns=needed)
    return {name: read_column(patients[name], COLUMNS[name]) for name in needed}


def check_number(values: npt.ArrayLike, column: Column) -> Array:
    """Return numbers within the range of a column, or raise a ParameterError.

    For arguments that are no column of the patients, such as a dose.
    """
    numbers = as_numbers(values, name=column.name)
    return _in_range(numbers, column, ParameterError)


def read_column(values: "pd.Series[Any]", column: Column) -> npt.NDArray[Any]:
    """Return one column of a table as `read_patients` does."""
    if column.categories:
        return _read_category(values, column)
    if column.if_missing == "no":
        numbers = np.nan_to_num(read_numbers(values, name=column.name), nan=0.0)
    else:
        numbers = finite_floats(values, name=column.name)
    if column.unit == "yes or no":
        return _as_flags(numbers, column)
    return _in_range(numbers, column, DataError)


def _as_flags(numbers: Array, column: Column) -> Array:
    bad = int(((numbers != 0) & (numbers != 1)).sum())
    if bad:
        raise DataError(
            f"{column.name} must hold true or false; got {bad} of {numbers.size} others"
        )
    return numbers


def _in_range(
    numbers: Array, column: Column, error: type[DataError | ParameterError]
) -> Array:
    bad = (numbers < column.low) | (numbers > column.high)
    if bad.any():
        raise error(
            f"{column.name} must lie in {column.low:g} to {column.high:g} "
            f"{column.unit}; got {int(bad.sum())} of {numbers.size} outside"
            f"{_hint(numbers[bad], column)}"
        )
    return numbers


def _hint(outside: Array, column: Column) -> str:
    for unit, low, high in column.mistaken:
        if ((outside >= low) & (outside <= high)).all():
            return f": they look like {unit}"
    return ""


def _read_category(values: "pd.Series[Any]", column: Column) -> npt.NDArray[np.int8]:
    categories = pd.Index(column.categories)
    if isinstance(values.dtype, pd.CategoricalDtype):
        # Look up each category once, not each person.
        places = categories.get_indexer(values.cat.categories)
        own = values.cat.codes.to_numpy()
        codes = np.where(own < 0, -1, np.append(places, -1)[own])
    else:
        codes = categories.get_indexer(pd.Index(values))
    missing = values.isna().to_numpy()
    if column.if_missing is not None:
        codes = np.where(missing, column.categories.index(column.if_missing), codes)
    bad = int((codes < 0).sum())
    if bad:
        n_missing = int((missing & (codes < 0)).sum())
        raise DataError(
            f"{column.name} must be one of {', '.join(column.categories)}; got {bad} "
            f"of {len(values)} others, {n_missing} of them missing"
        )
    return codes.astype(np.int8)
