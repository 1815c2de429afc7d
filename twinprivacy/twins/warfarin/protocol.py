"""How doses of warfarin follow measured INRs: the published table and its schedule."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array, Flags, Integers
from twinprivacy._validation import check_rng
from twinprivacy.errors import ParameterError
from twinprivacy.people.columns import Column
from twinprivacy.people.patients import check_number
from twinprivacy.twins.warfarin.dose import simulate_dose
from twinprivacy.twins.warfarin.inr import steady_state_dose
from twinprivacy.twins.warfarin.kernels import (
    People,
    carry_on,
    constants,
    day_grid,
    read_people,
    untreated,
)

__all__ = [
    "TitrationProtocol",
    "load_protocol",
]


class _Zone(NamedTuple):
    """One row of a dosing table.

    Attributes
    ----------
    name : str
        Zone of the INR; neighbouring rows may be of one zone.
    inr_from : float
        Least INR; the row ends where the next begins.
    first_dose_factor : float
        Factor of the daily dose for the next `n_first_doses` doses only.
    n_first_doses : int
        0 where the next doses do not differ; 1 or more in the last zone, where they
        are the days until the next INR.
    dose_factor, dose_factor_again : float
        Factors of the lasting dose, when the last INR was in another zone or in this.
    days_to_next, days_to_next_again : int
        Days to the next INR, in the same two cases, 1 or more.
    """

    name: str
    inr_from: float
    first_dose_factor: float
    n_first_doses: int
    dose_factor: float
    dose_factor_again: float
    days_to_next: int
    days_to_next_again: int


@dataclass(frozen=True)
class TitrationProtocol:
    """Configure how doses follow measured INRs.

    In the last zone doses are held, `n_first_doses` at a time, until an INR is below
    the zone before it; then its factor applies.

    Parameters
    ----------
    zones : tuple of Zone
        Rows by rising INR, the first from 0 on.
    first_visit_day : int
        Day of the first INR that the whole table is applied to, 1 or more.
    early_visit_days : tuple of int
        Earlier days, rising, on which the INR is measured but only rows that lower the
        dose at once are applied: in the first days a low INR says nothing yet.
    measurement_sd : float
        Standard deviation of the logarithm of a measured INR about the true one, 0 or
        more.

    Raises
    ------
    ParameterError
        If days or zones are not in order, a wait is below a day, or the deviation is
        below 0.

    Examples
    --------
    >>> load_protocol(early_visit_days=()).first_visit_day
    8
    """

    zones: tuple[_Zone, ...]
    first_visit_day: int
    early_visit_days: tuple[int, ...]
    measurement_sd: float

    def __post_init__(self) -> None:
        """Refuse what is not in order."""
        starts = [zone.inr_from for zone in self.zones]
        if len(starts) < 2 or starts[0] != 0 or (np.diff(starts) <= 0).any():
            raise ParameterError(
                "zones must be two or more by rising inr_from, the first from 0; got "
                f"{starts}"
            )
        waits = [self.zones[-1].n_first_doses]
        for zone in self.zones:
            waits += [zone.days_to_next, zone.days_to_next_again]
        if min(waits) < 1:
            raise ParameterError(
                "days_to_next and days_to_next_again of every zone, and n_first_doses "
                f"of the last, must be 1 or more; got {min(waits)!r}"
            )
        days = (0, *self.early_visit_days, self.first_visit_day)
        if (np.diff(days) < 1).any():
            raise ParameterError(
                "early_visit_days and first_visit_day must rise from 1 on; got "
                f"{self.early_visit_days} and {self.first_visit_day}"
            )
        if not (np.isfinite(self.measurement_sd) and self.measurement_sd >= 0):
            raise ParameterError(
                f"measurement_sd must be finite and 0 or more; got "
                f"{self.measurement_sd!r}"
            )


class _Decisions(NamedTuple):
    """Hold what is decided about each measured person, shape (k,) each."""

    dose_factor: Array
    first_dose_factor: Array
    n_first_doses: Integers
    days_to_next: Integers
    zone: Integers
    holding: Flags


def load_protocol(
    *, first_visit_day: int = 8, early_visit_days: tuple[int, ...] = (3, 5)
) -> TitrationProtocol:
    """Load the dosing table of the CoumaGen trial, for a range of 2 to 3.

    Parameters
    ----------
    first_visit_day, early_visit_days
        As for `TitrationProtocol`.

    Returns
    -------
    TitrationProtocol

    Raises
    ------
    ParameterError
        If the days are not in order.

    Notes
    -----
    The trial's supplement was not at hand: the table was read off public programs by
    one group that name it as their source, and holds from day 8 on. Measuring on days 3
    and 5 is our own choice, so that nobody who is very sensitive goes a week unseen.
    A measured INR scatters as in Hamberg's model; of two public codes one has 0.20 and
    one 0.19, on the scale of the logarithm.

    References
    ----------
    Anderson et al. (2007), doi:10.1161/CIRCULATIONAHA.107.737312; Hamberg et al.
    (2010), doi:10.1038/clpt.2010.37.

    Examples
    --------
    >>> [zone.inr_from for zone in load_protocol().zones]
    [0.0, 1.6, 1.8, 2.0, 3.0, 3.4, 4.0, 5.0]
    """
    table = datasets.load("warfarin_titration_protocol")
    zones = tuple(
        _Zone(
            str(row["zone"]),
            float(row["inr_from"]),
            # Without first doses of their own the factor is of none.
            float(row["first_dose_factor"]) if row["n_first_doses"] else 1.0,
            int(row["n_first_doses"]),
            float(row["dose_factor"]),
            float(row["dose_factor_again"]),
            int(row["days_to_next"]),
            int(row["days_to_next_again"]),
        )
        for row in table.to_dict("records")
    )
    facts = datasets.load("warfarin_pkpd_parameters")
    residual = facts[
        (facts["model"] == "hamberg_2010") & (facts["parameter"] == "residual_INR")
    ]
    sd = float(residual["value"].item())
    return TitrationProtocol(zones, first_visit_day, tuple(early_visit_days), sd)


def decide(
    protocol: TitrationProtocol,
    measured: Array,
    last_zone: Integers,
    holding: Flags,
    day: int,
) -> _Decisions:
    """Return what the protocol decides on measured INRs of one day."""
    zones = protocol.zones
    names = [zone.name for zone in zones]
    codes = np.array([names.index(name) for name in names])
    starts = np.array([zone.inr_from for zone in zones])
    row = np.searchsorted(starts, measured, side="right") - 1
    zone = codes[row]
    again = zone == last_zone

    def of_row(first: str, second: str) -> Array:
        values = np.array([[getattr(z, first), getattr(z, second)] for z in zones])
        return np.asarray(values[row, again.astype(int)], dtype=float)

    found = _Decisions(
        of_row("dose_factor", "dose_factor_again"),
        of_row("first_dose_factor", "first_dose_factor"),
        of_row("n_first_doses", "n_first_doses").astype(int),
        of_row("days_to_next", "days_to_next_again").astype(int),
        zone,
        np.zeros(row.size, dtype=bool),
    )
    if day < protocol.first_visit_day:
        _wait_unless_lowered(protocol, found, day)
    _hold(protocol, found, row, measured, holding)
    return found


def _wait_unless_lowered(
    protocol: TitrationProtocol, found: _Decisions, day: int
) -> None:
    """Change decisions of an early day, in place: only lower doses, next day as set."""
    waits = found.dose_factor >= 1
    found.dose_factor[waits] = 1
    found.n_first_doses[waits] = 0
    found.zone[waits] = -1
    days = (*protocol.early_visit_days, protocol.first_visit_day)
    found.days_to_next[:] = min(later for later in days if later > day) - day


def _hold(
    protocol: TitrationProtocol,
    found: _Decisions,
    row: Integers,
    measured: Array,
    holding: Flags,
) -> None:
    """Change decisions about people in the last zone, or held since, in place."""
    zones = protocol.zones
    last, before = zones[-1], zones[-2].name
    resume_below = next(zone.inr_from for zone in zones if zone.name == before)
    holds = (row == len(zones) - 1) | (holding & (measured >= resume_below))
    resumes = holding & ~holds
    found.dose_factor[holds] = 1
    found.first_dose_factor[holds] = last.first_dose_factor
    found.n_first_doses[holds] = last.n_first_doses
    found.days_to_next[holds] = last.n_first_doses
    found.holding[holds] = True
    found.dose_factor[resumes] = last.dose_factor
    found.n_first_doses[resumes] = 0
    found.days_to_next[resumes] = last.days_to_next


class _Course(NamedTuple):
    """Hold true and measured INR, shape (n, days + 1), and doses, (n, days), in mg."""

    inr: Array
    measured_inr: Array
    daily_dose_mg: Array


@dataclass
class _Prescriptions:
    """What everyone is told to take, and when to come next; shape (n,) each."""

    lasting_mg: Array
    first_mg: Array
    n_first: npt.NDArray[np.int64]
    next_visit: npt.NDArray[np.int64]
    last_zone: npt.NDArray[np.int64]
    holding: npt.NDArray[np.bool_]

    def doses(self) -> Array:
        """Return today's doses, and count the first ones down."""
        dose = np.where(self.n_first > 0, self.first_mg, self.lasting_mg)
        self.n_first = np.maximum(self.n_first - 1, 0)
        return dose


def run_titration(
    people: People, starting_mg: Array, errors: Array, protocol: TitrationProtocol
) -> _Course:
    """Return the course under a protocol; `errors` has shape (days + 1, n).

    Errors are standard normal, one a day and person, so that those of a visit do not
    hang on which visits came before.
    """
    days, n = errors.shape[0] - 1, starting_mg.size
    fixed = constants()
    grid, state = day_grid(1, fixed.transit_h), untreated(n)
    inr = np.full((n, days + 1), fixed.base_inr)
    measured = np.full((n, days + 1), np.nan)
    doses = np.empty((n, days))
    measured[:, 0] = inr[:, 0] * np.exp(protocol.measurement_sd * errors[0])
    told = _first_prescriptions(starting_mg, protocol)
    for day in range(days + 1):
        due = np.flatnonzero(told.next_visit == day)
        if due.size:
            error = np.exp(protocol.measurement_sd * errors[day, due])
            measured[due, day] = inr[due, day] * error
            _prescribe(told, due, measured[due, day], protocol, day)
        if day < days:
            doses[:, day] = told.doses()
            inr[:, day + 1] = carry_on(
                state,
                people.clearance_l_per_h,
                people.ec50_mg_per_l,
                doses[:, day : day + 1],
                grid,
                fixed,
            )[:, 1]
    return _Course(inr, measured, doses)


def _first_prescriptions(
    starting_mg: Array, protocol: TitrationProtocol
) -> _Prescriptions:
    n = starting_mg.size
    first = (*protocol.early_visit_days, protocol.first_visit_day)[0]
    return _Prescriptions(
        starting_mg.copy(),
        np.zeros(n),
        np.zeros(n, dtype=int),
        np.full(n, first),
        np.full(n, -1),
        np.zeros(n, dtype=bool),
    )


def _prescribe(
    told: _Prescriptions,
    due: npt.NDArray[np.intp],
    measured: Array,
    protocol: TitrationProtocol,
    day: int,
) -> None:
    """Change what those who are due are told, in place."""
    found = decide(protocol, measured, told.last_zone[due], told.holding[due], day)
    # A first dose is a share of the dose before the change.
    told.first_mg[due] = told.lasting_mg[due] * found.first_dose_factor
    told.n_first[due] = found.n_first_doses
    told.lasting_mg[due] *= found.dose_factor
    told.next_visit[due] = day + found.days_to_next
    told.last_zone[due] = found.zone
    told.holding[due] = found.holding


DAYS_PER_WEEK = 7
_DOSE = Column("dose_mg_per_week", "dose", "mg per week", "Dose of warfarin", 0, 25 * 7)
# Nobody needs less; without it a draw of almost nothing would stand for a patient.
_LEAST_STABLE_MG_PER_WEEK = 0.5


class PatientSet(NamedTuple):
    """Everyone's constants and needs, and the errors of their measurements."""

    labels: "pd.Index[Any]"
    people: People
    stable_mg_per_week: Array
    errors: Array


def read_patient_set(
    patients: pd.DataFrame,
    stable_dose_mg_per_week: npt.ArrayLike | None,
    days: int,
    rng: np.random.Generator,
) -> PatientSet:
    """Return what `simulate_titration` is about, its needs drawn if not given."""
    check_rng(rng)
    people = read_people(patients)
    # Two sources, whether or not both are used, so that errors are the same.
    needs_rng, error_rng = rng.spawn(2)
    if stable_dose_mg_per_week is None:
        drawn = simulate_dose(patients, rng=needs_rng)
        stable = np.maximum(drawn, _LEAST_STABLE_MG_PER_WEEK)
    else:
        stable = read_doses(
            stable_dose_mg_per_week, patients.index, "stable_dose_mg_per_week"
        )
    typical = steady_state_dose(patients) * DAYS_PER_WEEK
    sensitive = replace(people, ec50_mg_per_l=people.ec50_mg_per_l * stable / typical)
    errors = error_rng.standard_normal((days + 1, len(patients)))
    return PatientSet(patients.index, sensitive, stable, errors)


def read_doses(values: npt.ArrayLike, labels: "pd.Index[Any]", name: str) -> Array:
    """Return one dose for each labelled person, in mg a week."""
    n = len(labels)
    doses = check_number(values, replace(_DOSE, name=name))
    if doses.shape not in ((), (n,)):
        raise ParameterError(
            f"{name} must be a number or have shape ({n},); got {doses.shape}"
        )
    if isinstance(values, pd.Series) and not values.index.equals(labels):
        raise ParameterError(
            f"{name} must have the index of patients in the same order; got {n} rows "
            "that differ in it"
        )
    n_none = int((doses == 0).sum())
    if n_none:
        raise ParameterError(
            f"{name} must be above 0, since doses change by factors; got {n_none} of "
            f"{doses.size} at 0"
        )
    return np.ascontiguousarray(np.broadcast_to(doses, (n,)))
