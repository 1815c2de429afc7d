"""A guarded twin counts, refuses and says what it spent, whatever is asked."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinprivacy.attacks.bounds import PrivacyGuarantee
from twinprivacy.defences.answers import (
    NoisyAnswers,
    QueryLimit,
    RandomisedAnswers,
    RoundedAnswers,
)
from twinprivacy.defences.guarded import AnswerDefence, GuardedTwin, guard
from twinprivacy.errors import DataError, ParameterError

PEOPLE = pd.DataFrame({"dose": [12.0, 33.0, 58.0]}, index=["a", "b", "c"])
NORMAL = NoisyAnswers(0.0, 100.0, mu=1.0, n_answers=4)


def ask(people: pd.DataFrame) -> np.ndarray:
    return people["dose"].to_numpy()


def test_defences_act_in_their_order() -> None:
    first = guard(ask, [NORMAL, RoundedAnswers(10.0)], rng=np.random.default_rng(3))
    noisy = NORMAL.simulate(ask(PEOPLE), rng=np.random.default_rng(3).spawn(2)[0])
    expected = np.round(noisy / 10) * 10
    assert first(PEOPLE).tolist() == expected.tolist()
    other = guard(ask, [RoundedAnswers(10.0), NORMAL], rng=np.random.default_rng(3))
    assert (other(PEOPLE) % 10 != 0).all()


def test_same_seed_same_answers_and_fresh_noise_each_time() -> None:
    twins = [guard(ask, [NORMAL], rng=np.random.default_rng(3)) for _ in range(2)]
    said = [[twin(PEOPLE).tolist() for _ in range(2)] for twin in twins]
    assert said[0] == said[1]
    assert said[0][0] != said[0][1]


def test_without_defences_it_is_the_twin() -> None:
    twin = guard(ask, [])
    for _ in range(3):
        assert twin(PEOPLE).tolist() == ask(PEOPLE).tolist()
    assert twin.limit == math.inf
    assert twin.spent is None
    assert twin.answered.to_dict() == {"a": 3, "b": 3, "c": 3}


def test_without_rng_it_releases() -> None:
    assert guard(ask, [RoundedAnswers(10.0)])(PEOPLE).tolist() == [10.0, 30.0, 60.0]
    pytest.importorskip("opendp")
    twin = guard(ask, [NoisyAnswers(0.0, 100.0, epsilon=1e4)])
    # Laplace noise of scale 0.01: beyond 0.5 once in exp(50).
    np.testing.assert_allclose(twin(PEOPLE), ask(PEOPLE), atol=0.5)


def test_spent_by_hand() -> None:
    twin = guard(ask, [NORMAL, RoundedAnswers(1.0)], rng=np.random.default_rng(1))
    assert twin.spent == PrivacyGuarantee(mu=0.0)
    twin(PEOPLE)
    # One answer of four: the root of 1 / 4.
    assert twin.spent == PrivacyGuarantee(mu=0.5)
    twin(PEOPLE.loc[["a", "a", "b"]])
    # Three about a, who counts: the root of 3 / 4.
    assert twin.spent is not None
    assert twin.spent.mu == pytest.approx(math.sqrt(3 / 4))
    assert twin.answered.to_dict() == {"a": 3, "b": 2, "c": 1}
    twin(PEOPLE)
    assert twin.spent is not None
    assert twin.spent.mu == pytest.approx(1.0)


def test_refuses_beyond_the_limit_and_then_spends_nothing() -> None:
    twin = guard(ask, [QueryLimit(2)])
    twin(PEOPLE.loc[["a", "b"]])
    twin(PEOPLE.loc[["a"]])
    message = "^a person may be asked about 2 times; got more for 1 of 3 people$"
    with pytest.raises(ParameterError, match=message):
        twin(PEOPLE)
    assert twin.answered.to_dict() == {"a": 2, "b": 1}
    twin(PEOPLE.loc[["b", "c"]])
    with pytest.raises(ParameterError, match=r"for 1 of 1 people$"):
        twin(PEOPLE.loc[["c", "c"]])


def test_the_smallest_limit_holds() -> None:
    assert guard(ask, [NORMAL, QueryLimit(2)]).limit == 2
    assert guard(ask, [QueryLimit(9), NORMAL]).limit == 4
    private = RandomisedAnswers((True, False), epsilon=1.0, n_answers=3)
    assert guard(ask, [private, QueryLimit(9)]).limit == 3


def test_a_twin_that_fails_spends_nothing() -> None:
    def broken(people: pd.DataFrame) -> np.ndarray:
        raise RuntimeError("out of order")

    twin = guard(broken, [QueryLimit(1)])
    with pytest.raises(RuntimeError, match=r"^out of order$"):
        twin(PEOPLE)
    assert twin.answered.empty


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=6))
def test_spent_never_exceeds_the_budget(calls: list[list[str]]) -> None:
    budget = PrivacyGuarantee(epsilon=2.0)
    private = NoisyAnswers(0.0, 100.0, epsilon=2.0, n_answers=3)
    twin = guard(ask, [private], rng=np.random.default_rng(1))
    before = 0.0
    for names in calls:
        given_out = twin.answered.sum()
        try:
            twin(PEOPLE.loc[names])
        except ParameterError:
            assert twin.answered.sum() == given_out
        assert twin.spent is not None
        assert twin.spent.epsilon is not None
        assert budget.epsilon is not None
        assert before <= twin.spent.epsilon <= budget.epsilon * (1 + 1e-12)
        before = twin.spent.epsilon
    assert twin.answered.max() <= 3 or twin.answered.empty


def test_any_defence_of_answers_will_do() -> None:
    class Doubled:
        def simulate(self, answers: np.ndarray, *, rng: object) -> np.ndarray:
            return 2 * answers

        def release(self, answers: np.ndarray) -> np.ndarray:
            return 2 * answers

        def guarantee(self) -> PrivacyGuarantee:
            return PrivacyGuarantee(epsilon=0.5)

    defence: AnswerDefence = Doubled()
    twin = guard(ask, [defence])
    twin(PEOPLE)
    assert twin(PEOPLE).tolist() == [24.0, 66.0, 116.0]
    # It sets no limit, so its guarantee is for each answer: two cost twice.
    assert twin.spent == PrivacyGuarantee(epsilon=1.0)


def test_repr_shows_nobody() -> None:
    twin = guard(ask, [QueryLimit(2)])
    twin(PEOPLE)
    assert isinstance(twin, GuardedTwin)
    assert repr(twin) == ("GuardedTwin(defences=[QueryLimit(n_answers=2)], spent=None)")


def test_bad_input() -> None:
    with pytest.raises(ParameterError, match=r"^ask must be callable; got int$"):
        guard(3, [])  # type: ignore[arg-type]
    message = "^rng must be a numpy.random.Generator; got int$"
    with pytest.raises(ParameterError, match=message):
        guard(ask, [], rng=3)  # type: ignore[arg-type]
    message = (
        "^defences must act on answers, as in twinprivacy.defences.answers; got float$"
    )
    with pytest.raises(ParameterError, match=message):
        guard(ask, [5.0])  # type: ignore[list-item]
    message = (
        "^defences must hold one guarantee at most; got NoisyAnswers, NoisyAnswers$"
    )
    with pytest.raises(ParameterError, match=message):
        guard(ask, [NORMAL, RoundedAnswers(1.0), NORMAL])
    twin = guard(ask, [QueryLimit(1)])
    with pytest.raises(DataError, match=r"^people must be a pandas.DataFrame; got int"):
        twin(3)  # type: ignore[arg-type]
    message = (
        "^people must have one label each in their index, none missing; got others$"
    )
    for index in ([None, "a", "b"], pd.MultiIndex.from_product([[1], [1, 2, 3]])):
        with pytest.raises(DataError, match=message):
            twin(PEOPLE.set_axis(index))
