import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr, ndtri

from twinprivacy.attacks.inference import (
    BayesInversion,
    Exact,
    NormalResidual,
    RootNormalResidual,
    ThreatModel,
    ask_each,
    invert,
    warfarin_prior,
)
from twinprivacy.attacks.inference.threats import Auxiliary, Secret
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.people import simulate_cohort
from twinprivacy.twins.warfarin import (
    GENOTYPE_PAIRS,
    dose_matrix,
    dose_residual_sd,
    predict_dose,
    simulate_dose,
)

MODEL = "iwpc_pharmacogenetic"
PAIRS = pd.DataFrame(GENOTYPE_PAIRS, columns=["vkorc1", "cyp2c9"])
KNOWN = ("age_years", "height_cm", "weight_kg", "race", "amiodarone", "enzyme_inducer")
DOSES = partial(dose_matrix, model=MODEL)
ASK = partial(predict_dose, model=MODEL)
# A secret of three levels beside an unknown flag; the twin adds them up.
WORLD = pd.DataFrame(
    [(s, u) for s in ("low", "mid", "high") for u in (0, 1)], columns=["secret", "flag"]
)
FLAT = np.full((400, 3), 1 / 3)


def silent(people):
    return np.zeros((len(people), 6))


LEVEL = {"low": 1.0, "mid": 2.0, "high": 4.0}


def ask_world(people):
    level = people["secret"].astype(object).map(LEVEL)
    return (level + people["flag"] + 10 * people["group"]).to_numpy(dtype=float)


def auxiliary(people, answers, *, threat, ask=None, values=None, edges=None):
    column = people[threat.sensitive]
    if edges is None:
        values = np.array(sorted(set(column)) if values is None else values)
        codes = pd.Index(values).get_indexer(pd.Index(column.to_numpy()))
    else:
        values = (edges[:-1] + edges[1:]) / 2
        codes = np.searchsorted(edges[1:-1], column, side="right")
    prior = np.full((len(people), len(values)), 1 / len(values))
    secret = Secret(threat.sensitive, values, edges)
    return Auxiliary(people, answers, secret, codes, prior, ask, threat)


@pytest.fixture
def world(rng):
    n = 400
    places = rng.choice(6, size=n, p=[0.3, 0.1, 0.2, 0.1, 0.1, 0.2])
    people = WORLD.iloc[places].reset_index(drop=True)
    return people.assign(group=rng.integers(0, 2, n))


@pytest.fixture(scope="module")
def patients():
    rng = np.random.default_rng(1_709)
    people = simulate_cohort(100_000, rng=rng, population="warfarin_patients")
    return people, simulate_dose(people, rng=rng)


def threat(**changes):
    given = {"sensitive": "secret", "known": ("group",), "answers": ("sum",)}
    return ThreatModel(**(given | changes))


def fitted(people, attacker, rng, ask=ask_world, **changes):
    table = auxiliary(
        people, np.empty((len(people), 1)), threat=threat(**changes), ask=ask
    )
    return attacker.fit(table, rng=rng)


def of_gene(law, people, gene):
    """Return probabilities of one gene, and where the truth is among them."""
    values = np.array(PAIRS[gene].unique())
    collect = (PAIRS[gene].to_numpy()[:, None] == values).astype(float)
    true = pd.Index(values).get_indexer(pd.Index(people[gene].to_numpy()))
    return law @ collect, true


def share_right(law, true):
    return float((law.argmax(axis=1) == true).mean())


def mode_share(true):
    return float(np.bincount(true).max() / len(true))


def calibration_error(law, true):
    sure, right = law.max(axis=1), law.argmax(axis=1) == true
    bins = np.minimum((sure * 20).astype(int), 19)
    return sum(
        abs(right[bins == b].mean() - sure[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    )


class TestAgainstPlainBayes:
    @pytest.mark.parametrize("step", [None, 2.0])
    def test_world_summed_by_hand(self, world, rng, step):
        changes = {"output_precision": step}
        attacker = fitted(world, BayesInversion(WORLD), rng, **changes)
        said = ask_world(world)
        seen = said if step is None else np.round(said / step) * step
        found = attacker.posterior(
            world[["group"]], seen[:, None], np.full((400, 3), 1 / 3)
        )
        # One person spread over six candidates.
        share = {
            (s, u): (((world["secret"] == s) & (world["flag"] == u)).sum() + 1 / 6)
            / 401
            for s, u in WORLD.itertuples(index=False)
        }
        for row in range(40):
            total = dict.fromkeys(("high", "low", "mid"), 0.0)
            for (s, u), p in share.items():
                answer = LEVEL[s] + u + 10 * world["group"][row]
                if step is not None:
                    answer = step * round(answer / step)
                total[s] += p * (answer == seen[row])
            expected = np.array(list(total.values()))
            np.testing.assert_allclose(found[row], expected / expected.sum())

    def test_noisy_queries_multiply(self, world, rng):
        attacker = fitted(
            world,
            BayesInversion(WORLD, prior=lambda people: np.full(6, 1 / 6)),
            rng,
            noise_sd=1.5,
            n_queries=2,
        )
        found = attacker.posterior(
            pd.DataFrame({"group": [0]}), np.array([[2.0, 3.0]]), FLAT[:1]
        )
        weight = {
            (s, u): np.exp(
                -((2 - LEVEL[s] - u) ** 2 + (3 - LEVEL[s] - u) ** 2) / (2 * 1.5**2)
            )
            for s, u in WORLD.itertuples(index=False)
        }
        expected = [weight[s, 0] + weight[s, 1] for s in ("high", "low", "mid")]
        np.testing.assert_allclose(found[0], np.array(expected) / sum(expected))

    def test_groups_have_their_own_shares(self, world, rng):
        people = world.assign(secret=np.where(world["group"], "high", "low"), flag=0)
        people.loc[0, "secret"] = "mid"
        attacker = fitted(
            people,
            BayesInversion(WORLD, prior=("group",), equations=silent),
            rng,
        )
        found = attacker.posterior(
            pd.DataFrame({"group": [1, 0, 7]}), np.zeros((3, 1)), FLAT[:3]
        )
        assert found[0, 0] > 0.99
        assert found[1, 1] > 0.98
        # Nobody is in group 7: overall shares.
        n_high = int((people["secret"] == "high").sum())
        assert found[2, 0] == pytest.approx((n_high + 2 / 6) / 401)

    def test_imputation_times_shares_of_the_rest(self, world, rng):
        attacker = fitted(world, BayesInversion(WORLD, prior="imputation"), rng)
        prior = np.array([[0.2, 0.5, 0.3]])
        # An answer of 2 is low with the flag, or mid without.
        found = attacker.posterior(
            pd.DataFrame({"group": [0]}), np.array([[2.0]]), prior
        )
        n = world.groupby(["secret", "flag"]).size() + 1 / 6
        low = 0.5 * n["low", 1] / n["low"].sum()
        mid = 0.3 * n["mid", 0] / n["mid"].sum()
        np.testing.assert_allclose(found[0], np.array([0, low, mid]) / (low + mid))

    def test_two_answers_with_laws_of_their_own(self, world, rng):
        def twice(people):
            return np.stack([ask_world(people), people["flag"].to_numpy(float)], axis=1)

        attacker = fitted(
            world,
            BayesInversion(WORLD, residuals=[NormalResidual(0.1), Exact()]),
            rng,
            ask=twice,
            answers=("sum", "flag"),
        )
        found = attacker.posterior(
            pd.DataFrame({"group": [0]}),
            np.array([[2.01, 1.0]]),
            FLAT[:1],
        )
        np.testing.assert_allclose(found[0], [0, 1, 0], atol=1e-9)


class TestWarfarin:
    @pytest.mark.parametrize("gene", ["vkorc1", "cyp2c9"])
    def test_exact_dose_finds_both_genes(self, patients, gene, rng):
        people = patients[0].iloc[:2_000]
        aim = ThreatModel(sensitive=gene, known=KNOWN, answers=("dose",))
        table = auxiliary(people, ASK(people)[:, None], threat=aim)
        found = BayesInversion(PAIRS, DOSES).fit(table, rng=rng)
        law = found.posterior(people[list(KNOWN)], table.answers, table.prior)
        assert share_right(law, table.codes) == 1.0

    def test_asking_the_twin_is_the_same_as_its_equation(self, patients, rng):
        people = patients[0].iloc[:1_000]
        aim = ThreatModel(
            sensitive="vkorc1", known=KNOWN, answers=("dose",), output_precision=5.0
        )
        answers = np.round(ASK(people) / 5)[:, None] * 5
        table = auxiliary(people, answers, threat=aim, ask=ASK)
        laws = [
            BayesInversion(PAIRS, equations, prior=("race",))
            .fit(table, rng=rng)
            .posterior(people[list(KNOWN)], answers, table.prior)
            for equations in (None, DOSES)
        ]
        np.testing.assert_allclose(*laws, atol=1e-12)

    @pytest.mark.parametrize("precision", [None, 5.0])
    @pytest.mark.parametrize("use_race", [False, True])
    def test_posterior_is_calibrated(self, patients, use_race, precision):
        people, dose = patients
        seen = dose if precision is None else np.round(dose / precision) * precision
        law = invert(
            seen,
            DOSES(people),
            warfarin_prior(people, use_race=use_race),
            residual=RootNormalResidual(dose_residual_sd()),
            precision=precision,
        )
        for gene in ("vkorc1", "cyp2c9"):
            assert calibration_error(*of_gene(law, people, gene)) < 0.02

    def test_a_stable_dose_gives_vkorc1_away_and_cyp2c9_hardly(self, patients):
        people, dose = patients
        right = {}
        for use_race in (False, True):
            prior = warfarin_prior(people, use_race=use_race)
            law = invert(
                dose,
                DOSES(people),
                prior,
                residual=RootNormalResidual(dose_residual_sd()),
            )
            for gene in ("vkorc1", "cyp2c9"):
                right[gene, use_race] = share_right(*of_gene(law, people, gene))
                right[gene, use_race, "prior"] = share_right(
                    *of_gene(prior, people, gene)
                )
        # Our cohort, whose dose the equation explains to 49 %.
        assert right["vkorc1", False, "prior"] == pytest.approx(0.371, abs=0.005)
        assert right["vkorc1", False] == pytest.approx(0.523, abs=0.005)
        assert right["vkorc1", True] == pytest.approx(0.654, abs=0.005)
        assert right["vkorc1", True, "prior"] == pytest.approx(0.594, abs=0.005)
        for use_race in (False, True):
            gain = right["cyp2c9", use_race] - right["cyp2c9", False, "prior"]
            assert 0 <= gain < 0.003


def test_prior_of_the_genes_is_that_of_the_cohort(patients):
    people, _ = patients
    place = pd.MultiIndex.from_frame(PAIRS).get_indexer(
        pd.MultiIndex.from_frame(people[["vkorc1", "cyp2c9"]].astype(object))
    )
    for use_race in (False, True):
        prior = warfarin_prior(people, use_race=use_race)
        np.testing.assert_allclose(prior.sum(axis=1), 1)
        expected = prior.mean(axis=0)
        shares = np.bincount(place, minlength=18) / len(people)
        error = np.sqrt(expected * (1 - expected) / len(people))
        assert (np.abs(shares - expected) < 4.5 * error).all()


def test_answer_that_nobody_gives_leaves_the_prior(world, rng):
    attacker = fitted(world, BayesInversion(WORLD, prior="imputation"), rng)
    prior = np.array([[0.2, 0.5, 0.3]])
    answer = np.array([[77.0]])
    known = pd.DataFrame({"group": [0]})
    np.testing.assert_allclose(attacker.posterior(known, answer, prior), prior)
    np.testing.assert_array_equal(
        invert([77.0], [[1.0, 2.0]], [0.3, 0.7], residual=Exact()), [[0.3, 0.7]]
    )


def test_a_number_is_found_in_its_bin(rng):
    people = pd.DataFrame({"dose": rng.uniform(0, 10, 300)})
    aim = ThreatModel(sensitive="dose", known=(), answers=("level",), tolerance=1.0)
    edges = np.linspace(0, 10, 11)
    table = auxiliary(
        people, np.empty((300, 1)), threat=aim, edges=edges, ask=lambda p: 3 * p["dose"]
    )
    grid = pd.DataFrame({"dose": np.linspace(0.05, 9.95, 100)})
    found = BayesInversion(grid, residuals=NormalResidual(0.2)).fit(table, rng=rng)
    known = people[[]]
    law = found.posterior(known, 3 * people[["dose"]].to_numpy(), table.prior)
    assert share_right(law, table.codes) > 0.97


def test_order_of_rows_and_size_of_chunks_do_not_matter(patients):
    people = patients[0].iloc[:30_000]
    seen = patients[1][:30_000]
    prior = warfarin_prior(people, use_race=True)
    law = RootNormalResidual(1.0)
    whole = invert(seen, DOSES(people), prior, residual=law)
    back = invert(seen[::-1], DOSES(people[::-1]), prior[::-1], residual=law)
    np.testing.assert_allclose(back[::-1], whole, atol=1e-14)


def raises(error, message):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


class TestBadInput:
    def test_candidates(self, world, rng):
        with raises(ParameterError, "candidates must have at least one row; got none"):
            BayesInversion(WORLD.iloc[:0])
        repeated = "candidates must have different rows and columns; got repeated ones"
        with raises(ParameterError, repeated):
            BayesInversion(pd.concat([WORLD, WORLD]))
        lacking = (
            "candidates must have a column 'secret', which is to be inferred; got flag"
        )
        with raises(ParameterError, lacking):
            fitted(world, BayesInversion(pd.DataFrame({"flag": [0, 1]})), rng)
        known = (
            "candidates must hold only what the attacker does not know; got group, "
            "which is known"
        )
        with raises(ParameterError, known):
            fitted(world, BayesInversion(WORLD.assign(group=0)), rng)
        unseen = (
            "candidates must have values of 'secret' that some auxiliary person has, "
            "'high', 'low', 'mid'; got 1 of 2 others: leave those rows out, or bring "
            "more auxiliary people"
        )
        with raises(ParameterError, unseen):
            other = pd.DataFrame({"secret": ["low", "vast"]})
            fitted(world, BayesInversion(other), rng)

    def test_prior(self, world, rng):
        message = (
            "prior must be None, 'imputation', a tuple of known columns, or callable "
            "with people; got 'race'"
        )
        with raises(ParameterError, message):
            BayesInversion(WORLD, prior="race")
        message = (
            "prior must name columns that the attacker knows, among group; got flag"
        )
        with raises(ParameterError, message):
            fitted(world, BayesInversion(WORLD, prior=("flag",)), rng)

    def test_repeats_share_a_residual(self, world, rng):
        message = (
            "residuals must be Exact() where a question is repeated, because repeats "
            "share any other residual; got NormalResidual with n_queries = 2"
        )
        with raises(ParameterError, message):
            attacker = BayesInversion(WORLD, residuals=NormalResidual(1.0))
            fitted(world, attacker, rng, n_queries=2, noise_sd=1.0)

    def test_no_twin_and_no_equation(self, world, rng):
        message = (
            "BayesInversion without equations must be able to ask the twin, and the "
            "answers here are recorded columns; got no twin"
        )
        with raises(ParameterError, message):
            fitted(world, BayesInversion(WORLD), rng, ask=None)

    def test_equations(self, world, rng):
        message = "equations must be one for each of 1 answers; got 2"
        with raises(ParameterError, message):
            fitted(world, BayesInversion(WORLD, equations=[DOSES, DOSES]), rng)
        attacker = BayesInversion(WORLD, equations=lambda p: np.zeros((len(p), 2)))
        message = (
            "equations must give an answer for each candidate, shape (3, 6); got (3, 2)"
        )
        with raises(DataError, message):
            fitted(world, attacker, rng).posterior(
                world[["group"]].head(3), np.zeros((3, 1)), FLAT[:3]
            )

    def test_invert(self):
        message = "answers must be finite; got 1 of 2 rows that are not"
        with raises(DataError, message):
            invert([1.0, np.nan], np.ones((2, 2)), [0.5, 0.5], residual=Exact())
        message = (
            "prior must give probabilities of 0 or more that add to 1; got 1 of 1 rows "
            "that do not"
        )
        with raises(DataError, message):
            invert([1.0], np.ones((1, 2)), [0.5, 0.6], residual=Exact())
        message = (
            "expected must have shape (n, m), and answers (n,) or (n, n_queries); got "
            "(3, 2) and (2, 1)"
        )
        with raises(DataError, message):
            invert([1.0, 2.0], np.ones((3, 2)), [0.5, 0.5], residual=Exact())
        with raises(ParameterError, "precision must be finite and above 0; got 0.0"):
            invert([1.0], np.ones((1, 1)), [1.0], residual=Exact(), precision=0.0)


def with_spread(people, sd, rng):
    """Draw stable doses as `simulate_dose` does, with another spread."""
    mean = np.sqrt(ASK(people))
    tail = (1 - rng.random(mean.size)) * ndtr(mean / sd)
    return np.square(np.maximum(mean - sd * ndtri(tail), 0.0))


def test_published_rates_at_a_lower_r2(patients, rng):
    # A closed-form check elsewhere, on another simulated cohort in which the equation
    # explains 40 %: mode .353, inversion .511, with race .662; CYP2C9 .759 and .759.
    people, sd = patients[0], 1.19
    dose = with_spread(people, sd, rng)
    predicted = ASK(people)
    r2 = 1 - np.var(dose - predicted) / np.var(dose)
    assert r2 == pytest.approx(0.40, abs=0.01)
    right = {}
    for use_race in (False, True):
        prior = warfarin_prior(people, use_race=use_race)
        law = invert(dose, DOSES(people), prior, residual=RootNormalResidual(sd))
        for gene in ("vkorc1", "cyp2c9"):
            right[gene, use_race] = share_right(*of_gene(law, people, gene))
    assert right["cyp2c9", True] == pytest.approx(0.759, abs=0.006)
    assert 0.45 < right["vkorc1", False] < right["vkorc1", True] < 0.68


def test_asking_each_candidate_gives_the_equation(patients):
    people = patients[0].head(50)
    pairs = pd.DataFrame(GENOTYPE_PAIRS, columns=["vkorc1", "cyp2c9"])
    dose = partial(predict_dose, model="iwpc_pharmacogenetic")
    known = people.drop(columns=["vkorc1", "cyp2c9"])
    asked = ask_each(known, ask=dose, candidates=pairs)
    assert asked.shape == (50, 18, 1)
    expected = dose_matrix(people, model="iwpc_pharmacogenetic")
    np.testing.assert_allclose(asked[:, :, 0], expected, rtol=1e-12)


def test_one_equation_may_serve_all_answers(rng):
    """Two noisy readings, by one equation for both and by one for each."""
    people = pd.DataFrame(
        {"age": rng.normal(size=400), "secret": rng.random(400) < 0.4}
    )
    both = pd.DataFrame({"secret": [False, True]})
    said = np.column_stack([people["secret"] + people["age"], 2 * people["secret"]])
    said = said + 0.7 * rng.standard_normal(said.shape)
    given = threat(sensitive="secret", known=("age",), answers=("one", "two"))
    handed = auxiliary(people, said, threat=given)

    def one(p):
        return np.add.outer(p["age"].to_numpy(), [0.0, 1.0])

    def two(p):
        return np.tile([0.0, 2.0], (len(p), 1))

    def all_answers(p):
        return np.stack([one(p), two(p)], axis=2)

    laws = [
        BayesInversion(both, equations=equations, residuals=NormalResidual(0.7))
        .fit(handed, rng=rng)
        .posterior(people[["age"]], said, handed.prior)
        for equations in ([one, two], all_answers)
    ]
    np.testing.assert_allclose(laws[0], laws[1])
    assert share_right(laws[0], people["secret"].to_numpy().astype(int)) > 0.9
