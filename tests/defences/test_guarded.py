"""A guarded twin counts, refuses and says what it spent, whatever is asked."""

import math
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.defences import (
    AnswerDefence,
    GuardedTwin,
    NoisyAnswers,
    QueryLimit,
    RandomisedAnswers,
    RoundedAnswers,
    guard,
)
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


def test_spent_is_a_part_of_the_whole_budget_under_a_smaller_limit() -> None:
    twin = guard(ask, [NORMAL, QueryLimit(2)], rng=np.random.default_rng(1))
    twin(PEOPLE)
    # The noise is that of four answers: one cost the root of 1 / 4, not of 1 / 2.
    assert twin.spent == PrivacyGuarantee(mu=0.5)
    twin(PEOPLE)
    assert twin.spent is not None
    assert twin.spent.mu == pytest.approx(math.sqrt(2 / 4))


def test_many_at_once_get_no_more_than_the_limit() -> None:
    together = threading.Barrier(8)

    def slow(people: pd.DataFrame) -> np.ndarray:
        # Long enough for everybody else to ask too.
        time.sleep(0.05)
        return ask(people)

    twin = guard(slow, [QueryLimit(3)])

    def is_answered(_: int) -> bool:
        together.wait(timeout=10)
        try:
            twin(PEOPLE)
        except ParameterError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(is_answered, range(8))) == 3
    assert twin.answered.to_dict() == {"a": 3, "b": 3, "c": 3}


def test_a_twin_that_asks_itself_is_limited_too() -> None:
    said = []

    def again(people: pd.DataFrame) -> np.ndarray:
        if len(said) < 3:
            said.append(twin(people))
        return ask(people)

    twin = guard(again, [QueryLimit(1)])
    with pytest.raises(ParameterError, match=r"for 3 of 3 people$"):
        twin(PEOPLE)
    assert not said


def test_a_copy_in_a_worker_counts_on_from_there() -> None:
    twin = guard(ask, [QueryLimit(2)])
    twin(PEOPLE)
    copied = pickle.loads(pickle.dumps(twin))
    copied(PEOPLE)
    assert copied.answered.to_dict() == {"a": 2, "b": 2, "c": 2}
    assert twin.answered.to_dict() == {"a": 1, "b": 1, "c": 1}


def test_a_twin_that_fails_is_charged() -> None:
    def broken(people: pd.DataFrame) -> np.ndarray:
        raise RuntimeError("out of order")

    twin = guard(broken, [QueryLimit(1)])
    with pytest.raises(RuntimeError, match=r"^out of order$"):
        twin(PEOPLE)
    with pytest.raises(ParameterError, match=r"for 3 of 3 people$"):
        twin(PEOPLE)


def test_a_missing_answer_is_an_answer() -> None:
    # The error says that a's answer is missing, which nobody else's is.
    missing = PEOPLE.assign(dose=[math.nan, 33.0, 58.0])
    twin = guard(ask, [NORMAL], rng=np.random.default_rng(1))
    message = "^answers must be finite; got 1 of 1 missing or infinite$"
    for n_asked in range(1, 5):
        with pytest.raises(DataError, match=message):
            twin(missing[:1])
        assert twin.answered.to_dict() == {"a": n_asked}
    assert twin.spent == PrivacyGuarantee(mu=1.0)
    with pytest.raises(ParameterError, match=r"for 1 of 1 people$"):
        twin(missing[:1])


@pytest.mark.parametrize(
    ("said", "shape"),
    [
        (np.zeros(50), r"\(50,\)"),
        (np.zeros((2, 3)), r"\(2, 3\)"),
        (7.0, r"\(\)"),
    ],
)
def test_an_answer_for_each_person_and_no_more(said: object, shape: str) -> None:
    twin = guard(lambda people: said, [QueryLimit(1)])  # type: ignore[arg-type,return-value]
    message = f"^ask must give one answer for each of 3 people; got the shape {shape}$"
    with pytest.raises(DataError, match=message):
        twin(PEOPLE)
    assert twin.answered.to_dict() == {"a": 1, "b": 1, "c": 1}


def test_texts_numbers_and_dates_are_labels() -> None:
    days = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])
    for index in ([1, 2.5, "a"], days, days.date, pd.Categorical(["a", "b", "c"])):
        twin = guard(ask, [QueryLimit(1)])
        twin(PEOPLE.set_axis(index))
        with pytest.raises(ParameterError, match=r"for 3 of 3 people$"):
            twin(PEOPLE.set_axis(index))


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
        "^people must have one label each in their index, a text, number or date, none "
        "missing; got others$"
    )
    # Two tuples that hold a nan differ, so they would count as two people.
    unequal = pd.Index([("a", math.nan), "b", "c"], dtype=object, tupleize_cols=False)
    unhashable = pd.Index([["a"], "b", "c"], dtype=object)
    several = pd.MultiIndex.from_product([[1], [1, 2, 3]])
    for index in ([None, "a", "b"], several, unequal, unhashable):
        with pytest.raises(DataError, match=message):
            twin(PEOPLE.set_axis(index))
