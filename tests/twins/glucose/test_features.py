"""Features of a raw trace: by arithmetic, on known processes, with gaps, bad input."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.errors import DataError, FitError
from twinprivacy.twins.glucose import (
    cohort_metrics,
    glucose_metrics,
    grid_readings,
    trace_features,
)

DAY = 288


def wave(n_days: int, peak_hour: float = 15.0) -> np.ndarray:
    hours = np.arange(n_days * DAY) / 12
    return 140 * np.exp(0.3 * np.cos(2 * np.pi * (hours - peak_hour) / 24))


def test_a_wave_by_arithmetic() -> None:
    row = trace_features([wave(4)]).loc[0]
    # The logarithm is log(140) + .3 cos: SD .3 / sqrt(2), symmetric.
    assert row["mean"] == pytest.approx(np.log(140))
    assert row["sd"] == pytest.approx(np.log(0.3 / np.sqrt(2)))
    assert row["skewness"] == pytest.approx(0, abs=1e-9)
    assert row["percentile_50"] == pytest.approx(np.log(140), abs=0.01)
    # The mean of cos over 3 hours about its peak is sin(3 pi / 24) / (3 pi / 24).
    factor = np.sin(np.pi / 8) / (np.pi / 8)
    hour_12 = 0.3 * factor * np.cos(2 * np.pi * 1.5 / 24)
    assert row["hour_12"] == pytest.approx(hour_12, abs=0.005)
    # An hour on, a wave of 24 hours correlates with itself by cos(2 pi / 24).
    assert np.tanh(row["lag_60"]) == pytest.approx(np.cos(2 * np.pi / 24), abs=0.02)
    assert np.tanh(row["lag_1440"]) > 0.99
    # a(t + s) - a(t) of a wave of amplitude .3 has amplitude .6 sin(pi s / 24).
    change = 0.6 * np.sin(np.pi / 24) / np.sqrt(2)
    assert row["change_60_sd"] == pytest.approx(np.log(change), abs=0.01)
    # The days are all alike: as flat as a line can be.
    assert row["daily_mean_sd"] == pytest.approx(np.log(1e-4))


def test_shares_are_log_odds_with_an_hour_added() -> None:
    trace = np.concatenate([np.full(72, 60.0), np.full(144, 120.0), np.full(72, 300.0)])
    row = trace_features([trace]).loc[0]
    assert row["below_70"] == pytest.approx(np.log((72 + 12) / (216 + 12)))
    assert row["in_range"] == pytest.approx(np.log((144 + 12) / (144 + 12)))
    assert row["above_180"] == row["above_250"] == row["below_70"]


def test_autoregression_is_found(rng: np.random.Generator) -> None:
    x = np.zeros((2, 60 * DAY))
    for t in range(1, x.shape[1]):
        x[:, t] = 0.98 * x[:, t - 1] + rng.normal(0, 0.02, 2)
    features = trace_features(150 * np.exp(x))
    found = np.tanh(features["lag_60"]).tolist()
    assert found == pytest.approx([0.98**12] * 2, abs=0.05)


def test_gaps_and_partial_days(rng: np.random.Generator) -> None:
    whole = wave(6)[None] * np.exp(rng.normal(0, 0.05, (1, 6 * DAY)))
    holes = np.where(rng.random(whole.shape) < 0.2, np.nan, whole)
    full, gappy = trace_features(whole), trace_features(holes)
    assert gappy.notna().all(axis=None)
    # Days of a pure wave have one mean, so that of theirs only gaps make a spread.
    apart = (full - gappy).drop(columns="daily_mean_sd")
    assert np.abs(apart).to_numpy().max() < 0.3
    short = trace_features(whole[:, : DAY + 50])
    assert short.notna().all(axis=None)
    day = trace_features(whole[:, :DAY]).loc[0]
    assert day.index[day.isna()].tolist() == ["daily_mean_sd", "lag_1440"]


def test_a_flat_trace_has_finite_features() -> None:
    features = trace_features(np.full((1, 2 * DAY), 100.0))
    assert np.isfinite(features.to_numpy()).all()


@given(st.integers(0, 2**32))
@settings(derandomize=True, deadline=None, max_examples=20)
def test_people_do_not_depend_on_one_another(seed: int) -> None:
    rng = np.random.default_rng(seed)
    traces = 120 * np.exp(rng.normal(0, 0.2, (4, 2 * DAY)))
    order = rng.permutation(4)
    features = trace_features(traces, patients=list("abcd"))
    moved = trace_features(traces[order], patients=np.array(list("abcd"))[order])
    pd.testing.assert_frame_equal(features, moved.loc[list("abcd")], check_exact=True)


def test_grid_and_bad_records() -> None:
    times = pd.to_datetime(
        ["2020-01-02 00:00", "2020-01-02 00:04", "2020-01-03 12:01", "2020-05-01 23:59"]
    )
    records = pd.DataFrame(
        {"patient": ["b", "b", "b", "a"], "time": times, "cgm_mg_dl": [90, 110, 80, 70]}
    )
    patients, cgm = grid_readings(records)
    assert patients.tolist() == ["a", "b"]
    assert cgm.shape == (2, 2 * DAY)
    assert cgm[1, [0, DAY + 144]].tolist() == [100, 80]
    assert cgm[0, DAY - 1] == 70
    assert np.isfinite(cgm).sum() == 3
    with pytest.raises(DataError, match="time of type object"):
        grid_readings(records.assign(time=records["time"].astype(str).astype(object)))
    with pytest.raises(DataError, match="got 4 of 4 rows with missing"):
        grid_readings(records.assign(cgm_mg_dl=np.nan))
    with pytest.raises(DataError, match="records must have 1 rows or more; got 0"):
        grid_readings(records.head(0))


@pytest.mark.parametrize(
    ("cgm", "error", "message"),
    [
        ([100.0] * DAY, DataError, r"cgm_mg_dl must have shape \(n, n_times\)"),
        (
            [[5.5] * DAY],
            DataError,
            "20 to 1000 mg/dL; got 288 of 288 outside: .* mmol/L",
        ),
        ([[np.inf] * DAY], DataError, "got 288 of 288 missing or infinite"),
        ([["high"] * DAY], DataError, "cgm_mg_dl must hold numbers only"),
        ([[100.0] * 71], FitError, "got 1 of 1 people with fewer"),
        ([[np.nan] * DAY], FitError, "got 1 of 1 people with fewer"),
    ],
)
def test_bad_traces(cgm: list[float], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        trace_features(cgm)


def test_names_must_match() -> None:
    with pytest.raises(DataError, match=r"one name a row of cgm_mg_dl; got \(2,\)"):
        trace_features([[100.0] * DAY], patients=[1, 2])


@pytest.mark.parametrize("day", ["2024-03-31", "2024-10-27"])
def test_days_start_at_midnight_when_clocks_change(day: str) -> None:
    start = pd.Timestamp(day, tz="Europe/Berlin") - pd.Timedelta(days=1)
    clock = pd.date_range(start, periods=4, freq="D").normalize()
    times = pd.date_range(clock[0], clock[3], freq="5min", inclusive="left")
    # Glucose is the hour on the clock, and 60 more in the second run of a doubled hour.
    values = 100.0 + times.hour
    second = times.tz_localize(None).duplicated()
    records = pd.DataFrame(
        {"patient": 1, "time": times, "cgm_mg_dl": values + 60 * second}
    )
    cgm = grid_readings(records)[1].reshape(-1, 24, 12)
    assert len(cgm) == 3
    hours = 100.0 + np.arange(24)
    assert (cgm[[0, 2]] == hours[:, None]).all()
    if day == "2024-03-31":  # there is no 2 o'clock
        assert np.isnan(cgm[1, 2]).all()
    else:
        assert (cgm[1, 2] == 102 + 30).all()
    others = np.arange(24) != 2
    assert (cgm[1, others] == hours[others, None]).all()


# Measures.


def test_metrics_by_hand() -> None:
    row = glucose_metrics([[50, 60, 70, 180, 190, 260, np.nan]]).iloc[0]
    assert row["n_readings"] == 6
    assert row["mean_mg_dl"] == pytest.approx((50 + 60 + 70 + 180 + 190 + 260) / 6)
    expected = np.std([50, 60, 70, 180, 190, 260], ddof=1)
    assert row["sd_mg_dl"] == pytest.approx(expected)
    assert row["cv_percent"] == pytest.approx(100 * expected / 135)
    shares = [
        row[f"time_{name}_percent"]
        for name in ("below_54", "below_70", "in_range", "above_180", "above_250")
    ]
    np.testing.assert_allclose(shares, [100 / 6, 200 / 6, 200 / 6, 200 / 6, 100 / 6])


def test_metrics_without_readings() -> None:
    table = glucose_metrics([[np.nan, np.nan], [100, 120]], patients=["x", "y"])
    assert table["patient"].tolist() == ["x", "y"]
    assert table.loc[0, "mean_mg_dl":].isna().all()
    with pytest.raises(FitError, match="at least 2 people with readings; got 1"):
        cohort_metrics(table)


def test_cohort_means_have_students_interval() -> None:
    table = glucose_metrics(
        np.array([[100, 110], [120, 130], [140, 150], [180, 190.0]])
    )
    found = cohort_metrics(table, confidence_level=0.9)["mean_mg_dl"]
    means = np.array([105, 125, 145, 185])
    # Student's t with 3 degrees of freedom: 2.3534 at 95 %.
    half = 2.3534 * means.std(ddof=1) / 2
    assert found.value == means.mean()
    assert found.high - found.value == pytest.approx(half, rel=1e-4)
    assert found.n == 4


def test_metrics_refuse() -> None:
    with pytest.raises(DataError, match="one name a row of cgm_mg_dl; got"):
        glucose_metrics([[100.0, 120.0]], patients=["a", "b"])
    with pytest.raises(DataError, match="got 1 of 2 missing or infinite"):
        glucose_metrics([[np.inf, 100.0]])
    with pytest.raises(DataError, match="cgm_mg_dl must hold numbers only"):
        glucose_metrics([["high", 100.0]])
