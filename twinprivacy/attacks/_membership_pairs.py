"""Measures of membership where each person is seen both as a member and as another.

The rows come in pairs, of one person in one round. What a person is like is then in
both rows, so intervals are of differences within persons, and persons are counted, not
pairs.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import _clusters, operating_points
from twinprivacy._areas import logit_bounds, score_bounds, share_below
from twinprivacy._types import Array
from twinprivacy._verdicts import (
    Measure,
    advantage,
    best_threshold,
    estimate_verdicts,
    signed_bits,
)
from twinprivacy.attacks._membership_rates import rate_of_people
from twinprivacy.differences import paired_difference
from twinprivacy.estimates import Estimate


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
        people = (self.codes, self.codes)
        return rate_of_people(self.inside, self.outside, people, alpha, level=level)

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
class Sides:
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
            found = rate_of_people(
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


def read_targets(targets: pd.DataFrame) -> Pairs | Sides:
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
        return Pairs(score[member], score[~member], codes[member], n_people)
    others = ~member
    return Sides(score[member], score[others], codes[member], codes[others], n_people)


def _numbered(names: Any) -> npt.NDArray[np.intp]:
    """Return the place of each name among all, in their order if they have one."""
    try:
        codes, _ = pd.factorize(names, sort=True)
    except TypeError:
        codes, _ = pd.factorize(names)
    return np.asarray(codes, dtype=np.intp)
