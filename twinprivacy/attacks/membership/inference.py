"""Was this person in the twin's training data? From what it says of them alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.attacks.membership import observed as answers
from twinprivacy.attacks.membership.observed import (
    check_table,
    read_people,
    targets_table,
)
from twinprivacy.attacks.membership.result import MembershipResult
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins.outcome.columns import sorted_rows

__all__ = [
    "MembershipThreat",
    "event_day_attack",
    "infer_membership",
]


@dataclass(frozen=True)
class MembershipThreat:
    """Say what an attacker on membership knows of a person, and hears of the twin.

    The attacker always knows the person's features, for they are what is asked.

    Attributes
    ----------
    knows_outcome : bool
        Whether the attacker knows what happened to the person. If not, a twin that
        gives probabilities betrays by its confidence; others need a known outcome.
    output_precision : float, optional
        Step that each answer is rounded to, in the unit of the answer, above 0; None
        for every digit.
    label_only : bool
        Whether a probability is heard as yes or no only.

    Raises
    ------
    ParameterError
        For a precision that is not above 0, or one together with `label_only`.

    Examples
    --------
    >>> MembershipThreat(output_precision=0.01)
    MembershipThreat(knows_outcome=True, output_precision=0.01, label_only=False)
    """

    knows_outcome: bool = True
    output_precision: float | None = None
    label_only: bool = False

    def __post_init__(self) -> None:
        """Refuse a precision that is none."""
        step = self.output_precision
        if step is not None and not (np.isfinite(step) and step > 0):
            raise ParameterError(
                f"output_precision must be None, or finite and above 0; got {step!r}"
            )
        if self.label_only and step is not None:
            raise ParameterError(
                f"output_precision must be None with label_only; got {step!r}"
            )


def infer_membership(
    twin: Any,
    members: pd.DataFrame,
    controls: pd.DataFrame,
    *,
    outcome: str | tuple[str, str],
    references: Sequence[Any] = (),
    threat: MembershipThreat | None = None,
    groups: str | None = None,
    by: Sequence[str] = (),
) -> MembershipResult:
    r"""Tell members from controls by how well the twin knows what happened to them.

    Without references the score is Yeom's, minus the loss: :math:`-(y - \hat y)^2` of a
    number, :math:`y \log \hat p + (1 - y) \log(1 - \hat p)` of true and false, and of a
    survival :math:`\delta \log \hat h - H_0(t) \hat h`, with the relative hazard
    :math:`\hat h` and Breslow's :math:`H_0` among those attacked. With references it is
    :math:`s (\phi - \bar \phi_{ref})`: how much further than usual the answer went
    towards the truth, the logarithm of a likelihood ratio against non-members of equal
    variance. Here :math:`\phi` is the number, the log odds or the log hazard and s the
    sign of its pull.

    Parameters
    ----------
    twin : object
        Something with ``predict(people)``, shape (n,): numbers, probabilities, or
        relative hazards; or a callable that returns them.
    members, controls : pandas.DataFrame
        Who trained the twin and who did not, a person in one of the two.
    outcome : str or tuple of str
        Their column of numbers, or of true and false; or (duration, event).
    references : sequence
        Models like the twin, trained on none of these people.
    threat : MembershipThreat, optional
        By default the outcome is known and every digit is heard.
    groups : str, optional
        Column that names the rows of one person, whose scores are added up, or for
        the loss averaged.
    by : sequence of str
        Columns to keep for `MembershipResult.by_group`, none named member, score,
        signal or round; a person's first row counts.

    Returns
    -------
    MembershipResult

    Raises
    ------
    DataError
        For empty tables, a repeated index, people in both, missing columns, outcomes or
        answers that are not what they should be.
    ParameterError
        For a threat that does not suit the outcome, or columns of `by` that are the
        attack's own.

    References
    ----------
    Yeom et al. (2018), doi:10.1109/CSF.2018.00027; Ye et al. (2022),
    doi:10.1145/3548606.3560675.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> people = pd.DataFrame({"dose_mg": rng.normal(35, 10, 60)})
    >>> def twin(asked):  # Knows the first thirty by heart.
    ...     return asked["dose_mg"].where(asked.index < 30, 35)
    >>> infer_membership(twin, people[:30], people[30:], outcome="dose_mg")
    MembershipResult(attack='loss', people=60, rounds=1, auc=1.000)
    """
    threat = MembershipThreat() if threat is None else threat
    _check_sides(members, controls, groups, by)
    for name, side in (("members", members), ("controls", controls)):
        answers.read_outcome(side, outcome, name=name)
    # In one order, so that the last digit is the same for any.
    members, controls = (
        side.iloc[sorted_rows(side.index)] for side in (members, controls)
    )
    both = pd.concat([members, controls])
    happened = answers.read_outcome(both, outcome)
    score = _score(twin, references, both, happened, threat)
    n = len(members)
    parts = []
    for member, side, scores in (
        (True, members, score[:n]),
        (False, controls, score[n:]),
    ):
        people = read_people(side, groups, name="members" if member else "controls")
        total = people.add_up(scores)
        if not references:
            total = total / people.add_up(np.ones(len(side)))
        column = {"score": total[None, :]}
        parts.append(targets_table(people, side, by, [(member, column)]))
    attack = "calibrated likelihood ratio" if references else "loss"
    return MembershipResult(pd.concat(parts), attack)


def event_day_attack(
    twin: Any,
    members: pd.DataFrame,
    controls: pd.DataFrame,
    *,
    outcome: tuple[str, str],
    by: Sequence[str] = (),
) -> MembershipResult:
    """Tell members from controls by whether the twin's risk jumps on their day.

    A proportional hazards twin with Breslow's baseline raises its risk on the days on
    which members had the event, and on no others. So the attacker asks for the risk by
    the day before a person's event and by that day: the score is 1 if it differs.

    Parameters
    ----------
    twin : object
        With ``predict(people, horizon_days=)``, as an `OutcomeTwin` of a survival.
    members, controls : pandas.DataFrame
        Who trained the twin and who did not; only those with the event are attacked.
        One row per person.
    outcome : tuple of str
        (duration, event) in whole days; other units are refused.
    by : sequence of str
        Columns to keep for `MembershipResult.by_group`.

    Returns
    -------
    MembershipResult
        Score 1 or 0. Days beyond the twin's follow-up, or day 0, score 0.

    Raises
    ------
    DataError
        As `infer_membership`, for nobody with the event on a side, or for events that
        are not on whole days.

    Examples
    --------
    >>> from twinprivacy.datasets import load_cohort
    >>> from twinprivacy.twins.outcome import fit_outcome_twin, split_members
    >>> rng = np.random.default_rng(7)
    >>> outcome = ("follow_up_days", "died")
    >>> members, controls = split_members(load_cohort("whas500"), fraction=0.5, rng=rng)
    >>> twin = fit_outcome_twin(
    ...     members, outcome=outcome, features=["age_years"], folds=0, rng=rng)
    >>> found = event_day_attack(twin, members, controls, outcome=outcome)
    >>> bool(found.area_under_curve().low > 0.7)
    True
    """
    _check_sides(members, controls, None, by)
    parts = []
    for member, name, side in (
        (True, "members", members),
        (False, "controls", controls),
    ):
        happened = answers.read_outcome(side, outcome, name=name)
        had_event = happened.event == 1
        if happened.kind != "survival" or not had_event.any():
            raise DataError(f"{name} must hold somebody with the event; got none")
        answers.check_days(happened.y[had_event], outcome[0], name=name)
        attacked = side[had_event]
        score = _jumps(twin, attacked, happened.y[had_event])
        people = read_people(attacked, None, name=name)
        column = {"score": score[None, :]}
        parts.append(targets_table(people, attacked, by, [(member, column)]))
    return MembershipResult(pd.concat(parts), "event days")


def _jumps(twin: Any, people: pd.DataFrame, days: Array) -> Array:
    """Return 1 for whom the risk rises on their day."""
    # Any one person's risk has all the steps, so one is asked about every day.
    asked = people.iloc[:1]

    def risk(day: float) -> float:
        if day <= 0:
            return 0.0
        try:
            return float(twin.predict(asked, horizon_days=day)[0])
        except ParameterError:
            return np.nan

    rises = {day: risk(day) > risk(day - 0.5) for day in np.unique(days)}
    return np.array([float(rises[day]) for day in days])


def _check_sides(
    members: pd.DataFrame,
    controls: pd.DataFrame,
    groups: str | None,
    by: Sequence[str],
) -> None:
    names = []
    for name, side in (("members", members), ("controls", controls)):
        check_table(side, name=name, least=1, columns=list(by))
        names.append(read_people(side, groups, name=name).names)
    n_both = len(names[0].intersection(names[1]))
    if n_both:
        raise DataError(
            f"members and controls must be different people; {n_both} are in both"
        )


def _score(
    twin: Any,
    references: Sequence[Any],
    people: pd.DataFrame,
    happened: answers.Outcome,
    threat: MembershipThreat,
) -> Array:
    kind = happened.kind

    def heard(model: Any) -> Array:
        said = answers.ask(model, people, kind)
        return answers.hear(
            said,
            kind,
            output_precision=threat.output_precision,
            label_only=threat.label_only,
        )

    if not threat.knows_outcome:
        if kind != "probability" or references:
            raise ParameterError(
                "knows_outcome must be True for numbers, for survival and with "
                f"references; got False for a {kind}"
            )
        return np.abs(answers.evidence(heard(twin), kind))
    if not references:
        return answers.log_likelihood(heard(twin), happened)
    usual = np.mean([answers.evidence(heard(model), kind) for model in references], 0)
    pull = answers.direction(happened, usual)
    return np.asarray(pull * (answers.evidence(heard(twin), kind) - usual))
