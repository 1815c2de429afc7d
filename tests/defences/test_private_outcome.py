"""The private logistic regression: its theorem on neighbours, its noise, its attack."""

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats
from scipy.optimize import OptimizeResult

from twinprivacy.attacks.bounds import advantage_bound
from twinprivacy.defences import PrivateOutcomeTwin, fit_private_outcome
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.estimates import area_under_curve, mean_interval, membership_advantage
from twinprivacy.people import simulate_cohort

Array = npt.NDArray[np.float64]
NUMBER: dict[str, Any] = {"outcome": "ill", "features": {"x": (-1, 1)}}
FEATURES: dict[str, Any] = {"age_years": (20, 80), "sex": ["F", "M"]}
NOBODY = pd.DataFrame({"x": [], "ill": []})


def cohort(n: int, rng: np.random.Generator) -> pd.DataFrame:
    age = rng.uniform(20, 80, n)
    sex = rng.choice(FEATURES["sex"], n)
    chance = 1 / (1 + np.exp(-((age - 55) / 8 + (sex == "M"))))
    return pd.DataFrame(
        {"age_years": age, "sex": sex, "ill": rng.random(n) < chance},
        index=[f"p{i}" for i in range(n)],
    )


def fit(frame: pd.DataFrame, *, seed: int = 1, **settings: Any) -> PrivateOutcomeTwin:
    return fit_private_outcome(
        frame, **NUMBER, rng=np.random.default_rng(seed), **settings
    )


def weights(twin: PrivateOutcomeTwin) -> Array:
    """Return the weights of rows (1, x) / sqrt(2), whose length is 1 at most."""
    return twin.weights


def one_more(
    frame: pd.DataFrame, x: float, ill: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    return frame, pd.concat([frame, pd.DataFrame({"x": [x], "ill": [ill]})]).set_axis(
        range(len(frame) + 1)
    )


# The minimum.


def test_without_noise_it_is_the_ordinary_fit(rng: np.random.Generator) -> None:
    from sklearn.linear_model import LogisticRegression

    people = cohort(600, rng)
    twin = fit_private_outcome(
        people,
        outcome="ill",
        features=FEATURES,
        penalty=3.0,
        epsilon=math.inf,
        rng=rng,
    )
    # The formula by another solver: three parts of length 1, hence over sqrt(3).
    design = np.column_stack(
        [
            np.ones(600),
            (people["age_years"] - 50) / 30,
            np.where(people["sex"] == "M", 1, -1),
        ]
    ) / math.sqrt(3)
    model = LogisticRegression(C=1 / 3.0, fit_intercept=False, tol=1e-10)
    expected = model.fit(design, people["ill"]).predict_proba(design)[:, 1]
    found = twin.predict(people)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.index.equals(people.index)
    assert found.name == "ill"
    assert twin.noise == 0


def test_minimum_by_hand() -> None:
    # One person at x = 1: both weights are w with 2 w / sqrt(2) = v, and
    # lambda w = sigma(-v) / sqrt(2), so that lambda v = sigma(-v). At v = 0.5 that is
    # lambda = 2 sigma(-0.5).
    penalty = 2 / (1 + math.exp(0.5))
    twin = fit(
        pd.DataFrame({"x": [1.0], "ill": [1]}), penalty=penalty, epsilon=math.inf
    )
    np.testing.assert_allclose(weights(twin), 0.5 / math.sqrt(2), atol=1e-6)
    assert twin.predict(pd.DataFrame({"x": [1.0]})).item() == pytest.approx(
        1 / (1 + math.exp(-0.5)), abs=1e-6
    )


def test_one_outcome_only_and_nobody() -> None:
    everyone = pd.DataFrame({"x": [-1.0, 0.0, 1.0], "ill": [True] * 3})
    assert fit(everyone, penalty=0.1, epsilon=math.inf).weights[0] > 0
    np.testing.assert_array_equal(
        weights(fit(NOBODY, penalty=1.0, epsilon=math.inf)), 0
    )


# The theorem.


people_lists = st.lists(
    st.tuples(st.sampled_from([-1.0, 1.0]) | st.floats(-1, 1), st.integers(0, 1)),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(
    people_lists,
    st.tuples(st.floats(-1, 1), st.integers(0, 1)),
    st.tuples(st.floats(-1, 1), st.integers(0, 1)),
    st.sampled_from([0.1, 1.0, 10.0]),
)
def test_one_person_moves_the_minimum_by_no_more_than_the_bound(
    others: list[tuple[float, int]],
    person: tuple[float, int],
    instead: tuple[float, int],
    penalty: float,
) -> None:
    base = pd.DataFrame(others, columns=["x", "ill"]).astype(float)
    without, with_one = one_more(base, *person)
    replaced = one_more(base, *instead)[1]
    found = [
        weights(fit(frame, penalty=penalty, epsilon=math.inf))
        for frame in (without, with_one, replaced)
    ]
    most = (1 + 2e-6) / penalty
    assert np.linalg.norm(found[1] - found[0]) <= most
    assert np.linalg.norm(found[1] - found[2]) <= 2 * most


def test_the_worst_case_comes_near_the_bound() -> None:
    # Many healthy people at 0.4, and one who is ill at the other end: nearly at right
    # angles to what the many have fixed, and a surprise to it.
    many = pd.DataFrame({"x": np.full(30_000, 0.4), "ill": 0.0})
    without, with_one = (
        weights(fit(frame, penalty=10.0, epsilon=math.inf))
        for frame in one_more(many, -1.0, 1.0)
    )
    assert 0.85 / 10 < np.linalg.norm(with_one - without) < 1 / 10


@pytest.mark.parametrize(("epsilon", "penalty"), [(2.0, 0.5), (0.1, 30.0)])
def test_epsilon_noise_has_a_gamma_length(epsilon: float, penalty: float) -> None:
    # Nobody: the minimum is 0, and the weights are the noise.
    noise = np.array(
        [
            weights(fit(NOBODY, penalty=penalty, epsilon=epsilon, seed=seed))
            for seed in range(300)
        ]
    )
    scale = (1 + 2e-6) / (epsilon * penalty)
    assert fit(NOBODY, penalty=penalty, epsilon=epsilon).noise == pytest.approx(scale)
    length = np.linalg.norm(noise, axis=1)
    assert stats.kstest(length, stats.gamma(2, scale=scale).cdf).pvalue > 0.001
    angle = np.arctan2(noise[:, 1], noise[:, 0])
    assert stats.kstest(angle, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.001


# What it leaks.


def likelihood_ratio_attack(
    epsilon: float, worlds: tuple[pd.DataFrame, pd.DataFrame]
) -> tuple[Array, Array]:
    """Return scores of releases with and without."""
    centers = [weights(fit(frame, penalty=1.0, epsilon=math.inf)) for frame in worlds]
    scale = fit(NOBODY, penalty=1.0, epsilon=epsilon).noise

    def score(frame: pd.DataFrame, seed: int) -> float:
        seen = weights(fit(frame, penalty=1.0, seed=seed, epsilon=epsilon))
        far = [np.linalg.norm(seen - center) / scale for center in centers]
        return float(far[0] - far[1])

    n = 400
    outside = np.array([score(worlds[0], seed) for seed in range(n)])
    inside = np.array([score(worlds[1], seed) for seed in range(n, 2 * n)])
    return inside, outside


def test_the_best_attack_on_membership_stays_within_its_bound() -> None:
    many = pd.DataFrame({"x": np.full(1_000, 0.4), "ill": 0.0})
    inside, outside = likelihood_ratio_attack(1.5, one_more(many, -1.0, 1.0))
    found = membership_advantage(inside, outside, threshold=0.0)
    bound = advantage_bound(fit(NOBODY, penalty=1.0, epsilon=1.5).guarantee)
    assert found.low <= bound
    # It is not the noise alone that keeps it there: the attack finds something.
    assert found.low > 0.1 * bound
    # No release is more than e^epsilon times as likely with as without.
    assert max(np.abs(inside).max(), np.abs(outside).max()) <= 1.5


def test_a_tiny_budget_carries_nothing(rng: np.random.Generator) -> None:
    people = cohort(300, rng)
    areas = []
    for source in rng.spawn(60):
        twin = fit_private_outcome(
            people,
            outcome="ill",
            features=FEATURES,
            penalty=1.0,
            epsilon=1e-6,
            rng=source,
        )
        chance = twin.predict(people)
        ill = people["ill"].to_numpy()
        areas.append(area_under_curve(chance[ill], chance[~ill]).value)
    found = mean_interval(areas, confidence_level=0.999)
    assert found.low <= 0.5 <= found.high
    assert found.high < 0.75


def test_a_large_budget_tells_the_ill(rng: np.random.Generator) -> None:
    people = cohort(2_000, rng)
    ill = people["ill"].to_numpy()
    areas = {}
    for epsilon in (0.01, 1.0, math.inf):
        found = []
        for source in rng.spawn(15):
            chance = fit_private_outcome(
                people,
                outcome="ill",
                features=FEATURES,
                penalty=10.0,
                epsilon=epsilon,
                rng=source,
            ).predict(people)
            found.append(area_under_curve(chance[ill], chance[~ill]).value)
        areas[epsilon] = np.mean(found)
    assert areas[0.01] < 0.8 < areas[1.0] <= areas[math.inf] + 1e-9


def test_at_epsilon_1_a_penalty_of_10_orders_better_than_1_and_100(
    rng: np.random.Generator,
) -> None:
    people = simulate_cohort(8_000, rng=rng)
    score = -2.0
    for column, effect in (
        ("age_years", 0.9),
        ("systolic_bp_mmhg", 0.5),
        ("weight_kg", 0.3),
        ("hdl_mg_dl", -0.3),
    ):
        score = score + effect * stats.zscore(people[column])
    people["ill"] = rng.random(8_000) < 1 / (1 + np.exp(-score))
    pool, others = people[:4_000], people[4_000:]
    features = {
        "age_years": (20, 90),
        "systolic_bp_mmhg": (90, 200),
        "weight_kg": (40, 150),
        "hdl_mg_dl": (20, 100),
        "sex": ("female", "male"),
        "race": ("White", "Black", "Asian", "Hispanic", "Mixed or unknown"),
    }
    areas = {}
    for penalty in (1.0, 10.0, 100.0):
        found = []
        for source in np.random.default_rng(8).spawn(15):
            twin = fit_private_outcome(
                pool.iloc[source.choice(4_000, 2_000, replace=False)],
                outcome="ill",
                features=features,
                penalty=penalty,
                epsilon=1.0,
                rng=source,
            )
            chance = twin.predict(others)
            ill = others["ill"].to_numpy()
            found.append(area_under_curve(chance[ill], chance[~ill]).value)
        areas[penalty] = np.mean(found)
    assert areas[10.0] > areas[100.0] > areas[1.0]


# The door.


def test_any_order_of_rows_and_the_same_seed(rng: np.random.Generator) -> None:
    people = cohort(200, rng)
    settings = {"outcome": "ill", "features": FEATURES, "penalty": 2.0, "epsilon": 1.0}
    first, again = (
        fit_private_outcome(frame, **settings, rng=np.random.default_rng(3))
        for frame in (people, people.sample(frac=1, random_state=4))
    )
    np.testing.assert_array_equal(first.weights, again.weights)
    other = fit_private_outcome(people, **settings, rng=np.random.default_rng(4))
    assert (other.weights != first.weights).all()


def test_it_shows_its_settings() -> None:
    assert repr(fit(NOBODY, penalty=2.0, epsilon=1.0)) == (
        "PrivateOutcomeTwin(outcome='ill', guarantee=PrivacyGuarantee(epsilon=1.0, "
        "delta=0.0, mu=None), penalty=2.0, noise=0.500001)"
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"penalty": 0.0}, "penalty must be finite and above 0; got 0.0"),
        ({"epsilon": 0.0}, "epsilon or mu must be above 0; got 0.0"),
        (
            {"epsilon": 1e-200},
            "epsilon or mu, and a penalty, must be so large that the noise is 1e+100 "
            "at most; got 1e+200",
        ),
        (
            {"features": ["x"]},
            "features must be a mapping of columns, one or more and not the outcome, "
            "to what is declared of them; got list",
        ),
        (
            {"features": {"x": "FM"}},
            "features['x'] must declare two values or more, each once and none "
            "missing; got 0 of which 0 differ",
        ),
        ({"rng": 7}, "rng must be a numpy.random.Generator; got int"),
    ],
)
def test_bad_settings(changed: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {
        "penalty": 1.0,
        "epsilon": 1.0,
        "rng": np.random.default_rng(1),
    }
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        fit_private_outcome(NOBODY, **NUMBER | given | changed)


def test_what_is_no_table() -> None:
    with pytest.raises(DataError, match=r"^frame must be a pandas.DataFrame; got list"):
        fit([1], penalty=1.0, epsilon=1.0)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"^people must be a pandas.DataFrame; got int"):
        fit(NOBODY, penalty=1.0, epsilon=1.0).predict(3)  # type: ignore[arg-type]


def test_bad_outcomes() -> None:
    frame = pd.DataFrame({"x": [0.0, 0.1], "ill": [0.0, 0.5]})
    message = "frame['ill'] must be true or false, or 1 or 0; got 1 of 2 others"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        fit(frame, penalty=1.0, epsilon=1.0)
    message = (
        "^frame must have the columns ill once each; missing: ill; repeated: none$"
    )
    with pytest.raises(DataError, match=message):
        fit(frame[["x"]], penalty=1.0, epsilon=1.0)


def test_a_minimum_that_is_not_found_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stuck(gradient: Any, start: Array, **_: Any) -> OptimizeResult:
        return OptimizeResult(x=start + 1)

    monkeypatch.setattr("scipy.optimize.root", stuck)
    message = (
        "the fit must reach a gradient of 1e-06 or less, for which the noise allows; "
        "it stopped before: take a larger penalty"
    )
    with pytest.raises(FitError, match=f"^{re.escape(message)}$"):
        fit(NOBODY, penalty=1.0, epsilon=1.0)
