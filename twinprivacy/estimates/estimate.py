"""A number with its uncertainty, and the intervals that give it."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from twinprivacy._validation import (
    as_vector,
    check_counts,
    check_fraction,
    check_rng,
    check_whole,
)
from twinprivacy.errors import FitError, ParameterError

__all__ = [
    "Estimate",
    "bootstrap_interval",
    "wilson_interval",
]


@dataclass(frozen=True, repr=False)
class Estimate:
    """Hold one estimated number, its interval and what the interval means.

    Parameters
    ----------
    value, low, high : float
        The estimate and its bounds, low <= value <= high, in one unit. A bound may
        be infinite. An interval that cannot be had is nan on both sides, and a
        missing value has a missing interval.
    confidence_level : float
        Coverage of the interval, strictly between 0 and 1.
    n : int
        Observations behind the estimate, 0 or more.

    Raises
    ------
    ParameterError
        If the bounds do not hold the value, only one bound is nan, or the level or
        the count is outside its range.

    Examples
    --------
    >>> Estimate(0.65238, 0.41, 0.8034, confidence_level=0.95, n=6_636)
    Estimate(value=0.652, low=0.41, high=0.803, confidence_level=0.95, n=6636)
    """

    value: float
    low: float
    high: float
    confidence_level: float
    n: int

    def __post_init__(self) -> None:
        """Refuse an interval that does not hold its value."""
        check_fraction(self.confidence_level, name="confidence_level")
        if self.n < 0:
            raise ParameterError(f"n must be 0 or more; got {self.n!r}")
        missing = [math.isnan(x) for x in (self.value, self.low, self.high)]
        if missing[1] and missing[2]:
            return
        if any(missing) or not self.low <= self.value <= self.high:
            raise ParameterError(
                "low, value and high must satisfy low <= value <= high, or low and "
                f"high must both be nan; got {self.low!r}, {self.value!r} and "
                f"{self.high!r}"
            )

    def __repr__(self) -> str:
        """Show three significant digits."""
        return (
            f"Estimate(value={self.value:.3g}, low={self.low:.3g}, "
            f"high={self.high:.3g}, confidence_level={self.confidence_level:g}, "
            f"n={self.n})"
        )

    def as_dict(self) -> dict[str, float | int]:
        """Return the five fields by name, for one row of a frame.

        Examples
        --------
        >>> Estimate(2.0, 1.0, 4.0, confidence_level=0.9, n=7).as_dict()
        {'value': 2.0, 'low': 1.0, 'high': 4.0, 'confidence_level': 0.9, 'n': 7}
        """
        return asdict(self)


def wilson_interval(
    n_success: int, n_trials: int, *, confidence_level: float = 0.95
) -> Estimate:
    r"""Estimate a success rate with Wilson's score interval.

    The bounds solve :math:`(p - \hat p)^2 = z^2 p (1 - p) / n`.

    Parameters
    ----------
    n_success, n_trials : int
        Successes and attempts; 0 <= n_success <= n_trials and n_trials >= 1.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        The rate and its interval, all in [0, 1]; n is `n_trials`.

    Raises
    ------
    ParameterError
        If the counts or the level are outside their ranges.

    References
    ----------
    Wilson (1927), doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> wilson_interval(0, 20)
    Estimate(value=0, low=0, high=0.161, confidence_level=0.95, n=20)
    """
    from scipy.stats import binomtest

    check_counts(n_success, n_trials)
    check_fraction(confidence_level, name="confidence_level")
    ci = binomtest(n_success, n_trials).proportion_ci(confidence_level, "wilson")
    rate = n_success / n_trials
    # Rounding may put a bound one unit in the last place beyond a rate of 0 or 1.
    low, high = min(float(ci.low), rate), max(float(ci.high), rate)
    return Estimate(rate, low, high, confidence_level, n_trials)


def bootstrap_interval(
    sample: ArrayLike,
    statistic: Callable[..., Any],
    *,
    n_resamples: int = 2_000,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate a statistic of one sample with a percentile bootstrap interval.

    The bounds are the :math:`(1 \mp c) / 2` quantiles of the statistic over samples
    of the same size drawn with replacement. The percentile form respects the range
    of the statistic (a share stays in [0, 1]); the accelerated form needs a jackknife
    that single very large values dominate, which is how breach sizes behave.

    Parameters
    ----------
    sample : array_like, shape (n,)
        Finite observations, n >= 2, in any unit.
    statistic : callable
        ``statistic(sample, axis=-1)``, reducing the given axis.
    n_resamples : int
        Bootstrap samples, 100 or more.
    rng : numpy.random.Generator
        Source of the resamples.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        The statistic of the sample, in its own unit. Where the statistic of the
        sample lies outside the percentiles, the interval is widened to hold it.

    Raises
    ------
    ParameterError
        If the sample is not a finite vector, or a setting is outside its range.
    FitError
        If there are fewer than two observations.

    References
    ----------
    Efron (1979), doi:10.1214/aos/1176344552.

    Examples
    --------
    >>> rng = np.random.default_rng(1_709)
    >>> bootstrap_interval([1, 2, 3, 4], np.mean, n_resamples=500, rng=rng)
    Estimate(value=2.5, low=1.5, high=3.5, confidence_level=0.95, n=4)
    """
    from scipy.stats import bootstrap

    check_fraction(confidence_level, name="confidence_level")
    check_rng(rng)
    check_whole(n_resamples, name="n_resamples", least=100)
    values = as_vector(sample, name="sample")
    if values.size < 2:
        raise FitError(
            f"sample must hold at least 2 observations to resample; got {values.size}"
        )
    result = bootstrap(
        (values,),
        statistic,
        n_resamples=n_resamples,
        # Few resamples at a time: memory stays flat whatever n_resamples is.
        batch=max(1, 2_000_000 // values.size),
        confidence_level=confidence_level,
        method="percentile",
        rng=rng,
    )
    value = float(statistic(values, axis=-1))
    low = min(float(result.confidence_interval.low), value)
    high = max(float(result.confidence_interval.high), value)
    return Estimate(value, low, high, confidence_level, values.size)
