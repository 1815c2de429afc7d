"""What the sizes of a sample's sets say of the population: Pitman's and Zayatz's.

Also what all methods share: their task, their answer, and what the probability of a
combination says of the people who have it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

from twinprivacy._types import Array, Integers
from twinprivacy.attacks.uniqueness.partition import Partition

# Range of alpha; at its upper end every person is a new kind.
_ALPHA = (1e-4, 1 - 1e-6)


@dataclass(frozen=True)
class Task:
    """Hold a coded sample and what is asked of it.

    Parameters
    ----------
    codes : numpy.ndarray, shape (n_people, n_columns)
    ordered : list of bool
        Whether the order of a column's codes means anything.
    split : Partition
        The sample's people, by all columns.
    population_size, n_resamples : int
    """

    codes: Integers
    ordered: list[bool]
    split: Partition
    population_size: int
    n_resamples: int


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


def likelihood_of_uniqueness(p: Array, population_size: int) -> Array:
    r"""Return the probability that nobody else is in a person's cell.

    :math:`\xi = (1 - p)^{N - 1}`, the other N - 1 people being drawn independently
    (Rocher et al. 2019).
    """
    if population_size == 1:
        return np.ones_like(p)
    with np.errstate(divide="ignore"):
        found: Array = np.exp((population_size - 1) * np.log1p(-p))
    return found


def match_correctness(p: Array, population_size: int) -> Array:
    r"""Return the probability that a match with a person's cell is that person.

    :math:`\kappa = [1 - (1 - p)^N] / (N p)`, the mean of one over the number of people
    in the cell, of whom the person is one (Rocher et al. 2019); 1 where p is 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        some = -np.expm1(population_size * np.log1p(-p))
        found = some / (population_size * p)
    return np.where(p > 0, np.minimum(found, 1.0), 1.0)


def solve_frequencies(
    task: Task, method: str, rng: np.random.Generator
) -> tuple[Shares, list[Shares]]:
    """Return a method's answer, and its answers for resamples."""
    sizes, n_sets = task.split.histogram().to_numpy().T
    size, n = task.population_size, task.split.n_people
    children = rng.spawn(task.n_resamples)
    if method == "zayatz":
        redrawn = [_resample_zayatz(sizes, n_sets, size, child) for child in children]
        return zayatz(sizes, n_sets, size), redrawn
    theta, alpha = fit_pitman(sizes, n_sets)
    redrawn = [_resample_pitman(n, size, theta, alpha, child) for child in children]
    return pitman(sizes, n_sets, size, theta, alpha), redrawn


def count_sizes(set_sizes: Integers) -> tuple[Integers, Integers]:
    """Return the sizes that occur, ascending, and how many sets have them."""
    counts = np.bincount(set_sizes)
    sizes = np.flatnonzero(counts)
    return sizes, counts[sizes]


def zayatz(sizes: Integers, n_sets: Integers, population_size: int) -> Shares:
    r"""Return Zayatz's estimate from the histogram of set sizes.

    Sets of the population are taken to have the sizes of those of the sample. A set of
    size F shows one person among n of N with the hypergeometric probability h(F); so a
    sample unique is a population unique with probability
    :math:`s_1 h(1) / \sum_j s_j h(j)`, where
    :math:`h(F) / h(1) = F \prod_{i=1}^{F-1} (N - n + 1 - i) / (N - i)`.
    """
    n = int(sizes @ n_sets)
    others = float(population_size) - np.arange(1, sizes.max(initial=1))
    unseen = np.cumprod(np.maximum(1 - (n - 1) / others, 0.0))
    single = n_sets * sizes * np.append(1.0, unseen)[sizes - 1]
    n_alone = int(n_sets[sizes == 1].sum())
    if not n_alone:
        return Shares(0.0, np.nan, np.nan, np.nan)
    given = float(single[sizes == 1].sum() / single.sum())
    return Shares(n_alone / n * given, given, np.nan, np.nan)


def fit_pitman(sizes: Integers, n_sets: Integers) -> tuple[float, float]:
    r"""Return theta and alpha of Pitman's sampling formula of greatest likelihood.

    :math:`\log L = \sum_{i=1}^{u-1} \log(\theta + i \alpha) - \sum_{i=1}^{n-1}
    \log(\theta + i) + \sum_j s_j \sum_{i=1}^{j-1} \log(i - \alpha)`, for u sets among n
    people, with :math:`0 < \alpha < 1` and :math:`\theta > -\alpha`.
    """
    n, u = float(sizes @ n_sets), float(n_sets.sum())
    larger = sizes > 1
    rest, n_rest = sizes[larger] - 1.0, n_sets[larger].astype(float)

    def loss(at: Array, /) -> float:
        theta, alpha = _natural(at)
        steps = (u - 1) * np.log(alpha) + _log_rising(theta / alpha + 1, u - 1)
        inside = n_rest @ _log_rising(1 - alpha, rest)
        return float(_log_rising(theta + 1, n - 1) - steps - inside)

    starts = [np.array([a, np.log(u)]) for a in (-2.0, 0.0, 2.0)]
    start = min(starts, key=loss)
    best = minimize(
        loss, start, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-6}
    )
    return _natural(np.asarray(best.x, dtype=float))


def _natural(at: Array) -> tuple[float, float]:
    """Return theta and alpha from their unbounded forms."""
    low, high = _ALPHA
    alpha = low + (high - low) / (1 + np.exp(-np.clip(at[0], -30, 30)))
    return float(np.exp(np.clip(at[1], -20, 25)) - alpha + 1e-9), float(alpha)


def _log_rising(x: npt.ArrayLike, m: npt.ArrayLike) -> Array:
    """Return log Gamma(x + m) - log Gamma(x), exact where x is far above m."""
    m = np.asarray(m, dtype=float)
    positive = np.maximum(m, 1e-300)
    return np.where(m > 0, gammaln(positive) - betaln(x, positive), 0.0)


def pitman(
    sizes: Integers, n_sets: Integers, population_size: int, theta: float, alpha: float
) -> Shares:
    r"""Return what Pitman's formula expects of the population, given the sample.

    Given the sample, the next person is of a new kind with probability
    :math:`(\theta + u \alpha) / (\theta + n)`, and joins a set of size 1 with
    :math:`(1 - \alpha) / (\theta + n)`. So a sample unique stays alone with probability
    :math:`\prod_{i=n}^{N-1} (\theta + i - 1 + \alpha) / (\theta + i)`, and an unsampled
    person is new and alone with that of being new times the same product from n + 1.
    """
    n, u, size = float(sizes @ n_sets), float(n_sets.sum()), float(population_size)
    alone = float(n_sets[sizes == 1].sum())
    at_n = _log_rising(theta + alpha, n - 1) - _log_rising(theta + 1, n - 1)
    expected = float(np.exp(at_n))
    if size == n:
        return Shares(alone / n, 1.0 if alone else np.nan, u / n, expected)
    # Products of ratios from n to N as what they gain at n less what they gain at N:
    # large populations would cancel in products of their numerators.
    more, short = size - n, 1 - alpha
    at_size = _log_rising(theta + size - short, short)
    stays = np.exp(_log_rising(theta + n - short, short) - at_size)
    later = np.exp(_log_rising(theta + n + alpha, short) - at_size)
    new = (theta + u * alpha) / (theta + n) * later
    unique = float((alone * stays + more * new) / size)
    growth = np.exp(_log_rising(theta + size, alpha) - _log_rising(theta + n, alpha))
    kinds = u + (u + theta / alpha) * (growth - 1)
    given = min(float(stays), 1.0) if alone else np.nan
    correctness = min(max(float(kinds / size), unique), 1.0)
    return Shares(min(unique, 1.0), given, correctness, expected)


def _resample_pitman(
    n: int, population_size: int, theta: float, alpha: float, rng: np.random.Generator
) -> Shares:
    """Draw a sample from Pitman's formula, fit it again and return its answer."""
    drawn = _draw_sets(rng, n, theta, alpha)
    sizes, n_sets = count_sizes(drawn)
    return pitman(sizes, n_sets, population_size, *fit_pitman(sizes, n_sets))


@njit(nogil=True)
def _draw_sets(
    rng: np.random.Generator, n: int, theta: float, alpha: float
) -> Integers:
    """Seat people one by one: at a new set, or at one by its size less alpha."""
    owner = np.empty(n, dtype=np.int64)
    sizes = np.zeros(n, dtype=np.int64)
    used = 0
    for i in range(n):
        if i == 0 or rng.random() * (theta + i) < theta + used * alpha:
            chosen = used
            used += 1
        else:
            # A person drawn at random has a set with its size as weight.
            chosen = owner[int(rng.random() * i)]
            while rng.random() * sizes[chosen] < alpha:
                chosen = owner[int(rng.random() * i)]
        owner[i] = chosen
        sizes[chosen] += 1
    return sizes[:used]


def _resample_zayatz(
    sizes: Integers, n_sets: Integers, population_size: int, rng: np.random.Generator
) -> Shares:
    """Draw as many sets with replacement and return Zayatz's answer for them."""
    total = int(n_sets.sum())
    drawn = rng.multinomial(total, n_sets / total)
    people = int(sizes @ drawn)
    # Other sets make another number of people; the sampled fraction is what stays.
    size = max(round(population_size * people / int(sizes @ n_sets)), people)
    return zayatz(sizes[drawn > 0], drawn[drawn > 0], size)
