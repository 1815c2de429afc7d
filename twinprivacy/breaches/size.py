"""How many people one breach concerns: heavy-tailed laws above a threshold."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from twinprivacy._types import Array
from twinprivacy._validation import (
    as_numbers,
    check_choice,
    check_fraction,
    check_positive,
)
from twinprivacy.breaches.families import (
    FAMILIES,
    Family,
    log_difference,
    log_mass,
    log_survival,
)
from twinprivacy.errors import FitError, ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.tables import as_floats

__all__ = [
    "SizeModel",
    "compare_sizes",
    "fit_size",
    "tail_index",
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

    def summary(self, confidence_level: float = 0.95) -> pd.DataFrame:
        """Return parameters with standard errors and intervals.

        Intervals are symmetric on the fitted scale, so a positive parameter has a
        positive interval. A ceiling taken from the data has none.
        """
        check_fraction(confidence_level, name="confidence_level")
        law, z = FAMILIES[self.family], z_score(confidence_level)
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
        middle, z = _logit(float(np.log(value))), z_score(confidence_level)
        # Next to 0 and 1 rounding may carry a bound past the value.
        low = min(float(expit(middle - z * error)), value)
        high = max(float(expit(middle + z * error)), value)
        return Estimate(value, low, high, confidence_level, self.n)

    def log_exceedance_error(self, x: float) -> float:
        """Return the standard error of log P(size >= x)."""
        return self._standard_error(lambda t: float(self._log_survival(x, t)))

    def _log_survival(self, x: npt.ArrayLike, theta: Array) -> Array:
        law = FAMILIES[self.family]
        sizes = np.asarray(x, dtype=float)
        return log_survival(law, sizes, _natural(law, theta), *self.limits)

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
    >>> model.summary().round(3)["value"].tolist()
    [0.532]
    """
    check_choice(family, name="family", allowed=tuple(FAMILIES))
    check_positive(lower, name="lower")
    if family == "pareto" and upper is not None:
        raise ParameterError(
            "upper must be None for family 'pareto'; use 'truncated_pareto'"
        )
    if upper is not None and not upper > lower:
        raise ParameterError(f"upper must be above lower = {lower:g}; got {upper!r}")
    edges, weights = _checked_sizes(sizes, counts, lower=lower, upper=upper)
    estimated = family == "truncated_pareto" and upper is None
    ceiling = float(edges.max()) if estimated else np.inf if upper is None else upper
    if estimated and not np.isfinite(ceiling):
        raise ParameterError(
            "upper must be given for family 'truncated_pareto' when the last bin has "
            "no end; got None"
        )
    law, n = FAMILIES[family], float(weights.sum())
    _check_determined(edges, (lower, ceiling), names=law.parameters)

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


def compare_sizes(
    sizes: npt.ArrayLike,
    *,
    lower: float = 500,
    counts: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    r"""Fit every law to the same sizes and set them side by side.

    Parameters
    ----------
    sizes, lower, counts
        As for `fit_size`.

    Returns
    -------
    pandas.DataFrame
        One row for each family, best first: family, n_parameters, log_likelihood, aic,
        delta_aic, vuong_z and two-sided p_value of Vuong's test against the best
        (missing for the best itself). A family that the sizes do not determine comes
        last, with missing values: a log-normal law, for instance, on sizes that follow
        a Pareto law more closely than any log-normal can.

    Raises
    ------
    FitError
        If no family fits.

    Notes
    -----
    Vuong's :math:`z = \sqrt{n}\, \bar d / s_d` with :math:`d_i` the difference of the
    log-likelihoods of size :math:`i` is standard normal if both laws are equally close
    to the truth. Between a Pareto law and the same with a ceiling it is degenerate:
    read the AIC there.

    References
    ----------
    Vuong (1989), doi:10.2307/1912557.

    Examples
    --------
    >>> sizes = np.random.default_rng(2).lognormal(8, 2, 400)
    >>> table = compare_sizes(sizes[sizes >= 500])
    >>> table["family"].iloc[0]
    'lognormal'
    """
    edges, weights = _checked_sizes(sizes, counts, lower=lower)
    models, failed = [], []
    for family in FAMILIES:
        try:
            models.append(fit_size(sizes, family=family, lower=lower, counts=counts))
        except FitError:
            failed.append({"family": family})
    if not models:
        raise FitError(f"none of the families fits: {', '.join(FAMILIES)}")
    models.sort(key=lambda model: model.aic)
    rows = [_compared(model, models[0], edges, weights) for model in models]
    return pd.DataFrame([*rows, *failed], columns=list(rows[0]))


def tail_index(
    sizes: npt.ArrayLike,
    *,
    thresholds: npt.ArrayLike,
    counts: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Estimate the tail index above several thresholds (Hill's estimator).

    For exact sizes :math:`\hat\alpha = n / \sum_i \log(x_i / u)` over the sizes of at
    least :math:`u`, with standard error :math:`\hat\alpha / \sqrt n`; for bins the
    interval likelihood of the same Pareto law. At an index of 1 or below the law has no
    mean, at 2 or below no variance.

    Parameters
    ----------
    sizes, counts
        As for `fit_size`.
    thresholds : array_like
        Sizes in people, shape (k,). For bins each must be a bin's start.
    confidence_level : float
        Strictly between 0 and 1; intervals are symmetric on the log scale.

    Returns
    -------
    pandas.DataFrame
        Columns threshold_individuals, n_tail, tail_index, low, high.

    Raises
    ------
    ParameterError
        For a threshold above all sizes or within a bin.

    References
    ----------
    Hill (1975), doi:10.1214/aos/1176343247.

    Examples
    --------
    >>> tail_index([1000, 2000, 4000, 8000], thresholds=[1000])["n_tail"].tolist()
    [4]
    """
    check_fraction(confidence_level, name="confidence_level")
    edges, weights = _checked_sizes(sizes, counts, lower=0)
    rows = []
    for threshold in np.atleast_1d(np.asarray(thresholds, dtype=float)):
        inside = edges[:, 0] >= threshold
        cut = edges.shape[1] == 2 and ((edges[:, 1] > threshold) & ~inside).any()
        if cut or not inside.any():
            raise ParameterError(
                "thresholds must be at most the largest size and, for bins, the start "
                f"of a bin; got {threshold:g}"
            )
        tail = edges[inside] if edges.shape[1] == 2 else edges[inside, 0]
        model = fit_size(
            tail, family="pareto", lower=float(threshold), counts=weights[inside]
        )
        summary = model.summary(confidence_level).iloc[0]
        rows.append((threshold, model.n, *summary[["value", "low", "high"]]))
    names = ("threshold_individuals", "n_tail", "tail_index", "low", "high")
    return pd.DataFrame(rows, columns=list(names))


def _compared(
    model: SizeModel, best: SizeModel, edges: Array, weights: Array
) -> dict[str, float | int | str]:
    z, p = (np.nan, np.nan)
    if model is not best:
        z, p = _vuong(best, model, edges, weights)
    return {
        "family": model.family,
        "n_parameters": model.n_parameters,
        "log_likelihood": model.log_likelihood,
        "aic": model.aic,
        "delta_aic": model.aic - best.aic,
        "vuong_z": z,
        "p_value": p,
    }


def _vuong(
    first: SizeModel, second: SizeModel, edges: Array, weights: Array
) -> tuple[float, float]:
    """Return z, positive where the first law is closer, and the two-sided p-value."""
    from scipy.stats import norm

    difference = _log_likelihoods(first, edges) - _log_likelihoods(second, edges)
    n = weights.sum()
    mean = weights @ difference / n
    spread = np.sqrt(weights @ (difference - mean) ** 2 / n)
    if spread == 0:
        return 0.0, 1.0
    z = float(np.sqrt(n) * mean / spread)
    return z, float(2 * norm.sf(abs(z)))


def _log_likelihoods(model: SizeModel, edges: Array) -> Array:
    """Return each size's or bin's log-likelihood under a fitted law."""
    law = FAMILIES[model.family]
    return _log_terms(law, edges, _natural(law, model.theta), model.limits)


def _checked_sizes(
    sizes: npt.ArrayLike,
    counts: npt.ArrayLike | None,
    *,
    lower: float,
    upper: float | None = None,
) -> tuple[Array, Array]:
    """Return edges, shape (n, 1) or (n, 2), and weights, shape (n,), or raise."""
    edges = _as_edges(sizes)
    weights = (
        np.ones(len(edges)) if counts is None else as_numbers(counts, name="counts")
    )
    if weights.shape != (len(edges),) or (weights < 0).any() or not weights.any():
        raise ParameterError(
            f"counts must be {len(edges)} numbers of at least 0, not all 0; got shape "
            f"{weights.shape} with {int((weights < 0).sum())} below 0"
        )
    ceiling = np.inf if upper is None else upper
    bad = {
        "missing or infinite": np.isnan(edges).any(axis=1) | np.isinf(edges[:, 0]),
        f"below lower = {lower:g}": edges[:, 0] < lower,
        f"above upper = {ceiling:g}": edges[:, -1] > ceiling,
    }
    if edges.shape[1] == 2:
        bad["bins whose end is not above their start"] = edges[:, 1] <= edges[:, 0]
    found = [f"{int(rows.sum())} {what}" for what, rows in bad.items() if rows.any()]
    if found:
        raise ParameterError(
            f"sizes must lie in the law's range; got {', '.join(found)}"
        )
    return edges[weights > 0], weights[weights > 0]


def _as_edges(sizes: npt.ArrayLike) -> Array:
    """Return sizes as a column, or bins as two; the end of a bin may be infinite."""
    try:
        is_table = isinstance(sizes, pd.Series | pd.DataFrame)
        edges = as_floats(sizes) if is_table else np.asarray(sizes, dtype=float)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise ParameterError("sizes must hold numbers only; got others") from None
    edges = edges[:, None] if edges.ndim == 1 else edges
    if edges.ndim != 2 or edges.shape[1] not in (1, 2) or not len(edges):
        raise ParameterError(
            "sizes must have shape (n,) for exact sizes or (n, 2) for bins, n >= 1; "
            f"got {np.shape(sizes)}"
        )
    return edges


def _check_determined(
    edges: Array, limits: tuple[float, float], *, names: tuple[str, ...]
) -> None:
    """Raise where sizes take too few values for the likelihood to have a maximum."""
    distinct = np.unique(edges, axis=0)
    n_free = len(distinct)
    if edges.shape[1] == 2:
        # Bins that leave no gap have one probability less to tell.
        ends = np.concatenate([[limits[0]], distinct[:, 1]])
        starts = np.concatenate([distinct[:, 0], [limits[1]]])
        n_free -= bool((starts <= ends).all())
    elif distinct[0, 0] == limits[0]:
        n_free -= len(distinct) == 1
    if n_free < len(names):
        kind = "exact sizes" if edges.shape[1] == 1 else "bins"
        raise FitError(
            f"sizes must take more values to determine {' and '.join(names)}; got "
            f"{len(distinct)} different {kind}"
        )


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


def z_score(confidence_level: float) -> float:
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
