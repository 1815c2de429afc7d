"""What a continuous glucose sensor reads, and what clinics measure by it."""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import AnyArray
from twinprivacy._validation import check_choice, check_fraction, check_rng
from twinprivacy.errors import DataError, FitError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.twins.glucose.inputs import to_numbers

__all__ = [
    "cohort_metrics",
    "glucose_metrics",
    "simulate_sensor",
]


ERRORS = ("vettoretti_2019", "white", "none")


def simulate_sensor(
    interstitial_mg_dl: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    error: str = "vettoretti_2019",
) -> AnyArray:
    r"""Simulate what a continuous glucose sensor reads every five minutes.

    .. math:: c_t = (a_0 + a_1 d + a_2 d^2) IG_t + b_0 + e_t, \quad
       e_t = \alpha_1 e_{t-1} + \alpha_2 e_{t-2} + \sigma z_t

    with :math:`d` the days since the sensor was put in. The seven parameters are drawn
    for each sensor; a new one is put in every ten days. Readings are clipped to 40 to
    400 mg/dL, as devices do.

    Parameters
    ----------
    interstitial_mg_dl : array_like
        Interstitial glucose every 5 minutes, in mg/dL, shape (n, n_times); its delay
        behind plasma is part of the glucose model.
    rng : numpy.random.Generator
    error : str
        "vettoretti_2019" as above; "white" for independent normal errors with the SD
        that the glucose model assumes; "none" to clip only.

    Returns
    -------
    numpy.ndarray
        Readings in mg/dL, shape (n, n_times).

    Raises
    ------
    DataError
        If the glucose is not a finite table of numbers in mg/dL.
    ParameterError
        For an unknown error or if `rng` is no generator.

    References
    ----------
    Vettoretti (2019), doi:10.3390/s19235320; values as in the authors' own code, table
    glucose_model_parameters.

    Examples
    --------
    >>> glucose = np.full((2, 4), [[120.0], [500.0]])
    >>> simulate_sensor(glucose, rng=np.random.default_rng(7)).round()
    array([[107., 106., 104., 103.],
           [400., 400., 400., 400.]])
    """
    check_rng(rng)
    check_choice(error, name="error", allowed=ERRORS)
    glucose = _as_table(interstitial_mg_dl, "interstitial_mg_dl")
    if not np.isfinite(glucose).all():
        n_bad = int((~np.isfinite(glucose)).sum())
        raise DataError(
            f"interstitial_mg_dl must be finite; got {n_bad} of {glucose.size} "
            "missing or infinite"
        )
    if error == "white":
        glucose = glucose + _white_sd() * rng.normal(size=glucose.shape)
    elif error == "vettoretti_2019":
        gain, offset = draw_errors(len(glucose), glucose.shape[1], rng)
        glucose = gain * glucose + offset
    law = sensor_law()
    return np.clip(glucose, law.lowest, law.highest)


def glucose_metrics(
    cgm_mg_dl: npt.ArrayLike, *, patients: npt.ArrayLike | None = None
) -> pd.DataFrame:
    """Measure each person's glucose control as clinics do.

    Parameters
    ----------
    cgm_mg_dl : array_like
        Readings in mg/dL, shape (n, n_times), missing ones as nan.
    patients : array_like, optional
        Identifiers, shape (n,); without them 0, 1, ...

    Returns
    -------
    pandas.DataFrame
        One row a person: patient, n_readings, mean_mg_dl, sd_mg_dl, cv_percent and the
        percentages of readings below 54 and 70, in 70 to 180 (ends included), and above
        180 and 250 mg/dL. Missing for a person without readings.

    Raises
    ------
    DataError
        If the readings are no table, are infinite or look like mmol/L, or there are
        more or fewer patients than rows.

    References
    ----------
    Battelino (2019), doi:10.2337/dci19-0028.

    Examples
    --------
    >>> table = glucose_metrics([[60, 100, 140, 200, np.nan]])
    >>> table.loc[0, ["mean_mg_dl", "time_in_range_percent"]].tolist()
    [125.0, 50.0]
    """
    cgm = _as_table(cgm_mg_dl, "cgm_mg_dl")
    names = np.arange(len(cgm)) if patients is None else np.asarray(patients)
    if names.shape != (len(cgm),):
        raise DataError(
            f"patients must have one name a row of cgm_mg_dl; got {names.shape} for "
            f"{len(cgm)} rows"
        )
    n = np.isfinite(cgm).sum(axis=1)
    # Nobody's mean is nan without a warning.
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(cgm, axis=1) / n
        squares = np.nansum((cgm - mean[:, None]) ** 2, axis=1)
        sd = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
        shares = {
            f"{name}_percent": 100 * inside.sum(axis=1) / n
            for name, inside in {
                "time_below_54": cgm < 54,
                "time_below_70": cgm < 70,
                "time_in_range": (cgm >= 70) & (cgm <= 180),
                "time_above_180": cgm > 180,
                "time_above_250": cgm > 250,
            }.items()
        }
    start = {"patient": names, "n_readings": n, "mean_mg_dl": mean, "sd_mg_dl": sd}
    return pd.DataFrame({**start, "cv_percent": 100 * sd / mean, **shares})


def cohort_metrics(
    metrics: pd.DataFrame, *, confidence_level: float = 0.95
) -> dict[str, Estimate]:
    """Estimate the mean over people of each measure of `glucose_metrics`.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As from `glucose_metrics`; people without readings are left out.
    confidence_level : float
        Strictly between 0 and 1, for Student's t interval of a mean.

    Returns
    -------
    dict of str to Estimate
        By name of the measure, with the number of people as n.

    Raises
    ------
    FitError
        If fewer than two people have readings.
    ParameterError
        If the level is outside (0, 1).

    Examples
    --------
    >>> table = glucose_metrics([[100, 120, 140], [120, 140, 160], [150, 150, 150]])
    >>> cohort_metrics(table)["mean_mg_dl"]
    Estimate(value=137, low=98.7, high=175, confidence_level=0.95, n=3)
    """
    from scipy.stats import t

    check_fraction(confidence_level, name="confidence_level")
    known = metrics[metrics["n_readings"] > 1]
    n = len(known)
    if n < 2:
        raise FitError(f"metrics must be of at least 2 people with readings; got {n}")
    values = known.drop(columns=["patient", "n_readings"])
    width = t.ppf((1 + confidence_level) / 2, n - 1) * values.std() / np.sqrt(n)
    return {
        str(name): Estimate(
            mean, mean - width[name], mean + width[name], confidence_level, n
        )
        for name, mean in values.mean().items()
    }


def _as_table(values: npt.ArrayLike, name: str) -> AnyArray:
    """Return numbers in two dimensions, in mg/dL as far as one can tell."""
    table = to_numbers(values, name)
    if table.ndim != 2 or not table.size:
        raise DataError(f"{name} must have shape (n, n_times); got {table.shape}")
    if np.isinf(table).any():
        n_bad = int(np.isinf(table).sum())
        raise DataError(f"{name} must not be infinite; got {n_bad} such values")
    # Nobody lives with all glucose below 35 mg/dL, nobody's is above 35 mmol/L.
    if np.isfinite(table).any() and np.nanmax(table) < 35:
        raise DataError(
            f"{name} must be in mg/dL; got only values below 35: they look like mmol/L"
        )
    return table


def _white_sd() -> float:
    table = datasets.load("glucose_model_parameters")
    row = table[(table["parameter"] == "SDn") & (table["check"] == "verified")]
    return float(row["value"].item())


_MODEL = "vettoretti_2019 (sensor)"
_NAMES = ("a0", "a1", "a2", "b0", "alpha1", "alpha2", "sigma")
_SAMPLES_PER_DAY = 288
# Samples after which the autoregression has forgotten that it began at 0.
_WARM_UP = 100
# Sum of the two weights: nearer to 1, errors would not come back.
_LARGEST_WEIGHT = 0.98


class _SensorLaw(NamedTuple):
    """Mean and covariance of a sensor's parameters, and what every sensor shares."""

    mean: AnyArray
    covariance: AnyArray
    largest_noise_sd: float
    lifetime_days: int
    lowest: float
    highest: float


@cache
def sensor_law() -> _SensorLaw:
    """Return the published law of the errors of a sensor."""
    table = datasets.load("glucose_model_parameters")
    rows = (table["model"] == _MODEL) & table["check"].isin(["verified", "partial"])
    value = table[rows].set_index("parameter")["value"]
    covariance = np.empty((len(_NAMES), len(_NAMES)))
    for i, one in enumerate(_NAMES):
        for j, other in enumerate(_NAMES[i:], start=i):
            covariance[i, j] = covariance[j, i] = value[f"cov({one},{other})"]
    return _SensorLaw(
        value[list(_NAMES)].to_numpy(dtype=float),
        covariance * value["covariance factor"],
        float(value["largest noise SD"]),
        int(value["lifetime"]),
        float(value["lowest reading"]),
        float(value["highest reading"]),
    )


def draw_errors(
    n: int, n_times: int, rng: np.random.Generator
) -> tuple[AnyArray, AnyArray]:
    """Draw gain and offset (mg/dL) for n people, each of shape (n, n_times).

    Readings are 5 minutes apart; a worn-out sensor is replaced by a new one.
    """
    life = _SAMPLES_PER_DAY * sensor_law().lifetime_days
    gain, offset = np.empty((n, n_times)), np.empty((n, n_times))
    for start in range(0, n_times, life):
        end = min(start + life, n_times)
        sensors = draw_sensors(n, rng)
        day = np.arange(end - start) / _SAMPLES_PER_DAY
        a0, a1, a2, b0 = (sensors[:, [i]] for i in range(4))
        gain[:, start:end] = a0 + a1 * day + a2 * day**2
        offset[:, start:end] = b0 + _autoregress(sensors[:, 4:], end - start, rng)
    return gain, offset


def draw_sensors(n: int, rng: np.random.Generator) -> AnyArray:
    """Draw the parameters of n sensors, shape (n, 7); unstable or wild ones again."""
    law = sensor_law()
    sensors = np.full((n, len(_NAMES)), np.nan)
    while (bad := ~_is_usable(sensors, law.largest_noise_sd)).any():
        sensors[bad] = rng.multivariate_normal(
            law.mean, law.covariance, size=int(bad.sum())
        )
    return sensors


def _is_usable(sensors: AnyArray, largest_sd: float) -> npt.NDArray[np.bool_]:
    alpha1, alpha2, sigma = sensors[:, 4:].T
    stable = (alpha2 > -1) & (np.abs(alpha1) + alpha2 < _LARGEST_WEIGHT)
    # Variance of a stationary second-order autoregression.
    spread = (1 + alpha2) * ((1 - alpha2) ** 2 - alpha1**2)
    variance = sigma**2 * (1 - alpha2) / np.where(stable, spread, np.nan)
    return np.asarray(stable & (sigma > 0) & (variance < largest_sd**2))


def _autoregress(weights: AnyArray, n_times: int, rng: np.random.Generator) -> AnyArray:
    alpha1, alpha2, sigma = weights.T
    # One row a time, so that each step reads what lies together.
    errors: AnyArray = sigma * rng.normal(size=(n_times + _WARM_UP, len(weights)))
    for t in range(2, n_times + _WARM_UP):
        errors[t] += alpha1 * errors[t - 1] + alpha2 * errors[t - 2]
    return errors[_WARM_UP:].T
