"""The sets of people whom a table cannot tell apart, and what their sizes say."""

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy._validation import check_fraction
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates.estimate import Estimate

__all__ = [
    "AnonymitySets",
    "reidentification_risks",
    "sets_from_sizes",
    "sets_within",
]


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
        return _share_below_interval(
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


def _share_below_interval(
    size: Array, people: Array, k: int, *, n_people: int, level: float
) -> Estimate:
    """Estimate the share of people in sets below `k`; see `AnonymitySets`.

    `people` is the share of people in sets of each `size`.
    """
    check_fraction(level, name="confidence_level")
    below = size < k
    share = 1.0 if below.all() else float(people[below].sum())
    pull = share - (k - 1) * float(people[size == k].sum())
    clumps = size * people
    variance = min(
        float(clumps[below].sum()) - pull**2,
        float(clumps[~below].sum()),
    )
    binomial = share * (1 - share)
    if binomial > 0:
        shrink = min(binomial / variance, 1.0) if variance > 0 else 1.0
    else:
        # The next share would differ by one set: of k - 1 people, or of k.
        shrink = 1 / (k - 1 if share == 0 else k)
    return _wilson(share, n_people, n_people * shrink, level)


def _wilson(share: float, n: int, trials: float, level: float) -> Estimate:
    """Return Wilson's interval of a share for a number of trials that may be broken."""
    from scipy.special import ndtri

    z2 = float(ndtri((1 + level) / 2)) ** 2 / trials
    centre = (share + z2 / 2) / (1 + z2)
    half = math.sqrt(z2 * share * (1 - share) + z2**2 / 4) / (1 + z2)
    # Rounding may put a bound one unit in the last place beyond a share of 0 or 1.
    low, high = min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share)
    return Estimate(share, low, high, level, n)


def reidentification_risks(
    sets: AnonymitySets,
    *,
    population: AnonymitySets | None = None,
    threshold: float | None = None,
) -> pd.DataFrame:
    r"""Measure the re-identification risks of three attackers.

    The prosecutor looks for one person who is known to be in the table and picks
    somebody of that person's set: risk :math:`1 / f`. The journalist picks in the
    population: :math:`1 / F` for a set of :math:`F` there. The marketer links
    everybody, and the risk is the expected share that is linked rightly, the mean of
    :math:`1 / F` over people, or of :math:`1 / f` where the table is the population.

    Parameters
    ----------
    sets : AnonymitySets
        Of the table that is given away.
    population : AnonymitySets, optional
        Of the population, by the same quasi-identifiers, in a table that holds the
        people of this one under the same index labels.
    threshold : float, optional
        As in `AnonymitySets.share_over_threshold`.

    Returns
    -------
    pandas.DataFrame
        Columns attacker, mean_risk, max_risk, share_over_threshold; exact for the
        tables given. Risks are probabilities. The marketer's belongs to the whole
        table, so the last two columns are nan. No journalist without a population.

    Raises
    ------
    ParameterError
        If the population is of other quasi-identifiers, or the threshold is not in
        (0, 1).
    DataError
        If a table was counted in a file, labels repeat, or the population lacks a
        person.

    References
    ----------
    El Emam and Dankar (2008), doi:10.1197/jamia.M2716.

    Examples
    --------
    Two people share a look; in the population four do, and two share the other:

    >>> index = ["a", "b", "c", "d", "e", "f"]
    >>> population = sets_from_sizes(pd.Series([4, 4, 2, 4, 4, 2], index), ("age",))
    >>> table = sets_from_sizes(pd.Series([2, 2, 1], index[:3]), ("age",))
    >>> risks = reidentification_risks(table, population=population)
    >>> risks[["attacker", "mean_risk", "max_risk"]].round(3)
         attacker  mean_risk  max_risk
    0  prosecutor      0.667       1.0
    1  journalist      0.333       0.5
    2    marketer      0.333       NaN
    """
    rows = [_risk_row("prosecutor", sets, threshold)]
    wider = sets
    if population is not None:
        wider = sets_within(sets, population)
        rows.append(_risk_row("journalist", wider, threshold))
    marketer = {"attacker": "marketer", "mean_risk": wider.prosecutor_risk}
    frame = pd.DataFrame([*rows, marketer])
    return frame.astype({"max_risk": float, "share_over_threshold": float})


def sets_within(sets: AnonymitySets, population: AnonymitySets) -> AnonymitySets:
    """Find the sets in which the people of a table hide in a population.

    Parameters
    ----------
    sets, population : AnonymitySets
        As in `reidentification_risks`.

    Returns
    -------
    AnonymitySets
        Of the table's people, with the sizes of their sets in the population; n_sets
        is the number of the table's people divided by that size.

    Raises
    ------
    ParameterError, DataError
        As in `reidentification_risks`.

    Examples
    --------
    >>> table = sets_from_sizes(pd.Series([1, 1]), ("age",))
    >>> population = sets_from_sizes(pd.Series([2, 1, 2]), ("age",))
    >>> sets_within(table, population).set_sizes.tolist()
    [2, 1]
    """
    if set(population.quasi_identifiers) != set(sets.quasi_identifiers):
        raise ParameterError(
            "population must be counted by the same quasi-identifiers, "
            f"{', '.join(sets.quasi_identifiers)}; got "
            f"{', '.join(population.quasi_identifiers)}"
        )
    small, large = sets.set_sizes, population.set_sizes
    if small is None or large is None:
        raise DataError("risks in a population need tables that were counted in memory")
    if not (small.index.is_unique and large.index.is_unique):
        raise DataError("risks in a population need index labels that do not repeat")
    sizes = large.reindex(small.index)
    n_absent = int(sizes.isna().sum())
    if n_absent:
        raise DataError(
            f"population must hold everybody in the table; got {n_absent} of "
            f"{len(small)} people whose label it lacks"
        )
    if (sizes.to_numpy() < small.to_numpy()).any():
        raise DataError(
            "population must hold everybody in the table; got people whose set is "
            "smaller there than in the table"
        )
    return sets_from_sizes(sizes.astype(np.int64), sets.quasi_identifiers)


def _risk_row(
    attacker: str, sets: AnonymitySets, threshold: float | None
) -> dict[str, str | float]:
    return {
        "attacker": attacker,
        "mean_risk": sets.prosecutor_risk,
        "max_risk": sets.prosecutor_risk_max,
        "share_over_threshold": sets.share_over_threshold(threshold),
    }
