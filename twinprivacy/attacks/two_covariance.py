"""Are two records of one person? The likelihood ratio of a Gaussian law of people."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import as_floats
from twinprivacy.errors import DataError, FitError

__all__ = ["TwoCovariance", "fit_two_covariance", "log_likelihood_ratios"]


LEAST_PEOPLE = 10
# Beyond this many SDs a feature is an outlier, which no normal law foresees.
FARTHEST_SD = 4.0
# Below this share of its mean a feature's SD is rounding.
SMALLEST_SD = 1e-9


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

    @property
    def bits(self) -> float:
        r"""Return what one record would tell of another of that person, in bits.

        The mutual information were the law true,

        .. math:: \sum_k \log_2 (1 + \lambda_k) - \tfrac12 \log_2 (1 + 2 \lambda_k).

        Learned from few people it is too large, and a crowd of n gives log2 n at most.
        """
        each = np.log2(1 + self.ratios) - np.log2(1 + 2 * self.ratios) / 2
        return float(each.sum())

    def place(self, records: pd.DataFrame) -> Array:
        """Return records on the independent axes, shape (n, n_features).

        A missing value counts as the mean; values beyond 4 SDs count as 4.
        """
        columns = list(records.columns)
        bad = [name for name in self.names if columns.count(name) != 1]
        if bad:
            listed = ", ".join(map(str, bad))
            raise DataError(f"records must have the columns {listed}, each once")
        table = _numbers(records[list(self.names)], "records")
        return np.asarray(_standard(table, self.mean, self.scale) @ self.axes)

    def __repr__(self) -> str:
        """Show sizes only."""
        return (
            f"TwoCovariance(n_features={len(self.names)}, n_people={self.n_people}, "
            f"bits={self.bits:.3g})"
        )


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
    right = _same_people(left, right)
    if len(left) < LEAST_PEOPLE:
        raise FitError(
            f"left and right must hold {LEAST_PEOPLE} people or more; got {len(left)}"
        )
    first, second = _numbers(left, "left"), _numbers(right, "right")
    both = np.concatenate([first, second])
    known = np.isfinite(both).sum(axis=0)
    mean = np.nansum(both, axis=0) / np.maximum(known, 1)
    scale = np.sqrt(np.nansum((both - mean) ** 2, axis=0) / np.maximum(known, 1))
    varies = scale > SMALLEST_SD * np.abs(mean)
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
    from sklearn.covariance import ledoit_wolf  # type: ignore[import-untyped]

    within, _ = ledoit_wolf((first - second) / np.sqrt(2), assume_centered=True)
    both, _ = ledoit_wolf((first + second) / np.sqrt(2))
    # Records that never change have no spread within; a floor keeps ratios finite.
    within = within + 1e-6 * np.trace(both) / len(both) * np.eye(len(both))
    values, axes = eigh((both - within) / 2, within)
    return axes[:, ::-1], np.maximum(values[::-1], 0.0)


def _same_people(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    """Return the right records in the order of the left."""
    if list(left.columns) != list(right.columns) or not left.columns.is_unique:
        raise DataError("left and right must have the same columns, each named once")
    if not (left.index.is_unique and right.index.is_unique):
        raise DataError("left and right must name each person once in their index")
    if len(left) != len(right) or not left.index.isin(right.index).all():
        raise DataError("left and right must have the same people in their index")
    return right.loc[left.index]


def _numbers(records: pd.DataFrame, name: str) -> Array:
    try:
        table = as_floats(records)
    except (TypeError, ValueError):
        raise DataError(f"{name} must hold numbers only") from None
    n_bad = int(np.isinf(table).sum())
    if n_bad:
        raise DataError(
            f"{name} must not be infinite; got {n_bad} of {table.size} values that are"
        )
    return table


def _standard(table: Array, mean: Array, scale: Array) -> Array:
    standard = np.nan_to_num((table - mean) / scale)
    return np.clip(standard, -FARTHEST_SD, FARTHEST_SD)
