"""How far a twin's forecasts and what-if answers are off, by days of record."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.errors import ParameterError
from twinprivacy.twins.glucose.days import Days
from twinprivacy.twins.glucose.fit import (
    GlucoseFit,
    GlucosePrior,
    fit_patients,
    predict_glucose,
)
from twinprivacy.twins.glucose.model import simulate_glucose

__all__ = [
    "forecast_errors",
    "unit_effect",
]


MINUTES_PER_DAY = 1_440
READINGS_PER_DAY = 288


@dataclass(frozen=True)
class _Record:
    """The last days of several people, from midnight of the first to their end."""

    patients: pd.DataFrame
    cgm_mg_dl: Array
    meals: pd.DataFrame
    insulin: pd.DataFrame
    days: int

    def until_last(self) -> tuple[Array, pd.DataFrame, pd.DataFrame]:
        """Return readings, diary and doses without the last day."""
        end = (self.days - 1) * MINUTES_PER_DAY
        readings = self.cgm_mg_dl[:, :-READINGS_PER_DAY]
        before = (self.meals["minute"] < end, self.insulin["minute"] < end)
        return readings, self.meals[before[0]], self.insulin[before[1]]

    def of(self, patient: object) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return one person's diary and doses, the last day's included."""
        meals = self.meals[self.meals["patient"] == patient]
        return meals, self.insulin[self.insulin["patient"] == patient]


def forecast_errors(
    lives: Days,
    *,
    record_days: Sequence[int],
    prior: GlucosePrior,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    r"""Foretell everyone's last day in several ways, and measure the error of each.

    For a person with readings :math:`g_t` and forecast :math:`f_t` on the last day,

    .. math:: \text{RMSE} = \sqrt{\frac{1}{T} \sum_t (f_t - g_t)^2}.

    Forecasters are told the meals as entered and the doses given on that day, no
    reading of it: the "own twin", fitted to the days before; the "average twin", the
    prior's average person of the same weight and basal rate. Two need no model: the
    "own mean" of the readings before, and "same as yesterday". Only the twins can also
    say what a dose would do: their `unit_effect` is compared with the true one.

    Parameters
    ----------
    lives : Days
        As from `simulate_days`; at least one day more than the longest record.
    record_days : sequence of int
        Lengths of the record before the last day, each 1 or more.
    prior : GlucosePrior
        What is known of people like them, as from `glucose_prior`.
    n_jobs : int, optional
        Threads; without it one a core. The answer does not depend on it.

    Returns
    -------
    pandas.DataFrame
        Columns patient, forecaster, record_days, rmse_mg_dl and unit_effect_error, a
        share of the true effect, missing where there is no model. The average twin
        stands under the longest record, yesterday under one day.

    Raises
    ------
    ParameterError
        If a length is below 1 or leaves no day to foretell.

    Examples
    --------
    >>> from twinprivacy.twins.glucose import sample_patients
    >>> from twinprivacy.twins.glucose import prescribe, simulate_days
    >>> from twinprivacy.twins.glucose import glucose_prior
    >>> rng = np.random.default_rng(7)
    >>> people = prescribe(sample_patients(60, rng=rng), rng=rng, n_visits=1)
    >>> lives = simulate_days(people.head(2), days=3, rng=rng)
    >>> errors = forecast_errors(lives, record_days=[2], prior=glucose_prior(people))
    >>> sorted(errors["forecaster"].unique())
    ['average twin', 'own mean', 'own twin', 'same as yesterday']
    """
    lengths = sorted(set(record_days))
    n_days = lives.cgm_mg_dl.shape[1] // READINGS_PER_DAY
    if not lengths or lengths[0] < 1 or lengths[-1] >= n_days:
        raise ParameterError(
            f"record_days must lie between 1 and {n_days - 1}, a day less than lived; "
            f"got {list(record_days)!r}"
        )
    day = lives.cgm_mg_dl[:, -READINGS_PER_DAY:]
    effect = unit_effect(lives.patients)
    rows = []
    for length in lengths:
        record = _cut(lives, length + 1)
        readings, meals, insulin = record.until_last()
        fits = fit_patients(
            record.patients, readings, meals, insulin, prior=prior, n_jobs=n_jobs
        )
        own = pd.concat([fit.patient for fit in fits], ignore_index=True)
        own_effect = unit_effect(own.assign(patient=np.arange(len(own))))
        forecast, mean = _foretell(fits, record), np.nanmean(readings, axis=1)
        rows += [
            ("own twin", length, _error(forecast, day), abs(own_effect / effect - 1)),
            ("own mean", length, _error(mean[:, None], day), np.nan),
        ]
    average = _average(record, prior)
    error = _error(_foretell_average(record, average), day)
    average_effect = unit_effect(average)
    rows.append(("average twin", length, error, abs(average_effect / effect - 1)))
    yesterday = lives.cgm_mg_dl[:, -2 * READINGS_PER_DAY : -READINGS_PER_DAY]
    rows.append(("same as yesterday", 1, _error(yesterday, day), np.nan))
    names = ["forecaster", "record_days", "rmse_mg_dl", "unit_effect_error"]
    who = lives.patients["patient"].to_numpy()
    return pd.concat(
        [
            pd.DataFrame({"patient": who, **dict(zip(names, row, strict=True))})
            for row in rows
        ],
        ignore_index=True,
    )


def unit_effect(patients: pd.DataFrame) -> Array:
    """Return how far one unit of insulin at eleven lowers glucose, at rest.

    Parameters
    ----------
    patients : pandas.DataFrame
        As from `twinprivacy.twins.glucose.sample_patients`.

    Returns
    -------
    numpy.ndarray
        Largest fall of plasma glucose below its resting level within six hours, in
        mg/dL, shape (n,).

    Raises
    ------
    DataError
        If the table lacks a column or a value is out of its range.

    Examples
    --------
    >>> from twinprivacy.twins.glucose import sample_patients
    >>> people = sample_patients(3, rng=np.random.default_rng(7))
    >>> bool((unit_effect(people) > 0).all())
    True
    """
    given = pd.DataFrame(
        {
            "patient": patients["patient"].to_numpy(),
            "minute": 11 * 60,
            "bolus_units": 1.0,
        }
    )
    nothing = pd.DataFrame(
        {"patient": [], "minute": [], "kind": [], "carbohydrate_g": []}
    )
    traces = simulate_glucose(patients, nothing, given, minutes=17 * 60)
    before = traces.minutes < 11 * 60
    plasma = traces.plasma_mg_dl
    fall = plasma[:, before][:, -1] - plasma[:, ~before].min(axis=1)
    return np.asarray(fall)


def _cut(lives: Days, n_days: int) -> _Record:
    """Return the last days, their minutes counted from the start of the first."""
    n_readings = n_days * READINGS_PER_DAY
    start = (lives.cgm_mg_dl.shape[1] - n_readings) * 5
    meals, insulin = (
        table[table["minute"] >= start].assign(minute=lambda t: t["minute"] - start)
        for table in (lives.diary, lives.insulin)
    )
    readings = lives.cgm_mg_dl[:, -n_readings:]
    return _Record(lives.patients, readings, meals, insulin, n_days)


def _foretell(fits: list[GlucoseFit], record: _Record) -> Array:
    minutes = record.days * MINUTES_PER_DAY
    return np.vstack(
        [
            predict_glucose(
                fit, *record.of(patient), minutes=minutes
            ).interstitial_mg_dl[0, -READINGS_PER_DAY:]
            for fit, patient in zip(fits, record.patients["patient"], strict=True)
        ]
    )


def _average(record: _Record, prior: GlucosePrior) -> pd.DataFrame:
    """Return the average person once for each weight and basal rate."""
    people = zip(
        record.patients["weight_kg"], record.patients["basal_u_per_hour"], strict=True
    )
    rows = [prior.patient(weight_kg=kg, basal_u_per_hour=rate) for kg, rate in people]
    return pd.concat(rows, ignore_index=True).assign(
        patient=record.patients["patient"].to_numpy()
    )


def _foretell_average(record: _Record, average: pd.DataFrame) -> Array:
    minutes = record.days * MINUTES_PER_DAY
    traces = simulate_glucose(average, record.meals, record.insulin, minutes=minutes)
    return traces.interstitial_mg_dl[:, -READINGS_PER_DAY:]


def _error(forecast: Array, day: Array) -> Array:
    """Return the root mean square error of each person, readings missing left out."""
    return np.asarray(np.sqrt(np.nanmean((forecast - day) ** 2, axis=1)))
