"""Doses by a twin, and what comes of them: people live under them, paired."""

import re

import numpy as np
import pandas as pd
import pytest

from twinprivacy.errors import DataError
from twinprivacy.estimates import mean_interval
from twinprivacy.twins.glucose import (
    ADVICE,
    MEASURES,
    advice_time_in_range,
    advise,
    glucose_prior,
    prescribe,
    sample_patients,
    simulate_days,
    simulate_glucose,
)
from twinprivacy.twins.glucose.advice import _follow
from twinprivacy.twins.glucose.forecast import _average, _unit_effect

KINDS = ("breakfast", "lunch", "dinner")


@pytest.fixture(scope="module")
def people():
    return sample_patients(60, rng=np.random.default_rng(20_250_611))


def steady(people):
    """Give everyone one sensitivity and one kind of meal all day."""
    same = {f"si_{kind}_ml_per_uu_min": "si_lunch_ml_per_uu_min" for kind in KINDS}
    same |= {f"kabs_{kind}_per_min": "kabs_lunch_per_min" for kind in KINDS}
    same |= {f"beta_{kind}_min": "beta_lunch_min" for kind in KINDS}
    return people.assign(**{name: people[source] for name, source in same.items()})


def test_the_dose_of_the_ratio_brings_a_standard_meal_back_in_five_hours(people):
    """60 g at noon with 60 / ratio units: at five hours glucose is where it was."""
    same = steady(people)
    # Advised is twice what the twin says, for caution.
    ratio = advise(same)["carbohydrate_ratio_g_per_u"] / 2
    inside = ((ratio > 3) & (ratio < 95)).to_numpy()
    assert inside.mean() > 0.5
    meal = pd.DataFrame(
        {"patient": same["patient"], "minute": 720, "kind": "lunch"}
    ).assign(carbohydrate_g=60.0)
    dose = meal[["patient", "minute"]].assign(bolus_units=60 / ratio)
    traces = simulate_glucose(same, meal, dose, minutes=1_020, step_minutes=5)
    gap = traces.plasma_mg_dl[:, -1] - same["gb_mg_dl"].to_numpy()
    assert np.abs(gap[inside]).max() < 1.0


def test_the_correction_factor_is_the_fall_by_a_unit(people):
    """One unit at eleven in steps of a minute; steps of five are off by 6 %."""
    same = steady(people)
    factor = advise(same)["correction_factor_mg_dl_per_u"].to_numpy() / 2
    effect = _unit_effect(same)
    large = effect > 3
    assert large.mean() > 0.8
    np.testing.assert_allclose(factor[large], effect[large], rtol=0.08)


def test_who_is_twice_as_sensitive_gets_fewer_units(people):
    columns = [f"si_{kind}_ml_per_uu_min" for kind in KINDS]
    more = people.assign(**{name: 2 * people[name] for name in columns})
    usual, fewer = advise(people), advise(more)
    for name in ADVICE[1:]:
        assert (fewer[name] >= usual[name]).all()
        assert fewer[name].mean() > 1.2 * usual[name].mean()


def test_the_order_of_rows_does_not_matter(people):
    forwards = advise(people.head(10)).set_index("patient")
    backwards = advise(people.head(10).iloc[::-1]).set_index("patient")
    pd.testing.assert_frame_equal(forwards, backwards.loc[forwards.index])


@pytest.fixture(scope="module")
def patients():
    rng = np.random.default_rng(20_250_611)
    return prescribe(sample_patients(40, rng=rng), rng=rng, n_visits=0)


@pytest.fixture(scope="module")
def advice(patients):
    return advise(patients)


def lived(patients, advice, n_jobs=None):
    rng = np.random.default_rng(7)
    return advice_time_in_range(patients, advice, days=2, rng=rng, n_jobs=n_jobs)


def test_shares_are_counted_over_readings(patients, advice):
    """Counted here: a day of 288 readings, in range, below and above."""
    rng = np.random.default_rng(7)
    days = simulate_days(_follow(patients, advice), days=2, rng=rng)
    shares = lived(patients, advice)
    cgm = days.cgm_mg_dl
    np.testing.assert_allclose(shares["time_below_70"], (cgm < 70).mean(axis=1))
    np.testing.assert_allclose(shares["time_above_180"], (cgm > 180).mean(axis=1))
    np.testing.assert_allclose(shares[list(MEASURES)].sum(axis=1), 1.0)


def test_hardly_any_insulin_for_meals_leaves_glucose_high(patients, advice):
    none = advice.assign(
        carbohydrate_ratio_g_per_u=1e6, correction_factor_mg_dl_per_u=1e6
    )
    less = (
        lived(patients, none)["time_above_180"]
        - lived(patients, advice)["time_above_180"]
    )
    assert less.mean() > 0.1


def test_who_is_known_has_fewer_lows_than_as_an_average_person():
    """The same basal rate and caution for both."""
    rng = np.random.default_rng(20_250_611)
    prior = glucose_prior(sample_patients(500, rng=rng))
    people = prescribe(sample_patients(150, rng=rng), rng=rng, n_visits=0)
    body, average = (
        advice_time_in_range(
            people, advise(twins), days=10, rng=np.random.default_rng(3)
        )["time_below_70"]
        for twins in (people, _average(people, prior))
    )
    assert mean_interval(body - average).high < 0


def test_the_same_seed_workers_and_order_of_advice(patients, advice):
    once = lived(patients, advice, n_jobs=1)
    pd.testing.assert_frame_equal(once, lived(patients, advice, n_jobs=2))
    pd.testing.assert_frame_equal(once, lived(patients, advice.iloc[::-1]))


def test_everything_but_the_doses_stays(patients, advice):
    changed = _follow(patients, advice)
    same = [name for name in patients if name not in advice.columns[1:]]
    pd.testing.assert_frame_equal(changed[same], patients[same])


def test_advice_is_for_everyone_once(patients, advice):
    message = (
        "advice must have one row for each patient and no other; got 39 rows for 40 "
        "patients"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        _follow(patients, advice.head(39))
    twice = pd.concat([advice.head(39), advice.head(1)])
    with pytest.raises(DataError, match=r"^advice must have one row for each patient"):
        _follow(patients, twice)
