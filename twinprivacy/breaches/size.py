"""How many people one breach concerns: heavy-tailed laws above a threshold."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from twinprivacy._types import Array
from twinprivacy._validation import (
    check_choice,
    check_fraction,
    check_positive,
    check_rng,
)
from twinprivacy.breaches.families import (
    FAMILIES,
    Family,
    log_difference,
    log_mass,
    log_survival,
)
from twinprivacy.breaches.records import check_determined, check_sizes, check_upper
from twinprivacy.errors import FitError, ParameterError
from twinprivacy.estimates.estimate import Estimate

__all__ = [
    "SizeModel",
    "fit_size",
]


@dataclass(frozen=True, eq=False)
class SizeModel:
    """A fitted law of breach sizes of at least `lower` people.

    Attributes
    ----------
    family : str
    theta : numpy.ndarray
        Parameters on the scale on which they were fitted (logs of positive ones).
    covariance : numpy.ndarray
        Inverse observed information on that scale.
    lower, upper : float
        Smallest and largest size that the law allows; `upper` may be infinite.
    n : int
        Number of breaches.
    n_parameters : int
        Parameters estimated, a ceiling taken from the data included.
    log_likelihood : float
    """

    family: str
    theta: Array
    covariance: Array
    lower: float
    upper: float
    n: int
    n_parameters: int
    log_likelihood: float

    @property
    def aic(self) -> float:
        """Akaike's criterion, 2 k - 2 log L; smaller is better."""
        return 2 * self.n_parameters - 2 * self.log_likelihood

    @property
    def limits(self) -> tuple[float, float]:
        """Smallest and largest size."""
        return self.lower, self.upper

    @property
    def parameters(self) -> dict[str, float]:
        """Parameters by name, in natural units."""
        law = FAMILIES[self.family]
        values = _natural(law, self.theta)
        return {
            name: float(value)
            for name, value in zip(law.parameters, values, strict=True)
        }

    def summary(self, confidence_level: float = 0.95) -> pd.DataFrame:
        """Return parameters with standard errors and intervals.

        Intervals are symmetric on the fitted scale, so a positive parameter has a
        positive interval. A ceiling taken from the data has none.
        """
        check_fraction(confidence_level, name="confidence_level")
        law, z = FAMILIES[self.family], _z(confidence_level)
        errors = np.sqrt(np.diag(self.covariance))
        values = _natural(law, self.theta)
        scale = np.where(law.positive, values, 1.0)
        return pd.DataFrame(
            {
                "parameter": law.parameters,
                "value": values,
                "standard_error": errors * scale,
                "low": _natural(law, self.theta - z * errors),
                "high": _natural(law, self.theta + z * errors),
            }
        )

    def survival(self, x: npt.ArrayLike) -> Array:
        """Return P(size >= x), without interval, for sizes of any shape."""
        return self.survival_at(x, self.theta)

    def survival_at(self, x: npt.ArrayLike, theta: Array) -> Array:
        """Return P(size >= x) for other parameters, on the fitted scale."""
        return np.exp(self._log_survival(x, theta))

    def log_density(self, x: npt.ArrayLike) -> Array:
        """Return the logarithm of the density at sizes within [lower, upper]."""
        sizes = np.asarray(x, dtype=float)
        law = FAMILIES[self.family]
        return _log_density(law, sizes, _natural(law, self.theta), self.limits)

    def exceedance_probability(
        self, x: float, *, confidence_level: float = 0.95
    ) -> Estimate:
        """Estimate P(size >= x | size >= lower).

        Parameters
        ----------
        x : float
            Number of people, positive. The answer is 1 up to `lower`.
        confidence_level : float
            Strictly between 0 and 1; the interval is symmetric on the logit scale and
            holds the uncertainty of the parameters, not that of the family.
        """
        check_positive(x, name="x")
        check_fraction(confidence_level, name="confidence_level")
        value = float(self.survival(x))
        if not 0 < value < 1:
            return Estimate(value, value, value, confidence_level, self.n)
        error = self._standard_error(lambda t: _logit(float(self._log_survival(x, t))))
        middle, z = _logit(float(np.log(value))), _z(confidence_level)
        # Next to 0 and 1 rounding may carry a bound past the value.
        low = min(float(expit(middle - z * error)), value)
        high = max(float(expit(middle + z * error)), value)
        return Estimate(value, low, high, confidence_level, self.n)

    def quantile(self, p: float, *, confidence_level: float = 0.95) -> Estimate:
        """Estimate the size that a share `p` of breaches stays below.

        Parameters
        ----------
        p : float
            Strictly between 0 and 1.
        confidence_level : float
            Strictly between 0 and 1; the interval is symmetric on the log scale and
            ends at the law's limits.
        """
        check_fraction(p, name="p")
        check_fraction(confidence_level, name="confidence_level")
        value = float(self._quantile(p, self.theta))
        error = self._standard_error(lambda t: float(np.log(self._quantile(p, t))))
        with np.errstate(over="ignore"):
            factor = float(np.exp(_z(confidence_level) * error))
        low, high = max(value / factor, self.lower), min(value * factor, self.upper)
        return Estimate(value, low, high, confidence_level, self.n)

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        """Draw `n` sizes from the fitted law, shape (n,), in people."""
        check_rng(rng)
        return self._quantile(rng.uniform(size=n), self.theta)

    def log_exceedance_error(self, x: float) -> float:
        """Return the standard error of log P(size >= x)."""
        return self._standard_error(lambda t: float(self._log_survival(x, t)))

    def _log_survival(self, x: npt.ArrayLike, theta: Array) -> Array:
        law = FAMILIES[self.family]
        sizes = np.asarray(x, dtype=float)
        return log_survival(law, sizes, _natural(law, theta), *self.limits)

    def _quantile(self, p: npt.ArrayLike, theta: Array) -> Array:
        law = FAMILIES[self.family]
        parameters = _natural(law, theta)
        mass = np.exp(log_mass(law, parameters, self.lower, self.upper))
        survival = 1 - mass * np.asarray(p, dtype=float)
        # The heaviest tails reach beyond the largest float: such sizes are infinite.
        with np.errstate(over="ignore"):
            sizes = law.inverse_survival(survival, parameters, self.lower)
        return np.clip(sizes, *self.limits)

    def _standard_error(self, function: Callable[[Array], float]) -> float:
        """Propagate the covariance through a function of the parameters."""
        gradient, _ = derivatives(lambda t: float(function(t)), self.theta)
        return float(np.sqrt(gradient @ self.covariance @ gradient))


def fit_size(
    sizes: npt.ArrayLike,
    *,
    family: str,
    lower: float = 500,
    upper: float | None = None,
    counts: npt.ArrayLike | None = None,
) -> SizeModel:
    r"""Fit a law of breach sizes by maximum likelihood.

    For exact sizes :math:`\log L = \sum_i c_i \log f(x_i)`; for bins
    :math:`\log L = \sum_i c_i \log\{S(a_i) - S(b_i)\}`, with density :math:`f` and
    survival :math:`S` conditional on a size between `lower` and `upper`.

    Parameters
    ----------
    sizes : array_like
        Exact sizes in people, shape (n,), or bins ``[low, high)``, shape (n, 2).
    family : str
        "lognormal", "pareto", "truncated_pareto" or "generalised_pareto".
    lower : float
        Reporting threshold in people; the law is that of sizes from here on.
    upper : float, optional
        Ceiling in people. Only "truncated_pareto" needs one; without it, the largest
        size (or bin edge) is taken, which is the estimate of maximum likelihood.
    counts : array_like, optional
        How often each size or bin occurs, shape (n,); 1 each without it.

    Returns
    -------
    SizeModel

    Raises
    ------
    ParameterError
        For an unknown family, or sizes that are missing, infinite, below `lower` or
        above `upper`; the message counts them.
    FitError
        If the sizes do not determine the parameters.

    Notes
    -----
    The likelihood of a generalised Pareto law grows without bound at shapes below -1;
    the local maximum is returned, and its errors hold for shapes above -1/2. With a
    ceiling taken from the data, the index has its usual errors, but probabilities from
    about a tenth of the ceiling on are too low, with intervals that are too narrow:
    give a known `upper` where the far tail matters.

    References
    ----------
    Clauset, Shalizi and Newman (2009), doi:10.1137/070710111 (laws and likelihoods).

    Examples
    --------
    >>> model = fit_size([600, 900, 2500, 7000, 40000], family="pareto")
    >>> round(model.parameters["tail_index"], 3)
    0.532
    """
    check_choice(family, name="family", allowed=tuple(FAMILIES))
    check_positive(lower, name="lower")
    if family == "pareto" and upper is not None:
        raise ParameterError(
            "upper must be None for family 'pareto'; use 'truncated_pareto'"
        )
    check_upper(upper, lower=lower)
    edges, weights = check_sizes(sizes, counts, lower=lower, upper=upper)
    estimated = family == "truncated_pareto" and upper is None
    ceiling = float(edges.max()) if estimated else np.inf if upper is None else upper
    if estimated and not np.isfinite(ceiling):
        raise ParameterError(
            "upper must be given for family 'truncated_pareto' when the last bin has "
            "no end; got None"
        )
    law, n = FAMILIES[family], float(weights.sum())
    check_determined(edges, (lower, ceiling), names=law.parameters)

    def log_likelihood(theta: Array) -> float:
        terms = _log_terms(law, edges, _natural(law, theta), (lower, ceiling))
        return float(weights @ terms)

    # The middle of a bin on the log scale; an open bin counts as one octave.
    ends = np.where(np.isinf(edges[:, -1]), 4 * edges[:, 0], edges[:, -1])
    typical = np.exp((np.log(edges[:, 0]) + np.log(ends)) / 2)
    start = law.start(typical, weights, lower)
    theta = np.where(law.positive, np.log(np.maximum(start, 1e-9)), start)
    theta, covariance = _maximise(log_likelihood, theta, n=n, names=law.parameters)
    return SizeModel(
        family=family,
        theta=theta,
        covariance=covariance,
        lower=float(lower),
        upper=float(ceiling),
        n=int(n),
        n_parameters=len(theta) + estimated,
        log_likelihood=log_likelihood(theta),
    )


def log_likelihoods(model: SizeModel, edges: Array) -> Array:
    """Return each size's or bin's log-likelihood under a fitted law."""
    law = FAMILIES[model.family]
    return _log_terms(law, edges, _natural(law, model.theta), model.limits)


def _log_terms(
    law: Family, edges: Array, parameters: Array, limits: tuple[float, float]
) -> Array:
    if edges.shape[1] == 1:
        return _log_density(law, edges[:, 0], parameters, limits)
    start, end = (log_survival(law, edge, parameters, *limits) for edge in edges.T)
    return log_difference(start, end)


def _log_density(
    law: Family, sizes: Array, parameters: Array, limits: tuple[float, float]
) -> Array:
    density = law.log_density(sizes, parameters, limits[0])
    return np.asarray(density - log_mass(law, parameters, *limits))


def _natural(law: Family, theta: Array) -> Array:
    """Undo the logarithm of positive parameters."""
    # A search may try values beyond the largest float; they count as infinite.
    with np.errstate(over="ignore"):
        return np.where(law.positive, np.exp(theta), theta)


def _logit(log_probability: float) -> float:
    return float(log_probability - np.log(-np.expm1(log_probability)))


def _z(confidence_level: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf((1 + confidence_level) / 2))


_Objective = Callable[[Array], float]
_NEWTON_STEPS = 40
# Steps below this change no digit; rounding alone may keep them from shrinking
# further, so below the second tolerance a step that does not shrink ends the search.
_TOLERANCE, _ROUNDING = 1e-10, 1e-6
# Of a difference, as a share of a parameter: so long that the last digits of the
# likelihood, which no two machines share, hardly ever reach the digits printed.
_STEP = 1e-2


def _maximise(
    log_likelihood: _Objective, start: Array, *, n: float, names: tuple[str, ...]
) -> tuple[Array, Array]:
    """Return the maximum and the inverse of the observed information there.

    Newton's steps find the digits, so that two machines agree. Where they cannot begin
    at the start, a simplex search finds the neighbourhood first.

    Raises
    ------
    FitError
        If there is no inner maximum.
    """
    from scipy.optimize import minimize

    def loss(theta: Array) -> float:
        # A search may try values at which numbers overflow; those are no maximum.
        with np.errstate(all="ignore"):
            value = -log_likelihood(theta) / n
        return value if np.isfinite(value) else 1e10

    theta = _newton(loss, start)
    if theta is None:
        found = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 800})
        theta = _newton(loss, np.asarray(found.x, dtype=float))
    if theta is None:
        raise FitError(
            "the likelihood has no inner maximum: these sizes do not determine "
            f"{' and '.join(names)}"
        )
    _, curvature = derivatives(loss, theta)
    return theta, np.asarray(np.linalg.inv(curvature) / n)


def derivatives(function: _Objective, theta: Array) -> tuple[Array, Array]:
    """Return gradient and Hessian by central differences of the fourth order."""
    steps = _STEP * np.maximum(np.abs(theta), 1.0)
    near, wide = (_differences(function, theta, steps * by) for by in (1, 2))
    # What is left of the second order is four times as large at twice the steps.
    slope, curvature = ((4 * n - w) / 3 for n, w in zip(near, wide, strict=True))
    return slope, curvature


def _differences(
    function: _Objective, theta: Array, steps: Array
) -> tuple[Array, Array]:
    size, unit = len(theta), np.diag(steps)
    centre = function(theta)
    gradient, hessian = np.empty(size), np.empty((size, size))
    for i in range(size):
        ahead, behind = function(theta + unit[i]), function(theta - unit[i])
        gradient[i] = (ahead - behind) / (2 * steps[i])
        hessian[i, i] = (ahead - 2 * centre + behind) / steps[i] ** 2
        for j in range(i):
            corners = (
                function(theta + unit[i] + unit[j])
                - function(theta + unit[i] - unit[j])
                - function(theta - unit[i] + unit[j])
                + function(theta - unit[i] - unit[j])
            )
            hessian[i, j] = hessian[j, i] = corners / (4 * steps[i] * steps[j])
    return gradient, hessian


def _newton(loss: _Objective, theta: Array) -> Array | None:
    """Step to the minimum; None where the loss bends down or the steps do not end."""
    previous = np.inf
    for _ in range(_NEWTON_STEPS):
        slope, curvature = derivatives(loss, theta)
        if not (np.isfinite(curvature).all() and _is_positive(curvature)):
            return None
        step: Array = np.linalg.solve(curvature, slope).astype(float)
        size = float(np.abs(step).max())
        if size < _TOLERANCE or (size < _ROUNDING and size >= previous / 2):
            return np.asarray(theta - step)
        theta = _descend(loss, theta, step)
        previous = size
    return None


def _descend(loss: _Objective, theta: Array, step: Array) -> Array:
    """Take the step, halved until the loss does not grow."""
    now = loss(theta)
    for _ in range(20):
        if loss(theta - step) <= now + 1e-12:
            break
        step = step / 2
    return np.asarray(theta - step)


def _is_positive(matrix: Array) -> bool:
    # Curvature that is only rounding error is none.
    return bool((np.linalg.eigvalsh(matrix) > 1e-7).all())
