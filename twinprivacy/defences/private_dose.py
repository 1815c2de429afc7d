r"""A private dosing twin that falls back on the dose that everybody gets.

It is a linear regression from two noisy sums over people. Ranges and values of the
features are declared, so that a row x, with the intercept, has a length of 1 at most;
z in [-1, 1] is the outcome's distance from a public fixed dose, in units of the larger
distance of the bounds from it.

**Theorem.** Adding or removing one person changes :math:`S = \sum x x^\top` by a matrix
of (Frobenius) length :math:`|x|^2 \le 1` and :math:`b = \sum x z` by a vector of length
1 at most: together by :math:`\sqrt 2` at most. Normal noise of deviation
:math:`\sigma = \sqrt 2 / \mu` on b and on the diagonal of S, and of
:math:`\sigma / \sqrt 2` on what is off it (each such entry stands twice), makes the two
cases two normal laws at a distance of mu at most. So mu holds for both sums and for
all that is computed from them, and it is for one person *with or without*, that of
`twinprivacy.attacks.bounds`. Replacing one person by another costs twice as much.

What is computed is AdaSSP (Wang 2018) towards the fixed dose:

.. math:: w = f \, (\tilde S_+ + (1 + a) I)^{-1} \tilde b, \qquad
          a = \max(0, \sigma \sqrt{d \log(2 d^2 / 0.05)} - \lambda_{\min}(\tilde S_+))

with d weights, the part :math:`\tilde S_+` of the noisy matrix whose eigenvalues are
not negative, and a penalty that grows with the noise. Wang spends a third of the budget
on the smallest eigenvalue; here it is read from the noisy matrix, for nothing.

AdaSSP alone follows a pure-noise :math:`\tilde b` for some way, which makes it worse
than the fixed dose where the budget is small and the fixed dose is a good one. The
factor f is James and Stein's, with the length that noise alone exceeds in one release
of 20:

.. math:: f = \max\big(0, 1 - \sigma^2 \chi^2_{d, 0.95} / |\tilde b|^2\big)

So where people cannot be told from noise, the twin is the fixed dose, exactly, in 95 of
100 releases.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_rng
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.defences.declared import (
    Declared,
    Features,
    check_columns,
    check_people,
    in_fixed_order,
    noise_per_sensitivity,
    read_budget,
    read_declared,
)
from twinprivacy.errors import ParameterError
from twinprivacy.tables import finite_floats

__all__ = [
    "NoisySums",
    "PrivateDoseTwin",
    "fit_private_dose",
]


@dataclass(frozen=True, eq=False)
class NoisySums:
    """Hold the two noisy sums, in units of the declared ranges.

    Attributes
    ----------
    matrix : numpy.ndarray
        Noisy sum of x times its transpose, shape (d, d), symmetric.
    vector : numpy.ndarray
        Noisy sum of x times z, shape (d,).
    noise_sd : float
        Deviation of the noise on the vector and the diagonal; off it the root of half.
    """

    matrix: Array
    vector: Array
    noise_sd: float


@dataclass(frozen=True, eq=False, repr=False)
class PrivateDoseTwin:
    """Hold a private dosing twin; everything here may be published.

    Attributes
    ----------
    outcome : str
        Column that it predicts.
    features : dict
        Declared bounds or values of each feature.
    lower, upper, fixed_dose : float
        Declared bounds, and the public dose that it falls back on, in the outcome's
        unit.
    guarantee : PrivacyGuarantee
        For one person added or removed.
    coefficients : pandas.Series
        In the outcome's unit, from the fixed dose: the intercept, at the middle of
        every range; the effect of one unit of each number; and of each value, from the
        mean over all values.
    signal : float
        The factor f of the module, from 0, where everybody gets the fixed dose, to 1;
        missing without shrinkage.
    released : NoisySums
        All that was taken from people.
    """

    outcome: str
    features: Mapping[str, Any]
    lower: float
    upper: float
    fixed_dose: float
    guarantee: PrivacyGuarantee
    coefficients: pd.Series
    signal: float
    released: NoisySums
    _weights: Array = field(repr=False)
    _declared: Declared = field(repr=False)

    def __repr__(self) -> str:
        """Show the settings."""
        return (
            f"PrivateDoseTwin(outcome={self.outcome!r}, "
            f"features={list(self.features)}, fixed_dose={self.fixed_dose:g}, "
            f"guarantee={self.guarantee})"
        )

    def predict(self, people: pd.DataFrame) -> pd.Series:
        """Return the dose.

        Parameters
        ----------
        people : pandas.DataFrame
            With the declared features; numbers beyond their range are clipped.

        Returns
        -------
        pandas.Series
            In the outcome's unit, within the bounds, on the index of `people`.

        Raises
        ------
        DataError
            For missing columns or numbers, or values that were not declared.
        """
        moved = self._declared.design(people, name="people") @ self._weights
        dose = np.clip(self.fixed_dose + moved, self.lower, self.upper)
        return pd.Series(dose, people.index, name=self.outcome)


def fit_private_dose(
    frame: pd.DataFrame,
    *,
    outcome: str,
    features: Features,
    lower: float,
    upper: float,
    fixed_dose: float,
    mu: float | None = None,
    epsilon: float | None = None,
    delta: float = 1e-6,
    shrink: bool = True,
    rng: np.random.Generator,
) -> PrivateDoseTwin:
    r"""Fit a dosing twin that hides whether any one person is in it.

    The module's formulas; without shrinkage
    :math:`w = (\tilde S + I)^{-1} \tilde b`.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per person, with an index of their own. None is allowed.
    outcome : str
        A column of numbers, such as the stable dose or its square root.
    features : mapping of str to tuple or sequence
        What the twin is told: a tuple of two numbers declares bounds, beyond which
        values are clipped; any other sequence declares all values, two or more.
        Declared, not read from the data, which would give people away.
    lower, upper : float
        Declared bounds of the outcome, in its unit; values beyond are clipped, and no
        prediction leaves them.
    fixed_dose : float
        What everybody gets without a twin, in the outcome's unit, strictly between the
        bounds. Public: it must not be read from these people.
    mu : float, optional
        Budget, above 0; infinite for no noise, and no privacy.
    epsilon : float, optional
        Budget with `delta`, above 0; the noise is that of `gaussian_mu`. Exactly one of
        mu and epsilon.
    delta : float
        With epsilon, strictly between 0 and 1.
    shrink : bool
        False for noisy sums as they are, which gives doses that hurt: the private twin
        that is often measured.
    rng : numpy.random.Generator
        Source of the noise. One twin, one draw: two twins of the same people cost the
        root of the sum of their squared mus.

    Returns
    -------
    PrivateDoseTwin
        The same for any order of rows.

    Raises
    ------
    DataError
        For what is no table, missing columns, a repeated index, missing or infinite
        numbers, or values that were not declared.
    ParameterError
        For bounds that are not finite and ascending with the fixed dose between them,
        features that are declared wrongly, neither or both of epsilon and mu, or a
        setting outside its range.

    Notes
    -----
    - "Not worse than the fixed dose" is a finding about the mean error, not a theorem:
      a single release may be worse, and so may be the dose of a single patient.
    - A person with several rows, or relatives whose rows tell of each other, weaken it:
      `twinprivacy.attacks.guarantees.group_guarantee`.
    - The theorem is about real numbers, and numpy's generator is not a cryptographic
      one (Mironov 2012). The twin serves to study leaks.
    - Errors are for the keeper, and should not reach whoever asks for a twin.

    References
    ----------
    Wang (2018), https://arxiv.org/abs/1803.02596; Brown and Zhao (2012), on James and
    Stein, doi:10.1214/11-STS382; Dong, Roth and Su (2022), doi:10.1111/rssb.12454;
    Mironov (2012), doi:10.1145/2382196.2382264.

    Examples
    --------
    >>> rng = np.random.default_rng(1_709)
    >>> people = pd.DataFrame({"age_years": rng.uniform(20, 80, 5_000)})
    >>> people["dose_mg_per_week"] = 55 - 0.4 * people["age_years"]
    >>> settings = {"outcome": "dose_mg_per_week", "features": {"age_years": (20, 80)},
    ...             "lower": 7, "upper": 105, "fixed_dose": 35}
    >>> asked = pd.DataFrame({"age_years": [30, 70]})
    >>> twin = fit_private_dose(people, **settings, mu=1, rng=rng)
    >>> twin.predict(asked).round().tolist()
    [43.0, 27.0]
    >>> twin = fit_private_dose(people, **settings, mu=1e-6, rng=rng)
    >>> twin.predict(asked).tolist()
    [35.0, 35.0]
    """
    check_rng(rng)
    guarantee = read_budget(
        epsilon=epsilon, delta=0.0 if epsilon is None else delta, mu=mu
    )
    half = _larger_distance(lower, fixed_dose, upper)
    declared = read_declared(features, outcome)
    check_people(frame, name="frame")
    distance = _read_distance(frame, outcome, (lower, fixed_dose, upper), half)
    rows = declared.design(frame, name="frame")
    sums = _add_noise(*in_fixed_order(rows, distance), guarantee, rng)
    weights, signal = (_shrunk_weights if shrink else _plain_weights)(sums)
    weights = weights * half
    return PrivateDoseTwin(
        outcome,
        dict(features),
        float(lower),
        float(upper),
        float(fixed_dose),
        guarantee,
        declared.effects(weights),
        signal,
        sums,
        weights,
        declared,
    )


def _larger_distance(lower: Any, fixed_dose: Any, upper: Any) -> float:
    """Return that of the bounds from the fixed dose, all checked."""
    given = lower, fixed_dose, upper
    are_finite = all(isinstance(x, Real) and math.isfinite(x) for x in given)
    if not are_finite or not lower < fixed_dose < upper or math.isinf(upper - lower):
        raise ParameterError(
            "lower, fixed_dose and upper must be finite with lower < fixed_dose < "
            f"upper; got {lower!r}, {fixed_dose!r} and {upper!r}"
        )
    return float(max(upper - fixed_dose, fixed_dose - lower))


def _read_distance(
    frame: pd.DataFrame, outcome: str, doses: tuple[float, float, float], half: float
) -> Array:
    """Return the clipped outcome's distance from the fixed dose, in [-1, 1]."""
    lower, fixed_dose, upper = doses
    check_columns(frame, [outcome])
    values = finite_floats(frame[outcome], name=f"frame[{outcome!r}]")
    return np.clip((np.clip(values, lower, upper) - fixed_dose) / half, -1.0, 1.0)


_CHANCE = 0.05  # Of the penalty's bound on the noise, and of f above 0 without signal.
_RIDGE = 1.0  # One person's worth, so that the matrix can be inverted without noise.
_MOST_NOISE = 1e100  # Products of it must be finite.


def _add_noise(
    rows: Array, distance: Array, guarantee: PrivacyGuarantee, rng: np.random.Generator
) -> NoisySums:
    """Return the sums over people, with noise for a sensitivity of the root of 2."""
    sd = math.sqrt(2) * noise_per_sensitivity(guarantee)
    if sd > _MOST_NOISE:
        raise ParameterError(
            f"epsilon or mu must be so large that the noise is below {_MOST_NOISE:g}; "
            f"got {guarantee.epsilon if guarantee.mu is None else guarantee.mu!r}"
        )
    n_weights = rows.shape[1]
    square = rng.normal(0.0, sd, (n_weights, n_weights))
    return NoisySums(
        rows.T @ rows + (square + square.T) / 2,
        rows.T @ distance + rng.normal(0.0, sd, n_weights),
        sd,
    )


def _shrunk_weights(sums: NoisySums) -> tuple[Array, float]:
    """Return weights pulled to 0 by what the noise could be, and the factor f."""
    from scipy.special import chdtri

    n = sums.vector.size
    values, vectors = np.linalg.eigh(sums.matrix)
    values = np.maximum(values, 0.0)
    most = sums.noise_sd * math.sqrt(n * math.log(2 * n**2 / _CHANCE))
    penalty = _RIDGE + max(0.0, most - float(values[0]))
    length = float(sums.vector @ sums.vector)
    noise = sums.noise_sd**2 * float(chdtri(n, _CHANCE))
    signal = max(0.0, 1 - noise / length) if length > 0 else 0.0
    weights = vectors @ ((vectors.T @ sums.vector) / (values + penalty))
    return signal * weights, signal


def _plain_weights(sums: NoisySums) -> tuple[Array, float]:
    """Return weights as if the sums had no noise, and no factor f."""
    ridge = _RIDGE * np.eye(sums.vector.size)
    weights = np.linalg.solve(sums.matrix + ridge, sums.vector)
    return np.asarray(weights, dtype=float), math.nan
