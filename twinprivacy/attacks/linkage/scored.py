"""Linkage when the attacker has a score for every pair, such as a likelihood ratio."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_rng
from twinprivacy.attacks.linkage.result import LinkageResult
from twinprivacy.errors import DataError, FitError
from twinprivacy.tables import check_table, read_numbers

__all__ = [
    "TwoCovariance",
    "fit_two_covariance",
    "link_by_likelihood",
    "link_scores",
    "log_likelihood_ratios",
]


_LEAST_PEOPLE = 20
_LEAST_REFERENCE = 10
# Beyond this many SDs a feature is an outlier, which no normal law foresees.
_FARTHEST_SD = 4.0
# Below this share of its mean a feature's SD is rounding.
_SMALLEST_SD = 1e-9
# Temperatures of the softmax, from where scores do not count to twice their weight: a
# law learned from few people is too sure, hardly ever too modest.
_TEMPERATURES = np.concatenate([[np.inf], 2.0 ** np.arange(8, -1.5, -0.5)])


def link_scores(scores: npt.ArrayLike, *, names: Any = None) -> LinkageResult:
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
        Higher for a likelier match, shape (n_targets, n_candidates), finite; target i
        is candidate i, and there may be more candidates than targets.
    names : array_like, optional
        Names of the candidates; without them 0, 1, ...

    Returns
    -------
    LinkageResult
        With the negative score as distance. Candidates with one score share the
        success.

    Raises
    ------
    DataError
        If the scores are no finite table, have fewer columns than rows, or more or
        fewer than there are names.

    Examples
    --------
    >>> link_scores([[3.0, 1.0], [0.0, 0.0]]).rank_rate(1)
    Estimate(value=0.75, low=0.198, high=0.973, confidence_level=0.95, n=2)
    """
    table = np.asarray(scores, dtype=float)
    n, n_candidates = table.shape if table.ndim == 2 else (0, 0)
    if not 0 < n <= n_candidates or not np.isfinite(table).all():
        raise DataError(
            "scores must be a finite table, shape (n_targets, n_candidates), of 1 "
            f"target or more among no fewer candidates; got shape {table.shape}"
        )
    if names is None:
        names = np.arange(n_candidates)
    labels: pd.Index[Any] = pd.Index(names, tupleize_cols=False)
    if len(labels) != n_candidates:
        raise DataError(f"names must hold {n_candidates} names; got {len(labels)}")
    columns = _rank(table, labels) | {"bits": _bits(table)}
    targets = pd.DataFrame(columns, index=labels[:n].rename("target"))
    return LinkageResult("scores", n_candidates, targets, np.arange(n))


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
    check_rng(rng)
    _check_same_people(named, nameless, ("named", "nameless"))
    halves = _halves(named, rng)
    results = []
    for learned, linked in (halves, halves[::-1]):
        law = fit_two_covariance(named.loc[learned], nameless.loc[learned])
        size = min(len(learned), len(linked))
        people = linked[:size]
        scores = log_likelihood_ratios(law, nameless.loc[people], named.loc[people])
        results.append(link_scores(scores, names=people))
    targets = pd.concat([result.targets for result in results])
    return LinkageResult("likelihood", size, targets, np.arange(len(targets)))


def _halves(named: pd.DataFrame, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return the people in two halves at random."""
    if len(named) < _LEAST_PEOPLE:
        raise FitError(
            f"named must hold {_LEAST_PEOPLE} people or more; got {len(named)}"
        )
    order = rng.permutation(len(named))
    try:
        people = named.index.sort_values()[order]
    except TypeError:
        raise DataError("named must have labels of one kind in its index") from None
    middle = len(people) // 2
    return people[:middle], people[middle:]


def _rank(table: Array, labels: "pd.Index[Any]") -> dict[str, Any]:
    """Return the columns of a linkage's targets, as of `link_records`."""
    own = np.diagonal(table)
    best = table.max(axis=1)
    n_best = (table == best[:, None]).sum(axis=1)
    second = -min(2, table.shape[1])
    n_nearer = (table > own[:, None]).sum(axis=1)
    n_tied = (table == own[:, None]).sum(axis=1)
    nearest = labels[table.argmax(axis=1)].astype(object)
    return {
        "nearest": np.where(n_best == 1, nearest, None),
        "distance": -best,
        "n_nearest": n_best,
        "second_distance": -np.partition(table, second, axis=1)[:, second],
        "in_gallery": True,
        "own_distance": -own,
        "n_nearer": n_nearer.astype(float),
        "n_tied": n_tied.astype(float),
        "rank": n_nearer + (n_tied + 1) / 2,
    }


def _bits(table: Array) -> Array:
    """Return each target's bits, at the likeliest temperature of all others."""
    n, n_candidates = table.shape
    # SciPy's logsumexp spends most of its time on checks, for every temperature anew.
    behind = table - table.max(axis=1, keepdims=True)
    gains = np.empty((n, len(_TEMPERATURES)))
    for j, temperature in enumerate(_TEMPERATURES):
        scaled = behind / temperature
        gains[:, j] = np.diagonal(scaled) - np.log(np.exp(scaled).sum(axis=1))
    # Others found without fail do not show that fewer than one in n is misled.
    lapse = 1 / (n + 1)
    gains = np.logaddexp(np.log1p(-lapse) + gains + np.log(n_candidates), np.log(lapse))
    # Rounding must not look like a little evidence that is always there.
    gains[np.abs(gains) < 1e-12] = 0.0
    whole = gains.sum(axis=0)
    # The first of equals is the widest: without other people the scores do not count.
    best = (whole - gains).argmax(axis=1)
    bits: Array = gains[np.arange(n), best] / np.log(2)
    return bits


@dataclass(frozen=True, eq=False, repr=False)
class TwoCovariance:
    r"""Hold what an attacker learned of how records differ, within people and between.

    A record is :math:`x = \mu + b + w` with :math:`b \sim N(0, B)` of the person and
    :math:`w \sim N(0, W)` of the record. On axes where both are diagonal and
    :math:`W = I`, all is in the ratios :math:`\lambda_k` of between to within.

    Attributes
    ----------
    names : tuple of str
        Features used, in order.
    mean, scale : numpy.ndarray
        Their mean and SD over the records learned from, shape (n_features,).
    axes : numpy.ndarray
        Standardised features to independent axes, shape (n_features, n_features).
    ratios : numpy.ndarray
        Variance between people over that within, for each axis, 0 or more, falling.
    n_people : int
        People it was learned from.
    """

    names: tuple[str, ...]
    mean: Array
    scale: Array
    axes: Array
    ratios: Array
    n_people: int

    def place(self, records: pd.DataFrame) -> Array:
        """Return records on the independent axes, shape (n, n_features).

        A missing value counts as the mean; values beyond 4 SDs count as 4.
        """
        check_table(records, name="records", columns=self.names)
        table = read_numbers(records[list(self.names)], name="records")
        return np.asarray(_standard(table, self.mean, self.scale) @ self.axes)


def fit_two_covariance(left: pd.DataFrame, right: pd.DataFrame) -> TwoCovariance:
    r"""Learn from people with two records each how records differ.

    With x and y the records of one person, :math:`(x - y) / \sqrt 2` has covariance W
    and :math:`(x + y) / \sqrt 2` has 2 B + W. Both are estimated with Ledoit and Wolf's
    shrinkage, on standardised features; where their difference is negative, B is 0.

    Parameters
    ----------
    left, right : pandas.DataFrame
        One row a person, with the same people in the index and the same numeric
        columns. A missing value counts as the mean. Columns that are constant or
        empty are not used.

    Returns
    -------
    TwoCovariance

    Raises
    ------
    DataError
        If the frames differ in people or columns, name one twice, or hold infinite
        values or other things than numbers.
    FitError
        If there are fewer than 10 people, or no column varies.

    References
    ----------
    Ledoit and Wolf (2004), doi:10.1016/S0047-259X(03)00096-4.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> people = 3 * rng.normal(size=(2_000, 2))
    >>> left, right = (
    ...     pd.DataFrame(people + rng.normal(size=(2_000, 2)), columns=["a", "b"])
    ...     for _ in range(2)
    ... )
    >>> fit_two_covariance(left, right).ratios.round()
    array([9., 9.])
    """
    _check_same_people(left, right, ("left", "right"))
    right = right.loc[left.index]
    if len(left) < _LEAST_REFERENCE:
        raise FitError(
            f"left and right must hold {_LEAST_REFERENCE} people or more; "
            f"got {len(left)}"
        )
    first, second = read_numbers(left, name="left"), read_numbers(right, name="right")
    both = np.concatenate([first, second])
    known = np.isfinite(both).sum(axis=0)
    mean = np.nansum(both, axis=0) / np.maximum(known, 1)
    scale = np.sqrt(np.nansum((both - mean) ** 2, axis=0) / np.maximum(known, 1))
    varies = scale > _SMALLEST_SD * np.abs(mean)
    if not varies.any():
        raise FitError("left and right must hold at least one column that varies")
    mean, scale = mean[varies], scale[varies]
    first = _standard(first[:, varies], mean, scale)
    second = _standard(second[:, varies], mean, scale)
    axes, ratios = _independent_axes(first, second)
    names = tuple(left.columns[varies])
    return TwoCovariance(names, mean, scale, axes, ratios, len(left))


def log_likelihood_ratios(
    model: TwoCovariance, left: pd.DataFrame, right: pd.DataFrame
) -> Array:
    r"""Compare every record on the left with every one on the right.

    .. math::
       \log \frac{p(x, y \mid \text{one person})}{p(x)\,p(y)} = \sum_k \left\{
       \log (1 + \lambda_k) - \frac{\log (1 + 2 \lambda_k)}{2}
       - \frac{\lambda_k^2 (x_k^2 + y_k^2)}{2 (1 + \lambda_k)(1 + 2 \lambda_k)}
       + \frac{\lambda_k x_k y_k}{1 + 2 \lambda_k} \right\}

    on the independent axes. Of all scores this one links best, were the law true.

    Parameters
    ----------
    model : TwoCovariance
        Learned from other people.
    left, right : pandas.DataFrame
        Records with the columns of `model`, any index.

    Returns
    -------
    numpy.ndarray
        Natural logarithms, shape (n_left, n_right).

    Raises
    ------
    DataError
        If a column is missing or holds infinite values or other things than numbers.

    References
    ----------
    Jiang (2014), doi:10.1186/s13636-014-0029-2 (with all axes kept).

    Examples
    --------
    >>> law = TwoCovariance(("a",), np.zeros(1), np.ones(1), np.eye(1), np.ones(1), 99)
    >>> record = pd.DataFrame({"a": [0.0, 2.0]})
    >>> log_likelihood_ratios(law, record, record).round(2)
    array([[ 0.14, -0.19],
           [-0.19,  0.81]])
    """
    x, y = model.place(left), model.place(right)
    ratios = model.ratios
    constant = float((np.log1p(ratios) - np.log1p(2 * ratios) / 2).sum())
    square = -(ratios**2) / (2 * (1 + ratios) * (1 + 2 * ratios))
    cross = ratios / (1 + 2 * ratios)
    scores = (x * cross) @ y.T
    scores += constant + (x**2 @ square)[:, None] + y**2 @ square
    return np.asarray(scores)


def _independent_axes(first: Array, second: Array) -> tuple[Array, Array]:
    """Return axes on which the covariances within and between are both diagonal."""
    from scipy.linalg import eigh
    from sklearn.covariance import ledoit_wolf

    within, _ = ledoit_wolf((first - second) / np.sqrt(2), assume_centered=True)
    both, _ = ledoit_wolf((first + second) / np.sqrt(2))
    # Records that never change have no spread within; a floor keeps ratios finite.
    within = within + 1e-6 * np.trace(both) / len(both) * np.eye(len(both))
    values, axes = eigh((both - within) / 2, within)
    return axes[:, ::-1], np.maximum(values[::-1], 0.0)


def _check_same_people(
    left: pd.DataFrame, right: pd.DataFrame, names: tuple[str, str]
) -> None:
    """Raise unless both tables have the same columns and name the same people once."""
    for table, name in zip((left, right), names, strict=True):
        check_table(table, name=name, columns=list(left.columns), own_index=True)
    both = f"{names[0]} and {names[1]}"
    if list(left.columns) != list(right.columns):
        raise DataError(f"{both} must have the same columns, in one order")
    if len(left) != len(right) or not left.index.isin(right.index).all():
        raise DataError(f"{both} must have the same people in their index")


def _standard(table: Array, mean: Array, scale: Array) -> Array:
    standard = np.nan_to_num((table - mean) / scale)
    return np.clip(standard, -_FARTHEST_SD, _FARTHEST_SD)
