import re
from functools import partial

import numpy as np
import pandas as pd
import pytest

from twinprivacy.attacks.inference import QueryInversion, ThreatModel
from twinprivacy.attacks.inference.reading import code_secret, read_answers, read_secret
from twinprivacy.attacks.inference.threats import Auxiliary
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.people import simulate_cohort
from twinprivacy.twins.cardiovascular import predict_risk
from twinprivacy.twins.outcome import fit_outcome_twin
from twinprivacy.twins.warfarin import predict_dose

DOSE = partial(predict_dose, model="iwpc_pharmacogenetic")
KNOWN = ("age_years", "height_cm", "weight_kg", "race", "amiodarone", "enzyme_inducer")


@pytest.fixture(scope="module")
def patients():
    people = simulate_cohort(
        2_400, rng=np.random.default_rng(77), population="warfarin_patients"
    )
    return people.iloc[:800], people.iloc[800:]


def gather(people, threat, ask, rng):
    secret = read_secret(people, threat, name="people")
    codes, _ = code_secret(people, secret, name="people")
    answers = read_answers(people, ask, threat, name="people", rng=rng)
    shares = np.bincount(codes, minlength=secret.n_values) + 0.5
    prior = np.tile(shares / shares.sum(), (len(people), 1))
    return Auxiliary(people, answers, secret, codes, prior, ask, threat)


def attack(groups, threat, ask, rng, *, n_donors=30, **settings):
    """Return the fitted attacker, posterior, prior and true places of the targets."""
    learned, targets = groups
    table = gather(learned, threat, ask, rng)
    fitted = QueryInversion(n_donors, **settings).fit(table, rng=rng.spawn(1)[0])
    codes, _ = code_secret(targets, table.secret, name="targets")
    answers = read_answers(targets, ask, threat, name="targets", rng=rng)
    prior = np.tile(table.prior[0], (len(targets), 1))
    law = fitted.posterior(targets[list(threat.known)], answers, prior)
    np.testing.assert_allclose(law.sum(axis=1), 1)
    return fitted, law, prior, codes


def share_right(law, codes):
    return float((law.argmax(axis=1) == codes).mean())


def bits(law, prior, codes):
    rows = np.arange(len(codes))
    return np.log2(np.maximum(law[rows, codes], 1e-3) / prior[rows, codes]).mean()


class TestWarfarin:
    @pytest.mark.parametrize("precision", [None, 2.0])
    def test_all_but_the_secret_known_finds_it(self, patients, rng, precision):
        threat = ThreatModel(
            sensitive="vkorc1",
            known=(*KNOWN, "cyp2c9"),
            answers=("dose",),
            output_precision=precision,
        )
        fitted, law, _, codes = attack(patients, threat, DOSE, rng)
        assert fitted.kernel.width == 0
        # Nothing that the twin looks at is unknown: one question for each genotype.
        assert fitted.donors.n_questions == 3
        assert share_right(law, codes) > 0.99

    def test_unknown_inputs_come_from_donors(self, patients, rng):
        threat = ThreatModel(sensitive="vkorc1", known=KNOWN, answers=("dose",))
        fitted, law, _, codes = attack(patients, threat, DOSE, rng)
        assert fitted.donors.matter
        assert fitted.donors.n_questions == 3 * 30
        # Donors have the commonest pairs, of which each gives one dose.
        assert share_right(law, codes) > 0.93
        # Nobody lends to anyone with another secret.
        for place, donors in enumerate(fitted.donors.places):
            assert (fitted.donors.auxiliary.codes[donors] == place).all()

    def test_few_donors_are_less_sure_than_right(self, patients, rng):
        # Age tells nothing of the genes, so that equal priors for all are right.
        threat = ThreatModel(
            sensitive="vkorc1",
            known=("age_years",),
            answers=("dose",),
            output_precision=5.0,
        )
        excess = {}
        for n_donors in (10, 200):
            found = attack(patients, threat, DOSE, rng, n_donors=n_donors)
            _, law, prior, codes = found
            excess[n_donors] = share_right(law, codes) - law.max(axis=1).mean()
            assert bits(law, prior, codes) > 0.3
        assert abs(excess[200]) < 0.05
        assert -0.02 < excess[10] < 0.15

    def test_noise_costs_and_repeats_win_back(self, patients, rng):
        found = {}
        for noise_sd, n_queries in ((0.0, 1), (10.0, 1), (10.0, 16)):
            threat = ThreatModel(
                sensitive="vkorc1",
                known=KNOWN,
                answers=("dose",),
                noise_sd=noise_sd,
                n_queries=n_queries,
            )
            _, law, prior, codes = attack(patients, threat, DOSE, rng)
            found[noise_sd, n_queries] = bits(law, prior, codes)
        assert found[10.0, 1] < found[10.0, 16] < found[0.0, 1]
        assert found[10.0, 1] > 0.1

    def test_same_generator_same_answer(self, patients):
        threat = ThreatModel(sensitive="vkorc1", known=("race",), answers=("dose",))
        laws = [
            attack(patients, threat, DOSE, np.random.default_rng(5))[1]
            for _ in range(2)
        ]
        np.testing.assert_array_equal(*laws)


@pytest.mark.parametrize("seed", range(5))
def test_answers_that_are_noise_leave_the_prior(patients, seed):
    noise = np.random.default_rng(seed)
    threat = ThreatModel(sensitive="vkorc1", known=KNOWN, answers=("dose",))
    fitted, law, prior, _ = attack(
        patients,
        threat,
        lambda people: noise.normal(size=len(people)),
        np.random.default_rng(seed),
    )
    assert np.isinf(fitted.kernel.width)
    np.testing.assert_array_equal(law, prior)


def test_a_twin_that_says_the_same_of_all_leaves_the_prior(patients, rng):
    threat = ThreatModel(sensitive="vkorc1", known=("race",), answers=("dose",))
    _, law, prior, _ = attack(
        patients, threat, lambda people: np.ones(len(people)), rng
    )
    np.testing.assert_allclose(law, prior)


def test_fitted_twin_of_a_cohort(patients, rng):
    twin = fit_outcome_twin(
        patients[0],
        outcome="diabetes",
        features=["age_years", "weight_kg", "race", "sex", "statin"],
        folds=0,
        rng=rng,
    )
    threat = ThreatModel(
        sensitive="race",
        known=("age_years", "weight_kg", "sex", "statin"),
        answers=("risk",),
    )
    fitted, law, _, codes = attack(patients, threat, twin.predict, rng)
    assert fitted.kernel.scales == ("logit",)
    assert share_right(law, codes) == 1.0


def test_a_number_is_found_within_a_bin(patients, rng):
    twin = fit_outcome_twin(
        patients[0],
        outcome="diabetes",
        features=["age_years", "weight_kg", "sex"],
        folds=0,
        rng=rng,
    )
    threat = ThreatModel(
        sensitive="weight_kg",
        known=("age_years", "sex"),
        answers=("risk",),
        tolerance=10.0,
    )
    _, law, prior, codes = attack(patients, threat, twin.predict, rng)
    near = np.abs(law.argmax(axis=1) - codes) <= 1
    assert near.mean() > 0.95
    assert bits(law, prior, codes) > 2


def test_a_published_risk_equation(rng):
    people = simulate_cohort(1_200, rng=rng)
    people = people[people["age_years"].between(30, 79)]
    groups = people.iloc[:500], people.iloc[500:]
    ask = partial(predict_risk, model="prevent_2023", outcome="total_cvd")
    inputs = ("age_years", "sex", "total_cholesterol_mg_dl", "hdl_mg_dl")
    inputs += ("systolic_bp_mmhg", "egfr_ml_min", "bp_medication", "statin")
    threat = ThreatModel(
        sensitive="diabetes", known=(*inputs, "current_smoker"), answers=("risk",)
    )
    _, law, _, codes = attack(groups, threat, ask, rng)
    assert share_right(law, codes) == 1.0


def test_two_answers_and_a_value_with_consequences(rng):
    n = 600
    people = pd.DataFrame(
        {"ill": rng.random(n) < 0.4, "dose": 0.0, "age": rng.integers(20, 80, n)}
    )
    people["dose"] = np.where(people["ill"], 5.0, 1.0)

    def ask(frame):
        # The twin looks at what follows from the secret, not at the secret.
        return np.stack([frame["dose"] * frame["age"], frame["age"]], axis=1)

    def what_if(frame, value):
        return frame.assign(ill=value, dose=5.0 if value else 1.0)

    threat = ThreatModel(sensitive="ill", known=("age",), answers=("first", "second"))
    groups = people.iloc[:300], people.iloc[300:]
    _, law, _, codes = attack(groups, threat, ask, rng, what_if=what_if)
    assert share_right(law, codes) == 1.0


class TestBadInput:
    @pytest.mark.parametrize("n_donors", [0, -1, 2.5, True])
    def test_donors(self, n_donors):
        message = f"n_donors must be a whole number of 1 or more; got {n_donors!r}"
        with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
            QueryInversion(n_donors)

    def test_recorded_answers(self, patients, rng):
        threat = ThreatModel(
            sensitive="vkorc1", known=("race",), answers=("height_cm",)
        )
        table = gather(patients[0], threat, None, rng)
        message = (
            "QueryInversion must be able to ask the twin, and the answers here are "
            "recorded columns; got no twin"
        )
        with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
            QueryInversion().fit(table, rng=rng)

    def test_a_twin_that_fails_on_what_if(self, patients, rng):
        threat = ThreatModel(sensitive="vkorc1", known=KNOWN, answers=("dose",))
        calls = []

        def ask(people):
            calls.append(len(people))
            said = DOSE(people)
            return said if len(calls) == 1 else np.full(len(people), np.nan)

        table = gather(patients[0], threat, ask, rng)
        message = (
            "the twin's answers must be finite; got 800 of 800 people with a missing "
            "or infinite one"
        )
        with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
            QueryInversion().fit(table, rng=rng)
