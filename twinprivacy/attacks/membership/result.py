"""What an attack on membership found: of all, and of groups."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Indices
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates.differences import paired_difference
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import variance_of_mean, within
from twinprivacy.estimates.operating_points import (
    Measure,
    Pair,
    advantage,
    area_under_curve,
    cross_fitted_verdicts,
    deal_halves,
    estimate_verdicts,
    logit_bounds,
    membership_advantage,
    membership_bits,
    score_bounds,
    share_below,
    signed_bits,
    true_positive_rate_at,
)
from twinprivacy.tables import check_table, finite_floats

__all__ = [
    "MembershipResult",
]


@dataclass(frozen=True, eq=False, repr=False)
class MembershipResult:
    """Hold the scores of one attack on membership.

    Intervals count persons, not rows. Where each person is seen as a member and as
    another in the same rounds, they are of differences within persons; they hold the
    chance of whom the cohort holds, not that of another cohort.

    Attributes
    ----------
    targets : pandas.DataFrame
        One row a person and round, the person in the index: member; score, the higher
        the more likely a member; round; perhaps signal, the evidence before it is
        compared with what is usual for this person; and columns of groups. No record.
    attack : str
        What the attacker did.

    Raises
    ------
    DataError
        For targets without both members and others, someone without a name, or scores
        or members that are not what they should be.

    Examples
    --------
    >>> targets = pd.DataFrame(
    ...     {"member": [True, True, False, False], "score": [2.0, 1.0, 1.5, 0.0]})
    >>> found = MembershipResult(targets, "loss")
    >>> found
    MembershipResult(attack='loss', people=4, rounds=1, auc=0.750)
    >>> found.area_under_curve().value
    0.75
    """

    targets: pd.DataFrame
    attack: str

    def __post_init__(self) -> None:
        """Refuse targets that lack a side or a score."""
        check_table(self.targets, name="targets", columns=("member", "score"))
        if "round" not in self.targets.columns:
            object.__setattr__(self, "targets", self.targets.assign(round=0))
        _check_targets(self.targets)

    def __repr__(self) -> str:
        """Show the size and the area under the curve, and nobody."""
        return (
            f"MembershipResult(attack={self.attack!r}, "
            f"people={self.targets.index.nunique()}, "
            f"rounds={self.targets['round'].nunique()}, "
            f"auc={self.area_under_curve().value:.3f})"
        )

    def area_under_curve(self, *, confidence_level: float = 0.95) -> Estimate:
        """Estimate the probability that a member has a higher score than another.

        Parameters
        ----------
        confidence_level : float
            Two-sided coverage, strictly between 0 and 1.

        Returns
        -------
        Estimate
            In [0, 1], 0.5 for no leak; n is the number of persons.

        References
        ----------
        Obuchowski (1997), doi:10.2307/2533958, and as
        `twinprivacy.estimates.area_under_curve`.
        """
        check_fraction(confidence_level, name="confidence_level")
        scores = _read_scores(self.targets)
        if scores.is_paired:
            return _area_of_pairs(scores, level=confidence_level)
        found = area_under_curve(
            *scores.sides, **scores.groups, confidence_level=confidence_level
        )
        return replace(found, n=scores.n_people)

    def true_positive_rate_at(
        self, false_positive_rate: float, *, confidence_level: float = 0.95
    ) -> Estimate:
        """Estimate the share of members found where few others are accused.

        Parameters
        ----------
        false_positive_rate : float
            Share of others accused, strictly between 0 and 1.
        confidence_level : float
            Two-sided coverage, strictly between 0 and 1.

        Returns
        -------
        Estimate
            In [0, 1]; as `twinprivacy.estimates.true_positive_rate_at`, whose interval
            allows for the threshold, with groups of a person's rounds.
        """
        scores = _read_scores(self.targets)
        # Persons of one row each, on one side, are independent.
        groups = scores.groups if scores.is_paired or scores.has_rounds else {}
        found = true_positive_rate_at(
            *scores.sides,
            **groups,
            false_positive_rate=false_positive_rate,
            confidence_level=confidence_level,
        )
        return replace(found, n=scores.n_people)

    def advantage(
        self, *, rng: np.random.Generator, confidence_level: float = 0.95
    ) -> Estimate:
        """Estimate the true minus the false positive rate at the best threshold.

        Parameters
        ----------
        rng : numpy.random.Generator
            Deals the persons into halves, each judged by the threshold that is best for
            the other: noise has no advantage.
        confidence_level : float
            Two-sided coverage, strictly between 0 and 1.

        Returns
        -------
        Estimate
            In [-1, 1].

        References
        ----------
        Yeom et al. (2018), doi:10.1109/CSF.2018.00027.
        """
        check_fraction(confidence_level, name="confidence_level")
        check_rng(rng)
        scores, level = _read_scores(self.targets), confidence_level
        if scores.is_paired:
            verdicts, _ = _verdicts_of_pairs(scores, advantage, rng)
            return paired_difference(
                *verdicts, confidence_level=level, groups=scores.people[0]
            )
        found = membership_advantage(
            *scores.sides, rng=rng, **scores.groups, confidence_level=level
        )
        return replace(found, n=scores.n_people)

    def bits(
        self, *, rng: np.random.Generator, confidence_level: float = 0.95
    ) -> Estimate:
        """Estimate the information of the verdict about membership, at even odds.

        Parameters
        ----------
        rng, confidence_level
            As for `advantage`.

        Returns
        -------
        Estimate
            In bits per person, in [-1, 1], as `membership_bits`.
        """
        check_fraction(confidence_level, name="confidence_level")
        check_rng(rng)
        scores, level = _read_scores(self.targets), confidence_level
        if scores.is_paired:
            verdicts, half = _verdicts_of_pairs(scores, signed_bits, rng)
            found = estimate_verdicts(
                verdicts, scores.people, signed_bits, level=level, halves=(half, half)
            )
        else:
            found = membership_bits(
                *scores.sides, rng=rng, **scores.groups, confidence_level=level
            )
        return replace(found, n=scores.n_people)

    def by_group(
        self,
        column: str,
        *,
        false_positive_rate: float = 0.01,
        confidence_level: float = 0.95,
    ) -> pd.DataFrame:
        """Return how well members of each group are told from others of that group.

        Parameters
        ----------
        column : str
            Of `targets`.
        false_positive_rate : float
            Within the group, strictly between 0 and 1.
        confidence_level : float
            Two-sided coverage, strictly between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            Columns group, n, auc, auc_low, auc_high, true_positive_rate, tpr_low,
            tpr_high. Who lacks the column are a group too, missing and last. Groups
            without both members and others are left out.

        Raises
        ------
        ParameterError
            For a column that `targets` lacks.
        """
        if column not in self.targets.columns:
            raise ParameterError(f"column must be one of targets; got {column!r}")
        rows = []
        for group, part in self.targets.groupby(column, observed=True, dropna=False):
            if part["member"].nunique() < 2:
                continue
            found = MembershipResult(part, self.attack)
            auc = found.area_under_curve(confidence_level=confidence_level)
            tpr = found.true_positive_rate_at(
                false_positive_rate, confidence_level=confidence_level
            )
            ends = (auc.value, auc.low, auc.high, tpr.value, tpr.low, tpr.high)
            rows.append((group, auc.n, *ends))
        names = "group n auc auc_low auc_high true_positive_rate tpr_low tpr_high"
        return pd.DataFrame(rows, columns=names.split())


def _check_targets(targets: pd.DataFrame) -> None:
    """Raise unless persons have names, sides and scores, without showing any."""
    n = len(targets)
    n_nameless = int(pd.isna(targets.index.to_numpy()).sum())
    if n_nameless:
        raise DataError(
            f"targets must name everyone in the index; got {n_nameless} of {n} missing"
        )
    n_bad = int((~targets["member"].isin([True, False])).sum())
    if n_bad:
        raise DataError(f"member must be true or false; got {n_bad} of {n} others")
    for column in targets.columns.intersection(["score", "signal"]):
        finite_floats(targets[column], name=column)
    n_members = int(targets["member"].sum())
    if not 0 < n_members < n:
        raise DataError(
            f"targets must hold members and others; got {n_members} members of {n}"
        )


@dataclass(frozen=True, repr=False)
class _Scores:
    """Scores of members and of others, and whose they are.

    Paired if each row of a side is the same person and round as that of the other.
    """

    sides: Pair
    people: tuple[Indices, Indices]
    n_people: int
    is_paired: bool

    @property
    def groups(self) -> dict[str, Any]:
        """Whose they are, as the estimates take it."""
        return {"member_groups": self.people[0], "control_groups": self.people[1]}

    @property
    def has_rounds(self) -> bool:
        """Whether somebody has several rows on a side."""
        return any(len(np.unique(codes)) < len(codes) for codes in self.people)


def _read_scores(targets: pd.DataFrame) -> _Scores:
    """Return the scores in the order of persons, rounds and scores, not of rows."""
    score = targets["score"].to_numpy(dtype=float)
    codes, rounds = _numbered(targets.index), _numbered(targets["round"])
    order = np.lexsort((score, rounds, codes))
    score, codes, rounds = score[order], codes[order], rounds[order]
    member = targets["member"].to_numpy(dtype=bool)[order]
    is_paired = member.sum() == len(member) / 2 and all(
        np.array_equal(key[member], key[~member]) for key in (codes, rounds)
    )
    sides, people = ((v[member], v[~member]) for v in (score, codes))
    return _Scores(sides, people, int(codes.max()) + 1, bool(is_paired))


def _numbered(names: Any) -> Indices:
    """Return the place of each name among all, in their order if they have one."""
    try:
        codes, _ = pd.factorize(names, sort=True)
    except TypeError:
        codes, _ = pd.factorize(names)
    return np.asarray(codes, dtype=np.intp)


def _area_of_pairs(scores: _Scores, *, level: float) -> Estimate:
    """Return the area under the curve; the variance is Obuchowski's."""
    from scipy.stats import norm, t

    (inside, outside), n = scores.sides, scores.n_people
    above = share_below(inside, outside)
    value = float(above.mean())
    # Influence of a person: as a member and as another, added up.
    influence = above + (1 - share_below(outside, inside))
    variance = variance_of_mean(influence, scores.people[0], n)
    if variance > 0 and 0 < value < 1:
        tail = (1 + level) / 2
        # The variance is itself estimated, from so many persons.
        wider = float(t.ppf(tail, n - 1) / norm.ppf(tail))
        low, high = logit_bounds(value, math.sqrt(variance) * wider, level=level)
    else:
        low, high = score_bounds(value, n, n, level=level)
    return within(value, low, high, level, n, least=0.0)


def _verdicts_of_pairs(
    scores: _Scores, measure: Measure, rng: np.random.Generator
) -> tuple[Pair, Indices]:
    """Return who is called a member, inside and outside, and the half of each pair."""
    half = deal_halves(scores.n_people, rng)[scores.people[0]]
    return cross_fitted_verdicts(scores.sides, (half, half), measure), half
