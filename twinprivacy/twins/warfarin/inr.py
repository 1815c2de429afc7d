"""The course of the INR under warfarin: how a person's blood answers to doses.

The INR (international normalised ratio) says how much longer than normal blood takes to
clot: 1 without warfarin, 2 to 3 where it is wanted. CYP2C9 decides how fast the drug
leaves, VKORC1 how little of it suffices, so a course under known doses tells of both.
The published sizes of what else differs between people are not used: public codes read
them as variances or as standard deviations, and the article was not at hand to decide.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.errors import ParameterError
from twinprivacy.people.columns import Column
from twinprivacy.people.patients import check_number
from twinprivacy.twins.warfarin.dose import USUAL_TARGET_INR, read_target_inr
from twinprivacy.twins.warfarin.kernels import constants, read_people

__all__ = [
    "inr_on_days",
    "simulate_inr",
    "steady_state_dose",
    "steady_state_inr",
]


_HOURS_PER_DAY = 24
# More than 25 mg a day is far beyond use, and half of all weekly doses are above 28.
_DOSE = Column(
    "daily_dose_mg",
    "dose",
    "mg per day",
    "Dose of warfarin",
    0,
    25,
    mistaken=(("mg per week", 25, 350),),
)


def simulate_inr(
    patients: pd.DataFrame,
    daily_dose_mg: npt.ArrayLike,
    *,
    days: int,
    steps_per_day: int = 1,
) -> Array:
    r"""Simulate everyone's INR under one dose a day.

    The amount :math:`A` of S-warfarin still in the gut, its concentration :math:`C`
    and two chains of three steps (j = 1, 2) follow

    .. math:: \begin{aligned}
       A' &= -k_a A, \qquad
       C' = k_a A / V - (CL / V) C, \qquad
       E = C^\gamma / (EC_{50}^\gamma + C^\gamma) \\
       X_{j1}' &= k_j (1 - E - X_{j1}), \qquad
       X_{ji}' = k_j (X_{j,i-1} - X_{ji}), \qquad k_j = 3 / MTT_j \\
       \text{INR} &= 1 + 20 \, \{1 - (X_{13} + X_{23}) / 2\}
       \end{aligned}

    with :math:`CL` and :math:`EC_{50}` sums of two alleles, :math:`CL` falling by
    0.57 % of its value at 71 for each year above that.

    Parameters
    ----------
    patients : pandas.DataFrame
        Columns age_years, vkorc1 and cyp2c9, both genotypes known. Constants are those
        of a typical person of the same genotypes and age.
    daily_dose_mg : array_like
        Racemic warfarin in mg per day, from 0 to 25: one number for all, shape (n,) for
        one a person, (n, days) for one a day; (1, days) for the same plan for all.
    days : int
        Days simulated, 1 or more.
    steps_per_day : int
        Outputs a day, 1 or more.

    Returns
    -------
    numpy.ndarray
        INR, shape (n, days * steps_per_day + 1), evenly spaced from time 0. Doses are
        taken at the start of each day, just after the output of that moment: with one
        output a day, the INR is that before the next dose.

    Raises
    ------
    DataError
        If a genotype is unknown, or `patients` lacks a column or holds values outside
        their range.
    ParameterError
        If doses are not numbers from 0 to 25 of a shape that fits, or `days` or
        `steps_per_day` are not whole numbers of 1 or more.

    Notes
    -----
    The INR keeps within 0.00001 of the exact solution. The model was fitted to adults.
    Nothing is drawn at random: measured INRs scatter about this course.

    References
    ----------
    Hamberg et al. (2010), doi:10.1038/clpt.2010.37.

    Examples
    --------
    >>> person = pd.DataFrame(
    ...     {"age_years": [71], "vkorc1": ["A/G"], "cyp2c9": ["*1/*1"]}
    ... )
    >>> simulate_inr(person, 5, days=28)[0, ::7].round(1)
    array([1. , 2.1, 2.3, 2.3, 2.3])
    """
    from twinprivacy.twins.warfarin.kernels import courses, day_grid

    people, fixed = read_people(patients), constants()
    for name, value in (("days", days), ("steps_per_day", steps_per_day)):
        _check_whole(value, name=name)
    doses = _read_doses(daily_dose_mg, people.clearance_l_per_h.size, days)
    grid = day_grid(int(steps_per_day), fixed.transit_h)
    return courses(people.clearance_l_per_h, people.ec50_mg_per_l, doses, grid, fixed)


def inr_on_days(
    patients: pd.DataFrame, daily_dose_mg: npt.ArrayLike, *, days: Sequence[int]
) -> Array:
    """Return everyone's INR on the days on which it is measured.

    Parameters
    ----------
    patients, daily_dose_mg
        As for `simulate_inr`; doses up to the last of the days.
    days : sequence of int
        Days since the first dose, each 1 or more: the INR is that before its dose.

    Returns
    -------
    numpy.ndarray
        INR, shape (n, number of days), in the order of `days`.

    Raises
    ------
    DataError, ParameterError
        As for `simulate_inr`, and if there are no days.

    References
    ----------
    Hamberg et al. (2010), doi:10.1038/clpt.2010.37.

    Examples
    --------
    >>> person = pd.DataFrame(
    ...     {"age_years": [71], "vkorc1": ["A/G"], "cyp2c9": ["*1/*1"]}
    ... )
    >>> inr_on_days(person, 5, days=[3, 7]).round(1)
    array([[1.6, 2.1]])
    """
    wanted = list(days)
    if not wanted:
        raise ParameterError("days must name at least one day; got none")
    for day in wanted:
        _check_whole(day, name="days")
    return simulate_inr(patients, daily_dose_mg, days=max(wanted))[:, wanted]


def steady_state_dose(
    patients: pd.DataFrame, *, target_inr: npt.ArrayLike = USUAL_TARGET_INR
) -> Array:
    r"""Return the daily dose that holds the INR at a target.

    .. math:: d = \frac{24}{1/2} \, CL \cdot C, \qquad
       C = EC_{50} \Big(\frac{E}{1 - E}\Big)^{1/\gamma}, \qquad
       E = \frac{\text{INR} - 1}{20}

    Parameters
    ----------
    patients : pandas.DataFrame
        As for `simulate_inr`.
    target_inr : array_like
        INR to hold, from 1 to 5: a number, or shape (n,).

    Returns
    -------
    numpy.ndarray
        Racemic warfarin in mg per day, shape (n,).

    Raises
    ------
    DataError
        As for `simulate_inr`.
    ParameterError
        If the target is outside its range or of another shape.

    Notes
    -----
    As if the dose were spread over the day. Taken once a day, the INR before the next
    dose ends within 0.005 of targets up to 3, and within 0.012 of those up to 5.

    References
    ----------
    Hamberg et al. (2010), doi:10.1038/clpt.2010.37; the closed form is our own algebra.

    Examples
    --------
    >>> people = pd.DataFrame({
    ...     "age_years": [71, 71, 71], "vkorc1": ["G/G", "A/A", "A/A"],
    ...     "cyp2c9": ["*1/*1", "*1/*1", "*3/*3"],
    ... })
    >>> steady_state_dose(people).round(1)
    array([7.7, 3.6, 0.9])
    """
    people, fixed = read_people(patients), constants()
    targets = read_target_inr(target_inr, people.clearance_l_per_h.size)
    effect = (targets - fixed.base_inr) / fixed.max_inr
    level = people.ec50_mg_per_l * (effect / (1 - effect)) ** (1 / fixed.gamma)
    return _HOURS_PER_DAY / fixed.active_share * people.clearance_l_per_h * level


def steady_state_inr(patients: pd.DataFrame, daily_dose_mg: npt.ArrayLike) -> Array:
    """Return the INR that one and the same daily dose ends in.

    The inverse of `steady_state_dose`.

    Parameters
    ----------
    patients : pandas.DataFrame
        As for `simulate_inr`.
    daily_dose_mg : array_like
        Racemic warfarin in mg per day, from 0 to 25: a number, or shape (n,).

    Returns
    -------
    numpy.ndarray
        INR, shape (n,).

    Raises
    ------
    DataError
        As for `simulate_inr`.
    ParameterError
        If doses are outside their range or of another shape.

    References
    ----------
    Hamberg et al. (2010), doi:10.1038/clpt.2010.37; the closed form is our own algebra.

    Examples
    --------
    >>> people = pd.DataFrame({
    ...     "age_years": [71, 71], "vkorc1": ["G/G", "A/A"],
    ...     "cyp2c9": ["*1/*1", "*3/*3"],
    ... })
    >>> steady_state_inr(people, 5).round(1)
    array([1.9, 8.5])
    """
    people, fixed = read_people(patients), constants()
    n = people.clearance_l_per_h.size
    doses = check_number(daily_dose_mg, _DOSE)
    if doses.shape not in ((), (n,)):
        raise ParameterError(
            f"daily_dose_mg must be a number or have shape ({n},); got {doses.shape}"
        )
    hourly = fixed.active_share * doses / _HOURS_PER_DAY
    level = hourly / people.clearance_l_per_h
    ratio = (level / people.ec50_mg_per_l) ** fixed.gamma
    return fixed.base_inr + fixed.max_inr * ratio / (1 + ratio)


def _read_doses(daily_dose_mg: npt.ArrayLike, n: int, days: int) -> Array:
    """Return checked doses, one a person and day."""
    doses = check_number(daily_dose_mg, _DOSE)
    if doses.shape not in ((), (n,), (n, days), (1, days)):
        raise ParameterError(
            f"daily_dose_mg must be a number or have shape ({n},), ({n}, {days}) or "
            f"(1, {days}); got {doses.shape}"
        )
    if doses.ndim == 1:
        doses = doses[:, np.newaxis]
    return np.ascontiguousarray(np.broadcast_to(doses, (n, days)))


def _check_whole(value: int, *, name: str) -> None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < 1:
        raise ParameterError(
            f"{name} must be a whole number of 1 or more; got {value!r}"
        )
