"""What a private release guarantees: its settings, and of groups."""

import math
from dataclasses import dataclass

import numpy as np

from twinprivacy._validation import check_whole
from twinprivacy.errors import ParameterError

__all__ = [
    "PrivacyGuarantee",
    "group_guarantee",
]


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
