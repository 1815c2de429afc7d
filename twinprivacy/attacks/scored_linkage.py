"""Linkage when the attacker has a score for every pair, such as a likelihood ratio."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_rng
from twinprivacy.attacks.linkage_result import LinkageResult
from twinprivacy.attacks.two_covariance import (
    fit_two_covariance,
    log_likelihood_ratios,
)
from twinprivacy.errors import DataError, FitError

__all__ = ["link_by_likelihood", "link_scores"]


LEAST_PEOPLE = 20
# Temperatures of the softmax, from where scores do not count to twice their weight: a
# law learned from few people is too sure, hardly ever too modest.
TEMPERATURES = np.concatenate([[np.inf], 2.0 ** np.arange(8, -1.5, -0.5)])


def link_scores(
    scores: npt.ArrayLike,
    *,
    own: npt.ArrayLike | None = None,
    targets: Any = None,
    candidates: Any = None,
    method: str = "scores",
) -> LinkageResult:
    r"""Rank the candidates of each target by given scores.

    The probability of a candidate is a softmax of scores over a temperature. That of
    each target is the likeliest for all other targets, so that nobody calibrates the
    own evidence; with log likelihood ratios of a true law it is 1, and 1/2 is the least
    tried; and with one chance in the number of targets plus one, all candidates are
    equal, so that one surprise does not count without bound. Bits are log2 of the
    probability of the own record times the number of candidates. The choice of a
    temperature costs some: for scores that tell nothing the mean is a little below 0,
    and in about a quarter of tables so is its whole 95 % interval.

    Parameters
    ----------
    scores : array_like
        Higher for a likelier match, shape (n_targets, n_candidates), finite.
    own : array_like of int, optional
        Column of each target's own record, shape (n_targets,); without it target i owns
        column i.
    targets, candidates : array_like, optional
        Names of rows and columns; without them 0, 1, ...
    method : str
        What made the scores, for the result.

    Returns
    -------
    LinkageResult
        With the negative score as distance, so "ratio" of `identification_at` has no
        meaning. Candidates with one score share the success.

    Raises
    ------
    DataError
        If the scores are no finite table, an own column is outside it, or names are
        more or fewer than its rows or columns.

    Examples
    --------
    >>> link_scores([[3.0, 1.0], [0.0, 0.0]]).rank_rate(1)
    Estimate(value=0.75, low=0.198, high=0.973, confidence_level=0.95, n=2)
    """
    table = _table(scores)
    n, n_candidates = table.shape
    places = np.arange(n) if own is None else np.asarray(own)
    whole = places.dtype.kind in "iu" and places.shape == (n,)
    if not whole or not np.isin(places, np.arange(n_candidates)).all():
        raise DataError(
            f"own must hold one column a target, 0 to {n_candidates - 1}; got shape "
            f"{places.shape} of {places.dtype} for {n} targets"
        )
    names = _names(targets, n, "targets")
    rows = _rank(table, places, _names(candidates, n_candidates, "candidates"))
    bits, temperature = _bits(table, places)
    frame = pd.DataFrame(rows | {"bits": bits}, index=names.rename("target"))
    return LinkageResult(method, n_candidates, frame, np.arange(n), temperature)


def link_by_likelihood(
    named: pd.DataFrame, nameless: pd.DataFrame, *, rng: np.random.Generator
) -> LinkageResult:
    """Link nameless records to named ones with a law learned from other people.

    People are cut in two halves at random. From each half the attacker learns how
    records differ (`fit_two_covariance`) and links the records of the other half among
    themselves, so that everyone is a target once, among half as many candidates, and
    nobody's pair is learned from. Of an odd number one person is learned from only.

    Parameters
    ----------
    named, nameless : pandas.DataFrame
        One row a person, the same people in both indices, in any order, and the same
        numeric columns; 20 people or more.
    rng : numpy.random.Generator
        Cuts the people; the order of rows does not matter.

    Returns
    -------
    LinkageResult
        Of all targets; `n_candidates` is half the people.

    Raises
    ------
    DataError
        If the frames differ in people or columns, or hold bad values.
    FitError
        If there are fewer than 20 people, or no column varies.
    ParameterError
        If `rng` is no generator.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> people = 5 * rng.normal(size=(200, 4))
    >>> named, nameless = (
    ...     pd.DataFrame(people + rng.normal(size=(200, 4)), columns=list("abcd"))
    ...     for _ in range(2)
    ... )
    >>> found = link_by_likelihood(named, nameless, rng=rng)
    >>> found.n_candidates, found.rank_rate(1).value > 0.6
    (100, True)
    """
    halves = _halves(named, nameless, rng)
    results = []
    for learned, linked in (halves, halves[::-1]):
        law = fit_two_covariance(named.loc[learned], nameless.loc[learned])
        size = min(len(learned), len(linked))
        people = linked[:size]
        scores = log_likelihood_ratios(law, nameless.loc[people], named.loc[people])
        results.append(link_scores(scores, targets=people, candidates=people))
    targets = pd.concat([result.targets for result in results])
    temperature = float(np.mean([result.temperature for result in results]))
    groups = np.arange(len(targets))
    return LinkageResult("likelihood", size, targets, groups, temperature)


def _names(given: Any, n: int, name: str) -> "pd.Index[Any]":
    if given is None:
        return pd.RangeIndex(n)
    found: pd.Index[Any] = pd.Index(given, tupleize_cols=False)
    if len(found) != n:
        raise DataError(f"{name} must hold {n} names; got {len(found)}")
    return found


def _halves(
    named: pd.DataFrame, nameless: pd.DataFrame, rng: np.random.Generator
) -> tuple[Any, Any]:
    check_rng(rng)
    if len(named) < LEAST_PEOPLE:
        raise FitError(
            f"named must hold {LEAST_PEOPLE} people or more; got {len(named)}"
        )
    if len(named) != len(nameless) or not named.index.isin(nameless.index).all():
        raise DataError("named and nameless must have the same people in their index")
    if not (named.index.is_unique and nameless.index.is_unique):
        raise DataError("named and nameless must name each person once in their index")
    order = rng.permutation(len(named))
    try:
        people = named.index.sort_values()[order]
    except TypeError:
        raise DataError("named must have labels of one kind in its index") from None
    middle = len(people) // 2
    return people[:middle], people[middle:]


def _table(scores: npt.ArrayLike) -> Array:
    table = np.asarray(scores, dtype=float)
    if table.ndim != 2 or not table.size or not np.isfinite(table).all():
        raise DataError(
            "scores must be a finite table, shape (n_targets, n_candidates); got shape "
            f"{table.shape}"
        )
    return table


def _rank(
    table: Array, own: npt.NDArray[Any], labels: "pd.Index[Any]"
) -> dict[str, Any]:
    """Return the columns of a linkage's targets, as of `link_records`."""
    n, n_candidates = table.shape
    score = table[np.arange(n), own]
    best = table.max(axis=1)
    n_best = (table == best[:, None]).sum(axis=1)
    nearest = np.where(n_best == 1, labels[table.argmax(axis=1)].astype(object), None)
    others = table.copy()
    others[np.arange(n), own] = -np.inf
    ordered = np.partition(table, -min(2, n_candidates), axis=1)
    ahead, tied = (table > score[:, None]).sum(axis=1), (table == score[:, None])
    n_tied = tied.sum(axis=1)
    return {
        "nearest": nearest,
        "distance": -best,
        "n_nearest": n_best,
        "second_distance": -ordered[:, -min(2, n_candidates)],
        "in_gallery": True,
        "own_distance": -score,
        "other_distance": -others.max(axis=1),
        "n_nearer": ahead.astype(float),
        "n_tied": n_tied.astype(float),
        "rank": ahead + (n_tied + 1) / 2,
    }


def _bits(table: Array, own: npt.NDArray[Any]) -> tuple[Array, float]:
    """Return each target's bits, and the likeliest temperature of all."""
    n, n_candidates = table.shape
    # SciPy's logsumexp spends most of its time on checks, for every temperature anew.
    behind = table - table.max(axis=1, keepdims=True)
    gains = np.empty((n, len(TEMPERATURES)))
    for j, temperature in enumerate(TEMPERATURES):
        scaled = behind / temperature
        gains[:, j] = scaled[np.arange(n), own] - np.log(np.exp(scaled).sum(axis=1))
    # Others found without fail do not show that fewer than one in n is misled.
    lapse = 1 / (n + 1)
    gains = np.logaddexp(np.log1p(-lapse) + gains + np.log(n_candidates), np.log(lapse))
    # Rounding must not look like a little evidence that is always there.
    gains[np.abs(gains) < 1e-12] = 0.0
    whole = gains.sum(axis=0)
    # The first of equals is the widest: without other people the scores do not count.
    best = (whole - gains).argmax(axis=1)
    bits = gains[np.arange(n), best] / np.log(2)
    return bits, float(TEMPERATURES[whole.argmax()])
