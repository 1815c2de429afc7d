"""The record: whose it is, along each volume."""

import numpy as np
import pandas as pd
import pytest

from twinprivacy.attacks.uniqueness import anonymity_sets
from twinprivacy.studies.surfaces import record
from twinprivacy.studies.surfaces.answers import inr_readings, warfarin_patients
from twinprivacy.twins.cardiovascular import predict_risk


def test_identity_bits_by_hand():
    people = pd.DataFrame({"age": [30, 30, 30, 41], "sex": ["f", "f", "m", "m"]})
    # Sets of 2, 2, 1 and 1 among 4: log2(4/2), log2(4/2), log2(4/1), log2(4/1).
    sets = anonymity_sets(people, ["age", "sex"])
    assert record.identity_bits(sets, n_people=4).tolist() == [1, 1, 2, 2]
    assert record.identity_bits(sets, n_people=4).mean() == sets.bits


def test_whole_stores_are_the_sample_by_hand():
    # Four people apart: 2 bits each; two pairs: 1 bit each. The mean of two stores and
    # Student's interval with one degree of freedom: sd of the mean 0.5, times 12.706.
    people = pd.DataFrame({"x": [1, 2, 3, 4, 1, 1, 2, 2]})
    found = record._bits(people, 4, 0.95)
    assert (found.value, found.n) == (1.5, 8)
    assert found.high - found.value == pytest.approx(0.5 * 12.706, abs=1e-3)
    # A store that is not full is left out.
    assert record._bits(people.head(7), 4, 0.95).n == 4


def test_six_values_name_nearly_all_in_a_small_store():
    found = record.by_people([20, 40], 0, np.random.default_rng(3), 0.95)
    assert [one.n for one in found] == [200, 200]
    for one, n in zip(found, (20, 40), strict=True):
        assert np.log2(n) - 0.1 < one.value <= np.log2(n)


def same_stores(**columns):
    """Stores that are all the same four people, apart in some columns only."""
    frame = pd.DataFrame(0, index=range(4), columns=[*record.ORDER]).assign(**columns)
    return pd.concat([frame] * record.N_STORES, ignore_index=True)


def test_attributes_by_hand():
    # Sex halves four people, race parts one half; nothing more is known.
    stores = same_stores(sex=[0, 0, 1, 1], race=[0, 0, 0, 1])
    found = record.by_attributes([1, 2, 12], stores, np.random.default_rng(1), 0.95)
    assert [one.value for one in found] == [1, 1.5, 1.5]


def test_digits_by_hand():
    # Of a hundred no digit parts 20 and 24 from 60 and 64, one digit no better, two do.
    stores = same_stores(age_years=[20, 24, 60, 64])
    found = record.by_decimals([0, 1, 2], stores, np.random.default_rng(1), 0.95)
    assert [one.value for one in found] == [1, 1, 2]


def entropy_in_stores(values, size):
    """Mean of the plug-in entropies, Shannon (1948)."""
    found = []
    for start in range(0, len(values), size):
        part = values[start : start + size]
        share = np.unique(part, axis=0, return_counts=True)[1] / len(part)
        found.append(-(share * np.log2(share)).sum())
    return float(np.mean(found))


def test_days_are_the_entropy_of_whole_inrs():
    found = record.by_days([1, 2], 40, np.random.default_rng(3), 0.95)
    rng = np.random.default_rng(3)
    patients = warfarin_patients(record.N_STORES * 40, rng)
    whole = np.round(inr_readings(patients, [1, 2], rng))
    for day, one in enumerate(found, start=1):
        expected = entropy_in_stores(whole[:, :day], 40)
        assert one.value == pytest.approx(expected, abs=1e-9)


def test_answers_are_the_entropy_of_risks_in_percent():
    stores = record.stores(40, np.random.default_rng(3))
    found = record.by_answers([1, 2], stores, np.random.default_rng(1), 0.95)
    risks = [
        predict_risk(people, model="prevent_2023", outcome="ascvd")
        for people in (stores, stores.assign(current_smoker=False))
    ]
    percents = np.round(100 * np.column_stack(risks))
    for n, one in enumerate(found, start=1):
        expected = entropy_in_stores(percents[:, :n], 40)
        assert one.value == pytest.approx(expected, abs=1e-9)
