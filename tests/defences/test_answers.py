"""Defended answers: laws, budgets by OpenDP's maps, bounds that attacks keep to."""

import math
import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import ks_2samp, norm

from twinprivacy.attacks.bounds import attribute_bits_bound, attribute_success_bound
from twinprivacy.attacks.inference import (
    BayesInversion,
    Exact,
    ThreatModel,
    infer_attribute,
    invert,
)
from twinprivacy.defences import NoisyAnswers, RoundedAnswers
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates import wilson_interval
from twinprivacy.people import simulate_cohort
from twinprivacy.twins.warfarin import GENOTYPE_PAIRS, dose_matrix, predict_dose

FALSE_ALARM = 1e-6
N = 20_000
MODEL = "iwpc_pharmacogenetic"
KNOWN = ("age_years", "height_cm", "weight_kg", "race", "amiodarone", "enzyme_inducer")
THREAT = ThreatModel("vkorc1", ("age_years",), ("dose",), n_queries=9)
BOTH = (
    NoisyAnswers(10.0, 60.0, epsilon=2.0, n_answers=3),
    NoisyAnswers(10.0, 60.0, mu=1.5, n_answers=3),
)


def rounded(answers: npt.ArrayLike, step: float) -> np.ndarray:
    return RoundedAnswers(step).simulate(answers, rng=np.random.default_rng(1))


def information(posterior: np.ndarray, weights: np.ndarray, prior: np.ndarray) -> float:
    """Bits between secret and answer, from posteriors at answers of given weights."""
    ratio = np.where(posterior > 0, posterior / prior, 1.0)
    return float((weights * (posterior * np.log2(ratio)).sum(axis=1)).sum())


def noisy_bits(expected: np.ndarray, prior: np.ndarray, sd: float) -> float:
    """Bits of a secret in one answer with normal noise, by integration."""
    grid = np.linspace(expected.min() - 9 * sd, expected.max() + 9 * sd, 3_001)
    density = norm.pdf(grid[:, None], expected, sd) @ prior
    weights = density * (grid[1] - grid[0])
    each = np.broadcast_to(expected, (grid.size, expected.size))
    posterior = invert(grid, each, prior, residual=Exact(), noise_sd=sd)
    return information(posterior, weights, prior)


def rounded_bits(expected: np.ndarray, prior: np.ndarray, step: float) -> float:
    seen = rounded(expected, step)
    each = np.broadcast_to(expected, (expected.size, expected.size))
    posterior = invert(seen, each, prior, residual=Exact(), precision=step)
    return information(posterior, prior, prior)


class TestRounded:
    def test_by_hand(self, rng: np.random.Generator) -> None:
        # 12.5 / 5 is 2.5, and goes to the even 2.
        assert rounded([12.4, 12.5, 12.6], 5.0).tolist() == [10.0, 10.0, 15.0]
        answers = rng.normal(size=(4, 2))
        assert rounded(answers, 0.1).shape == (4, 2)
        assert RoundedAnswers(5.0).guarantee() is None

    @given(
        st.lists(st.integers(0, 400), min_size=2, max_size=6, unique=True),
        st.lists(st.floats(0.05, 1), min_size=6, max_size=6),
        st.integers(1, 12),
    )
    def test_three_times_the_step_never_tells_more(
        self, answers: list[int], weights: list[float], step: int
    ) -> None:
        # Answers on a lattice that no step rounds at its half.
        expected = np.array(answers) + 0.3
        prior = np.array(weights[: expected.size])
        prior /= prior.sum()
        bits = [rounded_bits(expected, prior, step * 3.0**k) for k in range(5)]
        assert (np.diff(bits) <= 1e-9).all()
        entropy = float(-(prior * np.log2(prior)).sum())
        assert rounded_bits(expected, prior, 0.1) == pytest.approx(entropy)

    def test_twice_the_step_can_tell_more(self) -> None:
        # Both are rounded to 1 by steps of 1; by steps of 2 one to 0, the other to 2.
        expected, prior = np.array([0.9, 1.1]), np.array([0.5, 0.5])
        assert rounded_bits(expected, prior, 1.0) == pytest.approx(0.0)
        assert rounded_bits(expected, prior, 2.0) == pytest.approx(1.0)

    def test_threat(self) -> None:
        threat = RoundedAnswers(5.0).threat(THREAT)
        assert threat.output_precision == 5.0
        assert threat.n_queries == 9
        message = "^threat must have no output_precision yet; got 5.0$"
        with pytest.raises(ParameterError, match=message):
            RoundedAnswers(1.0).threat(threat)

    def test_steps_and_answers_at_the_ends_of_floats(self) -> None:
        # 1e320 steps are more than a float can count; the answer is one of them.
        assert rounded([1.0, -2.0], 1e-320).tolist() == [1.0, -2.0]
        assert rounded([1e308, 0.26], 0.1).tolist() == [1e308, 0.1 * 3]
        # Two steps of 1e308 are beyond the largest float, which stands for them.
        largest = sys.float_info.max
        found = rounded([1.7e308, 1.2e308, -1.7e308], 1e308)
        assert found.tolist() == [largest, 1e308, -largest]

    @pytest.mark.parametrize("step", [0.0, -1.0, math.inf, math.nan])
    def test_bad_step(self, step: float) -> None:
        message = f"^step must be finite and above 0; got {step}$"
        with pytest.raises(ParameterError, match=message):
            RoundedAnswers(step)


class TestNoisy:
    def test_scale_by_hand(self) -> None:
        # 2 numbers 3 times are 6: 6 * 50 / 2, and sqrt(6) * 50 / 1.5.
        laplace, normal = BOTH
        assert laplace.noise_scale(2) == 150.0
        assert normal.noise_scale(2) == pytest.approx(math.sqrt(6) * 50 / 1.5)
        assert laplace.noise_scale() == 75.0

    @pytest.mark.parametrize(("k", "n"), [(1, 1), (1, 4), (3, 1), (3, 4)])
    def test_scale_keeps_the_budget_by_opendps_map(self, k: int, n: int) -> None:
        dp = pytest.importorskip("opendp.prelude")
        dp.enable_features("contrib")
        domain = dp.vector_domain(dp.atom_domain(T=float, nan=False))
        bounds = {"lower": 0.0, "upper": 8.0, "n_answers": n}
        for epsilon in (0.1, 1.0, 7.0):
            scale = NoisyAnswers(**bounds, epsilon=epsilon).noise_scale(k)
            noise = dp.m.make_laplace(domain, dp.l1_distance(T=float), scale=scale)
            # All of a person's k n numbers move, each by the width at most.
            assert noise.map(8.0 * k * n) == pytest.approx(epsilon, rel=1e-12)
        for mu in (0.1, 1.0, 7.0):
            scale = NoisyAnswers(**bounds, mu=mu).noise_scale(k)
            noise = dp.m.make_gaussian(domain, dp.l2_distance(T=float), scale=scale)
            rho = noise.map(8.0 * math.sqrt(k * n))
            assert rho == pytest.approx(mu**2 / 2, rel=1e-12)

    @pytest.mark.parametrize("noisy", BOTH)
    def test_noise_has_the_law_of_opendps(
        self, noisy: NoisyAnswers, rng: np.random.Generator
    ) -> None:
        dp = pytest.importorskip("opendp.prelude")
        dp.enable_features("contrib")
        make = dp.m.make_gaussian if noisy.mu else dp.m.make_laplace
        distance = dp.l2_distance(T=float) if noisy.mu else dp.l1_distance(T=float)
        domain = dp.vector_domain(dp.atom_domain(T=float, nan=False))
        theirs = make(domain, distance, scale=noisy.noise_scale())([22.0] * 5_000)
        ours = noisy.simulate(np.full(5_000, 22.0), rng=rng)
        assert ks_2samp(ours, theirs).pvalue > FALSE_ALARM
        # And the test would see noise a third wider, or an answer a third further up.
        wider = 22.0 + 4 / 3 * (ours - 22.0)
        assert ks_2samp(wider, theirs).pvalue < FALSE_ALARM
        moved = ours + noisy.noise_scale() / 3
        assert ks_2samp(moved, theirs).pvalue < FALSE_ALARM

    def test_several_answers(self, rng: np.random.Generator) -> None:
        noisy = NoisyAnswers(0.0, 500.0, mu=50.0)
        said = noisy.simulate(np.tile([0.5, 200.0], (2_000, 1)), rng=rng)
        assert said.shape == (2_000, 2)
        # A deviation of sqrt(2) * 500 / 50; a mean of 2,000 errs by 1 / 45 of it.
        sd = math.sqrt(2) * 500 / 50
        z = (said.mean(axis=0) - [0.5, 200.0]) / (sd / math.sqrt(2_000))
        assert (np.abs(z) < norm.isf(FALSE_ALARM / 4)).all()
        assert np.corrcoef(said.T)[0, 1] == pytest.approx(0, abs=0.15)

    @pytest.mark.parametrize("noisy", BOTH)
    def test_same_seed_same_answer_and_clipped_before(
        self, noisy: NoisyAnswers
    ) -> None:
        def said(answers: list[float]) -> list[float]:
            return noisy.simulate(answers, rng=np.random.default_rng(5)).tolist()

        assert said([20.0, 30.0]) == said([20.0, 30.0])
        # What is beyond the bounds cannot be told from the bounds.
        assert said([-1e9, 1e9]) == said([10.0, 60.0])

    def test_endless_budget_has_no_noise(self, rng: np.random.Generator) -> None:
        for budget in ({"epsilon": math.inf}, {"mu": math.inf}):
            noisy = NoisyAnswers(0.0, 50.0, **budget)
            answers = np.array([[12.0, 13.0], [1.0, 99.0]])
            expected = [[12.0, 13.0], [1.0, 50.0]]
            assert noisy.simulate(answers, rng=rng).tolist() == expected

    def test_nobody_asked_about(self, rng: np.random.Generator) -> None:
        for noisy in BOTH:
            assert noisy.simulate([], rng=rng).shape == (0,)
            assert noisy.simulate(np.empty((0, 2)), rng=rng).shape == (0, 2)

    @given(
        st.lists(st.floats(0, 1), min_size=3, max_size=3),
        st.lists(st.floats(0.05, 1), min_size=3, max_size=3),
        st.floats(0.2, 6),
        st.floats(1.0, 4),
    )
    @settings(max_examples=25, deadline=None)
    def test_more_noise_never_tells_more_and_the_bound_holds(
        self, answers: list[float], weights: list[float], mu: float, factor: float
    ) -> None:
        expected, prior = np.array(answers), np.array(weights) / sum(weights)
        entropy = float(-(prior * np.log2(prior)).sum())
        found = []
        for budget in (mu / factor, mu):
            noisy = NoisyAnswers(0.0, 1.0, mu=budget)
            bits = noisy_bits(expected, prior, noisy.noise_scale())
            # The half that counts from the middle is the smaller bound.
            kept = noisy.attribute_guarantee()
            bound = attribute_bits_bound(kept, entropy_bits=entropy)
            assert bits <= bound + 1e-7
            whole = attribute_bits_bound(noisy.guarantee(), entropy_bits=entropy)
            assert bound <= whole
            found.append(bits)
        assert found[0] <= found[1] + 1e-7

    @pytest.mark.parametrize("mu", [0.2, 1.0, 3.0])
    @pytest.mark.parametrize("n_answers", [1, 3])
    def test_best_attack_on_normal_noise(
        self, mu: float, n_answers: int, rng: np.random.Generator
    ) -> None:
        """Two records at the bounds: Phi(mu / 2), however often is asked."""
        noisy = NoisyAnswers(20.0, 70.0, mu=mu, n_answers=n_answers)
        secret = rng.integers(0, 2, N)
        truth = np.where(secret, 70.0, 20.0)
        asked = [noisy.simulate(truth, rng=child) for child in rng.spawn(n_answers)]
        posterior = invert(
            np.column_stack(asked),
            np.tile([20.0, 70.0], (N, 1)),
            [0.5, 0.5],
            residual=Exact(),
            noise_sd=noisy.noise_scale(),
        )
        right = int((posterior.argmax(axis=1) == secret).sum())
        success = wilson_interval(right, N, confidence_level=1 - 1e-4)
        assert success.low <= norm.cdf(mu / 2) <= success.high
        # No bound could be smaller; that of the whole budget is larger.
        bound = attribute_success_bound(noisy.attribute_guarantee(), 0.5)
        assert bound == pytest.approx(norm.cdf(mu / 2))
        assert bound <= attribute_success_bound(noisy.guarantee(), 0.5)

    @pytest.mark.parametrize("epsilon", [0.3, 1.0, 4.0])
    def test_best_attack_on_laplace_noise(
        self, epsilon: float, rng: np.random.Generator
    ) -> None:
        """Two records at the bounds: 1 - exp(-epsilon / 2) / 2."""
        noisy = NoisyAnswers(20.0, 70.0, epsilon=epsilon)
        secret = rng.integers(0, 2, N)
        said = noisy.simulate(np.where(secret, 70.0, 20.0), rng=rng)
        right = int(((said > 45.0) == secret).sum())
        success = wilson_interval(right, N, confidence_level=1 - 1e-4)
        by_hand = 1 - math.exp(-epsilon / 2) / 2
        assert success.low <= by_hand <= success.high
        bound = attribute_success_bound(noisy.attribute_guarantee(), 0.5)
        assert bound == pytest.approx(by_hand)
        assert bound <= attribute_success_bound(noisy.guarantee(), 0.5)

    def test_bound_holds_for_rare_secrets_and_skewed_priors(
        self, rng: np.random.Generator
    ) -> None:
        prior = np.array([0.7, 0.25, 0.05])
        expected = np.array([0.0, 0.6, 1.0])
        secret = rng.choice(3, N, p=prior)
        for mu in (0.5, 1.5, 4.0):
            noisy = NoisyAnswers(0.0, 1.0, mu=mu)
            said = noisy.simulate(expected[secret], rng=rng)
            sd = noisy.noise_scale()
            each = np.broadcast_to(expected, (N, 3))
            posterior = invert(said, each, prior, residual=Exact(), noise_sd=sd)
            right = int((posterior.argmax(axis=1) == secret).sum())
            success = wilson_interval(right, N, confidence_level=1 - 1e-4)
            assert success.low <= attribute_success_bound(
                noisy.attribute_guarantee(), 0.7
            )

    def test_noise_that_no_float_holds(self) -> None:
        noisy = NoisyAnswers(0.0, 1.0, mu=1e-310)
        message = (
            r"^epsilon or mu, and a penalty, must be so large that the noise is "
            r"1e\+100 at most; got inf$"
        )
        with pytest.raises(ParameterError, match=message):
            noisy.noise_scale()

    def test_attack_on_a_real_twin_lies_below_the_bound(
        self, rng: np.random.Generator
    ) -> None:
        people_rng, *rngs = rng.spawn(3)
        people = simulate_cohort(1_200, rng=people_rng)
        exact = ThreatModel("vkorc1", KNOWN, ("dose_mg_per_week",))
        gains = []
        for mu, child in zip((0.5, 20.0), rngs, strict=True):
            noisy = NoisyAnswers(0.0, 110.0, mu=mu)
            found = infer_attribute(
                partial(predict_dose, model=MODEL),
                people[:500],
                people[500:700],
                auxiliary=people[700:],
                threat=noisy.threat(exact),
                attacker=BayesInversion(
                    candidates=pd.DataFrame(
                        GENOTYPE_PAIRS, columns=["vkorc1", "cyp2c9"]
                    ),
                    equations=partial(dose_matrix, model=MODEL),
                    prior=("race",),
                ),
                models=("logistic",),
                rng=child,
            )
            prior = found.imputation_baseline.high
            kept = noisy.attribute_guarantee()
            assert found.success.low <= attribute_success_bound(kept, prior)
            entropy = math.log2(people["vkorc1"].nunique())
            bits = attribute_bits_bound(kept, entropy_bits=entropy)
            assert found.bits.low <= bits
            gains.append(found.bits)
        # With little noise the attack works: the bound was not met by a broken attack.
        assert gains[1].low > max(gains[0].high, 0.2)

    def test_attack_keeps_to_the_bound_only_where_answers_do(
        self, rng: np.random.Generator
    ) -> None:
        """Answers of 0 or 100 by bounds from 40 to 60, with a deviation of 20."""
        people = pd.DataFrame({"gene": rng.choice(["A", "B"], 1_200), "age": 50.0})

        def ask(people: pd.DataFrame) -> np.ndarray:
            return np.where(people["gene"] == "A", 0.0, 100.0)

        def equation(people: pd.DataFrame) -> np.ndarray:
            return np.tile([0.0, 100.0], (len(people), 1))

        def clip(ask: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
            return lambda people: np.clip(ask(people), 40.0, 60.0)

        noisy = NoisyAnswers(40.0, 60.0, mu=1.0)
        threat = noisy.threat(ThreatModel("gene", ("age",), ("dose",)))
        found = {}
        for name, asked, expected in (
            ("as said", ask, equation),
            ("clipped", clip(ask), clip(equation)),
        ):
            found[name] = infer_attribute(
                asked,
                people[:900],
                people[900:1_000],
                auxiliary=people[1_000:],
                threat=threat,
                attacker=BayesInversion(
                    candidates=pd.DataFrame({"gene": ["A", "B"]}), equations=expected
                ),
                models=("logistic",),
                rng=rng,
            )
        prior = found["clipped"].imputation_baseline.high
        bound = attribute_success_bound(noisy.attribute_guarantee(), prior)
        # 100 deviates from 0 by 5 of the noise, 60 from 40 by 1: Phi(1 / 2) are right.
        assert found["as said"].success.low > bound
        clipped = found["clipped"].success
        assert clipped.low <= norm.cdf(0.5) <= clipped.high
        assert clipped.low <= bound

    def test_threat_of_several_answers(self) -> None:
        # Two numbers three times: sqrt(6) * 50 / 1.5.
        two = ThreatModel("vkorc1", (), ("dose", "inr"))
        threat = BOTH[1].threat(two)
        assert threat.noise_sd == pytest.approx(math.sqrt(6) * 50 / 1.5)

    def test_threat(self) -> None:
        laplace, normal = BOTH
        threat = normal.threat(THREAT)
        assert threat.noise_sd == pytest.approx(math.sqrt(3) * 50 / 1.5)
        assert threat.n_queries == 3
        # Rounding what is noisy can be said, the other order cannot.
        rounded = RoundedAnswers(5.0).threat(threat)
        assert (rounded.noise_sd, rounded.output_precision) == (threat.noise_sd, 5.0)
        message = (
            "^threat must have neither noise nor rounding yet; got noise_sd 0.0 and "
            "output_precision 5.0$"
        )
        with pytest.raises(ParameterError, match=message):
            normal.threat(RoundedAnswers(5.0).threat(THREAT))
        message = (
            "^threat must have neither noise nor rounding yet; got noise_sd 57.7.* and "
            "output_precision None$"
        )
        with pytest.raises(ParameterError, match=message):
            normal.threat(threat)
        message = "^a threat can only express noise of a mu; got an epsilon$"
        with pytest.raises(ParameterError, match=message):
            laplace.threat(THREAT)

    def test_bad_settings(self) -> None:
        for low, high in (
            (1.0, 1.0),
            (0.0, math.inf),
            (0, None),
            # 3.4e308 is beyond the largest float.
            (-1.7e308, 1.7e308),
        ):
            message = "^lower and upper must be finite and in ascending order; got "
            with pytest.raises(ParameterError, match=message):
                NoisyAnswers(low, high, mu=1.0)
        message = "^exactly one of epsilon and mu must be given; got None and None$"
        with pytest.raises(ParameterError, match=message):
            NoisyAnswers(0.0, 1.0)
        message = "^epsilon or mu must be above 0; got 0.0$"
        with pytest.raises(ParameterError, match=message):
            NoisyAnswers(0.0, 1.0, mu=0.0)
        message = "^n_answers must be a whole number of 1 or more; got 0$"
        with pytest.raises(ParameterError, match=message):
            NoisyAnswers(0.0, 1.0, mu=1.0, n_answers=0)
        for bad in (0, -1, 1.5):
            message = f"^n_columns must be a whole number of 1 or more; got {bad}$"
            with pytest.raises(ParameterError, match=message):
                NoisyAnswers(0.0, 1.0, mu=1.0).noise_scale(bad)  # type: ignore[arg-type]

    def test_bad_answers(self, rng: np.random.Generator) -> None:
        noisy = NoisyAnswers(0.0, 1.0, mu=1.0)
        message = (
            "^answers must be finite for everyone; got 1 of 2 missing or infinite$"
        )
        with pytest.raises(DataError, match=message):
            noisy.simulate([[0.5, math.nan]], rng=rng)
        message = "^answers must hold numbers, or true and false; got others$"
        with pytest.raises(DataError, match=message):
            noisy.simulate(["secret"], rng=rng)
        shape = (
            r"^answers must have the shape \(n,\), or \(n, k\) with k of 1 or more; "
        )
        with pytest.raises(DataError, match=shape + r"got \(\)$"):
            noisy.simulate(0.5, rng=rng)
        with pytest.raises(DataError, match=shape + r"got \(2, 0\)$"):
            noisy.simulate(np.empty((2, 0)), rng=rng)
        message = "^rng must be a numpy.random.Generator; got int$"
        with pytest.raises(ParameterError, match=message):
            noisy.simulate([[0.1, 0.2]], rng=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("defence", [RoundedAnswers(1.0), BOTH[1]])
def test_times_are_no_numbers(
    defence: RoundedAnswers | NoisyAnswers, rng: np.random.Generator
) -> None:
    days = pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02"]))
    message = "^answers must hold numbers, or true and false; got others$"
    for times in (days, days.to_numpy(), days - days[0], days.dt.date, list(days)):
        for answers in (times, pd.DataFrame({"day": times})):
            with pytest.raises(DataError, match=message):
                defence.simulate(answers, rng=rng)
