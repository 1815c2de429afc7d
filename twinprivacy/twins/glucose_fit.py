"""Make the glucose twin of one person: fit the model to readings, meals and doses."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import AnyArray
from twinprivacy._validation import check_fraction
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins import _glucose_inputs as inputs
from twinprivacy.twins._columns import COLUMNS
from twinprivacy.twins._glucose_parameters import PARAMETERS
from twinprivacy.twins._glucose_twin import (
    GlucoseFit,
    GlucosePrior,
    estimate,
    glucose_prior,
    one_patient,
)
from twinprivacy.twins.glucose import GlucoseTraces, simulate_glucose
from twinprivacy.twins.patients import check_number

if TYPE_CHECKING:
    from twinprivacy.twins._glucose_search import Record

__all__ = [
    "GlucoseFit",
    "GlucosePrior",
    "fit_patient",
    "fit_patients",
    "glucose_prior",
    "predict_glucose",
]


TICK = 5


def fit_patient(
    cgm_mg_dl: npt.ArrayLike,
    meals: pd.DataFrame,
    insulin: pd.DataFrame,
    *,
    prior: GlucosePrior,
    weight_kg: float,
    basal_u_per_hour: float,
    fixed: Collection[str] = (),
    confidence_level: float = 0.95,
    step_minutes: int = 1,
) -> GlucoseFit:
    r"""Fit the glucose model to one person's readings, meals and doses.

    The mode of the posterior with normal errors of unknown SD and a normal prior on the
    free scale, found by Levenberg-Marquardt steps with exact derivatives; intervals are
    those of the normal law at the mode (Laplace), carried to each parameter's own unit.
    Readings are correlated where model, diary or sensor err, so the likelihood counts
    :math:`n / (1 + 2 \sum_k \rho_k)` of them, with the autocorrelations of the
    residuals of a first fit.

    Parameters
    ----------
    cgm_mg_dl : array_like
        Readings in mg/dL every 5 minutes from midnight, shape (n_times,); nan where
        missing. Readings at the ends of the sensor's range and those of the first
        three hours are not used.
    meals : pandas.DataFrame
        Columns minute, carbohydrate_g and kind, as the person entered them. A column
        patient must not name several.
    insulin : pandas.DataFrame
        Columns minute and bolus_units, and duration_minutes if any.
    prior : GlucosePrior
        As from `glucose_prior`.
    weight_kg, basal_u_per_hour : float
        Body weight, and the basal rate at which the person rests at Gb.
    fixed : collection of str
        Parameters held at the prior's mean.
    confidence_level : float
        Of the intervals, strictly between 0 and 1.
    step_minutes : int
        Step of the solver: 1 or 5.

    Returns
    -------
    GlucoseFit

    Raises
    ------
    DataError
        If readings, meals or doses are out of range, such as in another unit.
    FitError
        If fewer than 100 readings can be used.
    ParameterError
        If a name in `fixed` is unknown, all are fixed, or a setting is out of range.

    Notes
    -----
    With true meals and doses all parameters but p2 are learned from a week (shrinkage
    below a half), kd too; fixing kd would bias ka2. With counted meals, forgotten ones,
    a sensor's errors and change from day to day, p2, ka2 and kempt keep their prior
    (shrinkage near 1) and the delays nearly so. They are not fixed: a parameter of
    which the record says nothing stays what the prior makes it, with its full spread.

    References
    ----------
    Cappon (2023), doi:10.1109/TBME.2023.3286856; Marquardt (1963),
    doi:10.1137/0111030.

    Examples
    --------
    >>> from twinprivacy.twins.glucose import sample_patients
    >>> rng = np.random.default_rng(7)
    >>> prior = glucose_prior(sample_patients(1_000, rng=rng))
    >>> meals = pd.DataFrame({"minute": 720, "carbohydrate_g": [60], "kind": ["lunch"]})
    >>> doses = pd.DataFrame({"minute": [720], "bolus_units": [2.0]})
    >>> fit = fit_patient(np.full(288, 140.0), meals, doses, prior=prior, weight_kg=80,
    ...                   basal_u_per_hour=0.8)
    >>> fit.estimates["gb_mg_dl"].value > 119
    True
    """
    from twinprivacy.twins import _glucose_record as record

    check_fraction(confidence_level, name="confidence_level")
    if step_minutes not in (1, 5):
        raise ParameterError(f"step_minutes must be 1 or 5; got {step_minutes!r}")
    free = record.free_places(fixed)
    weight = check_number(weight_kg, COLUMNS["weight_kg"])
    basal = check_number(basal_u_per_hour, inputs.BASAL)
    events = record.read_events(meals, insulin, np.atleast_1d(weight))
    cgm = inputs.read_cgm(cgm_mg_dl)
    told = record.make_record(cgm, *events, float(weight), float(basal), step_minutes)
    return _fit(told, prior, free, float(weight), float(basal), confidence_level)


def fit_patients(
    patients: pd.DataFrame,
    cgm_mg_dl: npt.ArrayLike,
    meals: pd.DataFrame,
    insulin: pd.DataFrame,
    *,
    prior: GlucosePrior,
    fixed: Collection[str] = (),
    confidence_level: float = 0.95,
    step_minutes: int = 1,
    n_jobs: int | None = None,
) -> list[GlucoseFit]:
    """Fit the model to several people, each alone, as `fit_patient` does.

    Parameters
    ----------
    patients : pandas.DataFrame
        Columns patient, weight_kg and basal_u_per_hour; others are not read.
    cgm_mg_dl : array_like
        Readings, shape (n, n_times), rows in the order of `patients`.
    meals, insulin : pandas.DataFrame
        As for `simulate_glucose`, with a column patient.
    prior, fixed, confidence_level, step_minutes
        As for `fit_patient`.
    n_jobs : int, optional
        Threads; without it one a core. The answer does not depend on it.

    Returns
    -------
    list of GlucoseFit
        In the order of `patients`, and named as there.

    Raises
    ------
    DataError, FitError, ParameterError
        As for `fit_patient`, or if the rows of readings are not as many as people.

    Examples
    --------
    >>> from twinprivacy.twins.glucose import sample_patients
    >>> people = sample_patients(100, rng=np.random.default_rng(7))
    >>> none = pd.DataFrame(columns=["patient", "minute", "carbohydrate_g", "kind"])
    >>> doses = pd.DataFrame(columns=["patient", "minute", "bolus_units"])
    >>> fits = fit_patients(people.head(2), np.full((2, 288), 130.0), none, doses,
    ...                     prior=glucose_prior(people))
    >>> [round(fit.residual_sd_mg_dl) for fit in fits]
    [0, 0]
    """
    from twinprivacy.twins import _glucose_record as record

    check_fraction(confidence_level, name="confidence_level")
    if step_minutes not in (1, 5):
        raise ParameterError(f"step_minutes must be 1 or 5; got {step_minutes!r}")
    free = record.free_places(fixed)
    names, weight, basal = inputs.read_known(patients)
    eaten = inputs.read_meals(meals, names, weight)
    given = inputs.read_insulin(insulin, names, weight)
    readings = inputs.to_numbers(cgm_mg_dl, inputs.GLUCOSE.name)
    if readings.ndim != 2 or len(readings) != len(names):
        raise DataError(
            "cgm_mg_dl must have one row a patient, shape (n, n_times); got "
            f"{readings.shape} for {len(names)} patients"
        )
    fits: list[GlucoseFit | None] = [None] * len(names)

    def work(block: slice) -> None:
        for j in range(block.start, block.stop):
            own = eaten.of(j), given.of(j)
            cgm = inputs.read_cgm(readings[j])
            told = record.make_record(cgm, *own, weight[j], basal[j], step_minutes)
            fit = _fit(told, prior, free, weight[j], basal[j], confidence_level)
            fits[j] = replace(fit, patient=fit.patient.assign(patient=names[j]))

    inputs.in_blocks(work, len(names), n_jobs, block=1)
    return [fit for fit in fits if fit is not None]


def predict_glucose(
    fit: GlucoseFit,
    meals: pd.DataFrame,
    insulin: pd.DataFrame,
    *,
    minutes: int,
    step_minutes: int = 1,
) -> GlucoseTraces:
    """Predict a person's glucose from meals and doses, by their twin.

    Parameters
    ----------
    fit : GlucoseFit
        The twin. Its record began at minute 0, and so does the prediction.
    meals, insulin : pandas.DataFrame
        As for `fit_patient`: those of the record, which still act, and later ones.
    minutes : int
        Minutes predicted from the start of the record, a multiple of 5.
    step_minutes : int
        Step of the solver, best that of the fit.

    Returns
    -------
    GlucoseTraces
        One row; the times after the record are the forecast.

    Raises
    ------
    DataError, ParameterError
        As for `simulate_glucose`.

    Examples
    --------
    >>> from twinprivacy.twins.glucose import sample_patients
    >>> prior = glucose_prior(sample_patients(100, rng=np.random.default_rng(7)))
    >>> none = pd.DataFrame(columns=["minute", "carbohydrate_g", "kind"])
    >>> doses = pd.DataFrame(columns=["minute", "bolus_units"])
    >>> fit = fit_patient(np.full(288, 130.0), none, doses, prior=prior, weight_kg=80,
    ...                   basal_u_per_hour=0.8)
    >>> predict_glucose(fit, none, doses, minutes=2_880).plasma_mg_dl[0, -1].round()
    np.float64(130.0)
    """
    name = fit.patient["patient"].iloc[0]
    return simulate_glucose(
        fit.patient,
        meals.assign(patient=name),
        insulin.assign(patient=name),
        minutes=minutes,
        step_minutes=step_minutes,
        every_minutes=TICK,
        start_mg_dl=fit.start_mg_dl,
        n_jobs=1,
    )


def _fit(
    told: "Record",
    prior: GlucosePrior,
    free: AnyArray,
    weight_kg: float,
    basal_u_per_hour: float,
    confidence_level: float,
) -> GlucoseFit:
    from twinprivacy.twins._glucose_search import search

    # Given the fixed parameters at their mean, the others keep theirs.
    precision = np.linalg.inv(prior.covariance)[np.ix_(free, free)]
    optimum = search(told, prior.mean, precision, free)
    place = optimum.point.free
    covariance = np.zeros_like(prior.covariance)
    covariance[np.ix_(free, free)] = optimum.covariance
    ratio = np.sqrt(np.diag(covariance) / np.diag(prior.covariance))
    return GlucoseFit(
        one_patient(place, weight_kg, basal_u_per_hour),
        estimate(place, covariance, optimum, confidence_level),
        dict(zip(PARAMETERS, ratio.tolist(), strict=True)),
        place,
        covariance,
        optimum.point.trace,
        told.start,
        optimum.residual_sd,
        optimum.n,
        optimum.weight * optimum.n,
        optimum.converged,
    )
