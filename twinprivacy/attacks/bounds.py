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

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_choice
from twinprivacy.attacks.guarantees import (
    PrivacyGuarantee,
    group_guarantee,
)
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.verdicts import entropy, signed_bits

__all__ = [
    "advantage_bound",
    "attribute_bits_bound",
    "attribute_success_bound",
    "bounds_table",
    "gaussian_error_advantage",
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


def true_positive_rate_bound(
    guarantee: PrivacyGuarantee,
    false_positive_rate: npt.ArrayLike,
    *,
    n_dependent: int = 1,
) -> Array:
    r"""Return the largest share of members found at a rate of false positives f.

    :math:`\min(e^\varepsilon f + \delta, 1 - e^{-\varepsilon} (1 - \delta - f), 1)`, or
    :math:`\Phi(\Phi^{-1}(f) + \mu)`.

    Parameters
    ----------
    guarantee : PrivacyGuarantee
        For one record.
    false_positive_rate : array_like
        In [0, 1], of any shape.
    n_dependent : int
        Records that depend on the person, 1 or more; see `group_guarantee`.

    Returns
    -------
    numpy.ndarray
        In [f, 1], of the same shape.

    Raises
    ------
    ParameterError
        For rates or `n_dependent` outside their ranges.

    References
    ----------
    Kairouz, Oh and Viswanath (2017), doi:10.1109/TIT.2017.2685505; Dong, Roth and Su
    (2022), doi:10.1111/rssb.12454.

    Examples
    --------
    >>> guarantee = PrivacyGuarantee(epsilon=1.0)
    >>> true_positive_rate_bound(guarantee, [0.001, 0.01]).round(4).tolist()
    [0.0027, 0.0272]
    """
    rate = _read_shares(false_positive_rate, name="false_positive_rate")
    given = group_guarantee(guarantee, n_dependent)
    return _curve(given, rate)


def advantage_bound(guarantee: PrivacyGuarantee, *, n_dependent: int = 1) -> float:
    r"""Return the largest difference of true and false positive rates.

    :math:`(e^\varepsilon - 1 + 2 \delta) / (e^\varepsilon + 1)`, or
    :math:`2 \Phi(\mu / 2) - 1`.

    Parameters
    ----------
    guarantee, n_dependent
        As for `true_positive_rate_bound`.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ParameterError
        If `n_dependent` is below 1.

    References
    ----------
    Kairouz, Oh and Viswanath (2017), doi:10.1109/TIT.2017.2685505; Humphries et al.
    (2023), doi:10.1109/CSF57540.2023.00013.

    Examples
    --------
    >>> round(advantage_bound(PrivacyGuarantee(epsilon=1.0)), 4)
    0.4621
    >>> round(advantage_bound(PrivacyGuarantee(epsilon=1.0), n_dependent=4), 4)
    0.964
    """
    given = group_guarantee(guarantee, n_dependent)
    false_alarm = _corner(given)
    return float(1 - 2 * false_alarm)


def membership_bits_bound(
    guarantee: PrivacyGuarantee, *, of: str = "verdict", n_dependent: int = 1
) -> float:
    r"""Return the most bits about membership at even odds.

    Of a verdict: with the entropy h of true and false the information is convex in the
    two rates, so it is largest at a corner of their region. With (epsilon, delta) the
    corners are :math:`(0, \delta)` and, with :math:`f = (1 - \delta) / (1 +
    e^\varepsilon)`, :math:`(f, 1 - f)`, which gives :math:`1 - h(f)`; with mu that
    is largest at :math:`f = \Phi(-\mu / 2)`. Of the whole release: the information of
    the pair of laws from which any other release with the guarantee can be made,
    :math:`\delta + (1 - \delta) (1 - h(1 / (1 + e^\varepsilon)))`, or that of one draw
    from N(0, 1) or N(mu, 1).

    Parameters
    ----------
    guarantee, n_dependent
        As for `true_positive_rate_bound`.
    of : {"verdict", "release"}
        A verdict "member" or "no member", or anything that is computed from the
        release, such as a score.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ParameterError
        For any other choice, or `n_dependent` below 1.

    References
    ----------
    Kairouz, Oh and Viswanath (2017), doi:10.1109/TIT.2017.2685505; Lin (1991),
    doi:10.1109/18.61115.

    Examples
    --------
    >>> round(membership_bits_bound(PrivacyGuarantee(epsilon=1.0)), 4)
    0.1601
    """
    check_choice(of, name="of", allowed=("verdict", "release"))
    given = group_guarantee(guarantee, n_dependent)
    if of == "release" and given.mu is not None:
        return _gaussian_bits(given.mu)
    if of == "release":
        rest = PrivacyGuarantee(epsilon=given.epsilon)
        even = 1 - float(entropy(np.array(_corner(rest))))
        return given.delta + (1 - given.delta) * even
    corners = np.array([0.0, _corner(given)])
    reached = np.array([given.delta, 1 - corners[1]])
    return float(signed_bits(reached, corners).max())


def _curve(given: PrivacyGuarantee, rate: Array) -> Array:
    """Return the largest true positive rate at each false positive rate."""
    from scipy.special import ndtr, ndtri

    if given.mu is not None:
        if math.isinf(given.mu):
            return np.ones_like(rate)
        return np.maximum(ndtr(ndtri(rate) + given.mu), rate)
    epsilon, delta = given.epsilon or 0.0, given.delta
    with np.errstate(over="ignore", divide="ignore"):
        # exp(epsilon) may be infinite; 0 times it is 0 unless epsilon itself is.
        grown = np.exp(epsilon + np.log(rate)) if epsilon < math.inf else np.inf
    rest = 1 - np.exp(-epsilon) * (1 - delta - rate)
    # Rounding may fall below the rate, no bound does.
    return np.asarray(np.clip(np.minimum(grown + delta, rest), rate, 1.0))


def _read_shares(values: npt.ArrayLike, *, name: str) -> Array:
    shares = np.asarray(values, dtype=float)
    n_bad = int((~((shares >= 0) & (shares <= 1))).sum())
    if n_bad:
        raise ParameterError(
            f"{name} must lie in [0, 1]; got {n_bad} of {shares.size} outside"
        )
    return shares


def _corner(given: PrivacyGuarantee) -> float:
    """Return the false positive rate at which both errors are equally likely."""
    from scipy.special import expit, ndtr

    if given.mu is not None:
        return float(ndtr(-given.mu / 2))
    return float((1 - given.delta) * expit(-(given.epsilon or 0.0)))


def _gaussian_bits(mu: float) -> float:
    """Return the information of one draw of N(0, 1) or N(mu, 1) about which it was."""
    # The log likelihood ratio of the true law is normal with mean mu^2 / 2 and
    # deviation mu, and the posterior of the other law is 1 / (1 + exp(ratio)).
    if mu > 40:
        return 1.0
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    ratio = mu**2 / 2 + mu * nodes
    lost = np.logaddexp(0.0, -ratio) / math.log(2)
    return float(np.clip(1 - weights @ lost / weights.sum(), 0.0, 1.0))


def attribute_success_bound(
    guarantee: PrivacyGuarantee, prior: npt.ArrayLike, *, n_dependent: int = 1
) -> Array:
    r"""Return the largest probability of guessing a secret, or of reconstruction.

    :math:`\min(e^\varepsilon \kappa + \delta, 1 - e^{-\varepsilon} (1 - \delta -
    \kappa), 1)`, or :math:`\Phi(\Phi^{-1}(\kappa) + \mu)`: `true_positive_rate_bound`
    at the prior kappa; the module's text says why.

    Parameters
    ----------
    guarantee, n_dependent
        As for `true_positive_rate_bound`.
    prior : array_like
        Probability of the best guess from all that is known but this person's record,
        the release without them included, in [0, 1].

    Returns
    -------
    numpy.ndarray
        In [prior, 1], of the same shape.

    Raises
    ------
    ParameterError
        For priors or `n_dependent` outside their ranges.

    Notes
    -----
    The prior contains what the release tells of people like them: that smoking causes
    cancer is not kept from an attacker by privacy. So the bound is on what being in the
    training data adds, and success may exceed it at the prior before the release.

    References
    ----------
    Hayes, Mahloujifar and Balle (2023), arXiv:2302.07225; Balle, Cherubin and Hayes
    (2022), doi:10.1109/SP46214.2022.9833677.

    Examples
    --------
    >>> attribute_success_bound(PrivacyGuarantee(epsilon=1.0), 0.1).round(4).item()
    0.2718
    """
    rate = _read_shares(prior, name="prior")
    return _curve(group_guarantee(guarantee, n_dependent), rate)


def mean_attribute_success_bound(
    guarantee: PrivacyGuarantee, priors: npt.ArrayLike, *, n_dependent: int = 1
) -> float:
    """Return the largest share of targets whose secret is guessed, at their own priors.

    The mean of `attribute_success_bound` over the targets; no more than the bound at
    their mean prior.

    Parameters
    ----------
    guarantee, n_dependent
        As for `true_positive_rate_bound`.
    priors : array_like, shape (n,)
        Prior of each target, one at least, in [0, 1].

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ParameterError
        For priors that are none or outside their range.

    Examples
    --------
    >>> guarantee = PrivacyGuarantee(epsilon=1.0)
    >>> round(mean_attribute_success_bound(guarantee, [0.1, 0.9]), 4)
    0.6175
    """
    bounds = attribute_success_bound(guarantee, priors, n_dependent=n_dependent)
    if bounds.size == 0:
        raise ParameterError("priors must hold one or more; got 0")
    return float(bounds.mean())


def attribute_bits_bound(
    guarantee: PrivacyGuarantee,
    *,
    entropy_bits: float = math.inf,
    n_dependent: int = 1,
) -> float:
    r"""Return the most bits that a person's record can add about their secret.

    The smaller of the entropy H of the secret and, in natural units,
    :math:`\delta H + (1 - \delta) [\varepsilon \tanh(\varepsilon / 2) - \ln(1 -
    \delta)]`, or :math:`\mu^2 / 2`.

    Parameters
    ----------
    guarantee, n_dependent
        As for `true_positive_rate_bound`.
    entropy_bits : float
        Entropy of the secret for someone who knows the release without the person, 0 or
        more; needed where delta is above 0.

    Returns
    -------
    float
        In bits, 0 or more.

    Raises
    ------
    ParameterError
        For an entropy below 0 or `n_dependent` below 1.

    Notes
    -----
    The information between secret and release is at most the mean divergence of the
    release from any one law; take that of the release without the person. The largest
    divergence of two laws under epsilon is that of randomised response, under mu that
    of two normal laws. With delta the release is, with probability delta, one that may
    tell all, and else one under epsilon of a law that has at most 1 / (1 - delta) times
    the probabilities of the release without.

    References
    ----------
    Kairouz, Oh and Viswanath (2017), doi:10.1109/TIT.2017.2685505; Dong, Roth and Su
    (2022), doi:10.1111/rssb.12454.

    Examples
    --------
    >>> round(attribute_bits_bound(PrivacyGuarantee(epsilon=1.0)), 4)
    0.6667
    """
    if not entropy_bits >= 0:
        raise ParameterError(f"entropy_bits must be 0 or more; got {entropy_bits!r}")
    given = group_guarantee(guarantee, n_dependent)
    if given.mu is not None:
        # A product of plain floats may be infinite, where a power raises.
        wide = float(given.mu)
        return min(wide * wide / (2 * math.log(2)), entropy_bits)
    epsilon, delta = given.epsilon or 0.0, given.delta
    if delta == 1 or (delta > 0 and math.isinf(entropy_bits)):
        return entropy_bits
    told = (epsilon * math.tanh(epsilon / 2) - math.log1p(-delta)) / math.log(2)
    secret = delta * entropy_bits if delta > 0 else 0.0
    return min(secret + (1 - delta) * told, entropy_bits)
