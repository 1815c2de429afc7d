"""Linkage by scores: ties, chance, certainty, bits of a true law, order of people."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.attacks.linkage import link_by_likelihood, link_records, link_scores
from twinprivacy.errors import DataError, FitError, ParameterError


def pair(
    n: int, d: int, ratio: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    people = np.sqrt(ratio) * rng.normal(size=(n, d))
    names = [f"x{j}" for j in range(d)]
    return tuple(
        pd.DataFrame(people + rng.normal(size=(n, d)), columns=names) for _ in range(2)
    )


def test_by_hand() -> None:
    scores = [[5.0, 1.0, 2.0], [4.0, 4.0, 0.0], [3.0, 1.0, 2.0]]
    found = link_scores(scores, names=["a", "b", "c"])
    # a is first alone, b shares the first place of two, c is second.
    assert found.targets["rank"].tolist() == [1, 1.5, 2]
    assert found.rank_rate(1).value == pytest.approx((1 + 0.5 + 0) / 3)
    assert found.rank_rate(2).value == 1
    assert found.targets["nearest"].fillna("tied").tolist() == ["a", "tied", "a"]
    assert found.targets["second_distance"].tolist() == [-2, -4, -2]


@given(st.integers(0, 2**32), st.integers(2, 30))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_same_ranks_as_linkage_by_distance(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    left, right = pair(n, 2, 4.0, rng)
    known = link_records(left, right, on={"x0": 1.0, "x1": 1.0}, truth=right.index)
    gap = left.to_numpy()[:, None] - right.to_numpy()[None]
    found = link_scores(-(gap**2).sum(axis=2))
    assert found.targets["rank"].tolist() == known.targets["rank"].tolist()
    assert 0 <= found.rank_rate(1).value <= 1
    assert found.targets["bits"].max() <= np.log2(n) + 1e-9


def test_names_are_kept_as_they_are() -> None:
    # Text and numbers stay what they are, as do times.
    first = link_scores(np.eye(2), names=["a", 1])
    assert first.targets["nearest"].tolist() == ["a", 1]
    assert first.targets.index.tolist() == ["a", 1]
    times = pd.date_range("2020-01-01", periods=2)
    second = link_scores(np.eye(2), names=times)
    assert second.targets["nearest"].tolist() == list(times)
    assert second.targets.index.tolist() == list(times)
    assert second.targets.index.name == "target"


def test_more_candidates_than_targets_and_only_one() -> None:
    found = link_scores([[1.0, 3.0, 4.0], [2.0, 3.0, 0.0]])
    assert found.targets["rank"].tolist() == [3, 1]
    alone = link_scores([[1.0]])
    assert alone.rank_rate(1).value == 1
    assert alone.targets["bits"].tolist() == [0]


def test_unrelated_records_link_at_chance() -> None:
    rng = np.random.default_rng(5)
    covered, rates = 0, []
    for _ in range(40):
        named, nameless = pair(100, 3, 3.0, rng)
        other = nameless.set_axis(rng.permutation(100))
        rate = link_by_likelihood(named, other, rng=rng).rank_rate(1)
        covered += rate.low <= 1 / 50 <= rate.high
        rates.append(rate.value)
    assert covered >= 35
    assert np.mean(rates) == pytest.approx(1 / 50, abs=4 * np.std(rates) / np.sqrt(40))


def test_unrelated_records_have_no_bits() -> None:
    rng = np.random.default_rng(6)
    bits = []
    for _ in range(20):
        named, nameless = pair(100, 3, 3.0, rng)
        other = nameless.set_axis(rng.permutation(100))
        bits.append(link_by_likelihood(named, other, rng=rng).bits().value)
    assert np.mean(bits) < 0.01


@pytest.mark.parametrize("n", [30, 37])
def test_scores_without_information_never_seem_to_have_some(n: int) -> None:
    found = [
        link_scores(one.normal(size=(n, n))).bits()
        for one in np.random.default_rng(4).spawn(200)
    ]
    assert np.mean([one.low > 0 for one in found]) <= 0.025
    assert np.mean([one.high < 0 for one in found]) <= 0.3
    assert np.mean([one.value for one in found]) == pytest.approx(0, abs=0.02)
    assert link_scores(np.zeros((n, n))).targets["bits"].eq(0).all()


def test_same_records_are_found_with_certainty(rng: np.random.Generator) -> None:
    named, _ = pair(60, 3, 3.0, rng)
    found = link_by_likelihood(named, named, rng=rng)
    assert found.rank_rate(1).value == 1
    # Of 30 targets one more might be misled: 30 / 31 of the probability is left.
    expected = np.log2(30) + np.log2(30 / 31 + 1 / 31 / 30)
    assert found.bits().value == pytest.approx(expected, abs=0.01)


def test_one_surprise_among_the_certain_costs_few_bits() -> None:
    scores = np.where(np.eye(50, dtype=bool), 0.0, -1e3)
    scores[0] = np.where(np.arange(50) == 1, 0.0, -1e3)
    bits = link_scores(scores).targets["bits"]
    # log2(1 / 51) for the misled one, and nearly log2(50) for the others.
    assert bits[0] == pytest.approx(-np.log2(51), abs=0.01)
    assert bits[1:].min() > 5.5


def test_bits_are_those_of_a_true_law() -> None:
    # Two axes of ratio 3 tell 2 log2(4) - log2(7) = 1.19 bits; log2 of 500 is more.
    named, nameless = pair(1_000, 2, 3.0, np.random.default_rng(8))
    found = link_by_likelihood(named, nameless, rng=np.random.default_rng(9))
    assert found.bits().value == pytest.approx(4 - np.log2(7), abs=0.15)


@given(st.integers(0, 2**32))
@settings(derandomize=True, deadline=None, max_examples=10)
def test_order_of_people_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    named, nameless = pair(41, 3, 2.0, rng)
    moved = (
        named.sample(frac=1, random_state=1),
        nameless.sample(frac=1, random_state=2),
    )
    first = link_by_likelihood(named, nameless, rng=np.random.default_rng(3))
    second = link_by_likelihood(*moved, rng=np.random.default_rng(3))
    pd.testing.assert_frame_equal(first.targets, second.targets)
    assert first.n_candidates == 20
    assert len(first.targets) == 40


def test_bad_input(rng: np.random.Generator) -> None:
    named, nameless = pair(30, 2, 2.0, rng)
    with pytest.raises(DataError, match=r"scores must be a finite table, shape"):
        link_scores([[np.nan, 1.0]])
    with pytest.raises(
        DataError, match=r"among no fewer candidates; got shape \(2, 1\)"
    ):
        link_scores([[0.0], [1.0]])
    with pytest.raises(DataError, match=r"^names must hold 2 names; got 1$"):
        link_scores(np.eye(2), names=["a"])
    with pytest.raises(FitError, match=r"named must hold 20 people or more; got 19"):
        link_by_likelihood(named.head(19), nameless.head(19), rng=rng)
    with pytest.raises(DataError, match=r"the same people in their index"):
        link_by_likelihood(named, nameless.head(29), rng=rng)
    with pytest.raises(DataError, match=r"^the index of named must name each row once"):
        link_by_likelihood(
            named.set_axis([0] * 30), nameless.set_axis([0] * 30), rng=rng
        )
    mixed = [*range(29), "x"]
    with pytest.raises(DataError, match=r"^named must have labels of one kind in its"):
        link_by_likelihood(named.set_axis(mixed), nameless.set_axis(mixed), rng=rng)
    with pytest.raises(ParameterError, match=r"rng must be a numpy.random.Generator"):
        link_by_likelihood(named, nameless, rng=None)  # type: ignore[arg-type]
