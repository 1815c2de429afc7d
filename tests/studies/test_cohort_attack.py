"""Twins of many splits of one cohort: who is asked what, and how persons count."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from joblib import parallel_config

from twinprivacy.attacks.inference import LearnedAttacker, QueryInversion, ThreatModel
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.studies import attack_cohort, question
from twinprivacy.twins.outcome import fit_outcome_twin

FAST = ("logistic",)
THREAT = ThreatModel("smoker", ("age",), ("score",))


def cohort(n, rng, *, effect=3.0):
    """People whose score rises with age and, by the effect, with smoking."""
    age, smoker = rng.normal(size=n), rng.random(n) < 0.4
    score = age + effect * smoker + 0.3 * rng.normal(size=n)
    return pd.DataFrame({"age": age, "smoker": smoker, "score": score})


def attack(people, rng, **changes):
    options = {
        "outcome": "score",
        "features": ["age", "smoker"],
        "threat": THREAT,
        "attacker": LearnedAttacker(models=FAST),
        "models": FAST,
        "n_splits": 3,
    }
    return attack_cohort(people, **(options | changes), rng=rng)


def test_a_question_is_the_prediction_and_one_for_each_what_if(rng):
    people = cohort(120, rng)
    twin = fit_outcome_twin(
        people, outcome="score", features=["age", "smoker"], folds=0, rng=rng
    )
    changes = [{"smoker": True}, {"smoker": False}]
    said = question(twin, what_if=changes)(people)
    assert said.shape == (120, 3)
    np.testing.assert_array_equal(said[:, 0], twin.predict(people))
    for place, change in enumerate(changes, start=1):
        np.testing.assert_array_equal(
            said[:, place], twin.predict_what_if(people, **change)
        )


def test_an_answer_that_follows_from_the_secret_gives_it_away(rng):
    """Of whom age is known, the linear answer leaves one possible secret."""
    result = attack(cohort(300, rng), rng)
    assert result.success.value > 0.97
    assert result.gain.low > 0.2
    assert result.bits.low > 0.5
    # Nothing in it depends on who trained the twin.
    assert result.member_gap.low <= 0 <= result.member_gap.high


def test_a_twin_that_is_not_told_and_needs_not_tells_nothing(rng):
    people = cohort(300, rng, effect=0.0)
    result = attack(people, rng, features=["age"])
    assert result.bits.low <= 0
    assert result.gain.low <= 0


def test_every_split_has_thirds_and_persons_count_once(rng):
    people = cohort(300, rng)
    result = attack(people, rng, n_splits=4)
    roles = result.targets["role"].value_counts()
    assert roles.to_dict() == {"member": 400, "control": 400}
    # Some of 300 people are members in no split of four: (2/3)^4 = 0.2.
    assert 200 < result.success.n < 280


def test_fewer_members_can_train_the_twin(rng):
    result = attack(cohort(300, rng), rng, n_members=30, n_splits=2)
    roles = result.targets["role"].value_counts()
    assert roles.to_dict() == {"member": 60, "control": 200}


def test_rows_of_one_person_stay_together(rng):
    """All records of a person share a part, so that nobody is member and control."""
    people = cohort(150, rng)
    twice = pd.concat([people, people]).assign(person=np.tile(np.arange(150), 2))
    result = attack(twice, rng, groups="person", n_splits=1)
    assert result.success.n == 50
    assert len(result.targets) == 200


def test_the_seed_decides_and_not_the_order_of_rows():
    people = cohort(240, np.random.default_rng(5))
    shuffled = people.sample(frac=1, random_state=1)
    first, again, other_order = (
        attack(table, np.random.default_rng(6)) for table in (people, people, shuffled)
    )
    pd.testing.assert_frame_equal(first.table(), again.table())
    pd.testing.assert_frame_equal(first.table(), other_order.table())


@pytest.mark.parametrize("n_splits", [0, 2.5, True])
def test_splits_are_whole_numbers(rng, n_splits):
    with pytest.raises(ParameterError) as caught:
        attack(cohort(60, rng), rng, n_splits=n_splits)
    assert str(caught.value) == (
        f"n_splits must be a whole number of 1 or more; got {n_splits!r}"
    )


@pytest.mark.parametrize("n_members", [1, 41])
def test_members_are_at_most_a_third(rng, n_members):
    with pytest.raises(ParameterError) as caught:
        attack(cohort(120, rng), rng, n_members=n_members)
    assert str(caught.value) == (
        f"n_members must be from 2 to a third of the people, 40; got {n_members}"
    )


def test_a_twin_that_copies_the_secret_leaks_all_of_it(rng):
    """Told nothing but the secret, and scored by it alone, it can only repeat it."""
    people = cohort(300, rng)
    people["score"] = people["smoker"] * 1.0
    result = attack(people, rng, features=["smoker"])
    assert result.success.value == result.control.value == 1
    assert result.auc is not None
    assert result.auc.value == pytest.approx(1)
    p = people["smoker"].mean()
    entropy = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    assert result.bits.value == pytest.approx(entropy, abs=0.1)


def test_asking_what_if_settles_the_secret_of_strangers_too(rng):
    """The attacker who knows all else needs no luck with who was in the training."""
    result = attack(cohort(240, rng), rng, attacker=QueryInversion())
    assert result.success.value == result.control.value == 1


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_number_of_workers_does_not_matter(n_jobs):
    people = cohort(180, np.random.default_rng(5))
    alone = attack(people, np.random.default_rng(6))
    with parallel_config(backend="threading", n_jobs=n_jobs):
        together = attack(people, np.random.default_rng(6))
    pd.testing.assert_frame_equal(alone.targets, together.targets)


@settings(derandomize=True, deadline=None, max_examples=10)
@given(n=st.integers(31, 120), n_splits=st.integers(1, 3), seed=st.integers(0, 99))
def test_thirds_differ_by_one_person_and_estimates_follow(n, n_splits, seed):
    rng = np.random.default_rng(seed)
    people = cohort(n, rng)
    result = attack(people, rng, n_splits=n_splits)
    targets = result.targets
    for role, estimate in (("member", result.bits), ("control", result.control_bits)):
        bits = targets.loc[targets["role"] == role, "bits"]
        assert n_splits * (n // 3) <= len(bits) <= n_splits * (n // 3 + 1)
        assert bits.mean() == pytest.approx(estimate.value)
        assert estimate.n <= min(len(bits), n)


def test_a_column_that_is_not_there_is_named(rng):
    with pytest.raises(DataError) as caught:
        attack(cohort(60, rng), rng, subgroups=("region",))
    assert str(caught.value) == (
        "people must have the columns smoker, age, region once each; missing: region; "
        "repeated: none"
    )


def test_a_secret_that_all_share_is_nothing_to_infer(rng):
    people = cohort(60, rng).assign(smoker=True)
    with pytest.raises(DataError) as caught:
        attack(people, rng, features=["age"])
    assert str(caught.value) == (
        "people must hold at least two values of 'smoker', or there is nothing to "
        "infer; got 1"
    )
