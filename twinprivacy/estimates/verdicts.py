"""Verdicts of membership: thresholds chosen on other people, rates and regions."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import group_codes, share_interval

__all__ = [
    "membership_advantage",
    "membership_bits",
]


_Pair = tuple[Array, Array]
Measure = Callable[[Array, Array], Array]


def read_scores(scores: npt.ArrayLike, *, name: str, at_least: int = 1) -> Array:
    """Return a finite vector of scores, in the order given."""
    try:
        found = np.asarray(scores, dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"{name} must hold numbers only; got others") from None
    if found.ndim != 1:
        raise DataError(f"{name} must be one-dimensional; got {found.ndim} axes")
    n_bad = int(np.count_nonzero(~np.isfinite(found)))
    if n_bad:
        raise DataError(
            f"{name} must be finite; got {n_bad} of {found.size} missing or infinite"
        )
    if found.size < at_least:
        raise DataError(f"{name} must hold {at_least} or more scores; got {found.size}")
    return found


def advantage(true_positive: Array, false_positive: Array) -> Array:
    """Return the difference of the rates."""
    return np.asarray(true_positive - false_positive)


def signed_bits(true_positive: Array, false_positive: Array) -> Array:
    """Return the information of a verdict at even odds, negative if worse than chance.

    Rising in the first rate and falling in the second, and odd: it changes its sign
    where they change places. So where there is nothing to find it is 0 on average.
    """
    middle = (true_positive + false_positive) / 2
    bits = entropy(middle) - (entropy(true_positive) + entropy(false_positive)) / 2
    return np.asarray(np.sign(true_positive - false_positive) * np.clip(bits, 0.0, 1.0))


def entropy(share: Array) -> Array:
    """Return the entropy in bits of true and false in this share."""
    from scipy.special import entr

    return np.asarray((entr(share) + entr(1 - share)) / np.log(2))


def _cross_fitted_verdicts(
    members: Array,
    controls: Array,
    groups: tuple[Any, Any],
    *,
    measure: Measure,
    rng: np.random.Generator,
) -> tuple[_Pair, tuple[Indices, Indices]]:
    """Return who is called a member by the threshold that is best for other people.

    Each half of the people is judged by the threshold with which the measure is largest
    in the other half. Only scores count, so the order of rows does not. Verdicts and
    halves are pairs, of members and of controls.
    """
    halves = (
        _half(members, groups[0], rng, "member"),
        _half(controls, groups[1], rng, "control"),
    )
    verdicts = np.zeros(len(members)), np.zeros(len(controls))
    for half in (0, 1):
        others = [
            scores[part != half]
            for scores, part in zip((members, controls), halves, strict=True)
        ]
        threshold = best_threshold(others[0], others[1], measure)
        for verdict, scores, part in zip(
            verdicts, (members, controls), halves, strict=True
        ):
            verdict[part == half] = scores[part == half] >= threshold
    return verdicts, halves


def best_threshold(members: Array, controls: Array, measure: Measure) -> float:
    """Return the score from which on a verdict has the largest measure."""
    candidates = np.unique(np.concatenate([members, controls]))
    rates = [share_from(scores, candidates) for scores in (members, controls)]
    found = measure(rates[0], rates[1])
    return float(candidates[np.argmax(found)])


def share_from(scores: Array, thresholds: Array) -> Array:
    """Return the share of scores that reach each threshold."""
    below = np.searchsorted(np.sort(scores), thresholds, side="left")
    return np.asarray(1 - below / len(scores))


def estimate_verdicts(
    verdicts: _Pair,
    groups: tuple[Any, Any],
    measure: Measure,
    *,
    level: float,
    halves: tuple[Indices, Indices] | None = None,
) -> Estimate:
    """Estimate a measure that rises in one rate and falls in the other.

    With halves its value is the mean of theirs. The thresholds of the two agree where
    both by chance have more members, so that for noise the rates of both together are
    askew, and a measure that is not linear in them would be above 0 on average.
    """
    hit, alarm = (
        share_interval(verdict, groups=group, confidence_level=level)
        for verdict, group in zip(verdicts, groups, strict=True)
    )
    value = _value(measure, verdicts, halves)
    n = hit.n + alarm.n
    if np.isnan(hit.low) or np.isnan(alarm.low):
        return Estimate(value, np.nan, np.nan, level, n)
    low = _along(measure, hit, alarm, hit.low, alarm.high).min()
    high = _along(measure, hit, alarm, hit.high, alarm.low).max()
    return Estimate(value, min(float(low), value), max(float(high), value), level, n)


def _value(
    measure: Measure, verdicts: _Pair, halves: tuple[Indices, Indices] | None
) -> float:
    if halves is None:
        return float(measure(verdicts[0].mean(), verdicts[1].mean()))
    both = [
        measure(
            verdicts[0][halves[0] == half].mean(), verdicts[1][halves[1] == half].mean()
        )
        for half in (0, 1)
    ]
    return float(np.mean(both))


def _along(
    measure: Measure, hit: Estimate, alarm: Estimate, hit_end: float, alarm_end: float
) -> Array:
    """Return the measure on the quarter ellipse between two bounds of the rates.

    Its extreme there is Newcombe's bound if the measure is the difference; any other
    measure that rises and falls alike excludes 0 exactly where the difference does.
    """
    # The extreme of the difference is put in, so that this holds to the last digit.
    best = np.arctan2(abs(alarm_end - alarm.value), abs(hit_end - hit.value))
    angle = np.append(np.linspace(0.0, np.pi / 2, 181), best)
    return measure(
        np.clip(hit.value + (hit_end - hit.value) * np.cos(angle), 0.0, 1.0),
        np.clip(alarm.value + (alarm_end - alarm.value) * np.sin(angle), 0.0, 1.0),
    )


def _half(scores: Array, groups: Any, rng: np.random.Generator, name: str) -> Indices:
    """Deal the people into two halves, the rows of one person into the same."""
    order = np.argsort(scores, kind="stable")
    codes, n_groups = group_codes(
        None if groups is None else np.asarray(groups)[order],
        len(scores),
        name=f"{name}_groups",
    )
    if n_groups < 2:
        raise DataError(
            f"{name}_scores must be of two people at least to choose a threshold on "
            f"others; got {n_groups}"
        )
    of_group = np.empty(n_groups, dtype=np.intp)
    of_group[rng.permutation(n_groups)] = np.arange(n_groups) % 2
    half = np.empty(len(scores), dtype=np.intp)
    half[order] = of_group[codes]
    return half


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
        advantage,
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
        signed_bits,
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
        verdicts, halves = _cross_fitted_verdicts(
            members, controls, groups, measure=measure, rng=rng
        )
    else:
        _check_given(threshold, rng)
        verdicts = (
            np.asarray(members >= threshold, dtype=float),
            np.asarray(controls >= threshold, dtype=float),
        )
    if measure is advantage:
        halves = None  # Linear in the rates, so those of both together do.
    return estimate_verdicts(verdicts, groups, measure, level=level, halves=halves)


def _check_given(threshold: float, rng: np.random.Generator | None) -> None:
    if rng is not None:
        raise ParameterError("threshold and rng must not both be given; got both")
    if not math.isfinite(threshold):
        raise ParameterError(f"threshold must be finite; got {threshold!r}")
