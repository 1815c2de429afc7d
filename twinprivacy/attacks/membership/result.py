"""What an attack on membership found: of all, of groups, and of each patient."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.attacks.membership.observed import check_targets
from twinprivacy.attacks.membership.patients import (
    area_bounds,
    own_separation,
    pairing,
    read_targets,
)
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.operating_points import roc_curve

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
        lacking = [c for c in ("member", "score") if c not in self.targets.columns]
        if lacking:
            raise DataError(f"targets must have the columns {', '.join(lacking)}")
        if "round" not in self.targets.columns:
            object.__setattr__(self, "targets", self.targets.assign(round=0))
        check_targets(self.targets)
        score, n_members = self.targets["score"], int(self.targets["member"].sum())
        if not 0 < n_members < len(score):
            raise DataError(
                f"targets must hold members and others; got {n_members} members of "
                f"{len(score)}"
            )

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
        Obuchowski (1997), doi:10.2307/2533958, and as `area_under_curve` of
        `operating_points`.
        """
        check_fraction(confidence_level, name="confidence_level")
        return read_targets(self.targets).area(level=confidence_level)

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
            In [0, 1]; the interval allows for the threshold, as that of
            `true_positive_rate_at` of `operating_points`, with as many independent
            people as would tell as much as these persons in their rounds.
        """
        check_fraction(confidence_level, name="confidence_level")
        check_fraction(false_positive_rate, name="false_positive_rate")
        scores = read_targets(self.targets)
        return scores.rate_at(false_positive_rate, level=confidence_level)

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
        return read_targets(self.targets).advantage(rng, level=confidence_level)

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
        return read_targets(self.targets).bits(rng, level=confidence_level)

    def roc(self) -> pd.DataFrame:
        """Return the curve of true against false positives.

        Returns
        -------
        pandas.DataFrame
            As `roc_curve`: false_positive_rate, true_positive_rate, threshold.
        """
        scores = read_targets(self.targets)
        return roc_curve(scores.inside, scores.outside)

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
            rows.append((group, auc.n, *_three(auc), *_three(tpr)))
        names = "group n auc auc_low auc_high true_positive_rate tpr_low tpr_high"
        return pd.DataFrame(rows, columns=names.split())

    def patient_risk(self, *, confidence_level: float = 0.95) -> pd.DataFrame:
        r"""Return how well each person's own membership is told, over the rounds.

        A person's own signals when in the training are compared with those when out:
        the area under that person's curve, and the separation
        :math:`d = (\bar x_{in} - \bar x_{out}) / s`, s the root of the mean variance.

        Parameters
        ----------
        confidence_level : float
            Two-sided coverage, strictly between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            The person in the index; columns n_in, n_out, auc, low, high (of the area,
            Newcombe's method 5, wider where what the two models of a round say moves
            apart, over everyone) and separation.

        Raises
        ------
        DataError
            If somebody is not twice a member and twice not.

        Notes
        -----
        The attacker who does so well knows which way training pulls this person's
        answer, as from many shadow models. Areas of few rounds scatter: read their
        distribution beside that of chance, `risk_distribution`.

        References
        ----------
        Knolle et al. (2026), doi:10.1038/s41586-026-10688-0; Newcombe (2006),
        doi:10.1002/sim.2324.
        """
        check_fraction(confidence_level, name="confidence_level")
        risk = own_separation(self.targets)
        low, high = area_bounds(
            risk["auc"].to_numpy(),
            risk["n_in"].to_numpy(),
            risk["n_out"].to_numpy(),
            level=confidence_level,
            inflation=pairing(self.targets),
        )
        risk.insert(3, "low", low)
        risk.insert(4, "high", high)
        return risk


def _three(found: Estimate) -> tuple[float, float, float]:
    return found.value, found.low, found.high
