"""Membership against people, attributes and models."""

from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor

from twinprivacy.datasets import load_cohort
from twinprivacy.errors import ParameterError
from twinprivacy.studies import membership_volumes

FEATURES = ["bmi_kg_m2", "mean_bp_mmhg", "age_years", "ldl_mg_dl", "hdl_mg_dl"]
sweep = partial(
    membership_volumes, outcome="progression_score", features=FEATURES, n_shadows=12
)


def test_more_people_hide_each_other(rng: np.random.Generator) -> None:
    table = sweep(
        load_cohort("diabetes"), volume="people", values=[24, 100, 400], rng=rng
    )
    assert table["value"].tolist() == table["n"].tolist() == [24, 100, 400]
    assert table["auc"].is_monotonic_decreasing
    ends = ["auc", "low", "high", "true_positive_rate", "tpr_low", "tpr_high"]
    for name in ("advantage", "bits"):
        ends += [name, f"{name}_low", f"{name}_high"]
    assert list(table) == ["volume", "value", "model", *ends, "n"]


def test_more_attributes_betray(rng: np.random.Generator) -> None:
    people = load_cohort("diabetes")[:60]
    table = sweep(people, volume="attributes", values=[1, 5], rng=rng)
    assert table["low"].iloc[1] > table["auc"].iloc[0]


def test_models_and_penalties(rng: np.random.Generator) -> None:
    models = {
        "penalty 1000": Ridge(1_000),
        "penalty 0.1": Ridge(0.1),
        "tree": DecisionTreeRegressor(),
        "the default": None,
    }
    table = sweep(
        load_cohort("diabetes")[:80], volume="model", values=models, rng=rng
    ).set_index("value")
    assert table["model"].tolist() == [
        "Ridge",
        "Ridge",
        "DecisionTreeRegressor",
        "default",
    ]
    assert table["auc"]["penalty 1000"] <= table["auc"]["penalty 0.1"] + 0.03
    assert table["low"]["tree"] > table["high"]["penalty 0.1"]
    assert table["true_positive_rate"]["tree"] > 0.5


def test_a_row_is_the_same_whatever_follows() -> None:
    people = load_cohort("diabetes")

    def first(values: list[int]) -> dict[str, object]:
        table = sweep(
            people, volume="people", values=values, rng=np.random.default_rng(1)
        )
        return table.iloc[0].to_dict()

    assert first([40]) == first([40, 80])


def test_bad_volumes_are_refused(rng: np.random.Generator) -> None:
    attempt = partial(sweep, load_cohort("diabetes"), rng=rng)
    message = r"^volume must be one of 'people', 'attributes', 'model'; got 'days'$"
    with pytest.raises(ParameterError, match=message):
        attempt(volume="days", values=[1])
    message = r"^values must hold one value at least; got none$"
    with pytest.raises(ParameterError, match=message):
        attempt(volume="people", values=[])
    message = r"^values must be a whole number of 1 to 5; got 6$"
    with pytest.raises(ParameterError, match=message):
        attempt(volume="attributes", values=[1, 6])
    for volume, bad in {"attributes": 1.5, "people": 50.5}.items():
        for value in (bad, "3"):
            message = rf"^values must be a whole number of \d to \d+; got {value!r}$"
            with pytest.raises(ParameterError, match=message):
                attempt(volume=volume, values=[value])
    message = (
        r"^values must be a mapping of estimators for the volume 'model', and whole "
        r"numbers for others; got list for 'model'$"
    )
    with pytest.raises(ParameterError, match=message):
        attempt(volume="model", values=[1])
