"""What the twins are told about a person: every column with unit, range and modality.

One vocabulary for all twins, so that a table of people made for one serves the others.
Ranges are wide enough for any living adult and narrow enough to catch another unit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy.errors import DataError, ParameterError

__all__ = ["COLUMNS", "Column", "describe_columns", "read_patients"]

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]
RACES = ("White", "Black", "Asian", "Hispanic", "Mixed or unknown")
VKORC1_GENOTYPES = ("G/G", "A/G", "A/A", "unknown")
CYP2C9_GENOTYPES = ("*1/*1", "*1/*2", "*1/*3", "*2/*2", "*2/*3", "*3/*3", "unknown")


@dataclass(frozen=True)
class Column:
    """Describe one thing known about a person.

    Attributes
    ----------
    name : str
        With its unit, where it has one.
    modality : str
        Kind of data: a rung of the ladder of `twinprivacy.twins.cohort`.
    unit : str
        Unit, or "category" or "yes or no".
    description : str
    low, high : float
        Allowed range of a number, ends included.
    categories : tuple of str
        Allowed values of a category, empty for numbers and yes or no.
    if_missing : str, optional
        What a missing value stands for: a category, or "no". Without it a missing value
        is an error.
    mistaken : tuple of (str, float, float)
        Other units with the range that people have in them.
    """

    name: str
    modality: str
    unit: str
    description: str
    low: float = 0.0
    high: float = 1.0
    categories: tuple[str, ...] = ()
    if_missing: str | None = None
    mistaken: tuple[tuple[str, float, float], ...] = ()


def _number(
    name: str,
    modality: str,
    unit: str,
    limits: tuple[float, float],
    description: str,
    *mistaken: tuple[str, float, float],
) -> Column:
    low, high = limits
    return Column(name, modality, unit, description, low, high, mistaken=mistaken)


def _flag(
    name: str, modality: str, description: str, if_missing: str | None = None
) -> Column:
    return Column(name, modality, "yes or no", description, if_missing=if_missing)


def _category(
    name: str,
    modality: str,
    categories: tuple[str, ...],
    description: str,
    if_missing: str | None = None,
) -> Column:
    return Column(
        name,
        modality,
        "category",
        description,
        categories=categories,
        if_missing=if_missing,
    )


_ALL = (
    _number(
        "age_years", "demographics", "years", (10, 110), "Age; 80 may stand for older"
    ),
    _category("sex", "demographics", ("female", "male"), "Sex"),
    _category(
        "race",
        "demographics",
        RACES,
        "Race or ethnicity, as the person reports it",
        if_missing="Mixed or unknown",
    ),
    _number(
        "height_cm",
        "demographics",
        "cm",
        (120, 230),
        "Height",
        ("metres", 1.2, 2.3),
        ("inches", 47, 91),
    ),
    _number(
        "weight_kg",
        "demographics",
        "kg",
        (25, 300),
        "Weight",
        ("grams", 25_000, 300_000),
    ),
    _flag("diabetes", "history", "Diagnosed diabetes"),
    _flag("bp_medication", "history", "Takes a drug against high blood pressure"),
    _flag("statin", "history", "Takes a statin"),
    _flag("amiodarone", "history", "Takes amiodarone", if_missing="no"),
    _flag(
        "enzyme_inducer",
        "history",
        "Takes carbamazepine, phenytoin or rifampicin",
        if_missing="no",
    ),
    _flag(
        "venous_thrombosis",
        "history",
        "Takes warfarin for deep vein thrombosis or pulmonary embolism",
        if_missing="no",
    ),
    _number(
        "systolic_bp_mmhg",
        "laboratory",
        "mmHg",
        (60, 260),
        "Systolic blood pressure",
        ("kPa", 8, 35),
        ("cmHg", 6, 26),
    ),
    _number(
        "diastolic_bp_mmhg",
        "laboratory",
        "mmHg",
        (20, 160),
        "Diastolic blood pressure",
        ("kPa", 2.6, 20),
    ),
    _number(
        "pulse_per_minute", "laboratory", "beats per minute", (30, 200), "Pulse at rest"
    ),
    _number(
        "total_cholesterol_mg_dl",
        "laboratory",
        "mg/dL",
        (50, 600),
        "Total cholesterol",
        ("mmol/L", 1.3, 16),
    ),
    _number(
        "hdl_mg_dl",
        "laboratory",
        "mg/dL",
        (5, 200),
        "HDL cholesterol",
        ("mmol/L", 0.1, 5),
    ),
    _number(
        "hba1c_percent",
        "laboratory",
        "%",
        (3, 18),
        "Glycated haemoglobin (NGSP)",
        ("mmol/mol", 18, 175),
    ),
    _number(
        "egfr_ml_min",
        "laboratory",
        "mL/min/1.73 m2",
        (3, 180),
        "Estimated glomerular filtration rate",
        ("mL/s/1.73 m2", 0.05, 3),
    ),
    _category(
        "vkorc1",
        "genome",
        VKORC1_GENOTYPES,
        "VKORC1 -1639G>A (rs9923231)",
        if_missing="unknown",
    ),
    _category(
        "cyp2c9",
        "genome",
        CYP2C9_GENOTYPES,
        "CYP2C9 diplotype of *1, *2 (rs1799853) and *3 (rs1057910)",
        if_missing="unknown",
    ),
    _flag("current_smoker", "daily habits", "Smokes cigarettes now"),
)
COLUMNS: Mapping[str, Column] = MappingProxyType({c.name: c for c in _ALL})


def describe_columns(names: Iterable[str] | None = None) -> pd.DataFrame:
    """List what may be known about a person, with units and allowed values.

    Parameters
    ----------
    names : iterable of str, optional
        Some of the columns; without it all.

    Returns
    -------
    pandas.DataFrame
        Columns column, modality, unit, allowed and description.

    Examples
    --------
    >>> describe_columns(["height_cm"]).loc[0, "allowed"]
    '120 to 230'
    """
    chosen = [COLUMNS[name] for name in (COLUMNS if names is None else names)]
    return pd.DataFrame(
        [(c.name, c.modality, c.unit, _allowed(c), c.description) for c in chosen],
        columns=["column", "modality", "unit", "allowed", "description"],
    )


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
    if not isinstance(patients, pd.DataFrame):
        raise DataError(
            f"patients must be a pandas.DataFrame; got {type(patients).__name__}"
        )
    needed = list(names)
    lacking = [name for name in needed if name not in patients.columns]
    if lacking:
        raise DataError(
            f"patients must have the columns {', '.join(needed)}; missing: "
            f"{', '.join(lacking)}"
        )
    twice = [name for name in needed if isinstance(patients[name], pd.DataFrame)]
    if twice:
        raise DataError(f"patients must have each column once; repeated: {twice}")
    if patients.empty:
        raise DataError("patients must have at least one row; got an empty table")
    return {name: _read(patients[name], COLUMNS[name]) for name in needed}


def check_number(values: npt.ArrayLike, column: Column) -> Array:
    """Return numbers within the range of a column, or raise a ParameterError.

    For arguments that are no column of the patients, such as a dose.
    """
    try:
        return _in_range(np.asarray(values, dtype=float), column)
    except (DataError, TypeError, ValueError) as error:
        text = str(error) if isinstance(error, DataError) else _not_numbers(column)
        raise ParameterError(text) from None


def _read(values: "pd.Series[Any]", column: Column) -> npt.NDArray[Any]:
    if column.categories:
        return _read_category(values, column)
    try:
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise DataError(_not_numbers(column)) from None
    if column.if_missing == "no":
        numbers = np.nan_to_num(numbers, nan=0.0, posinf=np.inf, neginf=-np.inf)
    numbers = _in_range(numbers, column)
    if column.unit == "yes or no":
        bad = int(((numbers != 0) & (numbers != 1)).sum())
        if bad:
            raise DataError(f"{column.name} must be true or false; got {bad} others")
    return numbers


def _not_numbers(column: Column) -> str:
    kind = "true or false" if column.unit == "yes or no" else "numbers only"
    return f"{column.name} must hold {kind}; got others"


def _in_range(numbers: Array, column: Column) -> Array:
    missing = int((~np.isfinite(numbers)).sum())
    if missing:
        raise DataError(
            f"{column.name} must be known for everyone; got {missing} of "
            f"{numbers.size} missing or infinite"
        )
    bad = (numbers < column.low) | (numbers > column.high)
    if bad.any():
        raise DataError(
            f"{column.name} must lie in {_allowed(column)} {column.unit}; got "
            f"{int(bad.sum())} of {numbers.size} outside{_hint(numbers[bad], column)}"
        )
    return numbers


def _hint(outside: Array, column: Column) -> str:
    for unit, low, high in column.mistaken:
        if ((outside >= low) & (outside <= high)).all():
            return f": they look like {unit}"
    return ""


def _read_category(values: "pd.Series[Any]", column: Column) -> Codes:
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
        raise DataError(
            f"{column.name} must be one of {_allowed(column)}; got {bad} of "
            f"{len(values)} others, {int((missing & (codes < 0)).sum())} of them missing"
        )
    return codes.astype(np.int8)


def _allowed(column: Column) -> str:
    if column.categories:
        return ", ".join(column.categories)
    if column.unit == "yes or no":
        return "true, false"
    return f"{column.low:g} to {column.high:g}"
