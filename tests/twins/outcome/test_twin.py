"""The outcome twin against other programs, closed forms, limits and bad input."""

import pickle
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from twinprivacy.datasets import load_cohort
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.twins.outcome import (
    CoxRegression,
    OutcomeTwin,
    fit_outcome_twin,
    measure_performance,
    split_members,
)

SURVIVAL = ("follow_up_days", "died")
FEATURES = ["age_years", "sex", "heart_failure", "bmi_kg_m2"]


def simulate(n: int, rng: np.random.Generator) -> pd.DataFrame:
    age = rng.normal(60, 10, n)
    smoker = rng.random(n) < 0.3
    gene = rng.choice(["G/G", "A/G", "A/A"], n, p=[0.4, 0.45, 0.15])
    logit = 0.08 * (age - 60) + 0.7 * smoker + 0.5 * (gene == "A/A") - 0.8
    days = rng.exponential(1_000 * np.exp(-logit))
    return pd.DataFrame(
        {
            "age_years": age,
            "smoker": smoker,
            "gene": gene,
            "ill": rng.random(n) < 1 / (1 + np.exp(-logit)),
            "dose_mg": 30 - 0.2 * age + 3 * (gene == "G/G") + rng.normal(size=n),
            "follow_up_days": np.minimum(days, 1_500).round() + 1,
            "died": days <= 1_500,
        },
        index=pd.Index(rng.permutation(n) + 1_000, name="person"),
    )


SIMULATED = ["age_years", "smoker", "gene"]
OUTCOMES: list[Any] = ["dose_mg", "ill", SURVIVAL]


def fit(
    frame: pd.DataFrame, outcome: Any, features: list[str], **options: Any
) -> OutcomeTwin:
    options.setdefault("rng", np.random.default_rng(3))
    return fit_outcome_twin(frame, outcome=outcome, features=features, **options)


def refuses(error: type[Exception], message: str) -> Any:
    return pytest.raises(error, match=f"^{re.escape(message)}$")


@pytest.fixture
def people(rng: np.random.Generator) -> pd.DataFrame:
    return simulate(300, rng)


@pytest.fixture(scope="module")
def whas() -> pd.DataFrame:
    pytest.importorskip("sksurv")
    return load_cohort("whas500")


# Other programs.


def design(people: pd.DataFrame) -> Any:
    """The numbers of four features, by hand."""
    columns = ["age_years", "heart_failure", "bmi_kg_m2"]
    x = people[columns].to_numpy(dtype=float)
    return np.column_stack([x, people["sex"] == "female"])


def test_cox_against_scikit_survival(whas: pd.DataFrame) -> None:
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    x = design(whas)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = np.array(
        list(zip(whas["died"], whas["follow_up_days"].astype(float), strict=True)),
        dtype=[("event", bool), ("time", float)],
    )
    for penalty in (0.0, 5.0):
        theirs = CoxPHSurvivalAnalysis(alpha=penalty, ties="breslow", tol=1e-12)
        theirs.fit(x, y)
        ours = CoxRegression(penalty=penalty).fit(x, y)
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-8)


def test_cox_against_statsmodels(whas: pd.DataFrame) -> None:
    from statsmodels.duration.hazard_regression import PHReg

    model = PHReg(
        whas["follow_up_days"], design(whas), status=whas["died"], ties="breslow"
    )
    hazard_ratios = np.exp(model.fit(disp=0).params)
    twin = fit(whas, SURVIVAL, FEATURES, estimator=CoxRegression(penalty=0), folds=0)
    person = {"age_years": 60, "sex": "male", "heart_failure": False, "bmi_kg_m2": 25}
    before = twin.predict(person)
    changes = [
        {"age_years": 61},
        {"heart_failure": True},
        {"bmi_kg_m2": 26},
        {"sex": "female"},
    ]
    ours = [(twin.predict_what_if(person, **c) / before).item() for c in changes]
    np.testing.assert_allclose(ours, hazard_ratios, rtol=1e-5)


def test_risk_by_a_day_against_scikit_survival(whas: pd.DataFrame) -> None:
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    y = np.array(
        list(zip(whas["died"], whas["follow_up_days"].astype(float), strict=True)),
        dtype=[("event", bool), ("time", float)],
    )
    theirs = CoxPHSurvivalAnalysis(ties="breslow", tol=1e-12).fit(design(whas), y)
    curves = theirs.predict_survival_function(design(whas))
    twin = fit(whas, SURVIVAL, FEATURES, estimator=CoxRegression(penalty=0), folds=0)
    for day in (1, 30.5, 365, 2_000):
        expected = [1 - float(curve(day)) for curve in curves]
        np.testing.assert_allclose(
            twin.predict(whas, horizon_days=day), expected, rtol=1e-5
        )


def test_scikit_survival_estimators_are_taken(whas: pd.DataFrame) -> None:
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    theirs = CoxPHSurvivalAnalysis(ties="breslow", tol=1e-12)
    twin = fit(whas, SURVIVAL, FEATURES, estimator=theirs)
    own = fit(whas, SURVIVAL, FEATURES, estimator=CoxRegression(penalty=0))
    for day in (30, 1_000):
        np.testing.assert_allclose(
            twin.predict(whas, horizon_days=day),
            own.predict(whas, horizon_days=day),
            rtol=1e-5,
        )


def test_efron_least_squares() -> None:
    people = load_cohort("diabetes")
    features = [c for rung in people.attrs["ladder"].values() for c in rung]
    twin = fit(people, "progression_score", features, estimator=LinearRegression())
    x = people[features].astype(float).to_numpy()
    y = people["progression_score"].to_numpy()
    x = np.column_stack([np.ones(len(y)), x])
    fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(twin.in_sample, fitted, rtol=1e-9)


def test_logistic_against_scikit_learn(people: pd.DataFrame) -> None:
    x = np.column_stack([people["age_years"], people["smoker"]])
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    theirs = LogisticRegression(tol=1e-10).fit(x, people["ill"])
    twin = fit(
        people,
        "ill",
        ["age_years", "smoker"],
        estimator=LogisticRegression(tol=1e-10),
        folds=0,
    )
    np.testing.assert_allclose(
        twin.predict(people), theirs.predict_proba(x)[:, 1], rtol=1e-6
    )


# Out of fold.


def test_leave_one_out_is_that_of_the_hat_matrix(people: pd.DataFrame) -> None:
    few = people.iloc[:60]
    twin = fit(
        few,
        "dose_mg",
        ["age_years", "smoker"],
        estimator=LinearRegression(),
        folds=60,
    )
    x = np.column_stack([np.ones(60), few["age_years"], few["smoker"]])
    leverage = np.diag(x @ np.linalg.inv(x.T @ x) @ x.T)
    residuals = few["dose_mg"] - twin.in_sample
    np.testing.assert_allclose(
        few["dose_mg"] - twin.out_of_fold, residuals / (1 - leverage), rtol=1e-8
    )


def test_nearest_neighbour_remembers_members_but_not_out_of_fold(
    people: pd.DataFrame,
) -> None:
    twin = fit(people, "dose_mg", SIMULATED, estimator=KNeighborsRegressor(1))
    np.testing.assert_array_equal(twin.in_sample, people["dose_mg"])
    assert twin.out_of_fold is not None
    assert not np.isclose(twin.out_of_fold, people["dose_mg"]).any()


def test_groups_are_held_out_whole(people: pd.DataFrame) -> None:
    twice = pd.concat([people, people], keys=["first", "second"])
    twice["who"] = np.tile(np.arange(300), 2)
    nearest = KNeighborsRegressor(1)
    apart = fit(twice, "dose_mg", SIMULATED, estimator=nearest).out_of_fold
    whole = fit(twice, "dose_mg", SIMULATED, estimator=nearest, groups="who")
    # With a copy of everyone in another fold, the model has nearly always seen them.
    assert np.isclose(apart, twice["dose_mg"]).mean() > 0.8
    assert not np.isclose(whole.out_of_fold, twice["dose_mg"]).any()


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_folds_are_alike_in_outcome(outcome: Any, rng: np.random.Generator) -> None:
    from twinprivacy.twins.outcome.fit import deal_folds, read_target

    people = simulate(997, rng)
    target = read_target(people, outcome, None)
    fold = deal_folds(target, 10, None, rng)
    size = np.bincount(fold)
    assert size.max() - size.min() <= 1
    case = people["died"] if isinstance(outcome, tuple) else people["ill"]
    if outcome != "dose_mg":
        n_cases = np.bincount(fold, case)
        assert n_cases.max() - n_cases.min() <= 1
    else:
        means = people["dose_mg"].groupby(fold).mean()
        assert means.std() < 0.2 * people["dose_mg"].std() / np.sqrt(100)


def test_rare_outcome_has_folds(rng: np.random.Generator) -> None:
    people = simulate(200, rng)
    people["ill"] = False
    people.iloc[[3, 9], people.columns.get_loc("ill")] = True
    twin = fit(people, "ill", SIMULATED)
    assert twin.out_of_fold is not None
    assert twin.out_of_fold.between(0, 1).all()


def test_default_probabilities_are_calibrated(rng: np.random.Generator) -> None:
    people = simulate(5_000, rng)
    twin = fit(people, "ill", SIMULATED)
    (slope,) = measure_performance(
        people["ill"], twin.out_of_fold, measures=["calibration_slope"]
    ).itertuples()
    assert slope.low < 1 < slope.high
    assert twin.out_of_fold is not None
    assert twin.out_of_fold.mean() == pytest.approx(people["ill"].mean(), abs=0.002)


@pytest.mark.parametrize("name", ["whas500", "actg320", "flchain"])
def test_default_is_calibrated_on_real_people(name: str) -> None:
    pytest.importorskip("sksurv")
    people = load_cohort(name)
    days, event = people.attrs["outcome"]
    people["soon"] = people[event] & (people[days] <= 365)
    features = [c for rung in people.attrs["ladder"].values() for c in rung]
    twin = fit(people, "soon", features)
    (slope,) = measure_performance(
        people["soon"], twin.out_of_fold, measures=["calibration_slope"]
    ).itertuples()
    assert slope.low < 1 < slope.high


def test_default_bends(rng: np.random.Generator) -> None:
    x = rng.uniform(-2, 2, 2_000)
    people = pd.DataFrame({"x": x, "y": x**2 + rng.normal(scale=0.1, size=2_000)})
    found = fit(people, "y", ["x"]).predict(pd.DataFrame({"x": [-1.5, 0.0, 1.5]}))
    np.testing.assert_allclose(found, [2.25, 0, 2.25], atol=0.25)
    straight = fit(people, "y", ["x"], estimator=Ridge()).predict({"x": 1.5})
    assert abs(straight.item() - 2.25) > 0.5


def test_default_is_straight_beyond_its_knots(people: pd.DataFrame) -> None:
    twin = fit(people, "dose_mg", ["age_years"])
    ends = twin.predict(pd.DataFrame({"age_years": [150.0, 160.0, 170.0]}))
    assert ends[2] - ends[1] == pytest.approx(ends[1] - ends[0])


# Members.


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_twin_knows_its_members(outcome: Any, people: pd.DataFrame) -> None:
    twin = fit(people, outcome, SIMULATED)
    assert twin.members.equals(people.index)
    assert twin.features == SIMULATED
    for kept in (twin.in_sample, twin.out_of_fold):
        assert kept is not None
        assert kept.index.equals(people.index)
        assert kept.notna().all()
    np.testing.assert_allclose(twin.predict(people), twin.in_sample, rtol=1e-12)


def test_twin_shows_nobody(people: pd.DataFrame) -> None:
    shown = repr(fit(people, SURVIVAL, SIMULATED))
    twin = fit(people, SURVIVAL, SIMULATED)
    # The object's address may hold any digits.
    parts = re.sub(r"0x[0-9a-f]+", "", repr(twin._model) + repr(twin._features))
    assert not re.search(r"\d", parts)
    assert shown == (
        "OutcomeTwin(outcome=('follow_up_days', 'died'), kind='survival', features=3, "
        "members=300)"
    )


def test_without_folds_the_twin_is_the_same(people: pd.DataFrame) -> None:
    estimator = RandomForestClassifier(5)
    with_folds = fit(people, "ill", SIMULATED, estimator=estimator)
    without = fit(people, "ill", SIMULATED, estimator=estimator, folds=0)
    assert without.out_of_fold is None
    pd.testing.assert_series_equal(with_folds.in_sample, without.in_sample)


def test_split(people: pd.DataFrame, rng: np.random.Generator) -> None:
    people.attrs["name"] = "simulated"
    members, controls = split_members(people, fraction=0.25, rng=rng)
    assert len(members) == 75
    assert not set(members.index) & set(controls.index)
    assert set(members.index) | set(controls.index) == set(people.index)
    assert members.attrs == controls.attrs == people.attrs
    again = split_members(
        people.iloc[::-1], fraction=0.25, rng=np.random.default_rng(5)
    )
    same = split_members(people, fraction=0.25, rng=np.random.default_rng(5))
    assert set(again[0].index) == set(same[0].index)
    tiny = split_members(people.iloc[:2], fraction=0.01, rng=rng)
    assert (len(tiny[0]), len(tiny[1])) == (1, 1)


def test_split_is_refused(people: pd.DataFrame, rng: np.random.Generator) -> None:
    with refuses(ParameterError, "fraction must lie strictly in (0, 1); got 1"):
        split_members(people, fraction=1, rng=rng)
    with refuses(DataError, "frame must have 2 rows or more; got 1"):
        split_members(people.head(1), fraction=0.5, rng=rng)


# The same answer.


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("estimator", ["own", "random"])
def test_same_for_any_order_of_rows(
    outcome: Any, estimator: str, people: pd.DataFrame
) -> None:
    chosen = None
    if estimator == "random" and outcome == "ill":
        chosen = RandomForestClassifier(5)
    twin = fit(people, outcome, SIMULATED, estimator=chosen)
    other = fit(
        people.sample(frac=1, random_state=1), outcome, SIMULATED, estimator=chosen
    )
    assert twin.out_of_fold is not None
    assert other.out_of_fold is not None
    order = people.index
    pd.testing.assert_series_equal(twin.out_of_fold, other.out_of_fold.loc[order])
    np.testing.assert_array_equal(twin.predict(people), other.predict(people))


def test_index_that_cannot_be_sorted(people: pd.DataFrame) -> None:
    people.index = pd.Index([*range(299), "someone"], dtype=object)
    twin = fit(people, "dose_mg", SIMULATED)
    other = fit(people.iloc[::-1], "dose_mg", SIMULATED)
    np.testing.assert_array_equal(twin.predict(people), other.predict(people))


def test_cox_in_a_pipeline(people: pd.DataFrame) -> None:
    numeric = ["age_years", "smoker"]
    piped = make_pipeline(StandardScaler(), CoxRegression(penalty=2.0))
    twin = fit(people, SURVIVAL, numeric, estimator=piped)
    same = fit(people, SURVIVAL, numeric, estimator=CoxRegression(penalty=2.0))
    np.testing.assert_allclose(twin.predict(people), same.predict(people), rtol=1e-9)
    assert twin.out_of_fold is not None


def test_same_seed_same_answer(people: pd.DataFrame) -> None:
    forests = [
        fit(
            people,
            "ill",
            SIMULATED,
            estimator=RandomForestClassifier(5),
            rng=np.random.default_rng(seed),
        )
        for seed in (1, 1, 2)
    ]
    first, same, other = (forest.out_of_fold for forest in forests)
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_same_for_any_number_of_workers(people: pd.DataFrame) -> None:
    estimator = RandomForestClassifier(5)
    alone = fit(people, "ill", SIMULATED, estimator=estimator)
    with parallel_config(backend="threading", n_jobs=2):
        together = fit(people, "ill", SIMULATED, estimator=estimator)
    np.testing.assert_array_equal(alone.out_of_fold, together.out_of_fold)


def test_estimator_is_not_changed(people: pd.DataFrame) -> None:
    estimator = make_pipeline(SimpleImputer(), RandomForestClassifier(5))
    before = estimator.get_params()
    numeric = ["age_years", "smoker"]
    first = fit(people, "ill", numeric, estimator=estimator)
    second = fit(people, "ill", numeric, estimator=estimator)
    np.testing.assert_array_equal(first.in_sample, second.in_sample)
    assert estimator.get_params() == before
    assert not hasattr(estimator[-1], "estimators_")


# Missing values.


def test_missing_creatinine_is_filled_in() -> None:
    pytest.importorskip("sksurv")
    people = load_cohort("flchain").iloc[:800]
    features = ["age_years", "creatinine_mg_dl"]
    twin = fit(people, SURVIVAL, features)
    assert twin.out_of_fold is not None
    assert twin.out_of_fold.gt(0).all()
    unknown, median, high = (
        twin.predict({"age_years": 65, "creatinine_mg_dl": value}).item()
        for value in (np.nan, people["creatinine_mg_dl"].median(), 2.0)
    )
    assert unknown != median
    assert high > median


def test_missing_is_filled_in_by_training_rows_only(people: pd.DataFrame) -> None:
    from twinprivacy.twins.outcome.columns import (
        fit_encoder,
        learn_features,
        read_features,
    )

    people.loc[people.index[:50], "age_years"] = np.nan
    people.loc[people.index[50:90], "gene"] = None
    names = ["age_years", "gene"]
    learned = learn_features(people, names)
    values = read_features(people, learned)
    rows = np.arange(100, 200)
    encoder = fit_encoder(learned, [v[rows] for v in values], n_knots=0)
    assert encoder.medians[0] == people["age_years"].iloc[rows].median()
    matrix = encoder.transform(values)
    # Age, whether it was missing, two genes besides the commonest, and no gene known.
    assert matrix.shape == (300, 5)
    filled = people["age_years"].fillna(encoder.medians[0]).iloc[rows]
    z = (encoder.medians[0] - filled.mean()) / filled.std(ddof=0)
    np.testing.assert_allclose(matrix[:50, 0], z)
    np.testing.assert_allclose(matrix[rows].mean(axis=0), 0, atol=1e-12)
    assert (matrix[:50, 1] == 1).all()
    assert (matrix[50:90, 4] == 1).all()


def test_pipeline_is_given_what_is_missing(people: pd.DataFrame) -> None:
    people.loc[people.index[:50], "age_years"] = np.nan
    estimator = make_pipeline(SimpleImputer(), LogisticRegression(max_iter=1_000))
    twin = fit(people, "ill", ["age_years", "smoker"], estimator=estimator)
    x = people[["age_years", "smoker"]]
    theirs = estimator.fit(x, people["ill"]).predict_proba(x)[:, 1]
    np.testing.assert_allclose(twin.predict(people), theirs, rtol=1e-4)
    asked = twin.predict_what_if(people, smoker=True)
    by_hand = estimator.predict_proba(x.assign(smoker=True))[:, 1]
    np.testing.assert_allclose(asked, by_hand, rtol=1e-4)


def test_missing_where_nothing_was(people: pd.DataFrame) -> None:
    twin = fit(people, "dose_mg", SIMULATED, folds=0)
    message = (
        "{} must be known for everyone, as it was in training; got 2 of 300 missing"
    )
    for column in ("age_years", "gene"):
        asked = people.copy()
        asked.loc[asked.index[:2], column] = None
        with refuses(DataError, message.format(column)):
            twin.predict(asked)


def test_nullable_columns(people: pd.DataFrame) -> None:
    nullable = people.convert_dtypes()
    nullable.loc[nullable.index[:5], ["age_years", "smoker", "gene"]] = pd.NA
    twin = fit(nullable, "dose_mg", SIMULATED)
    assert np.isfinite(twin.predict(nullable)).all()


def test_rare_category_is_held_out(people: pd.DataFrame) -> None:
    people.loc[people.index[0], "gene"] = "unknown"
    for outcome in OUTCOMES:
        twin = fit(people, outcome, SIMULATED)
        assert twin.out_of_fold is not None
        assert np.isfinite(twin.out_of_fold).all()


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_declared_category_that_nobody_had(outcome: Any, people: pd.DataFrame) -> None:
    declared = pd.CategoricalDtype(["unknown", "A/A", "A/G", "G/G"])
    people["gene"] = people["gene"].astype(declared)
    twin = fit(people, outcome, SIMULATED, folds=0)
    commonest = people["gene"].mode().item()
    np.testing.assert_allclose(
        twin.predict_what_if(people, gene="unknown"),
        twin.predict_what_if(people, gene=commonest),
        rtol=1e-9,
    )


def test_twin_travels_to_a_worker(people: pd.DataFrame) -> None:
    twin = fit(people, SURVIVAL, SIMULATED, folds=0)
    copy = pickle.loads(pickle.dumps(twin))
    np.testing.assert_array_equal(copy.predict(people), twin.predict(people))


# Questions.


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_one_person_or_many(outcome: Any, people: pd.DataFrame) -> None:
    twin = fit(people, outcome, SIMULATED, folds=0)
    many = twin.predict(people)
    one = people.iloc[7]
    expected = pytest.approx(many[7], rel=1e-12)
    assert twin.predict(one).item() == expected
    assert twin.predict(one.to_dict()).item() == expected
    assert twin.predict(people.iloc[[7]]).item() == expected
    assert twin.predict(people.assign(gene=people["gene"].astype("category")))[
        7
    ] == pytest.approx(many[7])


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_if_is_prediction_for_changed_people(
    outcome: Any, people: pd.DataFrame
) -> None:
    twin = fit(people, outcome, SIMULATED, folds=0)
    changed = people.assign(gene="A/A", smoker=True)
    expected = twin.predict(changed)
    found = twin.predict_what_if(people, gene="A/A", smoker=True)
    np.testing.assert_array_equal(found, expected)
    # What is changed need not be known.
    unknown = people.drop(columns=["gene", "smoker"])
    found = twin.predict_what_if(unknown, gene="A/A", smoker=True)
    np.testing.assert_array_equal(found, expected)
    each = twin.predict_what_if(people, age_years=people["age_years"].to_numpy()[::-1])
    reversed_age = people.assign(age_years=people["age_years"].to_numpy()[::-1])
    np.testing.assert_array_equal(each, twin.predict(reversed_age))


def test_what_if_knows_which_way(people: pd.DataFrame) -> None:
    for outcome in ("ill", SURVIVAL):
        twin = fit(people, outcome, SIMULATED, folds=0)
        old = twin.predict_what_if(people, age_years=75)
        young = twin.predict_what_if(people, age_years=45)
        assert (old > young).all()


def test_what_if_is_refused(people: pd.DataFrame) -> None:
    twin = fit(people, "dose_mg", SIMULATED, folds=0)
    names = "changes must be among the features age_years, smoker, gene; got "
    with refuses(ParameterError, names + "height_cm"):
        twin.predict_what_if(people, height_cm=170)
    with refuses(ParameterError, names + "none"):
        twin.predict_what_if(people)
    low, high = people["age_years"].min(), people["age_years"].max()
    message = (
        f"age_years must lie in the range of the training data, {low:g} to {high:g}; "
        "got 1 of 1 outside"
    )
    with refuses(ParameterError, message):
        twin.predict_what_if(people, age_years=140)
    message = (
        "gene must be one of the 3 categories of the training data; got 1 of 1 others"
    )
    with refuses(DataError, message):
        twin.predict_what_if(people, gene="T/T")
    with refuses(
        DataError, "smoker must be true or false, or 0 and 1; got 1 of 1 others"
    ):
        twin.predict_what_if(people, smoker=3)
    message = "age_years must be one value, or one for each of 300 people; got 2"
    with refuses(ParameterError, message):
        twin.predict_what_if(people, age_years=[50, 60])
    with refuses(
        DataError, "age_years must hold numbers, or true and false; got others"
    ):
        twin.predict_what_if(people, age_years="old")


def test_risk_by_a_day(people: pd.DataFrame) -> None:
    twin = fit(people, SURVIVAL, SIMULATED)
    days = [1, 10, 100, 500, 1_000, 1_501]
    risks = np.array([twin.predict(people, horizon_days=day) for day in days])
    assert ((risks >= 0) & (risks < 1)).all()
    assert (np.diff(risks, axis=0) >= 0).all()
    # Nobody is censored before day 1,501, so the share who died is known.
    died = (people["died"] & (people["follow_up_days"] <= 500)).mean()
    assert risks[3].mean() == pytest.approx(died, abs=0.02)
    # Who has the higher hazard has the higher risk by any day.
    np.testing.assert_array_equal(
        np.argsort(risks[3]), np.argsort(twin.predict(people))
    )


def test_risk_before_the_first_event(people: pd.DataFrame) -> None:
    people["follow_up_days"] += 10
    twin = fit(people, SURVIVAL, SIMULATED, folds=0)
    assert (twin.predict(people, horizon_days=5) == 0).all()


def test_horizon_is_refused(people: pd.DataFrame) -> None:
    twin = fit(people, SURVIVAL, SIMULATED, folds=0)
    for day in (0, -3, 1_502, np.nan):
        message = (
            "horizon_days must lie above 0 and within the follow-up of 1501 days; got "
            f"{day!r}"
        )
        with refuses(ParameterError, message):
            twin.predict(people, horizon_days=day)
    message = "horizon_days must be left out unless the outcome is survival; got 365"
    with refuses(ParameterError, message):
        fit(people, "ill", SIMULATED, folds=0).predict(people, horizon_days=365)


def test_questions_are_refused(people: pd.DataFrame) -> None:
    twin = fit(people, "dose_mg", SIMULATED, folds=0)
    message = (
        "people must have the columns age_years, smoker, gene once each; missing: "
        "age_years, gene; repeated: none"
    )
    with refuses(DataError, message):
        twin.predict(people[["smoker"]])
    with refuses(DataError, "people must have 1 rows or more; got 0"):
        twin.predict(people.head(0))
    with refuses(
        DataError,
        "people must be a pandas.DataFrame, or a mapping for one person; got ndarray",
    ):
        twin.predict(np.zeros((2, 3)))  # type: ignore[arg-type]
    with refuses(
        DataError, "age_years must be finite or missing; got 300 of 300 infinite"
    ):
        twin.predict(people.assign(age_years=np.inf))
    message = (
        "gene must be one of the 3 categories of the training data; got 300 of 300 "
        "others"
    )
    for odd in ("X/Y", 5):
        with refuses(DataError, message):
            twin.predict(people.assign(gene=odd))


# Bad training data: counts only, never a person's value.

MARK = 987_654.25
BAD_OUTCOMES: dict[str, tuple[Any, Any, str]] = {
    "missing": (
        "dose_mg",
        lambda p: p.assign(dose_mg=p["dose_mg"].mask(p["smoker"], np.nan)),
        r"dose_mg must be finite for everyone; got \d+ of 300 missing or infinite",
    ),
    "constant": (
        "dose_mg",
        lambda p: p.assign(dose_mg=MARK),
        "dose_mg must differ between people; it is the same for all 300",
    ),
    "words": (
        "gene",
        lambda p: p,
        "gene must hold numbers, or true and false; got others",
    ),
    "one class": (
        "ill",
        lambda p: p.assign(ill=False),
        "ill must be true for two people at least, and false for two; got 0 of 300 in "
        "the rarer class",
    ),
    "negative": (
        SURVIVAL,
        lambda p: p.assign(follow_up_days=p["follow_up_days"].where(p["died"], -MARK)),
        r"follow_up_days must be 0 or more; got \d+ of 300 negative",
    ),
    "no events": (
        SURVIVAL,
        lambda p: p.assign(died=False),
        "died must be true for two people at least; got 0 of 300",
    ),
    "odd events": (
        SURVIVAL,
        lambda p: p.assign(died=MARK),
        "died must be true or false, or 0 and 1; got 300 of 300 others",
    ),
}


@pytest.mark.parametrize("case", BAD_OUTCOMES)
def test_bad_outcome(case: str, people: pd.DataFrame) -> None:
    outcome, spoil, message = BAD_OUTCOMES[case]
    features = ["age_years"] if case == "words" else SIMULATED
    with pytest.raises(DataError, match=f"^{message}$"):
        fit(spoil(people), outcome, features)


BAD_FEATURES: dict[str, tuple[Any, str]] = {
    "missing throughout": (
        lambda p: p.assign(age_years=np.nan),
        "age_years must be known for someone; it is missing throughout",
    ),
    "constant": (
        lambda p: p.assign(age_years=MARK),
        "age_years must differ between people; it is the same for all 300",
    ),
    "constant word": (
        lambda p: p.assign(gene="987654"),
        "gene must differ between people; it is the same for all 300",
    ),
    "infinite": (
        lambda p: p.assign(age_years=p["age_years"].where(p["smoker"], np.inf)),
        r"age_years must be finite or missing; got \d+ of 300 infinite",
    ),
    "lacking": (
        lambda p: p.drop(columns=["gene", "dose_mg"]),
        "frame must have the columns age_years, smoker, gene, dose_mg once each; "
        "missing: gene, dose_mg; repeated: none",
    ),
    "repeated column": (
        lambda p: pd.concat([p, p[["gene"]]], axis=1),
        "frame must have the columns age_years, smoker, gene, dose_mg once each; "
        "missing: none; repeated: gene",
    ),
    "repeated index": (
        lambda p: pd.concat([p, p.head(3)]),
        "the index of frame must name each row once; got 3 of 303 repeated or missing",
    ),
    "one row": (lambda p: p.head(1), "frame must have 2 rows or more; got 1"),
    "empty": (lambda p: p.head(0), "frame must have 2 rows or more; got 0"),
    "no table": (
        lambda p: p.to_numpy(),
        "frame must be a pandas.DataFrame; got ndarray",
    ),
}


@pytest.mark.parametrize("case", BAD_FEATURES)
def test_bad_features(case: str, people: pd.DataFrame) -> None:
    spoil, message = BAD_FEATURES[case]
    with pytest.raises(DataError, match=f"^{message}$"):
        fit(spoil(people), "dose_mg", SIMULATED)


def test_bad_settings(people: pd.DataFrame) -> None:
    message = "features must not hold the outcome or the groups; got dose_mg"
    with refuses(ParameterError, message):
        fit(people, "dose_mg", ["age_years", "dose_mg"])
    with refuses(ParameterError, message.replace("dose_mg", "died")):
        fit(people, SURVIVAL, ["age_years", "died"])
    with refuses(ParameterError, message.replace("dose_mg", "gene")):
        fit(people, "dose_mg", ["age_years", "gene"], groups="gene")
    message = "features must be one column or more, each once; got "
    with refuses(ParameterError, message + "0 names of 0 columns"):
        fit(people, "dose_mg", [])
    with refuses(ParameterError, message + "2 names of 1 columns"):
        fit(people, "dose_mg", ["gene", "gene"])
    for folds, allowed in ((1, "2 to 300"), (301, "2 to 300"), (-1, "0 or more")):
        message = f"folds must be a whole number of {allowed}; got {folds}"
        with refuses(ParameterError, message):
            fit(people, "dose_mg", SIMULATED, folds=folds)
    message = (
        "outcome must be (duration, event) with a duration in days, named so: "
        "follow_up_days; got 'age_years'"
    )
    with refuses(ParameterError, message):
        fit(people, ("age_years", "died"), ["smoker"])
    with refuses(
        ParameterError, "rng must be a numpy.random.Generator; got RandomState"
    ):
        fit(people, "dose_mg", SIMULATED, rng=np.random.RandomState(1))


def test_estimator_of_another_kind(people: pd.DataFrame) -> None:
    message = "dose_mg must be true or false, or 0 and 1; got 300 of 300 others"
    with refuses(DataError, message):
        fit(people, "dose_mg", SIMULATED, estimator=DecisionTreeClassifier())
    message = (
        "estimator must give probabilities (predict_proba) if it is a classifier; "
        "LinearSVC does not"
    )
    with refuses(ParameterError, message):
        fit(people, "ill", SIMULATED, estimator=LinearSVC())
    message = "estimator must be a survival model for this outcome; got Ridge"
    with refuses(ParameterError, message):
        fit(people, SURVIVAL, SIMULATED, estimator=Ridge())
    message = "estimator must be a regressor or classifier for this outcome; got "
    with refuses(ParameterError, message + "CoxRegression"):
        fit(people, "ill", SIMULATED, estimator=CoxRegression())
    # A regression of 0 and 1 is one of numbers, if asked for.
    assert fit(people, "ill", SIMULATED, estimator=Ridge()).kind == "number"


def test_penalty_is_checked(people: pd.DataFrame) -> None:
    with refuses(ParameterError, "penalty must be finite and 0 or more; got -1"):
        fit(people, SURVIVAL, SIMULATED, estimator=CoxRegression(penalty=-1))


def test_groups_must_be_known(people: pd.DataFrame) -> None:
    people["who"] = people["age_years"].where(people["smoker"])
    n_missing = int((~people["smoker"]).sum())
    message = f"who must be known for everyone; got {n_missing} of 300 missing"
    with refuses(DataError, message):
        fit(people, "dose_mg", SIMULATED, groups="who")


def test_fold_that_leaves_nothing_to_learn_from(people: pd.DataFrame) -> None:
    people["who"] = np.where(people["ill"], 0, np.arange(300) % 3 + 1)
    message = (
        "every fold must leave people with and without the outcome to train on; 1 of 4 "
        "do not: take fewer folds"
    )
    with refuses(FitError, message):
        fit(people, "ill", SIMULATED, groups="who", folds=4)
