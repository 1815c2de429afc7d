"""Membership: measures by hand, their coverage, and the risk of single persons."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from twinprivacy.attacks.membership import (
    MembershipResult,
    most_exposed,
    own_area,
    risk_distribution,
)
from twinprivacy.attacks.membership.patient_risk import _read_signals, _separation
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates import wilson_interval
from twinprivacy.estimates.operating_points import score_bounds


def paired(
    inside: np.ndarray, outside: np.ndarray, **columns: object
) -> MembershipResult:
    """Scores of shape (rounds, people)."""
    n_rounds, n_people = inside.shape
    person = np.tile(np.arange(n_people), n_rounds)
    parts = [
        pd.DataFrame(
            {
                "member": member,
                "score": scores.ravel(),
                "round": np.repeat(np.arange(n_rounds), n_people),
                **{
                    name: np.asarray(values)[person] for name, values in columns.items()
                },
            },
            index=pd.Index(person, name="person"),
        )
        for member, scores in ((True, inside), (False, outside))
    ]
    return MembershipResult(pd.concat(parts), "test")


def noise(
    rng: np.random.Generator, n_rounds: int, n_people: int, shift: float = 0.0
) -> MembershipResult:
    """Scores with much of the person in them, and a shift of members."""
    person = rng.normal(0, 1, n_people)
    sides = [person + rng.normal(0, 1, (n_rounds, n_people)) for _ in range(2)]
    return paired(sides[0] + shift, sides[1])


def test_area_by_hand_and_by_scikit_learn(rng: np.random.Generator) -> None:
    found = paired(np.array([[1.0, 3.0]]), np.array([[0.0, 1.0]]))
    # Members 1 and 3 against 0 and 1: (1 + 1/2 + 1 + 1) / 4.
    assert found.area_under_curve().value == 3.5 / 4
    found = noise(rng, 3, 40, 0.5)
    targets = found.targets
    expected = roc_auc_score(targets["member"], targets["score"])
    assert found.area_under_curve().value == pytest.approx(expected, abs=1e-12)


def test_perfect_scores_are_found_with_certainty(rng: np.random.Generator) -> None:
    found = paired(np.ones((4, 100)), np.zeros((4, 100)))
    assert found.area_under_curve().value == 1
    assert found.area_under_curve().low > 0.95
    assert found.true_positive_rate_at(0.05).value == 1
    assert found.advantage(rng=rng).value == 1
    assert found.bits(rng=rng).value == pytest.approx(1)


@pytest.mark.calibration
@pytest.mark.parametrize("n_rounds", [1, 6])
def test_intervals_of_noise_hold_nothing_at_the_stated_rate(n_rounds: int) -> None:
    rng = np.random.default_rng(n_rounds)
    covered = {"area": 0, "advantage": 0, "bits": 0, "rate": 0}
    n = 400
    for child in rng.spawn(n):
        found = noise(child, n_rounds, 80)
        area, rate = found.area_under_curve(), found.true_positive_rate_at(0.1)
        advantage, bits = found.advantage(rng=child), found.bits(rng=child)
        covered["area"] += area.low <= 0.5 <= area.high
        covered["advantage"] += advantage.low <= 0 <= advantage.high
        covered["bits"] += bits.low <= 0 <= bits.high
        covered["rate"] += rate.low <= 0.1 <= rate.high
    shares = {name: count / n for name, count in covered.items()}
    assert 0.93 <= shares["area"] <= 0.97, shares
    # Wider than need be: they add up the chance of both sides, or are of halves.
    assert min(shares.values()) >= 0.93, shares


def test_area_of_a_known_shift_is_covered() -> None:
    rng = np.random.default_rng(3)
    # Two persons' normal scores differ by variance 4, a shift of 1.
    truth = norm.cdf(1 / 2)
    n = 300
    held = 0
    for child in rng.spawn(n):
        area = noise(child, 4, 60, 1.0).area_under_curve()
        held += area.low <= truth <= area.high
    assert 0.93 <= held / n <= 0.97


def test_persons_are_counted_not_rounds(rng: np.random.Generator) -> None:
    person = rng.normal(0, 1, 50)
    once = paired((person + rng.normal(0, 0.1, 50))[None], person[None])
    often = paired(
        *(
            np.repeat(once.targets["score"].to_numpy()[s][None], 9, axis=0)
            for s in (slice(0, 50), slice(50, 100))
        )
    )
    assert often.area_under_curve().low == pytest.approx(once.area_under_curve().low)
    assert often.area_under_curve().n == 50


def test_rate_counts_persons_where_sides_are_other_people() -> None:
    rng = np.random.default_rng(23)
    truth = norm.sf(norm.isf(0.1) - 1)
    person, n_rounds, n = np.arange(100), 10, 200
    held = 0
    for child in rng.spawn(n):
        members, others = child.normal(1, 1, 100), child.normal(0, 1, 100)
        found = paired(*(np.tile(side, (n_rounds, 1)) for side in (members, others)))
        is_member = found.targets["member"].to_numpy()
        names = np.tile(person, 2 * n_rounds) + np.where(is_member, 0, 100)
        rate = MembershipResult(
            found.targets.set_axis(names), "test"
        ).true_positive_rate_at(0.1)
        assert rate.n == 200
        held += rate.low <= truth <= rate.high
    assert held / n >= 0.93


def test_one_person_tells_nothing_of_the_rate_of_others() -> None:
    found = paired(np.ones((30, 1)), np.zeros((30, 1))).true_positive_rate_at(0.1)
    assert (found.value, found.low, found.high, found.n) == (1, 0, 1, 1)


def test_bits_of_pairs_are_the_mean_of_both_halves(rng: np.random.Generator) -> None:
    # Each of two persons is judged by the threshold that is best for the other. From 0
    # on both scores of the first are a member's, 0 bits; from 2 on, of the second, only
    # that from outside, -1 bit. Both together, rates of 1/2 and 1, would be -0.311.
    found = paired(np.array([[2.0, 0.0]]), np.array([[1.0, 3.0]]))
    assert found.bits(rng=rng).value == pytest.approx(-0.5)


def test_noise_has_no_bits_in_pairs() -> None:
    rng = np.random.default_rng(29)
    bits = [
        paired(*child.normal(size=(2, 1, 20))).bits(rng=child).value
        for child in rng.spawn(300)
    ]
    assert abs(np.mean(bits)) < 3 * np.std(bits) / math.sqrt(len(bits))


def test_order_of_rows_does_not_matter_to_pairs(rng: np.random.Generator) -> None:
    targets = noise(rng, 3, 20, 1.0).targets.rename(index="person {}".format)
    once = MembershipResult(targets, "test")
    for other in (targets.sort_values("score"), targets.sample(frac=1, random_state=1)):
        mixed = MembershipResult(other, "test")
        assert mixed.area_under_curve() == once.area_under_curve()
        assert mixed.true_positive_rate_at(0.2) == once.true_positive_rate_at(0.2)
        for measure in ("advantage", "bits"):
            first, second = (
                getattr(result, measure)(rng=np.random.default_rng(1))
                for result in (once, mixed)
            )
            assert first == second


def test_names_without_an_order_are_allowed(rng: np.random.Generator) -> None:
    targets = noise(rng, 2, 3, 1.0).targets
    names = {0: "Ada", 1: 7, 2: pd.Timestamp("2020-01-01")}
    named = targets.set_axis(pd.Index([names[i] for i in targets.index], dtype=object))
    found = MembershipResult(named, "test").area_under_curve()
    assert found == MembershipResult(targets, "test").area_under_curve()


def test_who_is_on_both_sides_is_counted_once(rng: np.random.Generator) -> None:
    targets = noise(rng, 4, 30).targets
    one_sided = (targets["round"] % 2 == 0) == targets["member"]
    found = MembershipResult(targets[one_sided], "test")
    measured = [found.area_under_curve(), found.true_positive_rate_at(0.2)]
    measured += [found.advantage(rng=rng), found.bits(rng=rng)]
    assert {estimate.n for estimate in measured} == {30}


def test_order_of_rows_within_a_side_does_not_matter(rng: np.random.Generator) -> None:
    targets = noise(rng, 1, 30, 1.0).targets
    half = pd.concat(
        [targets[targets["member"]][:15], targets[~targets["member"]][15:]]
    )
    found = MembershipResult(half, "test")
    mixed = MembershipResult(half.iloc[rng.permutation(30)], "test")
    assert mixed.area_under_curve() == found.area_under_curve()
    assert mixed.true_positive_rate_at(0.2) == found.true_positive_rate_at(0.2)
    first, second = (
        result.advantage(rng=np.random.default_rng(1)).as_dict()
        for result in (found, mixed)
    )
    assert first == pytest.approx(second, rel=1e-12)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.lists(st.integers(-3, 3), min_size=8, max_size=8),
    st.sampled_from([0.01, 0.2, 0.5]),
)
def test_measures_lie_in_their_range(scores: list[int], alpha: float) -> None:
    values = np.array(scores, dtype=float).reshape(2, 4)
    found = paired(values, values[:, ::-1])
    for estimate in (found.area_under_curve(), found.true_positive_rate_at(alpha)):
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    rng = np.random.default_rng(1)
    for estimate in (found.advantage(rng=rng), found.bits(rng=rng)):
        assert -1 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_own_signals_by_hand() -> None:
    inside = np.array([[3.0, 0.0], [2.0, 0.0], [1.0, 0.0]])
    outside = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    found = paired(inside, outside)
    # Of nine pairs of the first, eight are right and (1, 1) is half right.
    assert own_area(found).value == pytest.approx((8.5 / 9 + 0.5) / 2)
    separation = _separation(_read_signals(found.targets, least=2))
    # Means 2 and 1/3, variances 1 and 1/3.
    assert separation.tolist() == pytest.approx([(5 / 3) / math.sqrt(2 / 3), 0])


def test_distribution_of_noise_is_that_of_chance() -> None:
    rng = np.random.default_rng(11)
    found = risk_distribution(noise(rng, 10, 1_000), (0.6, 0.8), rng=rng)
    assert (found["excess_low"] <= 0).all()
    assert (found["excess_high"] >= 0).all()
    # Some areas are high by chance alone: this is what is taken off.
    assert found["by_chance"].iloc[0] > 0.15


@pytest.mark.parametrize("correlation", [-0.9, 0.9])
def test_chance_keeps_the_two_models_of_a_round_together(correlation: float) -> None:
    rng = np.random.default_rng(12)
    levels = (0.6, 0.7) if correlation < 0 else (0.55, 0.6)
    excess = []
    for _ in range(10):
        inside, rest = rng.normal(size=(2, 16, 1_000))
        outside = correlation * inside + math.sqrt(1 - correlation**2) * rest
        found = risk_distribution(
            paired(inside, outside), levels, n_permutations=5, rng=rng
        )
        excess.append(found["excess"])
    # Of 10,000 persons a share of a quarter has a standard error of 0.004.
    assert np.abs(np.mean(excess, axis=0)).max() < 0.013


def test_chance_mixes_rounds_where_they_do_not_pair() -> None:
    rng = np.random.default_rng(14)
    targets = noise(rng, 16, 1_000).targets
    one_sided = (targets["round"] % 2 == 0) == targets["member"]
    found = risk_distribution(
        MembershipResult(targets[one_sided], "test"), (0.7,), rng=rng
    )
    assert found["by_chance"].iloc[0] > 0.05
    assert abs(found["excess"].iloc[0]) < 0.04


def test_few_near_perfect_are_found_where_the_average_looks_random() -> None:
    rng = np.random.default_rng(13)
    shift = np.where(np.arange(1_000) < 20, 6.0, 0.0)
    sides = [rng.normal(size=(16, 1_000)) + s for s in (shift, 0.0)]
    found = paired(*sides)
    assert found.area_under_curve().value < 0.53
    risk = risk_distribution(found, (0.99,), rng=rng)
    assert risk["excess"].iloc[0] == pytest.approx(0.02, abs=0.003)
    exposed = most_exposed(found, 0.01)
    assert exposed.area_under_curve().value > 0.999


def test_most_exposed_by_chance_are_exposed_to_nothing() -> None:
    rng = np.random.default_rng(17)
    n = 200
    held = 0
    for child in rng.spawn(n):
        area = most_exposed(noise(child, 8, 200), 0.1).area_under_curve()
        held += area.low <= 0.5 <= area.high
    assert 0.91 <= held / n <= 0.98


def test_by_group_is_the_measure_within_the_group(rng: np.random.Generator) -> None:
    group = np.repeat(["a", "b"], 20)
    shift = np.where(group == "a", 3.0, 0.0)
    sides = [rng.normal(size=(2, 40)) + s for s in (shift, 0.0)]
    table = paired(*sides, ward=group).by_group("ward", false_positive_rate=0.1)
    only = paired(sides[0][:, :20], sides[1][:, :20])
    assert table["group"].tolist() == ["a", "b"]
    assert table["n"].tolist() == [20, 20]
    assert table["auc"].iloc[0] == only.area_under_curve().value
    assert table["auc"].iloc[0] > table["auc"].iloc[1]


def test_a_missing_group_is_a_group(rng: np.random.Generator) -> None:
    sides = rng.normal(size=(2, 2, 30))
    ward = np.repeat(np.array(["a", "b", None], dtype=object), 10)
    table = paired(*sides, ward=ward).by_group("ward", false_positive_rate=0.1)
    assert table["group"].isna().tolist() == [False, False, True]
    only = paired(*sides[:, :, 20:]).area_under_curve()
    assert table["auc"].iloc[2] == only.value
    kinds = pd.Categorical(ward, categories=["a", "b", "c"])
    coded = paired(*sides, ward=kinds).by_group("ward", false_positive_rate=0.1)
    assert coded["auc"].tolist() == table["auc"].tolist()


def test_bad_targets_are_refused_without_showing_them(rng: np.random.Generator) -> None:
    good = noise(rng, 1, 5).targets
    with pytest.raises(DataError, match=r"^targets must have the columns .*: score;"):
        MembershipResult(good.drop(columns="score"), "test")
    bad = good.assign(score=np.where(good.index == 0, np.nan, 1.0))
    message = r"^score must be finite for everyone; got 2 of 10 missing or infinite$"
    with pytest.raises(DataError, match=message):
        MembershipResult(bad, "test")
    message = r"^score must hold numbers, or true and false; got others$"
    with pytest.raises(DataError, match=message) as caught:
        MembershipResult(good.assign(score="Ada"), "test")
    assert caught.value.__cause__ is None
    someone = good["member"].astype(object).where(good.index != 0, None)
    message = r"^member must be true or false; got 2 of 10 others$"
    with pytest.raises(DataError, match=message):
        MembershipResult(good.assign(member=someone), "test")
    message = r"^targets must name everyone in the index; got 2 of 10 missing$"
    with pytest.raises(DataError, match=message):
        MembershipResult(good.rename(index={0: np.nan}), "test")
    message = r"^targets must hold members and others; got 5 members of 5$"
    with pytest.raises(DataError, match=message):
        MembershipResult(good[good["member"]], "test")
    message = r"^column must be one of targets; got 'ward'$"
    with pytest.raises(ParameterError, match=message):
        noise(rng, 1, 5).by_group("ward")
    message = (
        r"^everyone must be twice a member and twice not, in the rounds that are used; "
        r"5 of 5 are not$"
    )
    with pytest.raises(DataError, match=message):
        most_exposed(noise(rng, 1, 5), 0.5)


def test_repr_shows_nobody(rng: np.random.Generator) -> None:
    shown = repr(paired(np.array([[2.0]]), np.array([[1.0]])))
    assert shown == "MembershipResult(attack='test', people=1, rounds=1, auc=1.000)"


def test_own_area_is_the_mean_of_persons(rng: np.random.Generator) -> None:
    found = noise(rng, 6, 30, 1.0)
    area = own_area(found)
    inside, outside = (
        found.targets.loc[found.targets["member"] == side, "score"]
        .to_numpy()
        .reshape(6, 30)
        for side in (True, False)
    )
    assert area.value == pytest.approx((inside[:, None] > outside).mean())
    assert area.n == 30
    flat = own_area(paired(np.ones((3, 20)), np.ones((3, 20))))
    bounds = score_bounds(0.5, 20, 20, level=0.95)
    assert (flat.value, flat.low, flat.high, flat.n) == (0.5, *bounds, 20)
    assert flat.low < 0.4
    # Of one round: three of four persons are higher inside, Wilson's bounds.
    once = paired(np.array([[1.0, 1, 1, 0]]), np.array([[0.0, 0, 0, 1]]))
    assert own_area(once) == wilson_interval(3, 4)
    message = (
        r"^everyone must be once a member and once not, in the rounds that are used; "
        r"2 of 4 are not$"
    )
    with pytest.raises(DataError, match=message):
        own_area(MembershipResult(once.targets[2:], "test"))
