"""A Gaussian copula over discrete margins: fitted, and asked for its population."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from twinprivacy._types import Array, Integers
from twinprivacy.attacks.uniqueness.partition import split_people
from twinprivacy.attacks.uniqueness.population.correlations import correlate
from twinprivacy.attacks.uniqueness.population.frequencies import (
    Shares,
    Task,
    likelihood_of_uniqueness,
    match_correctness,
)

# Largest populations drawn whole, for the answer and for each of its resamples.
_MOST_DRAWN = 2_000_000
_MOST_REDRAWN = 200_000
# Most columns whose correlations are estimated again from each resample.
_MOST_CORRELATED = 50
# A column hangs on another if chance makes it look so less often than this.
_BY_CHANCE = 1e-3
# A rare value's place in the order is pulled to the middle as if it had been seen this
# many times more there: else people seen once would mark the ends.
_SHRINK = 5.0
_ROUNDS = 10
# People drawn at a time, and normal scores held at a time in integrating.
_CHUNK = 100_000
_NUMBERS_AT_A_TIME = 4_000_000


@dataclass(frozen=True)
class Settings:
    """Say how the copula is fitted.

    Parameters
    ----------
    order : str
        Of values. "association": so that columns correlate most, unless a column has an
        order of its own. "frequency": all by falling frequency, so that correlations
        have no sign. "given": as they are coded.
    correlation : str
        "likelihood": polychoric, given the margins. "mutual_information": matched
        beyond chance; it holds all dependence, not only the rising. "closest": that of
        the two whose copula expects a share unique in the sample nearer to what it is.
    unseen : bool
        Whether the margins have room for values that the sample lacks.
    """

    order: str
    correlation: str
    unseen: bool


SETTINGS = {
    "copula": Settings("association", "closest", unseen=True),
    "rocher": Settings("frequency", "mutual_information", unseen=False),
}


def solve_copula(
    task: Task, settings: Settings, rng: np.random.Generator
) -> tuple[Shares, list[Shares], Array]:
    """Return the answer, that of each resample, and the probability of people's cells.

    The columns that others determine are left out.
    """
    if (task.codes == task.codes[0]).all():  # everybody is in one cell
        alone = float(task.population_size == 1)
        only = Shares(alone, np.nan, 1 / task.population_size, 0.0)
        return only, [only] * task.n_resamples, np.ones(len(task.codes))
    cell_rng, draw_rng, resample_rng = rng.spawn(3)
    free = free_columns(task.codes)
    ordered = [task.ordered[j] for j in free]
    task = replace(task, codes=task.codes[:, free], ordered=ordered)
    copula, settings, expected = _fit_closest(task, settings, draw_rng)
    cells = integrate_cells(copula, copula.codes, cell_rng)
    given = _still_alone(cells[task.split.set_sizes() == 1], task)
    size, n_draws = task.population_size, n_populations(task.population_size)
    unique, right = in_population(copula, size, _MOST_DRAWN, n_draws, draw_rng)
    answer = Shares(unique, given, right, expected)
    # Redrawn values are in the order that was found, which is not sought again.
    if settings.order == "association":
        settings = replace(settings, order="given")
    redraws = resample_rng.spawn(task.n_resamples)
    redrawn = [_redraw(copula, task, settings, child) for child in redraws]
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
class Margin:
    """Hold the values of one column in order, seen and unseen.

    Parameters
    ----------
    bounds : numpy.ndarray, shape (n_values + 1,)
        Normal scores between which the values lie, from -inf to inf.
    place : numpy.ndarray
        For each code of the column, which of the values it is.
    """

    bounds: Array
    place: Integers


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


def _fit_closest(
    task: Task, settings: Settings, rng: np.random.Generator
) -> tuple[_Copula, Settings, float]:
    """Fit the copula asked for, or that which expects most nearly the sample's share.

    Also return the settings used and the share unique it expects of such samples.
    """
    n = len(task.codes)
    observed = task.split.n_unique / n
    words = [settings.correlation]
    if settings.correlation == "closest":
        words = ["likelihood", "mutual_information"]
    tried = []
    for word in words:
        chosen = replace(settings, correlation=word)
        copula = fit_copula(task.codes, task.ordered, chosen, task.population_size)
        expected = _drawn_shares(copula, n, n_populations(n), rng)[0]
        tried.append((abs(expected - observed), copula, chosen, expected))
    return min(tried, key=lambda one: one[0])[1:]


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
    known = copula.correlation if len(copula.margins) > _MOST_CORRELATED else None
    size, ordered = task.population_size, [True] * codes.shape[1]
    again = fit_copula(codes, ordered, settings, size, known)
    # One population: how it happens to turn out belongs to the interval.
    unique, right = in_population(again, size, _MOST_REDRAWN, 1, rng)
    alone = again.codes[split_people(pd.DataFrame(codes)).set_sizes() == 1][:500]
    p = integrate_cells(again, alone, rng, n_points=64)
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
        split = split_people(pd.DataFrame(copula.codes))
        return split.n_unique / size, split.n_sets / size
    if size <= most:
        return _drawn_shares(copula, size, n_draws, rng)
    p = integrate_cells(copula, _simulate(copula, 4_000, rng), rng, n_points=128)
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
    varies = [j for j in range(codes.shape[1]) if np.ptp(codes[:, j]) > 0]
    # A cell is integrated best from its narrowest side.
    varies.sort(key=lambda j: float((np.bincount(codes[:, j]) ** 2.0).sum()))
    kinds = [ordered[j] for j in varies]
    people = order_values(codes[:, varies], kinds, settings.order)
    by_frequency = settings.order == "frequency"
    margins = tuple(
        fit_margin(column, settings.unseen, at_end=by_frequency, most=most)
        for column in people.T
    )
    matrix = known
    if matrix is None or len(matrix) != len(varies):
        matrix = correlate(people, by=settings.correlation, signed=not by_frequency)
    places = np.empty_like(people)
    for j, margin in enumerate(margins):
        places[:, j] = margin.place[people[:, j]]
    return _Copula(margins, matrix, places)


def order_values(codes: Integers, ordered: list[bool], order: str) -> Integers:
    """Return the codes with the values of each column renumbered in the order asked."""
    if order == "given":
        return codes
    if order == "frequency":
        ranks = [_rank(-np.bincount(column).astype(float)) for column in codes.T]
        return np.column_stack([r[c] for r, c in zip(ranks, codes.T, strict=True)])
    return _order_by_association(codes, ordered)


def _rank(keys: Array) -> Integers:
    """Return the place of each key in ascending order, ties in their own order."""
    places = np.empty(keys.size, dtype=np.int64)
    places[np.argsort(keys, kind="stable")] = np.arange(keys.size)
    return places


def _order_by_association(codes: Integers, ordered: list[bool]) -> Integers:
    """Order values so that the columns' scores correlate as much as they can.

    Alternating least squares: a value's score is the mean, over people who have it, of
    the other columns' scores weighted by their correlation with this column.
    """
    if all(ordered) or codes.shape[1] < 2:
        return codes
    codes = codes.copy()
    free = [j for j, fixed in enumerate(ordered) if not fixed]
    for j in free:  # a start that depends on no spelling
        codes[:, j] = _rank(-np.bincount(codes[:, j]).astype(float))[codes[:, j]]
    scores = np.column_stack([_normal_scores(column) for column in codes.T])
    for _ in range(_ROUNDS):
        for j in free:
            weights = scores.T @ scores[:, j] / len(scores)
            weights[j] = 0.0
            sizes = np.bincount(codes[:, j])
            sums = np.bincount(codes[:, j], weights=scores @ weights)
            codes[:, j] = _rank(sums / (sizes + _SHRINK))[codes[:, j]]
            scores[:, j] = _normal_scores(codes[:, j])
    return codes


def _normal_scores(codes: Integers) -> Array:
    """Return the normal score of the middle of each value's share, standardised."""
    shares = np.bincount(codes) / codes.size
    scores = ndtri(np.cumsum(shares) - shares / 2)[codes]
    spread = scores.std()
    return (scores - scores.mean()) / spread if spread > 0 else np.zeros(codes.size)


def fit_margin(codes: Integers, unseen: bool, *, at_end: bool, most: int) -> Margin:
    """Return the shares of the values, with room for values the sample lacks.

    Turing's estimate of the share of people whose value was not seen is the share of
    values seen once, f1 / n; Chao's of the number of such values is
    f1 (f1 - 1) / (2 (f2 + 1)). The unseen lie evenly among the seen, or at the end.
    """
    counts = np.bincount(codes).astype(float)
    f1, f2 = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    n_unseen = min(int(np.ceil(f1 * (f1 - 1) / (2 * (f2 + 1)))), most) if unseen else 0
    mass = f1 / codes.size if n_unseen else 0.0
    seen = counts / counts.sum() * (1 - mass)
    n_values = counts.size + n_unseen
    place = np.arange(counts.size)
    if n_unseen and not at_end:
        place = ((place + 0.5) * n_values / counts.size).astype(np.int64)
    shares = np.full(n_values, mass / max(n_unseen, 1))
    shares[place] = seen
    bounds = ndtri(np.minimum(np.cumsum(shares), 1.0))
    bounds[-1] = np.inf
    return Margin(np.concatenate([[-np.inf], bounds]), place)


def _simulate(copula: _Copula, n: int, rng: np.random.Generator) -> Integers:
    """Draw people from the copula, as places in its margins."""
    factor = np.linalg.cholesky(copula.correlation)
    scores = rng.standard_normal((n, len(copula.margins))) @ factor.T
    found = np.empty(scores.shape, dtype=np.int64)
    for j, margin in enumerate(copula.margins):
        found[:, j] = np.searchsorted(margin.bounds[1:-1], scores[:, j])
    return found


def _simulated_set_sizes(
    copula: _Copula, population_size: int, rng: np.random.Generator
) -> Integers:
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
) -> Array:
    """Return the probability of each person's cell.

    Sequential conditioning (Genz; Geweke, Hajivassiliou and Keane): one value after the
    other, each given normal scores drawn within the cell so far. The points are
    scrambled Sobol points in four independent parts, the same for all people.
    """
    cells, back = np.unique(people, axis=0, return_inverse=True)
    n_columns = len(copula.margins)
    if n_columns < 2:
        p = _widths(copula, cells)
        return p[back.ravel()]
    points = _points(n_columns - 1, n_points // 4, rng)
    factor = np.linalg.cholesky(copula.correlation).astype(np.float64)
    parts = np.empty((len(cells), 4))
    step = max(1, _NUMBERS_AT_A_TIME // (points.shape[1] * n_columns))
    for start in range(0, len(cells), step):
        some = cells[start : start + step]
        inside = _conditioned(copula, some, factor, points)
        parts[start : start + step] = inside.reshape(len(some), 4, -1).mean(axis=2)
    found: Array = np.minimum(parts.mean(axis=1), 1.0)[back.ravel()]
    return found


def _widths(copula: _Copula, cells: Integers) -> Array:
    """Return the probability of cells of one column, or of none."""
    if not copula.margins:
        return np.ones(len(cells))
    shares: Array = np.diff(ndtr(copula.margins[0].bounds))
    return shares[cells[:, 0]]


def _points(n_columns: int, n_each: int, rng: np.random.Generator) -> Array:
    """Return points in the unit cube, columns by points: four scrambles in a row."""
    power = max(1, int(np.log2(n_each)))
    sobols = [qmc.Sobol(n_columns, rng=child) for child in rng.spawn(4)]
    parts = [sobol.random_base2(power) for sobol in sobols]
    return np.ascontiguousarray(np.concatenate(parts).T)


def _conditioned(
    copula: _Copula, cells: Integers, factor: Array, points: Array
) -> Array:
    """Return, for cells by points, the product of the conditional widths."""
    product = np.ones((len(cells), points.shape[1]))
    drawn = np.empty((len(copula.margins), *product.shape))
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
        if j + 1 < len(copula.margins):
            at = ndtri(np.clip(under + points[j] * width, 1e-300, 1 - 1e-16))
            drawn[j] = sign * at
    return product
