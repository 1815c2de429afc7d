"""The day after day of a titration: measure, decide, dose, and the INR that follows."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array
from twinprivacy.twins._inr_kernels import carry_on, day_grid, untreated
from twinprivacy.twins._inr_parameters import People, constants
from twinprivacy.twins._titration_protocol import TitrationProtocol, decide


class Course(NamedTuple):
    """Hold true and measured INR, shape (n, days + 1), and doses, (n, days), in mg."""

    inr: Array
    measured_inr: Array
    daily_dose_mg: Array


@dataclass
class Prescriptions:
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
) -> Course:
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
    return Course(inr, measured, doses)


def _first_prescriptions(
    starting_mg: Array, protocol: TitrationProtocol
) -> Prescriptions:
    n = starting_mg.size
    first = (*protocol.early_visit_days, protocol.first_visit_day)[0]
    return Prescriptions(
        starting_mg.copy(),
        np.zeros(n),
        np.zeros(n, dtype=int),
        np.full(n, first),
        np.full(n, -1),
        np.zeros(n, dtype=bool),
    )


def _prescribe(
    told: Prescriptions,
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
