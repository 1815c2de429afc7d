"""A ladder of data: what each rung buys, against its parts and a known truth."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsRegressor

from twinprivacy.datasets import load_cohort
from twinprivacy.errors import ParameterError
from twinprivacy.twins.outcome import (
    climb_ladder,
    fit_outcome_twin,
    measure_performance,
    performance_gain,
)

LADDER = {"demographics": ["age"], "laboratory": ["glucose"], "noise": ["a", "b"]}


def simulate(n: int, rng: np.random.Generator) -> pd.DataFrame:
    people = pd.DataFrame(rng.normal(size=(n, 4)), columns=["age", "glucose", "a", "b"])
    # Half of the variance explained, a fourth by each of two.
    people["score"] = people["age"] + people["glucose"] + rng.normal(size=n) * 2**0.5
    people["ill"] = people["score"] > 0
    return people


def climb(people: pd.DataFrame, **options: Any) -> pd.DataFrame:
    settings: dict[str, Any] = {
        "outcome": "score",
        "ladder": LADDER,
        "rng": np.random.default_rng(8),
    }
    return climb_ladder(people, **(settings | options))


def test_rungs_buy_what_they_hold(rng: np.random.Generator) -> None:
    rungs = climb(simulate(20_000, rng), measures=["r_squared"]).set_index("rung")
    truth = {"demographics": 0.25, "laboratory": 0.5, "noise": 0.5}
    assert rungs["value"].to_dict() == pytest.approx(truth, abs=0.02)
    assert (rungs["low"] < rungs["value"]).all()
    assert (rungs["value"] < rungs["high"]).all()
    gains = rungs[["gain", "gain_low", "gain_high"]]
    assert gains.loc["demographics"].isna().all()
    assert gains.loc["laboratory", "gain_low"] > 0.2
    assert gains.loc["noise", "gain_low"] < 0.001
    assert gains.loc["noise", "gain_high"] < 0.002
    assert rungs["n_features"].to_list() == [1, 2, 4]


def test_rows_are_those_of_the_parts(rng: np.random.Generator) -> None:
    people = simulate(200, rng)
    table = climb(people, confidence_level=0.9)
    assert table["measure"].tolist() == ["r_squared", "mean_absolute_error"] * 3
    seed = int(np.random.default_rng(8).integers(2**63))
    twins = [
        fit_outcome_twin(
            people,
            outcome="score",
            features=features,
            rng=np.random.default_rng(seed),
        )
        for features in (["age"], ["age", "glucose"])
    ]
    row = table.iloc[2]
    found = measure_performance(
        people["score"],
        twins[1].out_of_fold,
        measures=["r_squared"],
        confidence_level=0.9,
    ).loc[0]
    for column in ("measure", "value", "low", "high", "n", "confidence_level"):
        assert row[column] == found[column]
    gain = performance_gain(
        people["score"],
        twins[1].out_of_fold,
        twins[0].out_of_fold,
        measure="r_squared",
        confidence_level=0.9,
    )
    assert (row["gain"], row["gain_low"], row["gain_high"]) == (
        gain.value,
        gain.low,
        gain.high,
    )


@pytest.mark.parametrize(
    ("outcome", "measures"),
    [("ill", ["auc", "brier_score"]), ("score", ["r_squared", "mean_absolute_error"])],
)
def test_measures_suit_the_outcome(
    outcome: str, measures: list[str], rng: np.random.Generator
) -> None:
    table = climb(simulate(200, rng), outcome=outcome)
    assert table["measure"].unique().tolist() == measures


def test_overfitting_shows(rng: np.random.Generator) -> None:
    table = climb(simulate(200, rng), estimator=KNeighborsRegressor(1))
    of_r_squared = table[table["measure"] == "r_squared"]
    assert (of_r_squared["in_sample"] == 1).all()
    assert (of_r_squared["value"] < 0.5).all()


def test_real_survival_cohort() -> None:
    pytest.importorskip("sksurv")
    people = load_cohort("whas500")
    table = climb(
        people, outcome=("follow_up_days", "died"), ladder=people.attrs["ladder"]
    )
    assert table["rung"].tolist() == ["demographics", "history", "laboratory"]
    assert (table["measure"] == "concordance").all()
    # Age alone says much; history adds to it beyond chance.
    assert table["value"].iloc[0] > 0.7
    assert table["gain_low"].iloc[1] > 0
    assert (table["in_sample"] > table["value"]).all()


def test_rows_of_a_person_widen_the_interval() -> None:
    people = load_cohort("randhie").iloc[:4_000]
    options: dict[str, Any] = {
        "outcome": "doctor_visits",
        "ladder": {"history": people.attrs["ladder"]["history"]},
        "measures": ["r_squared"],
    }
    apart, whole = (
        climb(people, groups=groups, **options).iloc[0]
        for groups in (None, "person_block")
    )
    assert whole["high"] - whole["low"] > 1.2 * (apart["high"] - apart["low"])
    assert whole["value"] < apart["value"]


def test_same_seed_same_table(rng: np.random.Generator) -> None:
    people = simulate(200, rng)
    first, second = climb(people), climb(people)
    pd.testing.assert_frame_equal(first, second)
    shuffled = climb(people.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(first, shuffled, rtol=1e-9)


def refuses(message: str) -> Any:
    return pytest.raises(ParameterError, match=f"^{re.escape(message)}$")


def test_bad_ladder(rng: np.random.Generator) -> None:
    people = simulate(50, rng)
    message = "ladder must be one column or more, each once; got {} names of {} columns"
    with refuses(message.format(0, 0)):
        climb(people, ladder={})
    with refuses(message.replace("ladder", "rung 'b'").format(0, 0)):
        climb(people, ladder={"a": ["age"], "b": []})
    with refuses(message.format(2, 1)):
        climb(people, ladder={"a": ["age"], "b": ["age"]})
    with refuses("folds must be a whole number of 2 or more; got 0"):
        climb(people, folds=0)
    with pytest.raises(ParameterError, match=r"^measures must be one of .*; got 'f1'$"):
        climb(people, measures=["f1"])
    with refuses("confidence_level must lie strictly in (0, 1); got 1"):
        climb(people, confidence_level=1)
    with refuses("rng must be a numpy.random.Generator; got int"):
        climb(people, rng=3)
