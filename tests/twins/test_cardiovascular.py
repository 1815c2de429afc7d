"""The cardiovascular twin: equations written out, domains, shapes of risk, errors."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.special import logit

from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins.cardiovascular import (
    linear_predictor,
    outside_domain,
    predict_risk,
    risk_models,
)

PREVENT = [("prevent_2023", o) for o in ("total_cvd", "ascvd", "heart_failure")]
TEN_YEARS = [*PREVENT, ("pce_2013", "ascvd"), ("framingham_2008", "total_cvd")]
PERSON: dict[str, Any] = {
    "age_years": 52,
    "sex": "female",
    "race": "White",
    "height_cm": 165.0,
    "weight_kg": 70.0,
    "total_cholesterol_mg_dl": 205.0,
    "hdl_mg_dl": 55.0,
    "systolic_bp_mmhg": 128.0,
    "egfr_ml_min": 85.0,
    "diabetes": False,
    "bp_medication": False,
    "statin": False,
    "current_smoker": False,
}


def risk(model: str, outcome: str, horizon_years: int = 10, **changes: Any) -> float:
    person = pd.DataFrame([PERSON | changes])
    found = predict_risk(
        person, model=model, outcome=outcome, horizon_years=horizon_years
    )
    return float(found.item())


@pytest.fixture
def people(rng: np.random.Generator) -> pd.DataFrame:
    """Return people inside all limits, for 30 years too."""
    n = 2_000
    return pd.DataFrame(
        {
            "age_years": rng.integers(40, 60, n),
            "sex": rng.choice(["female", "male"], n),
            "race": rng.choice(["White", "Black", "Asian"], n),
            "height_cm": rng.uniform(155, 190, n),
            "weight_kg": rng.uniform(68, 95, n),
            "total_cholesterol_mg_dl": rng.uniform(130, 320, n),
            "hdl_mg_dl": rng.uniform(20, 100, n),
            "systolic_bp_mmhg": rng.uniform(90, 200, n),
            "egfr_ml_min": rng.uniform(15, 140, n),
            "diabetes": rng.random(n) < 0.3,
            "bp_medication": rng.random(n) < 0.4,
            "statin": rng.random(n) < 0.4,
            "current_smoker": rng.random(n) < 0.3,
        }
    )


# Written out.


def test_prevent_as_the_cdc_prints_it(people: pd.DataFrame) -> None:
    """Ten years of total CVD, from wwwn.cdc.gov/KDSS (Q811), both sexes."""
    p = people.astype({"diabetes": float, "bp_medication": float, "statin": float})
    a = (p["age_years"] - 55) / 10
    non_hdl = 0.02586 * (p["total_cholesterol_mg_dl"] - p["hdl_mg_dl"]) - 3.5
    hdl = (0.02586 * p["hdl_mg_dl"] - 1.3) / 0.3
    low_sbp = (p["systolic_bp_mmhg"].clip(upper=110) - 110) / 20
    high_sbp = (p["systolic_bp_mmhg"].clip(lower=110) - 130) / 20
    low_gfr = (p["egfr_ml_min"].clip(upper=60) - 60) / -15
    high_gfr = (p["egfr_ml_min"].clip(lower=60) - 90) / -15
    dm, rx, statin = p["diabetes"], p["bp_medication"], p["statin"]
    smoke = p["current_smoker"].astype(float)
    women = (
        -3.307728
        + 0.7939329 * a
        + 0.0305239 * non_hdl
        - 0.1606857 * hdl
        - 0.2394003 * low_sbp
        + 0.360078 * high_sbp
        + 0.8667604 * dm
        + 0.5360739 * smoke
        + 0.6045917 * low_gfr
        + 0.0433769 * high_gfr
        + 0.3151672 * rx
        - 0.1477655 * statin
        - 0.0663612 * rx * high_sbp
        + 0.1197879 * statin * non_hdl
        - 0.0819715 * a * non_hdl
        + 0.0306769 * a * hdl
        - 0.0946348 * a * high_sbp
        - 0.27057 * a * dm
        - 0.078715 * a * smoke
        - 0.1637806 * a * low_gfr
    )
    men = (
        -3.031168
        + 0.7688528 * a
        + 0.0736174 * non_hdl
        - 0.0954431 * hdl
        - 0.4347345 * low_sbp
        + 0.3362658 * high_sbp
        + 0.7692857 * dm
        + 0.4386871 * smoke
        + 0.5378979 * low_gfr
        + 0.0164827 * high_gfr
        + 0.288879 * rx
        - 0.1337349 * statin
        - 0.0475924 * rx * high_sbp
        + 0.150273 * statin * non_hdl
        - 0.0517874 * a * non_hdl
        + 0.0191169 * a * hdl
        - 0.1049477 * a * high_sbp
        - 0.2251948 * a * dm
        - 0.0895067 * a * smoke
        - 0.1543702 * a * low_gfr
    )
    printed = np.where(p["sex"] == "female", women, men)
    model = {"model": "prevent_2023", "outcome": "total_cvd"}
    # One slope of pressure is printed there without its seventh digit, a 1.
    digit = np.where(p["sex"] == "female", 1e-7 * high_sbp, 0.0)
    log_odds = linear_predictor(people, **model)
    np.testing.assert_allclose(log_odds, printed + digit, rtol=0, atol=1e-12)
    odds = np.exp(log_odds)
    np.testing.assert_allclose(predict_risk(people, **model), odds / (1 + odds))


def test_framingham_by_hand() -> None:
    terms = 3.06117 * np.log(60) + 1.12370 * np.log(205) - 0.93263 * np.log(55)
    terms += 1.99881 * np.log(128) + 0.65451 + 0.57367
    by_hand = 1 - 0.88936 ** np.exp(terms - 23.9802)
    found = risk(
        "framingham_2008",
        "total_cvd",
        age_years=60,
        sex="male",
        bp_medication=True,
        current_smoker=True,
        diabetes=True,
    )
    assert found == pytest.approx(by_hand, rel=1e-12)


def test_pooled_cohort_equations_by_hand() -> None:
    age, chol, hdl, sbp = np.log([62, 205, 55, 128])
    terms = 17.114 * age + 0.940 * chol - 18.920 * hdl + 4.475 * age * hdl
    terms += 29.291 * sbp - 6.432 * age * sbp + 0.691 + 0.874
    by_hand = 1 - 0.9533 ** np.exp(terms - 86.61)
    profile = {"age_years": 62, "diabetes": True, "current_smoker": True}
    found = risk("pce_2013", "ascvd", race="Black", bp_medication=True, **profile)
    assert found == pytest.approx(by_hand, rel=1e-12)
    terms = -29.799 * age + 4.884 * age**2 + 13.540 * chol - 3.114 * age * chol
    terms += -13.578 * hdl + 3.149 * age * hdl + 1.957 * sbp
    terms += 7.574 - 1.665 * age + 0.661
    by_hand = 1 - 0.9665 ** np.exp(terms + 29.18)
    assert risk("pce_2013", "ascvd", **profile) == pytest.approx(by_hand, rel=1e-12)


def test_predictor_is_the_scale_of_the_risk(people: pd.DataFrame) -> None:
    for horizon in (10, 30):
        for model, outcome in PREVENT:
            asked: Any = {"model": model, "outcome": outcome, "horizon_years": horizon}
            np.testing.assert_allclose(
                linear_predictor(people, **asked),
                logit(predict_risk(people, **asked)),
                atol=1e-10,
            )
    asked = {"model": "framingham_2008", "outcome": "total_cvd"}
    men = people[people["sex"] == "male"]
    hazard = -np.log1p(-predict_risk(men, **asked))
    np.testing.assert_allclose(
        np.log(hazard / -np.log(0.88936)), linear_predictor(men, **asked), atol=1e-10
    )


# Groups.


def test_everyone_who_is_not_black_is_one_group() -> None:
    white = risk("pce_2013", "ascvd")
    for race in ("Asian", "Hispanic", "Mixed or unknown", None):
        assert risk("pce_2013", "ascvd", race=race) == white
    assert risk("pce_2013", "ascvd", race="Black") != white


def test_no_other_equation_looks_at_race() -> None:
    for model, outcome in (*PREVENT, ("framingham_2008", "total_cvd")):
        both = [risk(model, outcome, race=race) for race in ("White", "Black")]
        assert both[0] == both[1]


def test_body_mass_counts_for_heart_failure_alone() -> None:
    for model, outcome in TEN_YEARS:
        light, heavy = (risk(model, outcome, weight_kg=w) for w in (70, 105))
        assert (heavy > light) == (outcome == "heart_failure")
    # 25 to 30 kg/m2 has one slope, 30 to 35 another.
    slopes = [
        np.diff([logit(risk(*PREVENT[2], weight_kg=bmi * 1.65**2)) for bmi in ends])
        for ends in ((25, 30), (30, 35))
    ]
    assert slopes[0] != pytest.approx(slopes[1], rel=0.1)


# Shapes of risk.


def test_risks_are_probabilities(people: pd.DataFrame) -> None:
    for model, outcome in TEN_YEARS:
        found = predict_risk(people, model=model, outcome=outcome)
        assert found.shape == (2_000,)
        assert ((found > 0) & (found < 1)).all()


def test_thirty_years_hold_more_than_ten(people: pd.DataFrame) -> None:
    for model, outcome in PREVENT:
        ten, thirty = (
            predict_risk(people, model=model, outcome=outcome, horizon_years=h)
            for h in (10, 30)
        )
        # Those who are ill enough die of something else first.
        assert (thirty > ten)[ten < 0.3].all()


@given(
    st.integers(40, 74),
    st.sampled_from(["female", "male"]),
    st.floats(115, 180),
    st.sampled_from(TEN_YEARS),
)
@settings(deadline=None, max_examples=60)
def test_bad_news_raises_the_risk(
    age: int, sex: str, pressure: float, equation: tuple[str, str]
) -> None:
    body = {"age_years": age, "sex": sex, "systolic_bp_mmhg": pressure}
    base = risk(*equation, **body)
    assert risk(*equation, **body | {"diabetes": True}) > base
    assert risk(*equation, **body | {"current_smoker": True}) > base
    assert risk(*equation, **body | {"systolic_bp_mmhg": pressure + 5}) > base
    assert risk(*equation, **body | {"bp_medication": True}) > base


def test_same_answer_for_any_order(
    people: pd.DataFrame, rng: np.random.Generator
) -> None:
    order = rng.permutation(len(people))
    for model, outcome in TEN_YEARS:
        asked = {"model": model, "outcome": outcome}
        np.testing.assert_array_equal(
            predict_risk(people.iloc[order], **asked),
            predict_risk(people, **asked)[order],
        )


# Domains.


@pytest.mark.parametrize(
    ("model", "horizon", "low", "high"),
    [
        ("prevent_2023", 10, 30, 79),
        ("prevent_2023", 30, 30, 59),
        ("pce_2013", 10, 40, 79),
        ("framingham_2008", 10, 30, 74),
    ],
)
def test_limits_of_age(model: str, horizon: int, low: int, high: int) -> None:
    ages = [low - 1, low, high, high + 0.9, high + 1]
    people = pd.DataFrame([PERSON | {"age_years": age} for age in ages])
    outside = outside_domain(people, model=model, horizon_years=horizon)
    assert outside.tolist() == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("total_cholesterol_mg_dl", (130, 320), (129, 321)),
        ("hdl_mg_dl", (20, 100), (19, 101)),
        ("systolic_bp_mmhg", (90, 200), (89, 201)),
        ("egfr_ml_min", (15, 140), (14, 141)),
        ("weight_kg", (18.6 * 1.65**2, 39.9 * 1.65**2), (50, 109)),
    ],
)
def test_other_limits(
    name: str, inside: tuple[float, float], outside: tuple[float, float]
) -> None:
    people = pd.DataFrame([PERSON | {name: value} for value in (*inside, *outside)])
    assert outside_domain(people, model="prevent_2023").tolist() == [
        False,
        False,
        True,
        True,
    ]
    of_pce = name not in ("egfr_ml_min", "weight_kg")
    assert outside_domain(people, model="pce_2013").tolist() == [
        False,
        False,
        of_pce,
        of_pce,
    ]
    assert not outside_domain(people, model="framingham_2008").any()


def test_people_outside_have_a_risk() -> None:
    assert 0 < risk("prevent_2023", "total_cvd", 30, age_years=70) < 1


# The list and errors.


def test_list_of_models() -> None:
    table = risk_models()
    assert table.groupby("model", sort=False).size().to_dict() == {
        "prevent_2023": 6,
        "pce_2013": 1,
        "framingham_2008": 1,
    }
    people = table.drop_duplicates("model").set_index("model")["n"]
    assert people.dropna().to_dict() == {
        "prevent_2023": 3_281_919,
        "framingham_2008": 8_491,
    }
    assert table.drop(columns=["limits", "n"]).notna().all(axis=None)
    assert table["url"].str.startswith("https://doi.org/10.1161/").all()


def test_listed_columns_are_all_that_is_asked(people: pd.DataFrame) -> None:
    for row in risk_models().itertuples():
        asked: Any = {
            "model": row.model,
            "outcome": row.outcome,
            "horizon_years": row.horizon_years,
        }
        columns = str(row.columns).split(", ")
        enough = predict_risk(people[columns], **asked)
        np.testing.assert_array_equal(enough, predict_risk(people, **asked))
        for column in columns:
            with pytest.raises(DataError, match=f"missing: {column};"):
                predict_risk(people[columns].drop(columns=column), **asked)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (
            ("prevent", "total_cvd", 10),
            "model must be one of 'prevent_2023', 'pce_2013', 'framingham_2008'; got "
            "'prevent'",
        ),
        (
            ("prevent_2023", "stroke", 10),
            "outcome of 'prevent_2023' must be one of 'total_cvd', 'ascvd', "
            "'heart_failure'; got 'stroke'",
        ),
        (
            ("pce_2013", "total_cvd", 10),
            "outcome of 'pce_2013' must be one of 'ascvd'; got 'total_cvd'",
        ),
        (
            ("prevent_2023", "ascvd", 20),
            "horizon_years of 'prevent_2023' must be one of 10, 30; got 20",
        ),
        (
            ("framingham_2008", "total_cvd", 30),
            "horizon_years of 'framingham_2008' must be one of 10; got 30",
        ),
    ],
)
def test_what_a_model_does_not_have(asked: tuple[str, str, int], text: str) -> None:
    model, outcome, horizon = asked
    for function in (predict_risk, linear_predictor):
        with pytest.raises(ParameterError) as caught:
            function(
                pd.DataFrame([PERSON]),
                model=model,
                outcome=outcome,
                horizon_years=horizon,
            )
        assert str(caught.value) == text


def test_domain_of_what_a_model_does_not_have() -> None:
    with pytest.raises(ParameterError, match=r"^model must be one of"):
        outside_domain(pd.DataFrame([PERSON]), model="prevent")
    with pytest.raises(ParameterError, match=r"must be one of 10; got 30$"):
        outside_domain(pd.DataFrame([PERSON]), model="pce_2013", horizon_years=30)


def test_swapped_cholesterols_are_caught() -> None:
    people = pd.DataFrame(
        [PERSON, PERSON | {"total_cholesterol_mg_dl": 55, "hdl_mg_dl": 195}]
    )
    for model, outcome in TEN_YEARS:
        if outcome == "heart_failure":
            continue
        with pytest.raises(DataError) as caught:
            predict_risk(people, model=model, outcome=outcome)
        assert str(caught.value) == (
            "hdl_mg_dl must not be above total_cholesterol_mg_dl; got 1 of 2 above"
        )


def test_cholesterol_in_other_units_is_caught() -> None:
    people = pd.DataFrame([PERSON | {"total_cholesterol_mg_dl": 5.3, "hdl_mg_dl": 1.4}])
    with pytest.raises(DataError, match=r"outside: they look like mmol/L$"):
        predict_risk(people, model="pce_2013", outcome="ascvd")
