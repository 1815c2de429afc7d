"""Was this person in the twin's training data? From what it says of them alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.attacks.membership.observed import (
    MembershipThreat,
    log_likelihood,
    observe,
    persons_of,
    predict,
    read_outcome,
    targets_of,
)
from twinprivacy.attacks.membership.result import MembershipResult
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import check_table
from twinprivacy.twins.outcome.columns import sorted_rows

__all__ = [
    "event_day_attack",
    "infer_membership",
]


def infer_membership(
    twin: Any,
    members: pd.DataFrame,
    controls: pd.DataFrame,
    *,
    outcome: str | tuple[str, str],
    threat: MembershipThreat | None = None,
    groups: str | None = None,
    by: Sequence[str] = (),
) -> MembershipResult:
    r"""Tell members from controls by how well the twin knows what happened to them.

    The score is Yeom's, minus the loss: :math:`-(y - \hat y)^2` of a
    number, :math:`y \log \hat p + (1 - y) \log(1 - \hat p)` of true and false, and of a
    survival :math:`\delta \log \hat h - H_0(t) \hat h`, with the relative hazard
    :math:`\hat h` and Breslow's :math:`H_0` among those attacked.

    Parameters
    ----------
    twin : object
        Something with ``predict(people)``, shape (n,): numbers, probabilities, or
        relative hazards; or a callable that returns them.
    members, controls : pandas.DataFrame
        Who trained the twin and who did not, a person in one of the two.
    outcome : str or tuple of str
        Their column of numbers, or of true and false; or (duration, event).
    threat : MembershipThreat, optional
        By default every digit is observed.
    groups : str, optional
        Column that names the rows of one person, whose scores are averaged.
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
    Yeom et al. (2018), doi:10.1109/CSF.2018.00027.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> people = pd.DataFrame({"dose_mg": rng.normal(35, 10, 60)})
    >>> def twin(asked):  # Knows the first thirty by heart.
    ...     return asked["dose_mg"].where(asked.index < 30, 35)
    >>> infer_membership(twin, people[:30], people[30:], outcome="dose_mg")
    MembershipResult(attack='loss', people=60, rounds=1, auc=1.000)
    """
    _check_sides(members, controls, groups, by)
    for name, side in (("members", members), ("controls", controls)):
        read_outcome(side, outcome, name=name)
    # In one order, so that the last digit is the same for any.
    sides = [side.iloc[sorted_rows(side.index)] for side in (members, controls)]
    both = pd.concat(sides)
    happened = read_outcome(both, outcome)
    observed = observe(predict(twin, both, happened.kind), happened.kind, threat)
    scores = np.split(log_likelihood(observed, happened), [len(members)])
    parts = []
    for member, side, score in zip((True, False), sides, scores, strict=True):
        people = persons_of(side, groups, name="members" if member else "controls")
        mean = people.mean(score)[None, :]
        parts.append(targets_of(people, side, member=member, by=by, score=mean))
    return MembershipResult(pd.concat(parts), "loss")


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
        happened = read_outcome(side, outcome, name=name)
        had_event = happened.event == 1
        if happened.kind != "survival" or not had_event.any():
            raise DataError(f"{name} must hold somebody with the event; got none")
        attacked, days = side[had_event], happened.y[had_event]
        n_torn = int((days % 1 != 0).sum())
        if n_torn:
            raise DataError(
                f"{outcome[0]} must be in whole days; got {n_torn} of {len(days)} "
                f"{name} with the event on parts of days"
            )
        score = _jumps(twin, attacked, days)[None, :]
        people = persons_of(attacked, None, name=name)
        parts.append(targets_of(people, attacked, member=member, by=by, score=score))
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
        check_table(side, name=name, columns=by, own_index=True)
        names.append(persons_of(side, groups, name=name).names)
    n_both = len(names[0].intersection(names[1]))
    if n_both:
        raise DataError(
            f"members and controls must be different people; {n_both} are in both"
        )
