"""Doses by a twin: a meal comes back, a unit does what it did, rules by hand."""

import re

import numpy as np
import pandas as pd
import pytest

from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins.glucose import (
    ADVICE,
    advise,
    advise_by_weight,
    average_twins,
    fit_patients,
    glucose_prior,
    sample_patients,
    simulate_glucose,
    unit_effect,
)

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
    ratio = advise(same, caution=1)["carbohydrate_ratio_g_per_u"]
    inside = ((ratio > 3) & (ratio < 190)).to_numpy()
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
    factor = advise(same, caution=1)["correction_factor_mg_dl_per_u"].to_numpy()
    effect = unit_effect(same)
    large = effect > 3
    assert large.mean() > 0.8
    np.testing.assert_allclose(factor[large], effect[large], rtol=0.08)


def test_caution_and_counting_multiply(people):
    plain = advise(people, caution=1).set_index("patient")
    careful = advise(people, caution=1.5, counted_share=0.8).set_index("patient")
    factor, ratio = ADVICE[1:]
    np.testing.assert_allclose(careful[factor], 1.5 * plain[factor])
    np.testing.assert_allclose(careful[ratio], np.clip(1.2 * plain[ratio], 2, 200))


def test_who_is_twice_as_sensitive_gets_fewer_units(people):
    columns = [f"si_{kind}_ml_per_uu_min" for kind in KINDS]
    more = people.assign(**{name: 2 * people[name] for name in columns})
    usual, fewer = advise(people), advise(more)
    for name in ADVICE[1:]:
        assert (fewer[name] >= usual[name]).all()
        assert fewer[name].mean() > 1.2 * usual[name].mean()


def test_the_rule_by_weight_by_hand():
    """80 kg: 0.5 x 80 = 40 U a day, 500 / 40 = 12.5 g/U, 1800 / 40 = 45 mg/dL."""
    people = pd.DataFrame(
        {"patient": ["a"], "weight_kg": [80.0], "basal_u_per_hour": [0.8]}
    )
    assert advise_by_weight(people).iloc[0].tolist() == ["a", 120.0, 45.0, 12.5]


def test_the_average_twin_knows_weight_and_rate_only(people):
    prior = glucose_prior(people)
    twins = average_twins(people, prior)
    own = prior.patient(weight_kg=80, basal_u_per_hour=1)
    assert (twins["gb_mg_dl"] == own.loc[0, "gb_mg_dl"]).all()
    for name in ("patient", "weight_kg", "basal_u_per_hour"):
        assert (twins[name] == people[name]).all()


def test_fits_and_their_table_get_the_same_advice(people):
    two = people.head(2)
    doses = pd.DataFrame(columns=["patient", "minute", "bolus_units"])
    meals = pd.DataFrame(columns=["patient", "minute", "carbohydrate_g", "kind"])
    prior = glucose_prior(people)
    fits = fit_patients(two, np.full((2, 288), 130.0), meals, doses, prior=prior)
    table = pd.concat([fit.patient for fit in fits], ignore_index=True)
    pd.testing.assert_frame_equal(advise(fits), advise(table))


def test_the_order_of_rows_does_not_matter(people):
    forwards = advise(people.head(10)).set_index("patient")
    backwards = advise(people.head(10).iloc[::-1]).set_index("patient")
    pd.testing.assert_frame_equal(forwards, backwards.loc[forwards.index])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"target_mg_dl": 60},
            "target_mg_dl must lie in 80 to 160 mg/dL; got 60",
        ),
        (
            {"target_mg_dl": "a"},
            "target_mg_dl must lie in 80 to 160 mg/dL; got 'a'",
        ),
        ({"caution": 0.5}, "caution must be finite, 1 or more; got 0.5"),
        ({"caution": "a"}, "caution must be finite, 1 or more; got 'a'"),
        (
            {"counted_share": "a"},
            "counted_share must be finite and above 0, one number or one for each of "
            "60 people; got others or shape ()",
        ),
        (
            {"counted_share": [1.0, 2.0]},
            "counted_share must be finite and above 0, one number or one for each of "
            "60 people; got others or shape (2,)",
        ),
        (
            {"counted_share": 0.0},
            "counted_share must be finite and above 0, one number or one for each of "
            "60 people; got others or shape ()",
        ),
    ],
)
def test_settings_out_of_range_are_named(people, settings, message):
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        advise(people, **settings)


def test_nobody_is_no_twin():
    with pytest.raises(DataError, match=r"^twins must hold one or more; got none$"):
        advise([])


@pytest.mark.parametrize(
    ("twins", "n"), [([1], "1 of 1"), (3, "1 of 1"), ("ab", "2 of 2")]
)
def test_what_is_no_twin_is_refused(twins, n):
    message = (
        f"twins must be a pandas.DataFrame or a sequence of GlucoseFit; got {n} others"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        advise(twins)
