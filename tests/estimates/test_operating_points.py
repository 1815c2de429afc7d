"""Operating points: against other programs and by hand, at limits, calibrated."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import beta, kstest, norm

from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates import (
    area_under_curve,
    difference_of_rates,
    membership_advantage,
    membership_bits,
    true_positive_rate_at,
    wilson_interval,
)

SCORES = st.lists(st.integers(-5, 5), min_size=2, max_size=30)


def entropy(p: float) -> float:
    return -sum(q * math.log2(q) for q in (p, 1 - p) if q > 0)


# Other programs and brute force.


def test_area_against_scikit_learn_and_all_pairs(rng: np.random.Generator) -> None:
    from sklearn import metrics

    members, controls = rng.normal(1, 1, 40).round(1), rng.normal(0, 1, 30).round(1)
    found = area_under_curve(members, controls)
    truth = np.repeat([1, 0], [40, 30])
    theirs = metrics.roc_auc_score(truth, np.concatenate([members, controls]))
    assert found.value == pytest.approx(theirs, rel=1e-12)
    wins = (members[:, None] > controls) + 0.5 * (members[:, None] == controls)
    variance = np.var(wins.mean(1), ddof=1) / 40 + np.var(wins.mean(0), ddof=1) / 30
    width = norm.ppf(0.975) * np.sqrt(variance) / (theirs * (1 - theirs))
    middle = np.log(theirs / (1 - theirs))
    ends = 1 / (1 + np.exp(-middle - np.array([-width, width])))
    np.testing.assert_allclose((found.low, found.high), ends, rtol=1e-12)


def test_area_is_that_of_the_performance_of_twins(rng: np.random.Generator) -> None:
    from twinprivacy.twins.outcome import auc

    members, controls = rng.normal(1, 1, 40), rng.normal(0, 1, 30)
    both, truth = np.concatenate([members, controls]), np.repeat([1, 0], [40, 30])
    theirs, ours = auc(truth, both), area_under_curve(members, controls)
    for end in ("value", "low", "high"):
        assert getattr(ours, end) == pytest.approx(getattr(theirs, end), rel=1e-9)


def test_given_threshold_is_newcombes_difference() -> None:
    # 30 of 40 members and 10 of 50 controls reach 1.
    members, controls = [1.0] * 30 + [0.0] * 10, [1.5] * 10 + [0.9] * 40
    found = membership_advantage(members, controls, threshold=1.0)
    other = difference_of_rates(30, 40, 10, 50)
    assert found.value == pytest.approx(30 / 40 - 10 / 50)
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=1e-9)


def test_bits_by_hand() -> None:
    members, controls = [1.0] * 30 + [0.0] * 10, [1.5] * 10 + [0.9] * 40
    found = membership_bits(members, controls, threshold=1.0)
    by_hand = entropy((0.75 + 0.2) / 2) - (entropy(0.75) + entropy(0.2)) / 2
    assert found.value == pytest.approx(by_hand, rel=1e-12)
    assert membership_bits(controls, members, threshold=1.0).value == -found.value


def test_rate_at_by_hand() -> None:
    # floor(0.05 * (99 + 1)) = 5: more than the fifth highest control, 95.
    controls = np.arange(1, 100)
    members = np.array([95.0, 95.5, 96.0, 200.0] * 25)
    found = true_positive_rate_at(members, controls, false_positive_rate=0.05)
    assert found.value == 75 / 100
    # Ranks whose rate, Beta(j, 100 - j), is below and above 0.05 with 97.5 %.
    surely = beta.cdf(0.05, np.arange(1, 40), 100 - np.arange(1, 40))
    fewest = int((surely >= 0.975).sum())
    most = int((surely > 0.025).sum()) + 1
    assert (fewest, most) == (1, 11)
    # None but the 200s exceed the highest control, 99; all reach the eleventh, 89.
    wilson = wilson_interval(75, 100)
    assert found.low == pytest.approx(
        max(0, 0.75 - math.hypot(0.75 - wilson.low, 0.75 - 0.25))
    )
    assert found.high == 1.0


# Limits.


def test_scores_that_separate() -> None:
    members, controls = np.ones(200), np.zeros(200)
    area = area_under_curve(members, controls)
    assert area.value == area.high == 1
    assert 0.98 < area.low < 1
    rng = np.random.default_rng(1)
    assert membership_advantage(members, controls, rng=rng).value == 1
    bits = membership_bits(members, controls, rng=rng)
    assert bits.value == bits.high == 1
    assert bits.low > 0.85
    rate = true_positive_rate_at(members, controls, false_positive_rate=0.05)
    assert (rate.value, rate.low) == (1, pytest.approx(wilson_interval(200, 200).low))


def test_scores_that_are_all_the_same() -> None:
    same = np.zeros(50)
    area = area_under_curve(same, same)
    assert area.value == 0.5
    assert area.low == pytest.approx(1 - area.high)
    assert 0.35 < area.low < 0.45
    rng = np.random.default_rng(1)
    for measure in (membership_advantage, membership_bits):
        found = measure(same, same, rng=rng)
        assert found.value == 0
        assert found.low < 0 < found.high
    rate = true_positive_rate_at(same, same, false_positive_rate=0.1)
    assert (rate.value, rate.low, rate.high) == (0, 0, 1)


def test_too_few_controls_for_the_rate() -> None:
    # 998 controls are one too few for 0.001: no threshold keeps it on a new one.
    scores = np.arange(998.0)
    found = true_positive_rate_at(scores + 2_000, scores, false_positive_rate=0.001)
    assert (found.value, found.low, found.high) == (0, 0, 1)
    more = np.arange(999.0)
    found = true_positive_rate_at(more + 2_000, more, false_positive_rate=0.001)
    assert (found.value, found.low, found.high) == (1, 0, 1)
    # Members like controls: even the ranks that surely exceed the rate find few.
    alike = true_positive_rate_at(scores, scores, false_positive_rate=0.001)
    assert alike.value == 0
    assert 0 < alike.high < 0.02


def test_ties_at_the_threshold_are_not_accused() -> None:
    controls = [0.0] * 90 + [1.0] * 10
    found = true_positive_rate_at([1.0] * 10, controls, false_positive_rate=0.05)
    assert found.value == 0
    assert found.high == 1
    found = true_positive_rate_at([1.0] * 10, controls, false_positive_rate=0.2)
    assert found.value == 1


def test_one_person_on_a_side() -> None:
    assert 0 < area_under_curve([1.0], [0.0, 2.0]).low < 0.5
    assert area_under_curve([1.0], [0.0]).value == 1
    found = membership_advantage([1.0], [0.0], threshold=0.5)
    assert (found.value, found.high) == (1, 1)


# Calibration.


def test_rate_at_covers_the_truth() -> None:
    rng = np.random.default_rng(5)
    for shift, n, alpha in ((0.0, 500, 0.05), (1.5, 500, 0.05), (1.0, 3_000, 0.01)):
        truth = norm.cdf(norm.ppf(alpha) + shift)
        covered = []
        for _ in range(400):
            found = true_positive_rate_at(
                rng.normal(shift, 1, n), rng.normal(size=n), false_positive_rate=alpha
            )
            covered.append(found.low <= truth <= found.high)
        # 95 % or more by construction; three standard errors below.
        assert np.mean(covered) > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 400)
        assert np.mean(covered) < 0.995


def test_rate_at_keeps_the_rate_on_new_controls() -> None:
    rng = np.random.default_rng(6)
    alpha, rates = 0.05, []
    for _ in range(600):
        # The rate of new controls above the threshold, for uniform scores.
        controls = rng.random(59)
        rates.append(1 - np.sort(controls)[-math.floor(alpha * 60)])
        members = np.append(controls, np.sort(controls)[-3] + 1e-9)
        found = true_positive_rate_at(members, controls, false_positive_rate=alpha)
        assert found.value == 3 / 60
    assert np.mean(rates) == pytest.approx(
        alpha, abs=3 * np.std(rates) / math.sqrt(600)
    )


@pytest.mark.calibration
def test_noise_has_no_advantage_and_no_bits() -> None:
    rng = np.random.default_rng(7)
    n, nulls = 80, (0, 0, 0.5)
    covered, values = [], []
    for _ in range(1_000):
        members, controls = rng.normal(size=n), rng.normal(size=n)
        found = [
            measure(members, controls, rng=rng)
            for measure in (membership_advantage, membership_bits)
        ]
        found.append(area_under_curve(members, controls))
        covered.append(
            [f.low <= t <= f.high for f, t in zip(found, nulls, strict=True)]
        )
        values.append([f.value for f in found])
    coverage, mean = np.mean(covered, axis=0), np.mean(values, axis=0)
    assert (coverage > 0.93).all()
    assert (coverage < 0.985).all()
    error = np.std(values, axis=0) / math.sqrt(1_000)
    assert (np.abs(mean - nulls) < 3.5 * error).all()


def test_the_best_difference_on_the_same_people_would_not_do() -> None:
    rng = np.random.default_rng(8)
    members, controls = rng.normal(size=(2, 100, 150))
    biased = [
        kstest(*pair, alternative="less").statistic
        for pair in zip(members, controls, strict=True)
    ]
    assert np.mean(biased) > 0.05


def test_advantage_and_bits_cover_the_truth_at_a_given_threshold() -> None:
    rng = np.random.default_rng(9)
    hit, alarm = 0.3, 0.1
    truth = entropy(0.2) - (entropy(hit) + entropy(alarm)) / 2
    covered = []
    for _ in range(500):
        members = (rng.random(200) < hit).astype(float)
        controls = (rng.random(300) < alarm).astype(float)
        gap = membership_advantage(members, controls, threshold=0.5)
        bits = membership_bits(members, controls, threshold=0.5)
        covered.append(
            [gap.low <= hit - alarm <= gap.high, bits.low <= truth <= bits.high]
        )
    assert (np.abs(np.mean(covered, axis=0) - 0.95) < 0.025).all()


def test_normal_scores_have_nearly_the_advantage_of_the_best_threshold() -> None:
    rng = np.random.default_rng(10)
    found = [
        membership_advantage(rng.normal(1, 1, 500), rng.normal(size=500), rng=rng)
        for _ in range(100)
    ]
    best = 2 * norm.cdf(0.5) - 1
    mean = np.mean([f.value for f in found])
    assert best - 0.025 < mean < best - 0.005


def test_few_found_for_certain_count_as_bits() -> None:
    rng = np.random.default_rng(11)
    members = np.append(rng.normal(size=950), np.full(50, 10.0))
    controls = rng.normal(size=1_000)
    bits = membership_bits(members, controls, rng=rng)
    # One in twenty is told for certain, of the others nothing.
    truth = entropy(0.025) - entropy(0.05) / 2
    assert bits.low <= truth <= bits.high
    assert bits.low > 0


# Rows of one person.


def test_repeated_rows_of_a_person_add_nothing(rng: np.random.Generator) -> None:
    members, controls = rng.normal(1, 1, 60), rng.normal(0, 1, 70)
    groups = {
        "member_groups": np.repeat(np.arange(60), 4),
        "control_groups": np.repeat(np.arange(70), 4),
    }
    once = area_under_curve(members, controls)
    four = area_under_curve(np.repeat(members, 4), np.repeat(controls, 4), **groups)
    assert four.n == once.n == 130
    assert (four.low, four.high) == pytest.approx((once.low, once.high), rel=1e-9)
    once = membership_advantage(members, controls, threshold=0.5)
    four = membership_advantage(
        np.repeat(members, 4), np.repeat(controls, 4), threshold=0.5, **groups
    )
    assert four.value == pytest.approx(once.value)
    assert four.high - four.low == pytest.approx(once.high - once.low, rel=0.05)


def test_a_person_is_in_one_half(rng: np.random.Generator) -> None:
    # Everybody's two rows have a score of their own: were they dealt apart, the
    # threshold of one half would be fitted to the people of the other.
    members, controls = np.repeat(rng.random(40), 2), np.repeat(rng.random(40), 2)
    people = np.repeat(np.arange(40), 2)
    found = membership_advantage(
        members,
        controls,
        rng=np.random.default_rng(2),
        member_groups=people,
        control_groups=people,
    )
    assert found.n == 80
    assert found.low < 0 < found.high


# Properties.


@settings(derandomize=True, deadline=None, max_examples=60)
@given(SCORES, SCORES, st.sampled_from([0.001, 0.05, 0.3, 0.9]), st.randoms())
def test_properties(
    members: list[int], controls: list[int], alpha: float, random: object
) -> None:
    found = true_positive_rate_at(members, controls, false_positive_rate=alpha)
    assert 0 <= found.low <= found.value <= found.high <= 1
    shuffled = random.sample(members, len(members))  # type: ignore[attr-defined]
    for measure in (membership_advantage, membership_bits):
        first = measure(members, controls, rng=np.random.default_rng(3))
        again = measure(shuffled, controls, rng=np.random.default_rng(3))
        assert first == again
        assert -1 <= first.low <= first.value <= first.high <= 1
    area = area_under_curve(members, controls)
    swapped = area_under_curve(controls, members)
    assert swapped.value == pytest.approx(1 - area.value)
    assert swapped.low == pytest.approx(1 - area.high, abs=1e-9)
    # No threshold that accuses so few of these controls finds more members.
    rates = [
        [np.mean(np.array(side) >= t) for side in (members, controls)]
        for t in {*members, *controls, math.inf}
    ]
    assert found.value <= max(hit for hit, alarm in rates if alarm <= alpha) + 1e-12


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_bits_exclude_zero_where_the_difference_does(
    hits: int, misses: int, alarms: int, calm: int
) -> None:
    members = [1.0] * hits + [0.0] * misses
    controls = [1.0] * alarms + [0.0] * calm
    gap = membership_advantage(members, controls, threshold=0.5)
    bits = membership_bits(members, controls, threshold=0.5)
    if min(abs(gap.low), abs(gap.high)) > 1e-9:
        assert (gap.low > 0) == (bits.low > 0)
        assert (gap.high < 0) == (bits.high < 0)


# Bad input.


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "member_scores must hold at least 1 value; got 0"),
        (
            [1.0, np.nan, np.inf],
            "member_scores must be finite; got 2 of 3 missing or infinite",
        ),
        ([[1.0]], "member_scores must be one-dimensional; got 2 axes"),
        (["a"], "member_scores must hold numbers only; got others"),
    ],
)
def test_bad_scores(members: list[object], message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        area_under_curve(members, [1.0])


def test_bad_settings(rng: np.random.Generator) -> None:
    scores = [0.0, 1.0]
    with pytest.raises(DataError, match=r"^control_scores must hold 2 or more scores"):
        membership_bits(scores, [1.0], rng=rng)
    message = r"^rng must be a numpy.random.Generator; got NoneType$"
    with pytest.raises(ParameterError, match=message):
        membership_advantage(scores, scores)
    message = r"^threshold and rng must not both be given; got both$"
    with pytest.raises(ParameterError, match=message):
        membership_advantage(scores, scores, threshold=1.0, rng=rng)
    with pytest.raises(ParameterError, match=r"^threshold must be finite; got nan$"):
        membership_advantage(scores, scores, threshold=np.nan)
    message = r"^false_positive_rate must lie strictly in \(0, 1\); got 0$"
    with pytest.raises(ParameterError, match=message):
        true_positive_rate_at(scores, scores, false_positive_rate=0)
    message = (
        r"^member_scores must be of two people at least to choose a threshold on "
        r"others; got 1$"
    )
    with pytest.raises(DataError, match=message):
        membership_bits(scores, scores, rng=rng, member_groups=["a", "a"])
