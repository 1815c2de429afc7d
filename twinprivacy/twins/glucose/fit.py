"""Make the glucose twin of one person: fit the model to readings, meals and doses."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import AnyArray, Array
from twinprivacy._validation import check_fraction
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.people.columns import COLUMNS
from twinprivacy.people.patients import check_number
from twinprivacy.tables import check_table
from twinprivacy.twins.glucose import inputs, kernels
from twinprivacy.twins.glucose.inputs import (
    PARAMETERS,
    TICK_MINUTES,
    free_slopes,
    from_free,
    priors,
    to_free,
)
from twinprivacy.twins.glucose.model import GlucoseTraces, simulate_glucose
from twinprivacy.twins.glucose.search import Optimum, Record, search
from twinprivacy.twins.glucose.sensor import sensor_law

__all__ = [
    "GlucoseFit",
    "GlucosePrior",
    "fit_patient",
    "fit_patients",
    "glucose_prior",
    "predict_glucose",
]


# What was eaten and injected before the record still acts for a while.
_RUN_IN_MINUTES = 180
# Glucose at the start is the mean of the readings of this time.
_START_MINUTES = 15
_LEAST_READINGS = 100
_LEAST_PEOPLE = 50
_KNOWN = ["patient", "weight_kg", "basal_u_per_hour"]


@dataclass(frozen=True)
class GlucosePrior:
    """What is known of a person before the fit: the people like them.

    Attributes
    ----------
    mean : numpy.ndarray
        Mean of the 18 `PARAMETERS` on the free scale (logarithms and logits).
    covariance : numpy.ndarray
        Their covariance, shape (18, 18).
    n : int
        People behind it.
    """

    mean: AnyArray
    covariance: AnyArray
    n: int

    def patient(self, *, weight_kg: float, basal_u_per_hour: float) -> pd.DataFrame:
        """Return the average person: the twin of someone without a record."""
        return _one_patient(self.mean, weight_kg, basal_u_per_hour)


@dataclass(frozen=True)
class GlucoseFit:
    """A person's twin.

    Attributes
    ----------
    patient : pandas.DataFrame
        One row, as `simulate_glucose` takes it, with the most probable parameters.
    estimates : dict of str to Estimate
        Each parameter with its interval, in its own unit.
    shrinkage : dict of str to float
        Posterior over prior SD on the free scale: near 1, the record says nothing of
        the parameter; 0 for a fixed one.
    free, covariance : numpy.ndarray
        Parameters on the free scale, shape (18,), and their posterior covariance; 0 for
        fixed ones.
    predicted_mg_dl : numpy.ndarray
        The twin's interstitial glucose at the times of the readings.
    start_mg_dl : float
        Its glucose at minute 0.
    residual_sd_mg_dl : float
        Root mean square of readings less predictions.
    n_readings : int
        Readings used.
    n_independent : float
        How many independent readings they are worth.
    converged : bool
        Whether the search came to rest.
    """

    patient: pd.DataFrame
    estimates: dict[str, Estimate]
    shrinkage: dict[str, float]
    free: AnyArray
    covariance: AnyArray
    predicted_mg_dl: AnyArray
    start_mg_dl: float
    residual_sd_mg_dl: float
    n_readings: int
    n_independent: float
    converged: bool


def glucose_prior(patients: pd.DataFrame) -> GlucosePrior:
    """Summarise people as the prior of a fit.

    Parameters
    ----------
    patients : pandas.DataFrame
        Fifty people or more with the 18 `PARAMETERS`: from `sample_patients`, then it
        is the published prior, or from `prescribe`.

    Returns
    -------
    GlucosePrior
        Mean and covariance on the free scale.

    Raises
    ------
    DataError
        If the table lacks a column or a value is out of its range.
    FitError
        If there are fewer than 50 people, or all have one value of a parameter.

    Examples
    --------
    >>> from twinprivacy.twins.glucose import sample_patients
    >>> people = sample_patients(2_000, rng=np.random.default_rng(7))
    >>> average = glucose_prior(people).patient(weight_kg=80, basal_u_per_hour=0.8)
    >>> round(average.loc[0, "gb_mg_dl"])
    119
    """
    free = to_free(inputs.read_parameters(patients))
    if len(free) < _LEAST_PEOPLE:
        raise FitError(
            f"patients must be at least {_LEAST_PEOPLE} people for a prior; got "
            f"{len(free)}"
        )
    covariance = np.cov(free, rowvar=False)
    if np.linalg.eigvalsh(covariance)[0] <= 1e-12:
        raise FitError("patients must differ in each parameter; some are the same")
    return GlucosePrior(free.mean(axis=0), covariance, len(free))


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
    No parameter needs to be fixed: one of which the record says nothing stays what the
    prior makes it, with its full spread (shrinkage near 1).

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
    check_number(weight_kg, COLUMNS["weight_kg"])
    check_number(basal_u_per_hour, inputs.BASAL)
    readings = np.asarray(cgm_mg_dl, dtype=object)
    if readings.ndim != 1:
        raise DataError(f"cgm_mg_dl must have shape (n_times,); got {readings.shape}")
    for name, table in (("meals", meals), ("insulin", insulin)):
        check_table(table, name=name, least=0)
        n_people = table["patient"].nunique() if "patient" in table.columns else 1
        if n_people > 1:
            raise DataError(f"{name} must be of one patient; got {n_people} patients")
    fits = fit_patients(
        pd.DataFrame([[0, weight_kg, basal_u_per_hour]], columns=_KNOWN),
        readings[None],
        meals.assign(patient=0),
        insulin.assign(patient=0),
        prior=prior,
        fixed=fixed,
        confidence_level=confidence_level,
        step_minutes=step_minutes,
        n_jobs=1,
    )
    return fits[0]


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
    check_fraction(confidence_level, name="confidence_level")
    if step_minutes not in (1, 5):
        raise ParameterError(f"step_minutes must be 1 or 5; got {step_minutes!r}")
    free = _free_places(fixed)
    names, weight, basal = inputs.read_known(patients)
    eaten = inputs.read_meals(meals, names, weight)
    given = inputs.read_insulin(insulin, names, weight)
    readings = inputs.read_readings(cgm_mg_dl)
    if len(readings) != len(names):
        raise DataError(
            "cgm_mg_dl must have one row a patient, shape (n, n_times); got "
            f"{readings.shape} for {len(names)} patients"
        )
    rates = inputs.basal_mu_per_kg_min(basal, weight)
    # Given the fixed parameters at their mean, the others keep theirs.
    precision = np.linalg.inv(prior.covariance)[np.ix_(free, free)]

    def work(j: int) -> GlucoseFit:
        events = eaten.of(j), given.of(j)
        record = _make_record(readings[j], *events, rates[j], step_minutes)
        optimum = search(record, prior.mean, precision, free)
        own = _one_patient(optimum.point.free, weight[j], basal[j])
        own["patient"] = names[j]
        return _summarise(optimum, record, own, prior, free, confidence_level)

    return inputs.map_people(work, len(names), n_jobs)


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
        every_minutes=TICK_MINUTES,
        start_mg_dl=fit.start_mg_dl,
        n_jobs=1,
    )


def _free_places(fixed: Collection[str]) -> AnyArray:
    """Return the places of the parameters that are not fixed."""
    unknown = sorted(set(fixed) - set(PARAMETERS))
    if unknown or len(set(fixed)) == len(PARAMETERS):
        raise ParameterError(
            f"fixed must be some, not all, of {', '.join(PARAMETERS)}; got "
            f"{sorted(fixed)}"
        )
    return np.array([i for i, name in enumerate(PARAMETERS) if name not in set(fixed)])


def _make_record(
    cgm: Array, meals: AnyArray, boluses: AnyArray, basal: float, step_minutes: int
) -> Record:
    """Return what the search knows, without the readings that it does not use."""
    known = cgm[np.isfinite(cgm)]
    first = cgm[: _START_MINUTES // TICK_MINUTES]
    first = first[np.isfinite(first)]
    used = cgm.copy()
    used[: _RUN_IN_MINUTES // TICK_MINUTES] = np.nan
    law = sensor_law()
    used[(used <= law.lowest) | (used >= law.highest)] = np.nan
    n = int(np.isfinite(used).sum())
    if n < _LEAST_READINGS:
        raise FitError(
            f"cgm_mg_dl must hold at least {_LEAST_READINGS} readings within the "
            f"sensor's range after {_RUN_IN_MINUTES} minutes; got {n}"
        )
    start = float(first.mean() if first.size else known[0])
    steps = float(step_minutes), TICK_MINUTES // step_minutes, cgm.size
    return Record(used, float(basal), kernels.Course(meals, boluses, start, *steps))


def _summarise(
    optimum: Optimum,
    record: Record,
    patient: pd.DataFrame,
    prior: GlucosePrior,
    free: AnyArray,
    confidence_level: float,
) -> GlucoseFit:
    """Return the twin at the end of a search."""
    covariance = np.zeros_like(prior.covariance)
    covariance[np.ix_(free, free)] = optimum.covariance
    ratio = np.sqrt(np.diag(covariance) / np.diag(prior.covariance))
    return GlucoseFit(
        patient,
        _estimate(optimum, covariance, confidence_level),
        dict(zip(PARAMETERS, ratio.tolist(), strict=True)),
        optimum.point.free,
        covariance,
        optimum.point.trace,
        record.course.start,
        optimum.residual_sd,
        optimum.n,
        optimum.weight * optimum.n,
        optimum.converged,
    )


def _estimate(
    optimum: Optimum, covariance: Array, confidence_level: float
) -> dict[str, Estimate]:
    """Carry the normal law to a scale of each parameter alone, and to its unit."""
    from scipy.stats import norm

    values = from_free(optimum.point.free)
    slopes = free_slopes(values)
    sd = np.sqrt(np.einsum("ij,jk,ik->i", slopes, covariance, slopes))
    reach = float(norm.ppf((1 + confidence_level) / 2))
    estimates = {}
    for name, value, spread in zip(PARAMETERS, values, sd, strict=True):
        low, high = _bounds(name, float(value), reach * float(spread))
        estimates[name] = Estimate(float(value), low, high, confidence_level, optimum.n)
    return estimates


def _bounds(name: str, value: float, reach: float) -> tuple[float, float]:
    """Return the bounds of an interval that stays in the parameter's range."""
    prior = priors()[name]
    if not np.isfinite(prior.upper) or name == "sg_per_min":
        factor = np.exp(reach / value)
        return value / factor, value * factor
    width = prior.upper - prior.lower
    share = (value - prior.lower) / width
    odds = np.log(share / (1 - share))
    move = reach / (width * share * (1 - share))
    low, high = (prior.lower + width / (1 + np.exp(-(odds + m))) for m in (-move, move))
    return min(float(low), value), max(float(high), value)


def _one_patient(
    place: AnyArray, weight_kg: float, basal_u_per_hour: float
) -> pd.DataFrame:
    """Return a table of one person at a place of the free scale."""
    patient = pd.DataFrame([from_free(place)], columns=list(PARAMETERS))
    patient.insert(0, "patient", 0)
    return patient.assign(weight_kg=weight_kg, basal_u_per_hour=basal_u_per_hour)
