"""Defences of what is stored: less detail, fewer columns, fewer days, smaller stores.

Each is a frozen setting that acts on tables of people or on a
`twinprivacy.breaches.programme.Programme`. None has a guarantee: what is left out
cannot leak from this store, and what is left tells as much as it does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_positive
from twinprivacy.breaches.programme import Programme, segment, shorten_retention
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.people.columns import COLUMNS
from twinprivacy.tables import check_names, check_table, read_numbers

__all__ = [
    "Generalisation",
    "Minimisation",
    "Retention",
    "Segmentation",
]


DAYS_PER_YEAR = 365.25

# A step, or a wider value for every value.
_Widening = float | Mapping[Any, Any]


@dataclass(frozen=True)
class Generalisation:
    """Store bands and wider categories in place of values.

    Parameters
    ----------
    steps : mapping of str to float or mapping
        For each column: a step, above 0, whose multiples are the ends of bands; or a
        wider value for every value.

    Raises
    ------
    ParameterError
        For what is no mapping, or steps or wider values that are none.

    Notes
    -----
    A band is stored as its middle, a number, so that a twin can still answer; it holds
    its lower end. The middle of a wide band may lie
    outside what a twin allows.

    References
    ----------
    Sweeney (2002), doi:10.1142/S021848850200165X.

    Examples
    --------
    >>> people = pd.DataFrame({"age_years": [31, 39, 40], "race": ["a", "b", "c"]})
    >>> wider = {"a": "a", "b": "other", "c": "other"}
    >>> Generalisation({"age_years": 10, "race": wider}).apply(people)
       age_years   race
    0       35.0      a
    1       35.0  other
    2       45.0  other
    """

    steps: Mapping[str, _Widening]

    def __post_init__(self) -> None:
        """Refuse steps that are none."""
        if not isinstance(self.steps, Mapping):
            raise ParameterError(
                "steps must be a mapping of columns to steps; got "
                f"{type(self.steps).__name__}"
            )
        for name, step in self.steps.items():
            _check_widening(step, name=name)

    def apply(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the table with wider values; missing ones stay missing.

        Parameters
        ----------
        frame : pandas.DataFrame
            With all columns of `steps`.

        Returns
        -------
        pandas.DataFrame
            A new table with the same columns and index.

        Raises
        ------
        DataError
            For missing or repeated columns, or values that are no finite numbers or
            have no wider value.
        """
        check_table(frame, name="frame", columns=list(self.steps), least=0)
        wider = {name: _widen(frame[name], step) for name, step in self.steps.items()}
        return frame.assign(**wider)


@dataclass(frozen=True)
class Minimisation:
    """Do not store some columns.

    Parameters
    ----------
    drop : tuple of str
        Columns, or modalities of `twinprivacy.people.COLUMNS`, such as
        "genome", for all of their columns.

    Raises
    ------
    ParameterError
        If it names nothing, or something twice.

    Notes
    -----
    What is dropped can often be guessed from what is kept, or from what a twin that was
    trained with it says.

    Examples
    --------
    >>> Minimisation(("genome", "race")).features(["age_years", "race", "vkorc1"])
    ('age_years',)
    """

    drop: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what drops nothing."""
        check_names(self.drop, name="drop")

    def features(self, features: Sequence[str]) -> tuple[str, ...]:
        """Return the names of columns that are kept, in their order.

        Raises
        ------
        DataError
            If something to drop is not among them.
        """
        dropped: set[str] = set()
        for name in self.drop:
            found = {column for column in features if name in _names(column)}
            if not found:
                raise DataError(f"there must be something to drop; got no {name!r}")
            dropped |= found
        return tuple(column for column in features if column not in dropped)


@dataclass(frozen=True)
class Retention:
    """Keep the records of the last days only.

    Parameters
    ----------
    days : float
        Above 0.

    Raises
    ------
    ParameterError
        For days outside their range.
    """

    days: float

    def __post_init__(self) -> None:
        """Refuse days that are none."""
        check_positive(self.days, name="days")

    def apply_programme(self, programme: Programme, *, from_years: float) -> Programme:
        """Return a programme that keeps people's data for so many days.

        Parameters
        ----------
        programme : Programme
        from_years : float
            How long data are kept now, above 0. Where that is shorter already, nothing
            changes.

        Raises
        ------
        ParameterError
            For years outside their range.
        """
        to_years = min(self.days / DAYS_PER_YEAR, from_years)
        return shorten_retention(programme, from_years=from_years, to_years=to_years)


@dataclass(frozen=True)
class Segmentation:
    """Split the people over stores of which one breach reaches only one.

    Parameters
    ----------
    n_stores : int
        1 or more.
    rate_exponent : float
        In [0, 1]: at 0 there are as many breaches as before, at 1 each store is
        breached as often as the one before. See `twinprivacy.breaches.programme`.
    """

    n_stores: int
    rate_exponent: float = 0.0

    def apply(self, programme: Programme) -> Programme:
        """Return the programme of one of the stores, breached as often as all are.

        Raises
        ------
        ParameterError
            For fewer stores than 1 or more than people, or an exponent outside its
            range.
        """
        return segment(programme, self.n_stores, rate_exponent=self.rate_exponent)


def _names(column: str) -> set[str]:
    """Return what a column can be dropped by: its name and its modality."""
    return {column} | ({COLUMNS[column].modality} if column in COLUMNS else set())


def _check_widening(step: Any, *, name: str) -> None:
    """Raise unless a column's step is a step or wider values."""
    if not isinstance(step, Mapping):
        check_positive(step, name=f"the step of {name}")
    elif not step or any(pd.isna(wider) for wider in step.values()):
        raise ParameterError(
            f"the wider values of {name} must be one or more, none missing; got "
            f"{len(step)}"
        )


# A value on an end of a band stays there, whatever its last digits are. Relative to the
# value, not to the step: bands of twice the step then hold whole bands. Where values
# are many steps large, it is a small part of a band at most.
_ON_END = 1e-12
_MOST_OF_BAND = 1e-3


def _widen(column: "pd.Series[Any]", step: _Widening) -> "pd.Series[Any]":
    """Return a column with wider values, missing where it is missing."""
    if isinstance(step, Mapping):
        return _map(column, step)
    numbers = read_numbers(column, name=str(column.name))
    nudge = np.minimum(_ON_END * np.abs(numbers), _MOST_OF_BAND * float(step))
    middle: Array = (np.floor((numbers + nudge) / step) + 0.5) * step
    return pd.Series(middle, column.index, name=column.name)


def _map(column: "pd.Series[Any]", wider: Mapping[Any, Any]) -> "pd.Series[Any]":
    found = column.astype(object).map(dict(wider))
    n_bad = int((column.notna() & found.isna()).sum())
    if n_bad:
        raise DataError(
            f"{column.name} must hold values that have a wider one; got {n_bad} of "
            f"{len(column)} others"
        )
    if isinstance(column.dtype, pd.CategoricalDtype):
        return found.astype(pd.CategoricalDtype(list(dict.fromkeys(wider.values()))))
    return found
