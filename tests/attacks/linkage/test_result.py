"""Rates, thresholds and bits of a linkage against hand arithmetic and simulation."""

import re

import numpy as np
import pandas as pd
import pytest

from twinprivacy.attacks.linkage import LinkageResult, link_records
from twinprivacy.errors import FitError, ParameterError
from twinprivacy.estimates import wilson_interval

NUMBERS = {"x": 1.0}


def table(values, names=None):
    return pd.DataFrame({"x": np.asarray(values, dtype=float)}, index=names)


def five():
    """Own distances 0.1, 0.2, 0.3, 5, 8; all but the last two are nearest."""
    right = table([0, 10, 20, 30, 40], list("abcde"))
    left = table([0.1, 10.2, 20.3, 35.1, 32.0])
    return link_records(left, right, on=NUMBERS, truth=list("abcde"))


def test_rates_are_wilsons_on_the_ranks():
    found = five()
    assert found.targets["rank"].tolist() == [1, 1, 1, 2, 2]
    assert found.rank_rate(1) == wilson_interval(3, 5)
    assert found.rank_rate(2) == wilson_interval(5, 5)
    assert (found.chance(1), found.chance(2), found.chance(9)) == (0.2, 0.4, 1.0)
    gain, rate = found.gain(1), found.rank_rate(1)
    assert gain.value == pytest.approx(0.4)
    assert gain.low == pytest.approx(rate.low - 0.2)
    assert gain.high == pytest.approx(rate.high - 0.2)


def test_identification_at_a_rate_of_false_alarms_by_hand():
    right = table([0, 10, 20, 30], list("abcd"))
    absent = np.linspace(2, 4, 40) + 10 * np.tile(np.arange(4), 10)
    left = table([0.1, 10.2, 20.3, 32.2, *absent])
    found = link_records(left, right, on=NUMBERS, truth=[*"abcd", *[None] * 40])
    # 2 of 40 alarms are allowed: the threshold is the third least, 2 + 2 * 2 / 39.
    tight = found.identification_at(false_alarm_rate=0.05)
    assert tight.value == 3 / 4
    # 8 of 40: the threshold is 2 + 2 * 8 / 39 = 2.41, above 2.2.
    assert found.identification_at(false_alarm_rate=0.2).value == 1
    assert tight.low == 0, "2 expected alarms may be none"
    assert tight.low <= tight.value <= tight.high


def test_the_ratio_to_the_second_best_is_another_evidence():
    right = table([0, 1, 100, 200], list("abcd"))
    left = table([0.4, 110.0, 150.0, 1.5])
    found = link_records(left, right, on=NUMBERS, truth=["a", "c", None, None])
    # Ratios: 0.4 / 0.6 and 10 / 90 of those in, 50 / 50 and 0.5 / 1.5 of the absent;
    # half of the absent may be named: below 1 both are, though 10 is far.
    both = found.identification_at(false_alarm_rate=0.5, evidence="ratio")
    assert both.value == 1
    # Distances: 0.4 and 10; absent 50 and 0.5.
    near = found.identification_at(false_alarm_rate=0.4, evidence="distance")
    assert near.value == 0.5


def test_removing_people_stands_for_their_absence():
    found = five()
    # Without their own record the nearest are 9.9, 9.8, 9.7, 4.9 and 2 away. One alarm
    # in five is allowed: the threshold is 4.9, and the three that are right are named.
    assert found.identification_at(false_alarm_rate=0.2, absent="removed").value == 0.6
    assert found.identification_at(false_alarm_rate=0.1, absent="removed").value == 0.6


def test_identification_interval_holds_the_truth(rng):
    """Normal noise on a line: the rate at the true threshold is known by simulation."""

    def draw(one, n_in, n_out):
        right = pd.DataFrame(one.normal(size=(40, 3)), columns=list("abc"))
        truth = one.choice(right.index, n_in)
        near = right.loc[truth] + 0.25 * one.normal(size=(n_in, 3))
        far = pd.DataFrame(one.normal(size=(n_out, 3)), columns=list("abc"))
        left = pd.concat([near, far], ignore_index=True)
        labels = pd.array([*truth, *[None] * n_out], dtype="Int64")
        return link_records(
            left,
            right,
            on=dict.fromkeys("abc", 1.0),
            truth=labels,
            groups=np.arange(n_in + n_out),
            bits=False,
        )

    # The gallery is drawn anew each time, so the truth is that over galleries.
    rates = [
        draw(one, 400, 400).identification_at(false_alarm_rate=0.1).value
        for one in rng.spawn(40)
    ]
    truth = np.mean(rates)
    held = 0
    for one in rng.spawn(150):
        found = draw(one, 60, 60).identification_at(false_alarm_rate=0.1)
        held += found.low <= truth <= found.high
    assert held / 150 >= 0.95


def test_absent_people_with_several_targets_are_few_people(rng):
    """Ten absent people, ten near-equal records each, tell little of 1 alarm in 10."""
    names = list("ab")

    def draw(one, n_out, copies):
        right = pd.DataFrame(one.normal(size=(100, 2)), columns=names)
        near = right.loc[one.choice(100, 300)] + 0.05 * one.normal(size=(300, 2))
        out = np.repeat(one.normal(size=(n_out, 2)), copies, axis=0)
        far = pd.DataFrame(out + 0.001 * one.normal(size=out.shape), columns=names)
        left = pd.concat([near, far], ignore_index=True)
        persons = np.r_[np.arange(300), 300 + np.repeat(np.arange(n_out), copies)]
        return link_records(
            left,
            right,
            on=dict.fromkeys(names, 1.0),
            truth=[*near.index, *[None] * len(far)],
            groups=persons,
            bits=False,
        ).identification_at(false_alarm_rate=0.1)

    truth = np.mean([draw(one, 1_000, 1).value for one in rng.spawn(20)])
    found = [draw(one, 10, 10) for one in rng.spawn(100)]
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.95


def test_one_absent_person_tells_next_to_nothing_of_alarms():
    right = table([0, 10, 20, 30], list("abcd"))
    left = table([0.1, 10.2, 20.3, 32.2, *np.linspace(2, 4, 40)])
    truth = [*"abcd", *[None] * 40]
    groups = [0, 1, 2, 3, *[4] * 40]
    found = link_records(left, right, on=NUMBERS, truth=truth, groups=groups)
    one = found.identification_at(false_alarm_rate=0.5)
    assert one.value == 1
    assert one.low == 0
    assert one.high == found.rank_rate(1, confidence_level=0.975).high


def test_errors_of_an_assignment_are_chained(rng):
    right = table([0, 10, 20, 30, 40, 50, 60], list("abcdefg"))
    # a and b swap, c, d and e go round, f is right; the absent take g's record.
    left = table([10, 0, 30, 40, 20, 50, 61, 60])
    found = link_records(
        left,
        right,
        on=NUMBERS,
        truth=[*"abcdefg", None],
        one_to_one=True,
        rng=rng,
    )
    assert (
        found.targets["assigned_right"].tolist() == [False] * 5 + [True] + [False] * 2
    )
    a, b, c, d, e, f, g, absent = found.chains.tolist()
    assert (a, c, c, g) == (b, d, e, absent)
    assert len({a, c, f, g}) == 4
    assert found.assignment_rate().n == 7
    # Whose groups are one person are in one chain, whatever they were given.
    one = link_records(
        left.iloc[[0, 5]],
        right,
        on=NUMBERS,
        truth=["a", "f"],
        groups=[1, 1],
        one_to_one=True,
        rng=rng,
    )
    assert one.chains[0] == one.chains[1]


def test_without_errors_the_assignment_has_wilsons_interval(rng):
    right = table(np.arange(8.0))
    found = link_records(
        right, right, on=NUMBERS, truth=right.index, one_to_one=True, rng=rng
    )
    assert found.assignment_rate() == wilson_interval(8, 8)


def test_assignment_interval_holds_the_rate_over_people(rng):
    """Errors come in swaps and rounds: the truth is the mean over many tables."""
    found = []
    for one in rng.spawn(200):
        right = pd.DataFrame(one.normal(size=(100, 3)), columns=list("abc"))
        left = right + 0.2 * one.normal(size=right.shape)
        linked = link_records(
            left,
            right,
            on=dict.fromkeys("abc", 1.0),
            truth=right.index,
            bits=False,
            one_to_one=True,
            rng=one,
        )
        found.append(linked.assignment_rate())
    truth = np.mean([one.value for one in found])
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.93


def test_bits_of_a_calibrated_normal_are_its_information(rng):
    """With normal noise the softmax is the posterior: its mean log is known."""
    n, sd = 300, 0.05
    right = table(rng.normal(size=n))
    left = right + sd * rng.normal(size=(n, 1))
    found = link_records(left, right, on=NUMBERS, truth=right.index)
    gaps = (left["x"].to_numpy()[:, None] - right["x"].to_numpy()) ** 2
    log_p = -gaps / (2 * sd**2)
    log_p -= np.log(np.exp(log_p).sum(axis=1))[:, None]
    expected = np.diag(log_p).mean() / np.log(2) + np.log2(n)
    assert found.bits().value == pytest.approx(expected, abs=0.05)
    assert found.temperature == pytest.approx(2 * sd**2, rel=0.3)


def test_misleading_distances_are_no_leak():
    right = table(np.arange(10))
    left = table(np.arange(10)[::-1] + 0.1)
    found = link_records(left, right, on=NUMBERS, truth=right.index)
    assert found.bits().high <= 0.2
    assert found.rank_rate(1).value == 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda r: r.rank_rate(0), ParameterError, "k must be 1 or more; got 0"),
        (
            lambda r: r.rank_rate(1, confidence_level=1.0),
            ParameterError,
            "confidence_level must lie strictly in (0, 1); got 1.0",
        ),
        (
            lambda r: r.assignment_rate(),
            FitError,
            "there is no assignment: call link_records with one_to_one=True",
        ),
        (
            lambda r: r.identification_at(false_alarm_rate=0),
            ParameterError,
            "false_alarm_rate must lie strictly in (0, 1); got 0",
        ),
        (
            lambda r: r.identification_at(evidence="votes"),
            ParameterError,
            "evidence must be one of 'distance', 'ratio'; got 'votes'",
        ),
        (
            lambda r: r.identification_at(absent="nobody"),
            ParameterError,
            "absent must be one of 'targets', 'removed'; got 'nobody'",
        ),
        (
            lambda r: r.identification_at(absent="removed", evidence="ratio"),
            ParameterError,
            "evidence 'ratio' needs absent='targets'",
        ),
        (
            lambda r: r.identification_at(),
            FitError,
            "nobody is absent: give targets without truth, or absent='removed' with 2 "
            "candidates or more",
        ),
    ],
)
def test_bad_questions_are_named(call, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        call(five())


def test_a_linkage_of_nobody_says_so():
    right = table([0, 1])
    found = link_records(right, right, on=NUMBERS)
    assert isinstance(found, LinkageResult)
    assert "rank 1" not in repr(found)
    message = "no target is known to be in the gallery: give truth"
    for call in (found.rank_rate, found.gain, found.bits, found.assignment_rate):
        with pytest.raises(FitError, match=f"^{message}$"):
            call()


def test_bits_that_were_not_asked_for_say_so():
    right = table([0, 1])
    found = link_records(right, right, on=NUMBERS, truth=[0, 1], bits=False)
    message = "bits were not computed: call link_records with bits=True"
    with pytest.raises(FitError, match=f"^{message}$"):
        found.bits()
