"""Which law of sizes fits best, and how heavy the tail is."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._validation import check_fraction
from twinprivacy.breaches._families import FAMILIES
from twinprivacy.breaches.size import (
    SizeModel,
    check_sizes,
    fit_size,
    log_likelihoods,
)
from twinprivacy.errors import ParameterError

__all__ = ["compare_sizes", "tail_index", "vuong_test"]


def compare_sizes(
    sizes: npt.ArrayLike,
    *,
    families: tuple[str, ...] = tuple(FAMILIES),
    lower: float = 500,
    upper: float | None = None,
    counts: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """Fit several laws to the same sizes and set them side by side.

    Parameters
    ----------
    sizes, lower, counts
        As for `fit_size`.
    families : tuple of str
        Names that `fit_size` knows.
    upper : float, optional
        Ceiling for the laws that take one (all but "pareto").

    Returns
    -------
    pandas.DataFrame
        One row for each family, best first: family, n_parameters, log_likelihood, aic,
        delta_aic, vuong_z and p_value against the best (see `vuong_test`; missing for
        the best itself).

    Examples
    --------
    >>> sizes = np.random.default_rng(2).lognormal(8, 2, 400)
    >>> table = compare_sizes(sizes[sizes >= 500])
    >>> table["family"].iloc[0]
    'lognormal'
    """
    models = [
        fit_size(
            sizes,
            family=family,
            lower=lower,
            upper=None if family == "pareto" else upper,
            counts=counts,
        )
        for family in families
    ]
    models.sort(key=lambda model: model.aic)
    edges, weights = check_sizes(sizes, counts, lower=lower, upper=upper)
    tests = [
        vuong_test(models[0], model, edges, counts=weights) for model in models[1:]
    ]
    return pd.DataFrame(
        {
            "family": [model.family for model in models],
            "n_parameters": [model.n_parameters for model in models],
            "log_likelihood": [model.log_likelihood for model in models],
            "aic": [model.aic for model in models],
            "delta_aic": [model.aic - models[0].aic for model in models],
            "vuong_z": [np.nan, *(z for z, _ in tests)],
            "p_value": [np.nan, *(p for _, p in tests)],
        }
    )


def vuong_test(
    first: SizeModel,
    second: SizeModel,
    sizes: npt.ArrayLike,
    *,
    counts: npt.ArrayLike | None = None,
) -> tuple[float, float]:
    r"""Test which of two laws that do not hold each other is closer to the truth.

    :math:`z = \sqrt{n}\, \bar d / s_d` with :math:`d_i` the difference of the
    log-likelihoods of size :math:`i`; standard normal if both are equally close.
    Within nested pairs (a Pareto law and the same with a ceiling) the statistic is
    degenerate: read the AIC there.

    Returns
    -------
    z, p_value : float
        Positive `z` speaks for `first`; `p_value` is two-sided.

    References
    ----------
    Vuong (1989), doi:10.2307/1912557.
    """
    from scipy.stats import norm

    edges, weights = check_sizes(sizes, counts, lower=first.lower)
    difference = log_likelihoods(first, edges) - log_likelihoods(second, edges)
    n = weights.sum()
    mean = weights @ difference / n
    spread = np.sqrt(weights @ (difference - mean) ** 2 / n)
    if spread == 0:
        return 0.0, 1.0
    z = float(np.sqrt(n) * mean / spread)
    return z, float(2 * norm.sf(abs(z)))


def tail_index(
    sizes: npt.ArrayLike,
    *,
    thresholds: npt.ArrayLike,
    counts: npt.ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Estimate the tail index above several thresholds (Hill's estimator).

    For exact sizes :math:`\hat\alpha = n / \sum_i \log(x_i / u)` over the sizes of at
    least :math:`u`, with standard error :math:`\hat\alpha / \sqrt n`; for bins the
    interval likelihood of the same Pareto law. At an index of 1 or below the law has no
    mean, at 2 or below no variance.

    Parameters
    ----------
    sizes, counts
        As for `fit_size`.
    thresholds : array_like
        Sizes in people, shape (k,). For bins each must be a bin's start.
    confidence_level : float
        Strictly between 0 and 1; intervals are symmetric on the log scale.

    Returns
    -------
    pandas.DataFrame
        Columns threshold_individuals, n_tail, tail_index, low, high.

    Raises
    ------
    ParameterError
        For a threshold above all sizes or within a bin.

    References
    ----------
    Hill (1975), doi:10.1214/aos/1176343247.

    Examples
    --------
    >>> tail_index([1000, 2000, 4000, 8000], thresholds=[1000])["n_tail"].tolist()
    [4]
    """
    check_fraction(confidence_level, name="confidence_level")
    smallest = np.asarray(sizes, dtype=float).min()
    edges, weights = check_sizes(sizes, counts, lower=smallest)
    rows = []
    for threshold in np.atleast_1d(np.asarray(thresholds, dtype=float)):
        inside = edges[:, 0] >= threshold
        cut = edges.shape[1] == 2 and ((edges[:, 1] > threshold) & ~inside).any()
        if cut or not inside.any():
            raise ParameterError(
                "thresholds must be at most the largest size and, for bins, the start "
                f"of a bin; got {threshold:g}"
            )
        tail = edges[inside] if edges.shape[1] == 2 else edges[inside, 0]
        model = fit_size(tail, family="pareto", lower=threshold, counts=weights[inside])
        summary = model.summary(confidence_level).iloc[0]
        rows.append((threshold, model.n, *summary[["value", "low", "high"]]))
    names = ("threshold_individuals", "n_tail", "tail_index", "low", "high")
    return pd.DataFrame(rows, columns=list(names))
