"""Measures of membership where each person is seen both as a member and as another.

The rows come in pairs, of one person in one round. What a person is like is then in
both rows, so intervals are of differences within persons, and persons are counted, not
pairs.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import _clusters, operating_points
from twinprivacy._areas import logit_bounds, score_bounds, share_below
from twinprivacy._verdicts import (
    Measure,
    advantage,
    best_threshold,
    estimate_verdicts,
    signed_bits,
)
from twinprivacy.differences import paired_difference, share_interval
from twinprivacy.estimates import Estimate

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Pairs:
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
        variance = _clusters.variance_of_mean(influence, self.codes, self.n_people)
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
        ordered = np.sort(self.outside)[::-1]
        n = len(ordered)
        place = math.floor(alpha * (n + 1) * (1 + 1e-12))
        fewest, most = self._places(ordered, place, alpha, level)
        above = (self.inside > ordered[fewest - 1]).mean() if fewest else 0.0
        below = (self.inside >= ordered[most - 1]).mean() if most <= n else 1.0
        if place == 0:
            found = self.inside >= ordered[min(most, n) - 1]
            highest = self._share(found, level).high if most <= n else 1.0
            return Estimate(0.0, 0.0, highest, level, self.n_people)
        rate = self._share(self.inside > ordered[place - 1], level)
        drop = math.hypot(rate.value - rate.low, rate.value - above)
        rise = math.hypot(rate.high - rate.value, below - rate.value)
        low, high = max(rate.value - drop, 0.0), min(rate.value + rise, 1.0)
        return Estimate(rate.value, low, high, level, self.n_people)

    def advantage(self, rng: np.random.Generator, *, level: float) -> Estimate:
        """Return the advantage of a threshold chosen on other people."""
        inside, outside = self._verdicts(advantage, rng)
        return paired_difference(
            inside, outside, confidence_level=level, groups=self.codes
        )

    def bits(self, rng: np.random.Generator, *, level: float) -> Estimate:
        """Return the bits of a verdict, its threshold chosen on other people."""
        verdicts = self._verdicts(signed_bits, rng)
        found = estimate_verdicts(
            verdicts, (self.codes, self.codes), signed_bits, level=level
        )
        return Estimate(found.value, found.low, found.high, level, self.n_people)

    def _share(self, found: npt.NDArray[np.bool_], level: float) -> Estimate:
        return share_interval(found, groups=self.codes, confidence_level=level)

    def _places(
        self, ordered: Array, place: int, alpha: float, level: float
    ) -> tuple[int, int]:
        """Return ranks of others that are surely above, and below, the threshold.

        As for independent people, of whom there are so many that they would tell as
        much as these pairs do.
        """
        from scipy.stats import binom

        n = len(ordered)
        flags = (self.outside >= ordered[max(place, 1) - 1]).astype(float)
        size = max(
            _clusters.effective_size(flags, self.codes, self.n_people, level=level), 1.0
        )
        whole, sure = max(int(size), 1), (1 + level) / 2
        fewest = whole - int(binom.ppf(sure, whole, 1 - alpha))
        most = int(binom.ppf(sure, whole, alpha)) + 1
        return math.floor(fewest * n / whole), math.ceil(most * n / whole)

    def _verdicts(
        self, measure: Measure, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        half = np.empty(self.n_people, dtype=np.intp)
        half[rng.permutation(self.n_people)] = np.arange(self.n_people) % 2
        of_pair = half[self.codes]
        inside, outside = np.zeros(len(of_pair)), np.zeros(len(of_pair))
        for part in (0, 1):
            rest, here = of_pair != part, of_pair == part
            threshold = best_threshold(self.inside[rest], self.outside[rest], measure)
            inside[here] = self.inside[here] >= threshold
            outside[here] = self.outside[here] >= threshold
        return inside, outside


@dataclass(frozen=True, repr=False)
class Sides:
    """Scores of members, and of others who are other people."""

    inside: Array
    outside: Array
    people_inside: npt.NDArray[np.intp]
    people_outside: npt.NDArray[np.intp]

    def area(self, *, level: float) -> Estimate:
        """Return the area under the curve."""
        return operating_points.area_under_curve(
            self.inside, self.outside, **self._groups(), confidence_level=level
        )

    def rate_at(self, alpha: float, *, level: float) -> Estimate:
        """Return the rate of members above a threshold set by the others."""
        return operating_points.true_positive_rate_at(
            self.inside,
            self.outside,
            false_positive_rate=alpha,
            confidence_level=level,
        )

    def advantage(self, rng: np.random.Generator, *, level: float) -> Estimate:
        """Return the advantage of a threshold chosen on other people."""
        return operating_points.membership_advantage(
            self.inside, self.outside, rng=rng, **self._groups(), confidence_level=level
        )

    def bits(self, rng: np.random.Generator, *, level: float) -> Estimate:
        """Return the bits of a verdict, its threshold chosen on other people."""
        return operating_points.membership_bits(
            self.inside, self.outside, rng=rng, **self._groups(), confidence_level=level
        )

    def _groups(self) -> dict[str, Any]:
        return {
            "member_groups": self.people_inside,
            "control_groups": self.people_outside,
        }


def read_targets(targets: pd.DataFrame) -> Pairs | Sides:
    """Return the scores pair by pair, or of two sides where they do not pair off."""
    codes, people = pd.factorize(targets.index)
    score = targets["score"].to_numpy(dtype=float)
    rounds = targets["round"].to_numpy()
    member = targets["member"].to_numpy(dtype=bool)
    sides = (member, ~member)
    if member.sum() == len(member) / 2 and all(
        np.array_equal(key[member], key[~member]) for key in (codes, rounds)
    ):
        return Pairs(score[member], score[~member], codes[member], len(people))
    return Sides(*(score[s] for s in sides), *(codes[s] for s in sides))
