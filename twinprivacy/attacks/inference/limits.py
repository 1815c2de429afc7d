"""What the best possible attacker finds, and how near to it an attack comes."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import mean_interval
from twinprivacy.estimates.monotone import (
    check_resamples,
    member_measure,
    resampled_means,
)

__all__ = [
    "expected_limit",
    "share_of_limit",
]


def share_of_limit(
    result: Any,
    limit: Any,
    *,
    measure: str = "bits",
    rng: np.random.Generator,
    n_resamples: int = 2_000,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate which share of the best possible attack an attack achieves.

    :math:`\bar a / \bar b`, the mean measure of the attack over that of the attack that
    knows the true distribution of secret and answers, on the same members. Both means
    are resampled together, so that luck which both share cancels.

    Parameters
    ----------
    result, limit : AttackResult
        The attack and the best possible one, on the same targets in the same order.
    measure : str
        "bits", what a target's answers tell of the secret; or "gain", success minus
        that of imputation.
    rng : numpy.random.Generator
        Source of the resamples.
    n_resamples : int
        Bootstrap samples, 100 or more.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        The share, 1 for an attack as good as the limit; below 0 for one that misleads,
        and above 1 by luck alone. n is the number of members. All nan where the limit
        itself is not shown to be above 0.

    Raises
    ------
    ParameterError
        If the targets of both are not the same, columns are missing, or a setting is
        outside its range.
    FitError
        If there are no members, or a measure is not finite.

    References
    ----------
    Efron (1979), doi:10.1214/aos/1176344552.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> bits = np.linspace(0.1, 0.9, 50)
    >>> best = SimpleNamespace(targets=pd.DataFrame({"role": "member", "bits": bits}))
    >>> half = SimpleNamespace(targets=best.targets.assign(bits=bits / 2))
    >>> share_of_limit(half, best, rng=np.random.default_rng(5))
    Estimate(value=0.5, low=0.5, high=0.5, confidence_level=0.95, n=50)
    """
    check_fraction(confidence_level, name="confidence_level")
    check_rng(rng)
    check_resamples(n_resamples)
    ours = member_measure(result, measure, name="result")
    best = member_measure(limit, measure, name="limit")
    _check_same_targets(result, limit, ours.size, best.size)
    # One target gives a nan bound, which is not above 0 either.
    if not mean_interval(best, confidence_level=confidence_level).low > 0:
        return Estimate(math.nan, math.nan, math.nan, confidence_level, ours.size)
    means = resampled_means(
        np.column_stack([ours, best]), n_resamples=n_resamples, rng=rng
    )
    # A limit resampled to nothing makes any share possible; it must not turn the sign.
    low_limit = np.finfo(float).tiny
    with np.errstate(over="ignore"):
        shares = means[:, 0] / np.maximum(means[:, 1], low_limit)
    value = float(ours.mean() / best.mean())
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(shares, [tail, 1 - tail], method="inverted_cdf")
    return Estimate(
        value,
        min(float(low), value),
        max(float(high), value),
        confidence_level,
        ours.size,
    )


def expected_limit(
    posterior: npt.ArrayLike,
    prior: npt.ArrayLike,
    *,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Return what the best possible attacker expects to find, from exact beliefs.

    With :math:`\pi` the exact distribution of a target's secret given what is known and
    :math:`q` that given the answers too, no attacker guesses right more often than
    :math:`\max_s q(s)`, and none learns more than :math:`\sum_s q(s) \log_2 q(s) /
    \pi(s)` bits on average. The secrets themselves are not needed, so that a realised
    attack can be held against it.

    Parameters
    ----------
    posterior, prior : array_like, shape (n, n_values)
        Exact probabilities of the secret of each target with and without the answers;
        each row adds to 1. A value that the prior excludes stays excluded.
    confidence_level : float
        Two-sided coverage over targets, strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns measure, value, low, high, confidence_level, n; rows:

        - success: mean of :math:`\max_s q(s)`, in [0, 1];
        - imputation: mean of q at the likeliest value by :math:`\pi`;
        - gain: success minus imputation, 0 or more;
        - bits: mean divergence of q from :math:`\pi`, 0 or more;
        - prior_entropy_bits, posterior_entropy_bits: mean uncertainty about the secret
          before and after the answers; their difference estimates bits too.

    Raises
    ------
    ParameterError
        If the arrays are not distributions over the same values, the posterior allows
        what the prior excludes, or the level is outside its range.
    FitError
        If there is no target.

    References
    ----------
    Kullback and Leibler (1951), doi:10.1214/aoms/1177729694.

    Examples
    --------
    >>> found = expected_limit([[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.5, 0.5]])
    >>> found.set_index("measure")["value"].round(4).to_dict()
    {'success': 0.85, 'imputation': 0.55, 'gain': 0.3, 'bits': 0.4045,
     'prior_entropy_bits': 1.0, 'posterior_entropy_bits': 0.5955}
    """
    from scipy.special import entr, rel_entr

    check_fraction(confidence_level, name="confidence_level")
    q, pi = _laws(posterior, "posterior"), _laws(prior, "prior")
    if q.shape != pi.shape:
        raise ParameterError(
            f"posterior and prior must have one shape; got {q.shape} and {pi.shape}"
        )
    if np.any((q > 0) & (pi == 0)):
        raise ParameterError("posterior must be 0 where prior is 0; got more")
    success = q.max(axis=1)
    imputation = q[np.arange(len(q)), pi.argmax(axis=1)]
    found = {
        "success": success,
        "imputation": imputation,
        "gain": success - imputation,
        # Rounding may leave a divergence a little below zero.
        "bits": np.maximum(rel_entr(q, pi).sum(axis=1) / math.log(2), 0),
        "prior_entropy_bits": entr(pi).sum(axis=1) / math.log(2),
        "posterior_entropy_bits": entr(q).sum(axis=1) / math.log(2),
    }
    rows = [
        {"measure": name}
        | mean_interval(values, confidence_level=confidence_level).as_dict()
        for name, values in found.items()
    ]
    return pd.DataFrame(rows)


def _check_same_targets(result: Any, limit: Any, n_ours: int, n_best: int) -> None:
    """Raise unless both attacks had the same members, as far as can be seen."""
    if n_ours != n_best:
        raise ParameterError(
            "result and limit must have the same members as targets; got "
            f"{n_ours} and {n_best}"
        )
    secrets = [
        frame.loc[frame["role"] == "member", "secret"].to_numpy()
        for frame in (result.targets, limit.targets)
        if "secret" in frame.columns
    ]
    if len(secrets) == 2 and not np.array_equal(secrets[0], secrets[1]):
        raise ParameterError(
            "result and limit must have the same members in the same order; got "
            "secrets that differ"
        )


def _laws(laws: npt.ArrayLike, name: str) -> Array:
    """Return rows of probabilities that add to 1."""
    found = np.asarray(laws, dtype=float)
    if found.ndim != 2:
        raise ParameterError(
            f"{name} must have one row for each target; got {found.ndim} axes"
        )
    wrong = ~(np.isclose(found.sum(axis=1), 1, atol=1e-6) & (found >= 0).all(axis=1))
    if wrong.any():
        raise ParameterError(
            f"{name} must be probabilities, 0 or more, that add to 1 in each row; got "
            f"{int(wrong.sum())} of {len(found)} rows that do not"
        )
    return found
