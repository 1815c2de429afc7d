"""What comes of doses: people live under them, paired, and nobody is mixed up."""

import re

import numpy as np
import pandas as pd
import pytest

from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins.glucose import (
    MEASURES,
    advice_time_in_range,
    advise,
    advise_by_weight,
    average_twins,
    compare_advice,
    follow_advice,
    glucose_prior,
    prescribe,
    sample_patients,
    simulate_days,
)


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(20_250_611)
    return prescribe(sample_patients(40, rng=rng), rng=rng, n_visits=0)


@pytest.fixture(scope="module")
def advice(people):
    return advise(people, counted_share=people["counted_share"])


def lived(people, advice, n_jobs=None):
    rng = np.random.default_rng(7)
    return advice_time_in_range(people, advice, days=2, rng=rng, n_jobs=n_jobs)


def test_shares_are_counted_over_readings(people, advice):
    """Counted here: a day of 288 readings, in range, below and above."""
    rng = np.random.default_rng(7)
    days = simulate_days(follow_advice(people, advice), days=2, rng=rng)
    shares = lived(people, advice)
    cgm = days.cgm_mg_dl
    np.testing.assert_allclose(shares["time_below_70"], (cgm < 70).mean(axis=1))
    np.testing.assert_allclose(shares["time_above_180"], (cgm > 180).mean(axis=1))
    np.testing.assert_allclose(shares[list(MEASURES)].sum(axis=1), 1.0)


def test_hardly_any_insulin_for_meals_leaves_glucose_high(people, advice):
    none = advice.assign(
        carbohydrate_ratio_g_per_u=1e6, correction_factor_mg_dl_per_u=1e6
    )
    less = (
        lived(people, none)["time_above_180"] - lived(people, advice)["time_above_180"]
    )
    assert less.mean() > 0.1


def test_who_is_known_has_fewer_lows_than_by_weight(people, advice):
    ways = {"weight": advise_by_weight(people), "body": advice}
    table = compare_advice(
        people, ways, reference="weight", days=7, rng=np.random.default_rng(3)
    ).set_index(["advice", "measure"])
    body = table.loc["body", "time_below_70"]
    assert body["change_high"] < 0
    assert body["value"] < 0.06
    own = table.loc["weight"]
    assert (own[["change", "change_low", "change_high"]] == 0).all().all()


def test_who_is_known_has_fewer_lows_than_as_an_average_person():
    """The same basal rate and caution; the average counts as people do on average."""
    rng = np.random.default_rng(20_250_611)
    prior = glucose_prior(sample_patients(500, rng=rng))
    people = prescribe(sample_patients(150, rng=rng), rng=rng, n_visits=0)
    average = average_twins(people, prior)
    ways = {
        "average": advise(average, counted_share=people["counted_share"].mean()),
        "body": advise(people, counted_share=people["counted_share"]),
    }
    table = compare_advice(
        people, ways, reference="average", days=10, rng=np.random.default_rng(3)
    ).set_index(["advice", "measure"])
    assert table.loc[("body", "time_below_70"), "change_high"] < 0


def test_the_change_is_the_mean_of_paired_differences(people, advice):
    ways = {"a": advise_by_weight(people), "b": advice}
    table = compare_advice(
        people, ways, reference="a", days=2, rng=np.random.default_rng(3)
    ).set_index(["advice", "measure"])
    for measure in MEASURES:
        b, a = table.loc[("b", measure)], table.loc[("a", measure)]
        assert b["change"] == pytest.approx(b["value"] - a["value"])
        assert b["change_high"] - b["change_low"] < 2 * (b["high"] - b["low"])
    assert (table["n"] == 40).all()


def test_the_same_seed_workers_and_order_of_advice(people, advice):
    once = lived(people, advice, n_jobs=1)
    pd.testing.assert_frame_equal(once, lived(people, advice, n_jobs=2))
    pd.testing.assert_frame_equal(once, lived(people, advice.iloc[::-1]))


def test_everything_but_the_doses_stays(people, advice):
    changed = follow_advice(people, advice)
    same = [name for name in people if name not in advice.columns[1:]]
    pd.testing.assert_frame_equal(changed[same], people[same])


def test_advice_is_for_everyone_once(people, advice):
    message = (
        "advice must have one row for each patient and no other; got 39 rows for 40 "
        "patients"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        follow_advice(people, advice.head(39))
    twice = pd.concat([advice.head(39), advice.head(1)])
    with pytest.raises(DataError, match=r"^advice must have one row for each patient"):
        follow_advice(people, twice)


def test_a_reference_is_one_of_the_advices(people, advice):
    with pytest.raises(
        ParameterError, match=r"^reference must be one of 'own'; got 'other'$"
    ):
        compare_advice(
            people,
            {"own": advice},
            reference="other",
            days=1,
            rng=np.random.default_rng(1),
        )
