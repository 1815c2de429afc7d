r"""What a year of breaches costs a keeper: the law of the annual loss.

The transform of the sum S of a year's N losses is the generating function of N at the
transform of one breach's loss X, which is the average, over the people exposed, of the
products over components. It is inverted on windows [0, W] with W = 1, 4, 16, ... USD
(and smaller), each with the same number of points: losses are not negative, so
P(S <= x) needs X on [0, x] only, and every loss has about the same relative resolution,
over any number of decades.

- Grid: an amount between two points is shared between them so that its mean stays.
  That adds variance; a stencil at the first three points takes it off again, so that
  many breaches far below the step still have the right mean and variance.
- Wrap-around: what lies beyond W comes back from below, damped by exponential tilting
  (Gruebel and Hermesmeier, 1999, ASTIN Bulletin 29(2), Computation of compound
  distributions I) to exp(-TILT) of the probability beyond W.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import as_numbers, check_fraction
from twinprivacy.breaches.frequency import SMALLEST_DISPERSION
from twinprivacy.breaches.programme import CostComponent, Programme
from twinprivacy.errors import ParameterError

__all__ = [
    "ExactLoss",
    "exact_annual_loss",
    "exceedance_band",
    "tornado",
]

_LARGEST_RATE = 10_000.0
_LARGEST_PROBABILITY = 1 - 1e-6
# A constant share has one node or two, so that jumps can be had sharper at no cost.
_FEWEST_POINTS, _POINTS_OF_ONE_NODE = 1024, 8192
# Up to this rate the fewest points do; many breaches have a narrow sum.
_USUAL_RATE = 50.0
_RATIO = 4.0
# A window answers for losses up to this part of it, and down to this / RATIO.
_USED_PART = 0.8
_TILT = 12.0
# Nodes for smooth amounts, where one has no residual, where none has, and at most.
_FEW_NODES, _MIXED_NODES, _SHARP_NODES, _MOST_NODES = 16, 24, 96, 384


class _Window(NamedTuple):
    """P(S <= x) and E min(S, x) on one grid of losses."""

    losses: Array
    cdf: Array
    points: Array
    limited_means: Array


class ExactLoss:
    """The law of the annual loss without simulation noise.

    Relative errors are mostly 1e-4 and below 1e-3 where the law is continuous. A jump,
    as at a ceiling or at a multiple of a fixed amount, is spread over a few thousandths
    of the loss at which it lies. Exceedances below 1e-6 are not resolved.

    Attributes
    ----------
    mean_usd : float
        Expected loss of a year, in USD.
    """

    def __init__(self, programme: Programme) -> None:
        """Place the nodes of people exposed; windows are built when asked for."""
        self._rate = programme.breaches_per_year
        self._dispersion = programme.rate_dispersion
        share = programme.share_exposed
        one_person = 1 / max(programme.n_people, 1)
        weights, shares, edges = share.quadrature(
            _n_nodes(programme), smallest=one_person
        )
        # No people, or none exposed: such a breach costs nothing.
        reached = shares > 0 if programme.n_people > 0 else np.zeros(len(shares), bool)
        self._weights = weights[reached]
        people = programme.people_exposed(shares[reached])
        cells = programme.people_exposed(edges[:, reached])
        self._amounts = [
            _amount(component, programme, people, cells)
            for component in programme.components
        ]
        costless, mean = np.ones(len(people)), np.zeros(len(people))
        for amount in self._amounts:
            costless *= 1 - amount.occurrence[:, 0]
            mean += amount.mean()
        self.mean_usd = self._rate * float(self._weights @ mean)
        harmless = 1 - self._weights @ (1 - costless)
        self._p_zero = float(self._generating_function(harmless))
        self._n_points = _n_points(self._rate, len(self._weights))
        self._windows: dict[int, _Window] = {}

    def exceedance(self, loss_usd: npt.ArrayLike) -> Array:
        """Return P(annual loss > loss_usd) for losses of any shape."""
        losses = as_numbers(loss_usd, name="loss_usd")
        out = np.where(losses < 0, 1.0, 1 - self._p_zero)
        inside = losses > 0
        if self._p_zero == 1 or not inside.any():
            return out
        which = _window_of(losses[inside])
        values = np.empty(len(which))
        for index in np.unique(which):
            window, here = self._window(int(index)), which == index
            cdf = np.interp(losses[inside][here], window.losses, window.cdf)
            values[here] = 1 - cdf
        out[inside] = np.minimum(values, 1 - self._p_zero)
        return out

    def quantile(self, probability: float) -> float:
        """Return the smallest loss not exceeded with a probability (value at risk).

        Parameters
        ----------
        probability : float
            In (0, 1 - 1e-6].
        """
        check_fraction(probability, name="probability")
        if probability > _LARGEST_PROBABILITY:
            raise ParameterError(
                f"probability must be at most 1 - 1e-6; got {probability!r}"
            )
        if probability <= self._p_zero:
            return 0.0
        index = int(_window_of(np.array(self.mean_usd)))
        while self._covered(index) < probability:
            index += 1
        while self._covered(index - 1) >= probability:
            index -= 1
        window = self._window(index)
        return float(np.interp(probability, window.cdf, window.losses))

    def tail_mean(self, probability: float) -> float:
        r"""Return the expected loss of the worst years (expected shortfall).

        :math:`q + \{E S - E \min(S, q)\} / (1 - p)` with :math:`q` the quantile at
        `probability` :math:`p`, in (0, 1 - 1e-6].
        """
        quantile = self.quantile(probability)
        beyond = max(self.mean_usd - self._limited_mean(quantile), 0.0)
        return quantile + beyond / (1 - probability)

    def _limited_mean(self, loss: float) -> float:
        """Return E min(S, loss)."""
        if loss == 0:
            return 0.0
        window = self._window(int(_window_of(np.array(loss))))
        return float(np.interp(loss, window.points, window.limited_means))

    def _covered(self, index: int) -> float:
        """Return P(S <= largest loss that a window answers for)."""
        window = self._window(index)
        largest = _USED_PART * _RATIO**index
        return float(np.interp(largest, window.losses, window.cdf))

    def _window(self, index: int) -> _Window:
        if index not in self._windows:
            self._windows[index] = self._invert(_RATIO**index)
        return self._windows[index]

    def _invert(self, width: float) -> _Window:
        from scipy.fft import irfft, rfft

        n = self._n_points
        step = width / n
        tilt = np.exp(np.arange(n) * (-_TILT / n))
        product: Any = self._weights[:, None]
        for amount in self._amounts:
            product = product * rfft(tilt * _masses(amount, step, n), axis=1)
        # Breaches that cost nothing are an atom at 0, whose transform is 1.
        transform = 1 - self._weights.sum() + product.sum(axis=0)
        masses = irfft(self._generating_function(transform), n=n) / tilt
        cumulative = np.cumsum(masses)
        limited = step * np.append(0.0, np.cumsum(1 - cumulative))
        # A mass at a point stands for losses half a step to either side of it.
        points = step * np.arange(n + 1, dtype=float)
        middles = points[:-1] + step / 2
        # The stencil leaves ripples behind a jump: take the level they settle at.
        level = np.minimum.accumulate(cumulative[::-1])[::-1]
        cdf = np.clip(level, 0.0, 1.0)
        return _Window(middles, cdf, points, limited)

    def _generating_function(self, z: Any) -> Any:
        """Return E z^N."""
        if self._dispersion <= SMALLEST_DISPERSION:
            return np.exp(self._rate * (z - 1))
        return np.exp(
            -_log1p(self._dispersion * self._rate * (1 - z)) / self._dispersion
        )


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
        For a higher rate.

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
    if programme.breaches_per_year > _LARGEST_RATE:
        raise ParameterError(
            f"breaches_per_year must be at most {_LARGEST_RATE:,.0f}; got "
            f"{programme.breaches_per_year!r}"
        )
    return ExactLoss(programme)


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
        For no programme, or losses that are not finite.
    """
    check_fraction(confidence_level, name="confidence_level")
    if not programmes:
        raise ParameterError("programmes must hold one or more; got none")
    losses = as_numbers(losses_usd, name="losses_usd").ravel()
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


def _log1p(z: Any) -> Any:
    """Return log(1 + z) of complex z with all digits; numpy's loses them near 0."""
    size = np.log1p(2 * np.real(z) + np.abs(z) ** 2) / 2
    angle = np.arctan2(np.imag(z), 1 + np.real(z))
    return size + 1j * angle if np.iscomplexobj(z) else size


@dataclass(frozen=True, eq=False)
class _Amount:
    """A component at the nodes of people exposed.

    Attributes
    ----------
    component : CostComponent
    occurrence : numpy.ndarray, shape (n, 1)
        Probability that the component occurs, by node.
    scale : numpy.ndarray, shape (n, 1)
        Amount at residual 1, in USD.
    half_width : numpy.ndarray, shape (n, 1)
        Half the difference of that amount over each node's cell of people. Without a
        residual the amount is spread over it, so that nodes leave no steps.
    """

    component: CostComponent
    occurrence: Array
    scale: Array
    half_width: Array

    def limited_moment(self, x: Array, order: int) -> Array:
        """Return E min(Y, x)^order by node for x above 0, of shape (n, len(x))."""
        x = np.minimum(x, self.component.ceiling_usd)
        if self.component.tail_index is not None:
            moment = _pareto(x, self.scale, self.component.tail_index, order)
        elif self.component.residual_sd > 0:
            moment = _lognormal(x, self.scale, self.component.residual_sd, order)
        else:
            moment = _uniform(x, self.scale, self.half_width, order)
        moment *= self.occurrence
        return moment

    def mean(self) -> Array:
        """Return the expected amount by node, of shape (n,)."""
        component = self.component
        if component.ceiling_usd < np.inf:
            ceiling = np.array([component.ceiling_usd])
            return self.limited_moment(ceiling, 1)[:, 0]
        if component.tail_index is not None:
            factor = component.tail_index / (component.tail_index - 1)
            mean = self.scale * factor
        elif component.residual_sd > 0:
            mean = self.scale * np.exp(component.residual_sd**2 / 2)
        else:
            mean = self.scale
        return (self.occurrence * mean)[:, 0]


def _amount(
    component: CostComponent, programme: Programme, people: Array, cells: Array
) -> _Amount:
    kinds = programme.kinds_of_data
    scale = component.scale_usd(people, kinds=kinds)
    width = np.abs(np.subtract(*component.scale_usd(cells, kinds=kinds)))
    return _Amount(
        component,
        component.occurrence(people)[:, None],
        scale[:, None],
        np.minimum(width / 2, scale)[:, None],
    )


def _n_nodes(programme: Programme) -> int:
    """Return enough nodes that the amounts of two neighbours overlap."""
    # A Pareto amount has a sharp lower end, as a log-normal one of sd 0.25 has nearly.
    spreads = {
        c.residual_sd if c.tail_index is None else 0.25 for c in programme.components
    }
    if spreads <= {0.0}:
        return _SHARP_NODES
    least = _MIXED_NODES if 0.0 in spreads else _FEW_NODES
    narrowest = min(spreads - {0.0})
    return min(_MOST_NODES, max(least, int(np.ceil(8 / narrowest))))


def _n_points(rate: float, n_nodes: int) -> int:
    """Return a power of 2 that grows with the root of the rate."""
    doublings = np.ceil(np.log2(max(rate / _USUAL_RATE, 1.0)) / 2)
    fewest = _FEWEST_POINTS if n_nodes > 2 else _POINTS_OF_ONE_NODE
    return int(max(_FEWEST_POINTS * 2**doublings, fewest))


def _masses(amount: _Amount, step: float, n_points: int) -> Array:
    """Return probabilities at 0, step, 2 step, ... by node."""
    points = step * np.arange(1, n_points + 1, dtype=float)
    limited = amount.limited_moment(points, 1)
    rises = np.diff(limited, axis=1, prepend=0.0) / step
    masses = np.empty_like(rises)
    masses[:, 0] = 1 - rises[:, 0]
    masses[:, 1:] = rises[:, :-1] - rises[:, 1:]
    # E min(Y, W)^2 on the grid, from its integral by trapezoids, against the true one.
    on_grid = step * (limited[:, -1] * (2 * n_points + 1) - 2 * limited.sum(axis=1))
    surplus = on_grid - amount.limited_moment(points[-1:], 2)[:, 0]
    masses[:, :3] += np.outer(surplus / (2 * step * step), [-1.0, 2.0, -1.0])
    return masses


def _window_of(losses: Array) -> Array:
    """Return the power of RATIO of the window that answers for each loss."""
    exponents = np.ceil(np.log(losses / _USED_PART) / np.log(_RATIO))
    return np.asarray(exponents, dtype=int)


def _lognormal(x: Array, median: Array, sd: float, order: int) -> Array:
    from scipy.special import erfc

    # A normal probability is half of erfc, which is the faster in the tails.
    width = sd * np.sqrt(2)
    z = np.log(median) / width - np.log(x) / width
    small = erfc(z + order * sd / np.sqrt(2))
    small *= median**order * (np.exp((order * sd) ** 2 / 2) / 2)
    large = erfc(np.negative(z, out=z), out=z)
    large *= x**order / 2
    return np.asarray(np.add(small, large, out=small))


def _pareto(x: Array, smallest: Array, index: float, order: int) -> Array:
    from scipy.special import exprel

    log_ratio = np.log(np.maximum(x / smallest, 1.0))
    above = order * log_ratio * exprel((order - index) * log_ratio)
    return np.minimum(x, smallest) ** order * (1 + above)


def _uniform(x: Array, middle: Array, half_width: Array, order: int) -> Array:
    """Return the moment of an amount spread evenly about its middle, or all there."""
    low, high = middle - half_width, middle + half_width
    inside = np.minimum(x, high)
    above_low = np.maximum(inside - low, 0.0)
    # Where the width is 0, so is the part above the low end.
    spread = above_low * above_low / np.maximum(high - low, np.finfo(float).tiny)
    if order == 1:
        return np.asarray(inside - spread / 2)
    return np.asarray(inside * inside - spread * (2 * inside + low) / 3)
