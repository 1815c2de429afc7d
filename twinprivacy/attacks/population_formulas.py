"""What the probability of a combination says of the people who have it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array
from twinprivacy.errors import ParameterError

__all__ = ["likelihood_of_uniqueness", "match_correctness", "uniform_uniqueness"]


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
