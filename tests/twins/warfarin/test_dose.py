"""The warfarin twin: each equation by hand, its genes, its residual, its errors."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins.warfarin import (
    GENOTYPE_PAIRS,
    describe_models,
    dose_matrix,
    dose_residual_sd,
    predict_dose,
    simulate_dose,
)

MODELS = ["iwpc_pharmacogenetic", "iwpc_clinical", "gage"]
GENETIC = ["iwpc_pharmacogenetic", "gage"]
PERSON: dict[str, Any] = {
    "age_years": 64,
    "height_cm": 170.0,
    "weight_kg": 75.0,
    "race": "White",
    "amiodarone": False,
    "enzyme_inducer": False,
    "current_smoker": False,
    "venous_thrombosis": False,
    "vkorc1": "G/G",
    "cyp2c9": "*1/*1",
}
# A body surface by DuBois for the person above.
SURFACE = 0.007184 * 170**0.725 * 75**0.425


def person(**changes: Any) -> pd.DataFrame:
    return pd.DataFrame([PERSON | changes])


def dose(model: str, **changes: Any) -> float:
    return float(predict_dose(person(**changes), model=model).item())


def root(model: str, **changes: Any) -> float:
    return float(np.sqrt(dose(model, **changes)))


@pytest.fixture
def people(rng: np.random.Generator) -> pd.DataFrame:
    n = 500
    return pd.DataFrame(
        {
            "age_years": rng.integers(18, 95, n),
            "height_cm": rng.normal(170, 10, n).clip(140, 210),
            "weight_kg": rng.normal(80, 18, n).clip(40, 160),
            "race": rng.choice(["White", "Black", "Asian", "Hispanic"], n),
            "amiodarone": rng.random(n) < 0.1,
            "enzyme_inducer": rng.random(n) < 0.05,
            "current_smoker": rng.random(n) < 0.2,
            "venous_thrombosis": rng.random(n) < 0.2,
            "vkorc1": rng.choice(["G/G", "A/G", "A/A"], n),
            "cyp2c9": rng.choice([c for _, c in GENOTYPE_PAIRS[:6]], n),
        }
    )


# By hand.


def test_iwpc_with_genes_by_hand() -> None:
    by_hand = 5.6044 - 0.2614 * 6 + 0.0087 * 170 + 0.0128 * 75
    assert dose("iwpc_pharmacogenetic") == pytest.approx(by_hand**2)
    by_hand += -0.8677 - 0.9357 - 0.2760 + 1.1816 - 0.5503
    found = dose(
        "iwpc_pharmacogenetic",
        vkorc1="A/G",
        cyp2c9="*1/*3",
        race="Black",
        enzyme_inducer=True,
        amiodarone=True,
    )
    assert found == pytest.approx(by_hand**2)


def test_iwpc_without_genes_by_hand() -> None:
    by_hand = 4.0376 - 0.2546 * 6 + 0.0118 * 170 + 0.0134 * 75
    assert dose("iwpc_clinical") == pytest.approx(by_hand**2)
    by_hand += -0.6752 + 1.2799 - 0.5695
    found = dose("iwpc_clinical", race="Asian", enzyme_inducer=True, amiodarone=True)
    assert found == pytest.approx(by_hand**2)


def test_gage_by_hand() -> None:
    by_hand = 0.9751 + 0.4317 * SURFACE - 0.00745 * 64 + 0.2029 * 2.5
    assert dose("gage") == pytest.approx(7 * np.exp(by_hand))
    by_hand += -0.3238 * 2 - 0.4008 - 0.2066 - 0.2538 + 0.0922 - 0.0901 + 0.0664
    found = dose(
        "gage",
        vkorc1="A/A",
        cyp2c9="*2/*3",
        amiodarone=True,
        current_smoker=True,
        race="Black",
        venous_thrombosis=True,
    )
    assert found == pytest.approx(7 * np.exp(by_hand))


# Genes.


def test_unknown_genes_have_terms_in_iwpc_alone() -> None:
    known = root("iwpc_pharmacogenetic")
    for missing in ("unknown", None):
        found = root("iwpc_pharmacogenetic", vkorc1=missing)
        assert found - known == pytest.approx(-0.4854)
        found = root("iwpc_pharmacogenetic", cyp2c9=missing)
        assert found - known == pytest.approx(-0.2188)
    people = pd.concat([person(), person(vkorc1=None), person(cyp2c9=None)])
    with pytest.raises(DataError) as caught:
        predict_dose(people, model="gage")
    assert str(caught.value) == (
        "vkorc1 must be known for everyone for 'gage'; got 1 of 3 unknown"
    )
    with pytest.raises(DataError, match=r"^cyp2c9 must be .* got 1 of 2 unknown$"):
        predict_dose(people.iloc[[0, 2]], model="gage")


def test_clinical_equation_asks_for_no_gene() -> None:
    blind = person().drop(columns=["vkorc1", "cyp2c9"])
    found = predict_dose(blind, model="iwpc_clinical")
    assert found == predict_dose(person(vkorc1="A/A"), model="iwpc_clinical")


def test_gage_counts_alleles() -> None:
    none, one, two = (dose("gage", vkorc1=v) for v in ("G/G", "A/G", "A/A"))
    assert one / none == pytest.approx(np.exp(-0.3238))
    assert two / one == pytest.approx(one / none)
    assert dose("gage", cyp2c9="*2/*2") / none == pytest.approx(np.exp(-2 * 0.2066))
    assert dose("gage", cyp2c9="*3/*3") / none == pytest.approx(np.exp(-2 * 0.4008))


@pytest.mark.parametrize("model", GENETIC)
def test_each_variant_lowers_the_dose(model: str) -> None:
    doses = dose_matrix(person(), model=model).reshape(3, 6)
    assert (np.diff(doses, axis=0) < 0).all()
    order = ["*1/*1", "*1/*2", "*2/*2"], ["*1/*1", "*1/*3", "*3/*3"], ["*2/*2", "*2/*3"]
    names = [cyp2c9 for _, cyp2c9 in GENOTYPE_PAIRS[:6]]
    for genotypes in order:
        places = [names.index(genotype) for genotype in genotypes]
        assert (np.diff(doses[:, places], axis=1) < 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_matrix_asks_the_twin_for_every_pair(model: str, people: pd.DataFrame) -> None:
    blind = people.drop(columns=["vkorc1", "cyp2c9"])
    doses = dose_matrix(blind, model=model)
    assert doses.shape == (500, 18)
    assert len(set(GENOTYPE_PAIRS)) == 18
    for place, (vkorc1, cyp2c9) in enumerate(GENOTYPE_PAIRS):
        asked = blind.assign(vkorc1=vkorc1, cyp2c9=cyp2c9)
        single = predict_dose(asked, model=model)
        np.testing.assert_allclose(doses[:, place], single, rtol=1e-13)


def test_an_exact_answer_is_a_genotype(people: pd.DataFrame) -> None:
    """The limit case of an attack: no two pairs give a person the same dose."""
    for model in GENETIC:
        doses = np.sort(dose_matrix(people, model=model), axis=1)
        assert (np.diff(doses, axis=1) > 1e-6).all()
    doses = dose_matrix(people, model="iwpc_clinical")
    assert (doses == doses[:, :1]).all()


# Body, age, race.


def test_age_counts_in_decades_to_ninety() -> None:
    for same in ((60, 69), (90, 99.5), (90, 110)):
        young, old = (dose("iwpc_pharmacogenetic", age_years=age) for age in same)
        assert young == old
    step = root("iwpc_clinical", age_years=70) - root("iwpc_clinical", age_years=69)
    assert step == pytest.approx(-0.2546)
    assert dose("gage", age_years=64.5) < dose("gage", age_years=64)


def test_races_by_their_terms() -> None:
    white = root("iwpc_pharmacogenetic")
    steps = {"Black": -0.2760, "Asian": -0.1092, "Hispanic": -0.1032, None: -0.1032}
    for race, step in steps.items():
        assert root("iwpc_pharmacogenetic", race=race) - white == pytest.approx(step)
    for race in ("Asian", "Hispanic", None):
        assert dose("gage", race=race) == dose("gage")
    assert dose("gage", race="Black") < dose("gage")


@given(
    st.floats(130, 210),
    st.floats(40, 180),
    st.integers(18, 99),
    st.sampled_from(MODELS),
)
@settings(deadline=None, max_examples=50)
def test_larger_people_need_more_and_older_less(
    height: float, weight: float, age: int, model: str
) -> None:
    body = {"height_cm": height, "weight_kg": weight, "age_years": age}
    base = dose(model, **body)
    assert 0 <= base < 200
    assert dose(model, **body | {"height_cm": height + 5}) > base
    assert dose(model, **body | {"weight_kg": weight + 5}) > base
    assert dose(model, **body | {"age_years": age + 10}) <= base


def test_a_sum_below_zero_is_no_dose() -> None:
    tiny = {"age_years": 92, "height_cm": 120, "weight_kg": 25, "race": "Black"}
    genes = {"vkorc1": "A/A", "cyp2c9": "*3/*3"}
    assert dose("iwpc_pharmacogenetic", amiodarone=True, **tiny, **genes) == 0
    assert dose("gage", amiodarone=True, **tiny, **genes) > 0


@pytest.mark.parametrize("model", MODELS)
def test_same_answer_for_any_order(
    model: str, people: pd.DataFrame, rng: np.random.Generator
) -> None:
    order = rng.permutation(len(people))
    turned = predict_dose(people.iloc[order], model=model)
    np.testing.assert_array_equal(turned, predict_dose(people, model=model)[order])


# The residual.


def test_residuals_are_normal_on_the_root(rng: np.random.Generator) -> None:
    people = pd.concat([person()] * 20_000)
    drawn = np.sqrt(simulate_dose(people, rng=rng))
    law = stats.norm(root("iwpc_pharmacogenetic"), dose_residual_sd())
    # A root of 6.5 is never cut off at 0.
    assert stats.kstest(drawn, law.cdf).pvalue > 0.01
    assert drawn.std() == pytest.approx(0.996, abs=0.02)


def test_residuals_are_cut_off_at_zero(rng: np.random.Generator) -> None:
    frail = {"age_years": 92, "height_cm": 140, "weight_kg": 40, "amiodarone": True}
    sensitive = frail | {"vkorc1": "A/A", "cyp2c9": "*3/*3"}
    mean = root("iwpc_pharmacogenetic", **sensitive)
    assert 0 < mean < 1
    drawn = np.sqrt(simulate_dose(pd.concat([person(**sensitive)] * 20_000), rng=rng))
    assert drawn.min() > 0
    sd = dose_residual_sd()
    law = stats.truncnorm(-mean / sd, np.inf, loc=mean, scale=sd)
    assert stats.kstest(drawn, law.cdf).pvalue > 0.01


def test_same_seed_same_dose(people: pd.DataFrame) -> None:
    first, second, other = (
        simulate_dose(people, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).all()
    assert (first >= 0).all()


def test_generator_is_required(people: pd.DataFrame) -> None:
    seed: Any = 1_709
    with pytest.raises(
        ParameterError, match=r"^rng must be a numpy\.random\.Generator"
    ):
        simulate_dose(people, rng=seed)


# Targets.


def test_targets_of_gage(people: pd.DataFrame) -> None:
    base = predict_dose(people, model="gage")
    np.testing.assert_array_equal(
        predict_dose(people, model="gage", target_inr=2.5), base
    )
    targets = np.where(people["race"] == "Asian", 3.0, 2.5)
    ratio = predict_dose(people, model="gage", target_inr=targets) / base
    np.testing.assert_allclose(ratio, np.exp(0.2029 * (targets - 2.5)))
    ratio = dose_matrix(people, model="gage", target_inr=3) / dose_matrix(
        people, model="gage"
    )
    np.testing.assert_allclose(ratio, np.exp(0.2029 * 0.5))


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (25, "target_inr must lie in 1 to 5 INR; got 1 of 1 outside"),
        ([2.5, 0.5], "target_inr must lie in 1 to 5 INR; got 1 of 2 outside"),
        (
            np.nan,
            "target_inr must be finite; got 1 of 1 missing or infinite",
        ),
        ("high", "target_inr must hold numbers only; got others"),
        ([2, 3], "target_inr must be a number or have shape (1,); got (2,)"),
    ],
)
def test_bad_targets(target: Any, text: str) -> None:
    with pytest.raises(ParameterError) as caught:
        predict_dose(person(), model="gage", target_inr=target)
    assert str(caught.value) == text


def test_iwpc_has_no_term_for_the_target() -> None:
    for function in (predict_dose, dose_matrix):
        with pytest.raises(ParameterError) as caught:
            function(person(), model="iwpc_clinical", target_inr=3)
        assert str(caught.value) == (
            "target_inr must be 2.5 for 'iwpc_clinical', which has no term for it; "
            "got others"
        )


# Errors and the list.


def test_unknown_model() -> None:
    for function in (predict_dose, dose_matrix):
        with pytest.raises(ParameterError) as caught:
            function(person(), model="iwpc")
        assert str(caught.value) == (
            "model must be one of 'iwpc_pharmacogenetic', 'iwpc_clinical', 'gage'; "
            "got 'iwpc'"
        )


@pytest.mark.parametrize("model", MODELS)
def test_columns_that_are_asked_for(model: str) -> None:
    with pytest.raises(DataError, match=r"missing: weight_kg;"):
        predict_dose(person().drop(columns="weight_kg"), model=model)
    unused = {
        "gage": ["enzyme_inducer"],
        "iwpc_clinical": ["current_smoker", "venous_thrombosis", "vkorc1", "cyp2c9"],
        "iwpc_pharmacogenetic": ["current_smoker", "venous_thrombosis"],
    }
    fewer = person().drop(columns=unused[model])
    assert predict_dose(fewer, model=model) == dose(model)


def test_list_of_models() -> None:
    table = describe_models().set_index("model")
    assert table.index.tolist() == MODELS
    assert table["n"].tolist() == [4043, 4043, 1015]
    assert table["n_validation"].tolist() == [1009, 1009, 292]
    assert table["r2_percent"].tolist() == [47, 27, 53]
    assert table["r2_validation_percent"].tolist() == [43, 26, 53]
    maes = table[["mae_mg_per_week", "mae_validation_mg_per_week"]]
    assert maes.loc[GENETIC[0]].tolist() == [8.3, 8.5]
    assert maes.loc["iwpc_clinical"].tolist() == [10.0, 9.9]
    assert maes.loc["gage"].isna().all()
    assert table["url"].str.startswith("https://doi.org/10.").all()
