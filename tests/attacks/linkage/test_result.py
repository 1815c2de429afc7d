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


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda r: r.rank_rate(0),
            ParameterError,
            "k must be a whole number of 1 or more; got 0",
        ),
        (
            lambda r: r.rank_rate(1, confidence_level=1.0),
            ParameterError,
            "confidence_level must lie strictly in (0, 1); got 1.0",
        ),
        (
            lambda r: r.identification_at(false_alarm_rate=0),
            ParameterError,
            "false_alarm_rate must lie strictly in (0, 1); got 0",
        ),
        (
            lambda r: r.identification_at(),
            FitError,
            "nobody is absent: give targets without truth",
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
    for call in (found.rank_rate, found.identification_at):
        with pytest.raises(FitError, match=f"^{message}$"):
            call()


def test_a_linkage_by_distance_has_no_bits():
    right = table([0, 1])
    found = link_records(right, right, on=NUMBERS, truth=[0, 1])
    message = "bits must come from link_scores or link_by_likelihood"
    with pytest.raises(FitError, match=f"^{message}$"):
        found.bits()
