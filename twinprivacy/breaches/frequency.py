"""How many breaches are reported a year: counts, their trend, and next year's range."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._validation import check_choice, check_fraction, check_rng
from twinprivacy.errors import ParameterError
from twinprivacy.estimates import Estimate

__all__ = [
    "FrequencyModel",
    "fit_frequency",
    "overdispersion_test",
]

FAMILIES = ("poisson", "negative_binomial")
# Below this the negative binomial is a Poisson law to all digits that are printed.
SMALLEST_DISPERSION = 1e-8
Array = npt.NDArray[np.float64]


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
        low, high = (np.exp(middle + k * _z(confidence_level) * error) for k in (-1, 1))
        return Estimate(
            float(np.exp(middle)), float(low), float(high), confidence_level, self.n
        )

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
        slope, z = float(self.coefficients[1]), _z(confidence_level)
        value, low, high = (np.expm1(slope + k * z * error) for k in (0, -1, 1))
        return Estimate(float(value), float(low), float(high), confidence_level, self.n)

    def prediction_interval(
        self, year: float, *, confidence_level: float = 0.95
    ) -> Estimate:
        """Predict the count of one full year: its median and range.

        The law of the count is averaged over the normal law of the fitted log-mean, so
        the range holds both the scatter of a year and the uncertainty of the
        coefficients; that of the dispersion is left out. No random numbers.
        """
        check_fraction(confidence_level, name="confidence_level")
        tail = (1 - confidence_level) / 2
        median, low, high = (
            self._predictive_quantile(year, p) for p in (0.5, tail, 1 - tail)
        )
        return Estimate(median, low, high, confidence_level, self.n)

    def sample(self, year: float, n: int, *, rng: np.random.Generator) -> Array:
        """Draw `n` counts for a year, with uncertain coefficients, shape (n,)."""
        check_rng(rng)
        middle, error = self.log_expected(year)
        means = np.exp(middle + error * rng.standard_normal(n))
        return self.draw_counts(means, rng=rng)

    def draw_counts(self, means: Array, *, rng: np.random.Generator) -> Array:
        """Draw one count for each mean, with the fitted dispersion."""
        check_rng(rng)
        if self.dispersion > SMALLEST_DISPERSION:
            shape = 1 / self.dispersion
            means = rng.gamma(shape, means / shape)
        return rng.poisson(means).astype(float)

    def log_expected(self, year: float) -> tuple[float, float]:
        """Return the log of the expected count and its standard error."""
        row = np.array([1.0, year - self.centre])[: len(self.coefficients)]
        return float(row @ self.coefficients), float(
            np.sqrt(row @ self.covariance @ row)
        )

    def _predictive_quantile(self, year: float, p: float) -> float:
        """Find the smallest count whose predictive distribution reaches `p`."""
        middle, error = self.log_expected(year)
        nodes, weights = np.polynomial.hermite_e.hermegauss(40)
        means = np.exp(middle + error * nodes)
        weights = weights / weights.sum()
        low, high = -1, int(10 * np.exp(middle + 6 * error) + 100)
        while high - low > 1:
            guess = (low + high) // 2
            if weights @ _cdf(guess, means, self.dispersion) >= p:
                high = guess
            else:
                low = guess
        return float(high)


def fit_frequency(
    counts: pd.Series,
    *,
    family: str,
    trend: bool = False,
    exposure: npt.ArrayLike | None = None,
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
    exposure : array_like, optional
        Fraction of each year that was observed, in (0, 1]; 1 without it.

    Returns
    -------
    FrequencyModel
        Coefficients by statsmodels' generalised linear model; the dispersion
        maximises the profile likelihood.

    Raises
    ------
    ParameterError
        For an unknown family, too few years, or counts that are missing, negative or
        not whole.

    References
    ----------
    Cameron and Trivedi (2013), Regression Analysis of Count Data, 2nd edition,
    doi:10.1017/CBO9781139013567.

    Examples
    --------
    >>> counts = pd.Series([10, 12, 15, 18, 22, 26], index=range(2010, 2016))
    >>> fit_frequency(counts, family="poisson", trend=True).growth()
    Estimate(value=0.212, low=0.0783, high=0.362, confidence_level=0.95, n=6)
    """
    check_choice(family, name="family", allowed=FAMILIES)
    years, values, fractions = _check_counts(counts, exposure, trend=trend)
    centre = float(years.mean())
    design = np.column_stack([np.ones_like(years), years - centre])[:, : 1 + trend]
    dispersion = 0.0
    if family == "negative_binomial":
        dispersion = _profile_dispersion(values, design, fractions)
    result = _fit_given_dispersion(values, design, fractions, dispersion)
    return FrequencyModel(
        family=family,
        coefficients=np.asarray(result.params, dtype=float),
        covariance=np.asarray(result.cov_params(), dtype=float),
        dispersion=dispersion,
        centre=centre,
        n=len(values),
        log_likelihood=float(result.llf),
    )


def overdispersion_test(
    counts: pd.Series, *, trend: bool = False, exposure: npt.ArrayLike | None = None
) -> dict[str, float]:
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

    poisson = fit_frequency(counts, family="poisson", trend=trend, exposure=exposure)
    negative = fit_frequency(
        counts, family="negative_binomial", trend=trend, exposure=exposure
    )
    _, values, fractions = _check_counts(counts, exposure, trend=trend)
    means = fractions * [np.exp(poisson.log_expected(year)[0]) for year in counts.index]
    freedom = len(values) - len(poisson.coefficients)
    ratio = max(2 * (negative.log_likelihood - poisson.log_likelihood), 0.0)
    return {
        "pearson_ratio": float(((values - means) ** 2 / means).sum() / freedom),
        "likelihood_ratio": ratio,
        "p_value": float(chi2.sf(ratio, 1) / 2) if ratio > 0 else 1.0,
    }


def _check_counts(
    counts: pd.Series, exposure: npt.ArrayLike | None, *, trend: bool
) -> tuple[Array, Array, Array]:
    years = np.asarray(counts.index, dtype=float)
    values = np.asarray(counts, dtype=float)
    needed = 3 if trend else 2
    if len(values) < needed or len(set(years)) < len(years):
        raise ParameterError(
            f"counts must hold at least {needed} different years; got {len(values)} "
            f"entries for {len(set(years))} years"
        )
    with np.errstate(invalid="ignore"):
        bad = int((~((values >= 0) & (values == np.floor(values)))).sum())
    if bad or not values.any():
        raise ParameterError(
            "counts must be whole numbers of at least 0, not all 0; got "
            f"{bad} that are not, and a sum of {np.nansum(values):g}"
        )
    fractions = (
        np.ones_like(values) if exposure is None else np.asarray(exposure, float)
    )
    if (
        fractions.shape != values.shape
        or not ((fractions > 0) & (fractions <= 1)).all()
    ):
        raise ParameterError(
            f"exposure must be {len(values)} fractions in (0, 1]; got shape "
            f"{fractions.shape}"
        )
    return years, values, fractions


def _profile_dispersion(values: Array, design: Array, fractions: Array) -> float:
    """Return the dispersion at which the likelihood of the counts is largest."""
    from scipy.optimize import minimize_scalar

    def loss(log_dispersion: float) -> float:
        return -float(
            _fit_given_dispersion(
                values, design, fractions, float(np.exp(log_dispersion))
            ).llf
        )

    found = minimize_scalar(
        loss,
        bounds=(np.log(SMALLEST_DISPERSION), 3),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return float(np.exp(found.x))


def _fit_given_dispersion(
    values: Array, design: Array, fractions: Array, dispersion: float
) -> Any:
    """Fit the coefficients for a dispersion that is given."""
    from statsmodels.genmod import families
    from statsmodels.genmod.generalized_linear_model import GLM

    law = (
        families.NegativeBinomial(alpha=dispersion)
        if dispersion > SMALLEST_DISPERSION
        else families.Poisson()
    )
    return GLM(values, design, family=law, offset=np.log(fractions)).fit(tol=1e-12)


def _cdf(count: int, means: Array, dispersion: float) -> Array:
    from scipy.stats import nbinom, poisson

    if dispersion <= SMALLEST_DISPERSION:
        return np.asarray(poisson.cdf(count, means))
    shape = 1 / dispersion
    return np.asarray(nbinom.cdf(count, shape, shape / (shape + means)))


def _z(confidence_level: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf((1 + confidence_level) / 2))
