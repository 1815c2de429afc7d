"""What a year of breaches costs a keeper: the law of the annual loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction
from twinprivacy.breaches._compound import (
    LARGEST_PROBABILITY,
    LARGEST_RATE,
    CompoundLaw,
)
from twinprivacy.breaches._simulated_loss import (
    SimulatedLoss,
    checked_losses,
    simulate_annual_loss,
)
from twinprivacy.breaches.programme import Programme
from twinprivacy.errors import ParameterError

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
        return self.law.exceedance(checked_losses(loss_usd))

    def exceedance_curve(self, losses_usd: npt.ArrayLike) -> pd.DataFrame:
        """Return the columns loss_usd and exceedance, a row for each loss."""
        losses = checked_losses(losses_usd).ravel()
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
    >>> from twinprivacy.breaches.programme import CostComponent, ExposedShare
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
    losses = checked_losses(losses_usd).ravel()
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
