"""The risk of single persons: their own signals inside against outside."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy.errors import DataError
from twinprivacy.estimates import means, operating_points
from twinprivacy.estimates.differences import paired_difference
from twinprivacy.estimates.estimate import Estimate, wilson_interval
from twinprivacy.estimates.means import share_interval
from twinprivacy.estimates.operating_points import (
    logit_bounds,
    score_bounds,
    share_below,
)
from twinprivacy.estimates.verdicts import (
    Measure,
    advantage,
    best_threshold,
    estimate_verdicts,
    signed_bits,
)


def own_separation(targets: pd.DataFrame) -> pd.DataFrame:
    """Return each person's counts, area under the own curve and separation."""
    names, codes, member, signal = _rows(targets)
    n_in, n_out = _counts(codes, member, len(names))
    auc = _areas(codes, member, signal, n_in, n_out)
    mean_in, mean_out = (
        np.bincount(codes, signal * side, len(names)) / n
        for side, n in ((member, n_in), (~member, n_out))
    )
    rest = signal - np.where(member, mean_in[codes], mean_out[codes])
    var_in, var_out = (
        np.bincount(codes, rest**2 * side, len(names)) / (n - 1)
        for side, n in ((member, n_in), (~member, n_out))
    )
    spread, gap = np.sqrt((var_in + var_out) / 2), mean_in - mean_out
    # Rounding leaves a spread of answers that are all the same.
    is_flat = spread <= 1e-12 * np.maximum(np.abs(mean_in), np.abs(mean_out))
    certain = _certain(gap, mean_out)
    with np.errstate(divide="ignore", invalid="ignore"):
        separation = np.where(is_flat, certain, gap / spread)
    return pd.DataFrame(
        {"n_in": n_in, "n_out": n_out, "auc": auc, "separation": separation},
        index=names,
    )


def own_areas(targets: pd.DataFrame) -> Array:
    """Return the area under each person's own curve, of one round or more."""
    names, codes, member, signal = _rows(targets)
    n_in, n_out = _counts(codes, member, len(names), least=1)
    return _areas(codes, member, signal, n_in, n_out)


def pairing(targets: pd.DataFrame) -> float:
    """Return how much more areas vary than with independent rows, 1 at least.

    The two models of a round learn from complementary halves, so that what they say of
    a person may move apart. One person's rounds are too few to tell, so that all count:
    the variance of the influence of a round, as member and as another, over the sum of
    the two variances.
    """
    *_, signal = _rows(targets)
    pairs = read_targets(targets.assign(score=signal))
    if not isinstance(pairs, _Pairs):
        return 1.0
    codes, n = pairs.codes, len(pairs.codes)
    both = _ranks(np.tile(codes, 2), np.append(pairs.inside, pairs.outside))
    above = both[:n] - _ranks(codes, pairs.inside)
    below = _ranks(codes, pairs.outside) - both[n:]
    count = np.bincount(codes)
    above, below = (
        side - (np.bincount(codes, side) / count)[codes] for side in (above, below)
    )
    alone = float(above @ above + below @ below)
    return max(float(((above + below) ** 2).sum()) / alone, 1.0) if alone else 1.0


def area_bounds(
    area: Array, n_in: Indices, n_out: Indices, *, level: float, inflation: float = 1.0
) -> tuple[Array, Array]:
    """Return Newcombe's bounds, method 5, of many areas at once, by bisection.

    With a variance so many times that of independent rows.
    """
    from scipy.stats import norm

    z = float(norm.ppf((1 + level) / 2)) * np.sqrt(inflation)

    def lowest(found: Array) -> Array:
        low, high = np.zeros(len(found)), found.astype(float).copy()
        others = (n_in + n_out) / 2 - 1
        for _ in range(50):
            x = (low + high) / 2
            spread = 1 + others * (1 - x) / (2 - x) + others * x / (1 + x)
            error = z * np.sqrt(x * (1 - x) * spread / (n_in * n_out))
            is_below = found - x > error
            low, high = np.where(is_below, x, low), np.where(is_below, high, x)
        return np.asarray((low + high) / 2)

    return np.minimum(lowest(area), area), np.maximum(1 - lowest(1 - area), area)


def shares_by_chance(
    targets: pd.DataFrame,
    levels: Sequence[float],
    n_permutations: int,
    rng: np.random.Generator,
    confidence_level: float,
) -> pd.DataFrame:
    """Return shares of persons above levels, and the same with rounds shuffled."""
    names, codes, member, signal = _rows(targets)
    n_in, n_out = _counts(codes, member, len(names))
    reach = np.asarray(levels, dtype=float)
    area = _areas(codes, member, signal, n_in, n_out)
    ranks = _ranks(codes, signal)
    chance = np.zeros(len(reach))
    blocks = _blocks(targets, codes, member)
    home = np.lexsort((blocks, codes))
    for _ in range(n_permutations):
        shuffled = np.empty_like(member)
        shuffled[home] = member[np.lexsort((rng.random(len(codes)), blocks, codes))]
        shuffled_area = _areas_of(ranks, codes, shuffled, n_in, n_out)
        chance += (shuffled_area[:, None] >= reach).mean(axis=0) / n_permutations
    rows = []
    for level, count, by_chance in zip(
        reach, (area[:, None] >= reach).sum(axis=0), chance, strict=True
    ):
        found = wilson_interval(
            int(count), len(names), confidence_level=confidence_level
        )
        ends = (found.value, found.low, found.high)
        rows.append((level, *ends, by_chance, *(e - by_chance for e in ends), found.n))
    columns = "level share low high by_chance excess excess_low excess_high n"
    return pd.DataFrame(rows, columns=columns.split())


def _rows(
    targets: pd.DataFrame,
) -> tuple[pd.Index, npt.NDArray[np.intp], npt.NDArray[np.bool_], Array]:
    codes, names = pd.factorize(targets.index)
    column = "signal" if "signal" in targets.columns else "score"
    signal = targets[column].to_numpy(dtype=float)
    member = targets["member"].to_numpy(dtype=bool)
    return pd.Index(names, name="person"), codes.astype(np.intp), member, signal


def _blocks(
    targets: pd.DataFrame, codes: npt.NDArray[np.intp], member: npt.NDArray[np.bool_]
) -> npt.NDArray[np.intp]:
    """Return the rounds, if a person is in and out in each, within which to shuffle.

    The two models of a round learn from complementary halves, so that what they say of
    a person is not independent: to mix rounds would lose that.
    """
    rounds, _ = pd.factorize(targets["round"])
    cells, _ = pd.factorize(codes * (rounds.max() + 1) + rounds)
    has_both = [
        np.bincount(cells[side], minlength=cells.max() + 1).all()
        for side in (member, ~member)
    ]
    return np.asarray(rounds if all(has_both) else np.zeros_like(rounds), dtype=np.intp)


def _counts(
    codes: npt.NDArray[np.intp],
    member: npt.NDArray[np.bool_],
    n: int,
    *,
    least: int = 2,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    n_in, n_out = (np.bincount(codes[side], minlength=n) for side in (member, ~member))
    n_few = int((np.minimum(n_in, n_out) < least).sum())
    if n_few:
        often = "twice" if least == 2 else "once"
        raise DataError(
            f"everyone must be {often} a member and {often} not, in the rounds that "
            f"are used; {n_few} of {n} are not"
        )
    return n_in, n_out


def _ranks(codes: npt.NDArray[np.intp], signal: Array) -> Array:
    """Return mid-ranks of the signals within each person."""
    from scipy.stats import rankdata

    overall = rankdata(signal)
    order = np.lexsort((overall, codes))
    value, person = overall[order], codes[order]
    new = np.append(True, (np.diff(value) != 0) | (np.diff(person) != 0))
    first = np.flatnonzero(new)
    run = np.cumsum(new) - 1
    last = np.append(first[1:], len(order)) - 1
    start = np.searchsorted(person, np.arange(person[-1] + 1))
    ranks = np.empty(len(order))
    ranks[order] = (first[run] + last[run]) / 2 - start[person] + 1
    return ranks


def _areas(
    codes: npt.NDArray[np.intp],
    member: npt.NDArray[np.bool_],
    signal: Array,
    n_in: Indices,
    n_out: Indices,
) -> Array:
    return _areas_of(_ranks(codes, signal), codes, member, n_in, n_out)


def _areas_of(
    ranks: Array,
    codes: npt.NDArray[np.intp],
    member: npt.NDArray[np.bool_],
    n_in: Indices,
    n_out: Indices,
) -> Array:
    total = np.bincount(codes, ranks * member, len(n_in))
    return np.asarray((total - n_in * (n_in + 1) / 2) / (n_in * n_out))


def _certain(gap: Array, usual: Array) -> Array:
    """Return an infinite separation of answers that never vary, or none."""
    differs = np.abs(gap) > 1e-12 * np.abs(usual)
    return np.where(differs, np.where(gap > 0, np.inf, -np.inf), 0.0)


@dataclass(frozen=True, repr=False)
class _Pairs:
    """Scores of persons inside and outside the training data, pair by pair."""

    inside: Array
    outside: Array
    codes: npt.NDArray[np.intp]
    n_people: int

    def area(self, *, level: float) -> Estimate:
        """Return the area under the curve; the variance is Obuchowski's."""
        from scipy.stats import norm, t

        above = share_below(self.inside, self.outside)
        value = float(above.mean())
        below = 1 - share_below(self.outside, self.inside)
        # Influence of a person: as a member and as another, added up.
        influence = above + below
        variance = means.variance_of_mean(influence, self.codes, self.n_people)
        if variance > 0 and 0 < value < 1:
            tail = (1 + level) / 2
            # The variance is itself estimated, from so many persons.
            wider = float(t.ppf(tail, self.n_people - 1) / norm.ppf(tail))
            low, high = logit_bounds(value, math.sqrt(variance) * wider, level=level)
        else:
            low, high = score_bounds(value, self.n_people, self.n_people, level=level)
        return Estimate(value, min(low, value), max(high, value), level, self.n_people)

    def rate_at(self, alpha: float, *, level: float) -> Estimate:
        """Return the rate of members above a threshold set by the others."""
        people = (self.codes, self.codes)
        return _rate_of_people(self.inside, self.outside, people, alpha, level=level)

    def advantage(self, rng: np.random.Generator, *, level: float) -> Estimate:
        """Return the advantage of a threshold chosen on other people."""
        (inside, outside), _ = self._verdicts(advantage, rng)
        return paired_difference(
            inside, outside, confidence_level=level, groups=self.codes
        )

    def bits(self, rng: np.random.Generator, *, level: float) -> Estimate:
        """Return the bits of a verdict, its threshold chosen on other people."""
        verdicts, of_pair = self._verdicts(signed_bits, rng)
        found = estimate_verdicts(
            verdicts,
            (self.codes, self.codes),
            signed_bits,
            level=level,
            halves=(of_pair, of_pair),
        )
        return Estimate(found.value, found.low, found.high, level, self.n_people)

    def _verdicts(
        self, measure: Measure, rng: np.random.Generator
    ) -> tuple[tuple[Array, Array], npt.NDArray[np.intp]]:
        """Return who is called a member, inside and outside, and the half of each."""
        half = np.empty(self.n_people, dtype=np.intp)
        half[rng.permutation(self.n_people)] = np.arange(self.n_people) % 2
        of_pair = half[self.codes]
        inside, outside = np.zeros(len(of_pair)), np.zeros(len(of_pair))
        for part in (0, 1):
            rest, here = of_pair != part, of_pair == part
            threshold = best_threshold(self.inside[rest], self.outside[rest], measure)
            inside[here] = self.inside[here] >= threshold
            outside[here] = self.outside[here] >= threshold
        return (inside, outside), of_pair


@dataclass(frozen=True, repr=False)
class _Sides:
    """Scores of members and of others, independent of one another."""

    inside: Array
    outside: Array
    people_inside: npt.NDArray[np.intp]
    people_outside: npt.NDArray[np.intp]
    n_people: int

    def area(self, *, level: float) -> Estimate:
        """Return the area under the curve."""
        found = operating_points.area_under_curve(
            self.inside, self.outside, **self._groups(), confidence_level=level
        )
        return self._count(found)

    def rate_at(self, alpha: float, *, level: float) -> Estimate:
        """Return the rate of members above a threshold set by the others."""
        people = (self.people_inside, self.people_outside)
        if any(len(np.unique(codes)) < len(codes) for codes in people):
            found = _rate_of_people(
                self.inside, self.outside, people, alpha, level=level
            )
        else:
            found = operating_points.true_positive_rate_at(
                self.inside,
                self.outside,
                false_positive_rate=alpha,
                confidence_level=level,
            )
        return self._count(found)

    def advantage(self, rng: np.random.Generator, *, level: float) -> Estimate:
        """Return the advantage of a threshold chosen on other people."""
        found = operating_points.membership_advantage(
            self.inside, self.outside, rng=rng, **self._groups(), confidence_level=level
        )
        return self._count(found)

    def bits(self, rng: np.random.Generator, *, level: float) -> Estimate:
        """Return the bits of a verdict, its threshold chosen on other people."""
        found = operating_points.membership_bits(
            self.inside, self.outside, rng=rng, **self._groups(), confidence_level=level
        )
        return self._count(found)

    def _count(self, found: Estimate) -> Estimate:
        """Count who is on both sides, in other rounds, once."""
        return replace(found, n=self.n_people)

    def _groups(self) -> dict[str, Any]:
        return {
            "member_groups": self.people_inside,
            "control_groups": self.people_outside,
        }


def read_targets(targets: pd.DataFrame) -> _Pairs | _Sides:
    """Return the scores pair by pair, or of two sides where they do not pair off.

    In the order of persons, rounds and scores, so that the order of rows is nothing.
    """
    score = targets["score"].to_numpy(dtype=float)
    codes, rounds = _numbered(targets.index), _numbered(targets["round"])
    order = np.lexsort((score, rounds, codes))
    score, codes, rounds = score[order], codes[order], rounds[order]
    member = targets["member"].to_numpy(dtype=bool)[order]
    n_people = int(codes.max()) + 1
    if member.sum() == len(member) / 2 and all(
        np.array_equal(key[member], key[~member]) for key in (codes, rounds)
    ):
        return _Pairs(score[member], score[~member], codes[member], n_people)
    others = ~member
    return _Sides(score[member], score[others], codes[member], codes[others], n_people)


def _numbered(names: Any) -> npt.NDArray[np.intp]:
    """Return the place of each name among all, in their order if they have one."""
    try:
        codes, _ = pd.factorize(names, sort=True)
    except TypeError:
        codes, _ = pd.factorize(names)
    return np.asarray(codes, dtype=np.intp)


def _rate_of_people(
    inside: Array,
    outside: Array,
    people: tuple[Any, Any],
    alpha: float,
    *,
    level: float,
) -> Estimate:
    """Return the rate of members above a threshold set by the others.

    `people` says who the rows of either side are; n is the persons inside.
    """
    ordered = np.sort(outside)[::-1]
    n = len(ordered)
    place = math.floor(alpha * (n + 1) * (1 + 1e-12))
    codes, n_outside = means.group_codes(people[1], n)
    n_inside = means.group_codes(people[0], len(inside))[1]
    value = float((inside > ordered[place - 1]).mean()) if place else 0.0
    if min(n_inside, n_outside) < 2:
        return Estimate(value, 0.0, 1.0, level, n_inside)  # One tells of nobody else.
    flags = (outside >= ordered[max(place, 1) - 1]).astype(float)
    size = means.effective_size(flags, codes, n_outside, level=level)
    fewest, most = _places(n, size, alpha, level)

    def share(found: npt.NDArray[np.bool_]) -> Estimate:
        return share_interval(found, groups=people[0], confidence_level=level)

    above = (inside > ordered[fewest - 1]).mean() if fewest else 0.0
    below = (inside >= ordered[most - 1]).mean() if most <= n else 1.0
    if place == 0:
        highest = share(inside >= ordered[most - 1]).high if most <= n else 1.0
        return Estimate(0.0, 0.0, highest, level, n_inside)
    rate = share(inside > ordered[place - 1])
    drop = math.hypot(value - rate.low, value - above)
    rise = math.hypot(rate.high - value, below - value)
    low, high = max(value - drop, 0.0), min(value + rise, 1.0)
    return Estimate(value, low, high, level, n_inside)


def _places(n: int, size: float, alpha: float, level: float) -> tuple[int, int]:
    """Return ranks of others that are surely above, and below, the threshold.

    As for independent people, of whom there are so many that they would tell as much
    as these do.
    """
    from scipy.stats import binom

    whole, sure = max(int(size), 1), (1 + level) / 2
    fewest = whole - int(binom.ppf(sure, whole, 1 - alpha))
    most = int(binom.ppf(sure, whole, alpha)) + 1
    return math.floor(fewest * n / whole), math.ceil(most * n / whole)
