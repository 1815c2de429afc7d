"""How many breaches are reported a year: counts, their trend, and next year's range."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import (
    as_numbers,
    check_choice,
    check_fraction,
    check_rng,
)
from twinprivacy.errors import FitError, ParameterError
from twinprivacy.estimates.estimate import Estimate

__all__ = [
    "FrequencyModel",
    "fit_frequency",
    "overdispersion_test",
]


_FAMILIES = ("poisson", "negative_binomial")


@dataclass(frozen=True, eq=False)
class FrequencyModel:
    r"""Fitted counts a year, :math:`\log \mu_t = \beta_0 + \beta_1 (t - \bar t)`.

    Attributes
    ----------
    family : str
    coefficients : numpy.ndarray
        :math:`\beta_0` and, with a trend, :math:`\beta_1` per year.
    covariance : numpy.ndarray
    dispersion : float
        :math:`\alpha` of the variance :math:`\mu + \alpha \mu^2`; 0 for Poisson.
    centre : float
        The year :math:`\bar t`.
    n : int
        Number of years.
    log_likelihood : float

    Notes
    -----
    With the negative binomial, the scatter is estimated from the same few years, and
    maximum likelihood puts it too low. Intervals and ranges then allow for it as with
    normal errors: variances are multiplied by n / (n - k) for k coefficients, and
    quantiles are those of Student's t with n - k degrees of freedom.
    """

    family: str
    coefficients: Array
    covariance: Array
    dispersion: float
    centre: float
    n: int
    log_likelihood: float

    @property
    def aic(self) -> float:
        """Akaike's criterion, with the dispersion as a parameter."""
        n_parameters = len(self.coefficients) + (self.family == "negative_binomial")
        return 2 * n_parameters - 2 * self.log_likelihood

    def expected(self, year: float, *, confidence_level: float = 0.95) -> Estimate:
        """Estimate the expected number of breaches in a full year.

        The interval is symmetric on the log scale and holds the uncertainty of the
        coefficients, not the scatter of a single year.
        """
        check_fraction(confidence_level, name="confidence_level")
        middle, error = self.log_expected(year)
        width = self.interval_factor(confidence_level) * error
        value, low, high = (float(np.exp(middle + k * width)) for k in (0, -1, 1))
        return Estimate(value, low, high, confidence_level, self.n)

    def growth(self, *, confidence_level: float = 0.95) -> Estimate:
        """Estimate the relative growth a year, exp(beta_1) - 1.

        Raises
        ------
        ParameterError
            If the model was fitted without a trend.
        """
        if len(self.coefficients) < 2:
            raise ParameterError("trend must be True for a growth rate; got False")
        error = float(np.sqrt(self.covariance[1, 1]))
        check_fraction(confidence_level, name="confidence_level")
        width = self.interval_factor(confidence_level) * error
        slope = float(self.coefficients[1])
        value, low, high = (np.expm1(slope + k * width) for k in (0, -1, 1))
        return Estimate(float(value), float(low), float(high), confidence_level, self.n)

    def prediction_interval(
        self, year: float, *, confidence_level: float = 0.95
    ) -> Estimate:
        """Predict the count of one full year: its median and range.

        The law of the count is averaged over the law of the fitted log-mean and, with
        the negative binomial, over that of the dispersion, so the range holds both the
        scatter of a year and the uncertainty of the fit. No random numbers. A bound
        beyond 10^12 breaches, which a trend over very few years gives, is infinite.
        """
        check_fraction(confidence_level, name="confidence_level")
        tail = (1 - confidence_level) / 2
        median, low, high = (
            self._predictive_quantile(year, p) for p in (0.5, tail, 1 - tail)
        )
        return Estimate(median, low, high, confidence_level, self.n)

    def simulate(
        self, years: npt.ArrayLike, n: int, *, rng: np.random.Generator
    ) -> Array:
        """Draw `n` times the counts of all `years`, shape (n, len(years)).

        One draw of the parameters serves all years.
        """
        check_rng(rng)
        times = np.atleast_1d(np.asarray(years, dtype=float)) - self.centre
        design = np.column_stack([np.ones_like(times), times])
        design = design[:, : len(self.coefficients)]
        spread = np.full(n, 1.0)
        if self._is_scaled:
            freedom = self._freedom
            spread = self._correction * freedom / rng.chisquare(freedom, size=n)
        root = np.linalg.cholesky(self.covariance)
        noise = rng.standard_normal((n, len(self.coefficients))) @ root.T
        coefficients = self.coefficients + np.sqrt(spread)[:, None] * noise
        means = _bounded_exp(coefficients @ design.T)
        if self.dispersion > SMALLEST_DISPERSION:
            shape = 1 / (self.dispersion * spread)[:, None]
            means = np.minimum(rng.gamma(shape, means / shape), _LARGEST_MEAN)
        return rng.poisson(means).astype(float)

    def log_expected(self, year: float) -> tuple[float, float]:
        """Return the log of the expected count and its standard error."""
        row = np.array([1.0, year - self.centre])[: len(self.coefficients)]
        return float(row @ self.coefficients), float(
            np.sqrt(row @ self.covariance @ row)
        )

    def interval_factor(self, confidence_level: float) -> float:
        """Return how many standard errors an interval reaches to each side."""
        from scipy.stats import norm, t

        p = (1 + confidence_level) / 2
        if not self._is_scaled:
            return float(norm.ppf(p))
        return float(np.sqrt(self._correction) * t.ppf(p, self._freedom))

    @property
    def _is_scaled(self) -> bool:
        return self.family == "negative_binomial"

    @property
    def _freedom(self) -> int:
        return self.n - len(self.coefficients)

    @property
    def _correction(self) -> float:
        return self.n / self._freedom

    def _predictive_quantile(self, year: float, p: float) -> float:
        """Find the smallest count whose predictive distribution reaches `p`."""
        means, dispersions, weights = self._predictive_nodes(year)
        low, high = -1, 1
        while weights @ _count_cdf(high, means, dispersions) < p:
            low, high = high, 2 * high
            if high > _LARGEST_MEAN:
                return np.inf
        while high - low > 1:
            guess = (low + high) // 2
            if weights @ _count_cdf(guess, means, dispersions) >= p:
                high = guess
            else:
                low = guess
        return float(high)

    def _predictive_nodes(self, year: float) -> tuple[Array, Array, Array]:
        """Return means, dispersions and weights whose mixture is the prediction."""
        from scipy.special import roots_genlaguerre

        middle, error = self.log_expected(year)
        nodes, weights = np.polynomial.hermite_e.hermegauss(24)
        spread, shares = np.ones(1), np.ones(1)
        if self._is_scaled:
            # Precision is chi-squared over its degrees of freedom.
            halves, shares = roots_genlaguerre(16, self._freedom / 2 - 1)
            spread = self._correction * self._freedom / (2 * halves)
        means = _bounded_exp(middle + error * np.sqrt(spread)[:, None] * nodes)
        dispersions = np.broadcast_to(self.dispersion * spread[:, None], means.shape)
        joint = np.outer(shares, weights)
        return means.ravel(), dispersions.ravel(), (joint / joint.sum()).ravel()


def fit_frequency(
    counts: pd.Series,
    *,
    family: str,
    trend: bool = False,
) -> FrequencyModel:
    r"""Fit breaches a year, with or without exponential growth.

    Parameters
    ----------
    counts : pandas.Series
        Number of breaches, whole and at least 0, indexed by year.
    family : str
        "poisson" or "negative_binomial" (variance :math:`\mu + \alpha \mu^2`).
    trend : bool
        Let the log of the mean grow by a constant each year.

    Returns
    -------
    FrequencyModel
        Coefficients by statsmodels' generalised linear model; the dispersion
        maximises the profile likelihood, and is 0 where the counts scatter no more
        than a Poisson law allows.

    Raises
    ------
    ParameterError
        For an unknown family, too few years, or counts that are missing, negative or
        not whole.
    FitError
        If all breaches lie in the first or the last year, so that no trend fits.

    References
    ----------
    Cameron and Trivedi (1998), Regression Analysis of Count Data,
    doi:10.1017/CBO9780511814365.

    Examples
    --------
    >>> counts = pd.Series([10, 12, 15, 18, 22, 26], index=range(2010, 2016))
    >>> fit_frequency(counts, family="poisson", trend=True).growth()
    Estimate(value=0.212, low=0.0783, high=0.362, confidence_level=0.95, n=6)
    """
    check_choice(family, name="family", allowed=_FAMILIES)
    years, values = _yearly_counts(counts, trend=trend)
    centre = float(years.mean())
    design = np.column_stack([np.ones_like(years), years - centre])[:, : 1 + trend]
    dispersion = 0.0
    if family == "negative_binomial":
        dispersion = _profile_dispersion(values, design)
    result = _fit_given_dispersion(values, design, dispersion)
    return FrequencyModel(
        family=family,
        coefficients=np.asarray(result.params, dtype=float),
        covariance=np.asarray(result.cov_params(), dtype=float),
        dispersion=dispersion,
        centre=centre,
        n=len(values),
        log_likelihood=float(result.llf),
    )


def overdispersion_test(counts: pd.Series, *, trend: bool = False) -> dict[str, float]:
    r"""Test whether counts scatter more than a Poisson law allows.

    The likelihood ratio of the negative binomial against Poisson is, with no
    overdispersion, an even mixture of 0 and :math:`\chi^2_1`, since :math:`\alpha = 0`
    lies on the edge of its range.

    Returns
    -------
    dict
        "pearson_ratio" (Pearson's chi-squared over its degrees of freedom; 1 for
        Poisson), "likelihood_ratio" and "p_value".

    Examples
    --------
    >>> counts = pd.Series([5, 40, 8, 35, 3, 50], index=range(2010, 2016))
    >>> overdispersion_test(counts)["p_value"] < 0.001
    True
    """
    from scipy.stats import chi2

    poisson = fit_frequency(counts, family="poisson", trend=trend)
    negative = fit_frequency(counts, family="negative_binomial", trend=trend)
    values = counts.to_numpy(dtype=float)
    means = np.array([np.exp(poisson.log_expected(year)[0]) for year in counts.index])
    freedom = len(values) - len(poisson.coefficients)
    ratio = max(2 * (negative.log_likelihood - poisson.log_likelihood), 0.0)
    return {
        "pearson_ratio": float(((values - means) ** 2 / means).sum() / freedom),
        "likelihood_ratio": ratio,
        "p_value": float(chi2.sf(ratio, 1) / 2) if ratio > 0 else 1.0,
    }


def _yearly_counts(counts: pd.Series, *, trend: bool) -> tuple[Array, Array]:
    """Return years and counts as floats; raise where they determine no fit."""
    if not isinstance(counts, pd.Series):
        raise ParameterError(
            f"counts must be a pandas.Series; got {type(counts).__name__}"
        )
    years = as_numbers(counts.index, name="years of counts")
    values = as_numbers(counts.to_numpy(dtype=float, na_value=np.nan), name="counts")
    needed = 3 if trend else 2
    if len(values) < needed or len(set(years)) < len(years):
        raise ParameterError(
            f"counts must hold at least {needed} different years; got {len(values)} "
            f"entries for {len(set(years))} years"
        )
    bad = int(((values < 0) | (values != np.floor(values))).sum())
    if bad or not values.any():
        raise ParameterError(
            "counts must be whole numbers of at least 0, not all 0; got "
            f"{bad} that are not, and a sum of {values.sum():g}"
        )
    filled = years[values > 0]
    if trend and (filled.max() == years.min() or filled.min() == years.max()):
        raise FitError(
            "counts must be above 0 in more than the first or the last year to "
            f"determine a trend; got {len(filled)} of {len(years)} years above 0"
        )
    return years, values


# Below this the negative binomial is a Poisson law to all digits that are printed.
SMALLEST_DISPERSION = 1e-7
_LARGEST_MEAN = 1e12


def _profile_dispersion(values: Array, design: Array) -> float:
    """Return the dispersion at which the likelihood of the counts is largest."""
    from scipy.optimize import minimize_scalar

    start = np.zeros(design.shape[1])
    start[0] = np.log(values.sum() / len(values))

    def loss(log_dispersion: float) -> float:
        dispersion = float(np.exp(log_dispersion))
        means = _fitted_means(values, design, dispersion, start)
        return -_log_likelihood(values, means, dispersion)

    limits = (float(np.log(SMALLEST_DISPERSION)), 5.0)
    found = minimize_scalar(
        loss, bounds=limits, method="bounded", options={"xatol": 1e-8}
    )
    # A gain within rounding is none: the best dispersion is then 0.
    return float(np.exp(found.x)) if loss(limits[0]) - found.fun > 1e-6 else 0.0


def _fitted_means(
    values: Array, design: Array, dispersion: float, start: Array
) -> Array:
    """Return the fitted means for a dispersion that is given, by Fisher scoring."""
    coefficients = start
    for _ in range(100):
        means = _bounded_exp(design @ coefficients)
        weights = means / (1 + dispersion * means)
        slope = design.T @ (weights * (values / means - 1))
        step = np.linalg.solve((design.T * weights) @ design, slope)
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-11:
            break
    return _bounded_exp(design @ coefficients)


def _log_likelihood(values: Array, means: Array, dispersion: float) -> float:
    from scipy.special import gammaln

    shape = 1 / dispersion
    terms = gammaln(values + shape) - gammaln(shape) - gammaln(values + 1)
    terms -= shape * np.log1p(means / shape)
    return float((terms - values * np.log1p(shape / means)).sum())


def _fit_given_dispersion(values: Array, design: Array, dispersion: float) -> Any:
    """Fit the coefficients for a dispersion that is given."""
    from statsmodels.genmod import families
    from statsmodels.genmod.generalized_linear_model import GLM
    from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

    law = (
        families.NegativeBinomial(alpha=dispersion)
        if dispersion > SMALLEST_DISPERSION
        else families.Poisson()
    )
    model = GLM(values, design, family=law)
    with warnings.catch_warnings():
        # Counts that lie on the curve are no fault, as separated classes would be.
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        return model.fit(tol=1e-12)


def _count_cdf(count: int, means: Array, dispersions: Array) -> Array:
    from scipy.special import betainc, pdtr

    if dispersions.max() <= SMALLEST_DISPERSION:
        return np.asarray(pdtr(count, means))
    shapes = 1 / dispersions
    return np.asarray(betainc(shapes, count + 1, shapes / (shapes + means)))


def _bounded_exp(x: Array) -> Array:
    """Return exp(x), kept to numbers that a count can be drawn for."""
    return np.exp(np.clip(x, -700, np.log(_LARGEST_MEAN)))
