"""What the probability of a combination says of the people who have it."""

import math
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from twinprivacy._types import Array, Integers
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.estimate import Estimate

__all__ = [
    "likelihood_of_uniqueness",
    "match_correctness",
    "uniform_uniqueness",
]


def likelihood_of_uniqueness(
    cell_probability: npt.ArrayLike, population_size: int
) -> Array:
    r"""Return how likely it is that nobody else has a person's combination.

    :math:`\xi = (1 - p)^{N - 1}`, the other N - 1 people being drawn independently.

    Parameters
    ----------
    cell_probability : array_like
        Probability p that one person drawn from the population has the combination,
        in [0, 1].
    population_size : int
        People N in the population, 1 or more.

    Returns
    -------
    numpy.ndarray of float
        In [0, 1], one for each p.

    Raises
    ------
    ParameterError
        If a probability or the size is outside its range.

    References
    ----------
    Rocher, Hendrickx and de Montjoye (2019), doi:10.1038/s41467-019-10933-3.

    Examples
    --------
    >>> likelihood_of_uniqueness([0.0, 0.5, 1.0], 3).tolist()
    [1.0, 0.25, 0.0]
    """
    p = _probabilities(cell_probability)
    check_size(population_size)
    if population_size == 1:
        return np.ones_like(p)
    with np.errstate(divide="ignore"):
        found: Array = np.exp((population_size - 1) * np.log1p(-p))
    return found


def match_correctness(cell_probability: npt.ArrayLike, population_size: int) -> Array:
    r"""Return how likely it is that a match with a person's combination is that person.

    :math:`\kappa = [1 - (1 - p)^N] / (N p)`, the mean of one over the number of people
    who have the combination, of whom the person is one.

    Parameters
    ----------
    cell_probability : array_like
        Probability p that one person drawn from the population has the combination,
        in [0, 1].
    population_size : int
        People N in the population, 1 or more.

    Returns
    -------
    numpy.ndarray of float
        In [1 / N, 1], one for each p; 1 where p is 0.

    Raises
    ------
    ParameterError
        If a probability or the size is outside its range.

    References
    ----------
    Rocher, Hendrickx and de Montjoye (2019), doi:10.1038/s41467-019-10933-3.

    Examples
    --------
    >>> match_correctness([0.0, 0.5, 1.0], 2).tolist()
    [1.0, 0.75, 0.5]
    """
    p = _probabilities(cell_probability)
    check_size(population_size)
    with np.errstate(divide="ignore", invalid="ignore"):
        some = -np.expm1(population_size * np.log1p(-p))
        found = some / (population_size * p)
    return np.where(p > 0, np.minimum(found, 1.0), 1.0)


def uniform_uniqueness(n_cells: int, population_size: int) -> float:
    r"""Return the expected share unique when every combination is equally likely.

    :math:`(1 - 1/C)^{N - 1}` for C combinations and N people. As long as
    :math:`N \le C` no other distribution over C combinations leaves more people unique,
    so that it is an upper bound: real people crowd into the common combinations.

    Parameters
    ----------
    n_cells : int
        Combinations C, 1 or more: a product of numbers of values.
    population_size : int
        People N, 1 or more.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ParameterError
        If a number is below 1.

    References
    ----------
    Sweeney (2000), Simple demographics often identify people uniquely, Carnegie Mellon
    University, Data Privacy Working Paper 3; Golle (2006),
    doi:10.1145/1179601.1179615.

    Examples
    --------
    Sex and date of birth within 78 years, in an area of 9,330 people:

    >>> round(uniform_uniqueness(2 * 365 * 78, 9_330), 4)
    0.8489
    """
    check_size(n_cells, name="n_cells")
    return float(likelihood_of_uniqueness(1 / n_cells, population_size))


def check_size(value: Any, *, name: str = "population_size") -> None:
    """Raise unless `value` is a whole number of 1 or more."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (whole and value >= 1):
        raise ParameterError(
            f"{name} must be a whole number of 1 or more; got {value!r}"
        )


def _probabilities(cell_probability: npt.ArrayLike) -> Array:
    """Return the probabilities as floats in [0, 1]."""
    p = np.asarray(cell_probability, dtype=float)
    n_bad = int(np.count_nonzero(~((p >= 0) & (p <= 1))))
    if n_bad:
        raise ParameterError(
            f"cell_probability must lie in [0, 1]; got {n_bad} of {p.size} outside"
        )
    return p


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


# Range of alpha; at its upper end every person is a new kind.
_ALPHA = (1e-4, 1 - 1e-6)


def solve_frequencies(
    task: Task, method: str, rng: np.random.Generator
) -> tuple[Shares, list[Shares]]:
    """Return a method's answer, and its answers for resamples."""
    sizes, n_sets = count_sizes(task.sets)
    size, n = task.population_size, len(task.codes)
    if method == "zayatz":
        redrawn = [_resample_zayatz(sizes, n_sets, size, g) for g in task.spawn(rng)]
        return zayatz(sizes, n_sets, size), redrawn
    theta, alpha = fit_pitman(sizes, n_sets)
    redrawn = [_resample_pitman(n, size, theta, alpha, g) for g in task.spawn(rng)]
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
    from scipy.optimize import minimize

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


def _log_rising(x: npt.ArrayLike, m: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return log Gamma(x + m) - log Gamma(x), exact where x is far above m."""
    from scipy.special import betaln, gammaln

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
