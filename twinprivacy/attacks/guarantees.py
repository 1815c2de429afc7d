"""What a private release guarantees: its settings, of groups, and as Gaussian noise."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction, check_positive, check_whole
from twinprivacy.errors import ParameterError

__all__ = [
    "PrivacyGuarantee",
    "gaussian_delta",
    "gaussian_epsilon",
    "gaussian_mu",
    "group_guarantee",
]


# Deviations beyond which a normal law has no mass that a float could hold.
_FAR = 50.0


@dataclass(frozen=True)
class PrivacyGuarantee:
    r"""State how alike a release is with and without one person.

    Either (epsilon, delta): for every set of answers, its probability with the person
    is at most :math:`e^\varepsilon` times that without, plus delta, and the other way
    round. Or mu: telling the two apart is as hard as telling one draw of N(0, 1) from
    one of N(mu, 1).

    Parameters
    ----------
    epsilon : float, optional
        0 or more; infinite guarantees nothing.
    delta : float
        In [0, 1]; only with epsilon.
    mu : float, optional
        0 or more; infinite guarantees nothing.

    Raises
    ------
    ParameterError
        Unless exactly one of epsilon and mu is given, within its range.

    Notes
    -----
    It speaks of one person's record and of nobody else's. A relative's genome, or a
    second visit under another number, tells of the person too, and is not counted: see
    `group_guarantee`.

    References
    ----------
    Kairouz, Oh and Viswanath (2017), doi:10.1109/TIT.2017.2685505; Dong, Roth and Su
    (2022), doi:10.1111/rssb.12454.

    Examples
    --------
    >>> PrivacyGuarantee(epsilon=1.0)
    PrivacyGuarantee(epsilon=1.0, delta=0.0, mu=None)
    """

    epsilon: float | None = None
    delta: float = 0.0
    mu: float | None = None

    def __post_init__(self) -> None:
        """Refuse a guarantee that is none or two."""
        if (self.epsilon is None) == (self.mu is None):
            raise ParameterError(
                "exactly one of epsilon and mu must be given; got "
                f"{self.epsilon!r} and {self.mu!r}"
            )
        for name, value in (("epsilon", self.epsilon), ("mu", self.mu)):
            if value is not None and not value >= 0:
                raise ParameterError(f"{name} must be 0 or more; got {value!r}")
        if not 0 <= self.delta <= 1 or (self.delta > 0 and self.mu is not None):
            raise ParameterError(
                f"delta must lie in [0, 1], and be 0 with mu; got {self.delta!r}"
            )


def group_guarantee(guarantee: PrivacyGuarantee, n_dependent: int) -> PrivacyGuarantee:
    r"""Return what is guaranteed to a person about whom several records tell.

    A guarantee for one record is weaker for a person with more: k records change one
    after another, so that epsilon becomes :math:`k \varepsilon`, delta
    :math:`\delta (e^{k \varepsilon} - 1) / (e^\varepsilon - 1)`, and mu :math:`k \mu`.

    Parameters
    ----------
    guarantee : PrivacyGuarantee
        For one record.
    n_dependent : int
        Records that depend on the person, 1 or more: their own visits, those of twins,
        parents and children if the secret is shared by them.

    Returns
    -------
    PrivacyGuarantee

    Raises
    ------
    ParameterError
        If `n_dependent` is below 1.

    References
    ----------
    Dwork and Roth (2014), doi:10.1561/0400000042; Humphries et al. (2023),
    doi:10.1109/CSF57540.2023.00013; Dong, Roth and Su (2022), doi:10.1111/rssb.12454.

    Examples
    --------
    >>> group_guarantee(PrivacyGuarantee(epsilon=0.5), 4)
    PrivacyGuarantee(epsilon=2.0, delta=0.0, mu=None)
    """
    check_whole(n_dependent, name="n_dependent")
    if guarantee.mu is not None:
        return PrivacyGuarantee(mu=n_dependent * guarantee.mu)
    epsilon = guarantee.epsilon or 0.0
    if guarantee.delta == 0 or n_dependent == 1 or math.isinf(epsilon):
        return PrivacyGuarantee(epsilon=n_dependent * epsilon, delta=guarantee.delta)
    # The geometric sum in logarithms: exp(k epsilon) may be beyond any float.
    log_sum = np.logaddexp.reduce(epsilon * np.arange(n_dependent))
    log_delta = min(math.log(guarantee.delta) + float(log_sum), 0.0)
    return PrivacyGuarantee(epsilon=n_dependent * epsilon, delta=math.exp(log_delta))


def gaussian_delta(mu: npt.ArrayLike, epsilon: npt.ArrayLike) -> Array:
    r"""Return the smallest delta that holds with an epsilon under a mu.

    .. math:: \delta = \Phi(-\varepsilon / \mu + \mu / 2)
              - e^\varepsilon \Phi(-\varepsilon / \mu - \mu / 2)

    Parameters
    ----------
    mu : array_like
        Above 0 and finite.
    epsilon : array_like
        0 or more and finite.

    Returns
    -------
    numpy.ndarray
        In [0, 1], of the common shape.

    Raises
    ------
    ParameterError
        For values outside their ranges.

    References
    ----------
    Dong, Roth and Su (2022), corollary 2.13, doi:10.1111/rssb.12454.

    Examples
    --------
    >>> gaussian_delta(1.0, [0.0, 1.0]).round(4).tolist()
    [0.3829, 0.1269]
    """
    wide, log_odds = np.asarray(mu, dtype=float), np.asarray(epsilon, dtype=float)
    allowed = np.isfinite(wide) & (wide > 0) & np.isfinite(log_odds) & (log_odds >= 0)
    if not allowed.all():
        raise ParameterError(
            "mu and epsilon must be finite, mu above 0 and epsilon 0 or more; got "
            f"{int((~allowed).sum())} of {allowed.size} outside"
        )
    with np.errstate(over="ignore"):
        away = np.clip(log_odds / wide - wide / 2, -_FAR, _FAR)
    return _delta_away(wide, away)


def gaussian_epsilon(mu: float, delta: float) -> float:
    """Return the smallest epsilon that holds with a delta under a mu.

    Parameters
    ----------
    mu : float
        Above 0 and finite.
    delta : float
        Strictly between 0 and 1.

    Returns
    -------
    float
        0 or more; infinite if it is beyond the largest float.

    Raises
    ------
    ParameterError
        For values outside their ranges.

    References
    ----------
    Dong, Roth and Su (2022), corollary 2.13, doi:10.1111/rssb.12454.

    Examples
    --------
    >>> round(gaussian_epsilon(1.0, 1e-5), 3)
    4.377
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    check_positive(mu, name="mu")
    check_fraction(delta, name="delta")
    if gaussian_delta(mu, 0.0) <= delta:
        return 0.0
    # Sought as epsilon / mu - mu / 2, which keeps its digits where mu is large. Above:
    # the first term alone is no more than delta there.
    lowest, highest = max(-mu / 2, -_FAR), float(norm.isf(delta)) + 1e-6
    away = brentq(lambda t: float(_delta_away(mu, t)) - delta, lowest, highest)
    return float(mu) * (float(mu) / 2 + float(away))


def gaussian_mu(epsilon: float, delta: float) -> float:
    """Return the largest mu whose noise keeps an epsilon and a delta.

    So much noise is enough for (epsilon, delta). The converse does not hold: a release
    that is known to keep (epsilon, delta) need not keep this mu.

    Parameters
    ----------
    epsilon : float
        0 or more, finite.
    delta : float
        Strictly between 0 and 1.

    Returns
    -------
    float
        Above 0.

    Raises
    ------
    ParameterError
        For values outside their ranges.

    References
    ----------
    Dong, Roth and Su (2022), corollary 2.13, doi:10.1111/rssb.12454.

    Examples
    --------
    >>> round(gaussian_mu(1.0, 1e-5), 4)
    0.2681
    """
    from scipy.optimize import brentq
    from scipy.special import erfinv

    check_fraction(delta, name="delta")
    if not (np.isfinite(epsilon) and epsilon >= 0):
        raise ParameterError(f"epsilon must be finite and 0 or more; got {epsilon!r}")
    # At epsilon 0 delta is 2 Phi(mu / 2) - 1, and it falls with epsilon.
    low = high = 2 * math.sqrt(2) * float(erfinv(delta))
    while gaussian_delta(high, epsilon) < delta:
        low, high = high, 2 * high
    if low == high:
        return low
    # The smallest step allowed, so that only the relative one counts.
    return float(
        brentq(
            lambda m: float(gaussian_delta(m, epsilon)) - delta, low, high, xtol=1e-300
        )
    )


def _delta_away(mu: npt.ArrayLike, away: npt.ArrayLike) -> Array:
    """Return delta at an epsilon of mu times mu / 2 and so much away."""
    from scipy.special import erfcx, ndtr

    wide, over = np.asarray(mu, dtype=float), np.asarray(away, dtype=float)
    # Exp(epsilon) Phi(-away - mu) without its large and small factor.
    second = np.exp(-(over**2) / 2) * erfcx((over + wide) / math.sqrt(2)) / 2
    # For a mu near 0 the terms are nearly equal: their difference to first order.
    ratio = np.clip(over + wide / 2, 0.0, _FAR)
    tail = math.sqrt(math.pi / 2) * erfcx(ratio / math.sqrt(2))
    little = np.minimum(wide, 1e-5)
    density = np.exp(ratio * (little - ratio) / 2) / math.sqrt(2 * math.pi)
    near = little * density * (1 - ratio * tail)
    found = np.where(wide < 1e-5, near, ndtr(-over) - second)
    return np.asarray(np.clip(found, 0.0, 1.0))
