"""The store: what one exposed person loses, along each volume."""

import numpy as np
import pytest

from twinprivacy.people import MODALITIES, simulate_cohort
from twinprivacy.studies.surfaces import store
from twinprivacy.studies.surfaces.answers import (
    _inr_sd,
    inr_readings,
    invert_repeated,
    warfarin_patients,
)
from twinprivacy.studies.surfaces.store import code_lengths

LOST = np.array([[1.0, 2, 4], [3, 2, 0], [0, 0, 1], [0, 0, 0]])


def test_people_and_attributes_by_hand():
    rng = np.random.default_rng(1)
    people = store.by_people([2, 4], LOST, rng, 0.95)
    # Rows of 7, 5, 1 and 0 bits.
    assert [(one.value, one.n) for one in people] == [(6, 2), (3.25, 4)]
    columns = store.by_attributes([1, 2, 3], LOST, rng, 0.95)
    # Columns of 1, 1 and 1.25 bits a person.
    assert [one.value for one in columns] == [1, 2, 3.25]


def test_what_is_on_an_envelope_is_no_loss(monkeypatch):
    assert not {"age_years", "sex", "race"} & set(store.HELD)
    monkeypatch.setattr(store, "HELD", store.HELD[:2])
    lost = store.record_bits(300, np.random.default_rng(3))
    people = simulate_cohort(300, rng=np.random.default_rng(3))
    centimetre_and_kilogram = {"height_cm": 1.0, "weight_kg": 1.0}
    told, untold = (
        code_lengths(people, store.HELD, known=known, steps=centimetre_and_kilogram)
        for known in (["age_years", "sex", "race"], [])
    )
    np.testing.assert_allclose(lost, told, rtol=1e-9)
    # Men are taller.
    assert untold[:, 0].mean() > told[:, 0].mean() + 0.2


def entropy_bits(sd, step):
    """Of a normal number held to a step: log2(sd sqrt(2 pi e) / step), Shannon."""
    return np.log2(sd * np.sqrt(2 * np.pi * np.e) / step)


def test_a_day_costs_its_spread_and_never_less_than_its_error_of_measurement():
    found = store.by_days([1, 2, 7], 600, np.random.default_rng(3), 0.95)
    rng = np.random.default_rng(3)
    patients = warfarin_patients(600, rng)
    readings = np.log(inr_readings(patients, range(1, 8), rng))
    # An INR to a tenth, at 2: a step of 0.05 on the scale of logarithms.
    first = entropy_bits(readings[:, 0].std(), 0.05)
    assert found[0].value == pytest.approx(first, abs=0.1)
    assert found[2].value > 7 * (entropy_bits(_inr_sd(), 0.05) - 0.05)
    second = entropy_bits(readings[:, 1].std(), 0.05)
    assert first < found[1].value < first + second + 0.1


def test_a_log_of_answers_tells_of_both_genes():
    found = store.by_answers([4], 200, np.random.default_rng(3), 0.95)[0]
    kw = {"secret": ("vkorc1", "cyp2c9")}
    expected = invert_repeated([4], 200, np.random.default_rng(3), **kw)[0]
    assert found.value == pytest.approx(expected.mean())


def test_a_digit_more_of_six_values_costs_six_times_its_logarithm():
    two, three = store.by_decimals([2, 3], 1_000, np.random.default_rng(3), 0.95)
    n_values = len(MODALITIES["laboratory"])
    assert n_values == 6
    assert three.value - two.value == pytest.approx(6 * np.log2(10), abs=0.2)
