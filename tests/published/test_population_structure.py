"""The shares and correlations in data/ against the public-use file they come from."""

from pathlib import Path

import pandas as pd
import pytest
from nhanes_structure import structure

from twinprivacy import datasets


@pytest.fixture(scope="module")
def people(shared_data: Path) -> pd.DataFrame:
    return pd.read_csv(shared_data / "nhanes" / "NHANESraw.csv.gz", low_memory=False)


def test_the_table_is_what_the_public_use_file_gives(people: pd.DataFrame) -> None:
    found = structure(people)
    ours = datasets.load("population_structure")
    pd.testing.assert_frame_equal(found.astype(ours.dtypes), ours, check_like=False)


def test_correlations_agree_with_the_older_table() -> None:
    """Six quantities were computed before, on people who had all six measured."""
    ours = datasets.load("population_structure").query("statistic == 'correlation'")
    margins = datasets.load("population_margins").query("statistic == 'correlation'")
    short = {
        "age": "age_years",
        "bmi": "bmi_kg_m2",
        "systolic_bp": "systolic_bp_mmhg",
        "diastolic_bp": "diastolic_bp_mmhg",
        "total_cholesterol": "total_cholesterol_mg_dl",
        "hdl_cholesterol": "hdl_mg_dl",
    }
    pairs = margins["quantity"].str.split("|", expand=True).replace(short)
    margins = margins.assign(quantity=pairs[0], other=pairs[1])
    keys = ["sex", "age_band", "quantity", "other"]
    both = margins.merge(ours, on=keys, suffixes=("_old", "_new"))
    assert len(both) == 6 * 15
    assert (both["value_old"] - both["value_new"]).abs().max() < 0.06
