"""One quantity's law in a group of people, as a function of a normal score."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from twinprivacy._types import Array


class Margin(Protocol):
    """A law that turns normal scores into values."""

    def value(self, score: Array) -> Array:
        """Return the values at given normal scores, rising with them."""
        ...

    @property
    def slope(self) -> float:
        """Return the correlation of a value with its own normal score.

        Two values whose scores correlate by rho correlate by rho times both slopes, to
        the first order of a Hermite expansion.
        """
        ...


@dataclass(frozen=True)
class Normal:
    """Normal law with a mean and a standard deviation."""

    mean: float
    sd: float
    slope: float = 1.0

    def value(self, score: Array) -> Array:
        """Return mean + sd score."""
        return self.mean + self.sd * score


@dataclass(frozen=True)
class LogNormal:
    """Log-normal law with a given mean and standard deviation of the value itself."""

    mean: float
    sd: float

    @property
    def log_sd(self) -> float:
        """Return the standard deviation of the logarithm."""
        return float(np.sqrt(np.log1p((self.sd / self.mean) ** 2)))

    @property
    def slope(self) -> float:
        """Return log_sd over the coefficient of variation."""
        return self.log_sd * self.mean / self.sd

    def value(self, score: Array) -> Array:
        """Return exp(mu + log_sd score)."""
        log_mean = np.log(self.mean) - self.log_sd**2 / 2
        return np.asarray(np.exp(log_mean + self.log_sd * score))


@dataclass(frozen=True)
class Steps:
    """Few rising values with their shares, such as yes or no."""

    values: tuple[float, ...]
    shares: tuple[float, ...]

    @property
    def cuts(self) -> Array:
        """Return the scores at which the value steps up."""
        from scipy.stats import norm

        below = np.cumsum(self.shares)[:-1] / np.sum(self.shares)
        return np.asarray(norm.ppf(np.clip(below, 1e-12, 1 - 1e-12)))

    @property
    def slope(self) -> float:
        """Return sum of step times normal density at the cut, over the SD."""
        from scipy.stats import norm

        values, weights = np.array(self.values), np.array(self.shares)
        mean = np.average(values, weights=weights)
        sd = np.sqrt(np.average((values - mean) ** 2, weights=weights))
        return float(np.sum(np.diff(values) * norm.pdf(self.cuts)) / sd)

    def value(self, score: Array) -> Array:
        """Return the value of the step that holds each score."""
        return np.array(self.values)[np.searchsorted(self.cuts, score)]


@dataclass(frozen=True)
class Pieces:
    """Uniform within pieces that have shares, such as five years of age."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]

    @property
    def slope(self) -> float:
        """Return the correlation with the score, on a fine grid of probabilities."""
        from scipy.stats import norm

        score = norm.ppf((np.arange(4_000) + 0.5) / 4_000)
        return float(np.corrcoef(score, self.value(score))[0, 1])

    def value(self, score: Array) -> Array:
        """Return the quantile at the probability of each score."""
        from scipy.special import ndtr

        below = np.concatenate([[0.0], np.cumsum(self.shares)]) / np.sum(self.shares)
        return np.interp(ndtr(score), below, self.edges)
