"""The sets of people whom a table cannot tell apart, and what their sizes say."""

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._validation import check_fraction
from twinprivacy.attacks._share_interval import share_below_interval
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates import Estimate

__all__ = ["AnonymitySets", "sets_from_sizes"]

_COLUMNS = ["set_size", "n_sets"]


@dataclass(frozen=True, eq=False, repr=False)
class AnonymitySets:
    """Hold how many people of a table share their quasi-identifiers with how many.

    The anonymity set of a person is everybody in the table who looks the same in the
    quasi-identifiers, the person included. Shares, risks and bits are exact counts of
    the table given; only `share_interval` reads the table as a sample.

    Attributes
    ----------
    quasi_identifiers : tuple of str
    n_people : int
        People in the table, one row each, 1 or more.
    histogram : pandas.DataFrame
        Columns set_size (people, ascending) and n_sets (sets of that size). Where a
        missing value matches any other, sets overlap, and n_sets is the number of
        people with a set of that size divided by the size.
    set_sizes : pandas.Series, optional
        Size of each person's set, with the index of the table; None where the table
        was counted in a file.

    Raises
    ------
    DataError
        If the histogram is empty, not ascending, or does not add up to `n_people`.

    References
    ----------
    Sweeney (2002), doi:10.1142/S0218488502001648.

    Examples
    --------
    Three people share a look, two share another, one stands alone:

    >>> histogram = pd.DataFrame({"set_size": [1, 2, 3], "n_sets": [1, 1, 1]})
    >>> sets = AnonymitySets(("age", "sex"), n_people=6, histogram=histogram)
    >>> sets.k, round(sets.share_unique, 3), sets.share_below(3)
    (1, 0.167, 0.5)
    >>> sets.prosecutor_risk  # 3 sets of 6 people
    0.5
    """

    quasi_identifiers: tuple[str, ...]
    n_people: int
    histogram: pd.DataFrame
    set_sizes: pd.Series | None = None

    def __post_init__(self) -> None:
        """Refuse a histogram that does not hold each person once."""
        if list(self.histogram.columns) != _COLUMNS:
            raise DataError(
                f"histogram must have the columns {', '.join(_COLUMNS)}; got "
                f"{', '.join(map(str, self.histogram.columns))}"
            )
        size, n_sets = self._size, self._n_sets
        if not (size.size and (size >= 1).all() and (np.diff(size) > 0).all()):
            raise DataError("histogram must have set_size of 1 or more, ascending")
        total = float(size @ n_sets)
        if (n_sets <= 0).any() or not math.isclose(total, self.n_people, rel_tol=1e-9):
            raise DataError(
                f"histogram must add up to n_people = {self.n_people} people in sets "
                f"that have members; got {total:g}"
            )

    def __repr__(self) -> str:
        """Show counts, and nobody."""
        return (
            f"AnonymitySets({self.n_people} people by {len(self.quasi_identifiers)} "
            f"attributes: k={self.k}, share_unique={self.share_unique:.3g}, "
            f"prosecutor_risk={self.prosecutor_risk:.3g}, bits={self.bits:.3g})"
        )

    @property
    def k(self) -> int:
        """Size of the smallest set: the table is k-anonymous for this k and below."""
        return int(self._size[0])

    @property
    def share_unique(self) -> float:
        """Share of people who stand alone."""
        return self.share_below(2)

    @property
    def prosecutor_risk(self) -> float:
        """Mean of 1 / size: an attacker who knows that the person is in the table."""
        return self._mean(1 / self._size)

    @property
    def prosecutor_risk_max(self) -> float:
        """Largest 1 / size, which is 1 / k: the risk of the worst placed person."""
        return 1 / self.k

    @property
    def bits(self) -> float:
        """Mean of log2(n_people / size): what the attributes say of who it is."""
        return self._mean(np.log2(self.n_people / self._size))

    @property
    def bits_left(self) -> float:
        """Mean of log2(size): what is still lacking to name a person of the table."""
        return self._mean(np.log2(self._size))

    def share_below(self, k: int) -> float:
        """Return the share of people in sets of fewer than `k`, an exact count.

        Parameters
        ----------
        k : int
            Size, 1 or more, that a set should have at least.

        Raises
        ------
        ParameterError
            If `k` is below 1.
        """
        _check_size(k)
        return self._mean((self._size < k).astype(float))

    def share_over_threshold(self, threshold: float | None = None) -> float:
        """Return the share of people whose risk, 1 / size, is above a threshold.

        Parameters
        ----------
        threshold : float, optional
            Risk strictly in (0, 1). Without one, the line of the European Medicines
            Agency and Health Canada, 0.09, with each risk rounded to the two decimals
            in which the line is stated, so that sets of 11 (1 / 11 = 0.0909) pass.

        Raises
        ------
        ParameterError
            If the threshold is outside its range.
        """
        risk = 1 / self._size
        if threshold is None:
            threshold, risk = _regulators_threshold(), np.round(risk, 2)
        check_fraction(threshold, name="threshold")
        return self._mean((risk > threshold).astype(float))

    def share_interval(self, k: int = 2, *, confidence_level: float = 0.95) -> Estimate:
        r"""Estimate the share below `k` in tables of as many people from this source.

        The table is read as a sample, drawn person by person. Whether somebody stands
        alone depends on the others, so shares vary more than those of independent
        trials: Wilson's interval is taken for :math:`n p (1 - p) / v` trials, with the
        smaller of

        .. math:: v = \sum_{s < k} s p_s - (p - (k - 1) p_k)^2, \quad
            v = \sum_{s \ge k} s p_s,

        :math:`p_s` the share of people in sets of :math:`s` and :math:`p` of those
        below `k`. Both bound the variance of Poisson counts from above, and :math:`v`
        is not taken below :math:`p (1 - p)`: the interval is about a fifth too wide for
        those who stand alone, and wider for larger `k`. It says nothing of uniqueness
        in the population, which falls with its size; see `population_uniqueness`.

        Parameters
        ----------
        k : int
            Size, 2 or more; 2 asks for those who stand alone.
        confidence_level : float
            Coverage, strictly between 0 and 1.

        Raises
        ------
        ParameterError
            If `k` is below 2 or the level outside its range.

        References
        ----------
        Wilson (1927), doi:10.1080/01621459.1927.10502953.
        """
        _check_size(k, least=2)
        people = self._size * self._n_sets / self.n_people
        return share_below_interval(
            self._size, people, k, n_people=self.n_people, level=confidence_level
        )

    @property
    def _size(self) -> npt.NDArray[np.float64]:
        return self.histogram["set_size"].to_numpy(dtype=float)

    @property
    def _n_sets(self) -> npt.NDArray[np.float64]:
        return self.histogram["n_sets"].to_numpy(dtype=float)

    def _mean(self, of_size: npt.NDArray[np.float64]) -> float:
        """Return the mean over people of something that depends on the set's size."""
        return float(of_size @ (self._size * self._n_sets)) / self.n_people


def sets_from_sizes(
    sizes: pd.Series, quasi_identifiers: tuple[str, ...]
) -> AnonymitySets:
    """Collect anonymity sets from the size of each person's.

    Parameters
    ----------
    sizes : pandas.Series
        Whole numbers of 1 or more, one a person, with the index of the table.
    quasi_identifiers : tuple of str

    Returns
    -------
    AnonymitySets

    Examples
    --------
    >>> sets_from_sizes(pd.Series([2, 2, 1]), ("age",)).histogram
       set_size  n_sets
    0         1       1
    1         2       1
    """
    people = np.bincount(sizes.to_numpy())
    size = np.flatnonzero(people)
    whole, rest = np.divmod(people[size], size)
    n_sets = people[size] / size if rest.any() else whole
    histogram = pd.DataFrame({"set_size": size, "n_sets": n_sets})
    return AnonymitySets(quasi_identifiers, len(sizes), histogram, sizes)


@functools.cache
def _regulators_threshold() -> float:
    facts = datasets.load("identity_facts").set_index("fact_id")["value"]
    return float(facts["regulators_threshold"])


def _check_size(k: int, *, least: int = 1) -> None:
    if k < least:
        raise ParameterError(f"k must be {least} or more; got {k!r}")
