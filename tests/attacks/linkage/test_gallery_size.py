"""Galleries of other sizes: exact within, and held against the truth beyond."""

import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from twinprivacy.attacks.linkage import (
    LinkageResult,
    link_records,
    linkage_at_scale,
)
from twinprivacy.errors import FitError, ParameterError


def result_of(nearer, tied, n, groups=None):
    """A linkage of which only the ranks matter."""
    targets = pd.DataFrame(
        {"in_gallery": True, "n_nearer": nearer, "n_tied": tied}, dtype=object
    ).astype({"in_gallery": bool, "n_nearer": float, "n_tied": float})
    codes = np.arange(len(nearer)) if groups is None else np.asarray(groups)
    return LinkageResult("distance", n, targets, codes)


def simulated(n, rng, *, columns=5, noise=0.3, spread=0.0):
    names = [f"c{j}" for j in range(columns)]
    right = pd.DataFrame(rng.normal(size=(n, columns)), columns=names)
    sd = noise * np.exp(spread * rng.normal(size=(n, 1)))
    left = right + sd * rng.normal(size=right.shape)
    return link_records(left, right, on=dict.fromkeys(names, 1.0), truth=right.index)


@pytest.mark.parametrize(("nearer", "tied"), [(0, 1), (2, 1), (0, 3), (1, 2), (5, 1)])
@pytest.mark.parametrize("m", [1, 2, 3, 6])
def test_subsampling_counts_all_galleries(nearer, tied, m):
    n = 6
    # The others: -1 nearer, 0 as near, 1 farther; every gallery of m - 1 of them.
    others = [-1] * nearer + [0] * (tied - 1) + [1] * (n - nearer - tied)
    wins = [
        0.0 if -1 in drawn else 1 / (1 + drawn.count(0))
        for drawn in combinations(others, m - 1)
    ]
    found = linkage_at_scale(result_of([nearer], [tied], n), [m])
    assert found["value"].item() == pytest.approx(np.mean(wins), abs=1e-9)
    assert found["basis"].item() == "subsampled"


def test_the_whole_gallery_is_the_rank_rate(rng):
    result = simulated(200, rng)
    found = linkage_at_scale(result, [200]).iloc[0]
    rate = result.rank_rate(1)
    assert (found["value"], found["low"], found["high"]) == pytest.approx(
        (rate.value, rate.low, rate.high)
    )
    assert found["chance"] == 1 / 200


def test_more_candidates_never_help(rng):
    found = linkage_at_scale(simulated(150, rng), [1, 2, 10, 150, 151, 1_000, 10**6])
    assert found["value"].iloc[0] == pytest.approx(1)
    assert (np.diff(found["value"]) <= 0.005).all()
    assert found["value"].between(found["low"], found["high"]).all()
    assert (found["basis"] == ["subsampled"] * 4 + ["extrapolated"] * 3).all()


def test_chance_stays_chance_beyond_the_gallery():
    """Ties of everybody, or ranks at random: 1 in N whatever N."""
    n = 400
    tied = linkage_at_scale(result_of([0] * n, [n] * n, n), [100, 4_000])
    ranks = linkage_at_scale(result_of(range(n), [1] * n, n), [100, 4_000])
    for found in (tied, ranks):
        assert found["value"].iloc[0] == pytest.approx(1 / 100, rel=1e-6)
        assert found["low"].iloc[1] <= 1 / 4_000 <= found["high"].iloc[1]
        assert found["value"].iloc[1] < 0.002


def test_all_right_in_a_small_gallery_promises_little_in_a_large_one():
    found = linkage_at_scale(result_of([0] * 24, [1] * 24, 24), [24, 240, 10**6])
    assert found["value"].iloc[0] == 1
    width = found["high"] - found["low"]
    assert width.is_monotonic_increasing
    assert found["low"].iloc[2] < 0.4
    assert found["high"].iloc[2] > 0.999


@pytest.mark.parametrize(
    ("columns", "noise", "spread"),
    [(3, 0.1, 0.0), (5, 0.3, 0.0), (10, 0.5, 0.0), (10, 0.6, 0.5)],
)
def test_five_hundred_people_predict_five_thousand(rng, columns, noise, spread):
    settings = {"columns": columns, "noise": noise, "spread": spread}
    truth = simulated(5_000, rng, **settings).rank_rate(1).value
    errors, held = [], 0
    for one in rng.spawn(6):
        found = linkage_at_scale(simulated(500, one, **settings), [5_000]).iloc[0]
        errors.append(found["value"] - truth)
        held += found["low"] <= truth <= found["high"]
    assert held >= 5
    assert np.sqrt(np.mean(np.square(errors))) < 0.1


def test_rows_of_one_person_tell_as_much_as_one(rng):
    nearer = rng.integers(0, 3, 40)
    once = linkage_at_scale(result_of(nearer, [1] * 40, 100), [1_000])
    copied = linkage_at_scale(
        result_of(np.repeat(nearer, 5), [1] * 200, 100, groups=np.repeat(range(40), 5)),
        [1_000],
    )
    pd.testing.assert_frame_equal(once, copied)


@pytest.mark.parametrize("sizes", [[0], [1.5], [np.nan], [10**11]])
def test_bad_sizes_are_named(sizes):
    message = (
        f"population_sizes must be a whole number of 1 to 10000000000; got {sizes[0]!r}"
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        linkage_at_scale(result_of([0], [1], 5), sizes)


def test_no_size_and_no_gallery_are_named():
    message = "population_sizes must hold 1 size or more; got 0"
    with pytest.raises(ParameterError, match=f"^{message}$"):
        linkage_at_scale(result_of([0], [1], 5), [])
    message = "the gallery must have 2 candidates or more; got 1"
    with pytest.raises(FitError, match=f"^{message}$"):
        linkage_at_scale(result_of([0], [1], 1), [10])
    nobody = result_of([0], [1], 5)
    nobody.targets["in_gallery"] = False
    message = "no target is known to be in the gallery: give truth"
    with pytest.raises(FitError, match=f"^{message}$"):
        linkage_at_scale(nobody, [10])
