"""Closed forms of uniqueness and correctness, against sums written out."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy.attacks.uniqueness import (
    likelihood_of_uniqueness,
    match_correctness,
    uniform_uniqueness,
)
from twinprivacy.errors import ParameterError


def test_uniqueness_is_that_all_others_differ() -> None:
    # Two others, each different with probability 0.9.
    assert likelihood_of_uniqueness(0.1, 3) == pytest.approx(0.9 * 0.9)
    assert likelihood_of_uniqueness([0.0, 1.0], 1).tolist() == [1.0, 1.0]


def test_correctness_is_the_mean_of_one_over_the_crowd() -> None:
    # Of two others none, one or both share the combination.
    mean = 0.81 / 1 + 0.18 / 2 + 0.01 / 3
    assert match_correctness(0.1, 3) == pytest.approx(mean)


@settings(derandomize=True, deadline=None)
@given(p=st.floats(0, 1), n=st.integers(1, 10**9))
def test_a_match_is_right_at_least_as_often_as_people_are_unique(
    p: float, n: int
) -> None:
    unique, right = likelihood_of_uniqueness(p, n), match_correctness(p, n)
    assert 0 <= unique <= right + 1e-12
    assert 1 / n - 1e-12 <= right <= 1


def test_uniform_cells_leave_most_unique(rng: np.random.Generator) -> None:
    even = uniform_uniqueness(200, 100)
    for p in rng.dirichlet(np.full(200, 3.0), size=20):
        assert (p * likelihood_of_uniqueness(p, 100)).sum() < even


@pytest.mark.parametrize("size", [0, -1, 2.0, True, "many"])
def test_sizes_must_be_whole(size: object) -> None:
    message = f"population_size must be a whole number of 1 or more; got {size!r}"
    with pytest.raises(ParameterError, match=f"^{message}$"):
        likelihood_of_uniqueness(0.1, size)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match=r"^n_cells must be a whole number"):
        uniform_uniqueness(size, 10)  # type: ignore[arg-type]


def test_probabilities_must_be_probabilities() -> None:
    message = r"^cell_probability must lie in \[0, 1\]; got 3 of 4 outside$"
    for formula in (likelihood_of_uniqueness, match_correctness):
        with pytest.raises(ParameterError, match=message):
            formula([0.5, -0.1, 1.1, np.nan], 10)
