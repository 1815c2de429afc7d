"""What a starting dose of warfarin is worth: the INR while doses follow measurements.

A dosing twin says where to begin; then INRs are measured and doses changed, whatever
the twin said. So a worse start costs days out of range and no more, and this module
counts them. The course of the INR is that of `twinprivacy.twins.warfarin`.

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

from twinprivacy._types import Array, Flags
from twinprivacy._validation import check_choice, check_positive
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import mean_interval, share_interval, within
from twinprivacy.twins.warfarin.protocol import (
    DAYS_PER_WEEK,
    PatientSet,
    TitrationProtocol,
    load_protocol,
    read_doses,
    read_patient_set,
    run_titration,
)

__all__ = [
    "Titration",
    "compare_starts",
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
    periods = _check_periods(days)
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
    return _check_periods([days])[0]


# Above 4 patients bleed more, below 2 they clot more; between 3 and 4 little happens.
_BANDS = {
    "share_in_range": (2.0, 3.0),
    "share_above_4": (4.0, np.inf),
    "share_below_2": (0.0, 2.0),
}
_MEASURED = "measured_share_in_range"


def time_in_range(
    inr: npt.ArrayLike,
    *,
    low: float = 2.0,
    high: float = 3.0,
    days: int | None = None,
) -> Array:
    """Return the share of time that each person's INR is in a range.

    Between two values that follow one another the INR is taken to go straight, and the
    share of that line between `low` and `high` is exact: Rosendaal's method, for INRs
    of visits as for those of every day.

    Parameters
    ----------
    inr : array_like
        Shape (n, days + 1), the INR on day 0, 1 and so on; nan where not measured.
    low, high : float
        Ends of the range, low < high; `high` may be infinite.
    days : int, optional
        Time from day 0 to this day only. Values after it still say how the last line
        goes.

    Returns
    -------
    numpy.ndarray
        Shape (n,), shares from 0 to 1 of the time between the first and the last value;
        nan for those with fewer than two values.

    Raises
    ------
    DataError
        If `inr` is no table of two days or more, or holds infinite numbers.
    ParameterError
        If the range is empty, or `days` is no whole number from 1 to the last day.

    Notes
    -----
    A person who leaves the range between two visits and comes back is not seen to. With
    INRs of every day the error is next to nothing.

    References
    ----------
    Rosendaal et al. (1993), doi:10.1055/s-0038-1651587.

    Examples
    --------
    >>> time_in_range([[1.0, np.nan, 3.0, 3.0]])
    array([0.66666667])
    """
    values = _read_inr(inr)
    last = values.shape[1] - 1
    if not low < high:
        raise ParameterError(f"low must be below high; got {low!r} and {high!r}")
    if days is not None and not (_is_whole(days) and 1 <= days <= last):
        raise ParameterError(
            f"days must be a whole number of 1 to {last}; got {days!r}"
        )
    daily = _interpolated(values)[:, : (last if days is None else days) + 1]
    start, end = daily[:, :-1], daily[:, 1:]
    lower, upper = np.minimum(start, end), np.maximum(start, end)
    inside = np.clip(np.minimum(upper, high) - np.maximum(lower, low), 0, None)
    flat = upper == lower
    share = np.where(flat, (low <= lower) & (lower <= high), inside)
    share = share / np.where(flat, 1.0, upper - lower)
    known = np.isfinite(start) & np.isfinite(end)
    n_known = known.sum(axis=1)
    total = np.where(known, share, 0.0).sum(axis=1)
    return np.where(n_known > 0, total / np.maximum(n_known, 1), np.nan)


def titration_measures(
    titration: "Titration",
    *,
    days: Sequence[int] = (30, 90),
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Measure how well patients were kept in range while they were titrated.

    Parameters
    ----------
    titration : Titration
        Of `simulate_titration`.
    days : sequence of int
        Periods, from the first dose to each of these days, within what was simulated.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns measure, days, value, low, high, confidence_level and n (patients).
        Values are means over patients of their shares of time: share_in_range (INR of 2
        to 3), share_above_4 and share_below_2 of the true INR, and
        measured_share_in_range by Rosendaal's method from the visits, as a clinic sees
        it, from those measured twice within the period. Student's intervals, of the
        mean among other such patients, cut at 0 and 1; missing where all have the same
        share. Without anybody n is 0 and the rest missing.

    Raises
    ------
    ParameterError
        If a period or the level is outside its range.

    Notes
    -----
    Everyone begins below 2, so the first days are lost under any dose. Intervals of
    shares that few have much of, above 4 and below 2, are too narrow in small samples:
    in simulations the worst of 95 % held the truth in 72 % of samples of 20 patients,
    86 % of 50 and 88 % of 200.

    References
    ----------
    Rosendaal et al. (1993), doi:10.1055/s-0038-1651587.

    Examples
    --------
    >>> from twinprivacy.twins.warfarin import simulate_titration
    >>> people = pd.DataFrame({
    ...     "age_years": [71] * 2, "vkorc1": ["A/G"] * 2, "cyp2c9": ["*1/*1"] * 2,
    ... })
    >>> found = simulate_titration(
    ...     people, [35, 70], stable_dose_mg_per_week=[35, 35],
    ...     days=30, rng=np.random.default_rng(1_709))
    >>> titration_measures(found, days=[30])["measure"].tolist()[:2]
    ['share_in_range', 'share_above_4']
    """
    rows = []
    for period in _check_periods(days, titration.inr.shape[1] - 1):
        for measure, shares in _person_shares(titration, period).items():
            shares = shares[np.isfinite(shares)]
            found = _mean_share(shares, confidence_level, least=0)
            rows.append({"measure": measure, "days": period, **found.as_dict()})
    return pd.DataFrame(rows)


def _person_shares(titration: "Titration", days: int) -> dict[str, Array]:
    """Return each measure's share of time up to a day, for each person."""
    shares = {
        measure: time_in_range(titration.inr, low=low, high=high, days=days)
        for measure, (low, high) in _BANDS.items()
    }
    # A visit after the period may not tell, or others that were asked for would change
    # this one: the INR is measured for as long as the longest.
    shares[_MEASURED] = time_in_range(titration.measured_inr[:, : days + 1])
    return shares


def _check_periods(days: Sequence[int], last: int | None = None) -> list[int]:
    """Return periods in days; raise unless all are whole and within what is simulated.

    Without a last day any number of 1 or more will do.
    """
    periods = list(days)
    whole = all(_is_whole(period) for period in periods)
    end = max(periods) if last is None and periods and whole else last
    if not (periods and whole and all(1 <= p <= (end or 1) for p in periods)):
        allowed = "1 or more" if last is None else f"1 to {last}, the days simulated"
        raise ParameterError(f"days must be whole numbers of {allowed}; got {periods}")
    return [int(period) for period in periods]


def _is_whole(days: object) -> bool:
    return isinstance(days, int | np.integer) and not isinstance(days, bool)


def compare_period(
    found: Mapping[str, "Titration"],
    days: int,
    *,
    reference: str,
    margin_days: float,
    confidence_level: float,
) -> pd.DataFrame:
    """Return the rows of `compare_starts` of one period."""
    shares = {name: _person_shares(each, days) for name, each in found.items()}
    usual = shares[reference]
    rows = []
    for name, mine in shares.items():
        same = np.array_equal(
            found[name].dose_mg_per_week, found[reference].dose_mg_per_week
        )
        for measure in mine:
            row = _compared(mine[measure], usual[measure], confidence_level, same=same)
            rows.append({"start": name, "measure": measure, "days": days, **row})
        if name == reference:
            continue
        hurt, helped = _hurt_and_helped(mine, usual, margin_days / days)
        for measure, flags in (("share_hurt", hurt), ("share_helped", helped)):
            share = share_interval(flags, confidence_level=confidence_level)
            row = share.as_dict()
            rows.append({"start": name, "measure": measure, "days": days, **row})
    columns = ["start", "measure", "days", "value", "low", "high", "difference"]
    columns += ["difference_low", "difference_high", "confidence_level", "n"]
    return pd.DataFrame(rows, columns=columns)


def _compared(
    mine: Array, usual: Array, level: float, *, same: bool
) -> dict[str, float | int]:
    """Return a mean and its difference to the reference, of those with both."""
    known = np.isfinite(mine) & np.isfinite(usual)
    change = _mean_share(mine[known] - usual[known], level, least=-1)
    if same and known.any():
        change = Estimate(0.0, 0.0, 0.0, level, change.n)
    return {
        **_mean_share(mine[known], level, least=0).as_dict(),
        "difference": change.value,
        "difference_low": change.low,
        "difference_high": change.high,
    }


def _mean_share(shares: Array, level: float, *, least: float) -> Estimate:
    """Return a mean from `least` to 1, without an interval where nobody differs."""
    if not shares.size:
        return Estimate(np.nan, np.nan, np.nan, level, 0)
    found = mean_interval(shares, confidence_level=level)
    if np.ptp(shares) == 0:
        return Estimate(found.value, np.nan, np.nan, level, found.n)
    return within(found.value, found.low, found.high, level, found.n, least=least)


def _hurt_and_helped(
    mine: dict[str, Array], usual: dict[str, Array], margin: float
) -> tuple[Flags, Flags]:
    above = mine["share_above_4"] - usual["share_above_4"]
    inside = mine["share_in_range"] - usual["share_in_range"]
    hurt = (above >= margin) | (inside <= -margin)
    helped = ((above <= -margin) | (inside >= margin)) & ~hurt
    return hurt, helped


def _read_inr(inr: npt.ArrayLike) -> Array:
    try:
        values = np.asarray(inr, dtype=float)
    except (TypeError, ValueError):
        raise DataError("inr must hold numbers only; got others") from None
    if values.ndim != 2 or values.shape[1] < 2 or not len(values):
        raise DataError(
            "inr must have shape (n, days + 1), with two days or more; got "
            f"{values.shape}"
        )
    n_infinite = int(np.isinf(values).sum())
    if n_infinite:
        raise DataError(f"inr must not be infinite; got {n_infinite} of {values.size}")
    return values


def _interpolated(values: Array) -> Array:
    """Fill the days between measurements along straight lines."""
    known = np.isfinite(values)
    if known.all():
        return values
    day = np.arange(values.shape[1])
    before = np.maximum.accumulate(np.where(known, day, -1), axis=1)
    later = np.where(known, day, values.shape[1])[:, ::-1]
    after = np.minimum.accumulate(later, axis=1)[:, ::-1]
    outside = (before < 0) | (after == values.shape[1])
    before, after = np.where(outside, 0, before), np.where(outside, 0, after)
    start = np.take_along_axis(values, before, axis=1)
    end = np.take_along_axis(values, after, axis=1)
    way = (day - before) / np.maximum(after - before, 1)
    return np.where(outside, np.nan, start + way * (end - start))
