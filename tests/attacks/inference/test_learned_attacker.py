from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from twinprivacy.attacks.inference import (
    LearnedAttacker,
    ThreatModel,
    infer_attribute,
)
from twinprivacy.attacks.inference.learned_attacker import learn
from twinprivacy.attacks.inference.threats import Auxiliary, Secret
from twinprivacy.errors import DataError, ParameterError

SECRET = Secret("vkorc1", np.array(["AA", "AG", "GG"]))


def simulate(n, seed, *, effect=1.0, n_queries=1, noise_sd=0.0):
    """Auxiliary people whose dose is lower with age and with the secret."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, n)
    people = pd.DataFrame(
        {
            "age_years": rng.normal(60, 10, n),
            "sex": rng.choice(["f", "m"], n),
            "vkorc1": SECRET.values[codes],
        }
    )
    dose = effect * codes - (people["age_years"] - 60) / 10
    dose = dose.to_numpy()[:, None] + noise_sd * rng.normal(size=(n, n_queries))
    threat = ThreatModel(
        "vkorc1", ("age_years", "sex"), ("dose",), None, n_queries, noise_sd
    )
    prior = np.full((n, 3), 1 / 3)
    return Auxiliary(people, dose, SECRET, codes, prior, None, threat)


def attack(auxiliary, targets, **options):
    fitted = LearnedAttacker(**options).fit(auxiliary, rng=np.random.default_rng(1))
    known = targets.people[list(targets.threat.known)]
    return fitted, fitted.posterior(known, targets.answers, targets.prior)


def test_the_answer_and_what_is_known_together_give_the_secret_away():
    """Without age the dose says little; with it, dose + age / 10 is the secret."""
    fitted, p = attack(simulate(600, 1), simulate(300, 2), models=("logistic",))
    codes = simulate(300, 2).codes
    assert p.shape == (300, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p > 0).all()
    assert fitted.learned.name == "logistic"
    assert (p.argmax(axis=1) == codes).mean() > 0.98


def test_an_answer_without_the_secret_tells_nothing():
    _, p = attack(
        simulate(1_000, 3, effect=0),
        simulate(1_000, 4, effect=0),
        models=("shares", "table", "logistic"),
    )
    codes = simulate(1_000, 4, effect=0).codes
    bits = np.log2(p[np.arange(1_000), codes] * 3).mean()
    assert bits == pytest.approx(0, abs=0.01)


def test_it_is_learn_on_known_columns_and_answers():
    auxiliary = simulate(300, 5)
    fitted, p = attack(auxiliary, auxiliary, models=("table", "logistic"))
    table = auxiliary.people[["age_years", "sex"]].assign(dose=auxiliary.answers[:, 0])
    learned = learn(
        table,
        auxiliary.codes,
        SECRET,
        models=("table", "logistic"),
        rng=np.random.default_rng(1),
    )
    assert fitted.learned.log_loss_bits == learned.log_loss_bits
    np.testing.assert_array_equal(p, learned.probabilities(table))


def test_more_queries_average_the_noise_away():
    right = []
    for n_queries in (1, 25):
        options = {"n_queries": n_queries, "noise_sd": 1.0}
        targets = simulate(1_000, 7, **options)
        _, p = attack(simulate(1_000, 6, **options), targets, models=("logistic",))
        right.append((p.argmax(axis=1) == targets.codes).mean())
    # Means 0, 1, 2 with SD 1: 1 - 4/3 Phi(-1/2) = 0.589; with SD 1/5: 0.992.
    assert right == [pytest.approx(0.589, abs=0.05), pytest.approx(0.992, abs=0.02)]


def test_replies_are_ordered_by_query():
    """Two answers, two queries: first, second, first again, second again."""
    codes = np.arange(300) % 3
    noise = np.random.default_rng(8).normal(size=300)
    answers = np.column_stack([codes + 9, noise, codes - 9, -noise]).astype(float)
    threat = ThreatModel("vkorc1", (), ("dose", "risk"), n_queries=2)
    people = pd.DataFrame({"vkorc1": SECRET.values[codes]})
    prior = np.full((300, 3), 1 / 3)
    auxiliary = Auxiliary(people, answers, SECRET, codes, prior, None, threat)
    _, p = attack(auxiliary, auxiliary, models=("logistic",))
    assert (p.argmax(axis=1) == codes).all()


def test_an_answer_may_have_the_name_of_a_known_column():
    auxiliary = simulate(300, 9)
    threat = ThreatModel("vkorc1", ("age_years", "sex"), ("age_years",))
    same = Auxiliary(
        auxiliary.people,
        auxiliary.answers,
        SECRET,
        auxiliary.codes,
        auxiliary.prior,
        None,
        threat,
    )
    _, p = attack(same, same, models=("logistic",))
    _, q = attack(auxiliary, auxiliary, models=("logistic",))
    np.testing.assert_array_equal(p, q)


def test_rows_of_a_person_are_held_out_together():
    """Each person has one dose, four times, which tells nothing to others."""
    rng = np.random.default_rng(14)
    codes = rng.permutation(np.arange(150) % 3)
    auxiliary = simulate(150, 14)
    row = np.tile(np.arange(150), 4)
    dose = np.round(rng.normal(size=150), 3)[row][:, None]
    told = replace(
        auxiliary,
        people=pd.DataFrame({"vkorc1": SECRET.values[codes][row]}),
        answers=dose,
        codes=codes[row],
        prior=np.full((600, 3), 1 / 3),
        threat=ThreatModel("vkorc1", (), ("dose",)),
    )
    found = [
        LearnedAttacker(("boosting",))
        .fit(each, rng=np.random.default_rng(1))
        .learned.log_loss_bits["boosting"]
        for each in (told, replace(told, persons=row))
    ]
    shares = np.bincount(codes) / 150
    entropy = -(shares @ np.log2(shares))
    assert found[1] == pytest.approx(entropy, abs=0.03)
    assert found[0] < entropy - 0.3


def test_numbers_of_persons_with_one_row_each_change_nothing():
    auxiliary = simulate(300, 15)
    persons = np.random.default_rng(1).permutation(300)
    options = {"models": ("table", "logistic")}
    fitted, p = attack(auxiliary, auxiliary, **options)
    again, q = attack(replace(auxiliary, persons=persons), auxiliary, **options)
    assert fitted.learned.log_loss_bits == again.learned.log_loss_bits
    np.testing.assert_array_equal(p, q)


def test_the_evaluation_tells_whose_rows_are_whose():
    seen = []

    class Spy:
        def fit(self, auxiliary, *, rng):
            seen.append(auxiliary)
            return LearnedAttacker(("table",)).fit(auxiliary, rng=rng)

    tables = []
    for seed in (16, 17, 18):
        drawn = simulate(60, seed)
        dosed = drawn.people.assign(dose=drawn.answers[:, 0])
        tables.append(dosed.assign(patient=100 * seed + np.arange(60) // 2))
    members, controls, auxiliary = tables
    for groups in ("patient", None):
        infer_attribute(
            None,
            members,
            controls,
            threat=simulate(2, 0).threat,
            attacker=Spy(),
            auxiliary=auxiliary,
            models=("table",),
            groups=groups,
            rng=np.random.default_rng(1),
        )
    np.testing.assert_array_equal(seen[0].persons, seen[0].people["patient"])
    assert seen[1].persons is None


def test_the_prior_is_not_used():
    auxiliary = simulate(300, 10)
    fitted, p = attack(auxiliary, auxiliary, models=("logistic",))
    known = auxiliary.people[["age_years", "sex"]]
    np.testing.assert_array_equal(
        fitted.posterior(known, auxiliary.answers, np.eye(3)[auxiliary.codes]), p
    )


def test_a_secret_number():
    auxiliary = simulate(600, 11)
    number = auxiliary.answers[:, 0] + np.random.default_rng(1).normal(size=600) / 2
    edges = np.linspace(number.min() - 1, number.max() + 1, 31)
    secret = Secret("ldl", (edges[1:] + edges[:-1]) / 2, edges)
    codes = np.searchsorted(edges, number) - 1
    threat = ThreatModel("ldl", ("sex",), ("dose",), tolerance=0.5)
    told = Auxiliary(
        auxiliary.people.assign(ldl=number),
        auxiliary.answers,
        secret,
        codes,
        np.full((600, 30), 1 / 30),
        None,
        threat,
    )
    _, p = attack(told, told, models=("logistic",))
    assert p.shape == (600, 30)
    # A normal of SD 1/2 has 95 % within 1.
    guess = p @ secret.values
    assert np.mean(np.abs(guess - number) < 1) == pytest.approx(0.95, abs=0.03)


def test_bad_settings_are_refused():
    with pytest.raises(ParameterError) as caught:
        LearnedAttacker(models="table")
    assert str(caught.value) == (
        "models must be a sequence of one name or more; got 'table'"
    )
    with pytest.raises(ParameterError) as caught:
        LearnedAttacker(models=("oracle",))
    assert str(caught.value) == (
        "models must be one of 'shares', 'table', 'logistic', 'boosting', 'exact'; "
        "got 'oracle'"
    )
    with pytest.raises(ParameterError) as caught:
        LearnedAttacker(folds=1)
    assert str(caught.value) == "folds must be a whole number of 2 or more; got 1"
    with pytest.raises(ParameterError) as caught:
        LearnedAttacker().fit(simulate(20, 12), rng=None)
    assert str(caught.value) == "rng must be a numpy.random.Generator; got NoneType"


def test_infinite_answers_are_refused():
    auxiliary = simulate(40, 13)
    fitted, _ = attack(auxiliary, auxiliary, models=("table",))
    known = auxiliary.people[["age_years", "sex"]]
    with pytest.raises(DataError) as caught:
        fitted.posterior(known, np.full((40, 1), np.inf), auxiliary.prior)
    assert str(caught.value) == (
        "'answer: dose' must be finite or missing; got 40 of 40 infinite"
    )
