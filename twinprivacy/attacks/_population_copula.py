"""A Gaussian copula over discrete margins: fitted, simulated, integrated over cells."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twinprivacy.attacks._population_margins import (
    Codes,
    Margin,
    fit_margin,
    order_values,
)
from twinprivacy.attacks._population_task import Shares, Task, set_sizes
from twinprivacy.attacks.population_formulas import (
    likelihood_of_uniqueness,
    match_correctness,
)

Array = npt.NDArray[np.float64]
# People drawn at a time, and normal scores held at a time in integrating.
_CHUNK = 100_000
_NUMBERS_AT_A_TIME = 4_000_000
# Largest populations drawn whole, for the answer and for each of its resamples.
_MOST_DRAWN = 2_000_000
_MOST_REDRAWN = 200_000
# Most columns whose correlations are estimated again from each resample.
_MOST_CORRELATED = 50


@dataclass(frozen=True)
class Settings:
    """Say how the copula is fitted; the words are those of the public function."""

    order: str
    correlation: str
    unseen: bool


@dataclass(frozen=True)
class Copula:
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
    codes: Codes

    @property
    def n_columns(self) -> int:
        """Return the number of columns that vary."""
        return len(self.margins)


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
    copula, settings, expected = _fit_closest(task, settings, draw_rng)
    cells = integrate_cells(copula, copula.codes, cell_rng)
    alone = cells[0][task.sets_of_people == 1]
    population = _in_population(copula, task.population_size, _MOST_DRAWN, draw_rng)
    given = _still_alone(alone, task)
    answer = Shares(population[0], given, population[1], expected)
    # Redrawn values are in the order that was found, which is not sought again.
    keep = Settings("value", settings.correlation, settings.unseen)
    if settings.order == "frequency":
        keep = settings
    redrawn = [_redraw(copula, task, keep, g) for g in task.spawn(resample_rng)]
    return answer, redrawn, cells


def _fit_closest(
    task: Task, settings: Settings, rng: np.random.Generator
) -> tuple[Copula, Settings, float]:
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


def _expected_in_sample(copula: Copula, n: int, rng: np.random.Generator) -> float:
    """Return the share unique in samples of n people from the copula, on average."""
    n_draws = max(1, min(50, _MOST_REDRAWN // n))
    shares = [
        np.count_nonzero(simulated_set_sizes(copula, n, child) == 1) / n
        for child in rng.spawn(n_draws)
    ]
    return float(np.mean(shares))


def _redraw(
    copula: Copula, task: Task, settings: Settings, rng: np.random.Generator
) -> Shares:
    """Draw a sample from the copula, fit another to it and return its answer."""
    people = simulate(copula, len(task.codes), rng)
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
    unique, right = _in_population(again, task.population_size, _MOST_REDRAWN, rng)
    alone = again.codes[set_sizes(codes)[1] == 1][:500]
    p = integrate_cells(again, alone, rng, n_points=64)[0]
    return Shares(unique, _still_alone(p, task), right, np.nan)


def _still_alone(p: Array, task: Task) -> float:
    """Return the chance that nobody unsampled joins people unique in the sample."""
    if not p.size:
        return float("nan")
    unsampled = task.population_size - len(task.codes)
    return float(likelihood_of_uniqueness(p, unsampled + 1).mean())


def _in_population(
    copula: Copula, size: int, most: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the share unique and the distinct combinations per person."""
    if size <= most:
        sizes = simulated_set_sizes(copula, size, rng)
        return float(np.count_nonzero(sizes == 1) / size), float(sizes.size / size)
    p = integrate_cells(copula, simulate(copula, 4_000, rng), rng, n_points=128)[0]
    unique = likelihood_of_uniqueness(p, size).mean()
    return float(unique), float(match_correctness(p, size).mean())


def fit_copula(
    codes: Codes,
    ordered: list[bool],
    settings: Settings,
    most: int,
    known: Array | None = None,
) -> Copula:
    """Fit margins, and correlations unless they are known, to coded people."""
    from twinprivacy.attacks._population_pairs import correlate

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
    return Copula(margins, matrix, places)


def simulate(copula: Copula, n: int, rng: np.random.Generator) -> Codes:
    """Draw people from the copula, as places in its margins."""
    factor = np.linalg.cholesky(copula.correlation)
    scores = rng.standard_normal((n, copula.n_columns)) @ factor.T
    found = np.empty(scores.shape, dtype=np.int64)
    for j, margin in enumerate(copula.margins):
        found[:, j] = np.searchsorted(margin.bounds[1:-1], scores[:, j])
    return found


def simulated_set_sizes(
    copula: Copula, population_size: int, rng: np.random.Generator
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
        people = simulate(copula, stop - start, rng)
        for j, word in enumerate(words):
            keys[start:stop] += word[people[:, j]]
    keys.sort()
    edges = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1], [True]]))
    return np.diff(edges)


def integrate_cells(
    copula: Copula, people: Codes, rng: np.random.Generator, *, n_points: int = 256
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


def _widths(copula: Copula, cells: Codes) -> Array:
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


def _conditioned(copula: Copula, cells: Codes, factor: Array, points: Array) -> Array:
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
