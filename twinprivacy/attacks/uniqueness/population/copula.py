"""A Gaussian copula over discrete margins: fitted, and asked for its population."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array, Integers
from twinprivacy.attacks.uniqueness.population.frequencies import (
    Shares,
    Task,
    likelihood_of_uniqueness,
    match_correctness,
    set_sizes,
)
from twinprivacy.attacks.uniqueness.population.margins import (
    Margin,
    fit_margin,
    order_values,
)

# Largest populations drawn whole, for the answer and for each of its resamples.
_MOST_DRAWN = 2_000_000
_MOST_REDRAWN = 200_000
# Most columns whose correlations are estimated again from each resample.
_MOST_CORRELATED = 50
# A column hangs on another if chance makes it look so less often than this.
_BY_CHANCE = 1e-3


@dataclass(frozen=True)
class Settings:
    """Say how the copula is fitted; the words are those of the public function."""

    order: str
    correlation: str
    unseen: bool


def solve_copula(
    task: Task, settings: Settings, rng: np.random.Generator
) -> tuple[Shares, list[Shares], tuple[Array, Array]]:
    """Return the copula's answer, its answers for resamples, and people's cells."""
    if (task.codes == task.codes[0]).all():  # everybody is in one cell
        only = Shares(
            float(task.population_size == 1), np.nan, 1 / task.population_size, 0.0
        )
        one = (np.ones(len(task.codes)), np.zeros(len(task.codes)))
        return only, [only] * task.n_resamples, one
    cell_rng, draw_rng, resample_rng = rng.spawn(3)
    free = free_columns(task.codes)
    task = replace(
        task, codes=task.codes[:, free], ordered=[task.ordered[j] for j in free]
    )
    copula, settings, expected = _fit_closest(task, settings, draw_rng)
    cells = integrate_cells(copula, copula.codes, cell_rng)
    alone = cells[0][task.sets_of_people == 1]
    n_draws = n_populations(task.population_size)
    population = in_population(
        copula, task.population_size, _MOST_DRAWN, n_draws, draw_rng
    )
    given = _still_alone(alone, task)
    answer = Shares(population[0], given, population[1], expected)
    # Redrawn values are in the order that was found, which is not sought again.
    keep = Settings("value", settings.correlation, settings.unseen)
    if settings.order == "frequency":
        keep = settings
    redrawn = [_redraw(copula, task, keep, g) for g in task.spawn(resample_rng)]
    return answer, redrawn, cells


def free_columns(codes: Integers) -> list[int]:
    """Return the columns that no other one determines, as a ZIP code does the state.

    No correlation of normal scores says that a column adds nothing to another. People
    who agree in the one agree in the other then: as many as repeat a value would by
    chance with the probability that any two agree, to the power of their number.
    """
    shares = [np.bincount(column) / len(codes) for column in codes.T]
    agree = np.array([share @ share for share in shares])
    n_values = [np.count_nonzero(share) for share in shares]
    free = np.ones(codes.shape[1], dtype=bool)
    for j in sorted(range(codes.shape[1]), key=lambda j: -n_values[j]):
        if not free[j]:
            continue
        _, first, back = np.unique(codes[:, j], return_index=True, return_inverse=True)
        follows = (codes == codes[first][back]).all(axis=0)
        follows &= agree ** (len(codes) - n_values[j]) < _BY_CHANCE
        follows[j] = False
        free &= ~follows
    return [int(j) for j in np.flatnonzero(free)]


@dataclass(frozen=True)
class _Copula:
    """Hold a fitted copula.

    Parameters
    ----------
    margins : tuple of Margin
        One for each column that varies.
    correlation : numpy.ndarray
        Of the normal scores.
    codes : numpy.ndarray
        The values of the sample's people in the columns, as places in the margins.
    """

    margins: tuple[Margin, ...]
    correlation: Array
    codes: Integers

    @property
    def n_columns(self) -> int:
        """Return the number of columns that vary."""
        return len(self.margins)


def _fit_closest(
    task: Task, settings: Settings, rng: np.random.Generator
) -> tuple[_Copula, Settings, float]:
    """Fit the copula asked for, or that which expects most nearly the sample's share.

    Also return the settings used and the share unique it expects of such samples.
    """
    observed = np.count_nonzero(task.sets == 1) / len(task.codes)
    words = [settings.correlation]
    if settings.correlation == "closest":
        words = ["likelihood", "mutual_information"]
    tried = []
    for word in words:
        chosen = Settings(settings.order, word, settings.unseen)
        copula = fit_copula(task.codes, task.ordered, chosen, task.population_size)
        expected = _expected_in_sample(copula, len(task.codes), rng)
        tried.append((abs(expected - observed), copula, chosen, expected))
    return min(tried, key=lambda one: one[0])[1:]


def _expected_in_sample(copula: _Copula, n: int, rng: np.random.Generator) -> float:
    """Return the share unique in samples of n people from the copula, on average."""
    return _drawn_shares(copula, n, n_populations(n), rng)[0]


def n_populations(size: int) -> int:
    """Return how many populations of a size are drawn for the mean of a share."""
    return max(1, min(50, _MOST_REDRAWN // size))


def _drawn_shares(
    copula: _Copula, size: int, n_draws: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the share unique and the combinations per person, mean over draws."""
    shares = []
    for child in rng.spawn(n_draws):
        sets = _simulated_set_sizes(copula, size, child)
        shares.append((np.count_nonzero(sets == 1) / size, sets.size / size))
    unique, right = np.mean(shares, axis=0)
    return float(unique), float(right)


def _redraw(
    copula: _Copula, task: Task, settings: Settings, rng: np.random.Generator
) -> Shares:
    """Draw a sample from the copula, fit another to it and return its answer."""
    people = _simulate(copula, len(task.codes), rng)
    codes = np.column_stack(
        [np.unique(column, return_inverse=True)[1] for column in people.T]
    )
    many = copula.n_columns > _MOST_CORRELATED
    again = fit_copula(
        codes,
        [True] * codes.shape[1],
        settings,
        task.population_size,
        copula.correlation if many else None,
    )
    # One population: how it happens to turn out belongs to the interval.
    unique, right = in_population(again, task.population_size, _MOST_REDRAWN, 1, rng)
    alone = again.codes[set_sizes(codes)[1] == 1][:500]
    p = integrate_cells(again, alone, rng, n_points=64)[0]
    return Shares(unique, _still_alone(p, task), right, np.nan)


def _still_alone(p: Array, task: Task) -> float:
    """Return the chance that nobody unsampled joins people unique in the sample."""
    if not p.size:
        return float("nan")
    unsampled = task.population_size - len(task.codes)
    return float(likelihood_of_uniqueness(p, unsampled + 1).mean())


def in_population(
    copula: _Copula, size: int, most: int, n_draws: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the share unique and the distinct combinations per person.

    Counted where the sample is the population, else from `n_draws` populations drawn
    or, where one has more people than `most`, integrated over cells.
    """
    if size == len(copula.codes):
        sets = set_sizes(copula.codes)[0]
        return float(np.count_nonzero(sets == 1) / size), float(sets.size / size)
    if size <= most:
        return _drawn_shares(copula, size, n_draws, rng)
    p = integrate_cells(copula, _simulate(copula, 4_000, rng), rng, n_points=128)[0]
    unique = likelihood_of_uniqueness(p, size).mean()
    return float(unique), float(match_correctness(p, size).mean())


def fit_copula(
    codes: Integers,
    ordered: list[bool],
    settings: Settings,
    most: int,
    known: Array | None = None,
) -> _Copula:
    """Fit margins, and correlations unless they are known, to coded people."""
    from twinprivacy.attacks.uniqueness.population.margins import correlate

    varies = [j for j in range(codes.shape[1]) if np.ptp(codes[:, j]) > 0]
    # A cell is integrated best from its narrowest side.
    varies.sort(key=lambda j: float((np.bincount(codes[:, j]) ** 2.0).sum()))
    people = order_values(
        codes[:, varies], [ordered[j] for j in varies], settings.order
    )
    margins = tuple(
        fit_margin(
            column,
            unseen=settings.unseen,
            at_end=settings.order == "frequency",
            most=most,
        )
        for column in people.T
    )
    signed = settings.order != "frequency"
    matrix = known
    if matrix is None or len(matrix) != len(varies):
        matrix = correlate(people, by=settings.correlation, signed=signed)
    places = np.empty_like(people)
    for j, margin in enumerate(margins):
        places[:, j] = margin.place[people[:, j]]
    return _Copula(margins, matrix, places)


# People drawn at a time, and normal scores held at a time in integrating.
_CHUNK = 100_000
_NUMBERS_AT_A_TIME = 4_000_000


def _simulate(copula: _Copula, n: int, rng: np.random.Generator) -> Integers:
    """Draw people from the copula, as places in its margins."""
    factor = np.linalg.cholesky(copula.correlation)
    scores = rng.standard_normal((n, copula.n_columns)) @ factor.T
    found = np.empty(scores.shape, dtype=np.int64)
    for j, margin in enumerate(copula.margins):
        found[:, j] = np.searchsorted(margin.bounds[1:-1], scores[:, j])
    return found


def _simulated_set_sizes(
    copula: _Copula, population_size: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw a population and return the sizes of its sets of equal people.

    A person is kept as 64 random bits a value, added: two unlike people in a million
    collide once in 40 million populations.
    """
    words = [
        rng.integers(0, 2**64, size=m.bounds.size - 1, dtype=np.uint64)
        for m in copula.margins
    ]
    keys = np.zeros(population_size, dtype=np.uint64)
    for start in range(0, population_size, _CHUNK):
        stop = min(start + _CHUNK, population_size)
        people = _simulate(copula, stop - start, rng)
        for j, word in enumerate(words):
            keys[start:stop] += word[people[:, j]]
    keys.sort()
    edges = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1], [True]]))
    return np.diff(edges)


def integrate_cells(
    copula: _Copula, people: Integers, rng: np.random.Generator, *, n_points: int = 256
) -> tuple[Array, Array]:
    """Return the probability of each person's cell and its relative standard error.

    Sequential conditioning (Genz; Geweke, Hajivassiliou and Keane): one value after the
    other, each given normal scores drawn within the cell so far. The points are
    scrambled Sobol points in four independent parts, the same for all people; the error
    is that of the mean of the parts.
    """
    cells, back = np.unique(people, axis=0, return_inverse=True)
    if copula.n_columns < 2:
        p = _widths(copula, cells)
        return p[back.ravel()], np.zeros(len(people))
    points = _points(copula.n_columns - 1, n_points // 4, rng)
    factor = np.linalg.cholesky(copula.correlation).astype(np.float64)
    parts = np.empty((len(cells), 4))
    step = max(1, _NUMBERS_AT_A_TIME // (points.shape[1] * copula.n_columns))
    for start in range(0, len(cells), step):
        some = cells[start : start + step]
        inside = _conditioned(copula, some, factor, points)
        parts[start : start + step] = inside.reshape(len(some), 4, -1).mean(axis=2)
    p = parts.mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.where(p > 0, parts.std(axis=1, ddof=1) / 2 / p, np.inf)
    return np.minimum(p, 1.0)[back.ravel()], error[back.ravel()]


def _widths(copula: _Copula, cells: Integers) -> Array:
    """Return the probability of cells of one column, or of none."""
    from scipy.special import ndtr

    if not copula.n_columns:
        return np.ones(len(cells))
    shares = np.diff(ndtr(copula.margins[0].bounds))
    found: Array = shares[cells[:, 0]]
    return found


def _points(n_columns: int, n_each: int, rng: np.random.Generator) -> Array:
    """Return points in the unit cube, columns by points: four scrambles in a row."""
    from scipy.stats import qmc

    power = max(1, int(np.log2(n_each)))
    parts = [
        qmc.Sobol(n_columns, rng=child).random_base2(power) for child in rng.spawn(4)
    ]
    return np.ascontiguousarray(np.concatenate(parts).T)


def _conditioned(
    copula: _Copula, cells: Integers, factor: Array, points: Array
) -> Array:
    """Return, for cells by points, the product of the conditional widths."""
    from scipy.special import ndtr, ndtri

    product = np.ones((len(cells), points.shape[1]))
    drawn = np.empty((copula.n_columns, *product.shape))
    for j, margin in enumerate(copula.margins):
        shift = np.tensordot(factor[j, :j], drawn[:j], axes=1)
        low = margin.bounds[cells[:, j], None] - shift
        high = margin.bounds[cells[:, j] + 1, None] - shift
        # From the tail that the cell lies in, where small widths keep their digits.
        sign = np.where(low + high > 0, -1.0, 1.0)
        flip = sign < 0
        low, high = np.where(flip, -high, low), np.where(flip, -low, high)
        under = ndtr(low / factor[j, j])
        width = ndtr(high / factor[j, j]) - under
        product *= width
        if j + 1 < copula.n_columns:
            at = ndtri(np.clip(under + points[j] * width, 1e-300, 1 - 1e-16))
            drawn[j] = sign * at
    return product
