"""Defences of what is stored: less detail, fewer columns, fewer days, smaller stores.

Each is a frozen setting that acts on tables of people, on records by day, or on a
`twinprivacy.breaches.programme.Programme`. None has a guarantee: what is left out
cannot leak from this store, and what is left tells as much as it does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._validation import check_positive
from twinprivacy.breaches.programme import Programme, segment, shorten_retention
from twinprivacy.defences._bands import Widening, check_widening, widen
from twinprivacy.defences._checks import (
    check_columns,
    check_frame,
    check_whole_number,
)
from twinprivacy.defences._records import age_in_days, without_unused
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins.patients import COLUMNS

__all__ = ["Generalisation", "Minimisation", "Retention", "Segmentation"]

DAYS_PER_YEAR = 365.25
MODALITIES = frozenset(column.modality for column in COLUMNS.values())


@dataclass(frozen=True)
class Generalisation:
    """Store bands and wider categories in place of values.

    Parameters
    ----------
    steps : mapping of str to float, sequence of float, or mapping
        For each column: a step, above 0, whose multiples are the ends of bands; or
        ascending ends of bands, two or more; or a wider value for every value.

    Raises
    ------
    ParameterError
        For what is no mapping, or steps, ends or wider values that are none.

    Notes
    -----
    A band is stored as its middle, a number, so that a twin can still answer; it holds
    its lower end, the last band of given ends both. The middle of a wide band may lie
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

    steps: Mapping[str, Widening]

    def __post_init__(self) -> None:
        """Refuse steps that are none."""
        if not isinstance(self.steps, Mapping):
            raise ParameterError(
                "steps must be a mapping of columns to steps; got "
                f"{type(self.steps).__name__}"
            )
        for name, step in self.steps.items():
            check_widening(step, name=name)

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
            For missing or repeated columns, values that are no finite numbers, lie
            outside the ends, or have no wider value.
        """
        check_columns(frame, self.steps)
        wider = {name: widen(frame[name], step) for name, step in self.steps.items()}
        return frame.assign(**wider)


@dataclass(frozen=True)
class Minimisation:
    """Do not store some columns.

    Parameters
    ----------
    drop : tuple of str
        Columns, or modalities of `twinprivacy.twins.patients.describe_columns`, such as
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
        given: Any = self.drop
        names = (given,) if isinstance(given, str) else tuple(given)
        object.__setattr__(self, "drop", names)
        if not names or len(set(names)) < len(names):
            raise ParameterError(
                "drop must name one column or modality at least, each once; got "
                f"{names!r}"
            )

    def apply(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the table without the columns.

        Raises
        ------
        DataError
            For what is no table, or if something to drop is not in it.
        """
        check_frame(frame)
        kept = self.features(list(frame.columns))
        return frame.loc[:, frame.columns.isin(kept)]

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

    Examples
    --------
    >>> records = pd.DataFrame({"day": [1, 2, 3, 4]})
    >>> Retention(2).apply(records, day="day")["day"].tolist()
    [3, 4]
    """

    days: float

    def __post_init__(self) -> None:
        """Refuse days that are none."""
        check_positive(self.days, name="days")

    def apply(
        self, records: pd.DataFrame, *, day: str, today: Any = None
    ) -> pd.DataFrame:
        """Return the records that are younger than so many days, and nothing of others.

        Parameters
        ----------
        records : pandas.DataFrame
        day : str
            Column of when a record was made: numbers of days, or dates.
        today : optional
            A number or date like them; without it the latest of all.

        Raises
        ------
        DataError
            If the column is absent, no number or date, or missing for a record, or if a
            record is from after today.
        """
        check_columns(records, [day])
        age = age_in_days(records[day], today)
        n_missing, n_future = int(np.isnan(age).sum()), int((age < 0).sum())
        if n_missing or n_future:
            raise DataError(
                f"{day} must be known and no later than today; got {n_missing} missing "
                f"and {n_future} later, of {len(age)}"
            )
        return without_unused(records[age < self.days])

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
        check_positive(from_years, name="from_years")
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

    Raises
    ------
    ParameterError
        For settings outside their ranges.
    """

    n_stores: int
    rate_exponent: float = 0.0

    def __post_init__(self) -> None:
        """Refuse stores that are none."""
        check_whole_number(self.n_stores, name="n_stores", least=1)
        given: Any = self.rate_exponent
        if not isinstance(given, int | float | np.number) or not 0 <= given <= 1:
            raise ParameterError(
                f"rate_exponent must lie in [0, 1]; got {self.rate_exponent!r}"
            )

    def apply(self, programme: Programme) -> Programme:
        """Return the programme of one of the stores, breached as often as all are.

        Raises
        ------
        ParameterError
            For more stores than people.
        """
        return segment(programme, self.n_stores, rate_exponent=self.rate_exponent)


def _names(column: str) -> set[str]:
    """Return what a column can be dropped by: its name and its modality."""
    return {column} | ({COLUMNS[column].modality} if column in COLUMNS else set())
