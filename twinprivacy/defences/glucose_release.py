r"""Defences of a glucose twin: keep fewer days, round the trace, blur the parameters.

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
:math:`\Phi(\Phi^{-1}(1/n) + \mu / 2)` at most. A ball costs less noise than bounds for
each parameter: with R on all sides it would take :math:`\sqrt{18}` times as much.

Where the twins of all n candidates are given out, who owns another twin does not own
this one. Compare with a release in which this twin is the average person's and the
others are those of all but the first candidate, in random order. It says nothing of the
owner, and to make it the true one this twin moves by R at most and one other by 2 R: a
distance of :math:`\sqrt{R^2 + 4 R^2} / \sigma = \sqrt 5 \mu / 2`, which takes the place
of :math:`\mu / 2`.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_choice, check_positive, check_rng, is_finite
from twinprivacy.attacks.bounds import attribute_success_bound
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.defences.declared import check_columns, check_frame, check_whole_number
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins.glucose.days import Days
from twinprivacy.twins.glucose.fit import GlucosePrior
from twinprivacy.twins.glucose.inputs import PARAMETERS, from_free, priors

__all__ = [
    "LEAKS",
    "GlucoseRelease",
    "blur_parameters",
    "read_parameters",
]


LEAKS = ("trace", "twin", "both")
TICK = 5
READINGS_PER_DAY = 288
MINUTES_PER_DAY = 1_440


@dataclass(frozen=True)
class GlucoseRelease:
    """State what a keeper of glucose twins keeps and gives out.

    Attributes
    ----------
    days : int
        Last days of record kept, to which the twin is fitted; 1 or more.
    step_mg_dl : float
        Readings are kept rounded to multiples of it, 0 for as read; below 200.
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
    Fewer days and rounded readings guarantee nothing either.

    Examples
    --------
    >>> GlucoseRelease(mu=2.0, leaks="twin").guarantee()
    PrivacyGuarantee(epsilon=None, delta=0.0, mu=2.0)
    """

    days: int = 14
    step_mg_dl: float = 0.0
    noise_sd: float = 0.0
    mu: float | None = None
    radius: float = 3.0
    leaks: str = "both"

    def __post_init__(self) -> None:
        """Refuse what is out of range, and noise that a trace would undo."""
        check_whole_number(self.days, name="days", least=1)
        check_positive(self.radius, name="radius")
        check_choice(self.leaks, name="leaks", allowed=LEAKS)
        if not (is_finite(self.step_mg_dl) and 0 <= self.step_mg_dl < 200):
            raise ParameterError(
                f"step_mg_dl must lie in [0, 200) mg/dL; got {self.step_mg_dl!r}"
            )
        if not (is_finite(self.noise_sd) and self.noise_sd >= 0):
            raise ParameterError(
                f"noise_sd must be finite, 0 or more; got {self.noise_sd!r}"
            )
        if self.mu is not None:
            self._check_budget(self.mu)
        if self.sd > 0 and self.leaks != "twin":
            raise ParameterError(
                f"leaks must be 'twin' with noise or a budget; got {self.leaks!r}"
            )

    def _check_budget(self, mu: float) -> None:
        check_positive(mu, name="mu")
        if self.noise_sd > 0:
            raise ParameterError(
                "noise_sd must be 0 with mu, which sets the noise; got "
                f"{self.noise_sd!r}"
            )
        if not is_finite(self.sd):
            raise ParameterError(
                "mu must be large enough for finite noise, 2 radius / mu; got "
                f"mu={mu!r} with radius={self.radius!r}"
            )

    @property
    def sd(self) -> float:
        """Return the SD of the noise on each parameter, in SD between people."""
        return self.noise_sd if self.mu is None else 2 * self.radius / self.mu

    def apply(self, lives: Days) -> Days:
        """Return the record that is kept: the last days, with rounded readings.

        Parameters
        ----------
        lives : Days
            As from `twinprivacy.twins.glucose.simulate_days`, of as many days or
            more.

        Returns
        -------
        Days
            Its minutes are counted from midnight of the first day kept.

        Raises
        ------
        ParameterError
            If fewer days were lived.
        """
        n_days = lives.cgm_mg_dl.shape[1] // READINGS_PER_DAY
        if n_days < self.days:
            raise ParameterError(
                f"days must be no more than the {n_days} lived; got {self.days!r}"
            )
        kept = self.days * READINGS_PER_DAY
        start = (lives.cgm_mg_dl.shape[1] - kept) * TICK
        meals, insulin = (
            table[table["minute"] >= start].assign(minute=lambda t: t["minute"] - start)
            for table in (lives.meals, lives.insulin)
        )
        cgm = lives.cgm_mg_dl[:, -kept:]
        if self.step_mg_dl > 0:
            # No sensor shows 0, to which a wide step would round.
            cgm = self.step_mg_dl * np.maximum(np.round(cgm / self.step_mg_dl), 1)
        return replace(
            lives,
            minutes=lives.minutes[:kept],
            cgm_mg_dl=cgm,
            plasma_mg_dl=lives.plasma_mg_dl[:, -kept:],
            meals=meals,
            insulin=insulin,
        )

    def simulate(
        self, twins: pd.DataFrame, *, prior: GlucosePrior, rng: np.random.Generator
    ) -> pd.DataFrame:
        """Return the parameters as they are given out.

        Parameters
        ----------
        twins, prior, rng
            As for `blur_parameters`. The prior is public; settings that are given the
            same state share the noise but for its size.

        Returns
        -------
        pandas.DataFrame
            Of the same shape.
        """
        if self.mu is not None:
            twins = _into_ball(twins, prior, self.radius)
        return blur_parameters(twins, self.sd, prior=prior, rng=rng)

    def guarantee(self) -> PrivacyGuarantee | None:
        """Return what holds between any two records of a person; None for nothing."""
        return None if self.mu is None else PrivacyGuarantee(mu=self.mu)

    def identification_bound(
        self, n_candidates: int, *, others_released: bool = False
    ) -> float:
        r"""Return the largest rate at which any attack names the owner of a twin.

        :math:`\Phi(\Phi^{-1}(1/n) + \mu / 2)` for one released twin, the others
        withheld; reached with two candidates at opposite ends of the ball. With the
        others released :math:`\Phi(\Phi^{-1}(1/n) + \sqrt 5 \mu / 2)`.

        Parameters
        ----------
        n_candidates : int
            Named people, one of whom is the owner, all equally likely beforehand; 1 or
            more.
        others_released : bool
            Whether the twins of the other candidates are given out too, once each and
            without names, so that an attacker may match all twins with all people.

        Returns
        -------
        float
            In [1 / n, 1]; 1 without a budget.

        Raises
        ------
        ParameterError
            If there is no candidate.

        Examples
        --------
        >>> round(GlucoseRelease(mu=2.0, leaks="twin").identification_bound(30), 3)
        0.202
        """
        check_whole_number(n_candidates, name="n_candidates", least=1)
        if self.mu is None:
            return 1.0
        distance = self.mu / 2 * (np.sqrt(5) if others_released else 1)
        kept = PrivacyGuarantee(mu=float(distance))
        return float(attribute_success_bound(kept, 1 / n_candidates))


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
        As from `twinprivacy.twins.glucose.glucose_prior`.
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


def _into_ball(twins: pd.DataFrame, prior: GlucosePrior, radius: float) -> pd.DataFrame:
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
