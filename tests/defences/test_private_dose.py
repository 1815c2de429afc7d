"""The private dosing twin: its theorem, its noise, and that it does not hurt."""

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from twinprivacy.attacks.bounds import advantage_bound
from twinprivacy.defences import NoisySums, PrivateDoseTwin, fit_private_dose
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates import mean_interval, membership_advantage, wilson_interval
from twinprivacy.people import simulate_cohort
from twinprivacy.twins.warfarin import predict_dose, simulate_dose

Array = npt.NDArray[np.float64]
# The fixed dose is 35; the larger distance of the bounds from it is 70.
DOSES: dict[str, Any] = {
    "outcome": "dose",
    "lower": 5.0,
    "upper": 105.0,
    "fixed_dose": 35.0,
}
NOBODY = pd.DataFrame({"x": [], "dose": []})
WARFARIN: dict[str, Any] = {
    "age_years": (20, 90),
    "height_cm": (140, 200),
    "weight_kg": (40, 140),
    "race": ("White", "Black", "Asian", "Mixed or unknown"),
    "amiodarone": (False, True),
    "enzyme_inducer": (False, True),
    "vkorc1": ("G/G", "A/G", "A/A"),
    "cyp2c9": ("*1/*1", "*1/*2", "*1/*3", "*2/*2", "*2/*3", "*3/*3"),
}


def fit(frame: pd.DataFrame, *, seed: int = 1, **settings: Any) -> PrivateDoseTwin:
    given = {**DOSES, "features": {"x": (-1, 1)}, **settings}
    return fit_private_dose(frame, **given, rng=np.random.default_rng(seed))


def flat(sums: NoisySums) -> Array:
    """Return both sums as one vector in which each entry has the same noise."""
    upper = np.triu_indices(sums.vector.size, 1)
    return np.concatenate(
        [np.diag(sums.matrix), math.sqrt(2) * sums.matrix[upper], sums.vector]
    )


def shown(twin: PrivateDoseTwin, **values: Any) -> list[float]:
    return list(twin.predict(pd.DataFrame(values)).round(6))


# The formulas.


def test_without_noise_it_is_a_ridge_regression_towards_the_fixed_dose() -> None:
    people = pd.DataFrame({"x": [-1.0, 0.0, 1.0, 1.0], "dose": [20, 30, 50, 200.0]})
    # Rows (1, x) / sqrt(2); outcomes - 15, - 5, 15 and, clipped to 105, 70 over 70.
    design = np.array([[1, -1], [1, 0], [1, 1], [1, 1]]) / math.sqrt(2)
    distance = np.array([-15, -5, 15, 70]) / 70
    by_hand = np.linalg.solve(design.T @ design + np.eye(2), design.T @ distance)
    for shrink in (True, False):
        twin = fit(people, mu=math.inf, shrink=shrink)
        np.testing.assert_allclose(twin.weights, 70 * by_hand, rtol=1e-10)
    asked = 35 + 70 * design @ by_hand
    np.testing.assert_allclose(twin.predict(people), asked, rtol=1e-10)
    assert twin.predict(people).index.equals(people.index)
    np.testing.assert_allclose(twin.released.matrix, design.T @ design, rtol=1e-12)
    np.testing.assert_allclose(twin.released.vector, design.T @ distance, rtol=1e-12)


@pytest.mark.parametrize("mu", [0.3, 1.0, 3.0])
def test_weights_by_the_formula_from_what_is_released(mu: float) -> None:
    people = pd.DataFrame({"x": np.linspace(-1, 1, 60)})
    people["dose"] = 40 + 30 * people["x"]
    twin = fit(people, mu=mu)
    sd = math.sqrt(2) / mu
    assert twin.released.noise_sd == pytest.approx(sd)
    matrix, vector = twin.released.matrix, twin.released.vector
    # Two weights; the 95 % quantile of chi squared with 2 is - 2 log(0.05).
    factor = max(1 - sd**2 * -2 * math.log(0.05) / (vector @ vector), 0)
    least = max(np.linalg.eigvalsh(matrix)[0], 0)
    penalty = 1 + max(0, sd * math.sqrt(2 * math.log(8 / 0.05)) - least)
    if np.linalg.eigvalsh(matrix)[0] >= 0:
        weights = np.linalg.solve(matrix + penalty * np.eye(2), vector)
        expected = factor * 70 * weights
        np.testing.assert_allclose(twin.weights, expected, rtol=1e-9, atol=1e-12)
    plain = fit(people, mu=mu, shrink=False)
    weights = np.linalg.solve(matrix + np.eye(2), vector)
    np.testing.assert_allclose(plain.weights, 70 * weights)


def test_the_formula_for_four_weights() -> None:
    rng = np.random.default_rng(2)
    people = pd.DataFrame(rng.uniform(-0.3, 0.3, (300, 3)), columns=["x", "y", "z"])
    people["dose"] = 55 + 30 * people["x"]
    twin = fit(people, features=dict.fromkeys("xyz", (-1, 1)), mu=1.0)
    matrix, vector = twin.released.matrix, twin.released.vector
    sd = math.sqrt(2)
    # The 95 % quantile of chi squared with 4 is 9.4877.
    factor = 1 - sd**2 * 9.4877 / (vector @ vector)
    # 2 times 4 squared over 0.05 is 640.
    values, vectors = np.linalg.eigh(matrix)
    values = np.maximum(values, 0)
    most = sd * math.sqrt(4 * math.log(640))
    assert values[0] < most
    penalty = 1 + most - values[0]
    weights = vectors @ ((vectors.T @ vector) / (values + penalty))
    np.testing.assert_allclose(twin.weights, factor * 70 * weights, rtol=1e-4)


def test_what_is_beyond_the_nearer_bound_is_clipped_to_it() -> None:
    # -50 lies 85 from the fixed dose, which is farther than the other bound's 70.
    beyond, at = (
        fit(pd.DataFrame({"x": [1.0], "dose": [dose]}), mu=math.inf)
        for dose in (-50.0, 5.0)
    )
    np.testing.assert_array_equal(beyond.released.vector, at.released.vector)
    # (1, 1) / sqrt(2) times -30 / 70.
    np.testing.assert_allclose(at.released.vector, -30 / 70 / math.sqrt(2))


def test_what_the_noise_makes_negative_is_left_out() -> None:
    # Nobody, so that the smaller of two noisy eigenvalues is below 0.
    twin = next(
        twin
        for twin in (fit(NOBODY, mu=1.0, seed=seed) for seed in range(200))
        if twin.weights.any() and np.linalg.eigvalsh(twin.released.matrix)[0] < 0
    )
    values, vectors = np.linalg.eigh(twin.released.matrix)
    part = vectors @ np.diag(np.maximum(values, 0)) @ vectors.T
    penalty = 1 + math.sqrt(2) * math.sqrt(2 * math.log(8 / 0.05))
    weights = np.linalg.solve(part + penalty * np.eye(2), twin.released.vector)
    # The 95 % quantile of chi squared with 2 is - 2 log(0.05).
    vector = twin.released.vector
    factor = 1 - 2 * -2 * math.log(0.05) / (vector @ vector)
    np.testing.assert_allclose(twin.weights, factor * 70 * weights, rtol=1e-9)


def test_doses_stay_within_the_bounds() -> None:
    people = pd.DataFrame({"x": np.linspace(-1, 1, 50), "dose": 35.0})
    doses = np.concatenate(
        [
            fit(people, mu=0.1, shrink=False, seed=seed).predict(people)
            for seed in range(20)
        ]
    )
    assert (doses.min(), doses.max()) == (5, 105)


# The theorem.


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(-50, 300)), max_size=6),
    st.tuples(st.floats(-3, 3), st.floats(-50, 300)),
)
def test_one_person_changes_the_sums_by_no_more_than_the_bound(
    others: list[tuple[float, float]], person: tuple[float, float]
) -> None:
    without, with_one = (
        flat(
            fit(
                pd.DataFrame(rows, columns=["x", "dose"], dtype=float), mu=math.inf
            ).released
        )
        for rows in (others, [*others, person])
    )
    assert np.linalg.norm(with_one - without) <= math.sqrt(2) + 1e-9


def test_the_worst_case_reaches_the_bound() -> None:
    person = pd.DataFrame({"x": [1.0], "dose": [105.0]})
    # A row of length 1 and an outcome at the far bound: 1 for each of both sums.
    changed = flat(fit(person, mu=math.inf).released)
    assert np.linalg.norm(changed) == pytest.approx(math.sqrt(2))


def test_noise_is_that_of_the_theorem() -> None:
    features = {f"x{i}": (-1, 1) for i in range(60)}
    nobody = pd.DataFrame(columns=[*features, "dose"], dtype=float)
    released = fit(nobody, features=features, mu=2.0).released
    np.testing.assert_array_equal(released.matrix, released.matrix.T)
    noise = flat(released)
    assert noise.size == 61 + 61 * 30 + 61
    law = stats.norm(0, math.sqrt(2) / 2)
    assert stats.kstest(noise, law.cdf).pvalue > 0.001
    assert noise[:61].std() == pytest.approx(law.std(), rel=0.3)


@pytest.mark.parametrize("mu", [0.5, 2.0])
def test_the_best_attack_on_membership_reaches_its_bound(mu: float) -> None:
    others = pd.DataFrame({"x": [0.2, -0.5], "dose": [20.0, 60.0]})
    person = pd.DataFrame({"x": [1.0], "dose": [105.0]})
    worlds = others, pd.concat([others, person], ignore_index=True)
    centers = [flat(fit(world, mu=math.inf).released) for world in worlds]
    n = 500

    def score(world: pd.DataFrame, seed: int) -> float:
        seen = flat(fit(world, mu=mu, seed=seed).released)
        return float(((seen - centers[0]) ** 2 - (seen - centers[1]) ** 2).sum())

    outside = [score(worlds[0], seed) for seed in range(n)]
    inside = [score(worlds[1], seed) for seed in range(n, 2 * n)]
    found = membership_advantage(inside, outside, threshold=0.0, confidence_level=0.999)
    bound = advantage_bound(fit(NOBODY, mu=mu).guarantee)
    assert found.low <= bound <= found.high


# It does not hurt.


def test_of_nobody_it_is_the_fixed_dose_in_19_of_20_releases() -> None:
    n = 300
    fixed = [not fit(NOBODY, mu=1.0, seed=seed).weights.any() for seed in range(n)]
    found = wilson_interval(sum(fixed), n, confidence_level=0.999)
    assert found.low <= 0.95 <= found.high
    twin = fit(NOBODY, mu=1.0, seed=fixed.index(True))
    assert shown(twin, x=[-1.0, 0.3]) == [35, 35]


@pytest.fixture(scope="module")
def patients() -> pd.DataFrame:
    rng = np.random.default_rng(20_261_129)
    people = simulate_cohort(12_000, rng=rng, population="warfarin_patients")
    people["race"] = people["race"].replace("Hispanic", "Mixed or unknown")
    dose = simulate_dose(people, rng=rng)
    return people.assign(dose=dose, root_dose=np.sqrt(dose))


def mean_errors(
    patients: pd.DataFrame, n: int, fixed_mg: float, n_repeats: int, **settings: Any
) -> tuple[Array, float]:
    """Return the mean absolute error of twins of n patients and of the fixed dose."""
    pool, others = patients[:10_000], patients[10_000:]
    errors = []
    for source in np.random.default_rng(n).spawn(n_repeats):
        twin = fit_private_dose(
            pool.iloc[source.choice(10_000, n, replace=False)],
            outcome="root_dose",
            features=WARFARIN,
            lower=math.sqrt(7),
            upper=math.sqrt(105),
            fixed_dose=math.sqrt(fixed_mg),
            rng=source,
            **settings,
        )
        errors.append((twin.predict(others) ** 2 - others["dose"]).abs().mean())
    return np.array(errors), float((fixed_mg - others["dose"]).abs().mean())


# 35 mg a week is what everybody starts with; 28.5 is about the median, a fixed dose
# that is as good as one can be.
@pytest.mark.parametrize("fixed_mg", [35.0, 28.5])
@pytest.mark.parametrize("n", [500, 5_000])
def test_it_is_not_worse_than_the_fixed_dose_on_average(
    patients: pd.DataFrame, n: int, fixed_mg: float
) -> None:
    for mu in (0.003, 0.01, 0.03, 0.1, 1.0, 100.0):
        errors, fixed = mean_errors(patients, n, fixed_mg, 8, mu=mu)
        gain = mean_interval(errors - fixed, confidence_level=0.99)
        assert gain.low <= 0, (mu, gain)
        # And no single release is worse by as much as half a milligram a week.
        assert (errors - fixed).max() < 0.5, mu


def test_with_a_large_budget_it_is_as_good_as_the_equation(
    patients: pd.DataFrame,
) -> None:
    errors, fixed = mean_errors(patients, 5_000, 35.0, 3, mu=10.0)
    without_noise, _ = mean_errors(patients, 5_000, 35.0, 3, mu=math.inf)
    others = patients[10_000:]
    published = predict_dose(others, model="iwpc_pharmacogenetic")
    iwpc = np.abs(published - others["dose"]).mean()
    assert errors.mean() == pytest.approx(without_noise.mean(), rel=0.01)
    assert errors.mean() == pytest.approx(iwpc, rel=0.02)
    assert errors.mean() < 0.75 * fixed


def test_without_shrinkage_it_hurts(patients: pd.DataFrame) -> None:
    plain, fixed = mean_errors(patients, 500, 35.0, 12, mu=0.3, shrink=False)
    shrunk, _ = mean_errors(patients, 500, 35.0, 12, mu=0.3)
    assert mean_interval(plain - fixed).low > 0
    assert mean_interval(shrunk - fixed).high < 0


# The door.


def test_any_order_of_rows_and_the_same_seed(patients: pd.DataFrame) -> None:
    people = patients[:300]
    given = {**DOSES, "features": WARFARIN, "mu": 1.0}
    first, again = (
        fit_private_dose(frame, **given, rng=np.random.default_rng(3))
        for frame in (people, people.sample(frac=1, random_state=4))
    )
    np.testing.assert_array_equal(first.weights, again.weights)
    other = fit_private_dose(people, **given, rng=np.random.default_rng(4))
    assert (other.released.vector != first.released.vector).all()


def test_it_shows_its_settings() -> None:
    assert repr(fit(NOBODY, mu=1.0)) == (
        "PrivateDoseTwin(outcome='dose', lower=5.0, upper=105.0, fixed_dose=35.0, "
        "guarantee=PrivacyGuarantee(epsilon=None, delta=0.0, mu=1.0))"
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"fixed_dose": 105.0},
            "fixed_dose and upper must be finite and in ascending order; got 105.0 and "
            "105.0",
        ),
        (
            {"upper": math.inf},
            "fixed_dose and upper must be finite and in ascending order; got 35.0 and "
            "inf",
        ),
        (
            {"lower": "a"},
            "lower and fixed_dose must be finite and in ascending order; got 'a' and "
            "35.0",
        ),
        (
            {"features": ["x"]},
            "features must be a mapping of columns, one or more and not the outcome, "
            "to what is declared of them; got list",
        ),
        (
            {"features": {"x": 3}},
            "features['x'] must declare values such as text, numbers or flags; got "
            "others",
        ),
        ({"mu": 0.0}, "epsilon or mu must be above 0; got 0.0"),
        (
            {"mu": None},
            "exactly one of epsilon and mu must be given; got None and None",
        ),
        (
            {"mu": 1e-200},
            "epsilon or mu, and a penalty, must be so large that the noise is 1e+100 "
            "at most; got 1.41421e+200",
        ),
    ],
)
def test_bad_settings(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        fit(NOBODY, **{"mu": 1.0} | changed)


def test_bad_people() -> None:
    with pytest.raises(
        ParameterError, match=r"^rng must be a numpy\.random\.Generator"
    ):
        fit_private_dose(NOBODY, **DOSES, features={"x": (0, 1)}, mu=1.0, rng=7)  # type: ignore[arg-type]
    frame = pd.DataFrame({"x": [0.0, 0.1], "dose": [30.0, math.nan]})
    message = (
        "frame['dose'] must be finite for everyone; got 1 of 2 missing or infinite"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        fit(frame, mu=1.0)
    message = (
        "^frame must have the columns dose once each; missing: dose; repeated: none$"
    )
    with pytest.raises(DataError, match=message):
        fit(frame[["x"]], mu=1.0)
    with pytest.raises(DataError, match=r"^frame must be a pandas.DataFrame; got list"):
        fit([1], mu=1.0)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"^people must be a pandas.DataFrame; got int"):
        fit(NOBODY, mu=1.0).predict(3)  # type: ignore[arg-type]
    # One person twice would move the sums by twice the bound.
    frame = pd.DataFrame({"x": [0.0, 0.1], "dose": [30.0, 40.0]}, index=[7, 7])
    message = "^the index of frame must name each row once; got 1 of 2 repeated or "
    with pytest.raises(DataError, match=message):
        fit(frame, mu=1.0)
