"""Frequency and size together: years between large breaches, and a check against time.

The frequency model must count the breaches that the size model describes: those of at
least its `lower` people.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._validation import (
    check_fraction,
    check_positive,
    check_rng,
    check_whole,
)
from twinprivacy.breaches.frequency import FrequencyModel
from twinprivacy.breaches.size import SizeModel, z_score
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.estimate import Estimate

__all__ = [
    "predict_exceedances",
    "return_period",
]


def return_period(
    size_model: SizeModel,
    frequency_model: FrequencyModel,
    x: float,
    *,
    year: float,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the years between breaches of at least `x` people.

    :math:`T(x) = 1 / \{\mu_t \, P(X \ge x)\}` at the rate :math:`\mu_t` of `year`. The
    interval is symmetric on the log scale; frequency and size are taken as independent,
    so the variances of their logarithms add. It holds the uncertainty of the
    parameters, not that of the chosen laws.

    Parameters
    ----------
    size_model : SizeModel
    frequency_model : FrequencyModel
        Counts of breaches of at least ``size_model.lower`` people.
    x : float
        People, at least ``size_model.lower``.
    year : float
        Year whose rate is used.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    Estimate
        In years; `n` is the number of breaches behind the size model.

    Raises
    ------
    ParameterError
        For `x` outside the size model's range.

    Examples
    --------
    >>> from twinprivacy.breaches import fit_frequency
    >>> from twinprivacy.breaches import fit_size
    >>> sizes = np.random.default_rng(5).pareto(1.0, 300) * 1000 + 1000
    >>> counts = pd.Series([95, 100, 105], index=[2021, 2022, 2023])
    >>> size = fit_size(sizes, family="pareto", lower=1000)
    >>> frequency = fit_frequency(counts, family="poisson")
    >>> return_period(size, frequency, 1e5, year=2023)
    Estimate(value=1.1, low=0.638, high=1.89, confidence_level=0.95, n=300)
    """
    check_positive(x, name="x")
    check_fraction(confidence_level, name="confidence_level")
    share = float(size_model.survival(x))
    if x < size_model.lower or share == 0:
        raise ParameterError(
            f"x must lie between the size model's lower = {size_model.lower:g} and its "
            f"upper = {size_model.upper:g}; got {x:g}"
        )
    log_rate, rate_error = frequency_model.log_expected(year)
    share_error = size_model.log_exceedance_error(x) if share < 1 else 0.0
    middle = -log_rate - np.log(share)
    rate_factor = frequency_model.interval_factor(confidence_level)
    width = np.hypot(rate_factor * rate_error, z_score(confidence_level) * share_error)
    value, low, high = (float(np.exp(middle + k * width)) for k in (0, -1, 1))
    return Estimate(value, low, high, confidence_level, size_model.n)


def predict_exceedances(
    size_model: SizeModel,
    frequency_model: FrequencyModel,
    thresholds: npt.ArrayLike,
    *,
    years: range,
    rng: np.random.Generator,
    n_draws: int = 4_000,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Predict how many breaches of at least each size some years will bring.

    Each draw takes new parameters for both models from the laws of their errors, a
    count for every year, and a binomial share of the counts for every threshold.

    Parameters
    ----------
    size_model, frequency_model
        Fitted to earlier years.
    thresholds : array_like
        Sizes in people, shape (k,).
    years : range
        Full years to predict; their counts are summed.
    rng : numpy.random.Generator
    n_draws : int
        At least 100.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns n_individuals, expected (with the fitted parameters), low, high (range
        of the count).
    """
    check_rng(rng)
    check_fraction(confidence_level, name="confidence_level")
    check_whole(n_draws, name="n_draws", least=100)
    check_whole(len(years), name="number of years")
    sizes = np.atleast_1d(np.asarray(thresholds, dtype=float))
    if not (sizes >= size_model.lower).all():
        raise ParameterError(
            "thresholds must be at least the size model's lower = "
            f"{size_model.lower:g}; got {sizes.min():g}"
        )
    count_rng, size_rng, share_rng = rng.spawn(3)
    totals = frequency_model.simulate(list(years), n_draws, rng=count_rng).sum(axis=1)
    thetas = size_rng.multivariate_normal(
        size_model.theta, size_model.covariance, size=n_draws, method="cholesky"
    )
    shares = np.array([size_model.survival_at(sizes, theta) for theta in thetas])
    draws = share_rng.binomial(totals[:, None].astype(int), shares)
    tail = (1 - confidence_level) / 2
    mean = sum(np.exp(frequency_model.log_expected(year)[0]) for year in years)
    return pd.DataFrame(
        {
            "n_individuals": sizes,
            "expected": mean * size_model.survival(sizes),
            "low": np.quantile(draws, tail, axis=0),
            "high": np.quantile(draws, 1 - tail, axis=0),
        }
    )
