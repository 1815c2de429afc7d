"""How well scores tell members from controls, with intervals of every number.

A higher score means more likely a member. Members are the people whom a model was
trained on, controls are others like them; the two are independent samples. A verdict
calls a member who reaches a threshold, which is given, or chosen on other people.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._types import Array, Indices
from twinprivacy._validation import as_vector, check_fraction, check_rng
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import (
    effective_size,
    group_codes,
    share_interval,
    variance_of_mean,
    within,
)

__all__ = [
    "area_under_curve",
    "membership_advantage",
    "membership_bits",
    "true_positive_rate_at",
]


Pair = tuple[Array, Array]
Measure = Callable[[Array, Array], Array]


def area_under_curve(
    member_scores: npt.ArrayLike,
    control_scores: npt.ArrayLike,
    *,
    member_groups: Any = None,
    control_groups: Any = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the probability that a member has a higher score than a control.

    Pairs of equal score count one half. The variance is DeLong's, the interval normal
    for the log odds. Where that variance is 0, as for scores that separate the two or
    are all the same, or cannot be had from one person, it is Newcombe's, his method 5.

    Parameters
    ----------
    member_scores, control_scores : array_like
        Finite scores, shape (n_members,) and (n_controls,), one at least of each.
    member_groups, control_groups : array_like, optional
        Who each row is, where a person has several.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        In [0, 1], 0.5 for scores that tell nothing; n is the people of both.

    Raises
    ------
    DataError
        For scores that are none, missing, infinite or not a vector.
    ParameterError
        For a level outside its range or groups that are missing.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595; Newcombe (2006),
    doi:10.1002/sim.2324.

    Examples
    --------
    >>> area_under_curve([0.4, 0.8], [0.1, 0.4]).value
    0.875
    >>> area_under_curve([1.0] * 50, [0.0] * 50)
    Estimate(value=1, low=0.96, high=1, confidence_level=0.95, n=100)
    """
    check_fraction(confidence_level, name="confidence_level")
    members = read_scores(member_scores, name="member_scores")
    controls = read_scores(control_scores, name="control_scores")
    member_codes, n_members = group_codes(
        member_groups, members.size, name="member_groups"
    )
    control_codes, n_controls = group_codes(
        control_groups, controls.size, name="control_groups"
    )
    placed = share_below(members, controls)
    value = float(placed.mean())
    variance = variance_of_mean(placed, member_codes, n_members)
    variance += variance_of_mean(
        share_below(controls, members), control_codes, n_controls
    )
    if variance > 0 and 0 < value < 1:
        low, high = logit_bounds(value, math.sqrt(variance), level=confidence_level)
    else:
        low, high = score_bounds(value, n_members, n_controls, level=confidence_level)
    n = n_members + n_controls
    return within(value, low, high, confidence_level, n, least=0.0)


def true_positive_rate_at(
    member_scores: npt.ArrayLike,
    control_scores: npt.ArrayLike,
    *,
    false_positive_rate: float,
    member_groups: Any = None,
    control_groups: Any = None,
    confidence_level: float = 0.95,
) -> Estimate:
    r"""Estimate the share of members found where few controls are falsely accused.

    With n controls and :math:`j = \lfloor \alpha (n + 1) \rfloor`, a member is who has
    a higher score than the j-th highest control: a new control exceeds it with
    probability :math:`j / (n + 1) \le \alpha` or less. Equal scores do not exceed, so
    ties never raise the rate of false positives.

    Parameters
    ----------
    member_scores, control_scores : array_like
        Finite scores, shape (n_members,) and (n_controls,), one at least of each.
    false_positive_rate : float
        Share of controls accused, strictly between 0 and 1; 0.001 and 0.01 are usual.
    member_groups, control_groups : array_like, optional
        Who each row is, where a person has several; both or neither.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    Estimate
        The rate, in [0, 1]; n is the people of both. With fewer than 1 / alpha - 1
        controls no threshold keeps the rate: the value is 0, which is not an estimate,
        and the interval from 0 to the highest rate that the data allow, often near 1.

    Raises
    ------
    DataError
        For scores that are none, missing, infinite or not a vector.
    ParameterError
        For a rate or a level outside its range, or groups that are missing.

    Notes
    -----
    The rate of false positives of the j-th highest control is itself unknown, with law
    Beta(j, n + 1 - j). So the interval also moves the threshold, to the controls j
    whose rate is below, or above, alpha with probability (1 + confidence level) / 2.
    The two distances, that of the threshold and Wilson's of the members, are added as
    squares, as Newcombe does for differences. Of normal scores 95 % intervals hold the
    true rate in 96 to 97 % with 20 controls above the threshold, and in up to 100 %
    with fewer: there the ranks are too coarse to be any narrower. From fewer than about
    3.7 / alpha controls the low bound is 0. With groups the ranks are those of as many
    independent controls as would tell as much as these.

    References
    ----------
    Carlini et al. (2022), doi:10.1109/SP46214.2022.9833649; Wilson (1927),
    doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> controls = np.arange(1_000)
    >>> true_positive_rate_at(controls + 500, controls, false_positive_rate=0.01)
    Estimate(value=0.509, low=0.477, high=0.541, confidence_level=0.95, n=2000)
    """
    check_fraction(confidence_level, name="confidence_level")
    check_fraction(false_positive_rate, name="false_positive_rate")
    members = read_scores(member_scores, name="member_scores")
    controls = read_scores(control_scores, name="control_scores")
    n_members = group_codes(member_groups, members.size, name="member_groups")[1]
    codes, n_controls = group_codes(
        control_groups, controls.size, name="control_groups"
    )
    n, level = n_members + n_controls, confidence_level
    ordered = np.sort(controls)[::-1]
    place = _highest_place(len(ordered), false_positive_rate)
    size = float(len(ordered))
    if control_groups is not None:
        if min(n_members, n_controls) < 2:  # One tells of nobody else.
            value = float((members > ordered[place - 1]).mean()) if place else 0.0
            return Estimate(value, 0.0, 1.0, level, n)
        accused = (controls >= ordered[max(place, 1) - 1]).astype(float)
        size = effective_size(accused, codes, n_controls, level=level)
    fewest, most = _places(len(ordered), size, false_positive_rate, (1 + level) / 2)

    def share(found: npt.NDArray[np.bool_]) -> Estimate:
        return share_interval(found, groups=member_groups, confidence_level=level)

    above = (members > ordered[fewest - 1]).mean() if fewest else 0.0
    reach = members >= (ordered[most - 1] if most <= len(ordered) else -np.inf)
    if place == 0:
        return Estimate(0.0, 0.0, share(reach).high, level, n)
    rate = share(members > ordered[place - 1])
    drop = math.hypot(rate.value - rate.low, rate.value - above)
    rise = math.hypot(rate.high - rate.value, reach.mean() - rate.value)
    return within(rate.value, rate.value - drop, rate.value + rise, level, n, least=0.0)


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
    return _of_verdicts(
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
    return _of_verdicts(
        signed_bits,
        (member_scores, control_scores),
        (member_groups, control_groups),
        (threshold, rng),
        confidence_level,
    )


def read_scores(scores: npt.ArrayLike, *, name: str, at_least: int = 1) -> Array:
    """Return a finite vector of scores, in the order given."""
    try:
        found = as_vector(scores, name=name)
    except (ParameterError, FitError) as error:
        # Scores are data; the cause would quote one.
        raise DataError(str(error)) from None
    if found.size < at_least:
        raise DataError(f"{name} must hold {at_least} or more scores; got {found.size}")
    return found


def share_below(values: Array, others: Array) -> Array:
    """Return for each value the share of others below it, equal ones counting half."""
    ordered = np.sort(others)
    ends = [np.searchsorted(ordered, values, side=side) for side in ("left", "right")]
    return np.asarray((ends[0] + ends[1]) / (2 * len(others)))


def logit_bounds(area: float, error: float, *, level: float) -> tuple[float, float]:
    """Return bounds that are normal for the log odds of an area within (0, 1)."""
    from scipy.stats import norm

    width = float(norm.ppf((1 + level) / 2)) * error / (area * (1 - area))
    middle = math.log(area / (1 - area))
    low, high = (1 / (1 + math.exp(-middle - sign * width)) for sign in (-1, 1))
    return low, high


def score_bounds(
    area: float, n_cases: float, n_controls: float, *, level: float
) -> tuple[float, float]:
    """Return Newcombe's bounds of an area, his method 5.

    They hold the areas whose own standard error, by Hanley and McNeil with the mean of
    both sizes, is no less than their distance from the area found over z. So an area of
    1, and one of scores that are all the same, have an interval too.
    """
    low = _lower_bound(area, n_cases, n_controls, level)
    return low, 1 - _lower_bound(1 - area, n_cases, n_controls, level)


def _lower_bound(area: float, n_cases: float, n_controls: float, level: float) -> float:
    from scipy.optimize import brentq
    from scipy.stats import norm

    if area == 0:
        return 0.0
    weight = float(norm.ppf((1 + level) / 2)) ** 2 / (n_cases * n_controls)
    others = (n_cases + n_controls) / 2 - 1

    def excess(x: float) -> float:
        spread = 1 + others * (1 - x) / (2 - x) + others * x / (1 + x)
        if area == 1:  # Both sides divided by 1 - x, which is a second root.
            return (1 - x) - weight * x * spread
        return (area - x) ** 2 - weight * x * (1 - x) * spread

    return float(brentq(excess, 0.0, area))


def _highest_place(n_controls: int, alpha: float) -> int:
    """Return the lowest ranked control whom a new one exceeds with alpha or less."""
    # A unit in the last place must not decide about 0.001 of 1,000.
    return math.floor(alpha * (n_controls + 1) * (1 + 1e-12))


def _places(
    n_controls: int, size: float, alpha: float, sureness: float
) -> tuple[int, int]:
    """Return ranks whose false positive rates are surely below, and above, alpha.

    0 stands for a threshold above everyone, n + 1 for one below everyone. The size is
    the number of independent controls who would tell as much.
    """
    from scipy.stats import binom

    # The rate above rank j is Beta(j, n + 1 - j), so it is below alpha exactly if j or
    # more of n uniform numbers are.
    whole = max(int(size), 1)
    fewest = whole - int(binom.ppf(sureness, whole, 1 - alpha))
    most = int(binom.ppf(sureness, whole, alpha)) + 1
    return (
        math.floor(fewest * n_controls / whole),
        math.ceil(most * n_controls / whole),
    )


def _of_verdicts(
    measure: Measure,
    scores: tuple[npt.ArrayLike, npt.ArrayLike],
    groups: tuple[Any, Any],
    chosen_by: tuple[float | None, np.random.Generator | None],
    level: float,
) -> Estimate:
    """Estimate a measure of the verdict by a threshold, given or of other people."""
    check_fraction(level, name="confidence_level")
    threshold, rng = chosen_by
    at_least = 2 if threshold is None else 1
    members = read_scores(scores[0], name="member_scores", at_least=at_least)
    controls = read_scores(scores[1], name="control_scores", at_least=at_least)
    if threshold is not None:
        _check_given(threshold, rng)
        verdicts = (
            np.asarray(members >= threshold, dtype=float),
            np.asarray(controls >= threshold, dtype=float),
        )
        return estimate_verdicts(verdicts, groups, measure, level=level)
    check_rng(rng)
    assert rng is not None
    halves = (
        _half(members, groups[0], rng, "member"),
        _half(controls, groups[1], rng, "control"),
    )
    verdicts = cross_fitted_verdicts((members, controls), halves, measure)
    if measure is advantage:  # Linear in the rates: those of both together do.
        return estimate_verdicts(verdicts, groups, measure, level=level)
    return estimate_verdicts(verdicts, groups, measure, level=level, halves=halves)


def _check_given(threshold: float, rng: np.random.Generator | None) -> None:
    if rng is not None:
        raise ParameterError("threshold and rng must not both be given; got both")
    if not math.isfinite(threshold):
        raise ParameterError(f"threshold must be finite; got {threshold!r}")


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
    half = np.empty(len(scores), dtype=np.intp)
    half[order] = deal_halves(n_groups, rng)[codes]
    return half


def deal_halves(n: int, rng: np.random.Generator) -> Indices:
    """Return the half, 0 or 1, of each of n people."""
    half = np.empty(n, dtype=np.intp)
    half[rng.permutation(n)] = np.arange(n) % 2
    return half


def cross_fitted_verdicts(
    scores: Pair, halves: tuple[Indices, Indices], measure: Measure
) -> Pair:
    """Return who is called a member by the threshold that is best for the other half.

    Scores, halves and verdicts are pairs, of members and of controls. Best is where the
    measure is largest.
    """
    verdicts = np.zeros(len(scores[0])), np.zeros(len(scores[1]))
    for half in (0, 1):
        others = [side[part != half] for side, part in zip(scores, halves, strict=True)]
        threshold = _best_threshold(others[0], others[1], measure)
        for verdict, side, part in zip(verdicts, scores, halves, strict=True):
            verdict[part == half] = side[part == half] >= threshold
    return verdicts


def _best_threshold(members: Array, controls: Array, measure: Measure) -> float:
    """Return the score from which on a verdict has the largest measure."""
    candidates = np.unique(np.concatenate([members, controls]))
    rates = [_share_from(scores, candidates) for scores in (members, controls)]
    found = measure(rates[0], rates[1])
    return float(candidates[np.argmax(found)])


def _share_from(scores: Array, thresholds: Array) -> Array:
    """Return the share of scores that reach each threshold."""
    below = np.searchsorted(np.sort(scores), thresholds, side="left")
    return np.asarray(1 - below / len(scores))


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


def estimate_verdicts(
    verdicts: Pair,
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
    return within(value, float(low), float(high), level, n, least=-1.0)


def _value(
    measure: Measure, verdicts: Pair, halves: tuple[Indices, Indices] | None
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
