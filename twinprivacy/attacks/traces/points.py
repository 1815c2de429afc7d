"""Unicity: how many points of a trace, a few laboratory values say, name its owner."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Indices, Integers
from twinprivacy._validation import (
    check_fraction,
    check_positive,
    check_rng,
    check_whole,
)
from twinprivacy.attacks.linkage.result import rate_of
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.tables import check_table, read_persons

__all__ = [
    "unicity",
    "unicity_curve",
]


def unicity(
    points: pd.DataFrame,
    k: int,
    *,
    person: str = "patient",
    n_draws: int = 1,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the share of people whom k random points of their own trace name.

    .. math:: \varepsilon_k = P(\#\{j : T_j \supseteq S\} = 1), \quad
       S \subset T_i, \; |S| = k

    with :math:`T_i` the set of points of person i, and S drawn from it at random. Who
    else has all points of S is counted exactly.

    Parameters
    ----------
    points : pandas.DataFrame
        One row a point: a column of people, and one or more columns that make a point,
        such as day and value, at the precision an attacker knows them. Rows with a
        missing value are no points; the same point twice is one.
    k : int
        Points known, 1 or more. People with fewer are in the crowd, and are not drawn.
    person : str
        Name of the column of people.
    n_draws : int
        Sets S drawn for each person.
    rng : numpy.random.Generator
        The order of rows does not matter.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    Estimate
        With Wilson's interval over people, of the share among people like these in a
        crowd of this size, not in a larger one. Several draws make the value steadier,
        but not the interval narrower, which then covers more often than stated.

    Raises
    ------
    DataError
        If a column is missing, or a person is.
    FitError
        If nobody has k points.
    ParameterError
        If a setting is out of its range.

    References
    ----------
    de Montjoye (2013), doi:10.1038/srep01376; (2015), doi:10.1126/science.1256297.

    Examples
    --------
    >>> points = pd.DataFrame(
    ...     {"patient": ["a", "a", "b", "b"], "day": [1, 2, 1, 3], "inr": 2.5}
    ... )
    >>> unicity(points, 2, rng=np.random.default_rng(7)).value
    1.0
    """
    table = unicity_curve(
        points,
        [k],
        person=person,
        n_draws=n_draws,
        rng=rng,
        confidence_level=confidence_level,
    )
    value, low, high, n = table.loc[:, "value":"n"].to_numpy(dtype=float)[0].tolist()
    return Estimate(value, low, high, confidence_level, int(n))


def unicity_curve(
    points: pd.DataFrame,
    ks: Sequence[int],
    coarsenings: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    person: str = "patient",
    n_draws: int = 1,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Estimate unicity by number of points known and by how coarsely they are.

    All rows of the answer use the same draws, of points as given: the first k of each
    person's in one random order. So for one set of people more points never name
    fewer, and coarser ones never name more where each width is a multiple of the finer
    one.

    Parameters
    ----------
    points, person, n_draws, rng, confidence_level
        As for `unicity`.
    ks : sequence of int
        Numbers of points, each 1 or more.
    coarsenings : mapping, optional
        By label, the width of the classes of some columns: a number above 0, or a
        `pandas.Timedelta` for times; columns that are not named stay as they are.
        Without it one, "as given".

    Returns
    -------
    pandas.DataFrame
        Columns coarsening, k, value, low, high, n (people with k points).

    Raises
    ------
    DataError, FitError, ParameterError
        As `unicity`, or if a column to coarsen is absent or no number.

    Examples
    --------
    >>> points = pd.DataFrame({"patient": [1, 2, 3], "glucose": [91, 92, 118]})
    >>> widths = {"1 mg/dL": {}, "10 mg/dL": {"glucose": 10}}
    >>> rng = np.random.default_rng(7)
    >>> unicity_curve(points, [1], widths, rng=rng)[["coarsening", "value"]].round(2)
      coarsening  value
    0    1 mg/dL   1.00
    1   10 mg/dL   0.33
    """
    check_rng(rng)
    check_fraction(confidence_level, name="confidence_level")
    check_whole(n_draws, name="n_draws")
    if not len(ks):
        raise ParameterError("ks must hold 1 number of points or more; got 0")
    for k in ks:
        check_whole(k, name="k")
    who, known = _read(points, person)
    first = np.concatenate([[0], np.cumsum(np.bincount(who))])
    most = int(np.diff(first).max(initial=0))
    if most < max(ks):
        raise FitError(
            f"points must hold {max(ks)} points of somebody; the most are {most}"
        )
    orders = [_draw(first, max(ks), rng) for _ in range(n_draws)]
    rows = []
    for label, widths in (coarsenings or {"as given": {}}).items():
        code = _encode(_coarsen(known, widths))
        holders = _holders(code, who)
        for k in ks:
            named = np.array([list(_named(code, holders, own, k)) for own in orders])
            people = np.arange(named.shape[1])
            rate = rate_of(named.mean(axis=0), people, confidence_level)
            rows.append({"coarsening": label, "k": k} | rate.as_dict())
    return pd.DataFrame(rows).drop(columns="confidence_level")


def _read(points: pd.DataFrame, person: str) -> tuple[Indices, pd.DataFrame]:
    """Return whose each distinct point is, 0, 1, ..., and the points, sorted."""
    columns = list(dict.fromkeys([person, *points.columns]))
    check_table(points, name="points", columns=columns)
    if len(columns) < 2:
        raise DataError("points must have 1 column or more beside that of people")
    try:
        return _sorted(points, person)
    except TypeError:
        raise DataError(
            "points must hold numbers, texts, times or other single values, not lists"
        ) from None


def _sorted(points: pd.DataFrame, person: str) -> tuple[Indices, pd.DataFrame]:
    of_point = list(points.columns.drop(person))
    distinct = points.dropna(subset=of_point).drop_duplicates()
    if distinct.empty:
        raise FitError("points must hold at least one without missing values")
    who, _ = read_persons(distinct[person], len(distinct), name=person)
    known = distinct[of_point].reset_index(drop=True)
    columns = [pd.factorize(known[name], sort=True)[0] for name in of_point]
    order = np.lexsort([*columns, who])
    return who[order], known.iloc[order].reset_index(drop=True)


def _draw(first: Integers, most: int, rng: np.random.Generator) -> list[Integers]:
    """Return for each person the places of some of their points, in random order."""
    return [
        start + rng.permutation(stop - start)[:most] for start, stop in pairwise(first)
    ]


def _coarsen(points: pd.DataFrame, widths: Mapping[str, Any]) -> pd.DataFrame:
    coarse = points.copy()
    for name, width in widths.items():
        if name not in points.columns:
            raise DataError(f"coarsenings name the column {name}, which points lacks")
        values = points[name]
        is_time = pd.api.types.is_datetime64_any_dtype(values)
        if not is_time and not pd.api.types.is_numeric_dtype(values):
            raise DataError(f"{name} must be a number or a time to be coarsened")
        label = f"the width of {name}"
        if is_time:
            _check_span(width, label)
            coarse[name] = (values - values.min().normalize()) // width
        else:
            check_positive(width, name=label)
            # Values such as 2.3 / 0.1 fall a rounding below the whole number.
            coarse[name] = np.floor(values / width + 1e-9)
    return coarse


def _check_span(span: Any, name: str) -> None:
    if not (isinstance(span, pd.Timedelta) and span > pd.Timedelta(0)):
        raise ParameterError(f"{name} must be a Timedelta above 0; got {span!r}")


def _encode(points: pd.DataFrame) -> Integers:
    """Return a number for each different point."""
    grouped = points.groupby(list(points.columns), sort=False, observed=True)
    code: Integers = grouped.ngroup().to_numpy().astype(np.int64)
    return code


def _holders(code: Integers, who: Integers) -> list[set[int]]:
    """Return for each point the people who have it."""
    order = np.argsort(code, kind="stable")
    cuts = np.cumsum(np.bincount(code))[:-1]
    return [set(own.tolist()) for own in np.split(who[order], cuts)]


def _named(
    code: Integers, holders: list[set[int]], drawn: list[Integers], k: int
) -> Iterator[bool]:
    """Yield for each person with k points whether the drawn ones name them."""
    for places in drawn:
        if len(places) >= k:
            # The rarest point first: most are settled by it.
            sets = sorted((holders[code[place]] for place in places[:k]), key=len)
            yield len(sets[0].intersection(*sets[1:])) == 1
