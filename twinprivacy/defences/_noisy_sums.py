"""Noisy sums of rows and outcomes, and weights of a regression computed from them."""

import math
from dataclasses import dataclass

import numpy as np

from twinprivacy._guarantees import PrivacyGuarantee
from twinprivacy._types import Array
from twinprivacy.defences._spending import noise_per_sensitivity
from twinprivacy.errors import ParameterError

_CHANCE = 0.05  # Of the penalty's bound on the noise, and of f above 0 without signal.
_RIDGE = 1.0  # One person's worth, so that the matrix can be inverted without noise.
_MOST_NOISE = 1e100  # Products of it must be finite.


@dataclass(frozen=True, eq=False)
class NoisySums:
    """Hold the two noisy sums, in units of the declared ranges.

    Attributes
    ----------
    matrix : numpy.ndarray
        Noisy sum of x times its transpose, shape (d, d), symmetric.
    vector : numpy.ndarray
        Noisy sum of x times z, shape (d,).
    noise_sd : float
        Deviation of the noise on the vector and the diagonal; off it the root of half.
    """

    matrix: Array
    vector: Array
    noise_sd: float


def add_noise(
    rows: Array, distance: Array, guarantee: PrivacyGuarantee, rng: np.random.Generator
) -> NoisySums:
    """Return the sums over people, with noise for a sensitivity of the root of 2."""
    sd = math.sqrt(2) * noise_per_sensitivity(guarantee)
    if sd > _MOST_NOISE:
        raise ParameterError(
            f"epsilon or mu must be so large that the noise is below {_MOST_NOISE:g}; "
            f"got {guarantee.epsilon if guarantee.mu is None else guarantee.mu!r}"
        )
    n_weights = rows.shape[1]
    square = rng.normal(0.0, sd, (n_weights, n_weights))
    return NoisySums(
        rows.T @ rows + (square + square.T) / 2,
        rows.T @ distance + rng.normal(0.0, sd, n_weights),
        sd,
    )


def shrunk_weights(sums: NoisySums) -> tuple[Array, float]:
    """Return weights pulled to 0 by what the noise could be, and the factor f."""
    from scipy.special import chdtri

    n = sums.vector.size
    values, vectors = np.linalg.eigh(sums.matrix)
    values = np.maximum(values, 0.0)
    most = sums.noise_sd * math.sqrt(n * math.log(2 * n**2 / _CHANCE))
    penalty = _RIDGE + max(0.0, most - float(values[0]))
    length = float(sums.vector @ sums.vector)
    noise = sums.noise_sd**2 * float(chdtri(n, _CHANCE))
    signal = max(0.0, 1 - noise / length) if length > 0 else 0.0
    weights = vectors @ ((vectors.T @ sums.vector) / (values + penalty))
    return signal * weights, signal


def plain_weights(sums: NoisySums) -> tuple[Array, float]:
    """Return weights as if the sums had no noise, and no factor f."""
    ridge = _RIDGE * np.eye(sums.vector.size)
    weights = np.linalg.solve(sums.matrix + ridge, sums.vector)
    return np.asarray(weights, dtype=float), math.nan
