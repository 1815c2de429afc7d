"""What a year of breaches costs a keeper: the law of the annual loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.breaches.compound import LARGEST_PROBABILITY, LARGEST_RATE, CompoundLaw
from twinprivacy.breaches.frequency import SMALLEST_DISPERSION
from twinprivacy.breaches.programme import CostComponent, Programme
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.estimate import Estimate, wilson_interval

__all__ = [
    "ExactLoss",
    "SimulatedLoss",
    "exact_annual_loss",
    "exceedance_band",
    "simulate_annual_loss",
    "tornado",
]


@dataclass(frozen=True, eq=False)
class ExactLoss:
    """The law of the annual loss without simulation noise.

    Relative errors are mostly 1e-4 and below 1e-3 where the law is continuous. A jump,
    as at a ceiling or at a multiple of a fixed amount, is spread over a few thousandths
    of the loss at which it lies. Exceedances below 1e-6 are not resolved.

    Attributes
    ----------
    programme : Programme
    law : CompoundLaw
    """

    programme: Programme
    law: CompoundLaw

    @property
    def mean_usd(self) -> float:
        """Expected loss of a year, in USD."""
        return self.law.mean

    def quantile(self, probability: float) -> float:
        """Return the smallest loss not exceeded with a probability (value at risk).

        Parameters
        ----------
        probability : float
            In (0, 1 - 1e-6].
        """
        check_fraction(probability, name="probability")
        if probability > LARGEST_PROBABILITY:
            raise ParameterError(
                f"probability must be at most 1 - 1e-6; got {probability!r}"
            )
        return self.law.quantile(probability)

    def tail_mean(self, probability: float) -> float:
        r"""Return the expected loss of the worst years (expected shortfall).

        :math:`q + \{E S - E \min(S, q)\} / (1 - p)` with :math:`q` the quantile at
        `probability` :math:`p`, in (0, 1 - 1e-6].
        """
        quantile = self.quantile(probability)
        beyond = max(self.law.mean - self.law.limited_mean(quantile), 0.0)
        return quantile + beyond / (1 - probability)

    def exceedance(self, loss_usd: npt.ArrayLike) -> Array:
        """Return P(annual loss > loss_usd) for losses of any shape."""
        return self.law.exceedance(_checked_losses(loss_usd))

    def exceedance_curve(self, losses_usd: npt.ArrayLike) -> pd.DataFrame:
        """Return the columns loss_usd and exceedance, a row for each loss."""
        losses = _checked_losses(losses_usd).ravel()
        return pd.DataFrame({"loss_usd": losses, "exceedance": self.exceedance(losses)})


def exact_annual_loss(programme: Programme) -> ExactLoss:
    r"""Compute the law of a year's loss, without noise.

    :math:`S = \sum_{i=1}^{N} X_i`, with :math:`N` Poisson or negative binomial. Given
    the people exposed, the components of a breach's loss :math:`X` are independent.
    The transform :math:`G_N(E\, e^{i \omega X})` is inverted by fast Fourier
    transforms on grids of geometrically growing width, exponentially tilted.

    Parameters
    ----------
    programme : Programme
        With at most 10,000 breaches a year.

    Returns
    -------
    ExactLoss
        Zero people or a zero rate give a loss of 0 with probability 1.

    Raises
    ------
    ParameterError
        For a higher rate; `simulate_annual_loss` has no limit.

    References
    ----------
    Gruebel and Hermesmeier (1999), Computation of compound distributions I: aliasing
    errors and exponential tilting, ASTIN Bulletin 29(2).

    Examples
    --------
    >>> from twinprivacy.breaches import CostComponent, ExposedShare
    >>> fine = CostComponent("fine", usd_of_one_person=1e6, elasticity=0.0)
    >>> programme = Programme("clinic", 900, (), 0.1, ExposedShare(), (fine,))
    >>> loss = exact_annual_loss(programme)
    >>> loss.exceedance([0, 1.5e6]).round(4)
    array([0.0952, 0.0047])
    >>> round(loss.mean_usd)
    100000
    """
    if programme.breaches_per_year > LARGEST_RATE:
        raise ParameterError(
            f"breaches_per_year must be at most {LARGEST_RATE:,.0f} here; got "
            f"{programme.breaches_per_year!r}: simulate_annual_loss has no limit"
        )
    return ExactLoss(programme, CompoundLaw(programme))


def exceedance_band(
    programmes: Sequence[Programme],
    losses_usd: npt.ArrayLike,
    *,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the range of the exceedance curve over drawn programmes.

    Parameters
    ----------
    programmes : sequence of Programme
        As from `draw_programmes`, one or more.
    losses_usd : array_like
        Shape (k,).
    confidence_level : float
        Strictly between 0 and 1; the band holds this part of the curves at each loss.

    Returns
    -------
    pandas.DataFrame
        Columns loss_usd, low, middle (the median) and high.

    Raises
    ------
    ParameterError
        For no programme, or losses that are missing.
    """
    check_fraction(confidence_level, name="confidence_level")
    if not programmes:
        raise ParameterError("programmes must hold one or more; got none")
    losses = _checked_losses(losses_usd).ravel()
    curves = [
        exact_annual_loss(programme).exceedance(losses) for programme in programmes
    ]
    tail = (1 - confidence_level) / 2
    low, middle, high = np.quantile(curves, [tail, 0.5, 1 - tail], axis=0)
    return pd.DataFrame(
        {"loss_usd": losses, "low": low, "middle": middle, "high": high}
    )


def tornado(
    programme: Programme,
    alternatives: Mapping[str, tuple[Programme, Programme]],
    *,
    probability: float = 0.99,
) -> pd.DataFrame:
    """Compare how far each input moves the mean and a quantile of the annual loss.

    Parameters
    ----------
    programme : Programme
        The base.
    alternatives : mapping of str to (Programme, Programme)
        Label, and the programme with one input low and high.
    probability : float
        Of the quantile, in (0, 1 - 1e-6].

    Returns
    -------
    pandas.DataFrame
        Columns label, mean_low_usd, mean_base_usd, mean_high_usd, quantile_low_usd,
        quantile_base_usd, quantile_high_usd; the largest span of means first.
    """
    base = exact_annual_loss(programme)
    rows = []
    for label, pair in alternatives.items():
        losses = [exact_annual_loss(end) for end in pair]
        named = zip(("low", "base", "high"), (losses[0], base, losses[1]), strict=True)
        row: dict[str, str | float] = {"label": label}
        for name, loss in named:
            row[f"mean_{name}_usd"] = loss.mean_usd
            row[f"quantile_{name}_usd"] = loss.quantile(probability)
        rows.append(row)
    measures = [
        f"{m}_{e}_usd" for m in ("mean", "quantile") for e in ("low", "base", "high")
    ]
    frame = pd.DataFrame(rows, columns=["label", *measures])
    span = (frame["mean_high_usd"] - frame["mean_low_usd"]).abs()
    order = span.sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)


# Breaches drawn at a time: a few arrays of this length, whatever the number of years.
_BREACHES_AT_A_TIME = 2**17


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
        losses = _checked_losses(losses_usd).ravel()
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
    >>> from twinprivacy.breaches import CostComponent, ExposedShare
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
    at_a_time = int(max(1, _BREACHES_AT_A_TIME // max(rate, 1.0)))
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


def _checked_losses(losses_usd: npt.ArrayLike) -> Array:
    losses = np.asarray(losses_usd, dtype=float)
    if np.isnan(losses).any():
        raise ParameterError(
            f"losses must be numbers; got {int(np.isnan(losses).sum())} missing"
        )
    return losses
