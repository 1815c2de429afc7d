r"""Defences of a glucose twin: keep fewer days, blur the parameters.

A twin's parameters are standardised by the published priors, on the free scale on which
they may be any number: :math:`z = (\theta - m) / s`, 18 numbers, one SD between people
each.

**Theorem.** Let z be drawn into a ball of radius R, whatever the record says. Two
records then move it by at most 2 R. Normal noise of deviation :math:`\sigma = 2 R /
\mu` on each of the 18 numbers makes the releases of any two records two normal laws at
a distance of at most :math:`\mu`, and no attribute is guessed more often than
`twinprivacy.attacks.bounds.attribute_success_bound` says. From the release of the
average person, in the middle, each is no further than :math:`\mu / 2`. That release
names the owner among n candidates at the rate of a guess; so of one released twin, the
others withheld, the owner is guessed at a rate of
:math:`\Phi(\Phi^{-1}(1/n) + \mu / 2)` at most. Where the twins of all candidates are
given out, others tell of the owner too: there :math:`\sqrt 5` takes the place of 1, for
this twin moves by R at most and one other by 2 R. A ball costs less noise than bounds
for each parameter: with R on all sides it would take :math:`\sqrt{18}` times as much.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import (
    check_at_least,
    check_choice,
    check_positive,
    check_rng,
    check_whole,
)
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.defences.declared import check_noise
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import check_table, finite_floats
from twinprivacy.twins.glucose.days import Days
from twinprivacy.twins.glucose.fit import GlucosePrior
from twinprivacy.twins.glucose.inputs import PARAMETERS, from_free, priors

__all__ = [
    "LEAKS",
    "GlucoseRelease",
    "read_parameters",
]


LEAKS = ("trace", "twin", "both")
TICK = 5
READINGS_PER_DAY = 288


@dataclass(frozen=True)
class GlucoseRelease:
    """State what a keeper of glucose twins keeps and gives out.

    Attributes
    ----------
    days : int
        Last days of record kept, to which the twin is fitted; 1 or more.
    noise_sd : float
        SD of normal noise on each parameter of the twin, in SD between people, 0 or
        more. It guarantees nothing, for parameters have no bounds.
    mu : float or None
        Budget of a private release of the parameters instead, above 0.
    radius : float
        Of the ball into which they are drawn first, with `mu`; in SD, above 0.
    leaks : {"trace", "twin", "both"}
        What an attacker gets hold of. With noise or a budget it must be "twin": a trace
        beside it would tell what the noise hides.

    Raises
    ------
    ParameterError
        For settings outside their ranges, or noise and a budget together.

    Notes
    -----
    Fewer days guarantee nothing either.

    Examples
    --------
    >>> GlucoseRelease(mu=2.0, leaks="twin").guarantee()
    PrivacyGuarantee(epsilon=None, delta=0.0, mu=2.0)
    """

    days: int = 14
    noise_sd: float = 0.0
    mu: float | None = None
    radius: float = 3.0
    leaks: str = "both"

    def __post_init__(self) -> None:
        """Refuse what is out of range, and noise that a trace would undo."""
        check_whole(self.days, name="days")
        check_positive(self.radius, name="radius")
        check_choice(self.leaks, name="leaks", allowed=LEAKS)
        check_at_least(self.noise_sd, 0, name="noise_sd")
        if self.mu is not None:
            check_positive(self.mu, name="mu")
            check_noise(self.sd)
        if self.mu is not None and self.noise_sd > 0:
            raise ParameterError(
                f"noise_sd must be 0 with mu, which sets the noise; got {self.noise_sd}"
            )
        if self.sd > 0 and self.leaks != "twin":
            raise ParameterError(
                f"leaks must be 'twin' with noise or a budget; got {self.leaks!r}"
            )

    @property
    def sd(self) -> float:
        """Return the SD of the noise on each parameter, in SD between people."""
        return self.noise_sd if self.mu is None else 2 * self.radius / self.mu

    def apply(self, records: Days) -> Days:
        """Return what is kept of records: the last days.

        Parameters
        ----------
        records : Days
            As from `twinprivacy.twins.glucose.simulate_days`, of as many days or more.

        Returns
        -------
        Days
            Its minutes are counted from midnight of the first day kept.

        Raises
        ------
        ParameterError
            If fewer days were recorded.
        """
        n_readings = records.cgm_mg_dl.shape[1]
        n_days = n_readings // READINGS_PER_DAY
        if n_days < self.days:
            raise ParameterError(
                f"days must be no more than the {n_days} recorded; got {self.days!r}"
            )
        kept = self.days * READINGS_PER_DAY
        start = (n_readings - kept) * TICK
        meals, insulin = (
            table[table["minute"] >= start].assign(minute=lambda t: t["minute"] - start)
            for table in (records.meals, records.insulin)
        )
        return replace(
            records,
            minutes=records.minutes[:kept],
            cgm_mg_dl=records.cgm_mg_dl[:, -kept:],
            plasma_mg_dl=records.plasma_mg_dl[:, -kept:],
            meals=meals,
            insulin=insulin,
        )

    def simulate(
        self, twins: pd.DataFrame, *, prior: GlucosePrior, rng: np.random.Generator
    ) -> pd.DataFrame:
        """Return the parameters as they are given out.

        Parameters
        ----------
        twins : pandas.DataFrame
            The 18 parameters on the free scale (`GlucoseFit.free`), one row a person.
        prior : GlucosePrior
            As from `twinprivacy.twins.glucose.glucose_prior`, and public.
        rng : numpy.random.Generator
            Settings that are given the same state share the noise but for its size.

        Returns
        -------
        pandas.DataFrame
            Of the same shape, for `read_parameters`.

        Raises
        ------
        DataError
            If a column is absent or a value not finite.
        """
        check_rng(rng)
        free = _read_free(twins)
        if self.mu is not None:
            free = _into_ball(free, prior, self.radius)
        noise = self.sd * _spread(prior) * rng.normal(size=free.shape)
        return pd.DataFrame(free + noise, index=twins.index, columns=list(PARAMETERS))

    def guarantee(self) -> PrivacyGuarantee | None:
        """Return what holds between any two records of a person; None for nothing."""
        return None if self.mu is None else PrivacyGuarantee(mu=self.mu)


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
        As from `GlucoseRelease.simulate`, one row a person.
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
    not depend on one another.

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
    check_at_least(sd, 0, name="sd")
    free = _read_free(released)
    known = ("patient", "weight_kg", "basal_u_per_hour")
    check_table(patients, name="patients", columns=known)
    if list(patients["patient"]) != list(released.index):
        raise DataError(
            "patients must be the index of released, in its order; got others"
        )
    likely = prior.mean + (free - prior.mean) / (1 + sd**2)
    twins = pd.DataFrame(from_free(likely), columns=list(PARAMETERS))
    # The one upper bound that the free scale does not keep.
    twins["sg_per_min"] = twins["sg_per_min"].clip(upper=priors()["sg_per_min"].upper)
    return twins.assign(**{name: patients[name].to_numpy() for name in known})


def _read_free(twins: pd.DataFrame) -> Array:
    check_table(twins, name="twins", columns=PARAMETERS)
    return finite_floats(twins[list(PARAMETERS)], name="twins")


def _into_ball(free: Array, prior: GlucosePrior, radius: float) -> Array:
    """Draw parameters that are too far from the average person nearer, straight."""
    away = (free - prior.mean) / _spread(prior)
    length = np.linalg.norm(away, axis=1, keepdims=True)
    inside = away * radius / np.maximum(length, radius)
    return np.asarray(prior.mean + _spread(prior) * inside)


def _spread(prior: GlucosePrior) -> Array:
    return np.asarray(np.sqrt(np.diag(prior.covariance)))
