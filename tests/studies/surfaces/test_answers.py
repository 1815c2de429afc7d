"""The answers: what they tell of a genotype, along each volume."""

import itertools

import numpy as np
import pytest
from scipy.stats import norm

from twinprivacy.attacks.inference import Exact, ask_each, invert, warfarin_prior
from twinprivacy.studies import surface_curves
from twinprivacy.studies.surfaces import answers
from twinprivacy.twins.warfarin import (
    GENOTYPE_PAIRS,
    dose_matrix,
    inr_on_days,
    predict_dose,
    simulate_dose,
)


@pytest.fixture(scope="module")
def patients():
    return answers.warfarin_patients(200, np.random.default_rng(5))


def gain_by_hand(patients, likelihood):
    """Bits about VKORC1 from a prior and likelihoods of the pairs of genotypes."""
    prior = warfarin_prior(patients, use_race=True)
    gene = np.array([pair[0] for pair in GENOTYPE_PAIRS])
    same = gene[None] == patients["vkorc1"].astype(str).to_numpy()[:, None]
    belief = prior * likelihood
    belief /= belief.sum(axis=1, keepdims=True)
    return np.log2((belief * same).sum(axis=1) / (prior * same).sum(axis=1)).mean()


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


def test_repeated_answers_are_heard_one_after_another(patients):
    found = answers.by_answers([1, 9], 200, np.random.default_rng(5), 0.95)
    rng = np.random.default_rng(5)
    patients = answers.warfarin_patients(200, rng)
    heard = predict_dose(patients, model=answers.MODEL)[:, None]
    heard = heard + 10 * rng.standard_normal((200, 9))
    expected = dose_matrix(patients, model=answers.MODEL)
    for n, one in zip((1, 9), found, strict=True):
        # A normal law with an SD of 10 mg a week for each answer by itself.
        each = norm.pdf(heard[:, None, :n], expected[:, :, None], 10)
        by_hand = gain_by_hand(patients, each.prod(axis=2))
        assert one.value == pytest.approx(by_hand, abs=1e-6)


def test_days_are_heard_one_after_another():
    found = answers.by_days([1, 3], 60, np.random.default_rng(5), 0.95)
    rng = np.random.default_rng(5)
    patients = answers.warfarin_patients(60, rng)
    heard = np.log(answers.inr_readings(patients, [1, 2, 3], rng))
    expected = np.log(
        ask_each(
            patients,
            ask=lambda people: inr_on_days(people, 5.0, days=[1, 2, 3]),
            candidates=answers.PAIRS,
            n_answers=3,
        )
    )
    for n, one in zip((1, 3), found, strict=True):
        each = norm.pdf(heard[:, None, :n], expected[:, :, :n], answers._inr_sd())
        by_hand = gain_by_hand(patients, each.prod(axis=2))
        assert one.value == pytest.approx(by_hand, abs=1e-6)


def test_who_has_learned_knows_less_than_who_is_given_the_law():
    race, chart = answers.by_attributes([1, 6], 400, np.random.default_rng(5), 0.95)
    patients = answers.warfarin_patients(400, np.random.default_rng(5))
    heard = 7 * np.round(predict_dose(patients, model=answers.MODEL) / 7)
    expected = dose_matrix(patients, model=answers.MODEL)
    flat = np.full(expected.shape, 1 / expected.shape[1])
    fits = invert(heard, expected, flat, residual=Exact(), precision=7.0)
    best = gain_by_hand(patients, fits)
    assert 0.05 < race.value < chart.value < best


def test_whole_twins_are_the_sample_by_hand(monkeypatch):
    told = itertools.cycle([1.0, 3.0])
    monkeypatch.setattr(
        answers, "_own_twin", lambda people, rng: np.full(len(people), next(told))
    )
    found = answers.by_people([25, 50], 100, np.random.default_rng(5), 0.95)
    # Two twins of 50: the mean of 1 and 3, its sd 1, times Student's 12.706; four
    # of 25: sd sqrt(4 / 3) / 2, times 3.1824. All people are counted.
    assert [(one.value, one.n) for one in found] == [(2, 100), (2, 100)]
    widths = [one.high - one.value for one in found]
    assert widths == pytest.approx([3.1824 / np.sqrt(3), 12.706], abs=1e-3)


def test_doses_of_others_tell_next_to_nothing_of_those_who_trained():
    rng = np.random.default_rng(5)
    patients = answers.warfarin_patients(400, rng)
    dose = np.sqrt(simulate_dose(patients, rng=rng))
    own, shuffled = (
        answers._own_twin(patients.assign(root_dose=root), np.random.default_rng(1))
        for root in (dose, rng.permutation(dose))
    )
    assert shuffled.mean() < 0.04 < own.mean()


def test_a_rare_genotype_that_nobody_has_is_still_possible():
    few = answers.warfarin_patients(12, np.random.default_rng(1))
    assert few["cyp2c9"].nunique() < 6
    for gene, pairs in answers.PAIRS.items():
        assert set(few[gene].cat.categories) == set(pairs)
    assert not answers._candidates(few).isna().any().any()
    table = surface_curves(
        ["answers"],
        ["people"],
        n_people=100,
        volumes={"people": [25, 50]},
        rng=np.random.default_rng(1),
    )
    assert np.isfinite(table[["curve_low", "curve_high"]]).all().all()
    assert table["n"].tolist() == [100, 100]
