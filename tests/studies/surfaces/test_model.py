"""The trained model: who was in it, along each volume."""

import numpy as np
import pandas as pd
import pytest

from twinprivacy.studies.surfaces import model


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(model, "N_TREES", 5)


def measure(by, volumes, n_people=400):
    return by(volumes, n_people, np.random.default_rng(5), 0.95)


def test_doses_told_to_no_digit_say_nothing_of_who_was_in_it():
    nothing, told = model.by_decimals([-2, 2], 400, np.random.default_rng(5), 0.95)
    assert nothing.low <= 0 <= nothing.high
    assert told.low > 0


def test_as_many_members_as_others_and_nobody_twice(monkeypatch):
    monkeypatch.setattr(model, "_train", lambda rows, n, *rest: (rows[:n], rows[n:]))
    rows = pd.DataFrame({"x": range(110)})
    rounds = model._rounds(rows, 25, ["x"], np.random.default_rng(1))
    sizes = [[len(part) for part in one] for one in rounds]
    assert sizes == [[25, 25], [25, 25]]
    people = np.concatenate([part.index for one in rounds for part in one])
    assert people.tolist() == list(range(100))


def test_a_verdict_on_people_of_whom_none_was_in_it_tells_nothing():
    patients = model._dosed(400, np.random.default_rng(5))
    rounds = model._rounds(patients, 50, model.FEATURES, np.random.default_rng(1))
    twin, members, others, outcome = rounds[0]
    strangers = patients[100:150]
    nothing, told = (
        model._bits([(twin, who, others, outcome)], np.random.default_rng(1), 0.95)
        for who in (strangers, members)
    )
    assert nothing.low <= 0 <= nothing.high
    assert told.low > 0


def test_all_attributes_are_the_twin_of_so_many_people(monkeypatch):
    monkeypatch.setattr(model, "N_TRAINED", 25)
    people = measure(model.by_people, [25, 100])
    attributes = measure(model.by_attributes, [8])
    assert people[0] == attributes[0]
    assert people[0] != people[1]
    assert people[0].low > 0


def test_a_forest_told_only_a_flag_remembers_nobody(monkeypatch):
    monkeypatch.setattr(model, "FEATURES", ("sex", "weight_kg"))
    flag, weight = measure(model.by_attributes, [1, 2])
    assert flag.value < 0.03
    assert weight.low > 0.03


def test_visits_of_one_person_are_counted_together():
    one, four = measure(model.by_days, [1, 4])
    assert one.n == four.n == 400
    assert four.low > one.high


def test_answers_without_end_are_the_dose_itself():
    few, endless = measure(model.by_answers, [1, 10**12])
    exact = measure(model.by_decimals, [9])[0]
    assert endless.value == pytest.approx(exact.value, abs=1e-9)
    assert few.value < endless.value - 0.02
