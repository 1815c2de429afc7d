"""Likelihood ratios of answers under training with and without a person.

Shadow models come in pairs that share out the people, so each person has one answer
from inside and one from outside in every pair. Where a shadow is itself attacked, its
whole pair is left out of what is usual: then inside and outside are treated alike, and
where nothing shows, each is the likelier with probability one half exactly.
"""

from dataclasses import dataclass

import numpy as np

from twinprivacy._types import Array


@dataclass(frozen=True, repr=False)
class Law:
    """Normal laws of evidence: a mean of each person, and a variance."""

    mean: Array
    variance: Array

    def log_density(self, evidence: Array) -> Array:
        """Return the logarithm of the density, but for a constant."""
        gap = evidence - self.mean
        return -(gap**2) / (2 * self.variance) - np.log(self.variance) / 2

    def distance(self, evidence: Array) -> Array:
        """Return how many standard deviations evidence lies above the mean."""
        return np.asarray((evidence - self.mean) / np.sqrt(self.variance))


def usual(evidence: Array, *, weight: float, leave_one_out: bool) -> Law:
    """Estimate the laws of evidence, shape (pairs, people).

    Left out one at a time, or not, the laws have a row for each pair, or one. The
    variance of all people counts as much as so many pairs (`weight`) of one's own.
    """
    n = len(evidence)
    middle = evidence.mean(axis=0)
    rest = evidence - middle
    squares = (rest**2).sum(axis=0)
    if not leave_one_out:
        of_person = (squares / (n - 1))[None, :]
        return Law(middle[None, :], _variance(of_person, n - 1, weight))
    # Taking one away moves the mean by rest / (n - 1), and the sum of squares by
    # rest^2 n / (n - 1).
    mean = middle - rest / (n - 1)
    left = np.maximum(squares - rest**2 * (n / (n - 1)), 0.0) / (n - 2)
    return Law(np.asarray(mean), _variance(left, n - 2, weight))


def _variance(of_person: Array, freedom: int, weight: float) -> Array:
    """Return variances between each person's own and that of all, never nothing."""
    # Where answers never vary any difference is decisive, but must stay finite.
    of_all = np.asarray(np.maximum(of_person.mean(axis=1, keepdims=True), 1e-12))
    if np.isinf(weight):
        return of_all
    mixed = (freedom * of_person + weight * of_all) / (freedom + weight)
    return np.asarray(np.maximum(mixed, 1e-3 * of_all))


def likelihood_ratio(
    evidence: Array, inside: Law, outside: Law, *, online: bool, pull: Array
) -> Array:
    """Return the score: two laws online, the distance from one offline."""
    if online:
        return inside.log_density(evidence) - outside.log_density(evidence)
    return np.asarray(pull * outside.distance(evidence))
