r"""What no attack on a private release can exceed, whatever the attacker knows.

**These bounds hold for records that are independent.** Relatives who share a genome,
or several visits of one person, multiply epsilon and mu: say so with `n_dependent`, the
number of records that tell of one person. With four such records a reassuring epsilon
of 1 becomes 4, and an advantage of 46 % becomes 96 %.

All follow from one curve, the largest rate of true positives that a test of "with or
without this person" can have at a rate of false positives. Guessing a secret is such
a test too. Let the right guess have probability kappa at best without the person's
record, their prior; with the record it is at most the curve at kappa. The curve is
concave, so this holds for the mean over persons and secrets.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._guarantees import (
    PrivacyGuarantee,
    gaussian_delta,
    gaussian_epsilon,
    gaussian_mu,
    group_guarantee,
)
from twinprivacy._types import Array
from twinprivacy.attacks._attribute_bounds import (
    attribute_bits_bound,
    attribute_success_bound,
    mean_attribute_success_bound,
)
from twinprivacy.attacks._membership_bounds import (
    advantage_bound,
    membership_bits_bound,
    true_positive_rate_bound,
)
from twinprivacy.errors import ParameterError

__all__ = [
    "PrivacyGuarantee",
    "advantage_bound",
    "attribute_bits_bound",
    "attribute_success_bound",
    "bounds_table",
    "gaussian_delta",
    "gaussian_epsilon",
    "gaussian_error_advantage",
    "gaussian_mu",
    "group_guarantee",
    "mean_attribute_success_bound",
    "membership_bits_bound",
    "true_positive_rate_bound",
    "yeom_advantage_bound",
]


def bounds_table(
    guarantee: PrivacyGuarantee,
    *,
    false_positive_rates: Sequence[float] = (0.001, 0.01),
    n_dependent: Sequence[int] = (1, 2, 4),
) -> pd.DataFrame:
    """Return the bounds of an attack on membership, for one record and for several.

    Parameters
    ----------
    guarantee : PrivacyGuarantee
        For one record.
    false_positive_rates : sequence of float
        In [0, 1].
    n_dependent : sequence of int
        Numbers of records that depend on the person, each 1 or more.

    Returns
    -------
    pandas.DataFrame
        Columns n_dependent, measure ("advantage", "bits" of a verdict,
        "true_positive_rate"), false_positive_rate (missing but for the last) and bound.

    Raises
    ------
    ParameterError
        For settings outside their ranges.

    Examples
    --------
    >>> table = bounds_table(PrivacyGuarantee(epsilon=1.0), n_dependent=(1, 4))
    >>> table.query("measure == 'advantage'")["bound"].round(3).tolist()
    [0.462, 0.964]
    """
    rows: list[tuple[int, str, float, float]] = []
    for n in n_dependent:
        rows += [
            (n, "advantage", np.nan, advantage_bound(guarantee, n_dependent=n)),
            (n, "bits", np.nan, membership_bits_bound(guarantee, n_dependent=n)),
        ]
        bounds = true_positive_rate_bound(
            guarantee, list(false_positive_rates), n_dependent=n
        )
        rows += [
            (n, "true_positive_rate", rate, float(bound))
            for rate, bound in zip(false_positive_rates, bounds, strict=True)
        ]
    columns = ["n_dependent", "measure", "false_positive_rate", "bound"]
    return pd.DataFrame(rows, columns=columns)


def yeom_advantage_bound(epsilon: npt.ArrayLike) -> Array:
    r"""Return the first bound on the advantage, :math:`e^\varepsilon - 1`.

    It exceeds 1, and so says nothing, from epsilon 0.69 on; `advantage_bound` is never
    larger and can be reached.

    Parameters
    ----------
    epsilon : array_like
        0 or more.

    Returns
    -------
    numpy.ndarray
        0 or more.

    Raises
    ------
    ParameterError
        For values below 0.

    References
    ----------
    Yeom et al. (2018), doi:10.1109/CSF.2018.00027.

    Examples
    --------
    >>> yeom_advantage_bound([0.1, 1.0]).round(4).tolist()
    [0.1052, 1.7183]
    """
    budget = np.asarray(epsilon, dtype=float)
    if not (budget >= 0).all():
        raise ParameterError("epsilon must be 0 or more; got values below or missing")
    with np.errstate(over="ignore"):
        return np.asarray(np.expm1(budget))


def gaussian_error_advantage(error_ratio: npt.ArrayLike) -> Array:
    r"""Return the advantage of knowing how large a model's error is.

    Errors are normal with mean 0, and q times as wide for controls as for members. Then
    the best threshold on their size has the advantage :math:`\mathrm{erf}(q c) -
    \mathrm{erf}(c)` with :math:`c = \sqrt{\ln q / (q^2 - 1)}`: overfitting alone.

    Parameters
    ----------
    error_ratio : array_like
        q, 1 or more; 1 is a model that does not overfit.

    Returns
    -------
    numpy.ndarray
        In [0, 1].

    Raises
    ------
    ParameterError
        For ratios below 1.

    References
    ----------
    Yeom et al. (2018), doi:10.1109/CSF.2018.00027.

    Examples
    --------
    >>> gaussian_error_advantage([1.0, 1.1, 2.0]).round(5).tolist()
    [0.0, 0.04609, 0.32267]
    """
    from scipy.special import erf

    ratio = np.asarray(error_ratio, dtype=float)
    if not (np.isfinite(ratio) & (ratio >= 1)).all():
        raise ParameterError("error_ratio must be finite and 1 or more; got others")
    over = ratio - 1
    # At 1 the root is of 0 / 0, whose limit is 1 / 2.
    safe = np.where(over > 0, over, 1.0)
    inner = np.where(over > 0, np.log1p(safe) / (safe * (2 + safe)), 0.5)
    return np.asarray(erf(ratio * np.sqrt(inner)) - erf(np.sqrt(inner)))
