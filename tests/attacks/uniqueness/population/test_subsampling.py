"""Errors of population uniqueness on known populations."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config

from twinprivacy.attacks.uniqueness import subsampling_error
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.people import simulate_cohort


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    people = simulate_cohort(10_000, rng=np.random.default_rng(1_709))
    people["height_cm"] = people["height_cm"] // 5
    people["weight_kg"] = people["weight_kg"] // 10
    return people[["age_years", "sex", "race", "height_cm", "weight_kg"]]


def test_the_copula_nearly_fits_a_simulated_cohort(cohort: pd.DataFrame) -> None:
    found = subsampling_error(
        cohort,
        list(cohort),
        fraction=[0.05, 0.1],
        n_repeats=3,
        rng=np.random.default_rng(3),
        n_resamples=10,
    )
    assert found["method"].tolist() == ["copula", "pitman", "zayatz"] * 2
    assert found["n_sample"].tolist() == [500] * 3 + [1_000] * 3
    truth = 1 - cohort.duplicated(keep=False).mean()
    assert found["truth"].to_numpy() == pytest.approx(truth)
    by = found.set_index(["method", "fraction"])
    assert by.loc["copula", "error"].abs().max() < 0.04
    # Zayatz takes the sample's sets for the population's: far too many are unique.
    assert (by.loc["zayatz", "error"] > 0.25).all()
    assert (by.loc["zayatz", "covered"] == 0).all()
    assert by.loc[("zayatz", 0.1), "error"] < by.loc[("zayatz", 0.05), "error"]
    assert (found["low"] <= found["error"]).all()
    assert (found["error"] <= found["high"]).all()
    assert (found["root_mean_square_error"] >= found["error"].abs() - 1e-12).all()


def test_workers_do_not_matter(cohort: pd.DataFrame) -> None:
    found = []
    for n_jobs in (1, 2):
        with parallel_config("threading", n_jobs=n_jobs):
            found.append(
                subsampling_error(
                    cohort,
                    ["age_years", "sex"],
                    fraction=0.02,
                    n_repeats=2,
                    methods=["pitman", "zayatz"],
                    rng=np.random.default_rng(8),
                )
            )
    pd.testing.assert_frame_equal(*found)


def test_bad_input(cohort: pd.DataFrame, rng: np.random.Generator) -> None:
    names = ["age_years"]
    with pytest.raises(DataError, match=r"^population must have the columns iq once"):
        subsampling_error(cohort, ["iq"], rng=rng)
    message = "^fraction must give a sample of 2 people or more; got 0.0001 of 10000$"
    with pytest.raises(ParameterError, match=message):
        subsampling_error(cohort, names, fraction=0.0001, rng=rng)
    with pytest.raises(
        ParameterError, match=r"^fraction must lie strictly in \(0, 1\)"
    ):
        subsampling_error(cohort, names, fraction=1.0, rng=rng)
    with pytest.raises(ParameterError, match=r"^n_repeats must be a whole number of 2"):
        subsampling_error(cohort, names, n_repeats=1, rng=rng)
    with pytest.raises(ParameterError, match=r"^methods must be one column or more"):
        subsampling_error(cohort, names, methods=[], rng=rng)
    with pytest.raises(ParameterError, match=r"^method must be one of 'copula', "):
        subsampling_error(cohort, names, methods=["guess"], rng=rng)
