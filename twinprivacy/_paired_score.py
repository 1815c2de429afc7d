"""Tango's score interval for the difference of two paired proportions."""

import math

# Farther than this from the estimate lies every bound of fewer than 10^8 pairs.
_STEP = 1e-9


def score_bounds(
    n_gained: float, n_lost: float, n_pairs: float, *, z: float
) -> tuple[float, float]:
    r"""Return the differences that a two-sided score test does not reject.

    A difference :math:`\delta` is kept where :math:`(b - c - n \delta)^2 \le z^2 n
    (2 \tilde q + \delta (1 - \delta))`, b and c being the pairs that only the first,
    only the second got right, and :math:`\tilde q` the likeliest share of the latter
    given :math:`\delta`. Counts may be fractions: effective ones.
    """
    value = (n_gained - n_lost) / n_pairs
    args = (n_gained, n_lost, n_pairs, z)
    return _bound(value, -1.0, args), _bound(value, 1.0, args)


def _bound(value: float, end: float, args: tuple[float, float, float, float]) -> float:
    """Return where the excess changes sign between the estimate and -1 or 1."""
    from scipy.optimize import brentq

    start = value + end * _STEP
    if abs(start) >= 1 or _excess(end, *args) <= 0:
        return end
    return float(brentq(_excess, start, end, args=args, xtol=1e-14))


def _excess(delta: float, b: float, c: float, n: float, z: float) -> float:
    """Return the squared deviation less what the score test allows."""
    # The positive root of 2 n q^2 + half q + rest = 0, without cancellation.
    half = (2 * n - b + c) * delta - b - c
    rest = -c * delta * (1 - delta)
    root = math.sqrt(max(half * half - 8 * n * rest, 0.0))
    q = (root - half) / (4 * n) if half <= 0 else -2 * rest / (root + half)
    spread = max(2 * q + delta * (1 - delta), 0.0)
    return (b - c - n * delta) ** 2 - z * z * n * spread
