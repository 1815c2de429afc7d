"""Published figures of uniqueness in a population; ledger.csv lists them all."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ledger import agrees

from twinprivacy.attacks.uniqueness import (
    population_uniqueness,
    subsampling_error,
)

WORDS = ["workclass", "marital-status", "occupation", "relationship", "race", "sex"]


@pytest.fixture(scope="module")
def adult(shared_data: Path) -> pd.DataFrame:
    return pd.read_csv(shared_data / "adult" / "adults_coded.csv.gz")


def test_rocher_adult_demonstration(adult: pd.DataFrame) -> None:
    # The copula is fitted to a third of the people here, for the time it takes.
    sample = adult.sample(10_000, random_state=np.random.default_rng(2))
    found = population_uniqueness(
        sample,
        list(adult),
        100_000,
        method="rocher",
        n_resamples=10,
        rng=np.random.default_rng(3),
    )
    assert agrees(found.share_unique.value, "uniqueness of 100,000 from Adult's copula")
    assert agrees(found.correctness.value, "correctness of 100,000 from Adult's copula")
    quantity = "uniqueness of 10,000 from Adult's copula"
    assert agrees(found.expected_sample_unique, quantity)
    # The demonstration's model does not fit: .900 of such a sample are unique.
    assert found.sample_unique > found.expected_sample_unique + 0.05


@pytest.mark.parametrize(("n", "written"), [(1_000, "1,000"), (10_000, "10,000")])
def test_rocher_adult_in_smaller_populations(
    adult: pd.DataFrame, n: int, written: str
) -> None:
    found = population_uniqueness(
        adult.sample(n, random_state=np.random.default_rng(2)),
        list(adult),
        n + 1,  # of n people the sample would be all, and counted
        method="rocher",
        n_resamples=10,
        rng=np.random.default_rng(3),
    )
    correctness = found.correctness.value
    assert agrees(correctness, f"correctness of {written} from Adult's copula")
    if n == 1_000:
        unique = found.share_unique.value
        assert agrees(unique, "uniqueness of 1,000 from Adult's copula")


def test_adult_by_subsampling(adult: pd.DataFrame) -> None:
    people = adult.astype(dict.fromkeys(WORDS, "category"))
    names = ["age", "education-num", "occupation"]
    found = subsampling_error(
        people,
        names,
        fraction=0.05,
        n_repeats=3,
        rng=np.random.default_rng(5),
        n_resamples=10,
    ).set_index("method")
    assert agrees(
        found["truth"].iloc[0],
        "share of UCI Adult unique by age, education and occupation",
    )
    assert abs(found.loc["copula", "error"]) < 0.02
    assert abs(found.loc["pitman", "error"]) < 0.04
    assert found.loc["zayatz", "error"] > 0.1


def test_nhanes_by_subsampling(shared_data: Path) -> None:
    columns = ["Age", "Gender", "Race1", "Education", "Height"]
    people = pd.read_csv(shared_data / "nhanes" / "NHANESraw.csv.gz", usecols=columns)
    adults = people[people["Age"] >= 20].assign(Height=people["Height"] // 5)
    found = subsampling_error(
        adults,
        columns,
        fraction=0.1,
        n_repeats=3,
        rng=np.random.default_rng(1),
        n_resamples=10,
    ).set_index("method")
    # A third of US adults of the survey stand alone; education and race have no order.
    assert abs(found.loc["copula", "error"]) < 0.04
    assert 0 < found.loc["pitman", "error"] < 0.1
    assert found.loc["zayatz", "error"] > 0.25


def test_the_copula_is_off_by_more_than_its_interval_on_eleven_columns(
    adult: pd.DataFrame,
) -> None:
    people = adult.astype(dict.fromkeys(WORDS, "category"))
    found = subsampling_error(
        people,
        list(people),
        fraction=0.05,
        n_repeats=2,
        n_resamples=10,
        methods=["copula"],
        rng=np.random.default_rng(4),
    ).iloc[0]
    assert found["covered"] == 0
    assert 0.02 < found["error"] < 0.1
