"""The trace: whose it is, along each volume."""

from dataclasses import replace

import numpy as np
import pytest

from twinprivacy.studies.surfaces import trace


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


@pytest.fixture(scope="module")
def same():
    mine = waves(60, 1)
    return trace.Stretches(mine, mine)


def measure(by, volumes, lives):
    found = by(volumes, lives, np.random.default_rng(5), 0.95)
    return [one.value for one in found]


def test_a_trace_that_is_the_named_one_takes_more_bits_among_more_people(same):
    few, many = measure(trace.by_people, [10, 30], same)
    # log2 of the named people, but for what calibration costs.
    assert np.log2(10) - 0.8 < few <= np.log2(10)
    assert np.log2(30) - 0.5 < many <= np.log2(30)


def test_all_features_and_all_days_are_the_whole_trace(same):
    (whole,) = measure(trace.by_people, [30], same)
    (every,) = measure(trace.by_attributes, [trace.N_FEATURES], same)
    assert every == pytest.approx(whole, abs=0.05)
    assert measure(trace.by_days, [4], same) == [pytest.approx(whole, abs=1e-9)]


def test_one_feature_that_drifts_tells_less_than_all():
    drift = np.random.default_rng(3).normal(0, 15, (60, 1))
    lives = trace.Stretches(waves(60, 1), waves(60, 1) + drift)
    one, every = measure(trace.by_attributes, [1, trace.N_FEATURES], lives)
    assert 0 < one < every - 0.5


def test_days_that_tell_nothing_name_nobody():
    lives = trace.Stretches(waves(60, 1), waves(60, 1))
    noise = np.random.default_rng(3).normal(120, 8, (2, 60, 288))
    for stretch, first in zip((lives.named, lives.nameless), noise, strict=True):
        stretch[:, :288] = first
    nothing, two = measure(trace.by_days, [1, 2], lives)
    assert nothing < 0.3
    assert two > np.log2(30) - 1


def test_features_of_a_stretch_are_counted_once(same):
    assert same.features is same.features
    again = replace(same)
    assert again.features[0].equals(same.features[0])
