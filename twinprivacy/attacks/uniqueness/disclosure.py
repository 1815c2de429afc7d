"""What sets of people who look the same give away of a secret: l and t."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Integers
from twinprivacy._validation import check_choice
from twinprivacy.attacks.uniqueness.partition import (
    read_people,
    split_people,
    value_codes,
)
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import check_names

__all__ = [
    "AttributeDisclosure",
    "attribute_disclosure",
]


SCALES = ("categorical", "ordered")


@dataclass(frozen=True, eq=False, repr=False)
class AttributeDisclosure:
    """Hold what a table tells of a secret to one who knows the quasi-identifiers.

    All numbers are exact for the table given.

    Attributes
    ----------
    quasi_identifiers : tuple of str
    sensitive : str
    scale : str
        How far apart values are; see `attribute_disclosure`.
    n_people : int
    by_set : pandas.DataFrame
        One row a set of people who look the same, without saying how: set_size,
        n_values (distinct values of the secret), entropy_l (exponential of their
        entropy), t (distance in [0, 1] of the set's distribution of the secret from the
        table's), bits (divergence of the two). Ascending by these columns.
    """

    quasi_identifiers: tuple[str, ...]
    sensitive: str
    scale: str
    n_people: int
    by_set: pd.DataFrame

    def __repr__(self) -> str:
        """Show the worst sets, and nobody."""
        return (
            f"AttributeDisclosure({self.sensitive!r} of {self.n_people} people: "
            f"distinct_l={self.distinct_l}, entropy_l={self.entropy_l:.3g}, "
            f"t={self.t:.3g}, share_certain={self.share_certain:.3g}, "
            f"bits={self.bits:.3g})"
        )

    @property
    def distinct_l(self) -> int:
        """Least number of values in a set: distinct l-diversity."""
        return int(self.by_set["n_values"].min())

    @property
    def entropy_l(self) -> float:
        """Least exponential of a set's entropy: entropy l-diversity."""
        return float(self.by_set["entropy_l"].min())

    @property
    def t(self) -> float:
        """Largest distance of a set from the table: t-closeness."""
        return float(self.by_set["t"].max())

    @property
    def share_certain(self) -> float:
        """Share of people in sets of one value: their secret is out, whoever it is."""
        return self._mean(self.by_set["n_values"] == 1)

    @property
    def bits(self) -> float:
        """Mean over people of log2 P(secret | set) - log2 P(secret)."""
        return self._mean(self.by_set["bits"])

    def _mean(self, of_set: pd.Series) -> float:
        return float((of_set * self.by_set["set_size"]).sum()) / self.n_people


def attribute_disclosure(
    frame: pd.DataFrame,
    quasi_identifiers: Sequence[str],
    sensitive: str,
    *,
    scale: str | None = None,
    missing: str = "value",
) -> AttributeDisclosure:
    r"""Measure l-diversity and t-closeness of a table.

    A table has distinct l-diversity if every set of people who look the same holds
    :math:`l` values of the secret; entropy l-diversity if
    :math:`-\sum_s p_s \ln p_s \ge \ln l` in each; t-closeness if the earth mover's
    distance of each set's distribution from the table's is at most :math:`t`. With
    :math:`m` values in order, and :math:`P` and :math:`Q` their cumulated shares in set
    and table,

    .. math:: t = \frac{1}{m - 1} \sum_{i < m} |P_i - Q_i|,

    and without order :math:`t = \frac12 \sum_i |p_i - q_i|`.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a person.
    quasi_identifiers : sequence of str
        Columns that an attacker may know, one or more.
    sensitive : str
        Column of the secret, not among them.
    scale : {"categorical", "ordered"}, optional
        "categorical": all values are equally far apart, and a missing one is a value.
        "ordered": neighbours among the values that occur are equally far apart. By
        default "ordered" for numbers, dates and ordered categories, else
        "categorical".
    missing : {"value", "drop"}
        Rule for missing quasi-identifiers, as for `anonymity_sets`.

    Returns
    -------
    AttributeDisclosure

    Raises
    ------
    ParameterError
        If a name repeats, the scale is unknown, or the secret has no order that an
        ordered scale asks for.
    DataError
        If a column is absent, nobody is (left) in the table, or an ordered secret is
        missing for somebody.

    References
    ----------
    Machanavajjhala et al. (2007), doi:10.1145/1217299.1217302.
    Li, Li and Venkatasubramanian (2007), doi:10.1109/ICDE.2007.367856.

    Examples
    --------
    Salaries of 3,000 to 11,000; one set holds the three smallest (Li et al. 2007):

    >>> salary = pd.Series(range(3, 12))
    >>> people = pd.DataFrame({"set": [1, 1, 1, 2, 3, 2, 3, 3, 2], "salary": salary})
    >>> found = attribute_disclosure(people, ["set"], "salary")
    >>> found.distinct_l, round(found.t, 3)
    (3, 0.375)
    """
    names = check_names(quasi_identifiers, name="quasi_identifiers")
    if sensitive in names:
        raise ParameterError(
            f"sensitive must not be among quasi_identifiers; got {sensitive!r}"
        )
    people = read_people(frame, names, missing=missing, also=[sensitive])
    secret = people[sensitive]
    scale = _scale(secret, scale)
    labels = split_people(people[names]).set_labels()
    by_set = _describe(_count_cells(labels, _secret_codes(secret, scale)), scale)
    return AttributeDisclosure(tuple(names), sensitive, scale, len(people), by_set)


def _scale(secret: pd.Series, scale: str | None) -> str:
    """Return the scale asked for, or else the one that the values have."""
    types, kind = pd.api.types, secret.dtype
    is_number = types.is_numeric_dtype(kind) and not (
        types.is_bool_dtype(kind) or types.is_complex_dtype(kind)
    )
    in_order = (
        is_number
        or types.is_datetime64_any_dtype(kind)
        or types.is_timedelta64_dtype(kind)
        or (isinstance(kind, pd.CategoricalDtype) and bool(kind.ordered))
        or types.infer_dtype(secret, skipna=True) == "date"
    )
    if scale is None:
        return "ordered" if in_order else "categorical"
    check_choice(scale, name="scale", allowed=SCALES)
    if scale == "ordered" and not in_order:
        raise ParameterError(
            "scale must be 'categorical' where values are neither numbers, dates nor "
            f"ordered categories; got {scale!r} for {kind}"
        )
    return scale


def _secret_codes(secret: pd.Series, scale: str) -> Integers:
    """Return each person's place among the values that occur."""
    if scale == "categorical":
        codes, _ = value_codes(secret)
        return np.unique(codes, return_inverse=True)[1].astype(np.int64)
    n_missing = int(secret.isna().sum())
    if n_missing:
        raise DataError(
            f"sensitive must not be missing where scale is {scale!r}; got {n_missing} "
            f"of {len(secret)} people without a value"
        )
    return pd.factorize(secret, sort=True)[0].astype(np.int64)


@dataclass(frozen=True, eq=False, repr=False)
class _Cells:
    """Counts of each value in each set: one cell for each pair that occurs.

    Attributes
    ----------
    sets, values : numpy.ndarray
        Set and value of each cell, ascending by set, then by value.
    counts, within : numpy.ndarray
        People in each cell, 1 or more, and their share of the set.
    sizes : numpy.ndarray
        People in each set.
    shares : numpy.ndarray
        Share of each value in the whole table.
    """

    sets: Integers
    values: Integers
    counts: Integers
    within: Array
    sizes: Array
    shares: Array

    def total(self, of_cell: Array) -> Array:
        """Add up the cells of each set."""
        return np.bincount(self.sets, of_cell).astype(float)


def _count_cells(labels: Integers, codes: Integers) -> _Cells:
    """Count the values, coded from 0 with none left out, of sets labelled from 0."""
    n_codes = int(codes.max()) + 1
    cells, counts = np.unique(labels * n_codes + codes, return_counts=True)
    sets, values = np.divmod(cells, n_codes)
    sizes = np.bincount(sets, counts).astype(float)
    shares = np.bincount(codes) / len(codes)
    return _Cells(sets, values, counts, counts / sizes[sets], sizes, shares)


def _describe(cells: _Cells, scale: str) -> pd.DataFrame:
    """Return what each set gives away."""
    within = cells.within
    ratio = within / cells.shares[cells.values]
    distance = _equal_distance if scale == "categorical" else _ordered_distance
    entropy = np.maximum(-cells.total(within * np.log(within)), 0.0)
    columns = {
        "set_size": cells.sizes.astype(np.int64),
        "n_values": np.bincount(cells.sets),
        "entropy_l": np.exp(entropy),
        "t": distance(cells),
        "bits": np.maximum(cells.total(within * np.log2(ratio)), 0.0),
    }
    # In an order that does not depend on that of the people.
    return pd.DataFrame(columns).sort_values(list(columns), ignore_index=True)


def _equal_distance(cells: _Cells) -> Array:
    """Return the earth mover's distance where all values are equally far apart."""
    share = cells.shares[cells.values]
    there = cells.total(np.abs(cells.within - share))
    absent = 1.0 - cells.total(share)
    return np.clip((there + absent) / 2, 0.0, 1.0)


def _ordered_distance(cells: _Cells) -> Array:
    """Return the earth mover's distance of values in order, neighbours equally far.

    It is the mean over gaps of the difference of the two cumulated shares. That of a
    set is constant between its cells and that of the table rises, so that each stretch
    has one place where they cross, and prefix sums give both parts.
    """
    below = np.cumsum(cells.shares)[:-1]
    n_gaps = len(below)
    gaps = np.full(n_gaps, 1.0 / max(n_gaps, 1))
    width = np.concatenate([[0.0], np.cumsum(gaps)])
    weight = np.concatenate([[0.0], np.cumsum(gaps * below)])
    is_last = np.append(cells.sets[1:] != cells.sets[:-1], True)
    is_first = np.append(True, is_last[:-1])
    total = np.cumsum(cells.counts)
    before_set = (total - cells.counts)[is_first]
    # Share of each set that lies at or below each of its cells.
    level = (total - before_set[cells.sets]) / cells.sizes[cells.sets]
    start = cells.values
    stop = np.where(is_last, n_gaps, np.append(cells.values[1:], 0))
    cross = np.clip(np.searchsorted(below, level), start, stop)
    before = level * (width[cross] - width[start]) - (weight[cross] - weight[start])
    after = (weight[stop] - weight[cross]) - level * (width[stop] - width[cross])
    lead = np.where(is_first, weight[start], 0.0)
    return np.clip(cells.total(before + after + lead), 0.0, 1.0)
