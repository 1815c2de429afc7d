"""Errors of continuous glucose sensors, each sensor with its own: the published law.

A sensor reads gain times interstitial glucose plus an offset. The gain is a quadratic
in the sensor's age in days; the offset a constant plus a second-order autoregression.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from twinprivacy import datasets
from twinprivacy._types import AnyArray

MODEL = "vettoretti_2019 (sensor)"
NAMES = ("a0", "a1", "a2", "b0", "alpha1", "alpha2", "sigma")
SAMPLES_PER_DAY = 288
# Samples after which the autoregression has forgotten that it began at 0.
WARM_UP = 100
# Sum of the two weights: nearer to 1, errors would not come back.
LARGEST_WEIGHT = 0.98


class SensorLaw(NamedTuple):
    """Mean and covariance of a sensor's parameters, and what every sensor shares."""

    mean: AnyArray
    covariance: AnyArray
    largest_noise_sd: float
    lifetime_days: int
    lowest: float
    highest: float


@cache
def sensor_law() -> SensorLaw:
    """Return the published law of the errors of a sensor."""
    table = datasets.load("glucose_model_parameters")
    rows = (table["model"] == MODEL) & table["check"].isin(["verified", "partial"])
    value = table[rows].set_index("parameter")["value"]
    covariance = np.empty((len(NAMES), len(NAMES)))
    for i, one in enumerate(NAMES):
        for j, other in enumerate(NAMES[i:], start=i):
            covariance[i, j] = covariance[j, i] = value[f"cov({one},{other})"]
    return SensorLaw(
        value[list(NAMES)].to_numpy(dtype=float),
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
    life = SAMPLES_PER_DAY * sensor_law().lifetime_days
    gain, offset = np.empty((n, n_times)), np.empty((n, n_times))
    for start in range(0, n_times, life):
        end = min(start + life, n_times)
        sensors = draw_sensors(n, rng)
        day = np.arange(end - start) / SAMPLES_PER_DAY
        a0, a1, a2, b0 = (sensors[:, [i]] for i in range(4))
        gain[:, start:end] = a0 + a1 * day + a2 * day**2
        offset[:, start:end] = b0 + _autoregress(sensors[:, 4:], end - start, rng)
    return gain, offset


def draw_sensors(n: int, rng: np.random.Generator) -> AnyArray:
    """Draw the parameters of n sensors, shape (n, 7); unstable or wild ones again."""
    law = sensor_law()
    sensors = np.full((n, len(NAMES)), np.nan)
    while (bad := ~_is_usable(sensors, law.largest_noise_sd)).any():
        sensors[bad] = rng.multivariate_normal(
            law.mean, law.covariance, size=int(bad.sum())
        )
    return sensors


def _is_usable(sensors: AnyArray, largest_sd: float) -> npt.NDArray[np.bool_]:
    alpha1, alpha2, sigma = sensors[:, 4:].T
    stable = (alpha2 > -1) & (np.abs(alpha1) + alpha2 < LARGEST_WEIGHT)
    # Variance of a stationary second-order autoregression.
    spread = (1 + alpha2) * ((1 - alpha2) ** 2 - alpha1**2)
    variance = sigma**2 * (1 - alpha2) / np.where(stable, spread, np.nan)
    return np.asarray(stable & (sigma > 0) & (variance < largest_sd**2))


def _autoregress(weights: AnyArray, n_times: int, rng: np.random.Generator) -> AnyArray:
    alpha1, alpha2, sigma = weights.T
    # One row a time, so that each step reads what lies together.
    errors: AnyArray = sigma * rng.normal(size=(n_times + WARM_UP, len(weights)))
    for t in range(2, n_times + WARM_UP):
        errors[t] += alpha1 * errors[t - 1] + alpha2 * errors[t - 2]
    return errors[WARM_UP:].T
