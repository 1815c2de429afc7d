"""What sets of people who look the same give away of a secret: l and t."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Integers
from twinprivacy._validation import check_choice
from twinprivacy.attacks.uniqueness.partition import (
    check_names,
    check_people,
    drop_missing,
    one_set,
    value_codes,
)
from twinprivacy.errors import DataError, ParameterError

__all__ = [
    "AttributeDisclosure",
    "attribute_disclosure",
]


SCALES = ("categorical", "ordered", "numeric")


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
        entropy), largest_share (of the commonest value), t (distance in [0, 1] of the
        set's distribution of the secret from the table's), bits (divergence of the
        two). Ascending by these columns.
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
    :math:`m` values in order, :math:`P` and :math:`Q` their cumulated shares in set and
    table, and gaps :math:`g_i` between neighbours that add up to 1,

    .. math:: t = \sum_{i < m} g_i |P_i - Q_i|,

    and without order :math:`t = \frac12 \sum_i |p_i - q_i|`.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a person.
    quasi_identifiers : sequence of str
        Columns that an attacker may know, one or more.
    sensitive : str
        Column of the secret, not among them.
    scale : {"categorical", "ordered", "numeric"}, optional
        "categorical": all values are equally far apart, and a missing one is a value.
        "ordered": neighbours among the values that occur are equally far apart.
        "numeric": distances are those of the numbers or dates, over their range. By
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
        ordered or numeric scale asks for.
    DataError
        If a column is absent, nobody is (left) in the table, or the secret is missing
        or infinite for somebody where its scale does not allow it.

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
    check_choice(missing, name="missing", allowed=("value", "drop"))
    if sensitive in names:
        raise ParameterError(
            f"sensitive must not be among quasi_identifiers; got {sensitive!r}"
        )
    columns = check_people(frame, (*names, sensitive), name="the columns used")
    people = columns if missing == "value" else drop_missing(columns, names)
    secret = _as_times(people[sensitive])
    scale = _scale(secret, scale)
    split = one_set(len(people))
    for name in names:
        split = split.refined(*value_codes(people[name].iloc[split.people]))
    codes, gaps = _coded_secret(secret, scale)
    cells = _count_values(split.set_labels(), codes, len(gaps) + 1)
    by_set = _describe(cells, gaps, scale)
    return AttributeDisclosure(names, sensitive, scale, len(people), by_set)


@dataclass(frozen=True, eq=False, repr=False)
class _SetValues:
    """Counts of each value in each set: one cell for each pair that occurs.

    Attributes
    ----------
    n_sets : int
    sets, values : numpy.ndarray
        Set and value of each cell, ascending by set, then by value.
    counts : numpy.ndarray
        People in each cell, 1 or more.
    shares : numpy.ndarray
        Share of each value in the whole table.
    """

    n_sets: int
    sets: Integers
    values: Integers
    counts: Integers
    shares: Array

    @property
    def sizes(self) -> Array:
        """People in each set."""
        return self._sum(self.counts)

    @property
    def within(self) -> Array:
        """Share of each cell in its set."""
        shares: Array = self.counts / self.sizes[self.sets]
        return shares

    def n_values(self) -> Integers:
        """Count the distinct values of each set."""
        return np.bincount(self.sets, minlength=self.n_sets).astype(np.int64)

    def largest_share(self) -> Array:
        """Return the share of the commonest value of each set."""
        largest = np.zeros(self.n_sets)
        np.maximum.at(largest, self.sets, self.within)
        return largest

    def entropy(self) -> Array:
        """Return the entropy of each set in nats."""
        return np.maximum(-self._sum(self.within * np.log(self.within)), 0.0)

    def divergence_bits(self) -> Array:
        """Return Kullback and Leibler's divergence of each set from the table."""
        ratio = self.within / self.shares[self.values]
        return np.maximum(self._sum(self.within * np.log2(ratio)), 0.0)

    def equal_distance(self) -> Array:
        """Return the earth mover's distance where all values are equally far apart."""
        share = self.shares[self.values]
        there = self._sum(np.abs(self.within - share))
        absent = 1.0 - self._sum(share)
        return np.clip((there + absent) / 2, 0.0, 1.0)

    def ordered_distance(self, gaps: Array) -> Array:
        """Return the earth mover's distance of values in order, `gaps` apart.

        It is the sum over gaps of the difference of the two cumulated shares. That of
        a set is constant between its cells and that of the table rises, so that each
        stretch has one place where they cross, and prefix sums give both parts.
        """
        below = np.cumsum(self.shares)[:-1]
        width = np.concatenate([[0.0], np.cumsum(gaps)])
        weight = np.concatenate([[0.0], np.cumsum(gaps * below)])
        is_last = np.append(self.sets[1:] != self.sets[:-1], True)
        is_first = np.append(True, is_last[:-1])
        level = self._cumulated(is_first)
        start = self.values
        stop = np.where(is_last, len(gaps), np.append(self.values[1:], 0))
        cross = np.clip(np.searchsorted(below, level), start, stop)
        before = level * (width[cross] - width[start]) - (weight[cross] - weight[start])
        after = (weight[stop] - weight[cross]) - level * (width[stop] - width[cross])
        lead = np.where(is_first, weight[start], 0.0)
        return np.clip(self._sum(before + after + lead), 0.0, 1.0)

    def _cumulated(self, is_first: npt.NDArray[np.bool_]) -> Array:
        """Return the share of each set that lies at or below each of its cells."""
        total = np.cumsum(self.counts)
        before = (total - self.counts)[is_first]
        level: Array = (total - before[self.sets]) / self.sizes[self.sets]
        return level

    def _sum(self, of_cell: npt.NDArray[np.float64] | Integers) -> Array:
        return np.bincount(self.sets, of_cell, self.n_sets).astype(float)


def _describe(
    cells: _SetValues, gaps: npt.NDArray[np.float64], scale: str
) -> pd.DataFrame:
    ordered = scale != "categorical"
    columns = {
        "set_size": cells.sizes.astype(np.int64),
        "n_values": cells.n_values(),
        "entropy_l": np.exp(cells.entropy()),
        "largest_share": cells.largest_share(),
        "t": cells.ordered_distance(gaps) if ordered else cells.equal_distance(),
        "bits": cells.divergence_bits(),
    }
    # In an order that does not depend on that of the people.
    return pd.DataFrame(columns).sort_values(list(columns), ignore_index=True)


def _scale(secret: pd.Series, scale: str | None) -> str:
    kind = secret.dtype
    is_number = pd.api.types.is_numeric_dtype(kind) and not (
        pd.api.types.is_bool_dtype(kind) or pd.api.types.is_complex_dtype(kind)
    )
    is_measured = is_number or _is_time(kind)
    in_order = is_measured or (
        isinstance(kind, pd.CategoricalDtype) and bool(kind.ordered)
    )
    if scale is None:
        return "ordered" if in_order else "categorical"
    check_choice(scale, name="scale", allowed=SCALES)
    if (scale == "numeric" and not is_measured) or (
        scale == "ordered" and not in_order
    ):
        raise ParameterError(
            "scale must be 'categorical' where values are neither numbers, dates nor "
            f"(for 'ordered') ordered categories; got {scale!r} for {kind}"
        )
    return scale


def _coded_secret(
    secret: pd.Series, scale: str
) -> tuple[Integers, npt.NDArray[np.float64]]:
    """Return each person's place among the values that occur, and the gaps between."""
    if scale == "categorical":
        codes, _ = value_codes(secret)
        found, places = np.unique(codes, return_inverse=True)
        return places.astype(np.int64), np.zeros(len(found) - 1)
    n_missing = int(secret.isna().sum())
    if n_missing:
        raise DataError(
            f"sensitive must not be missing where scale is {scale!r}; got {n_missing} "
            f"of {len(secret)} people without a value"
        )
    if isinstance(secret.dtype, pd.CategoricalDtype):
        secret = secret.cat.codes
    elif _is_time(secret.dtype):
        secret = secret.astype("int64")
    values, places = np.unique(secret.to_numpy(), return_inverse=True)
    return places.astype(np.int64), _gaps(values, scale, len(secret))


def _gaps(
    values: npt.NDArray[np.generic], scale: str, n_people: int
) -> npt.NDArray[np.float64]:
    """Return distances of neighbours that add up to 1."""
    m = len(values)
    if scale == "ordered" or m == 1:
        return np.full(m - 1, 1.0 / max(m - 1, 1))
    if values.dtype.kind in "iu":
        # From the first, while they are whole: floats may not tell them apart. Unsigned
        # differences hold the whole range.
        values = values.astype(np.uint64) - values[:1].astype(np.uint64)
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise DataError(
            "sensitive must be finite where scale is 'numeric'; got infinities among "
            f"{n_people} people"
        )
    # Halved, so that the range of the largest numbers is no infinity.
    halves = numbers / 2
    gaps: npt.NDArray[np.float64] = np.diff(halves) / (halves[-1] - halves[0])
    return gaps


def _as_times(secret: pd.Series) -> pd.Series:
    """Return days that Python's own dates stand for as times, all else as it is."""
    if pd.api.types.infer_dtype(secret, skipna=True) == "date":
        return secret.astype("datetime64[s]")
    return secret


def _is_time(kind: Any) -> bool:
    types = pd.api.types
    return bool(types.is_datetime64_any_dtype(kind) or types.is_timedelta64_dtype(kind))


def _count_values(labels: Integers, codes: Integers, n_codes: int) -> _SetValues:
    """Count the values, coded from 0 with none left out, of sets labelled from 0."""
    cells, counts = np.unique(labels * n_codes + codes, return_counts=True)
    shares = np.bincount(codes, minlength=n_codes) / len(codes)
    sets, values = np.divmod(cells, n_codes)
    return _SetValues(int(labels.max()) + 1, sets, values, counts, shares)
