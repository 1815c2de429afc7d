"""Annual losses simulated breach by breach, and what they estimate."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.breaches._count_laws import SMALLEST_DISPERSION
from twinprivacy.breaches.programme import CostComponent, Programme
from twinprivacy.errors import ParameterError
from twinprivacy.estimates import Estimate, wilson_interval

# Breaches drawn at a time: a few arrays of this length, whatever the number of years.
BREACHES_AT_A_TIME = 2**17


@dataclass(frozen=True, eq=False)
class SimulatedLoss:
    """Simulated annual losses; each answer has the interval of its simulation noise.

    Attributes
    ----------
    programme : Programme
    losses_usd : numpy.ndarray, shape (n_years,)
        Sorted.
    confidence_level : float
    """

    programme: Programme
    losses_usd: Array
    confidence_level: float = 0.95

    @property
    def mean_usd(self) -> Estimate:
        """Expected loss of a year, in USD, with a normal interval."""
        return self._normal(float(self.losses_usd.mean()), float(self.losses_usd.var()))

    def quantile(self, probability: float) -> Estimate:
        """Estimate the value at risk, with the interval of two order statistics.

        Their ranks hold a binomial (n_years, probability) number with the confidence
        level, whatever the law of the losses.
        """
        from scipy.stats import binom

        check_fraction(probability, name="probability")
        n, tail = len(self.losses_usd), (1 - self.confidence_level) / 2
        ranks = [
            binom.ppf(tail, n, probability) - 1,
            np.ceil(probability * n) - 1,
            binom.ppf(1 - tail, n, probability),
        ]
        places = np.clip(ranks, 0, n - 1).astype(int)
        low, value, high = (float(x) for x in self.losses_usd[places])
        return Estimate(value, low, high, self.confidence_level, n)

    def tail_mean(self, probability: float) -> Estimate:
        r"""Estimate the expected loss of the worst years, with a normal interval.

        The variance is :math:`\{V + p (t - q)^2\} / \{n (1 - p)\}` with :math:`t` the
        tail mean, :math:`q` the quantile and :math:`V` the variance beyond it.

        References
        ----------
        Manistre and Hancock (2005), Variance of the CTE estimator, North American
        Actuarial Journal 9(2).
        """
        quantile = self.quantile(probability).value
        beyond = np.maximum(self.losses_usd - quantile, 0.0)
        excess = beyond / (1 - probability)
        # Excess over q per year: its variance holds both terms of the formula.
        return self._normal(quantile + float(excess.mean()), float(excess.var()))

    def exceedance(self, loss_usd: float) -> Estimate:
        """Estimate P(annual loss > loss_usd), with Wilson's interval."""
        n_below = int(np.searchsorted(self.losses_usd, loss_usd, side="right"))
        n = len(self.losses_usd)
        return wilson_interval(n - n_below, n, confidence_level=self.confidence_level)

    def exceedance_curve(self, losses_usd: npt.ArrayLike) -> pd.DataFrame:
        """Return the columns loss_usd, exceedance, low and high, a row for each."""
        losses = checked_losses(losses_usd).ravel()
        found = [self.exceedance(float(loss)) for loss in losses]
        return pd.DataFrame(
            {
                "loss_usd": losses,
                "exceedance": [estimate.value for estimate in found],
                "low": [estimate.low for estimate in found],
                "high": [estimate.high for estimate in found],
            }
        )

    def _normal(self, value: float, variance: float) -> Estimate:
        from scipy.stats import norm

        n = len(self.losses_usd)
        z = float(norm.ppf((1 + self.confidence_level) / 2))
        half = z * float(np.sqrt(variance / n))
        return Estimate(value, value - half, value + half, self.confidence_level, n)


def simulate_annual_loss(
    programme: Programme,
    *,
    n_years: int,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> SimulatedLoss:
    """Simulate years, breach by breach.

    Parameters
    ----------
    programme : Programme
    n_years : int
        At least 2; one number is kept per year.
    rng : numpy.random.Generator
    confidence_level : float
        Strictly between 0 and 1, of the intervals of simulation noise.

    Returns
    -------
    SimulatedLoss

    Raises
    ------
    ParameterError
        For an argument outside its range.

    Examples
    --------
    >>> from twinprivacy.breaches.programme import CostComponent, ExposedShare
    >>> fine = CostComponent("fine", usd_of_one_person=1e6, elasticity=0.0)
    >>> programme = Programme("clinic", 900, (), 0.1, ExposedShare(), (fine,))
    >>> rng = np.random.default_rng(3)
    >>> simulate_annual_loss(programme, n_years=10_000, rng=rng).exceedance(0.0)
    Estimate(value=0.0955, low=0.0899, high=0.101, confidence_level=0.95, n=10000)
    """
    check_rng(rng)
    check_fraction(confidence_level, name="confidence_level")
    if n_years < 2:
        raise ParameterError(f"n_years must be 2 or more; got {n_years!r}")
    losses = np.zeros(n_years)
    rate = programme.breaches_per_year
    at_a_time = int(max(1, BREACHES_AT_A_TIME // max(rate, 1.0)))
    if rate > 0 and programme.n_people > 0:
        for start in range(0, n_years, at_a_time):
            part = losses[start : start + at_a_time]
            part += _simulate_years(programme, len(part), rng)
    losses.sort()
    return SimulatedLoss(programme, losses, confidence_level)


def _simulate_years(
    programme: Programme, n_years: int, rng: np.random.Generator
) -> Array:
    rates = np.full(n_years, programme.breaches_per_year)
    alpha = programme.rate_dispersion
    if alpha > SMALLEST_DISPERSION:
        rates *= rng.gamma(1 / alpha, alpha, size=n_years)
    year = np.repeat(np.arange(n_years), rng.poisson(rates))
    shares = programme.share_exposed.sample(len(year), rng=rng)
    year, shares = year[shares > 0], shares[shares > 0]
    people = programme.people_exposed(shares)
    total = np.zeros(n_years)
    for component in programme.components:
        occurs = rng.random(len(people)) < component.occurrence(people)
        amounts = _simulate_amounts(component, programme, people[occurs], rng)
        total += np.bincount(year[occurs], weights=amounts, minlength=n_years)
    return total


def _simulate_amounts(
    component: CostComponent,
    programme: Programme,
    people: Array,
    rng: np.random.Generator,
) -> Array:
    amounts = component.scale_usd(people, kinds=programme.kinds_of_data)
    if component.tail_index is not None:
        amounts *= 1 + rng.pareto(component.tail_index, size=len(people))
    elif component.residual_sd > 0:
        amounts *= np.exp(component.residual_sd * rng.standard_normal(len(people)))
    return np.minimum(amounts, component.ceiling_usd)


def checked_losses(losses_usd: npt.ArrayLike) -> Array:
    losses = np.asarray(losses_usd, dtype=float)
    if np.isnan(losses).any():
        raise ParameterError(
            f"losses must be numbers; got {int(np.isnan(losses).sum())} missing"
        )
    return losses
