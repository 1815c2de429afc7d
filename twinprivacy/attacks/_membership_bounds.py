"""Bounds on telling members from others, and the curve that all are read from."""

import math

import numpy as np
import numpy.typing as npt

from twinprivacy._guarantees import PrivacyGuarantee, group_guarantee
from twinprivacy._types import Array
from twinprivacy._validation import check_choice
from twinprivacy._verdicts import entropy, signed_bits
from twinprivacy.errors import ParameterError


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
    rate = read_shares(false_positive_rate, name="false_positive_rate")
    given = group_guarantee(guarantee, n_dependent)
    return curve(given, rate)


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


def curve(given: PrivacyGuarantee, rate: Array) -> Array:
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


def read_shares(values: npt.ArrayLike, *, name: str) -> Array:
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
