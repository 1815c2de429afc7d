r"""A private twin of a yes or no: logistic regression, released with noise.

Ranges and values of the features are declared, so that every row x, with the intercept,
has a length of 1 at most. The weights minimise

.. math:: J(w) = \sum_i \log(1 + e^{- y_i x_i^\top w}) + \tfrac{\lambda}{2} |w|^2,
          \qquad y_i = \pm 1.

**Theorem.** Adding or removing one person moves the minimum by less than
:math:`1 / \lambda`. The loss of one person has a gradient shorter than 1, so at the
minimum with them the gradient of J without them is shorter than 1; J is strongly
convex, so that its minimum is at most the length of that gradient over :math:`\lambda`
away. Noise of density :math:`\propto e^{-\varepsilon \lambda |b|}` therefore keeps
epsilon, and normal noise of deviation :math:`1 / (\lambda \mu)` keeps mu; so does all
that is computed from the noisy weights.

Replacing one person is one removed and one added: :math:`2 / \lambda`, which is the
:math:`2 / (n \Lambda)` of Chaudhuri, Monteleoni and Sarwate for a mean loss with
:math:`\lambda = n \Lambda`. Here neither the penalty nor the noise depends on how many
people there are. So the guarantee is for *with or without*, that of
`twinprivacy.attacks.bounds`. In an experiment that keeps the number of members fixed,
such as that of Yeom et al., one person takes the place of another: bound it with
``group_guarantee(twin.guarantee, 2)``.

diffprivlib, which has the same method, does not import beside the scikit-learn that
this project is locked to.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_positive, check_rng
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.defences.declared import (
    Declared,
    Features,
    check_columns,
    check_people,
    in_fixed_order,
    read_budget,
    read_declared,
)
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.tables import finite_floats

__all__ = [
    "PrivateOutcomeTwin",
    "fit_private_outcome",
]


# Length of the gradient at which a minimum is found. Its distance from the true one is
# at most that over the penalty, and is added to the sensitivity.
_GRADIENT = 1e-6
_MOST_NOISE = 1e100  # Sums of products of it must be finite.


@dataclass(frozen=True, eq=False, repr=False)
class PrivateOutcomeTwin:
    """Hold a private logistic regression; everything here may be published.

    Attributes
    ----------
    outcome : str
        Column that it predicts.
    features : dict
        Declared bounds or values of each feature.
    guarantee : PrivacyGuarantee
        For one person added or removed.
    penalty : float
        The lambda of the module's formula.
    noise : float
        Scale of the noise: the deviation of each weight under mu, the mean length of
        all of them over their number under epsilon.
    coefficients : pandas.Series
        Noisy log odds: the intercept, at the middle of every range; the effect of one
        unit of each number; and of each value, from the mean over all values.
    """

    outcome: str
    features: Mapping[str, Any]
    guarantee: PrivacyGuarantee
    penalty: float
    noise: float
    coefficients: pd.Series
    _weights: Array = field(repr=False)
    _declared: Declared = field(repr=False)

    def __repr__(self) -> str:
        """Show the settings."""
        return (
            f"PrivateOutcomeTwin(outcome={self.outcome!r}, "
            f"features={list(self.features)}, penalty={self.penalty:g}, "
            f"guarantee={self.guarantee})"
        )

    def predict(self, people: pd.DataFrame) -> pd.Series:
        """Return the probability of the outcome.

        Parameters
        ----------
        people : pandas.DataFrame
            With the declared features; numbers beyond their range are clipped.

        Returns
        -------
        pandas.Series
            In [0, 1], on the index of `people`.

        Raises
        ------
        DataError
            For missing columns or numbers, or values that were not declared.
        """
        from scipy.special import expit

        score = self._declared.design(people, name="people") @ self._weights
        return pd.Series(expit(score), people.index, name=self.outcome)


def fit_private_outcome(
    frame: pd.DataFrame,
    *,
    outcome: str,
    features: Features,
    penalty: float,
    epsilon: float | None = None,
    mu: float | None = None,
    rng: np.random.Generator,
) -> PrivateOutcomeTwin:
    r"""Fit a logistic regression that hides whether any one person is in it.

    The released weights are the minimum of the module's J plus noise, whose length
    under epsilon is a gamma variate of shape d (the number of weights) and scale
    :math:`1 / (\varepsilon \lambda)`, in a direction that is uniform.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per person, with an index of their own. None is allowed.
    outcome : str
        A column of true and false, or 1 and 0.
    features : mapping of str to tuple or sequence
        What the twin is told: a tuple of two numbers declares bounds, beyond which
        values are clipped; any other sequence declares all values, two or more.
        Declared, not read from the data, which would give people away.
    penalty : float
        The lambda above, above 0. In units of people: where fewer than lambda people
        tell of a direction, the twin hardly learns it, and their noise is as small. It
        must not be chosen by looking at these people.
    epsilon : float, optional
        Budget for noise of gamma length, above 0; infinite for no noise, and no
        privacy.
    mu : float, optional
        Budget for normal noise, above 0; infinite for no noise. Exactly one of the two.
    rng : numpy.random.Generator
        Source of the noise. One twin, one draw: two twins of the same people cost the
        sum of their epsilons.

    Returns
    -------
    PrivateOutcomeTwin
        The same for any order of rows.

    Raises
    ------
    DataError
        For what is no table, missing columns, a repeated index, an outcome that is not
        of true and false, missing or infinite numbers, or values that were not
        declared.
    ParameterError
        For features that are declared wrongly, neither or both of epsilon and mu, or a
        setting outside its range.
    FitError
        If the minimum is not found within the tolerance that the noise allows for.

    Notes
    -----
    - Probabilities are pulled towards one half by the penalty and spread by the noise:
      they order people better than they are calibrated.
    - At an epsilon of 1 and in simulated cohorts of 2,000 with six features, a penalty
      of 10 ordered people better than 1 and 100 did. For other budgets and numbers of
      people another may be better.
    - A person with several rows, or relatives whose rows tell of each other, weaken it:
      `twinprivacy.attacks.guarantees.group_guarantee`.
    - The theorem is about real numbers, and numpy's generator is not a cryptographic
      one (Mironov 2012). The twin serves to study leaks.
    - Errors are for the keeper, and should not reach whoever asks for a twin.

    References
    ----------
    Chaudhuri, Monteleoni and Sarwate (2011),
    https://jmlr.org/papers/v12/chaudhuri11a.html; Dong, Roth and Su (2022),
    doi:10.1111/rssb.12454; Mironov (2012), doi:10.1145/2382196.2382264.

    Examples
    --------
    >>> rng = np.random.default_rng(1_709)
    >>> people = pd.DataFrame({"age_years": rng.uniform(20, 80, 4_000)})
    >>> people["died"] = rng.random(4_000) < people["age_years"] / 100
    >>> twin = fit_private_outcome(
    ...     people, outcome="died", features={"age_years": (20, 80)}, penalty=10,
    ...     epsilon=1, rng=rng)
    >>> twin.predict(pd.DataFrame({"age_years": [30, 70]})).round(1).tolist()
    [0.3, 0.7]
    """
    check_rng(rng)
    check_positive(penalty, name="penalty")
    guarantee = read_budget(epsilon=epsilon, mu=mu)
    declared = read_declared(features, outcome)
    check_people(frame, name="frame")
    happened = _read_outcome(frame, outcome)
    design, happened = in_fixed_order(declared.design(frame, name="frame"), happened)
    noise = _noise_scale(guarantee, penalty)
    weights = _minimum(design, happened, penalty)
    weights = weights + _draw(guarantee, noise, weights.size, rng)
    return PrivateOutcomeTwin(
        outcome,
        dict(features),
        guarantee,
        float(penalty),
        noise,
        declared.effects(weights),
        weights,
        declared,
    )


def _read_outcome(frame: pd.DataFrame, outcome: str) -> Array:
    check_columns(frame, [outcome])
    happened = finite_floats(frame[outcome], name=f"frame[{outcome!r}]")
    n_bad = int((~np.isin(happened, (0.0, 1.0))).sum())
    if n_bad:
        raise DataError(
            f"frame[{outcome!r}] must be true or false, or 1 or 0; got {n_bad} of "
            f"{len(happened)} others"
        )
    return happened


def _noise_scale(guarantee: PrivacyGuarantee, penalty: float) -> float:
    """Return the sensitivity, the solver's error on both sides included, per budget."""
    budget = guarantee.epsilon if guarantee.mu is None else guarantee.mu
    with np.errstate(over="ignore", divide="ignore"):
        scale = float((1 + 2 * _GRADIENT) / np.float64(penalty) / np.float64(budget))
    if scale > _MOST_NOISE:
        raise ParameterError(
            "penalty and epsilon or mu must be so large that the noise is below "
            f"{_MOST_NOISE:g}; got {penalty!r} and {budget!r}"
        )
    return scale


def _minimum(design: Array, happened: Array, penalty: float) -> Array:
    """Return the weights at which the gradient is as good as 0."""
    from scipy.optimize import root
    from scipy.special import expit

    def gradient(weights: Array) -> Array:
        error = expit(design @ weights) - happened
        return np.asarray(design.T @ error + penalty * weights)

    def hessian(weights: Array) -> Array:
        p = expit(design @ weights)
        curvature = (design * (p * (1 - p))[:, np.newaxis]).T @ design
        return np.asarray(curvature + penalty * np.eye(weights.size))

    # A zero of the gradient is sought, not a least sum: near it sums of many losses
    # differ by less than their rounding.
    start = np.zeros(design.shape[1])
    found = np.asarray(root(gradient, start, jac=hessian, tol=1e-12).x)
    length = float(np.linalg.norm(gradient(found)))
    if not length <= _GRADIENT:
        raise FitError(
            f"the fit must reach a gradient of {_GRADIENT:g} or less, for which the "
            "noise allows; it stopped before: take a larger penalty"
        )
    return found


def _draw(
    guarantee: PrivacyGuarantee, scale: float, n: int, rng: np.random.Generator
) -> Array:
    direction = rng.standard_normal(n)
    if guarantee.mu is not None or math.isinf(guarantee.epsilon or 0.0):
        return scale * direction
    return scale * rng.standard_gamma(n) * direction / np.linalg.norm(direction)
