"""Code lengths of a held record, beyond what was known."""

import numpy as np
import pandas as pd
import pytest

from twinprivacy.studies.surfaces.store import code_lengths


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


def test_laws_that_are_not_linear_are_no_discount(rng):
    first, second = rng.random((2, 2_000)) < 0.5
    flags = pd.DataFrame({"a": first, "b": second, "either": first ^ second})
    bits = code_lengths(flags, ["either"], known=["a", "b"], steps={}).mean()
    # A best code would need none.
    assert bits == pytest.approx(1, abs=0.02)
