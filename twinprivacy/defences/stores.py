"""Defences of what is stored: less detail, fewer columns, fewer days, smaller stores.

Each is a frozen setting that acts on tables of people, on records by day, or on a
`twinprivacy.breaches.programme.Programme`. None has a guarantee: what is left out
cannot leak from this store, and what is left tells as much as it does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_positive
from twinprivacy.breaches.programme import Programme, segment, shorten_retention
from twinprivacy.defences.declared import check_columns, check_frame, check_whole_number
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.people.columns import COLUMNS
from twinprivacy.tables import as_floats

__all__ = [
    "Generalisation",
    "Minimisation",
    "Retention",
    "Segmentation",
]


DAYS_PER_YEAR = 365.25
MODALITIES = frozenset(column.modality for column in COLUMNS.values())

# A step; ends of bands; or a wider value for every value.
_Widening = float | Sequence[float] | Mapping[Any, Any]


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
            For missing or repeated columns, values that are no finite numbers, lie
            outside the ends, or have no wider value.
        """
        check_columns(frame, self.steps)
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
        age = _age_in_days(records[day], today)
        n_missing, n_future = int(np.isnan(age).sum()), int((age < 0).sum())
        if n_missing or n_future:
            raise DataError(
                f"{day} must be known and no later than today; got {n_missing} missing "
                f"and {n_future} later, of {len(age)}"
            )
        return _without_unused(records[age < self.days])

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


# A value on an end of a band stays there, whatever its last digits are. Relative to the
# value, not to the step: bands of twice the step then hold whole bands. Where values
# are many steps large, it is a small part of a band at most.
_ON_END = 1e-12
_MOST_OF_BAND = 1e-3


def _check_widening(step: Any, *, name: str) -> None:
    """Raise unless a column's step is a step, ends or wider values."""
    if isinstance(step, Mapping):
        if not step or any(pd.isna(wider) for wider in step.values()):
            raise ParameterError(
                f"the wider values of {name} must be one or more, none missing; got "
                f"{len(step)}"
            )
        return
    try:
        ends = np.asarray(step, dtype=float)
    except (TypeError, ValueError):
        ends = np.array(np.nan)
    if ends.ndim == 0:
        allowed = np.isfinite(ends) and ends > 0
    else:
        allowed = ends.ndim == 1 and ends.size > 1 and np.isfinite(ends).all()
        allowed = allowed and (np.diff(ends) > 0).all()
    if not allowed:
        raise ParameterError(
            f"the step of {name} must be finite and above 0, or two or more finite "
            f"ascending ends, or a mapping to wider values; got {step!r}"
        )


def _widen(column: "pd.Series[Any]", step: _Widening) -> "pd.Series[Any]":
    """Return a column with wider values, missing where it is missing."""
    if isinstance(step, Mapping):
        return _map(column, step)
    numbers = _numbers(column)
    ends = np.asarray(step, dtype=float)
    if ends.ndim == 0:
        middle = (np.floor(_nudged(numbers, float(ends)) / ends) + 0.5) * ends
    else:
        middle = _between(numbers, ends, str(column.name))
    return pd.Series(middle, column.index, name=column.name)


def _map(column: "pd.Series[Any]", wider: Mapping[Any, Any]) -> "pd.Series[Any]":
    known = column.notna()
    found = column.astype(object).map(dict(wider))
    n_bad = int((known & found.isna()).sum())
    if n_bad:
        raise DataError(
            f"{column.name} must hold values that have a wider one; got {n_bad} of "
            f"{len(column)} others"
        )
    if isinstance(column.dtype, pd.CategoricalDtype):
        return found.astype(pd.CategoricalDtype(list(dict.fromkeys(wider.values()))))
    return found


def _numbers(column: "pd.Series[Any]") -> Array:
    try:
        numbers = as_floats(column)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise DataError(f"{column.name} must hold numbers; got others") from None
    n_bad = int(np.isinf(numbers).sum())
    if n_bad:
        raise DataError(
            f"{column.name} must be finite or missing; got {n_bad} of {len(numbers)} "
            "infinite"
        )
    return numbers


def _between(numbers: Array, ends: Array, name: str) -> Array:
    n_bad = int(((numbers < ends[0]) | (numbers > ends[-1])).sum())
    if n_bad:
        raise DataError(
            f"{name} must lie in {ends[0]:g} to {ends[-1]:g}, its first and last end; "
            f"got {n_bad} of {len(numbers)} outside"
        )
    nudged = _nudged(numbers, float(np.diff(ends).min()))
    band = np.searchsorted(ends, nudged, side="right") - 1
    band = np.clip(band, 0, len(ends) - 2)
    middle = (ends[:-1] + ends[1:])[band] / 2
    return np.asarray(np.where(np.isnan(numbers), np.nan, middle))


def _nudged(numbers: Array, width: float) -> Array:
    most = _MOST_OF_BAND * width
    return np.asarray(numbers + np.minimum(_ON_END * np.abs(numbers), most))


def _age_in_days(made: "pd.Series[Any]", today: Any) -> Any:
    """Return how many days before today, or the latest of all, records were made."""
    try:
        if pd.api.types.infer_dtype(made) == "date":
            made = pd.to_datetime(made)
        if isinstance(today, date):
            today = pd.Timestamp(today)
        age = (made.max() if today is None else today) - made
        if pd.api.types.is_timedelta64_dtype(age):
            age = age / pd.Timedelta(days=1)
        return cast(Any, age).to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise DataError(
            f"{made.name} must hold numbers of days, or dates, like today; got others"
        ) from None


def _without_unused(kept: pd.DataFrame) -> pd.DataFrame:
    """Return records without the names of categories and labels that none has."""
    kept, index = kept.copy(), kept.index
    for place, dtype in enumerate(kept.dtypes):
        if isinstance(dtype, pd.CategoricalDtype):
            column: Any = kept.iloc[:, place].cat.remove_unused_categories()
            kept.isetitem(place, column)
    if isinstance(index, pd.MultiIndex):
        return kept.set_axis(index.remove_unused_levels())
    if isinstance(index, pd.CategoricalIndex):
        return kept.set_axis(index.remove_unused_categories())
    return kept
