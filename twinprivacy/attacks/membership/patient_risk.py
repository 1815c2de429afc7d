"""Whose membership shows: the risk of each patient, and of the most exposed.

An attack that looks random on average may be near perfect for some.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.attacks.membership.patients import (
    own_areas,
    own_separation,
    shares_by_chance,
)
from twinprivacy.attacks.membership.result import MembershipResult
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import mean_interval, share_interval
from twinprivacy.estimates.operating_points import score_bounds

__all__ = [
    "most_exposed",
    "own_area",
    "risk_distribution",
]


def own_area(found: MembershipResult, *, confidence_level: float = 0.95) -> Estimate:
    """Estimate the mean over persons of the area under their own curve.

    It is the probability that a person's own signal is higher when in the training than
    when out: what an attacker achieves who knows what is usual for each person, as with
    many shadow models, while the area of the result has one threshold for all.

    Parameters
    ----------
    found : MembershipResult
        Of one round or more; everyone a member and not, as `attack_with_shadows` and
        the audits give it.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        In [0, 1]; n is the number of persons. Where all areas are the same, the bounds
        are Newcombe's, method 5, of as many members and others.

    Raises
    ------
    DataError
        If somebody is not once a member and once not.

    Notes
    -----
    Of an audit it is the area of an attacker who knows everybody else in the training,
    and the chance of the fit too: to leave someone out moves the answer away from them
    for nearly everyone, so that closed forms give 1 or nearly so.

    Examples
    --------
    >>> targets = pd.DataFrame(
    ...     {"member": [True, True, False, False], "score": [2.0, 1.0, 1.5, 0.0]},
    ...     index=[0, 1, 0, 1])
    >>> own_area(MembershipResult(targets, "loss")).value
    1.0
    """
    check_fraction(confidence_level, name="confidence_level")
    areas = own_areas(found.targets)
    if np.isin(areas, (0, 1)).all():
        return share_interval(areas, confidence_level=confidence_level)
    value, n = float(areas.mean()), len(areas)
    if np.ptp(areas) == 0:
        # No spread is not certainty: answers may be constant.
        low, high = score_bounds(value, n, n, level=confidence_level)
    else:
        mean = mean_interval(areas, confidence_level=confidence_level)
        low, high = max(mean.low, 0.0), min(mean.high, 1.0)
    return Estimate(value, min(low, value), max(high, value), confidence_level, n)


def risk_distribution(
    found: MembershipResult,
    levels: Sequence[float] = (0.6, 0.7, 0.8, 0.9, 0.95, 0.99),
    *,
    n_permutations: int = 100,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the share of persons above levels of own risk, beside that of chance.

    Parameters
    ----------
    found : MembershipResult
        Of several rounds, as `attack_with_shadows` gives it.
    levels : sequence of float
        Areas under a person's own curve, strictly between 0 and 1.
    n_permutations : int
        How often each person's signals are shuffled, 1 or more.
    rng : numpy.random.Generator
        Source of the shuffles.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns level; share, low, high of the persons whose area reaches it
        (Wilson); by_chance, the mean share when nobody's membership shows; excess,
        the share less that, with excess_low and excess_high; n.

    Raises
    ------
    ParameterError
        For levels or permutations outside their range.
    DataError
        As `patient_risk`.

    Notes
    -----
    Shuffled are the signals of a person within a round, if everyone is in and out in
    each: the two models of a round learn from complementary halves, and what they say
    tends to move apart, so that areas scatter more than independent signals would have
    it. Otherwise signals of different rounds are mixed.

    The excess corrects for people whose area is high though nothing shows; people
    in whom something shows scatter too, so the share above a high level is not that
    of true areas. For an honest figure of the most exposed see `most_exposed`.
    """
    check_rng(rng)
    check_fraction(confidence_level, name="confidence_level")
    for level in levels:
        check_fraction(level, name="levels")
    if n_permutations < 1:
        raise ParameterError(
            f"n_permutations must be 1 or more; got {n_permutations!r}"
        )
    return shares_by_chance(
        found.targets, levels, n_permutations, rng, confidence_level
    )


def most_exposed(found: MembershipResult, share: float) -> MembershipResult:
    """Return the attack on the persons who are most exposed, chosen without it.

    Who is most exposed is chosen by the separation in one half of the rounds, and
    the attack on them is that in the other half, and the reverse. So chance does
    not choose: where nothing shows, the area is 0.5 for them as for all.

    Parameters
    ----------
    found : MembershipResult
        Of several rounds, as `attack_with_shadows` gives it.
    share : float
        Of the persons, strictly between 0 and 1; one person at least.

    Returns
    -------
    MembershipResult

    Raises
    ------
    ParameterError
        For a share outside its range.
    DataError
        If somebody is not twice a member and twice not in each half of the rounds.
    """
    check_fraction(share, name="share")
    odd = (found.targets["round"] % 2 == 1).to_numpy()
    parts = []
    for chosen_by, judged_by in ((odd, ~odd), (~odd, odd)):
        separation = own_separation(found.targets[chosen_by])["separation"]
        n = max(round(share * len(separation)), 1)
        highest = separation.nlargest(n).index
        part = found.targets[judged_by]
        parts.append(part[part.index.isin(highest)])
    return replace(found, targets=pd.concat(parts))
