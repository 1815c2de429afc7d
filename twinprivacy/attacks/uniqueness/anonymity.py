"""How many people of a table look alike: counted, step by step, and as risks."""

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._validation import check_fraction, check_whole
from twinprivacy.attacks.uniqueness.parquet import MEMORY_LIMIT_GIB, opened_people
from twinprivacy.attacks.uniqueness.partition import (
    read_people,
    split_people,
    split_stepwise,
)
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.tables import check_names

__all__ = [
    "AnonymitySets",
    "anonymity_sets",
    "reidentification_risks",
    "uniqueness_ladder",
]


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
        Columns set_size (people, ascending) and n_sets (sets of that size).
    set_sizes : pandas.Series, optional
        Size of each person's set, with the index of the table; None where the table
        was counted in a file.

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
        check_whole(k, name="k")
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

    def share_interval(self, *, confidence_level: float = 0.95) -> Estimate:
        r"""Estimate the share unique in tables of as many people from this source.

        The table is read as a sample, drawn person by person. Whether somebody stands
        alone depends on the others, so shares vary more than those of independent
        trials: Wilson's interval is taken for :math:`n p (1 - p) / v` trials, with the
        smaller of

        .. math:: v = p - (p - p_2)^2, \quad v = \sum_{s \ge 2} s p_s,

        :math:`p_s` the share of people in sets of :math:`s` and :math:`p = p_1`. Both
        bound the variance of Poisson counts from above, and :math:`v` is not taken
        below :math:`p (1 - p)`: the interval is about a fifth too wide. It says nothing
        of uniqueness in the population, which falls with its size; see
        `population_uniqueness`.

        Parameters
        ----------
        confidence_level : float
            Coverage, strictly between 0 and 1.

        Raises
        ------
        ParameterError
            If the level is outside its range.

        References
        ----------
        Wilson (1927), doi:10.1080/01621459.1927.10502953.
        """
        check_fraction(confidence_level, name="confidence_level")
        size, share = self._size, self.share_unique
        people = size * self._n_sets / self.n_people
        in_pairs = float(people[size == 2].sum())
        clumps = float((size * people)[size > 1].sum())
        variance = min(share - (share - in_pairs) ** 2, clumps)
        binomial = share * (1 - share)
        if binomial > 0:
            shrink = min(binomial / variance, 1.0) if variance > 0 else 1.0
        else:
            # The next share would differ by one set: of one person, or of two.
            shrink = 1.0 if share == 0 else 1 / 2
        trials = self.n_people * shrink
        return _wilson(share, self.n_people, trials, confidence_level)

    @property
    def _size(self) -> npt.NDArray[np.float64]:
        return self.histogram["set_size"].to_numpy(dtype=float)

    @property
    def _n_sets(self) -> npt.NDArray[np.float64]:
        return self.histogram["n_sets"].to_numpy(dtype=float)

    def _mean(self, of_size: npt.NDArray[np.float64]) -> float:
        """Return the mean over people of something that depends on the set's size."""
        return float(of_size @ (self._size * self._n_sets)) / self.n_people


def anonymity_sets(
    frame: pd.DataFrame | str | Path,
    quasi_identifiers: Sequence[str],
    *,
    missing: str = "value",
    memory_limit_gib: float = MEMORY_LIMIT_GIB,
) -> AnonymitySets:
    """Count who shares the quasi-identifiers with how many others, exactly.

    Two values are the same where they are equal: 0.0 and -0.0, 1 and 1.0. NaN, None,
    NaT and pandas.NA are all missing, an infinity is a value. Numbers that were
    measured finely tell people apart by their last digit: round them as far as an
    attacker knows them.

    Parameters
    ----------
    frame : pandas.DataFrame, str or pathlib.Path
        One row a person; or a parquet file of them, which DuckDB then counts on disk.
    quasi_identifiers : sequence of str
        Columns that an attacker may know, one or more.
    missing : {"value", "drop"}
        "value": missing is a value like any other. "drop": people who lack a
        quasi-identifier are left out.
    memory_limit_gib : float
        For a file: memory that DuckDB may use, in GiB; the process itself needs some
        hundred MiB more. Beyond it, DuckDB spills to the folder of temporary files
        (TMPDIR), which should have room for a few times the file.

    Returns
    -------
    AnonymitySets

    Raises
    ------
    ParameterError
        If there is no quasi-identifier or one repeats, or the rule is unknown.
    DataError
        If a column is absent or its name repeats, or nobody is (left) in the table.

    References
    ----------
    Sweeney (2002), doi:10.1142/S0218488502001648.

    Examples
    --------
    >>> people = pd.DataFrame({"age": [30, 30, 30, 41], "sex": ["f", "f", "m", "m"]})
    >>> sets = anonymity_sets(people, ["age", "sex"])
    >>> sets.set_sizes.tolist(), sets.k, sets.share_unique
    ([2, 2, 1, 1], 1, 0.5)
    """
    names = check_names(quasi_identifiers, name="quasi_identifiers")
    if isinstance(frame, str | Path):
        with opened_people(
            frame, names, missing=missing, memory_limit_gib=memory_limit_gib
        ) as counted:
            histogram = counted.histogram(names)
            return AnonymitySets(tuple(names), counted.n_people, histogram)
    people = read_people(frame, names, missing=missing)
    split = split_people(people)
    sizes = pd.Series(split.set_sizes(), people.index, name="set_size")
    return AnonymitySets(tuple(names), len(people), split.histogram(), sizes)


def uniqueness_ladder(
    frame: pd.DataFrame | str | Path,
    order: Sequence[str] | Mapping[str, Sequence[str]],
    *,
    missing: str = "value",
    confidence_level: float = 0.95,
    memory_limit_gib: float = MEMORY_LIMIT_GIB,
) -> pd.DataFrame:
    """Count how people become unique as attributes are added one after another.

    Parameters
    ----------
    frame, missing, memory_limit_gib
        As for `anonymity_sets`. With "drop", all steps count the same people: those
        who lack nothing in `order`.
    order : sequence of str, or mapping of str to sequences of str
        Columns in the order in which they become known; or names of steps with the
        columns that each adds.
    confidence_level : float
        Coverage of the interval, strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        One row a step: attribute (name of the column or step added), n_attributes,
        n_people, k, share_unique, share_unique_low, share_unique_high, share_below_5,
        share_below_11, prosecutor_risk (mean of 1 / set size), share_over_threshold
        (the regulators' line, see `AnonymitySets`), bits (mean log2 of how much the
        set shrank) and bits_left. All are exact for this table, but for the interval:
        it is of the share of unique people in tables of as many people drawn from the
        same source, see `AnonymitySets.share_interval`.

    Raises
    ------
    ParameterError, DataError
        As for `anonymity_sets`.

    Examples
    --------
    >>> people = pd.DataFrame({"age": [30, 30, 30, 41], "sex": ["f", "f", "m", "m"]})
    >>> ladder = uniqueness_ladder(people, ["sex", "age"])
    >>> ladder[["attribute", "n_attributes", "k", "share_unique", "bits"]]
      attribute  n_attributes  k  share_unique  bits
    0       sex             1  2           0.0   1.0
    1       age             2  1           0.5   1.5
    """
    steps = _steps(order)
    names = check_names(
        [column for columns in steps.values() for column in columns], name="order"
    )
    if isinstance(frame, str | Path):
        with opened_people(
            frame, names, missing=missing, memory_limit_gib=memory_limit_gib
        ) as counted:
            n_people, histograms = counted.n_people, counted.ladder(names)
    else:
        people = read_people(frame, names, missing=missing)
        n_people = len(people)
        histograms = [split.histogram() for split in split_stepwise(people)]
    lengths = itertools.accumulate(len(columns) for columns in steps.values())
    rows = []
    for step, n in zip(steps, lengths, strict=True):
        sets = AnonymitySets(tuple(names[:n]), n_people, histograms[n - 1])
        rows.append({"attribute": step} | _row(sets, confidence_level))
    return pd.DataFrame(rows)


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

    >>> people = pd.DataFrame({"age": [30, 30, 41, 30, 30, 41]}, list("abcdef"))
    >>> population = anonymity_sets(people, ["age"])
    >>> table = anonymity_sets(people.head(3), ["age"])
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
        wider = _sets_within(sets, population)
        rows.append(_risk_row("journalist", wider, threshold))
    marketer = {"attacker": "marketer", "mean_risk": wider.prosecutor_risk}
    frame = pd.DataFrame([*rows, marketer])
    return frame.astype({"max_risk": float, "share_over_threshold": float})


def _steps(order: Any) -> dict[str, list[str]]:
    if isinstance(order, Mapping):
        return {
            step: check_names(columns, name=f"order[{step!r}]")
            for step, columns in order.items()
        }
    return {name: [name] for name in check_names(order, name="order")}


def _row(sets: AnonymitySets, confidence_level: float) -> dict[str, float]:
    unique = sets.share_interval(confidence_level=confidence_level)
    return {
        "n_attributes": len(sets.quasi_identifiers),
        "n_people": sets.n_people,
        "k": sets.k,
        "share_unique": unique.value,
        "share_unique_low": unique.low,
        "share_unique_high": unique.high,
        "share_below_5": sets.share_below(5),
        "share_below_11": sets.share_below(11),
        "prosecutor_risk": sets.prosecutor_risk,
        "share_over_threshold": sets.share_over_threshold(),
        "bits": sets.bits,
        "bits_left": sets.bits_left,
    }


@functools.cache
def _regulators_threshold() -> float:
    facts = datasets.load("identity_facts").set_index("fact_id")["value"]
    return float(facts["regulators_threshold"])


def _wilson(share: float, n: int, trials: float, level: float) -> Estimate:
    """Return Wilson's interval of a share for a number of trials that may be broken."""
    from scipy.special import ndtri

    z2 = float(ndtri((1 + level) / 2)) ** 2 / trials
    centre = (share + z2 / 2) / (1 + z2)
    half = math.sqrt(z2 * share * (1 - share) + z2**2 / 4) / (1 + z2)
    # Rounding may put a bound one unit in the last place beyond a share of 0 or 1.
    low, high = min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share)
    return Estimate(share, low, high, level, n)


def _sets_within(sets: AnonymitySets, population: AnonymitySets) -> AnonymitySets:
    """Return the sets of the population in which the people of a table hide.

    Of a set the table holds only some: n_sets is their number divided by its size.
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
    sizes = sizes.astype(np.int64)
    people = np.bincount(sizes.to_numpy())
    size = np.flatnonzero(people)
    histogram = pd.DataFrame({"set_size": size, "n_sets": people[size] / size})
    return AnonymitySets(sets.quasi_identifiers, len(sizes), histogram, sizes)


def _risk_row(
    attacker: str, sets: AnonymitySets, threshold: float | None
) -> dict[str, str | float]:
    return {
        "attacker": attacker,
        "mean_risk": sets.prosecutor_risk,
        "max_risk": 1 / sets.k,
        "share_over_threshold": sets.share_over_threshold(threshold),
    }
