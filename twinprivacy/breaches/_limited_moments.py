r"""Limited moments E min(Y, x)^k of one component's amount, k = 1 or 2.

They say all that a grid needs of an amount: their differences are the probabilities
that keep its mean, and the second moment says by how much the grid widens it.
"""

from dataclasses import dataclass

import numpy as np

from twinprivacy._types import Array
from twinprivacy.breaches._cost_component import CostComponent


@dataclass(frozen=True, eq=False)
class Amount:
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
