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

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array
from twinprivacy.attacks.guarantees import PrivacyGuarantee, group_guarantee
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.operating_points import signed_bits

__all__ = [
    "advantage_bound",
    "attribute_bits_bound",
    "attribute_success_bound",
    "mean_attribute_success_bound",
    "membership_bits_bound",
    "true_positive_rate_bound",
]


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
    return _curve(group_guarantee(guarantee, n_dependent), rate)


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
    return 1 - 2 * _corner(group_guarantee(guarantee, n_dependent))


def membership_bits_bound(
    guarantee: PrivacyGuarantee, *, n_dependent: int = 1
) -> float:
    r"""Return the most bits of a verdict about membership, at even odds.

    With the entropy h of true and false the information is convex in the
    two rates, so it is largest at a corner of their region. With (epsilon, delta) the
    corners are :math:`(0, \delta)` and, with :math:`f = (1 - \delta) / (1 +
    e^\varepsilon)`, :math:`(f, 1 - f)`, which gives :math:`1 - h(f)`; with mu that
    is largest at :math:`f = \Phi(-\mu / 2)`.

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
    Kairouz, Oh and Viswanath (2017), doi:10.1109/TIT.2017.2685505; Lin (1991),
    doi:10.1109/18.61115.

    Examples
    --------
    >>> round(membership_bits_bound(PrivacyGuarantee(epsilon=1.0)), 4)
    0.1601
    """
    given = group_guarantee(guarantee, n_dependent)
    corners = np.array([0.0, _corner(given)])
    reached = np.array([given.delta, 1 - corners[1]])
    return float(signed_bits(reached, corners).max())


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
