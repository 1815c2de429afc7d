"""What a starting dose of warfarin is worth: the INR while doses follow measurements.

A dosing twin says where to begin; then INRs are measured and doses changed, whatever
the twin said. So a worse start costs days out of range and no more, and this module
counts them. The course of the INR is that of `twinprivacy.twins.inr`.

Nobody is the typical person of a genotype: a patient who needs f times the typical
stable dose responds to a dose d as the typical person to d / f. The effect hangs on the
concentration over :math:`EC_{50}`, and the concentration is proportional to the dose,
so this is the same as an :math:`EC_{50}` of f times the typical one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_choice, check_positive
from twinprivacy.twins._titration_measures import (
    check_periods,
    compare_period,
    time_in_range,
    titration_measures,
)
from twinprivacy.twins._titration_patients import (
    DAYS_PER_WEEK,
    PatientSet,
    read_doses,
    read_patient_set,
)
from twinprivacy.twins._titration_protocol import TitrationProtocol, load_protocol
from twinprivacy.twins._titration_run import run_titration

__all__ = [
    "Titration",
    "TitrationProtocol",
    "compare_starts",
    "load_protocol",
    "simulate_titration",
    "time_in_range",
    "titration_measures",
]


@dataclass(frozen=True, eq=False, repr=False)
class Titration:
    """Hold the course of everyone's INR while doses followed measurements.

    Attributes
    ----------
    inr : numpy.ndarray
        True INR before the dose of each day, shape (n, days + 1), from day 0.
    measured_inr : numpy.ndarray
        The same as measured, nan on days without a visit.
    dose_mg_per_week : numpy.ndarray
        Dose taken on each day, times seven, shape (n, days).
    stable_dose_mg_per_week : numpy.ndarray
        Dose that would hold each person's INR at 2.5, shape (n,).
    """

    inr: Array
    measured_inr: Array
    dose_mg_per_week: Array
    stable_dose_mg_per_week: Array

    def __repr__(self) -> str:
        """Show how many were followed for how long, and nobody."""
        n, days = self.dose_mg_per_week.shape
        return f"Titration(n={n}, days={days})"

    @property
    def visits(self) -> pd.DataFrame:
        """Return one row a measurement: person (row number), day, measured_inr."""
        person, day = np.nonzero(np.isfinite(self.measured_inr))
        inr = self.measured_inr[person, day]
        return pd.DataFrame({"person": person, "day": day, "measured_inr": inr})


def simulate_titration(
    patients: pd.DataFrame,
    starting_dose_mg_per_week: npt.ArrayLike,
    *,
    stable_dose_mg_per_week: npt.ArrayLike | None = None,
    days: int = 90,
    protocol: TitrationProtocol | None = None,
    rng: np.random.Generator,
) -> Titration:
    r"""Simulate patients who begin with a dose and are titrated on measured INRs.

    A measured INR is the true one times :math:`e^{\sigma z}` with normal z.

    Parameters
    ----------
    patients : pandas.DataFrame
        Columns age_years, vkorc1 and cyp2c9, both genotypes known; without stable doses
        also those of `twinprivacy.twins.warfarin.simulate_dose`.
    starting_dose_mg_per_week : array_like
        Above 0 and at most 175 mg a week: a number, or shape (n,). A seventh is taken
        each day until a visit changes it. A Series has the index of `patients`.
    stable_dose_mg_per_week : array_like, optional
        What each person needs in truth for an INR of 2.5, above 0 and at most 175 mg a
        week; a number, or shape (n,), or a Series with the index of `patients`. Without
        it, `simulate_dose`.
    days : int
        Days simulated, 1 or more.
    protocol : TitrationProtocol, optional
        Without it, that of `load_protocol`.
    rng : numpy.random.Generator
        Source of stable doses and of errors of measurement. Two calls with equal
        generators are of the same people with the same errors, day for day.

    Returns
    -------
    Titration

    Raises
    ------
    DataError
        If a genotype is unknown, or `patients` lacks a column or holds values outside
        their range.
    ParameterError
        If doses are of another shape, index or range, `days` is no whole number of 1 or
        more, or `rng` is no generator.

    Notes
    -----
    Every dose is taken, whole tablets are not minded, and what a person needs stays the
    same: no illness, diet or new drug. Nothing but the INR stops a dose, and vitamin K
    is not given. People differ in sensitivity only, not in how fast they respond. Needs
    that are drawn scatter about "iwpc_pharmacogenetic", so that for them this equation
    is right on average, as it may not be elsewhere. Needs and errors are drawn for
    rows: the same people in another order have other draws, and other courses.

    References
    ----------
    Hamberg et al. (2010), doi:10.1038/clpt.2010.37; Anderson et al. (2007),
    doi:10.1161/CIRCULATIONAHA.107.737312.

    Examples
    --------
    >>> person = pd.DataFrame(
    ...     {"age_years": [71], "vkorc1": ["A/G"], "cyp2c9": ["*1/*1"]}
    ... )
    >>> found = simulate_titration(
    ...     person, 35, stable_dose_mg_per_week=35, rng=np.random.default_rng(1_709))
    >>> found.inr[0, [0, 7, 90]].round(1)
    array([1. , 2.2, 2.3])
    """
    patient_set = read_patient_set(
        patients, stable_dose_mg_per_week, _check_days(days), rng
    )
    return _titrate(patient_set, starting_dose_mg_per_week, protocol)


def compare_starts(
    patients: pd.DataFrame,
    starts: Mapping[str, npt.ArrayLike],
    *,
    reference: str = "fixed dose",
    margin_days: float = 7.0,
    days: Sequence[int] = (30, 90),
    stable_dose_mg_per_week: npt.ArrayLike | None = None,
    protocol: TitrationProtocol | None = None,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Compare starting doses on the same patients with the same errors of measurement.

    Parameters
    ----------
    patients, stable_dose_mg_per_week, protocol, rng
        As for `simulate_titration`.
    starts : mapping of str to array_like
        Starting doses in mg a week by name, as for `simulate_titration`.
    reference : str
        Name of the start that the others are compared to.
    margin_days : float
        Above 0. A patient is hurt by a start who has at least so many days more above
        4, or so many fewer in range, than under the reference; helped who is not hurt
        and has so many days fewer above 4 or more in range. By default a week, the
        shortest time after which a regular visit follows a change of dose: less would
        go unseen.
    days : sequence of int
        Periods, from the first dose to each of these days; the longest is simulated.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns start, measure, days, value, low, high, difference, difference_low,
        difference_high, confidence_level and n. Measures are those of
        `titration_measures`, with its intervals, of the mean and of the mean of each
        patient's difference to the reference, from -1 to 1; and for the others than it
        share_hurt and share_helped, with Wilson's intervals and no difference.

    Raises
    ------
    DataError
        As for `simulate_titration`.
    ParameterError
        As for `simulate_titration`, and if the reference is not among the starts or the
        margin or a period is outside its range.

    Notes
    -----
    A start that is neither better nor worse hurts and helps some, because another dose
    leads to other visits: compare both shares. Intervals of differences that few people
    have are too narrow: the worst of 95 %, of the time below 2 under starts of 35 and
    35.5 mg, held the truth in 55 % of samples of 20 patients, 63 % of 50 and 86 % of
    200. Those of time in range did in 91 % or more.

    References
    ----------
    As in `simulate_titration`.

    Examples
    --------
    >>> people = pd.DataFrame({
    ...     "age_years": [71] * 3, "vkorc1": ["A/A"] * 3, "cyp2c9": ["*1/*3"] * 3,
    ... })
    >>> table = compare_starts(
    ...     people, {"fixed dose": 35, "halved": 17.5}, days=[30],
    ...     stable_dose_mg_per_week=15, rng=np.random.default_rng(1_709))
    >>> halved = table[table["start"] == "halved"].set_index("measure")
    >>> bool(halved.loc["share_above_4", "difference"] < 0)
    True
    """
    check_choice(reference, name="reference", allowed=tuple(starts))
    check_positive(margin_days, name="margin_days")
    periods = check_periods(days)
    patient_set = read_patient_set(patients, stable_dose_mg_per_week, max(periods), rng)
    found = {
        name: _titrate(patient_set, dose, protocol) for name, dose in starts.items()
    }
    tables = [
        compare_period(
            found,
            period,
            reference=reference,
            margin_days=margin_days,
            confidence_level=confidence_level,
        )
        for period in periods
    ]
    return pd.concat(tables, ignore_index=True)


def _titrate(
    patients: PatientSet,
    starting_dose_mg_per_week: npt.ArrayLike,
    protocol: TitrationProtocol | None,
) -> Titration:
    starting = read_doses(
        starting_dose_mg_per_week,
        patients.labels,
        "starting_dose_mg_per_week",
    )
    course = run_titration(
        patients.people,
        starting / DAYS_PER_WEEK,
        patients.errors,
        load_protocol() if protocol is None else protocol,
    )
    return Titration(
        course.inr,
        course.measured_inr,
        course.daily_dose_mg * DAYS_PER_WEEK,
        patients.stable_mg_per_week,
    )


def _check_days(days: int) -> int:
    return check_periods([days])[0]
