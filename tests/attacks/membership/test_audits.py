"""Free audits: equal to refits, or near them, and to the attack they stand for."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

from twinprivacy.attacks.membership import (
    audit_forest,
    audit_glm,
    audit_linear,
    audit_twin,
)
from twinprivacy.attacks.membership.audits import (
    _leave_out_linear,
    _leave_out_one_step,
)
from twinprivacy.datasets import load_cohort
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.twins.outcome import fit_outcome_twin

SINGLE, TRIPLE = np.arange(60), np.repeat(np.arange(20), 3)


def simulate(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=(60, 5))
    return x, x[:, 0] + rng.normal(size=60)


@pytest.mark.parametrize("codes", [SINGLE, TRIPLE])
@pytest.mark.parametrize("penalty", [0.0, 3.0])
def test_linear_equals_refits(
    penalty: float, codes: np.ndarray, rng: np.random.Generator
) -> None:
    x, y = simulate(rng)
    fitted, left_out = _leave_out_linear(x, y, penalty, codes)
    model = Ridge(alpha=penalty)
    assert fitted == pytest.approx(model.fit(x, y).predict(x))
    for person in np.unique(codes):
        own = codes == person
        refit = model.fit(x[~own], y[~own]).predict(x[own])
        assert left_out[own] == pytest.approx(refit)


@pytest.mark.parametrize("codes", [SINGLE, TRIPLE])
@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_one_step_is_near_refits(
    family: str, codes: np.ndarray, rng: np.random.Generator
) -> None:
    x, y = simulate(rng)
    if family == "binomial":
        y = (y > 0).astype(float)
        model = LogisticRegression(C=1.0, tol=1e-10, solver="newton-cholesky")
    else:
        y = rng.poisson(np.exp(x[:, 0] / 2)).astype(float)
        model = PoissonRegressor(tol=1e-10, solver="newton-cholesky")

    def refit(rows: np.ndarray, asked: np.ndarray) -> np.ndarray:
        if family == "binomial":
            return model.fit(x[rows], y[rows]).predict_proba(x[asked])[:, 1]
        # scikit-learn's penalty is that of the mean of the rows.
        model.set_params(alpha=1 / len(rows))
        return model.fit(x[rows], y[rows]).predict(x[asked])

    everyone = np.arange(60)
    fitted, left_out = _leave_out_one_step(x, y, family, 1.0, codes)
    assert fitted == pytest.approx(refit(everyone, everyone), rel=1e-6)
    truth = np.empty(60)
    for person in np.unique(codes):
        own = np.flatnonzero(codes == person)
        truth[own] = refit(np.setdiff1d(everyone, own), own)
    # One step goes nearly all of the way.
    assert np.abs(left_out - truth).max() < 0.1 * np.abs(fitted - truth).max()


def test_one_step_is_as_near_on_a_real_cohort_as_stated() -> None:
    people = load_cohort("whas500")[:200]
    names = ["age_years", "bmi_kg_m2", "pulse_per_minute", "systolic_bp_mmhg"]
    x = people[names].to_numpy(dtype=float)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = people["died"].to_numpy(dtype=float)
    _, left_out = _leave_out_one_step(x, y, "binomial", 1.0, np.arange(200))
    model = LogisticRegression(C=1.0, tol=1e-10, solver="newton-cholesky")
    truth = np.array(
        [
            model.fit(np.delete(x, i, 0), np.delete(y, i)).decision_function(x[[i]])[0]
            for i in range(200)
        ]
    )
    eta = np.log(left_out / (1 - left_out))
    assert np.abs(eta - truth).max() < 0.02 * truth.std()


def test_linear_audit_is_that_of_losses_by_hand() -> None:
    # Slope through (0, 0), (1, 1), (2, 1), (3, 4): fit -0.3 + 1.2 x, residuals 0.3,
    # 0.1, -1.1, 0.7; leverages 0.7, 0.3, 0.3, 0.7; left out 1, 1/7, -11/7, 7/3.
    design = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})
    found = audit_linear(design, [0.0, 1.0, 1.0, 4.0])
    inside, outside = (
        found.targets.loc[found.targets["member"] == side, "score"].to_numpy()
        for side in (True, False)
    )
    assert inside == pytest.approx(-(np.array([0.3, 0.1, 1.1, 0.7]) ** 2))
    assert outside == pytest.approx(-(np.array([1, 1 / 7, 11 / 7, 7 / 3]) ** 2))


def test_out_of_bag_equals_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(120, 4)), rng.normal(size=120)
    forest = RandomForestRegressor(80, oob_score=True, random_state=1).fit(x, y)
    targets = audit_forest(forest, pd.DataFrame(x), y).targets
    outside = targets.loc[~targets["member"], "score"]
    assert outside.to_numpy() == pytest.approx(-((y - forest.oob_prediction_) ** 2))
    inside = targets.loc[targets["member"], "score"]
    assert inside.to_numpy() == pytest.approx(-((y - forest.predict(x)) ** 2))


def test_out_of_bag_leaves_out_whole_persons() -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(40), 2)
    # What recognises a person says nothing of others.
    x = pd.DataFrame(rng.normal(size=(40, 3))[groups])
    y = rng.normal(size=40)[groups]
    forest = RandomForestRegressor(120, random_state=1).fit(x.to_numpy(), y)
    by_row = audit_forest(forest, x, y).area_under_curve().value
    by_person = audit_forest(forest, x, y, groups=groups).area_under_curve()
    assert by_person.n == 40
    assert by_person.value > by_row + 0.1


def test_twin_with_folds_is_audited_by_them() -> None:
    people = load_cohort("diabetes")
    fit = partial(
        fit_outcome_twin,
        people,
        outcome="progression_score",
        features=["age_years", "bmi_kg_m2"],
        rng=np.random.default_rng(1),
    )
    twin = fit(folds=2)
    targets = audit_twin(twin, people[::-1]).targets
    gap = people["progression_score"] - twin.out_of_fold
    outside = targets.loc[~targets["member"], "score"]
    assert outside.to_numpy() == pytest.approx(-(gap.to_numpy() ** 2))
    message = r"^twin must be fitted with folds; got one without$"
    with pytest.raises(ParameterError, match=message):
        audit_twin(fit(folds=0), people)
    message = r"^frame must hold all members of the twin; 42 of 442 are not in it$"
    with pytest.raises(DataError, match=message):
        audit_twin(twin, people[:400])


def test_independent_outcomes_leak_by_the_number_of_covariates_alone() -> None:
    rng = np.random.default_rng(7)
    areas = []
    for p in (1, 20, 60):
        design = pd.DataFrame(rng.normal(size=(120, p)))
        areas.append(audit_linear(design, rng.normal(size=120)).area_under_curve())
    assert areas[0].value < 0.53 < areas[1].value < areas[2].value


def test_200_constant_and_equal_columns(rng: np.random.Generator) -> None:
    y = rng.normal(size=50)
    constant = pd.DataFrame({"a": np.ones(50), "b": rng.normal(size=50)})
    message = (
        r"^the covariates must determine the coefficients; some are constant, or sums "
        r"of others: leave them out, or take a penalty$"
    )
    with pytest.raises(FitError, match=message):
        audit_linear(constant, y)
    wide = pd.DataFrame(rng.normal(size=(50, 200)))
    with pytest.raises(FitError, match=message):
        audit_linear(wide, y)
    # A penalty makes it a question with an answer: this model knows them by heart.
    found = audit_linear(wide, y, penalty=0.01).area_under_curve()
    assert found.value > 0.99


def test_alone_in_a_category_is_refused_without_a_penalty() -> None:
    design = pd.DataFrame({"a": [1.0] + [0.0] * 9})
    message = (
        r"^the covariates must determine the coefficients without any one person; they "
        r"do not without 1 at least: take a penalty$"
    )
    with pytest.raises(FitError, match=message):
        audit_linear(design, np.arange(10.0))
    assert audit_linear(design, np.arange(10.0), penalty=1.0).targets.shape[0] == 20


def test_a_person_with_most_rows_is_left_out_as_any_other(
    rng: np.random.Generator,
) -> None:
    groups = np.repeat(np.arange(11), [900] + [10] * 10)
    x, y = rng.normal(size=(1000, 9)), rng.normal(size=1000)
    targets = audit_linear(pd.DataFrame(x), y, groups=groups).targets
    outside = targets.loc[~targets["member"], "score"].to_numpy()
    for person in (0, 1):
        own = groups == person
        refit = Ridge(alpha=0.0).fit(x[~own], y[~own]).predict(x[own])
        assert outside[person] == pytest.approx(-((y[own] - refit) ** 2).mean())


def test_units_do_not_matter(rng: np.random.Generator) -> None:
    design = pd.DataFrame(
        {"rbc": rng.normal(5e6, 5e5, 200), "creatinine": rng.normal(1, 0.3, 200)}
    )
    y = rng.normal(size=200)
    thousands = design / [1e6, 1e-9]
    for audit, outcome in ((audit_linear, y), (audit_glm, y > 0)):
        found, other = (audit(d, outcome).targets for d in (design, thousands))
        np.testing.assert_allclose(found["score"], other["score"], rtol=1e-7)
    zeros = design.assign(none=0.0)
    with pytest.raises(FitError, match=r"^the covariates must determine the coeff"):
        audit_linear(zeros, y)


def test_outcomes_that_are_known_for_certain_are_refused(
    rng: np.random.Generator,
) -> None:
    message = (
        r"^the regression has no finite fit: some covariates, or sums of them, tell "
        r"outcomes of 0 for certain; leave them out, or take a penalty$"
    )
    x = np.r_[np.linspace(-3, -1, 30), np.linspace(1, 3, 30)]
    with pytest.raises(FitError, match=message.replace("of 0", "of 0 or 1")):
        audit_glm(pd.DataFrame({"x": x}), x > 0)
    # Nobody of a rare category has the outcome, elsewhere half of the people have it.
    rare = np.r_[np.ones(6), np.zeros(54)]
    y = np.where(rare > 0, 0, np.arange(60) % 2)
    noise = rng.normal(size=(60, 3))
    turned = np.column_stack([rare, noise]) @ rng.normal(size=(4, 4))
    for columns in (rare[:, None], turned):
        design = pd.DataFrame(columns)
        with pytest.raises(FitError, match=message.replace("of 0", "of 0 or 1")):
            audit_glm(design, y)
        with pytest.raises(FitError, match=message):
            audit_glm(design, 3 * y, family="poisson")
        assert audit_glm(design, y, penalty=0.1).targets["score"].notna().all()
    # One person against the tide is no separation.
    y = x > 0
    y[0] = True
    assert audit_glm(pd.DataFrame({"x": x}), y).targets["score"].notna().all()


def test_forest_of_another_design_is_refused(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    forest = RandomForestRegressor(20, random_state=1).fit(x, y)
    design = pd.DataFrame(x)
    for other, got in ((design[:30], (30, 3)), (design.iloc[:, :2], (40, 2))):
        message = (
            r"^design must be what forest was fitted to, 40 rows and 3 columns; got "
            rf"{got[0]} and {got[1]}$"
        )
        with pytest.raises(DataError, match=message):
            audit_forest(forest, other, y[: len(other)])
    two = RandomForestRegressor(20, random_state=1).fit(x, np.column_stack([y, y]))
    message = r"^forest must have one outcome; got 2$"
    with pytest.raises(ParameterError, match=message):
        audit_forest(two, design, y)
    bagged = BaggingRegressor(n_estimators=5, random_state=1).fit(x, y)
    message = (
        r"^forest must be a fitted forest with bootstrap=True; got BaggingRegressor$"
    )
    with pytest.raises(ParameterError, match=message):
        audit_forest(bagged, design, y)


def test_bad_input_is_refused(rng: np.random.Generator) -> None:
    design = pd.DataFrame(rng.normal(size=(20, 2)))
    y = rng.normal(size=20)
    with pytest.raises(DataError, match=r"^design must have 3 rows or more; got 1$"):
        audit_linear(design[:1], y[:1])
    message = r"^outcome must have one value for each of 20 rows; got shape \(19,\)$"
    with pytest.raises(DataError, match=message):
        audit_linear(design, y[1:])
    message = r"^outcome must be finite for everyone; got 1 of 20 missing or infinite$"
    with pytest.raises(DataError, match=message):
        audit_linear(design, np.append(y[1:], np.inf))
    message = r"^groups must name the person of each of the 20 rows; got shape \(19,\)$"
    with pytest.raises(DataError, match=message):
        audit_linear(design, y, groups=np.zeros(19))
    message = r"^penalty must be finite and 0 or more; got -1$"
    with pytest.raises(ParameterError, match=message):
        audit_linear(design, y, penalty=-1)
    message = r"^outcome must be 0 and 1, both, for a binomial family$"
    with pytest.raises(DataError, match=message):
        audit_glm(design, np.ones(20))
    message = r"^outcome must be counts, not all 0, for a Poisson family$"
    with pytest.raises(DataError, match=message):
        audit_glm(design, y, family="poisson")
    message = (
        r"^forest must be a fitted forest with bootstrap=True; got "
        r"RandomForestRegressor$"
    )
    with pytest.raises(ParameterError, match=message):
        audit_forest(RandomForestRegressor(), design, y)
    repeated = design.set_index(np.zeros(20, dtype=int))
    message = (
        r"^the index of design must name each row once; got 19 of 20 repeated or "
        r"missing$"
    )
    with pytest.raises(DataError, match=message):
        audit_linear(repeated, y)
