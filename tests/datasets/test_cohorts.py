"""Real cohorts of other packages: what is read, what it is called, what is refused."""

import builtins
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from twinprivacy import datasets
from twinprivacy.datasets import cohort_names, load_cohort
from twinprivacy.errors import DataError, ParameterError

NAMES = ["actg320", "diabetes", "flchain", "randhie", "whas500"]
DICTIONARY = datasets.load("cohort_columns")


@pytest.fixture(scope="module")
def cohorts() -> dict[str, pd.DataFrame]:
    pytest.importorskip("sksurv")
    return {name: load_cohort(name) for name in NAMES}


def test_names() -> None:
    assert cohort_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_those_of_the_dictionary(
    name: str, cohorts: dict[str, pd.DataFrame]
) -> None:
    people = cohorts[name]
    rows = DICTIONARY[DICTIONARY["cohort"] == name].set_index("column")
    assert list(people.columns) == list(rows.index)
    assert people.index.equals(pd.RangeIndex(len(people)))
    assert people.isna().sum().to_dict() == rows["n_missing"].to_dict()
    for column, row in rows.iterrows():
        values = people[column]
        if row["kind"] == "number":
            assert values.dtype in ("int64", "float64")
            # The dictionary keeps ten digits.
            np.testing.assert_allclose(
                (values.min(), values.max()), (row["low"], row["high"]), rtol=1e-9
            )
        elif row["kind"] == "flag":
            assert values.dtype == bool
            assert values.nunique() == 2
        else:
            coded = [pair.split("=")[1] for pair in row["codes"].split("; ")]
            assert values.cat.categories.tolist() == coded
            assert set(values.unique()) == set(coded)


@pytest.mark.parametrize("name", NAMES)
def test_provenance_and_ladder(name: str, cohorts: dict[str, pd.DataFrame]) -> None:
    people = cohorts[name]
    about = people.attrs
    assert about["name"] == name
    assert about["title"]
    assert about["licence"]
    assert about["sources"]
    assert len(about["sha256"]) == 64
    assert [row["column"] for row in about["columns"]] == list(people.columns)
    rungs = [column for rung in about["ladder"].values() for column in rung]
    assert len(set(rungs)) == len(rungs)
    outcome = about["outcome"]
    outcome = outcome if isinstance(outcome, list) else [outcome]
    assert set(outcome) <= set(people.columns)
    assert not set(outcome) & set(rungs)
    # Provenance does not stand in the way.
    assert len(pd.concat([people, people])) == 2 * len(people)
    assert people.head(1).attrs == about


def test_what_would_leak_the_outcome_is_no_feature(
    cohorts: dict[str, pd.DataFrame],
) -> None:
    assert "chapter" not in set(DICTIONARY["original"])
    rungs = {
        name: {c for rung in people.attrs["ladder"].values() for c in rung}
        for name, people in cohorts.items()
    }
    assert "hospital_stay_days" not in rungs["whas500"]
    # A hospital stay cannot outlast the life that it ends.
    whas = cohorts["whas500"]
    assert (whas["hospital_stay_days"] <= whas["follow_up_days"]).all()
    assert "sample_year" not in rungs["flchain"]


def test_survival_is_two_columns(cohorts: dict[str, pd.DataFrame]) -> None:
    for name in ("actg320", "flchain", "whas500"):
        days, event = cohorts[name].attrs["outcome"]
        assert days == "follow_up_days"
        assert cohorts[name][days].ge(0).all()
        assert cohorts[name][event].dtype == bool


def test_randhie_is_people_over_years(cohorts: dict[str, pd.DataFrame]) -> None:
    people = cohorts["randhie"]
    assert sorted(people["coinsurance_percent"].unique()) == [0, 25, 50, 95, 100]
    # People enrolled for three or for five years.
    runs = people["person_block"].value_counts()
    assert runs.isin([3, 5]).mean() > 0.8
    known = people.drop(columns=["doctor_visits", "person_block"])
    one_each = known.join(people["person_block"]).drop_duplicates()
    assert len(one_each) == runs.size


def test_diabetes_ratio_is_that_of_its_columns(
    cohorts: dict[str, pd.DataFrame],
) -> None:
    people = cohorts["diabetes"]
    ratio = people["total_cholesterol_mg_dl"] / people["hdl_mg_dl"]
    error = (ratio - people["cholesterol_to_hdl_ratio"]).abs()
    # The copy gives most of them as whole numbers, and some not quite rounded.
    assert error.max() < 0.66
    assert error.median() < 0.25


def test_unknown_name() -> None:
    allowed = ", ".join(repr(name) for name in NAMES)
    message = f"^name must be one of {allowed}; got 'heart'$"
    with pytest.raises(ParameterError, match=message):
        load_cohort("heart")


def test_without_scikit_survival(monkeypatch: pytest.MonkeyPatch) -> None:
    true_import = builtins.__import__

    def no_sksurv(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("sksurv"):
            raise ImportError(name)
        return true_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_sksurv)
    message = re.escape(
        "whas500 comes with scikit-survival, which is not installed: "
        "pip install scikit-survival, or this package with its extra 'book'"
    )
    with pytest.raises(DataError, match=f"^{message}$"):
        load_cohort("whas500")
    assert len(load_cohort("diabetes")) == 442


def test_another_version_of_a_cohort(monkeypatch: pytest.MonkeyPatch) -> None:
    from statsmodels.datasets import randhie

    found = randhie.load_pandas()
    changed = found.data.copy()
    changed.loc[17, "mdvis"] = 987_654
    monkeypatch.setattr(found, "data", changed)
    monkeypatch.setattr(randhie, "load_pandas", lambda: found)
    message = (
        r"^randhie is not the table that cohort_columns describes, that of statsmodels "
        r"\d+\.\d+\.\d+: expected sha256:[0-9a-f]{64}, got sha256:[0-9a-f]{64}$"
    )
    with pytest.raises(DataError, match=message) as error:
        load_cohort("randhie")
    assert "987654" not in str(error.value)


def test_every_number_of_the_dictionary_has_a_unit() -> None:
    is_number = DICTIONARY["kind"] == "number"
    assert (DICTIONARY["unit"].notna() == is_number).all()
    assert (DICTIONARY["codes"].isna() == is_number).all()
    assert (DICTIONARY["low"].notna() == is_number).all()
    assert not DICTIONARY.duplicated(["cohort", "column"]).any()


def test_bundled_data_sets_that_are_loaded_have_a_hash() -> None:
    table = datasets.load("bundled_datasets")
    assert sorted(table.loc[table["sha256"].notna(), "dataset"]) == NAMES
