"""Forecasts of a day and answers about a dose, against what came and what is true."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from twinprivacy.errors import ParameterError
from twinprivacy.twins.glucose import (
    Habits,
    forecast_errors,
    glucose_prior,
    prescribe,
    sample_patients,
    simulate_days,
    simulate_glucose,
)
from twinprivacy.twins.glucose.forecast import _unit_effect

PER_DAY = 288


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(20_250_611)
    return prescribe(sample_patients(90, rng=rng), rng=rng, n_visits=4)


@pytest.fixture(scope="module")
def prior(people):
    return glucose_prior(people.tail(60))


@pytest.fixture(scope="module")
def record(people):
    return simulate_days(people.head(30), days=8, rng=np.random.default_rng(5))


@pytest.fixture(scope="module")
def errors(record, prior):
    return forecast_errors(record, record_days=[2, 7], prior=prior)


def of(errors, forecaster, days, column="rmse_mg_dl"):
    rows = errors[
        (errors["forecaster"] == forecaster) & (errors["record_days"] == days)
    ]
    return rows[column].to_numpy()


def test_forecasters_without_a_model_by_hand(errors, record):
    """Root mean square of the last day less yesterday, and less the week's mean."""
    day = record.cgm_mg_dl[:, -PER_DAY:]
    yesterday = record.cgm_mg_dl[:, -2 * PER_DAY : -PER_DAY]
    by_hand = np.sqrt(((yesterday - day) ** 2).mean(axis=1))
    np.testing.assert_allclose(of(errors, "same as yesterday", 1), by_hand)
    mean = record.cgm_mg_dl[:, :-PER_DAY].mean(axis=1, keepdims=True)
    by_hand = np.sqrt(((mean - day) ** 2).mean(axis=1))
    np.testing.assert_allclose(of(errors, "own mean", 7), by_hand)


def test_more_days_bring_the_own_twin_nearer(errors):
    """On average over people, in both what comes and what a dose does."""
    for column in ("rmse_mg_dl", "unit_effect_error"):
        few, many = (of(errors, "own twin", days, column).mean() for days in (2, 7))
        assert many < few
    assert of(errors, "own twin", 7).mean() < of(errors, "average twin", 7).mean()


def test_only_twins_say_what_a_dose_does(errors):
    known = errors.dropna(subset="unit_effect_error")["forecaster"].unique()
    assert set(known) == {"own twin", "average twin"}


def test_every_person_once_for_each_forecaster(errors, record):
    sizes = errors.groupby(["forecaster", "record_days"])["patient"].agg(
        ["size", "nunique"]
    )
    assert (sizes == len(record.patients)).all().all()
    assert len(sizes) == 6


def test_a_perfect_world_is_foretold(people, prior):
    """No errors of sensor, diary or physiology: a week tells nearly everything."""
    habits = Habits(
        counting_sd=0,
        counting_person_sd=0,
        forgotten_bolus=0,
        day_sd=0,
        resting_day_sd=0,
    )
    rng = np.random.default_rng(3)
    one = simulate_days(people.head(8), days=6, rng=rng, habits=habits, sensor=False)
    lived = simulate_days(people.head(8), days=6, rng=np.random.default_rng(3))
    args = {"record_days": [5], "prior": prior}
    easy = of(forecast_errors(one, **args), "own twin", 5)
    hard = of(forecast_errors(lived, **args), "own twin", 5)
    assert np.median(easy) < 0.5 * np.median(hard)


def test_the_answer_does_not_hang_on_threads(record, prior, errors):
    one = forecast_errors(record, record_days=[2, 7], prior=prior, n_jobs=1)
    pd.testing.assert_frame_equal(one, errors)


def test_missing_readings_are_left_out(record, prior):
    cgm = record.cgm_mg_dl.copy()
    cgm[:, -100:] = np.nan
    gaps = replace(record, cgm_mg_dl=cgm)
    errors = forecast_errors(gaps, record_days=[2], prior=prior)
    day, mean = cgm[:, -PER_DAY:-100], cgm[:, -3 * PER_DAY : -PER_DAY].mean(axis=1)
    by_hand = np.sqrt(((mean[:, None] - day) ** 2).mean(axis=1))
    np.testing.assert_allclose(of(errors, "own mean", 2), by_hand)


def test_unit_effect_is_the_fall_at_rest(people):
    """By hand for one person: glucose rests until eleven, then falls."""
    one = people.head(1)
    given = pd.DataFrame({"patient": one["patient"], "minute": 660, "bolus_units": 1.0})
    none = pd.DataFrame({"patient": [], "minute": [], "kind": [], "carbohydrate_g": []})
    traces = simulate_glucose(one, none, given, minutes=1_020)
    rest = float(one["gb_mg_dl"].iloc[0])
    plasma = traces.plasma_mg_dl[0]
    assert plasma[traces.minutes < 660] == pytest.approx(rest)
    assert _unit_effect(one)[0] == pytest.approx(rest - plasma.min())
    assert _unit_effect(people.head(5))[0] == pytest.approx(_unit_effect(one)[0])


def test_more_sensitive_people_fall_further(people):
    lunch = "si_lunch_ml_per_uu_min"
    twice = people.assign(**{lunch: 1.5 * people[lunch]})
    assert (_unit_effect(twice) > _unit_effect(people)).all()


@pytest.mark.parametrize("days", [[0], [8], [], [2, 9]])
def test_refuses_records_that_are_too_short_or_too_long(record, prior, days):
    with pytest.raises(ParameterError) as error:
        forecast_errors(record, record_days=days, prior=prior)
    assert str(error.value) == (
        f"record_days must lie between 1 and 7, a day less than lived; got {days!r}"
    )
