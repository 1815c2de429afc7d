"""Verdicts of membership: thresholds chosen on other people, rates and regions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._clusters import group_codes
from twinprivacy._single_sample import share_interval
from twinprivacy._types import Array, Indices
from twinprivacy.errors import DataError
from twinprivacy.estimates import Estimate

Pair = tuple[Array, Array]
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


def cross_fitted_verdicts(
    members: Array,
    controls: Array,
    groups: tuple[Any, Any],
    *,
    measure: Measure,
    rng: np.random.Generator,
) -> tuple[Pair, tuple[Indices, Indices]]:
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
    return Estimate(value, min(float(low), value), max(float(high), value), level, n)


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
