"""Which few columns name people: the subsets that tell most apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from twinprivacy._validation import check_choice
from twinprivacy.attacks._columns import (
    check_names,
    check_people,
    drop_missing,
    value_codes,
)
from twinprivacy.attacks._subset_search import Counted, SubsetSearch
from twinprivacy.errors import ParameterError

if TYPE_CHECKING:
    from twinprivacy.attacks._subsets_parquet import FileSearch

__all__ = ["RiskySubsets", "risky_subsets"]

MEMORY_LIMIT_GIB = 4.0


@dataclass(frozen=True, eq=False, repr=False)
class RiskySubsets:
    """Hold the columns that tell most people apart, and what the search cost.

    Attributes
    ----------
    subsets : pandas.DataFrame
        Columns n_attributes, attributes (tuple of column names), share_unique (of
        people who stand alone), bits (mean log2 of how much a person's set shrinks);
        for each size the best subsets, best first. Exact for the table given.
    n_people : int
    n_subsets : int
        Subsets up to the size asked for.
    n_counted : int
        Subsets that were counted; bounds, or greed, spared the others.
    """

    subsets: pd.DataFrame
    n_people: int
    n_subsets: int
    n_counted: int

    def __repr__(self) -> str:
        """Show the best subset of the largest size, and the cost."""
        size = self.subsets["n_attributes"].max()
        best = self.subsets[self.subsets["n_attributes"] == size].iloc[0]
        return (
            f"RiskySubsets({', '.join(map(str, best['attributes']))}: "
            f"share_unique={best['share_unique']:.3g} of {self.n_people} people; "
            f"{self.n_counted} of {self.n_subsets} subsets counted)"
        )


def risky_subsets(
    frame: pd.DataFrame | str | Path,
    columns: Sequence[str],
    *,
    max_size: int = 3,
    search: str = "exact",
    by: str = "share_unique",
    n_best: int = 10,
    missing: str = "value",
    memory_limit_gib: float = MEMORY_LIMIT_GIB,
    temporary_directory: str | Path | None = None,
) -> RiskySubsets:
    """Find the columns that, known together, tell most people apart.

    Each subset is counted from the sets of one that has a column less, in one pass over
    the people who are not alone there. The exact search leaves out a subset only where
    a bound keeps it from the best: a set of s people that is split into c cells has at
    most s people alone, or c - 1 where s > c; and bits add up to no more than those of
    the parts.

    Parameters
    ----------
    frame : pandas.DataFrame, str or pathlib.Path
        One row a person; or a parquet file of them, where the exact search has no
        bounds and counts every subset.
    columns : sequence of str
        Columns that an attacker may come to know.
    max_size : int
        Most columns known together, from 1 to their number.
    search : {"exact", "greedy"}
        "greedy" adds to the best subset of each size the column that then tells most:
        at most `max_size` times the number of columns are counted, and the result may
        be a lesser one.
    by : {"share_unique", "bits"}
        What is best; the other decides between equals, then the names.
    n_best : int
        Subsets of each size to return, 1 or more.
    missing : {"value", "drop"}
        As for `anonymity_sets`; "drop" leaves out who lacks any of `columns`.
    memory_limit_gib, temporary_directory
        For a file, as for `anonymity_sets`.

    Returns
    -------
    RiskySubsets

    Raises
    ------
    ParameterError
        If a name repeats, a size is outside its range or a choice is unknown.
    DataError
        If a column is absent or repeats, or nobody is (left) in the table.

    References
    ----------
    Sweeney (2002), doi:10.1142/S0218488502001648.

    Examples
    --------
    >>> people = pd.DataFrame({
    ...     "sex": list("ffmmfm"), "age": [30, 40, 30, 40, 30, 50], "left": [1] * 6})
    >>> found = risky_subsets(people, ["sex", "age", "left"], max_size=2, n_best=1)
    >>> found.subsets.round(3)
       n_attributes   attributes  share_unique   bits
    0             1       (age,)         0.167  1.459
    1             2  (sex, age)         0.667  2.252
    """
    names = check_names(columns, name="columns")
    for option, value, most in (
        ("max_size", max_size, len(names)),
        ("n_best", n_best, None),
    ):
        _check_count(value, name=option, most=most)
    check_choice(search, name="search", allowed=("exact", "greedy"))
    check_choice(by, name="by", allowed=("share_unique", "bits"))
    check_choice(missing, name="missing", allowed=("value", "drop"))
    if isinstance(frame, str | Path):
        from twinprivacy.attacks._subsets_parquet import FileSearch

        options = (missing, memory_limit_gib, temporary_directory)
        in_file = FileSearch(names, by, n_best)
        in_file.run(frame, max_size, search, *options)
        return _result(in_file, in_file.n_people, max_size)
    people = check_people(frame, names, name="columns")
    if missing == "drop":
        people = drop_missing(people, names)
    found = SubsetSearch([value_codes(people[n]) for n in names], names, by, n_best)
    found.exact(max_size) if search == "exact" else found.greedy(max_size)
    return _result(found, len(people), max_size)


def _result(
    found: "SubsetSearch | FileSearch", n_people: int, max_size: int
) -> RiskySubsets:
    sizes = range(1, max_size + 1)
    n_subsets = sum(math.comb(len(found.names), size) for size in sizes)
    table = _table(found.best, found.names, n_people)
    return RiskySubsets(table, n_people, n_subsets, found.n_counted)


def _table(
    found: dict[int, list[Counted]], names: Sequence[str], n_people: int
) -> pd.DataFrame:
    rows = [
        {
            "n_attributes": size,
            "attributes": tuple(names[c] for c in sorted(subset.columns)),
            "share_unique": subset.n_unique / n_people,
            "bits": subset.bits,
        }
        for size, best in sorted(found.items())
        for subset in best
    ]
    return pd.DataFrame(rows)


def _check_count(value: int, *, name: str, most: int | None) -> None:
    if value < 1 or (most is not None and value > most):
        allowed = "1 or more" if most is None else f"from 1 to {most}"
        raise ParameterError(f"{name} must be {allowed}; got {value!r}")
