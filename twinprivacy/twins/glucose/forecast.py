"""How far a twin's forecasts and what-if answers are off, by days of record."""

from collections.abc import Sequence

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
from twinprivacy.twins.glucose.inputs import (
    MINUTES_PER_DAY,
    READINGS_PER_DAY,
    TICK_MINUTES,
)
from twinprivacy.twins.glucose.model import simulate_glucose

__all__ = [
    "forecast_errors",
]


def forecast_errors(
    record: Days,
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
    say what a dose would do: its error is a share of the true effect.

    Parameters
    ----------
    record : Days
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
    >>> record = simulate_days(people.head(2), days=3, rng=rng)
    >>> errors = forecast_errors(record, record_days=[2], prior=glucose_prior(people))
    >>> sorted(errors["forecaster"].unique())
    ['average twin', 'own mean', 'own twin', 'same as yesterday']
    """
    lengths = sorted(set(record_days))
    n_days = record.cgm_mg_dl.shape[1] // READINGS_PER_DAY
    if not lengths or lengths[0] < 1 or lengths[-1] >= n_days:
        raise ParameterError(
            f"record_days must lie between 1 and {n_days - 1}, a day less than lived; "
            f"got {list(record_days)!r}"
        )
    day = record.cgm_mg_dl[:, -READINGS_PER_DAY:]
    effect = _unit_effect(record.patients)

    def row(
        forecaster: str,
        length: int,
        forecast: Array,
        twins: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        off = np.nan if twins is None else abs(_unit_effect(twins) / effect - 1)
        return pd.DataFrame(
            {
                "patient": record.patients["patient"].to_numpy(),
                "forecaster": forecaster,
                "record_days": length,
                "rmse_mg_dl": np.sqrt(np.nanmean((forecast - day) ** 2, axis=1)),
                "unit_effect_error": off,
            }
        )

    rows = []
    for length in lengths:
        days = record.last(length + 1)
        readings = days.cgm_mg_dl[:, :-READINGS_PER_DAY]
        fits = _fit_before_last(days, prior, n_jobs)
        own = pd.concat([fit.patient for fit in fits], ignore_index=True)
        mean = np.nanmean(readings, axis=1)[:, None]
        rows += [
            row("own twin", length, _predict_last_day(fits, days), own),
            row("own mean", length, mean),
        ]
    average = _average(days.patients, prior)
    events, minutes = (days.diary, days.insulin), (lengths[-1] + 1) * MINUTES_PER_DAY
    traces = simulate_glucose(average, *events, minutes=minutes).interstitial_mg_dl
    yesterday = record.cgm_mg_dl[:, -2 * READINGS_PER_DAY : -READINGS_PER_DAY]
    rows += [
        row("average twin", lengths[-1], traces[:, -READINGS_PER_DAY:], average),
        row("same as yesterday", 1, yesterday),
    ]
    return pd.concat(rows, ignore_index=True)


def _fit_before_last(
    days: Days, prior: GlucosePrior, n_jobs: int | None
) -> list[GlucoseFit]:
    """Fit everyone's twin to all days but the last."""
    end = days.cgm_mg_dl.shape[1] - READINGS_PER_DAY
    before = [
        table[table["minute"] < end * TICK_MINUTES]
        for table in (days.diary, days.insulin)
    ]
    readings = days.cgm_mg_dl[:, :end]
    return fit_patients(days.patients, readings, *before, prior=prior, n_jobs=n_jobs)


def _predict_last_day(fits: list[GlucoseFit], days: Days) -> Array:
    """Return what each twin says of the last day, given its diary and doses."""
    minutes, tables = days.minutes.size * TICK_MINUTES, (days.diary, days.insulin)
    found = []
    for fit, who in zip(fits, days.patients["patient"], strict=True):
        own = [table[table["patient"] == who] for table in tables]
        trace = predict_glucose(fit, *own, minutes=minutes)
        found.append(trace.interstitial_mg_dl[0, -READINGS_PER_DAY:])
    return np.array(found)


def _unit_effect(patients: pd.DataFrame) -> Array:
    """Return how far a unit at eleven lowers glucose at rest in six hours (mg/dL)."""
    given = pd.DataFrame(
        {"patient": patients["patient"], "minute": 11 * 60, "bolus_units": 1.0}
    )
    nothing = pd.DataFrame(columns=["patient", "minute", "kind", "carbohydrate_g"])
    traces = simulate_glucose(patients, nothing, given, minutes=17 * 60)
    before = traces.minutes < 11 * 60
    plasma = traces.plasma_mg_dl
    fall = plasma[:, before][:, -1] - plasma[:, ~before].min(axis=1)
    return np.asarray(fall)


def _average(patients: pd.DataFrame, prior: GlucosePrior) -> pd.DataFrame:
    """Return the average person once for each weight and basal rate."""
    people = zip(patients["weight_kg"], patients["basal_u_per_hour"], strict=True)
    rows = [prior.patient(weight_kg=kg, basal_u_per_hour=rate) for kg, rate in people]
    return pd.concat(rows).assign(patient=patients["patient"].to_numpy())
