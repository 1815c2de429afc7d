"""The twin of one person as a result: prior, parameters with intervals, shrinkage."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from twinprivacy._types import AnyArray
from twinprivacy.errors import FitError
from twinprivacy.estimates import Estimate
from twinprivacy.twins import _glucose_inputs as inputs
from twinprivacy.twins._glucose_parameters import (
    PARAMETERS,
    free_slopes,
    from_free,
    priors,
    to_free,
)

if TYPE_CHECKING:
    from twinprivacy.twins._glucose_search import Optimum


LEAST_PEOPLE = 50


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
        return one_patient(self.mean, weight_kg, basal_u_per_hour)


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
    inputs.check_table(patients, "patients", list(PARAMETERS))
    free = to_free(inputs.read_parameters(patients))
    if len(free) < LEAST_PEOPLE:
        raise FitError(
            f"patients must be at least {LEAST_PEOPLE} people for a prior; got "
            f"{len(free)}"
        )
    covariance = np.cov(free, rowvar=False)
    if np.linalg.eigvalsh(covariance)[0] <= 1e-12:
        raise FitError("patients must differ in each parameter; some are the same")
    return GlucosePrior(free.mean(axis=0), covariance, len(free))


def estimate(
    place: AnyArray, covariance: AnyArray, optimum: "Optimum", confidence_level: float
) -> dict[str, Estimate]:
    """Carry the normal law to a scale of each parameter alone, and to its unit."""
    from scipy.stats import norm

    values, slopes = from_free(place), free_slopes(from_free(place))
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


def one_patient(
    place: AnyArray, weight_kg: float, basal_u_per_hour: float
) -> pd.DataFrame:
    """Return a table of one person at a place of the free scale."""
    patient = pd.DataFrame([from_free(place)], columns=list(PARAMETERS))
    patient.insert(0, "patient", 0)
    return patient.assign(weight_kg=weight_kg, basal_u_per_hour=basal_u_per_hour)
