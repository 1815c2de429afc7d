"""Bits of every surface along every volume, and where half of the most leaks."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import parallel_config
from pandas.testing import assert_frame_equal

from twinprivacy.attacks import _surface_answers as answers
from twinprivacy.attacks import _surface_model as model
from twinprivacy.attacks import _surface_trace as trace
from twinprivacy.attacks._monotone import crossings
from twinprivacy.attacks._surface_cells import step_of
from twinprivacy.attacks._surface_code import code_lengths
from twinprivacy.attacks._surface_record import identity_bits
from twinprivacy.attacks.genotype_priors import warfarin_prior
from twinprivacy.attacks.surfaces import AXES, SURFACES, half_volumes, surface_curves
from twinprivacy.attacks.uniqueness import anonymity_sets
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins.warfarin import GENOTYPE_PAIRS

FAST = [("store", "answers"), ("record", "attributes"), ("answers", "decimals")]


def curve_table(curve, *, band=0.0, scale="linear", volumes=None, increasing=True):
    curve = np.asarray(curve, dtype=float)
    volumes = list(range(1, len(curve) + 1)) if volumes is None else volumes
    return pd.DataFrame(
        {
            "surface": "answers",
            "axis": "answers",
            "unit": "answers",
            "scale": scale,
            "increasing": increasing,
            "volume": volumes,
            "curve": curve,
            "curve_low": curve - band,
            "curve_high": curve + band,
        }
    )


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


def test_exact_dose_tells_the_genotype_whole_and_a_step_beyond_all_doses_nothing():
    seed = np.random.default_rng(5)
    patients = answers.warfarin_patients(400, seed)
    prior = warfarin_prior(patients, use_race=True)
    gene = np.array([pair[0] for pair in GENOTYPE_PAIRS])
    same = gene[None] == patients["vkorc1"].astype(str).to_numpy()[:, None]
    # The entropy: minus the logarithm of what was believed of the truth.
    entropy = float(-np.log2((prior * same).sum(axis=1)).mean())
    rng = np.random.default_rng(5)
    nothing, everything = answers.by_decimals([-2, 7], 400, rng, 0.95)
    assert nothing.value == pytest.approx(0, abs=1e-12)
    assert everything.value == pytest.approx(entropy, abs=1e-9)


def test_two_genotypes_tell_more_than_one_and_less_than_their_entropy():
    found = [
        answers.invert_repeated([64], 400, np.random.default_rng(5), secret=secret)[0]
        for secret in (("vkorc1",), ("vkorc1", "cyp2c9"))
    ]
    patients = answers.warfarin_patients(400, np.random.default_rng(5))
    prior = warfarin_prior(patients, use_race=True)
    entropy = float(-(prior * np.log2(prior)).sum(axis=1).mean())
    assert 0 < found[0].mean() < found[1].mean() < entropy


def test_doses_told_to_no_digit_say_nothing_of_who_was_in_it():
    nothing, told = model.by_decimals([-2, 2], 400, np.random.default_rng(5), 0.95)
    assert nothing.low <= 0 <= nothing.high
    assert told.low > 0


def waves(n, seed):
    """Traces that differ between people in level, size, time of day and noise."""
    rng = np.random.default_rng(seed)
    minutes = np.arange(4 * 288) * 5
    level, size, phase = rng.uniform([110, 10, 0], [200, 50, 6.28], (n, 3)).T
    day = np.sin(2 * np.pi * minutes / 1_440 + phase[:, None])
    noise = rng.normal(0, rng.uniform(3, 9, n)[:, None], (n, minutes.size))
    return np.clip(level[:, None] + size[:, None] * day + noise, 45, 390)


def test_a_trace_that_is_the_named_one_is_found_and_a_strangers_is_not():
    mine, strangers = waves(60, 1), waves(60, 2)
    rng = np.random.default_rng(5)
    same = trace.by_decimals([2], trace.Stretches(mine, mine), rng, 0.95)[0]
    other = trace.by_decimals([2], trace.Stretches(mine, strangers), rng, 0.95)[0]
    assert same.value > np.log2(30) - 0.5
    # Calibration costs a little where nothing is told.
    assert other.low < 0.1
    assert other.value < 0.3


def test_readings_of_a_trace_name_it_and_more_of_them_better():
    lives = trace.Stretches(waves(60, 1), waves(60, 2))
    found = trace.by_answers([1, 2, 30], lives, np.random.default_rng(5), 0.95)
    values = [one.value for one in found]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(np.log2(60))


def test_identity_bits_by_hand():
    people = pd.DataFrame({"age": [30, 30, 30, 41], "sex": ["f", "f", "m", "m"]})
    # Sets of 2, 2, 1 and 1 among 4: log2(4/2), log2(4/2), log2(4/1), log2(4/1).
    sets = anonymity_sets(people, ["age", "sex"])
    assert identity_bits(sets).tolist() == [1, 1, 2, 2]
    assert identity_bits(sets).mean() == sets.bits


def test_code_length_of_a_normal_number_is_its_entropy(rng):
    people = pd.DataFrame({"x": rng.normal(50, 10, 4_000)})
    bits = code_lengths(people, ["x"], steps={"x": 1.0}).mean()
    # Differential entropy of a normal law: log2(sd sqrt(2 pi e)), Shannon (1948).
    assert bits == pytest.approx(np.log2(10 * np.sqrt(2 * np.pi * np.e)), abs=0.05)


def test_code_length_counts_what_is_new_only(rng):
    four = rng.integers(4, size=2_000)
    people = pd.DataFrame({"a": four.astype(str), "b": four, "c": "same"})
    bits = code_lengths(people, ["a", "b", "c"], steps={"b": 1.0}).mean(axis=0)
    # log2(4), and nothing from a copy or a constant.
    np.testing.assert_allclose(bits, [2, 0, 0], atol=0.02)
    known = code_lengths(people, ["b"], known=["a"], steps={"b": 1.0}).mean()
    assert known == pytest.approx(0, abs=0.02)


def test_code_length_does_not_depend_on_the_order_of_rows(rng):
    people = pd.DataFrame(
        {"x": rng.normal(0, 3, 200), "y": rng.random(200) < 0.3},
        index=rng.permutation(200),
    )
    shuffled = people.sample(frac=1, random_state=3)
    first = pd.DataFrame(code_lengths(people, ["x", "y"], steps={"x": 1}), people.index)
    second = code_lengths(shuffled, ["x", "y"], steps={"x": 1})
    np.testing.assert_allclose(first.loc[shuffled.index], second, rtol=1e-9)


def test_a_step_is_a_tenth_for_each_digit():
    assert [step_of(digits, 100) for digits in (0, 1, 2, 3)] == [100, 10, 1, 0.1]


def test_half_is_interpolated_by_hand():
    # Half of 4 is 2: from 1 at 2 to 3 at 3, halfway. Bands: 2.1 by the lower curve
    # (2.1 = half of 4.2: 0.8 + 2 t), 1.9 by the upper one (1.2 + 2 t).
    table = curve_table([0, 1, 3, 4, 4], band=0.2)
    row = half_volumes(table).iloc[0]
    assert row["value"] == pytest.approx(2.5)
    assert row["low"] == pytest.approx(2 + 0.7 / 2)
    assert row["high"] == pytest.approx(2 + 1.3 / 2)
    assert row["half_bits"] == 2
    assert row["reading"] == "bends"


def test_half_on_a_logarithmic_axis_lies_at_the_geometric_mean():
    table = curve_table([1, 3, 4, 4], scale="log", volumes=[1, 100, 1_000, 10_000])
    assert half_volumes(table)["value"].item() == pytest.approx(10)


def test_half_of_a_falling_curve():
    table = curve_table([4, 3, 1, 1], increasing=False)
    assert half_volumes(table)["value"].item() == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("curve", "band", "increasing", "reading"),
    [
        ([1, 2, 3, 4], 0.1, True, "beyond the range"),
        ([3, 4, 4, 4], 0.1, True, "below the range"),
        ([0, 0.1, 0.2, 0.2], 0.3, True, "nothing shown"),
        ([4, 3.5, 3, 3], 0.1, False, "beyond the range"),
    ],
)
def test_no_half_is_made_up(curve, band, increasing, reading):
    row = half_volumes(curve_table(curve, band=band, increasing=increasing)).iloc[0]
    assert row["reading"] == reading
    assert row[["value", "low", "high"]].isna().all()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0, 10), min_size=3, max_size=6),
    st.floats(0.0, 1.0),
    st.booleans(),
)
def test_half_lies_within_its_bounds_and_the_volumes(values, band, increasing):
    curve = sorted(values, reverse=not increasing)
    row = half_volumes(curve_table(curve, band=band, increasing=increasing)).iloc[0]
    if row["reading"] == "bends":
        assert row["low"] <= row["value"] <= row["high"]
        assert 1 <= row["value"] <= len(curve)


def test_levels_outside_a_curve_are_crossed_beyond_it():
    curves, places = np.array([[1.0, 2.0], [1.0, 2.0]]), np.array([1.0, 2.0])
    levels = np.array([0.5, 3.0])
    kind = {"logarithmic": False}
    rising = crossings(curves, levels, places, increasing=True, **kind)
    falling = crossings(curves[:, ::-1], levels, places, increasing=False, **kind)
    assert rising.tolist() == [-np.inf, np.inf]
    assert falling.tolist() == [np.inf, -np.inf]


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


def test_half_volumes_needs_a_curve():
    with pytest.raises(DataError, match=r"^table must have the columns curve_low$"):
        half_volumes(curve_table([0, 1, 1]).drop(columns="curve_low"))
    with pytest.raises(DataError, match=r"^table must hold at least one row; got none"):
        half_volumes(curve_table([0, 1, 1]).head(0))
