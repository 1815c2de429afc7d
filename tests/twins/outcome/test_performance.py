"""Measures of prediction against other programs, brute force, bootstrap and truth."""

import re
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import norm

from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.estimates import Estimate, wilson_interval
from twinprivacy.twins.outcome import auc, measure_performance, performance_gain
from twinprivacy.twins.outcome.performance import MEASURES

Array = npt.NDArray[np.float64]
Z = norm.ppf(0.975)


def numbers(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    predicted = rng.normal(size=n)
    return predicted + rng.normal(size=n), predicted


def probabilities(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    logit = rng.normal(size=n)
    happened = rng.random(n) < 1 / (1 + np.exp(-logit))
    # Too extreme by a factor of two.
    return happened.astype(float), 1 / (1 + np.exp(-2 * logit))


def survival(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    score = rng.normal(size=n)
    time = rng.exponential(np.exp(-score))
    censored = rng.exponential(2.0, size=n)
    pair = np.column_stack([np.minimum(time, censored), time <= censored])
    return pair, score


SAMPLES = {"number": numbers, "probability": probabilities, "survival": survival}


def sample(measure: str, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    return SAMPLES[MEASURES[measure].kind](n, rng)


def single(measure: str, observed: Any, predicted: Any, **options: Any) -> Estimate:
    table = measure_performance(observed, predicted, measures=[measure], **options)
    (row,) = table.drop(columns="measure").to_dict("records")
    return Estimate(**{str(name): value for name, value in row.items()})


r_squared = partial(single, "r_squared")
mean_absolute_error = partial(single, "mean_absolute_error")
share_within = partial(single, "share_within_20_percent")
brier_score = partial(single, "brier_score")
calibration_slope = partial(single, "calibration_slope")
calibration_intercept = partial(single, "calibration_intercept")
calibration_in_the_large = partial(single, "calibration_in_the_large")
concordance = partial(single, "concordance")


# Other programs.


def test_numbers_against_scikit_learn(rng: np.random.Generator) -> None:
    from sklearn import metrics

    y, p = numbers(300, rng)
    assert r_squared(y, p).value == pytest.approx(metrics.r2_score(y, p), rel=1e-12)
    found = mean_absolute_error(y, p)
    assert found.value == pytest.approx(metrics.mean_absolute_error(y, p), rel=1e-12)
    error = np.std(np.abs(y - p), ddof=1) / np.sqrt(300)
    assert found.high - found.low == pytest.approx(2 * Z * error, rel=1e-12)


def test_probabilities_against_scikit_learn(rng: np.random.Generator) -> None:
    from sklearn import metrics

    y, p = probabilities(300, rng)
    p = p.round(1)  # with ties
    assert auc(y, p).value == pytest.approx(metrics.roc_auc_score(y, p), rel=1e-12)
    loss = metrics.brier_score_loss(y, p)
    assert brier_score(y, p).value == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize("with_slope", [True, False])
def test_calibration_against_statsmodels(
    with_slope: bool, rng: np.random.Generator
) -> None:
    import statsmodels.api as sm

    y, p = probabilities(400, rng)
    logit = np.log(p / (1 - p))
    design = np.column_stack([np.ones(400), logit] if with_slope else [np.ones(400)])
    offset = None if with_slope else logit
    model = sm.GLM(y, design, family=sm.families.Binomial(), offset=offset)
    fit = model.fit(cov_type="HC0", tol=1e-12)
    names = ["calibration_intercept", "calibration_slope"]
    for place, name in enumerate(names if with_slope else ["calibration_in_the_large"]):
        found = single(name, y, p)
        assert found.value == pytest.approx(fit.params[place], abs=1e-8)
        error = fit.bse[place] * np.sqrt(400 / 399)
        assert found.high - found.low == pytest.approx(2 * Z * error, rel=1e-6)


@pytest.mark.parametrize("digits", [0, 1, 8])
def test_concordance_against_scikit_survival(
    digits: int, rng: np.random.Generator
) -> None:
    metrics = pytest.importorskip("sksurv.metrics")
    pair, score = survival(250, rng)
    pair[:, 0], score = pair[:, 0].round(digits), score.round(digits)
    theirs = metrics.concordance_index_censored(pair[:, 1] == 1, pair[:, 0], score)[0]
    assert concordance(pair, score).value == pytest.approx(theirs, rel=1e-12)


# Brute force.


def test_delong_against_all_pairs(rng: np.random.Generator) -> None:
    y, p = probabilities(60, rng)
    p = p.round(1)
    cases, controls = p[y == 1], p[y == 0]
    wins = (cases[:, None] > controls) + 0.5 * (cases[:, None] == controls)
    variance = np.var(wins.mean(axis=1), ddof=1) / len(cases)
    variance += np.var(wins.mean(axis=0), ddof=1) / len(controls)
    area = wins.mean()
    width = Z * np.sqrt(variance) / (area * (1 - area))
    ends = 1 / (1 + np.exp(-(np.log(area / (1 - area)) + np.array([-width, width]))))
    found = auc(y, p)
    assert found.value == pytest.approx(area, rel=1e-12)
    np.testing.assert_allclose((found.low, found.high), ends, rtol=1e-12)


def test_paired_delong_against_all_pairs(rng: np.random.Generator) -> None:
    y, more = probabilities(60, rng)
    less = (more + rng.random(60)) / 2
    wins = [
        (p[y == 1][:, None] > p[y == 0]) + 0.5 * (p[y == 1][:, None] == p[y == 0])
        for p in (more, less)
    ]
    by_case = np.cov([w.mean(axis=1) for w in wins]) / (y == 1).sum()
    by_control = np.cov([w.mean(axis=0) for w in wins]) / (y == 0).sum()
    contrast = np.array([1.0, -1.0])
    error = np.sqrt(contrast @ (by_case + by_control) @ contrast)
    found = performance_gain(y, more, less, measure="auc")
    assert found.value == pytest.approx(wins[0].mean() - wins[1].mean(), rel=1e-12)
    assert found.high - found.low == pytest.approx(2 * Z * error, rel=1e-10)


@pytest.mark.parametrize("digits", [0, 1, 8])
def test_concordance_counts_against_all_pairs(
    digits: int, rng: np.random.Generator
) -> None:
    from twinprivacy.twins.outcome.concordant_pairs import count_pairs

    pair, score = survival(40, rng)
    time, event = pair[:, 0].round(digits), pair[:, 1] == 1
    score = score.round(digits)
    right, comparable = np.zeros(40), np.zeros(40)
    for i, j in product(range(40), range(40)):
        if event[i] and (time[i] < time[j] or (time[i] == time[j] and not event[j])):
            win = (score[i] > score[j]) + 0.5 * (score[i] == score[j])
            for person in (i, j):
                right[person] += win
                comparable[person] += 1
    found = count_pairs(time, event, score)
    np.testing.assert_array_equal(found, (right, comparable))


def test_separated_classes_have_newcombes_interval() -> None:
    y = [0] * 4 + [1] * 3
    found = auc(y, [1, 2, 3, 4, 5, 6, 7])
    assert (found.value, found.high) == (1, 1)
    # Hanley and McNeil's variance at the bound, with the mean of both sizes.
    area, n = found.low, 3.5
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (n - 1) * (q1 + q2 - 2 * area**2)
    assert (1 - area) ** 2 == pytest.approx(Z**2 * spread / 12, rel=1e-9)
    reverse = auc(y, [7, 6, 5, 4, 3, 2, 1])
    assert (reverse.value, reverse.low) == (0, 0)
    assert reverse.high == pytest.approx(1 - area)


# Hand-sized.


def test_r_squared_by_hand() -> None:
    # 1 - (1 + 0 + 1 + 4) / (4 + 1 + 1 + 4), mean 3
    assert r_squared([1, 2, 4, 5], [2, 2, 3, 3]).value == pytest.approx(1 - 6 / 10)
    # Worse than the mean: below 0.
    assert r_squared([1, 2, 3], [3, 2, 1]).value == pytest.approx(1 - 8 / 2)


def test_share_within_is_of_the_truth() -> None:
    # 8 lies 20 % below 10; 10 lies 25 % above 8.
    assert share_within([10, 8], [8, 10]).value == 0.5
    # Guesses below 0 are never near.
    assert share_within([10, 10], [-12, -8]).value == 0
    found = share_within([10.0] * 10, [10.0] * 7 + [20.0] * 3)
    assert found == wilson_interval(7, 10)


def test_concordance_by_hand() -> None:
    # The first dies before all others (3 pairs), the third before the fourth.
    pairs = [[10, 1], [20, 0], [30, 1], [40, 0]]
    assert concordance(pairs, [4, 3, 2, 1]).value == 1
    assert concordance(pairs, [4, 4, 1, 2]).value == (0.5 + 1 + 1 + 0) / 4
    frame = pd.DataFrame(pairs, columns=["follow_up_days", "died"])
    assert concordance(frame, [4, 3, 1, 2]).value == 0.75


def test_calibration_in_the_large_by_hand() -> None:
    # A share of 3/4 where 1/2 was predicted: log odds of log 3 against 0.
    found = calibration_in_the_large([0, 0, 1, 1, 1, 1, 1, 1], [0.5] * 8)
    assert found.value == pytest.approx(np.log(3))


def test_calibration_slope_of_extreme_predictions() -> None:
    # Odds of 3 predicted as 9: log odds twice too far from 0, none on the average.
    y, p = [0, 0, 0, 1, 0, 1, 1, 1], [0.1] * 4 + [0.9] * 4
    assert calibration_slope(y, p).value == pytest.approx(0.5)
    assert calibration_intercept(y, p).value == pytest.approx(0, abs=1e-12)


# Bootstrap.


@pytest.mark.parametrize("measure", MEASURES)
def test_standard_errors_agree_with_the_bootstrap(
    measure: str, rng: np.random.Generator
) -> None:
    observed, predicted = sample(measure, 400, rng)
    other = predicted + rng.normal(scale=0.3, size=400)
    if MEASURES[measure].kind == "probability":
        other = np.clip((predicted + rng.random(400)) / 2, 0.001, 0.999)
    compute = MEASURES[measure].compute
    more, less = compute(observed, predicted), compute(observed, other)
    gain = performance_gain(observed, predicted, other, measure=measure)
    resampled = []
    for _ in range(1_000):
        who = rng.integers(400, size=400)
        values = [compute(observed[who], p[who]).value for p in (predicted, other)]
        resampled.append((values[0], values[0] - values[1]))
    by_bootstrap, gain_by_bootstrap = np.std(resampled, axis=0)
    # A standard deviation of 1,000 resamples has an error of 2 to 3 %.
    assert more.standard_error() == pytest.approx(by_bootstrap, rel=0.1)
    width = (gain.high - gain.low) / (2 * Z)
    assert width == pytest.approx(gain_by_bootstrap, rel=0.1)
    assert gain.value == pytest.approx(more.value - less.value)


# Coverage of known truths: 95 % give or take what 500 replicates allow.


def truth(measure: str) -> float:
    known = {
        "r_squared": 0.5,
        "mean_absolute_error": np.sqrt(2 / np.pi),
        "calibration_slope": 0.5,
        "calibration_intercept": 0.0,
        "calibration_in_the_large": 0.0,
    }
    if measure in known:
        return known[measure]
    n = 10_000 if measure == "concordance" else 400_000
    values = [
        MEASURES[measure].compute(*sample(measure, n, rng)).value
        for rng in np.random.default_rng(99).spawn(40 if n == 10_000 else 1)
    ]
    return float(np.mean(values))


@pytest.mark.parametrize("measure", MEASURES)
def test_intervals_cover_the_truth(measure: str, rng: np.random.Generator) -> None:
    target = truth(measure)
    covered = 0
    for one in rng.spawn(500):
        found = single(measure, *sample(measure, 200, one))
        covered += found.low <= target <= found.high
    # Three standard errors of 500 replicates are 2.9 %; the sandwich and the normal
    # limit cost another 1 % at 200 people.
    assert 0.91 <= covered / 500 <= 0.98


def test_gain_covers_nothing_gained(rng: np.random.Generator) -> None:
    covered = 0
    for one in rng.spawn(500):
        y, logit = (one.random(200) < 0.4), one.normal(size=(2, 200))
        gain = performance_gain(y, *(logit + y), measure="auc")
        covered += gain.low <= 0 <= gain.high
    assert 0.92 <= covered / 500 <= 0.98


# Rows of one person.


@pytest.mark.parametrize("measure", MEASURES)
def test_rows_twice_count_once_with_groups(
    measure: str, rng: np.random.Generator
) -> None:
    observed, predicted = sample(measure, 300, rng)
    compute = MEASURES[measure].compute
    once = compute(observed, predicted)
    twice = compute(np.concatenate([observed] * 2), np.concatenate([predicted] * 2))
    who = np.tile(np.arange(300), 2)
    # Pairs of a person with themselves and the divisors n - 1 make a small difference.
    assert twice.standard_error(who) == pytest.approx(once.standard_error(), rel=0.02)
    naive = once.standard_error() / np.sqrt(2)
    assert twice.standard_error() == pytest.approx(naive, rel=0.02)


def test_groups_of_one_change_nothing_but_the_divisor(
    rng: np.random.Generator,
) -> None:
    y, p = numbers(100, rng)
    alone = r_squared(y, p)
    grouped = r_squared(y, p, groups=[f"person {i}" for i in range(100)])
    assert grouped.value == alone.value
    assert grouped.low == pytest.approx(alone.low, rel=0.01)
    share = share_within(y, p, groups=np.arange(100))
    assert share.low < share.value < share.high


# Properties.

SCORES = st.lists(st.integers(-5, 5), min_size=4, max_size=30)


@settings(max_examples=60, deadline=None)
@given(SCORES, st.randoms(use_true_random=False))
def test_auc_properties(scores: list[int], random: Any) -> None:
    y = [True, True, False, False] + [random.random() < 0.5 for _ in scores[4:]]
    found = auc(y, scores)
    assert 0 <= found.low <= found.value <= found.high <= 1
    upside_down = auc(y, [-score for score in scores])
    assert upside_down.value == pytest.approx(1 - found.value)
    # Only the order of scores matters.
    assert auc(y, [score**3 + score for score in scores]).value == found.value


@settings(max_examples=60, deadline=None)
@given(SCORES, st.randoms(use_true_random=False))
def test_concordance_properties(scores: list[int], random: Any) -> None:
    pairs = [[1, 1], [2, 0]] + [[random.randint(1, 9), i % 2] for i in scores[2:]]
    found = concordance(pairs, scores)
    assert 0 <= found.value <= 1
    assert np.isnan(found.low) or 0 <= found.low <= found.value <= found.high <= 1
    assert np.isnan(found.low) == (found.value in (0, 1))
    upside_down = concordance(pairs, [-score for score in scores])
    assert upside_down.value == pytest.approx(1 - found.value)


@pytest.mark.parametrize("measure", MEASURES)
def test_order_of_people_does_not_matter(
    measure: str, rng: np.random.Generator
) -> None:
    observed, predicted = sample(measure, 80, rng)
    order = rng.permutation(80)
    found = single(measure, observed, predicted)
    again = single(measure, observed[order], predicted[order])
    np.testing.assert_allclose(
        list(again.as_dict().values()), list(found.as_dict().values()), rtol=1e-9
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_gain_of_two_predictions(measure: str, rng: np.random.Generator) -> None:
    observed, more = sample(measure, 80, rng)
    less = rng.permutation(more)
    nothing = performance_gain(observed, more, more, measure=measure)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
    gain = performance_gain(observed, more, less, measure=measure)
    loss = performance_gain(observed, less, more, measure=measure)
    assert (loss.value, loss.low, loss.high) == pytest.approx(
        (-gain.value, -gain.high, -gain.low)
    )


# The table.


@pytest.mark.parametrize("kind", SAMPLES)
def test_table_holds_every_measure_of_a_kind(
    kind: str, rng: np.random.Generator
) -> None:
    observed, predicted = SAMPLES[kind](100, rng)
    table = measure_performance(observed, predicted, confidence_level=0.9)
    assert table["measure"].tolist() == [
        m for m in MEASURES if MEASURES[m].kind == kind
    ]
    for _, row in table.iterrows():
        found = single(row["measure"], observed, predicted, confidence_level=0.9)
        assert row.drop("measure").to_dict() == found.as_dict()
    assert (table["n"] == 100).all()


def test_perfect_predictions() -> None:
    table = measure_performance([1, 2, 3], [1, 2, 3]).set_index("measure")
    assert table["value"].to_dict() == {
        "r_squared": 1,
        "mean_absolute_error": 0,
        "share_within_20_percent": 1,
    }
    assert table.loc["share_within_20_percent", "low"] == wilson_interval(3, 3).low


def test_a_hundred_thousand_people(rng: np.random.Generator) -> None:
    for measure in ("r_squared", "auc", "concordance"):
        found = single(measure, *sample(measure, 100_000, rng))
        assert found.n == 100_000
        assert found.high - found.low < 0.02


# Bad input.


def refuses(error: type[Exception], message: str) -> Any:
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def test_unknown_measure() -> None:
    allowed = ", ".join(repr(name) for name in MEASURES)
    with refuses(ParameterError, f"measures must be one of {allowed}; got 'rmse'"):
        measure_performance([1, 2], [1, 2], measures=["rmse"])
    with refuses(ParameterError, f"measure must be one of {allowed}; got 'rmse'"):
        performance_gain([1, 2], [1, 2], [1, 2], measure="rmse")


def test_confidence_level_is_checked() -> None:
    for call in (r_squared, auc):
        with refuses(
            ParameterError, "confidence_level must lie strictly in (0, 1); got 1"
        ):
            call([1, 2], [1, 2], confidence_level=1)


def test_shapes_must_go_together() -> None:
    message = "observed and predicted must be vectors of one length; got shapes "
    with refuses(ParameterError, message + "(3,) and (2,)"):
        r_squared([1, 2, 3], [1, 2])
    message = "observed must have the columns duration and event for concordance; "
    with refuses(ParameterError, message + "got shape (2,)"):
        concordance([1, 2], [1, 2])


def test_labels_must_go_together() -> None:
    y = pd.Series([1.0, 2.0, 3.0], index=[1, 2, 3])
    message = (
        "observed and predicted must have the same index in the same order; got 3 and "
        "3 rows that differ in it"
    )
    with refuses(ParameterError, message):
        r_squared(y, y[::-1])
    with refuses(ParameterError, message):
        performance_gain(y.to_numpy(), y, y[::-1], measure="r_squared")
    pair = pd.DataFrame({"follow_up_days": y, "died": [1, 1, 0]})
    with refuses(ParameterError, message):
        concordance(pair, y[::-1])


def test_one_person() -> None:
    with refuses(DataError, "observed must hold two people at least; got 1"):
        mean_absolute_error([1], [1])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_missing_or_infinite(bad: float) -> None:
    with refuses(
        DataError,
        "predicted must be finite for everyone; got 1 of 3 missing or infinite",
    ):
        r_squared([1, 2, 3], [1, bad, 3])


def test_words() -> None:
    with refuses(
        DataError, "observed must hold numbers, or true and false; got others"
    ):
        r_squared(["a", "b"], [1, 2])


def test_constant_outcome() -> None:
    message = "observed must differ between people; it is the same for all"
    with refuses(DataError, message):
        r_squared([2, 2, 2], [1, 2, 3])


def test_one_class() -> None:
    message = (
        "observed must be true for two people at least, and false for two; got 1 of 4 "
        "in the rarer class"
    )
    for function in (auc, calibration_slope, calibration_in_the_large):
        with refuses(DataError, message):
            function([0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4])


def test_other_values() -> None:
    message = "observed must be true or false, or 0 and 1; got 1 of 4 others"
    with refuses(DataError, message):
        brier_score([0, 1, 2, 0], [0.1, 0.2, 0.3, 0.4])
    message = "predicted must be probabilities in [0, 1]; got 1 of 4 outside"
    with refuses(DataError, message):
        brier_score([0, 1, 1, 0], [0.1, 1.2, 0.3, 0.4])
    message = "observed events must be true or false, or 0 and 1; got 1 of 2 others"
    with refuses(DataError, message):
        concordance([[1, 0], [2, 3]], [1, 2])


def test_calibration_without_a_line() -> None:
    y = [0, 0, 1, 1]
    message = (
        "calibration needs predicted strictly within (0, 1), since log odds end "
        "nowhere; got 2 of 4 at 0 or 1"
    )
    with refuses(FitError, message):
        calibration_slope(y, [0, 0.2, 0.3, 1])
    message = "predicted must differ between people for a calibration slope"
    with refuses(FitError, message):
        calibration_slope(y, [0.5] * 4)
    message = (
        "the calibration has no finite slope: predicted separates people with and "
        "without the outcome"
    )
    with refuses(FitError, message):
        calibration_slope(y, [0.1, 0.2, 0.3, 0.4])


def test_nobody_to_compare() -> None:
    message = (
        "observed must hold people who can be compared: someone with the event before "
        "the last time; got none"
    )
    with refuses(DataError, message):
        concordance([[1, 0], [2, 1]], [1, 2])


def test_groups_are_checked() -> None:
    with refuses(DataError, "groups must be two at least; got 1"):
        r_squared([1, 2, 3], [1, 2, 2], groups=[7, 7, 7])
    message = "groups must be known for everyone; got 1 of 3 missing"
    with refuses(DataError, message):
        r_squared([1, 2, 3], [1, 2, 2], groups=["a", None, "b"])
