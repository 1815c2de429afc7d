"""What the estimators of population uniqueness are given and give back."""

import math
from dataclasses import astuple, dataclass

import numpy as np

from twinprivacy._types import Array, Integers
from twinprivacy.estimates import Estimate


@dataclass(frozen=True)
class Task:
    """Hold a coded sample and what is asked of it.

    Parameters
    ----------
    codes : numpy.ndarray, shape (n_people, n_columns)
    ordered : list of bool
        Whether the order of a column's codes means anything.
    sets : numpy.ndarray
        Size of each set of people who are equal in all columns.
    sets_of_people : numpy.ndarray
        Size of each person's set.
    population_size, n_resamples : int
    """

    codes: Integers
    ordered: list[bool]
    sets: Integers
    sets_of_people: Integers
    population_size: int
    n_resamples: int

    def spawn(self, rng: np.random.Generator) -> list[np.random.Generator]:
        """Return a generator for each resample."""
        return rng.spawn(self.n_resamples)


@dataclass(frozen=True)
class Shares:
    """Hold what a method says of a population.

    Parameters
    ----------
    unique : float
        Share of the population that is unique.
    given_unique : float
        Probability that a person unique in the sample is unique in the population.
    correctness : float
        Distinct combinations per person of the population; nan where not modelled.
    in_sample : float
        Share unique that the method expects of samples of this size; nan where none.
    """

    unique: float
    given_unique: float
    correctness: float
    in_sample: float


def set_sizes(codes: Integers) -> tuple[Integers, Integers]:
    """Return the sizes of the sets of equal rows, and that of each row's set."""
    _, back, sizes = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
    return sizes, sizes[back.ravel()]


def all_differ(codes: Integers, sets: Integers, method: str) -> bool:
    """Return whether no two people agree where the method needs some to."""
    if method != "copula":
        return bool((sets == 1).all())
    return any(np.unique(column).size == column.size for column in codes.T)


def lower_bound(n: int, population_size: int, level: float) -> tuple[Estimate, ...]:
    r"""Return estimates of 1 with the bound that pairs of unlike people give.

    If two people agree with probability q, none of the pairs does with a probability of
    about :math:`\exp(-q n (n - 1) / 2)`, and by Jensen's inequality the mean of
    :math:`(1 - p)^{m}` over people is at least :math:`(1 - q)^{m}`.
    """
    agree = min(-math.log((1 - level) / 2) / (n * (n - 1) / 2), 1.0)
    bounds = [(1 - agree) ** m for m in (population_size - 1, population_size - n)]
    share, given = (Estimate(1.0, low, 1.0, level, n) for low in bounds)
    return share, given, share


def to_estimates(
    values: Shares,
    resamples: list[Shares],
    population_size: int,
    n: int,
    level: float,
) -> tuple[Estimate, ...]:
    """Return values with intervals that are normal on the logit scale."""
    from scipy.special import expit, logit
    from scipy.stats import t

    redrawn = np.array([astuple(shares) for shares in resamples])
    found = []
    for value, others in zip(astuple(values)[:3], redrawn.T[:3], strict=True):
        some = others[~np.isnan(others)]
        if math.isnan(value) or some.size < 2:
            bounds = (math.nan, math.nan)
            found.append(Estimate(value, *bounds, level, n))
            continue
        every = np.append(some, value)
        zero = _near_zero(every, population_size, n)
        one = 1 - _near_zero(1 - every, population_size, n)
        *at, centre = logit(np.clip(every, zero, one))
        width = t.ppf((1 + level) / 2, some.size - 1) * float(np.std(at, ddof=1))
        low, high = expit(centre - width), expit(centre + width)
        found.append(
            Estimate(value, min(float(low), value), max(float(high), value), level, n)
        )
    return tuple(found)


def _near_zero(shares: Array, population_size: int, n: int) -> float:
    """Return what stands for a share of 0, of which there is no logit.

    Half of the least share among the others, but no less than half a person of the
    population; half a person of the sample where all are 0.
    """
    some = shares[shares > 0]
    if not some.size:
        return 0.5 / (n + 1)
    return max(float(some.min()) / 2, 0.5 / (population_size + 1))
