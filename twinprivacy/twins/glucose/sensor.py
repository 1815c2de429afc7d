"""What a continuous glucose sensor reads of the glucose in the tissue."""

from functools import cache
from typing import NamedTuple

import numpy as np

from twinprivacy import datasets
from twinprivacy._types import Array, Flags
from twinprivacy.twins.glucose.inputs import READINGS_PER_DAY

_MODEL = "vettoretti_2019 (sensor)"
_NAMES = ("a0", "a1", "a2", "b0", "alpha1", "alpha2", "sigma")
# Samples after which the autoregression has forgotten that it began at 0.
_WARM_UP = 100
# Sum of the two weights: nearer to 1, errors would not come back.
_LARGEST_WEIGHT = 0.98


class _SensorLaw(NamedTuple):
    """Mean and covariance of a sensor's parameters, and what every sensor shares."""

    mean: Array
    covariance: Array
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


def draw_errors(n: int, n_times: int, rng: np.random.Generator) -> tuple[Array, Array]:
    r"""Draw gain and offset (mg/dL) for n people, each of shape (n, n_times).

    .. math:: c_t = (a_0 + a_1 d + a_2 d^2) IG_t + b_0 + e_t, \quad
       e_t = \alpha_1 e_{t-1} + \alpha_2 e_{t-2} + \sigma z_t

    with :math:`d` the days since the sensor was put in. The seven parameters are drawn
    for each sensor; a new one is put in every ten days. Readings are 5 minutes apart.

    References
    ----------
    Vettoretti (2019), doi:10.3390/s19235320; values as in the authors' own code, table
    glucose_model_parameters.
    """
    life = READINGS_PER_DAY * sensor_law().lifetime_days
    gain, offset = np.empty((n, n_times)), np.empty((n, n_times))
    for start in range(0, n_times, life):
        end = min(start + life, n_times)
        sensors = _draw_sensors(n, rng)
        day = np.arange(end - start) / READINGS_PER_DAY
        a0, a1, a2, b0 = (sensors[:, [i]] for i in range(4))
        gain[:, start:end] = a0 + a1 * day + a2 * day**2
        offset[:, start:end] = b0 + _autoregress(sensors[:, 4:], end - start, rng)
    return gain, offset


def _draw_sensors(n: int, rng: np.random.Generator) -> Array:
    """Draw the parameters of n sensors, shape (n, 7); unstable or wild ones again."""
    law = sensor_law()
    sensors = np.full((n, len(_NAMES)), np.nan)
    while (bad := ~_is_usable(sensors, law.largest_noise_sd)).any():
        sensors[bad] = rng.multivariate_normal(
            law.mean, law.covariance, size=int(bad.sum())
        )
    return sensors


def _is_usable(sensors: Array, largest_sd: float) -> Flags:
    alpha1, alpha2, sigma = sensors[:, 4:].T
    stable = (alpha2 > -1) & (np.abs(alpha1) + alpha2 < _LARGEST_WEIGHT)
    # Variance of a stationary second-order autoregression.
    spread = (1 + alpha2) * ((1 - alpha2) ** 2 - alpha1**2)
    variance = sigma**2 * (1 - alpha2) / np.where(stable, spread, np.nan)
    return np.asarray(stable & (sigma > 0) & (variance < largest_sd**2))


def _autoregress(weights: Array, n_times: int, rng: np.random.Generator) -> Array:
    alpha1, alpha2, sigma = weights.T
    # One row a time, so that each step reads what lies together.
    errors: Array = sigma * rng.normal(size=(n_times + _WARM_UP, len(weights)))
    for t in range(2, n_times + _WARM_UP):
        errors[t] += alpha1 * errors[t - 1] + alpha2 * errors[t - 2]
    return errors[_WARM_UP:].T
