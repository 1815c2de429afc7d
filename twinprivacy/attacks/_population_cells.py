"""What a Gaussian copula over discrete margins says: people drawn, cells' chances."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array, Integers
from twinprivacy.attacks._population_margins import Margin

# People drawn at a time, and normal scores held at a time in integrating.
_CHUNK = 100_000
_NUMBERS_AT_A_TIME = 4_000_000


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
    codes: Integers

    @property
    def n_columns(self) -> int:
        """Return the number of columns that vary."""
        return len(self.margins)


def simulate(copula: Copula, n: int, rng: np.random.Generator) -> Integers:
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
    copula: Copula, people: Integers, rng: np.random.Generator, *, n_points: int = 256
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


def _widths(copula: Copula, cells: Integers) -> Array:
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
    copula: Copula, cells: Integers, factor: Array, points: Array
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
