r"""Privacy budgets: what several releases about the same person keep together.

Each release may be chosen after the ones before it were seen. Epsilons and deltas add,
and so do the squares of mu: normal laws at distances :math:`\mu_i` in independent
directions lie :math:`\sqrt{\sum_i \mu_i^2}` apart.
"""

import math
from collections.abc import Sequence

import numpy as np

from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.defences.declared import check_whole_number
from twinprivacy.errors import ParameterError

__all__ = [
    "compose",
    "repeat",
    "split",
]


def compose(guarantees: Sequence[PrivacyGuarantee]) -> PrivacyGuarantee:
    r"""Return what several releases about the same person keep together.

    :math:`\varepsilon = \sum_i \varepsilon_i` and :math:`\delta = \sum_i \delta_i`, or
    :math:`\mu = \sqrt{\sum_i \mu_i^2}`.

    Parameters
    ----------
    guarantees : sequence of PrivacyGuarantee
        One or more, all with epsilon or all with mu.

    Returns
    -------
    PrivacyGuarantee
        Of the same kind; delta is 1 at most.

    Raises
    ------
    ParameterError
        For none, for both kinds together, or for what is no guarantee.

    Notes
    -----
    For many releases with epsilon a smaller sum holds at the price of a delta; it is
    not used here. The composition of mu is exact.

    All guarantees must be between the same two cases. A private fit's is for a person
    *with or without*, `NoisyAnswers.guarantee` for one record *or any other*; a record
    that is replaced is one removed and one added. So give
    ``group_guarantee(fit.guarantee, 2)`` with the guarantee of answers. Against what
    knows nothing of the person, give the fit's own and
    `NoisyAnswers.attribute_guarantee`: from the fit without them, and an answer from
    the middle of the bounds.

    References
    ----------
    Dwork and Roth (2014), theorem 3.16, doi:10.1561/0400000042; Dong, Roth and Su
    (2022), doi:10.1111/rssb.12454.

    Examples
    --------
    >>> compose([PrivacyGuarantee(mu=0.6), PrivacyGuarantee(mu=0.8)])
    PrivacyGuarantee(epsilon=None, delta=0.0, mu=1.0)
    """
    given = list(guarantees)
    if not given or not all(isinstance(one, PrivacyGuarantee) for one in given):
        kinds = ", ".join(type(one).__name__ for one in given) or "none"
        raise ParameterError(
            f"guarantees must hold one PrivacyGuarantee or more; got {kinds}"
        )
    mus = [one.mu for one in given if one.mu is not None]
    if len(mus) == len(given):
        return PrivacyGuarantee(mu=math.hypot(*mus))
    if mus:
        raise ParameterError(
            "guarantees must all have epsilon, or all mu; got "
            f"{len(given) - len(mus)} with epsilon and {len(mus)} with mu: turn each "
            "mu into an epsilon at a delta with gaussian_epsilon"
        )
    return PrivacyGuarantee(
        epsilon=math.fsum(one.epsilon or 0.0 for one in given),
        delta=min(math.fsum(one.delta for one in given), 1.0),
    )


def repeat(guarantee: PrivacyGuarantee, n_answers: int) -> PrivacyGuarantee:
    """Return what so many answers keep together, each with the same guarantee.

    Parameters
    ----------
    guarantee : PrivacyGuarantee
        For one answer.
    n_answers : int
        0 or more; nothing is told by no answer.

    Returns
    -------
    PrivacyGuarantee
        Epsilon and delta times `n_answers`, or mu times its root.

    Raises
    ------
    ParameterError
        For a number of answers outside its range.

    References
    ----------
    As for `compose`.

    Examples
    --------
    >>> repeat(PrivacyGuarantee(epsilon=0.5), 4)
    PrivacyGuarantee(epsilon=2.0, delta=0.0, mu=None)
    """
    check_whole_number(n_answers, name="n_answers", least=0)
    return _times(guarantee, n_answers)


def split(guarantee: PrivacyGuarantee, n_answers: int) -> PrivacyGuarantee:
    """Return what each of so many answers may keep, if together they keep a guarantee.

    Parameters
    ----------
    guarantee : PrivacyGuarantee
        For all answers together.
    n_answers : int
        1 or more.

    Returns
    -------
    PrivacyGuarantee
        Epsilon and delta divided by `n_answers`, or mu by its root.

    Raises
    ------
    ParameterError
        For a number of answers outside its range.

    References
    ----------
    As for `compose`.

    Examples
    --------
    >>> split(PrivacyGuarantee(mu=1.0), 4)
    PrivacyGuarantee(epsilon=None, delta=0.0, mu=0.5)
    """
    check_whole_number(n_answers, name="n_answers", least=1)
    return _times(guarantee, 1 / n_answers)


def _times(guarantee: PrivacyGuarantee, factor: float) -> PrivacyGuarantee:
    # Of no answers even an endless budget is unspent.
    if not factor:
        is_normal = guarantee.mu is not None
        return PrivacyGuarantee(mu=0.0) if is_normal else PrivacyGuarantee(epsilon=0.0)
    if guarantee.mu is not None:
        return PrivacyGuarantee(mu=guarantee.mu * float(np.sqrt(factor)))
    epsilon = (guarantee.epsilon or 0.0) * factor
    return PrivacyGuarantee(epsilon=epsilon, delta=min(guarantee.delta * factor, 1.0))
