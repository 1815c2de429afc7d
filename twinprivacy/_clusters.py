"""Variances of means where the rows of one person are not independent."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array
from twinprivacy.errors import FitError, ParameterError


def finite_values(values: npt.ArrayLike, *, name: str) -> Array:
    """Return a finite float vector of one or more."""
    found = np.asarray(values, dtype=float)
    if found.ndim != 1:
        raise ParameterError(f"{name} must be one-dimensional; got {found.ndim} axes")
    n_bad = int(np.count_nonzero(~np.isfinite(found)))
    if n_bad:
        raise ParameterError(
            f"{name} must be finite; got {n_bad} of {found.size} missing or infinite"
        )
    if found.size == 0:
        raise FitError(f"{name} must hold at least 1 value; got 0")
    return found


def flags(values: npt.ArrayLike, *, name: str) -> Array:
    """Return a vector of 0 and 1, one or more."""
    found = finite_values(values, name=name)
    n_bad = int(np.count_nonzero((found != 0) & (found != 1)))
    if n_bad:
        raise ParameterError(
            f"{name} must be true or false, or 0 or 1; got {n_bad} of {found.size} "
            "that are neither"
        )
    return found


def group_codes(
    groups: Any, n: int, *, name: str = "groups"
) -> tuple[npt.NDArray[np.intp], int]:
    """Return the number of each row's group and how many groups there are."""
    import pandas as pd

    if groups is None:
        return np.arange(n), n
    if np.ndim(groups) != 1 or len(groups) != n:
        raise ParameterError(
            f"{name} must name the group of each of the {n} rows; got shape "
            f"{np.shape(groups)}"
        )
    codes, distinct = pd.factorize(np.asarray(groups))
    if (codes < 0).any():
        raise ParameterError(
            f"{name} must not be missing; got {int((codes < 0).sum())} of {n} missing"
        )
    return codes.astype(np.intp), len(distinct)


def variance_of_mean(
    values: Array, codes: npt.NDArray[np.intp], n_groups: int
) -> float:
    r"""Return the cluster-robust variance of the mean; nan for a single group.

    :math:`\frac{G}{G - 1} \sum_g (\sum_{i \in g} (x_i - \bar x))^2 / n^2`, which is
    :math:`s^2 / n` where every row is a group.
    """
    if n_groups < 2:
        return math.nan
    sums = np.bincount(codes, values - values.mean(), minlength=n_groups)
    return float(n_groups / (n_groups - 1) * (sums @ sums) / values.size**2)


def effective_size(
    values: Array, codes: npt.NDArray[np.intp], n_groups: int, *, level: float
) -> float:
    """Return how many independent rows would tell as much as these rows in groups.

    Never more than there are rows. The square of normal over Student quantile stands
    for a variance that is itself estimated from few groups. Values that do not vary
    cannot tell how alike the rows of a group are: then each group counts once.
    """
    from scipy.stats import norm, t

    clustered = variance_of_mean(values, codes, n_groups)
    alone = float(values.var()) / values.size
    size = n_groups if clustered == 0 else values.size * alone / clustered
    tail = (1 + level) / 2
    shrunk = size * float(norm.ppf(tail) / t.ppf(tail, n_groups - 1)) ** 2
    return float(min(shrunk, values.size))
