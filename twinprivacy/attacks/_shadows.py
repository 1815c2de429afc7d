"""What shadow models said of everyone, and the attacks that follow from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_choice
from twinprivacy.attacks import _membership_answers as answers
from twinprivacy.attacks._likelihood_ratios import likelihood_ratio, usual
from twinprivacy.attacks._membership_people import People, check_table, targets_table
from twinprivacy.attacks.membership_inference import MembershipThreat
from twinprivacy.attacks.membership_result import MembershipResult
from twinprivacy.errors import DataError, ParameterError

# Pairs that the variance of all counts for. Two do as well as the better of the
# extremes, or nearly, for forests and a regression of real cohorts with 16 shadows.
WEIGHTS = {"shrunk": 2.0, "pooled": np.inf, "person": 0.0}


@dataclass(frozen=True, repr=False, eq=False)
class Shadows:
    """What shadow models said of everyone, without the models.

    It holds the table that they were fitted to, records and all.

    Attributes
    ----------
    inside, outside : numpy.ndarray
        Shape (pairs, rows): for each pair of models what the one that was trained on a
        row said of it, and what the other said.
    n_people : int
        Persons; they may have several rows each.
    """

    inside: Array
    outside: Array
    _in_first: npt.NDArray[np.bool_]
    _frame: pd.DataFrame
    _people: People
    _outcome: answers.Outcome

    def __repr__(self) -> str:
        """Show how many there are, and nobody."""
        return f"Shadows(n_shadows={2 * len(self.inside)}, people={self.n_people})"

    @property
    def n_people(self) -> int:
        """Persons; they may have several rows each."""
        return len(self._people.names)

    def loss_attack(
        self, *, threat: MembershipThreat | None = None, by: Sequence[str] = ()
    ) -> MembershipResult:
        """Attack each model by how well it knows what happened, without the others.

        Parameters
        ----------
        threat : MembershipThreat, optional
            By default the outcome is known and every digit is heard.
        by : sequence of str
            Columns to keep for `MembershipResult.by_group`.

        Returns
        -------
        MembershipResult
            Of every model in turn; scores as those of `infer_membership`.

        References
        ----------
        Yeom et al. (2018), doi:10.1109/CSF.2018.00027.
        """
        inside, outside = self._heard(threat)
        # Of each model what it said of everyone: a survival's baseline is the model's.
        first, second = (
            np.stack([answers.log_likelihood(row, self._outcome) for row in said])
            for said in self._swap(inside, outside)
        )
        n_rows = self._people.add_up(np.ones(len(self._frame)))
        sides = [
            (member, {"score": self._people.add_up(score) / n_rows})
            for member, score in zip(
                (True, False), self._swap(first, second), strict=True
            )
        ]
        return MembershipResult(self._targets(by, sides), "loss")

    def _swap(self, one: Array, other: Array) -> tuple[Array, Array]:
        """Turn what was said from inside and outside into that of either model."""
        return (
            np.where(self._in_first, one, other),
            np.where(self._in_first, other, one),
        )

    def likelihood_ratio_attack(
        self,
        *,
        online: bool = True,
        variances: str = "shrunk",
        threat: MembershipThreat | None = None,
        by: Sequence[str] = (),
    ) -> MembershipResult:
        """Attack each pair of models by what the other pairs said.

        Parameters
        ----------
        online, variances, threat, by
            As for `attack_with_shadows`.

        Returns
        -------
        MembershipResult
            Of every model in turn, with the signals that `patient_risk` reads.
        """
        weight = _weight(variances)
        inside, outside = self._evidence(threat)
        pull = self._pull(inside, outside)
        laws = [
            usual(side, weight=weight, leave_one_out=True) for side in (inside, outside)
        ]
        sides = []
        for member, side in ((True, inside), (False, outside)):
            score = likelihood_ratio(side, *laws, online=online, pull=pull)
            columns = {"score": score, "signal": pull * side}
            summed = {name: self._people.add_up(v) for name, v in columns.items()}
            sides.append((member, summed))
        return MembershipResult(self._targets(by, sides), _name(online))

    def attack_target(
        self,
        target: Any,
        members: Any,
        *,
        online: bool = True,
        variances: str = "shrunk",
        threat: MembershipThreat | None = None,
        by: Sequence[str] = (),
    ) -> MembershipResult:
        """Attack one given model by what all shadow models said.

        Parameters
        ----------
        target : object
            With ``predict``, or callable, as for `infer_membership`.
        members : pandas.Index or array_like
            Index of the rows that trained it; the others in the table did not.
        online, variances, threat, by
            As for `attack_with_shadows`.

        Returns
        -------
        MembershipResult

        Raises
        ------
        DataError
            If members are not in the table, or a person is a member in part.
        """
        is_member = self._read_members(members)
        said = answers.ask(target, self._frame, self._outcome.kind)
        heard = answers.evidence(self._hear(said, threat), self._outcome.kind)
        inside, outside = self._evidence(threat)
        weight = _weight(variances)
        laws = [
            usual(side, weight=weight, leave_one_out=False)
            for side in (inside, outside)
        ]
        pull = self._pull(inside, outside)
        score = likelihood_ratio(heard[None, :], *laws, online=online, pull=pull)
        score = self._people.add_up(score)
        table = self._targets(by, [(True, {"score": score})])
        table["member"] = is_member
        return MembershipResult(table, _name(online))

    def _read_members(self, members: Any) -> npt.NDArray[np.bool_]:
        index = pd.Index(members)
        n_absent = int((~index.isin(self._frame.index)).sum())
        if n_absent or not len(index):
            raise DataError(
                "members must be rows of the table that the shadows were fitted to; "
                f"got {n_absent} of {len(index)} that are not"
            )
        share = self._people.add_up(self._frame.index.isin(index).astype(float))
        share = share / self._people.add_up(np.ones(len(self._frame)))
        n_torn = int(((share > 0) & (share < 1)).sum())
        if n_torn:
            raise DataError(
                f"members must hold all rows of a person or none; got {n_torn} persons "
                "in part"
            )
        return np.asarray(share == 1)

    def _hear(self, said: Array, threat: MembershipThreat | None) -> Array:
        threat = MembershipThreat() if threat is None else threat
        if not threat.knows_outcome:
            raise ParameterError(
                "knows_outcome must be True with shadow models, which are trained on "
                "the outcome; got False"
            )
        return answers.hear(
            said,
            self._outcome.kind,
            output_precision=threat.output_precision,
            label_only=threat.label_only,
        )

    def _heard(self, threat: MembershipThreat | None) -> tuple[Array, Array]:
        return self._hear(self.inside, threat), self._hear(self.outside, threat)

    def _evidence(self, threat: MembershipThreat | None) -> tuple[Array, Array]:
        inside, outside = self._heard(threat)
        kind = self._outcome.kind
        return answers.evidence(inside, kind), answers.evidence(outside, kind)

    def _pull(self, inside: Array, outside: Array) -> Array:
        """Return which way training pulls, the same for either side of a pair."""
        middle = (inside.mean(axis=0) + outside.mean(axis=0)) / 2
        return answers.direction(self._outcome, middle)

    def _targets(
        self, by: Sequence[str], sides: Sequence[tuple[bool, dict[str, Array]]]
    ) -> pd.DataFrame:
        check_table(self._frame, name="frame", least=1, columns=list(by))
        return targets_table(self._people, self._frame, by, sides)


def _name(online: bool) -> str:
    return f"likelihood ratio, {'online' if online else 'offline'}"


def _weight(variances: str) -> float:
    check_choice(variances, name="variances", allowed=tuple(WEIGHTS))
    return WEIGHTS[variances]
