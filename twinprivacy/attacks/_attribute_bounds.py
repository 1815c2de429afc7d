"""Bounds on guessing a secret, and on what can be learned of it."""

import math

import numpy.typing as npt

from twinprivacy._guarantees import PrivacyGuarantee, group_guarantee
from twinprivacy._types import Array
from twinprivacy.attacks._membership_bounds import curve, read_shares
from twinprivacy.errors import ParameterError


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
    rate = read_shares(prior, name="prior")
    return curve(group_guarantee(guarantee, n_dependent), rate)


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
