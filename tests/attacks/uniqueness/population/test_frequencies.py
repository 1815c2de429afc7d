"""Closed forms of uniqueness and correctness, against sums written out."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.attacks.uniqueness.population.frequencies import (
    likelihood_of_uniqueness,
    match_correctness,
)


def test_uniqueness_is_that_all_others_differ() -> None:
    # Two others, each different with probability 0.9.
    assert likelihood_of_uniqueness(np.array([0.1]), 3) == pytest.approx(0.9 * 0.9)
    assert likelihood_of_uniqueness(np.array([0.0, 1.0]), 1).tolist() == [1.0, 1.0]


def test_correctness_is_the_mean_of_one_over_the_crowd() -> None:
    # Of two others none, one or both share the combination.
    mean = 0.81 / 1 + 0.18 / 2 + 0.01 / 3
    assert match_correctness(np.array([0.1]), 3) == pytest.approx(mean)


@settings(derandomize=True, deadline=None)
@given(p=st.floats(0, 1), n=st.integers(1, 10**9))
def test_a_match_is_right_at_least_as_often_as_people_are_unique(
    p: float, n: int
) -> None:
    cell = np.array([p])
    unique, right = likelihood_of_uniqueness(cell, n)[0], match_correctness(cell, n)[0]
    assert 0 <= unique <= right + 1e-12
    assert 1 / n - 1e-12 <= right <= 1
