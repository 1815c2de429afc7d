"""How often the right person stands first in a crowd larger than any at hand."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._validation import check_fraction
from twinprivacy.attacks.two_covariance import TwoCovariance, score_terms
from twinprivacy.errors import FitError, ParameterError

__all__ = ["rank_one_in_crowd"]

Array = npt.NDArray[np.float64]

LEAST_PEOPLE = 10
N_STEPS = 60


def rank_one_in_crowd(
    model: TwoCovariance,
    named: pd.DataFrame,
    nameless: pd.DataFrame,
    crowds: Sequence[int],
    *,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Extrapolate the share of records whose owner scores highest to large crowds.

    For a nameless record whose owner scores s, let p be the probability that a stranger
    scores more. Among n people the owner stands first with probability
    :math:`(1 - p)^{n - 1}`. Scores of owners are those found; strangers are drawn from
    a normal law with the mean and covariance of the named records, so that p, far
    smaller than 1 over the people at hand, comes from a saddlepoint approximation.

    Parameters
    ----------
    model : TwoCovariance
        Learned from other people than those below.
    named, nameless : pandas.DataFrame
        One row a person, the same people in both indices; 10 or more.
    crowds : sequence of int
        Numbers of people, each 1 or more.
    confidence_level : float
        Of Wilson's interval over the nameless records, which is wide enough, because
        probabilities vary less than successes with the same mean. That strangers'
        records are normal in the tail is an assumption it does not cover.

    Returns
    -------
    pandas.DataFrame
        Columns n_people, rate, low, high, n (of records) and chance (1 / n_people).

    Raises
    ------
    FitError
        If there are fewer than 10 people.
    DataError
        If a column is missing or bad.
    ParameterError
        If a crowd is below 1 or the level outside (0, 1).

    References
    ----------
    Lugannani and Rice (1980), doi:10.2307/1426607.

    Examples
    --------
    >>> from twinprivacy.attacks.two_covariance import fit_two_covariance
    >>> rng = np.random.default_rng(7)
    >>> people = 5 * rng.normal(size=(400, 4))
    >>> left, right = (
    ...     pd.DataFrame(people + rng.normal(size=(400, 4)), columns=list("abcd"))
    ...     for _ in range(2)
    ... )
    >>> law = fit_two_covariance(left.head(200), right.head(200))
    >>> rates = rank_one_in_crowd(law, left.tail(200), right.tail(200), [100, 10**6])
    >>> rates["rate"].round(2).tolist()
    [0.78, 0.0]
    """
    check_fraction(confidence_level, name="confidence_level")
    if not len(crowds) or min(crowds) < 1:
        raise ParameterError(f"crowds must be 1 or more people each; got {crowds!r}")
    if len(named) < LEAST_PEOPLE:
        raise FitError(
            f"named must hold {LEAST_PEOPLE} people or more; got {len(named)}"
        )
    p = _stranger_scores_more(model, named, nameless.loc[named.index])
    # A probability of 1 has no logarithm of what is left.
    left = np.log1p(-np.minimum(p, 1 - 1e-12))
    rates = [np.exp((n_people - 1) * left) for n_people in crowds]
    return rate_frame(list(crowds), rates, confidence_level)


def rate_frame(
    sizes: Sequence[int], rates: Sequence[Array], confidence_level: float
) -> pd.DataFrame:
    """Return mean and Wilson's bounds of each size's probabilities of being first."""
    rows = []
    for size, own in zip(sizes, rates, strict=True):
        rate = float(own.mean())
        low, high = _wilson_bounds(rate, len(own), confidence_level)
        rows.append((size, rate, low, high, len(own), 1 / size))
    return pd.DataFrame(
        rows, columns=["n_people", "rate", "low", "high", "n", "chance"]
    )


def _stranger_scores_more(
    model: TwoCovariance, named: pd.DataFrame, nameless: pd.DataFrame
) -> Array:
    """Return for each nameless record the probability of a higher score."""
    x, y = model.place(named), model.place(nameless)
    _, square, cross = score_terms(model.ratios)
    # What depends on the nameless record alone is the same for all candidates.
    own = x**2 @ square + (x * y) @ cross
    mean, covariance = x.mean(axis=0), np.cov(x, rowvar=False).reshape(x.shape[1], -1)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    # A stranger is mean + root g with g standard normal, on axes where g' A g is a sum.
    curve, turn = np.linalg.eigh(root.T @ (square[:, None] * root))
    root = root @ turn
    slope = (y * cross + 2 * mean * square) @ root
    constant = mean**2 @ square + y @ (cross * mean)
    return upper_tail(np.minimum(curve, 0.0), slope, own - constant)


def upper_tail(curve: Array, slope: Array, threshold: Array) -> Array:
    r"""Return the probability of :math:`\sum_k (a_k g_k^2 + b_k g_k)` above a value.

    With g standard normal and a at most 0; slope has one row a threshold.
    """
    from scipy.stats import norm

    u = _saddlepoint(curve, slope, threshold)
    wide = 1 - 2 * u[:, None] * curve
    cumulant = (-np.log(wide) / 2 + (u[:, None] * slope) ** 2 / (2 * wide)).sum(axis=1)
    second = (2 * (curve / wide) ** 2 + slope**2 / wide**3).sum(axis=1)
    w = np.sign(u) * np.sqrt(np.maximum(2 * (u * threshold - cumulant), 0.0))
    v = u * np.sqrt(second)
    near = (np.abs(w) < 1e-3) | (np.abs(v) < 1e-3)
    w, v = np.where(near, 1.0, w), np.where(near, 1.0, v)
    tail = norm.sf(w) + norm.pdf(w) * (1 / v - 1 / w)
    # At the mean both terms blow up; the first-order value differs from a half little.
    third = (8 * (curve / wide) ** 3 + 6 * curve * slope**2 / wide**4).sum(axis=1)
    middle = 0.5 - third / (6 * np.sqrt(2 * np.pi) * second**1.5)
    return np.asarray(np.clip(np.where(near, middle, tail), 0.0, 1.0))


def _saddlepoint(curve: Array, slope: Array, threshold: Array) -> Array:
    """Return where the slope of the cumulant function is the threshold, by halving."""

    def gradient(u: Array) -> Array:
        wide = 1 - 2 * u[:, None] * curve
        drift = slope**2 * u[:, None] * (1 - u[:, None] * curve) / wide**2
        return np.asarray((curve / wide + drift).sum(axis=1))

    # The slope rises over the whole domain, from 1 / (2 a) of the most negative a on.
    steepest = float(curve.min(initial=0.0))
    low = np.full(len(threshold), 0.5 / steepest if steepest < 0 else -1e6)
    low = np.maximum(low * (1 - 1e-9), -1e6)
    high = np.ones(len(threshold))
    for _ in range(N_STEPS):
        short = gradient(high) < threshold
        if not short.any() or high.max() > 1e12:
            break
        high = np.where(short, 4 * high, high)
    for _ in range(N_STEPS):
        middle = (low + high) / 2
        short = gradient(middle) < threshold
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return (low + high) / 2


def _wilson_bounds(rate: float, n: int, level: float) -> tuple[float, float]:
    """Return Wilson's bounds for a mean of n numbers in [0, 1]."""
    from scipy.stats import norm

    z = float(norm.ppf((1 + level) / 2))
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z * math.sqrt(rate * (1 - rate) / n + (z / (2 * n)) ** 2) / (1 + z**2 / n)
    return max(min(centre - reach, rate), 0.0), min(max(centre + reach, rate), 1.0)
