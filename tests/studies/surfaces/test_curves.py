"""Bits of every surface along every volume, and where half of the most leaks."""

import re

import numpy as np
import pytest
from joblib import parallel_config
from pandas.testing import assert_frame_equal

from twinprivacy.errors import ParameterError
from twinprivacy.studies import AXES, SURFACES, half_volumes, surface_curves
from twinprivacy.studies.surfaces.answers import step_of

FAST = [("store", "answers"), ("record", "attributes"), ("answers", "decimals")]


@pytest.fixture(scope="module")
def fast():
    return {
        (surface, axis): surface_curves(
            [surface], [axis], n_people=1_000, rng=np.random.default_rng(7)
        )
        for surface, axis in FAST
    }


def test_every_cell_of_the_matrix_is_defined():
    assert all(list(cells) == list(AXES) for cells in SURFACES.values())
    for cells in SURFACES.values():
        for cell in cells.values():
            assert (np.diff(cell.volumes) > 0).all()
            assert cell.note


@pytest.mark.parametrize("key", FAST)
def test_curve_rises_within_its_band_and_holds_the_contract(fast, key):
    table = fast[key]
    assert (np.diff(table["curve"]) >= 0).all()
    assert (table["curve_low"] <= table["curve"]).all()
    assert (table["curve"] <= table["curve_high"]).all()
    assert table["volume"].tolist() == list(SURFACES[key[0]][key[1]].volumes)
    assert table["value"].iloc[-1] > table["value"].iloc[0]
    assert (table["confidence_level"] == 0.95).all()


def test_same_seed_same_answer_whatever_else_is_asked_and_however_many_work():
    axes = ["answers", "decimals"]
    found = []
    for n_jobs in (1, 2):
        with parallel_config(n_jobs=n_jobs, backend="threading"):
            found.append(
                surface_curves(
                    ["answers", "model", "store"],
                    axes,
                    n_people=200,
                    rng=np.random.default_rng(3),
                )
            )
    assert_frame_equal(*found)
    alone = surface_curves(
        ["store"], ["decimals"], n_people=200, rng=np.random.default_rng(3)
    )
    assert_frame_equal(found[0].tail(len(alone)).reset_index(drop=True), alone)


def test_what_one_person_loses_does_not_depend_on_the_others():
    table = surface_curves(
        ["store"],
        ["people"],
        volumes={"people": (150, 300)},
        rng=np.random.default_rng(3),
    )
    few, many = table.to_dict("records")
    assert few["low"] < many["value"] < few["high"]
    assert half_volumes(table)["reading"].item() == "below the range"


def test_a_step_is_a_tenth_for_each_digit():
    assert [step_of(digits, 100) for digits in (0, 1, 2, 3)] == [100, 10, 1, 0.1]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"surfaces": "store"}, "surfaces must be a sequence of one or more; got 'sto"),
        ({"surfaces": []}, "surfaces must be a sequence of one or more; got []"),
        (
            {"axes": ["decimal"]},
            "axes must be one of 'people', 'attributes', 'days', 'answers', 'decimals';"
            " got 'decimal'",
        ),
        (
            {"n_people": 5},
            "n_people must be None or a whole number of 100 or more; got 5",
        ),
        (
            {"volumes": {"days": [3, 2]}},
            "volumes['days'] must be two or more whole numbers, increasing; got [3, 2]",
        ),
        (
            {"volumes": {"days": [0, 2]}},
            "volumes['days'] must be 1 or more; got 0",
        ),
        ({"axes": ["days", "days"]}, "axes must not repeat; got days, days"),
        (
            {"volumes": {"days": 5}},
            "volumes['days'] must be two or more whole numbers, increasing; got 5",
        ),
        (
            {"volumes": {"days": [True, 2]}},
            "volumes['days'] must be two or more whole numbers, increasing; got [True, "
            "2]",
        ),
        (
            {"volumes": {"decimals": [1, 400]}},
            "volumes['decimals'] must be at most 9; got 400",
        ),
        (
            {"surfaces": ["model"], "volumes": {"people": [1, 20]}},
            "volumes of people, model must be 25 or more; got 1",
        ),
        (
            {"surfaces": ["answers"], "axes": ["people"], "n_people": 800},
            "volumes of people, answers must be at most 400; got 800",
        ),
        (
            {"surfaces": ["trace"], "volumes": {"days": [7, 28]}},
            "volumes of days, trace must be at most 14; got 28",
        ),
        (
            {"surfaces": ["model"], "axes": ["people"], "n_people": 200},
            "volumes of people, model must be at most 100; got 400",
        ),
        ({"confidence_level": 1}, "confidence_level must lie strictly in (0, 1); got"),
        ({"rng": 3}, "rng must be a numpy.random.Generator; got int"),
    ],
)
def test_bad_settings_are_named(bad, message):
    kw = {"rng": np.random.default_rng(1)} | bad
    with pytest.raises(ParameterError, match=re.escape(message)):
        surface_curves(**kw)


def test_volumes_may_come_from_anything_that_yields_them():
    found = [
        surface_curves(
            ["answers"],
            ["decimals"],
            n_people=200,
            volumes={"decimals": volumes},
            rng=np.random.default_rng(3),
        )
        for volumes in ([0, 2], (digits for digits in (0, 2)), np.array([0, 2]))
    ]
    assert_frame_equal(found[0], found[1])
    assert_frame_equal(found[0], found[2])
