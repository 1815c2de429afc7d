"""A verdict of membership by a threshold: its advantage and its bits."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy import _verdicts
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy._verdicts import Measure, read_scores
from twinprivacy.errors import ParameterError
from twinprivacy.estimates import Estimate


def membership_advantage(
    member_scores: npt.ArrayLike,
    control_scores: npt.ArrayLike,
    *,
    threshold: float | None = None,
    rng: np.random.Generator | None = None,
    member_groups: Any = None,
    control_groups: Any = None,
    confidence_level: float = 0.95,
) -> Estimate:
    """Estimate the true minus the false positive rate of a verdict of membership.

    A member is who reaches the threshold. The largest difference on the same people
    would be above 0 even for noise; so without a `threshold` the people are dealt into
    two halves, and each is judged by the threshold that was best for the other.

    Parameters
    ----------
    member_scores, control_scores : array_like
        Finite scores, shape (n_members,) and (n_controls,), two people at least of
        each, or one if the threshold is given.
    threshold : float, optional
        Chosen without these people.
    rng : numpy.random.Generator, optional
        Source of the halves; required without `threshold`.
    member_groups, control_groups : array_like, optional
        Who each row is, where a person has several; a person is in one half.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        In [-1, 1], with Newcombe's interval; n is the people of both. It is of the
        verdict of an attacker who knows half of the labels, and on average below that
        of the best threshold: by 0.01 to 0.02 for 500 normal scores a side.

    Raises
    ------
    DataError
        For scores that are too few, missing, infinite or not a vector.
    ParameterError
        For neither or both of `threshold` and `rng`, or a setting outside its range.

    References
    ----------
    Yeom et al. (2018), doi:10.1109/CSF.2018.00027; Newcombe (1998),
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.

    Examples
    --------
    >>> membership_advantage([2.0] * 30 + [0.0] * 10, [0.0] * 40, threshold=1.0)
    Estimate(value=0.75, low=0.575, high=0.858, confidence_level=0.95, n=80)
    """
    return _judge(
        _verdicts.advantage,
        (member_scores, control_scores),
        (member_groups, control_groups),
        (threshold, rng),
        confidence_level,
    )


def membership_bits(
    member_scores: npt.ArrayLike,
    control_scores: npt.ArrayLike,
    *,
    threshold: float | None = None,
    rng: np.random.Generator | None = None,
    member_groups: Any = None,
    control_groups: Any = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the information of a verdict about membership, at even odds.

    With true and false positive rates t and f and the entropy h of true and false,

    .. math:: \mathrm{sign}(t - f)
       \left[ h\left(\tfrac{t + f}{2}\right) - \tfrac{1}{2} (h(t) + h(f)) \right]

    bits: 1 if membership is told for certain, 0 if nothing is. The verdict is that of
    `membership_advantage`, but each half of the people is judged by the threshold that
    gave most bits in the other, so that finding few for certain counts.

    Parameters
    ----------
    member_scores, control_scores, threshold, rng, member_groups, control_groups
        As for `membership_advantage`.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        In bits per person, in [-1, 1]; n is the people of both. Below 0 the verdict did
        worse than chance, which happens by chance; without the sign, noise would
        always seem to tell something.

    Raises
    ------
    DataError, ParameterError
        As `membership_advantage`.

    Notes
    -----
    The interval is the range of the information on the ellipse of rates whose extreme
    differences are Newcombe's bounds. So it holds 0 exactly where the interval of the
    difference of the rates of this verdict does. The value is the mean of both halves,
    and for noise 0 on average; where there is something to find it is too high by up to
    1.5 / n bits with n people a side, as estimates of information from shares are.

    References
    ----------
    Lin (1991), doi:10.1109/18.61115; Newcombe (1998),
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.

    Examples
    --------
    >>> membership_bits([2.0] * 30 + [0.0] * 10, [0.0] * 40, threshold=1.0)
    Estimate(value=0.549, low=0.298, high=0.691, confidence_level=0.95, n=80)
    """
    return _judge(
        _verdicts.signed_bits,
        (member_scores, control_scores),
        (member_groups, control_groups),
        (threshold, rng),
        confidence_level,
    )


def _judge(
    measure: Measure,
    scores: tuple[npt.ArrayLike, npt.ArrayLike],
    groups: tuple[Any, Any],
    chosen_by: tuple[float | None, np.random.Generator | None],
    level: float,
) -> Estimate:
    check_fraction(level, name="confidence_level")
    threshold, rng = chosen_by
    at_least = 2 if threshold is None else 1
    members = read_scores(scores[0], name="member_scores", at_least=at_least)
    controls = read_scores(scores[1], name="control_scores", at_least=at_least)
    halves = None
    if threshold is None:
        check_rng(rng)
        assert rng is not None
        verdicts, halves = _verdicts.cross_fitted_verdicts(
            members, controls, groups, measure=measure, rng=rng
        )
    else:
        _check_given(threshold, rng)
        verdicts = (
            np.asarray(members >= threshold, dtype=float),
            np.asarray(controls >= threshold, dtype=float),
        )
    if measure is _verdicts.advantage:
        halves = None  # Linear in the rates, so those of both together do.
    return _verdicts.estimate_verdicts(
        verdicts, groups, measure, level=level, halves=halves
    )


def _check_given(threshold: float, rng: np.random.Generator | None) -> None:
    if rng is not None:
        raise ParameterError("threshold and rng must not both be given; got both")
    if not math.isfinite(threshold):
        raise ParameterError(f"threshold must be finite; got {threshold!r}")
