"""How much of a store one breach exposes."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from twinprivacy._types import Array
from twinprivacy._validation import check_positive, check_rng
from twinprivacy.errors import ParameterError

# A beta number is above 0 even where it is too small for a float.
SMALLEST_SHARE = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class ExposedShare:
    r"""The share of the people on record that one breach exposes.

    With probability `whole` it is 1, otherwise a Beta(a, b) number in (0, 1), or
    `constant` where that is given.

    Parameters
    ----------
    whole : float
        In [0, 1].
    a, b : float
        Above 0; the beta mean is a / (a + b).
    constant : float, optional
        In [0, 1]. At 0 a breach that is not of the whole store costs nothing.

    Raises
    ------
    ParameterError
        For a value outside its range.

    Examples
    --------
    >>> ExposedShare(whole=0.2, a=1, b=3).mean()
    0.4
    >>> ExposedShare.fixed(0.25).mean()
    0.25
    """

    whole: float = 0.0
    a: float = 1.0
    b: float = 1.0
    constant: float | None = None

    def __post_init__(self) -> None:
        """Refuse values outside their ranges."""
        check_positive(self.a, name="a")
        check_positive(self.b, name="b")
        for name, share in (("whole", self.whole), ("share", self.constant)):
            if share is not None and not 0 <= share <= 1:
                raise ParameterError(f"{name} must lie in [0, 1]; got {share!r}")

    @classmethod
    def fixed(cls, share: float) -> "ExposedShare":
        """Return the law of a constant share in [0, 1]."""
        return cls(constant=share)

    def mean(self) -> float:
        """Return the expected share."""
        partial = self.a / (self.a + self.b)
        if self.constant is not None:
            partial = self.constant
        return self.whole + (1 - self.whole) * partial

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        """Draw n shares."""
        check_rng(rng)
        if self.constant is None:
            shares = np.maximum(rng.beta(self.a, self.b, size=n), SMALLEST_SHARE)
        else:
            shares = np.full(n, self.constant)
        if self.whole > 0:
            shares[rng.random(n) < self.whole] = 1.0
        return shares

    def quadrature(
        self, n_nodes: int, *, smallest: float = 0.0
    ) -> tuple[Array, Array, Array]:
        r"""Return weights, shares and the edges of the shares' cells.

        With :math:`Q` the beta quantile, :math:`F` the probability of a share below
        `smallest` :math:`s` (which counts as that share) and
        :math:`u = F + (1 - F) t^2 (3 - 2t)`,

        .. math:: E f = F f(s) + \int_0^1 f(Q(u(t))) \, u'(t) \, dt

        by Gauss-Legendre nodes in t: the change of variable removes the singularities
        of Q at 0 and 1. The cells are the stretches of shares that have the weights as
        probabilities.

        Returns
        -------
        weights, shares : numpy.ndarray, shape (n,)
            The weights sum to 1; a share that has no probability is left out.
        edges : numpy.ndarray, shape (2, n)
            Lower and upper end of each cell; both are the share where it has an atom.
        """
        if self.constant is None:
            weights, shares, edges = self._beta_nodes(n_nodes, smallest)
        else:
            weights, shares = np.ones(1), np.array([float(self.constant)])
            edges = np.array([shares, shares])
        weights = np.append(weights * (1 - self.whole), self.whole)
        shares = np.append(shares, 1.0)
        edges = np.hstack([edges, np.ones((2, 1))])
        held = weights > 0
        return weights[held], shares[held], edges[:, held]

    def _beta_nodes(self, n_nodes: int, smallest: float) -> tuple[Array, Array, Array]:
        from scipy.special import betainc, betaincinv

        below = float(betainc(self.a, self.b, min(smallest, 1.0)))
        t, weights = _legendre(n_nodes)
        weights = (1 - below) * weights * 6 * t * (1 - t)
        ranks = below + (1 - below) * t * t * (3 - 2 * t)
        bounds = np.minimum(below + np.append(0.0, np.cumsum(weights)), 1.0)
        shares, edges = (betaincinv(self.a, self.b, u) for u in (ranks, bounds))
        low = max(smallest, SMALLEST_SHARE)
        shares = np.maximum(np.append(low, shares), low)
        edges = np.maximum(np.hstack([low, edges]), low)
        return np.append(below, weights), shares, np.array([edges[:-1], edges[1:]])


@lru_cache
def _legendre(n_nodes: int) -> tuple[Array, Array]:
    """Return nodes and weights on (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    return (nodes + 1) / 2, weights / 2
