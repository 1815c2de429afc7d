"""Attacks on one twin: losses by hand, event days, what is observed."""

import numpy as np
import pandas as pd
import pytest

from twinprivacy.attacks.membership import (
    MembershipThreat,
    event_day_attack,
    infer_membership,
)
from twinprivacy.datasets import load_cohort
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins.outcome import fit_outcome_twin, split_members


def scores(found: object, member: bool) -> list[float]:
    targets = found.targets  # type: ignore[attr-defined]
    return targets.loc[targets["member"] == member, "score"].tolist()


def test_losses_by_hand() -> None:
    people = pd.DataFrame({"y": [1.0, 2.0, 4.0], "said": [1.5, 2.0, 1.0]})
    found = infer_membership(
        lambda asked: asked["said"], people[:2], people[2:], outcome="y"
    )
    assert scores(found, True) == [-0.25, 0.0]
    assert scores(found, False) == [-9.0]
    flags = pd.DataFrame({"y": [True, False], "said": [0.8, 0.8]})
    found = infer_membership(
        lambda asked: asked["said"], flags[:1], flags[1:], outcome="y"
    )
    # Half a tree of a hundred is added to each probability.
    assert scores(found, True) == pytest.approx([np.log(0.805)])
    assert scores(found, False) == pytest.approx([np.log(0.205)])


def test_survival_loss_by_hand() -> None:
    people = pd.DataFrame(
        {"days": [1.0, 2.0, 3.0], "died": [True, True, False], "said": [2.0, 1.0, 1.0]}
    )
    found = infer_membership(
        lambda asked: asked["said"], people[:2], people[2:], outcome=("days", "died")
    )
    # Breslow: 1 / (2 + 1 + 1) on day 1, 1 / (1 + 1) on day 2.
    assert scores(found, True) == pytest.approx([np.log(2) - 2 / 4, -(1 / 4 + 1 / 2)])
    assert scores(found, False) == pytest.approx([-(1 / 4 + 1 / 2)])


def test_rows_of_a_person_count_once() -> None:
    people = pd.DataFrame(
        {"who": [1, 1, 2, 3], "y": [1.0, 1, 1, 3], "said": [1.0, 3, 1, 2]}
    )
    found = infer_membership(
        lambda asked: asked["said"],
        people[:3],
        people[3:],
        outcome="y",
        groups="who",
        by=["said"],
    )
    assert scores(found, True) == [-2.0, 0.0]
    assert scores(found, False) == [-1.0]
    assert found.targets["said"].tolist() == [1.0, 1.0, 2.0]


def test_what_is_observed() -> None:
    people = pd.DataFrame({"y": [True, True, False], "said": [0.96, 0.62, 0.3]})

    def attack(**known: object) -> list[float]:
        found = infer_membership(
            lambda asked: asked["said"],
            people[:2],
            people[2:],
            outcome="y",
            threat=MembershipThreat(**known),  # type: ignore[arg-type]
        )
        return found.targets["score"].tolist()

    assert attack(output_precision=0.5) == pytest.approx(np.log([1.005, 0.505, 0.505]))
    assert attack(label_only=True) == pytest.approx(np.log([1.005] * 3))


@pytest.mark.parametrize("step", [0.15, 0.7, 2.0])
def test_steps_that_do_not_divide_one_leave_probabilities(step: float) -> None:
    people = pd.DataFrame({"y": [True, False, False], "said": [1.0, 0.99, 0.0]})
    found = infer_membership(
        lambda asked: asked["said"],
        people[:2],
        people[2:],
        outcome="y",
        threat=MembershipThreat(output_precision=step),
    )
    least = np.log(0.005) - 1e-12
    assert found.targets["score"].between(least, np.log(1.005) + 1e-12).all()


@pytest.mark.parametrize("taken", ["member", "score", "signal", "round"])
def test_columns_of_the_attack_are_not_overwritten(taken: str) -> None:
    people = pd.DataFrame({"y": [1.0, 2.0, 4.0], "ward": 1, taken: 5})
    message = (
        r"^by must not name a column of the attack's own \(member, score, signal, "
        rf"round\); got {taken}$"
    )
    with pytest.raises(ParameterError, match=message):
        infer_membership(
            lambda asked: asked["y"],
            people[:2],
            people[2:],
            outcome="y",
            by=["ward", taken],
        )


def test_events_on_parts_of_days_are_refused() -> None:
    people = load_cohort("whas500")
    people["years"] = people["follow_up_days"] / 365.25
    halves = (people.iloc[::2], people.iloc[1::2])
    n = int(halves[0]["died"].sum())
    message = (
        rf"^years must be in whole days; got \d+ of {n} members with the event on "
        r"parts of days$"
    )
    with pytest.raises(DataError, match=message):
        event_day_attack(None, *halves, outcome=("years", "died"))


def test_days_of_events_betray_members_of_a_cox_twin() -> None:
    outcome = ("follow_up_days", "died")
    people = load_cohort("whas500")
    rng = np.random.default_rng(7)
    members, controls = split_members(people, fraction=0.5, rng=rng)
    twin = fit_outcome_twin(
        members, outcome=outcome, features=["age_years"], folds=0, rng=rng
    )
    found = event_day_attack(twin, members, controls, outcome=outcome)
    assert scores(found, True) == [1.0] * int(members["died"].sum())
    days = set(members.loc[members["died"], "follow_up_days"])
    last = members["follow_up_days"].max()
    died = controls[controls["died"]]
    expected = [
        float(day in days and 0 < day <= last) for day in died["follow_up_days"]
    ]
    assert scores(found, False) == expected
    assert np.mean(expected) < 0.5


def test_order_of_rows_does_not_matter(rng: np.random.Generator) -> None:
    people = pd.DataFrame({"y": rng.normal(size=40), "said": rng.normal(size=40)})

    def area(rows: np.ndarray) -> object:
        chosen = people.loc[rows]
        return infer_membership(
            lambda asked: asked["said"],
            chosen[chosen.index < 20],
            chosen[chosen.index >= 20],
            outcome="y",
        ).area_under_curve()

    assert area(np.arange(40)) == area(rng.permutation(40))


def test_bad_input_is_refused() -> None:
    people = pd.DataFrame({"y": [1.0, 2.0, 4.0], "flag": [True, False, True]})

    def attack(
        members: pd.DataFrame = people[:2],
        controls: pd.DataFrame = people[2:],
        *,
        said: object = None,
        **options: object,
    ) -> object:
        twin = (lambda asked: asked["y"]) if said is None else said
        options = {"outcome": "y"} | options
        return infer_membership(twin, members, controls, **options)  # type: ignore[arg-type]

    with pytest.raises(DataError, match=r"^controls must have 1 rows or more; got 0$"):
        attack(controls=people[:0])
    message = r"^members and controls must be different people; 1 are in both$"
    with pytest.raises(DataError, match=message):
        attack(controls=people[1:])
    message = r"^members must have the columns z once each; missing: z; repeated: none$"
    with pytest.raises(DataError, match=message):
        attack(outcome="z")
    with pytest.raises(DataError, match=r"^members must have the columns ward once"):
        attack(by=["ward"])
    message = r"^the model must answer with finite numbers; got 1 of 3 others$"
    with pytest.raises(DataError, match=message):
        attack(said=lambda asked: [1.0, np.nan, 2.0])
    message = (
        r"^label_only must be False unless the outcome is true or false; got True for "
        r"a number$"
    )
    with pytest.raises(ParameterError, match=message):
        attack(threat=MembershipThreat(label_only=True))
    message = r"^output_precision must be finite and above 0; got 0$"
    with pytest.raises(ParameterError, match=message):
        MembershipThreat(output_precision=0)
    message = r"^output_precision must be None with label_only; got 0.1$"
    with pytest.raises(ParameterError, match=message):
        MembershipThreat(output_precision=0.1, label_only=True)
