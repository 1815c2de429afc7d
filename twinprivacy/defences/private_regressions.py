r"""Two private twins: a dose that falls back on everybody's, and a yes or no.

Both learn from rows x, the intercept first, that have a length of 1 at most because
ranges and values of the features are declared. Both guarantees are for one person
*with or without*, that of `twinprivacy.attacks.bounds`. Replacing one person by another
is one removed and one added, ``group_guarantee(twin.guarantee, 2)``: so it is in an
experiment that keeps the number of members fixed, such as that of Yeom et al.

**The dose** is a linear regression from two noisy sums over people; z in [-1, 1] is the
outcome's distance from a public fixed dose, in units of the larger distance of the
bounds from it. Adding or removing one person changes :math:`S = \sum x x^\top` by a
matrix of (Frobenius) length :math:`|x|^2 \le 1` and :math:`b = \sum x z` by a vector of
length 1 at most: together by :math:`\sqrt 2` at most. Normal noise of deviation
:math:`\sigma = \sqrt 2 / \mu` on b and on the diagonal of S, and of
:math:`\sigma / \sqrt 2` on what is off it (each such entry stands twice), makes the two
cases two normal laws at a distance of mu at most. So mu holds for both sums and for all
that is computed from them: AdaSSP (Wang 2018) towards the fixed dose,

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

**The yes or no** is a logistic regression, whose weights minimise

.. math:: J(w) = \sum_i \log(1 + e^{- y_i x_i^\top w}) + \tfrac{\lambda}{2} |w|^2,
          \qquad y_i = \pm 1.

Adding or removing one person moves the minimum by less than :math:`1 / \lambda`. The
loss of one person has a gradient shorter than 1, so at the minimum with them the
gradient of J without them is shorter than 1; J is strongly convex, so that its minimum
is at most the length of that gradient over :math:`\lambda` away. Noise of density
:math:`\propto e^{-\varepsilon \lambda |b|}` therefore keeps epsilon, and so does all
that is computed from the noisy weights. For the mean loss of Chaudhuri, Monteleoni and
Sarwate, :math:`\lambda = n \Lambda`; here neither penalty nor noise depends on how many
people there are.

diffprivlib, which has the second method, does not import beside the scikit-learn that
this project is locked to.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_positive, check_rng
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.defences.declared import (
    Declared,
    Features,
    check_bounds,
    check_noise,
    design_rows,
    in_fixed_order,
    read_budget,
    read_features,
)
from twinprivacy.errors import DataError, FitError
from twinprivacy.tables import check_table, finite_floats

__all__ = [
    "NoisySums",
    "PrivateDoseTwin",
    "PrivateOutcomeTwin",
    "fit_private_dose",
    "fit_private_outcome",
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


@dataclass(frozen=True, eq=False)
class PrivateDoseTwin:
    """Hold a private dosing twin; everything here may be published.

    Attributes
    ----------
    outcome : str
        Column that it predicts.
    lower, upper, fixed_dose : float
        Declared bounds, and the public dose that it falls back on, in the outcome's
        unit.
    guarantee : PrivacyGuarantee
        For one person added or removed.
    weights : numpy.ndarray
        Of rows x, in the outcome's unit from the fixed dose; all 0 where everybody gets
        it.
    released : NoisySums
        All that was taken from people.
    """

    outcome: str
    lower: float
    upper: float
    fixed_dose: float
    guarantee: PrivacyGuarantee
    weights: Array = field(repr=False)
    released: NoisySums = field(repr=False)
    _declared: Declared = field(repr=False)

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
        moved = design_rows(people, self._declared, name="people") @ self.weights
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
    mu: float,
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
    mu : float
        Budget, above 0; infinite for no noise, and no privacy.
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
        features that are declared wrongly, or a setting outside its range.

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
    guarantee = read_budget(mu=mu)
    check_bounds(lower, fixed_dose, name="lower and fixed_dose")
    check_bounds(fixed_dose, upper, name="fixed_dose and upper")
    declared = read_features(features, outcome)
    half = float(max(upper - fixed_dose, fixed_dose - lower))
    doses = np.clip(_read_outcome(frame, outcome), lower, upper)
    # From the fixed dose, in [-1, 1].
    distance = np.clip((doses - fixed_dose) / half, -1.0, 1.0)
    rows = design_rows(frame, declared, name="frame")
    sums = _add_noise(*in_fixed_order(rows, distance), mu, rng)
    weights = (_shrunk_weights if shrink else _plain_weights)(sums)
    return PrivateDoseTwin(
        outcome,
        float(lower),
        float(upper),
        float(fixed_dose),
        guarantee,
        weights * half,
        sums,
        declared,
    )


_CHANCE = 0.05  # Of the penalty's bound on the noise, and of f above 0 without signal.
_RIDGE = 1.0  # One person's worth, so that the matrix can be inverted without noise.


def _read_outcome(frame: pd.DataFrame, outcome: str) -> Array:
    """Return everyone's outcome, of people who have a row each."""
    check_table(frame, name="frame", columns=[outcome], least=0, own_index=True)
    return finite_floats(frame[outcome], name=f"frame[{outcome!r}]")


def _add_noise(
    rows: Array, distance: Array, mu: float, rng: np.random.Generator
) -> NoisySums:
    """Return the sums over people, with noise for a sensitivity of the root of 2."""
    sd = math.sqrt(2) * (1 / float(mu))
    check_noise(sd)
    n_weights = rows.shape[1]
    square = rng.normal(0.0, sd, (n_weights, n_weights))
    return NoisySums(
        rows.T @ rows + (square + square.T) / 2,
        rows.T @ distance + rng.normal(0.0, sd, n_weights),
        sd,
    )


def _shrunk_weights(sums: NoisySums) -> Array:
    """Return weights pulled to 0 by what the noise could be, and by the factor f."""
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
    return np.asarray(signal * weights)


def _plain_weights(sums: NoisySums) -> Array:
    """Return weights as if the sums had no noise."""
    ridge = _RIDGE * np.eye(sums.vector.size)
    return np.asarray(np.linalg.solve(sums.matrix + ridge, sums.vector), dtype=float)


@dataclass(frozen=True, eq=False)
class PrivateOutcomeTwin:
    """Hold a private logistic regression; everything here may be published.

    Attributes
    ----------
    outcome : str
        Column that it predicts.
    guarantee : PrivacyGuarantee
        For one person added or removed.
    penalty : float
        The lambda of the module's formula.
    noise : float
        Mean length of the noise on all weights over their number.
    weights : numpy.ndarray
        Noisy log odds, of rows x.
    """

    outcome: str
    guarantee: PrivacyGuarantee
    penalty: float
    noise: float
    weights: Array = field(repr=False)
    _declared: Declared = field(repr=False)

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

        score = design_rows(people, self._declared, name="people") @ self.weights
        return pd.Series(expit(score), people.index, name=self.outcome)


def fit_private_outcome(
    frame: pd.DataFrame,
    *,
    outcome: str,
    features: Features,
    penalty: float,
    epsilon: float,
    rng: np.random.Generator,
) -> PrivateOutcomeTwin:
    r"""Fit a logistic regression that hides whether any one person is in it.

    The weights are the minimum of the module's J plus noise, whose length is a gamma
    variate of shape d (the number of weights) and scale
    :math:`1 / (\varepsilon \lambda)`, in a direction that is uniform.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per person, with an index of their own. None is allowed.
    outcome : str
        A column of true and false, or 1 and 0.
    features : mapping of str to tuple or sequence
        As for `fit_private_dose`.
    penalty : float
        The lambda above, above 0. In units of people: where fewer than lambda people
        tell of a direction, the twin hardly learns it, and their noise is as small. It
        must not be chosen by looking at these people.
    epsilon : float
        Budget, above 0; infinite for no noise, and no privacy.
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
        For features that are declared wrongly, or a setting outside its range.
    FitError
        If the minimum is not found within the tolerance that the noise allows for.

    Notes
    -----
    - Probabilities are pulled towards one half by the penalty and spread by the noise:
      they order people better than they are calibrated.
    - The last three notes of `fit_private_dose` hold here too.

    References
    ----------
    Chaudhuri, Monteleoni and Sarwate (2011),
    https://jmlr.org/papers/v12/chaudhuri11a.html; Mironov (2012),
    doi:10.1145/2382196.2382264.

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
    guarantee = read_budget(epsilon=epsilon)
    declared = read_features(features, outcome)
    happened = _read_outcome(frame, outcome)
    n_bad = int((~np.isin(happened, (0.0, 1.0))).sum())
    if n_bad:
        raise DataError(
            f"frame[{outcome!r}] must be true or false, or 1 or 0; got {n_bad} of "
            f"{len(happened)} others"
        )
    rows = design_rows(frame, declared, name="frame")
    # The sensitivity, the solver's error on both sides included, per budget.
    scale = (1 + 2 * _GRADIENT) / float(penalty) / float(epsilon)
    check_noise(scale)
    weights = _minimum(*in_fixed_order(rows, happened), penalty)
    weights = weights + _gamma_noise(scale, weights.size, rng)
    return PrivateOutcomeTwin(
        outcome, guarantee, float(penalty), scale, weights, declared
    )


# Length of the gradient at which a minimum is found. Its distance from the true one is
# at most that over the penalty, and is added to the sensitivity.
_GRADIENT = 1e-6


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


def _gamma_noise(scale: float, n: int, rng: np.random.Generator) -> Array:
    """Return a vector of gamma length in a direction that is uniform."""
    direction = rng.standard_normal(n)
    length = rng.standard_gamma(n)
    return np.asarray(scale * length * direction / np.linalg.norm(direction))
