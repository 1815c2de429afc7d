"""Parameters of glucose twins as they are given out, and as a reader takes them."""

from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_rng, is_finite
from twinprivacy.defences._checks import check_columns, check_frame
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins._glucose_parameters import PARAMETERS, from_free, priors
from twinprivacy.twins.glucose_fit import GlucosePrior


def blur_parameters(
    twins: pd.DataFrame, sd: float, *, prior: GlucosePrior, rng: np.random.Generator
) -> pd.DataFrame:
    """Add normal noise to the parameters of twins.

    Parameters
    ----------
    twins : pandas.DataFrame
        The 18 parameters on the free scale (`GlucoseFit.free`), one row a person.
    sd : float
        In SD of the prior, the SD between people; 0 or more.
    prior : GlucosePrior
        As from `twinprivacy.twins.glucose_fit.glucose_prior`.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        Of the same shape, for `read_parameters`.

    Raises
    ------
    DataError
        If the table has other columns or values that are not finite.
    ParameterError
        If `sd` is negative or not finite, or `rng` no generator.

    Examples
    --------
    >>> prior = GlucosePrior(np.zeros(18), 4 * np.eye(18), 100)
    >>> twins = pd.DataFrame(np.zeros((5_000, 18)), columns=list(PARAMETERS))
    >>> blurred = blur_parameters(twins, 0.5, prior=prior, rng=np.random.default_rng(7))
    >>> round(blurred.to_numpy().std(), 1)
    np.float64(1.0)
    """
    check_rng(rng)
    _check_sd(sd)
    free = _read_free(twins)
    noise = sd * _spread(prior) * rng.normal(size=free.shape)
    return pd.DataFrame(free + noise, index=twins.index, columns=list(PARAMETERS))


def read_parameters(
    released: pd.DataFrame, sd: float, *, prior: GlucosePrior, patients: pd.DataFrame
) -> pd.DataFrame:
    r"""Make twins of released parameters, each as near as the noise leaves it.

    A parameter is drawn to the average person, :math:`m + (\theta - m) / (1 +
    \sigma^2)`: with little noise the released twin, with much the average twin. It
    costs no privacy, for it uses nothing but the release.

    Parameters
    ----------
    released : pandas.DataFrame
        As from `blur_parameters`, one row a person.
    sd : float
        SD of its noise, in SD of the prior, 0 or more.
    prior : GlucosePrior
        What is known of people like them.
    patients : pandas.DataFrame
        Columns patient, weight_kg and basal_u_per_hour; `patient` is the index of
        `released`, in its order.

    Returns
    -------
    pandas.DataFrame
        For `advise`.

    Raises
    ------
    DataError
        If a table has other columns or people, or values that are not finite.
    ParameterError
        If `sd` is negative or not finite.

    Notes
    -----
    Each parameter is read by itself, as is best for a normal prior whose parameters do
    not depend on one another. Some of those of sampled people do: with noise of 1 SD
    the mean squared error is 0.50 of their variance, and 0.48 for a reader who uses all
    18 at once.

    Examples
    --------
    >>> prior = GlucosePrior(np.zeros(18), np.eye(18), 100)
    >>> released = pd.DataFrame(np.full((1, 18), -2.0), columns=list(PARAMETERS))
    >>> person = pd.DataFrame(
    ...     {"patient": [0], "weight_kg": [80.0], "basal_u_per_hour": [0.8]})
    >>> twin = read_parameters(released, 1.0, prior=prior, patients=person)
    >>> np.log(twin["sg_per_min"]).item()
    -1.0
    """
    _check_sd(sd)
    free = _read_free(released)
    known = ("patient", "weight_kg", "basal_u_per_hour")
    check_columns(patients, known, name="patients")
    _check_people(patients["patient"], released.index)
    likely = prior.mean + (free - prior.mean) / (1 + sd**2)
    twins = pd.DataFrame(from_free(likely), columns=list(PARAMETERS))
    # The one upper bound that the free scale does not keep.
    twins["sg_per_min"] = twins["sg_per_min"].clip(upper=priors()["sg_per_min"].upper)
    return twins.assign(**{name: patients[name].to_numpy() for name in known})


def into_ball(twins: pd.DataFrame, prior: GlucosePrior, radius: float) -> pd.DataFrame:
    """Draw parameters that are too far from the average person nearer, straight."""
    away = (_read_free(twins) - prior.mean) / _spread(prior)
    length = np.linalg.norm(away, axis=1, keepdims=True)
    inside = away * radius / np.maximum(length, radius)
    free = prior.mean + _spread(prior) * inside
    return pd.DataFrame(free, index=twins.index, columns=list(PARAMETERS))


def _check_sd(sd: float) -> None:
    if not (is_finite(sd) and sd >= 0):
        raise ParameterError(f"sd must be finite, 0 or more; got {sd!r}")


def _check_people(patients: "pd.Series[Any]", released: "pd.Index[Any]") -> None:
    if len(patients) != len(released):
        raise DataError(
            "patients must have one row for each released twin; got "
            f"{len(patients)} and {len(released)}"
        )
    n_other = int((patients.to_numpy() != released.to_numpy()).sum())
    if n_other:
        raise DataError(
            "patients must be the index of released, in its order; got others in "
            f"{n_other} of {len(released)} rows"
        )


def _spread(prior: GlucosePrior) -> Array:
    return np.asarray(np.sqrt(np.diag(prior.covariance)))


def _read_free(twins: pd.DataFrame) -> Array:
    check_frame(twins, name="twins")
    if sorted(map(str, twins.columns)) != sorted(PARAMETERS):
        raise DataError(
            "twins must have the 18 parameters of the model as columns, and no other"
        )
    try:
        free = twins[list(PARAMETERS)].to_numpy(dtype=float)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise DataError("twins must hold numbers; got others") from None
    n_bad = int((~np.isfinite(free)).any(axis=1).sum())
    if n_bad:
        raise DataError(f"twins must be finite; got {n_bad} of {len(free)} others")
    return free
