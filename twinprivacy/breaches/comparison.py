"""Which law of sizes fits best, and how heavy the tail is."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction
from twinprivacy.breaches.families import FAMILIES
from twinprivacy.breaches.records import check_sizes
from twinprivacy.breaches.size import SizeModel, fit_size, log_likelihoods
from twinprivacy.errors import FitError, ParameterError

__all__ = [
    "compare_sizes",
    "tail_index",
    "vuong_test",
]


Row = dict[str, float | int | str]


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
        the best itself). A family that the sizes do not determine comes last, with
        missing values: a log-normal law, for instance, on sizes that follow a Pareto
        law more closely than any log-normal can.

    Raises
    ------
    FitError
        If no family fits.

    Examples
    --------
    >>> sizes = np.random.default_rng(2).lognormal(8, 2, 400)
    >>> table = compare_sizes(sizes[sizes >= 500])
    >>> table["family"].iloc[0]
    'lognormal'
    """
    edges, weights = check_sizes(sizes, counts, lower=lower, upper=upper)
    models, failed = [], []
    for family in families:
        ceiling = None if family == "pareto" else upper
        try:
            models.append(
                fit_size(
                    sizes, family=family, lower=lower, upper=ceiling, counts=counts
                )
            )
        except FitError:
            failed.append({"family": family})
    if not models:
        raise FitError(f"none of the families fits: {', '.join(families)}")
    models.sort(key=lambda model: model.aic)
    rows = [_row(model, models[0], edges, weights) for model in models]
    return pd.DataFrame([*rows, *failed], columns=list(rows[0]))


def _row(model: SizeModel, best: SizeModel, edges: Array, weights: Array) -> Row:
    z, p = (np.nan, np.nan)
    if model is not best:
        z, p = vuong_test(best, model, edges, counts=weights)
    return {
        "family": model.family,
        "n_parameters": model.n_parameters,
        "log_likelihood": model.log_likelihood,
        "aic": model.aic,
        "delta_aic": model.aic - best.aic,
        "vuong_z": z,
        "p_value": p,
    }


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
    edges, weights = check_sizes(sizes, counts, lower=0)
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
        model = fit_size(
            tail, family="pareto", lower=float(threshold), counts=weights[inside]
        )
        summary = model.summary(confidence_level).iloc[0]
        rows.append((threshold, model.n, *summary[["value", "low", "high"]]))
    names = ("threshold_individuals", "n_tail", "tail_index", "low", "high")
    return pd.DataFrame(rows, columns=list(names))
