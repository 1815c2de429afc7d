"""A result says what it found in one line and in one table, and shows nobody."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from twinprivacy.attacks.inference import (
    AttackResult,
    LearnedAttacker,
    ThreatModel,
    infer_attribute,
)
from twinprivacy.estimates import Estimate

FAST = ("logistic",)
WEAK = "weak attack: no gain over imputation shows"
OF_ALL = "the answers reveal the secret, of members no more than of others"
OF_MEMBERS = "the answers reveal the secret, of members more than of others"


def attack(secret, answer, *, tolerance=None):
    n = len(secret) // 3
    age = np.random.default_rng(4).uniform(20, 90, len(secret))
    people = pd.DataFrame({"age": age, "secret": secret, "risk": answer})
    return infer_attribute(
        None,
        people[:n],
        people[n : 2 * n],
        threat=ThreatModel("secret", ("age",), ("risk",), tolerance=tolerance),
        attacker=LearnedAttacker(models=FAST),
        auxiliary=people[2 * n :],
        models=FAST,
        rng=np.random.default_rng(3),
    )


@pytest.fixture(scope="module")
def found():
    """An attack whose answers are the secret and some noise."""
    rng = np.random.default_rng(11)
    smoker = rng.random(450) < 0.4
    return attack(smoker, smoker + 0.4 * rng.normal(size=450))


def interval(value, low, high):
    return Estimate(value, low, high, 0.95, 150)


def judged(found, *, gain, bits, gap):
    """The same result with other intervals."""
    return replace(
        found,
        gain=interval(0.1, *gain),
        bits=interval(0.1, *bits),
        member_gap_bits=interval(0.1, *gap),
    )


ABOVE, ROUND_ZERO, FROM_ZERO = (0.01, 0.2), (-0.1, 0.3), (0.0, 0.2)


@pytest.mark.parametrize(
    ("gain", "bits", "gap", "verdict"),
    [
        (ROUND_ZERO, ROUND_ZERO, ROUND_ZERO, WEAK),
        # An interval that ends at 0 still holds 0.
        (FROM_ZERO, FROM_ZERO, ROUND_ZERO, WEAK),
        # A gap without a gain is no finding of the answers.
        (ROUND_ZERO, ROUND_ZERO, ABOVE, WEAK),
        (ABOVE, ROUND_ZERO, ROUND_ZERO, OF_ALL),
        (ROUND_ZERO, ABOVE, ROUND_ZERO, OF_ALL),
        (ABOVE, ABOVE, FROM_ZERO, OF_ALL),
        (ABOVE, ABOVE, (np.nan, np.nan), OF_ALL),
        (ABOVE, ABOVE, ABOVE, OF_MEMBERS),
        (ROUND_ZERO, ABOVE, ABOVE, OF_MEMBERS),
    ],
)
def test_the_verdict_follows_from_where_intervals_begin(
    found, gain, bits, gap, verdict
):
    assert judged(found, gain=gain, bits=bits, gap=gap).verdict == verdict


def test_a_missing_interval_is_no_gain(found):
    """A single person leaves no interval, and so nothing that shows."""
    nothing = (np.nan, np.nan)
    assert judged(found, gain=nothing, bits=nothing, gap=nothing).verdict == WEAK


def test_answers_that_hold_the_secret_are_found(found):
    assert found.verdict in (OF_ALL, OF_MEMBERS)


def test_answers_of_chance_are_weak():
    rng = np.random.default_rng(12)
    assert attack(rng.random(450) < 0.4, rng.normal(size=450)).verdict == WEAK


def test_table_has_a_row_for_each_estimate_in_the_order_of_the_fields(found):
    table = found.table()
    columns = ["measure", "value", "low", "high", "confidence_level", "n"]
    assert table.columns.tolist() == columns
    estimates = [
        field.name
        for field in fields(AttackResult)
        if isinstance(getattr(found, field.name), Estimate)
    ]
    assert table["measure"].tolist() == estimates
    assert {"success", "mode_baseline", "imputation_baseline", "control"} <= set(
        estimates
    )
    for row in table.to_dict("records"):
        estimate = getattr(found, row.pop("measure"))
        assert row == estimate.as_dict()


def test_a_number_has_no_auc_and_no_row_for_it():
    rng = np.random.default_rng(13)
    dose = rng.normal(35, 10, 450)
    result = attack(dose, dose + rng.normal(size=450), tolerance=5.0)
    assert result.auc is None
    assert result.balanced_accuracy is None
    assert not {"auc", "balanced_accuracy"} & set(result.table()["measure"])
    assert result.by_value.empty


def test_repr_shows_question_gain_and_verdict(found):
    shown = replace(
        found,
        success=interval(0.75, 0.7, 0.8),
        imputation_baseline=interval(0.6, 0.5, 0.7),
        gain=interval(0.15, 0.1, 0.2),
        bits=interval(0.25, 0.2, 0.3),
        member_gap_bits=interval(0.0, -0.1, 0.1),
    )
    assert repr(shown) == (
        "AttackResult(sensitive='secret', success=0.750, imputation=0.600, "
        "gain=+0.150 (+0.100 to +0.200), bits=0.250, 'the answers reveal the secret, "
        "of members no more than of others')"
    )


def test_targets_hold_nothing_that_was_known(found):
    assert not {"age", "risk"} & set(found.targets.columns)
