"""What a linkage found: ranks, rates, their chance and bits, with intervals."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Flags, Indices
from twinprivacy._validation import check_choice, check_fraction
from twinprivacy.errors import FitError, ParameterError
from twinprivacy.estimates import means
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import mean_interval, share_interval

__all__ = [
    "LinkageResult",
]


RATIO = ("distance", "ratio")


@dataclass(frozen=True, eq=False, repr=False)
class LinkageResult:
    r"""Hold the outcome of one linkage: a row for each target, and what follows.

    A target is right at rank k in expectation over a random order of candidates that
    are equally near: if r others are nearer and t are as near as the own record (itself
    included), :math:`\min(\max(k - r, 0) / t, 1)`. So a table without information
    links at chance, in whatever order its rows come.

    Attributes
    ----------
    method : str
        How candidates were compared.
    n_candidates : int
        People in the gallery.
    targets : pandas.DataFrame
        One row a target: nearest (label of the nearest candidate; missing where several
        are equally near), distance, n_nearest (how many are), second_distance,
        in_gallery, own_distance, other_distance (nearest of all others), n_nearer,
        n_tied (candidates as near as the own, itself included), rank (mean over orders
        of the tied), bits (log2 of P(own) over chance; missing where not asked for),
        assigned and assigned_right (with ``one_to_one``).
    groups : numpy.ndarray
        Number of the person behind each target.
    temperature : float
        Likeliest temperature of the softmax of costs over all targets; infinite where
        distances tell nothing, nan where bits were not asked for.
    chains : numpy.ndarray, optional
        With ``one_to_one``, a number for each target, the same for people who were
        given one another's records, in swaps or longer chains.
    """

    method: str
    n_candidates: int
    targets: pd.DataFrame
    groups: npt.NDArray[np.intp]
    temperature: float = math.nan
    chains: npt.NDArray[np.intp] | None = None

    def __repr__(self) -> str:
        """Show how many were looked for among how many, and nobody."""
        n_in = int(self.targets["in_gallery"].sum())
        rate = f", rank 1 {self.rank_rate(1).value:.3f}" if n_in else ""
        return (
            f"LinkageResult(method={self.method!r}, n_targets={len(self.targets)}, "
            f"n_in_gallery={n_in}, n_candidates={self.n_candidates}{rate})"
        )

    def rank_rate(self, k: int = 1, *, confidence_level: float = 0.95) -> Estimate:
        """Estimate the share of people in the gallery found among the k nearest.

        Parameters
        ----------
        k : int
            Length of the list, 1 or more.
        confidence_level : float
            Two-sided coverage, strictly between 0 and 1.

        Returns
        -------
        Estimate
            Wilson's interval, of the rate among other people than these against this
            gallery; persons with several targets are sampled whole.

        Raises
        ------
        ParameterError
            If k or the level is outside its range.
        FitError
            If no target is in the gallery.
        """
        inside = self._inside()
        return rate_of(self._success(k), self.groups[inside], confidence_level)

    def chance(self, k: int = 1) -> float:
        """Return the rate of somebody who guesses k candidates at random: k / n."""
        return min(_check_rank(k) / self.n_candidates, 1.0)

    def gain(self, k: int = 1, *, confidence_level: float = 0.95) -> Estimate:
        """Estimate the rank rate minus chance, which is known exactly.

        Parameters
        ----------
        k : int
            Length of the list, 1 or more.
        confidence_level : float
            Two-sided coverage, strictly between 0 and 1.

        Returns
        -------
        Estimate
            The interval of `rank_rate`, moved by the chance.

        Raises
        ------
        ParameterError
            If k or the level is outside its range.
        FitError
            If no target is in the gallery.
        """
        chance = self.chance(k)
        rate = self.rank_rate(k, confidence_level=confidence_level)
        return Estimate(
            rate.value - chance,
            rate.low - chance,
            rate.high - chance,
            confidence_level,
            rate.n,
        )

    def bits(self, *, confidence_level: float = 0.95) -> Estimate:
        r"""Estimate the mean of log2 P(own | distances) - log2(1 / n).

        P is a softmax of minus the costs over the temperature that suits all other
        people's targets best, so that nobody calibrates the own evidence. The mean may
        fall below 0: then the distances mislead.

        Parameters
        ----------
        confidence_level : float
            Two-sided coverage, strictly between 0 and 1.

        Returns
        -------
        Estimate
            Student's interval of the mean over people. Calibration costs a little:
            where nothing is told, the interval at 95 % lies wholly below 0 in one table
            of seven or so (of `link_scores`, in four), and hardly ever above.

        Raises
        ------
        FitError
            If no target is in the gallery or bits were not computed.
        """
        inside = self._inside()
        values = self.targets["bits"].to_numpy(dtype=float)[inside]
        if np.isnan(values).any():
            raise FitError("bits were not computed: call link_records with bits=True")
        groups = self.groups[inside]
        return mean_interval(values, groups=groups, confidence_level=confidence_level)

    def assignment_rate(self, *, confidence_level: float = 0.95) -> Estimate:
        """Estimate the share of people in the gallery whom the assignment named.

        Parameters
        ----------
        confidence_level : float
            Two-sided coverage, strictly between 0 and 1.

        Returns
        -------
        Estimate
            Wilson's interval of the rate among other people than these. Whoever is
            given another's record takes it from them, so chains of such people are
            sampled whole: it covers more often than stated where most are wrong, and
            there is none where one chain holds everybody.

        Raises
        ------
        FitError
            If no target is in the gallery or there was no assignment.
        """
        inside = self._inside()
        if "assigned" not in self.targets:
            raise FitError(
                "there is no assignment: call link_records with one_to_one=True"
            )
        right = self.targets["assigned_right"].to_numpy(dtype=float)[inside]
        whole = self.groups if self.chains is None else self.chains
        found = rate_of(right, whole[inside], confidence_level)
        return replace(found, n=len(np.unique(self.groups[inside])))

    def identification_at(
        self,
        *,
        false_alarm_rate: float = 0.01,
        evidence: str = "distance",
        absent: str = "targets",
        confidence_level: float = 0.95,
    ) -> Estimate:
        r"""Estimate the share identified when few absent people may be.

        A target is named when its evidence is at most a threshold, and identified when
        the name is also right. The threshold is the largest at which no more than
        `false_alarm_rate` of the people who are absent from the gallery are named.

        Parameters
        ----------
        false_alarm_rate : float
            Strictly between 0 and 1.
        evidence : {"distance", "ratio"}
            The least distance, or its ratio to the second (not of weights, which may
            be below 0).
        absent : {"targets", "removed"}
            Who is absent: the targets without a record in the gallery, or those with
            one once it is removed from the gallery.
        confidence_level : float
            Two-sided coverage, strictly between 0 and 1.

        Returns
        -------
        Estimate
            The interval is of the rate at the threshold whose true rate of false alarms
            is as stated: Wilson's bounds at the ends of an interval of the threshold,
            each at half the error, so it covers more often than stated. Absent persons
            with several targets count at most once each. Its lower end is 0 where the
            absent are too few to bound so rare an alarm. The value is at the threshold
            of the absent at hand, beyond which 1 in n + 1 of others fall: with a
            handful of them it is too high.

        Raises
        ------
        ParameterError
            If a setting is outside its range.
        FitError
            If there is nobody in the gallery, or nobody absent.
        """
        check_fraction(false_alarm_rate, name="false_alarm_rate")
        check_fraction(confidence_level, name="confidence_level")
        inside = self._inside()
        scores, success = self._evidence(evidence)
        alarms = self._alarms(evidence, absent)
        return _identification(
            scores,
            success,
            alarms,
            self.groups[inside],
            absent=self.groups[inside if absent == "removed" else ~inside],
            false_alarm_rate=false_alarm_rate,
            level=confidence_level,
        )

    def _evidence(self, evidence: str) -> tuple[Array, Array]:
        """Return the evidence and the chance to be right of those in the gallery."""
        allowed = ("distance",) if self.method == "fellegi_sunter" else RATIO
        check_choice(evidence, name="evidence", allowed=allowed)
        inside = self._inside()
        part = self.targets[inside]
        found = _score(part["distance"], part["second_distance"], evidence)
        return found, self._success(1)

    def _alarms(self, evidence: str, absent: str) -> Array:
        """Return the evidence of absent people."""
        check_choice(absent, name="absent", allowed=("targets", "removed"))
        inside = self.targets["in_gallery"].to_numpy()
        if absent == "targets":
            part = self.targets[~inside]
            found = _score(part["distance"], part["second_distance"], evidence)
        elif evidence == "ratio":
            raise ParameterError("evidence 'ratio' needs absent='targets'")
        else:
            found = self.targets.loc[inside, "other_distance"].to_numpy(dtype=float)
        if not found.size or not np.isfinite(found).all():
            raise FitError(
                "nobody is absent: give targets without truth, or absent='removed' "
                "with 2 candidates or more"
            )
        return found

    def _inside(self) -> Flags:
        """Return who is in the gallery; refuse a linkage of nobody."""
        inside: Flags = self.targets["in_gallery"].to_numpy(dtype=bool)
        if not inside.any():
            raise FitError("no target is known to be in the gallery: give truth")
        return inside

    def _success(self, k: int) -> Array:
        """Return the chance of each target in the gallery to be among the k nearest."""
        part = self.targets[self._inside()]
        ahead = part["n_nearer"].to_numpy(dtype=float)
        tied = part["n_tied"].to_numpy(dtype=float)
        success: Array = np.clip((_check_rank(k) - ahead) / tied, 0.0, 1.0)
        return success


def rate_of(success: Array, groups: npt.NDArray[np.intp], level: float) -> Estimate:
    """Return a rate of chances in [0, 1], with Wilson's interval over people."""
    from statsmodels.stats.proportion import proportion_confint

    check_fraction(level, name="confidence_level")
    codes, n_groups = means.group_codes(groups, success.size)
    single = n_groups == success.size
    if np.isin(success, (0.0, 1.0)).all():
        return share_interval(
            success, groups=None if single else groups, confidence_level=level
        )
    value = float(success.mean())
    if single:
        # Ties vary less than the coin that would break them: the interval is wide.
        size = float(success.size)
    elif n_groups < 2:
        return Estimate(value, math.nan, math.nan, level, n_groups)
    else:
        size = means.effective_size(success, codes, n_groups, level=level)
    low, high = proportion_confint(value * size, size, alpha=1 - level, method="wilson")
    low, high = min(float(low), value), max(float(high), value)
    return Estimate(value, low, high, level, n_groups)


def _identification(
    scores: Array,
    success: Array,
    alarms: Array,
    groups: Indices,
    *,
    absent: Indices,
    false_alarm_rate: float,
    level: float,
) -> Estimate:
    """Return the rate at a rate of false alarms, both being uncertain."""
    from scipy.stats import binom

    ordered, half = np.sort(alarms), (1 + level) / 2
    tail, n = (1 - half) / 2, alarms.size
    n_at = math.floor(false_alarm_rate * n + 1e-9)
    named = (alarms < _threshold_below(ordered, n_at)).astype(float)
    size = _independent(named, absent, half)
    ends = [int(binom.ppf(q, size, false_alarm_rate)) for q in (tail, 1 - tail)]
    # Outward to whole alarms, where the rows of one person count together.
    n_low, n_high = ends[0] * n // size, -(-ends[1] * n // size)
    at_low, at, at_high = (
        rate_of(success * (scores < _threshold_below(ordered, n)), groups, half)
        for n in (n_low - 1, n_at, n_high)
    )
    if math.isnan(at.low):
        return Estimate(at.value, math.nan, math.nan, level, at.n)
    low = 0.0 if n_low == 0 else min(at_low.low, at.value)
    return Estimate(at.value, low, max(at_high.high, at.value), level, at.n)


def _independent(named: Array, people: Indices, level: float) -> int:
    """Return how many independent alarms tell as much; at most one a person."""
    codes, n_people = means.group_codes(people, named.size)
    if n_people in (1, named.size):
        return n_people
    size = means.effective_size(named, codes, n_people, level=level)
    return max(int(min(size, n_people)), 1)


def chained(people: Indices, own: Indices, assigned: Indices) -> Indices:
    """Return one number for all targets whose people lost their record to another.

    Whoever is given another's record takes it from them: such errors come in chains.
    A row below 0 stands for none.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first = int(people.max()) + 1
    rows = np.concatenate([own, assigned])
    known = rows >= 0
    ends = np.tile(people, 2)[known], first + rows[known]
    size = first + int(rows.max(initial=-1)) + 1
    graph = coo_array((np.ones(ends[0].size), ends), shape=(size, size))
    label: Indices = connected_components(graph, directed=False)[1].astype(np.intp)
    return label[people]


def _score(first: Any, second: Any, evidence: str) -> Array:
    """Return what a threshold is set on: small where a name is likely."""
    one = np.asarray(first, dtype=float)
    if evidence == "distance":
        return one
    two = np.asarray(second, dtype=float)
    # Two at distance 0 are as good as each other.
    ratio: Array = np.divide(one, two, out=np.ones_like(one), where=two > 0)
    return ratio


def _threshold_below(alarms: Array, n: int) -> float:
    """Return the threshold below which n of the sorted alarms lie."""
    if n < 0:
        return -math.inf
    return float(alarms[n]) if n < alarms.size else math.inf


def _check_rank(k: int) -> int:
    """Raise unless k is a rank."""
    if not k >= 1:
        raise ParameterError(f"k must be 1 or more; got {k!r}")
    return int(k)
