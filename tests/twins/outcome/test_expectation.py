"""Expected performance: by hand, against outcomes that are certain, and simulated."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.errors import DataError, ParameterError
from twinprivacy.people import simulate_cohort
from twinprivacy.twins.cardiovascular import predict_risk
from twinprivacy.twins.outcome import expected_performance, measure_performance

SHARED = ["auc", "calibration_slope"]
TRUE = np.array([0.02, 0.06, 0.09, 0.30])
risks = st.lists(
    st.tuples(st.floats(0.001, 0.999), st.floats(0.001, 0.999)), min_size=3, max_size=30
)


def measured(true: Any, said: Any, **options: float) -> pd.DataFrame:
    return expected_performance(true, said, **options).set_index("measure")


def simulated_risks(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
    true = rng.beta(1, 6, n)
    return true, np.clip(true * np.exp(rng.normal(0, 0.5, n)), 0.001, 0.999)


# By hand.


def test_area_by_hand() -> None:
    """Two people: the pair is right where the first has the event, if it is higher."""
    found = measured([0.4, 0.1], [0.3, 0.2]).loc["auc", "value"]
    # First has it and second not, over one has it and the other not.
    assert found == pytest.approx(0.4 * 0.9 / (0.4 * 0.9 + 0.1 * 0.6))
    assert measured([0.4, 0.1], [0.2, 0.2]).loc["auc", "value"] == pytest.approx(0.5)


def test_ratio_by_hand() -> None:
    found = measured(TRUE, [0.00, 0.05, 0.10, 0.35])
    ratio = (0.02 + 0.06 + 0.09 + 0.30) / (0.05 + 0.10 + 0.35)
    assert found.loc["observed_over_expected", "value"] == pytest.approx(ratio)


# Against what is known otherwise.


def test_certain_events_are_those_of_the_measures_of_outcomes() -> None:
    """With true risks of 0 and 1 nothing is left to integrate out."""
    rng = np.random.default_rng(1)
    true, said = simulated_risks(400, rng)
    event = (rng.random(400) < true).astype(float)
    found = measured(event, said)
    known = measure_performance(event, said, measures=SHARED).set_index("measure")
    for measure in SHARED:
        assert found.loc[measure, "value"] == pytest.approx(known.loc[measure, "value"])
    for bound in ("low", "high"):
        # DeLong scales the variance of each class by its own size: 1 % here.
        np.testing.assert_allclose(
            found.loc[SHARED, bound], known.loc[SHARED, bound], atol=0.003
        )


def test_expectation_is_the_mean_over_simulated_events() -> None:
    rng = np.random.default_rng(2)
    true, said = simulated_risks(600, rng)
    found = measured(true, said)
    runs = []
    for child in rng.spawn(200):
        event = (child.random(600) < true).astype(float)
        known = measure_performance(event, said, measures=SHARED)
        runs.append(known["value"].to_numpy())
    mean = np.mean(runs, axis=0)
    error = np.std(runs, axis=0) / np.sqrt(len(runs))
    # Of a ratio the mean is off by one part in the number of events, some 80.
    gap = np.abs(found.loc[SHARED, "value"].to_numpy(dtype=float) - mean)
    assert (gap < 4 * error + 0.01).all()


def test_interval_covers_the_population() -> None:
    """Of 200 samples of 300 people 95 % should hold what 300,000 people have."""
    rng = np.random.default_rng(3)
    measures = ["auc", "observed_over_expected"]
    truth = measured(*simulated_risks(300_000, rng)).loc[measures]
    covered = np.zeros((2, len(measures)))
    for child in rng.spawn(200):
        found = measured(*simulated_risks(300, child)).loc[measures]
        for row, (value, low, high) in enumerate(
            [
                ("value", "low", "high"),
                ("difference", "difference_low", "difference_high"),
            ]
        ):
            inside = (found[low] <= truth[value]) & (truth[value] <= found[high])
            covered[row] += inside.to_numpy()
    # Four standard errors of a share of 0.95 of 200 are 0.062.
    assert (covered / 200 > 0.95 - 0.062).all()


# What must hold.


@settings(max_examples=60, deadline=None)
@given(risks)
def test_true_risk_has_the_best_area(
    pairs: list[tuple[float, float]],
) -> None:
    true, said = np.array(pairs).T
    found = measured(true, said)
    assert found.loc["auc", "difference"] <= 1e-9
    assert 0 <= found.loc["auc", "value"] <= 1


def test_true_risk_is_calibrated_and_loses_nothing() -> None:
    true, _ = simulated_risks(300, np.random.default_rng(4))
    found = measured(true, true)
    assert (found["difference"] == 0).all()
    assert found.loc["calibration_slope", "value"] == pytest.approx(1)
    assert found.loc["observed_over_expected", "value"] == pytest.approx(1)


def test_extreme_risks_have_a_slope_below_one() -> None:
    rng = np.random.default_rng(5)
    logit = rng.normal(-2, 1, 500)
    true, said = (1 / (1 + np.exp(-scale * logit)) for scale in (1, 2))
    slope = measured(true, said).loc["calibration_slope"]
    # Log odds twice those of the truth: half the slope, exactly.
    assert slope["value"] == pytest.approx(0.5)


def test_order_of_people_does_not_matter() -> None:
    true, said = simulated_risks(200, np.random.default_rng(6))
    pd.testing.assert_frame_equal(
        expected_performance(true, said),
        expected_performance(true[::-1], said[::-1]),
        rtol=1e-9,
        atol=1e-9,
    )


def test_no_log_odds_leave_no_calibration_line() -> None:
    found = measured(TRUE, [0.0, 0.05, 0.1, 0.3])
    ends = ["value", "low", "high", "difference"]
    assert found.loc["calibration_slope", ends].isna().all()
    alike = measured(TRUE, [0.1] * 4)
    assert np.isnan(alike.loc["calibration_slope", "value"])
    nobody = measured(TRUE, [0.0] * 4)
    assert np.isnan(nobody.loc["observed_over_expected", "value"])


def test_coarser_answers_of_a_risk_equation_cost_more() -> None:
    people = simulate_cohort(3_000, rng=np.random.default_rng(7))
    risk = predict_risk(people, model="pce_2013", outcome="ascvd")
    steps = (0.001, 0.01, 0.05)
    auc = [
        measured(risk, np.round(risk / step) * step).loc["auc", "difference"]
        for step in steps
    ]
    assert 0 >= auc[0] > auc[1] > auc[2]


def test_truth_has_no_difference_to_itself_among_others_either() -> None:
    found = measured([0.01, 0.02, 0.03], [0.01, 0.02, 0.03])
    assert (found[["difference_low", "difference_high"]] == 0).all(axis=None)


def test_units_in_the_last_place_do_not_tell_people_apart() -> None:
    """0.1 + 0.2 is one unit above 0.3: no calibration line, and pairs of equals."""
    found = measured([0.2, 0.3, 0.4, 0.5], [0.3, 0.1 + 0.2, 0.3, 0.1 + 0.2])
    assert found.loc["auc", "value"] == pytest.approx(0.5)
    assert np.isnan(found.loc["calibration_slope", "value"])


def test_a_line_that_does_not_fit_is_missing_alone() -> None:
    """Certain events that the answer separates have no finite slope."""
    found = measured([0.0, 0.0, 1.0, 1.0], [0.1, 0.2, 0.8, 0.9])
    assert np.isnan(found.loc["calibration_slope", "value"])
    assert found.loc["auc", "value"] == 1


# Bad input.


@pytest.mark.parametrize(
    ("true", "said", "options", "error", "message"),
    [
        (
            [0.1, 0.2],
            [0.1],
            {},
            ParameterError,
            "risk_true and risk_said must be vectors of one length; got shapes (2,) "
            "and (1,)",
        ),
        (
            [0.1, 1.2],
            [0.1, 0.2],
            {},
            DataError,
            "risk_true must be probabilities in [0, 1]; got 1 of 2 outside",
        ),
        (
            [0.1, 0.2],
            [0.1, np.nan],
            {},
            DataError,
            "risk_said must be finite for everyone; got 1 of 2 missing or infinite",
        ),
        (
            ["a", "b"],
            [0.1, 0.2],
            {},
            DataError,
            "risk_true must hold numbers, or true and false; got others",
        ),
        (
            [0.1],
            [0.1],
            {},
            DataError,
            "risk_true must hold two people at least; got 1",
        ),
        (
            [0.0, 0.0],
            [0.1, 0.2],
            {},
            DataError,
            "risk_true must leave somebody with and somebody without the event; got 2 "
            "of 2 alike",
        ),
        (
            [0.1, 0.2],
            [0.1, 0.2],
            {"confidence_level": 1},
            ParameterError,
            "confidence_level must lie strictly in (0, 1); got 1",
        ),
    ],
)
def test_bad_input(
    true: Any,
    said: Any,
    options: dict[str, float],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error) as raised:
        expected_performance(true, said, **options)
    assert str(raised.value) == message


def test_other_people_are_refused() -> None:
    with pytest.raises(ParameterError, match="must have the same index") as raised:
        expected_performance(
            pd.Series([0.1, 0.2], index=["a", "b"]),
            pd.Series([0.1, 0.2], index=["b", "a"]),
        )
    assert str(raised.value) == (
        "risk_true and risk_said must have the same index in the same order; got 2 "
        "and 2 rows that differ in it"
    )
