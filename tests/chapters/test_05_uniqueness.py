"""What chapter 5 finds: who stands alone, by which data, and in how large a crowd."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FIGURES = Path(__file__).parents[2] / "book" / "figures"
SIZES = (1_000, 10_000, 100_000, 1_000_000)


def figure(figure_id):
    return pd.read_csv(FIGURES / figure_id / f"{figure_id}.csv")


@pytest.fixture(scope="module")
def ladder():
    return figure("uniqueness-ladder").pivot_table("value", "volume", "n_people")


@pytest.fixture(scope="module")
def kinds():
    data = figure("uniqueness-kinds")
    return data.set_index(["panel", "series", "volume"])["value"].sort_index()


@pytest.fixture(scope="module")
def bands():
    data = figure("uniqueness-precision").astype({"volume_label": int})
    return data.set_index(["panel", "series", "volume_label"])["value"].sort_index()


def test_more_attributes_never_hide_and_more_people_never_expose(ladder):
    assert (ladder.diff().dropna() >= 0).all().all()
    assert (ladder.diff(axis=1).iloc[:, 1:] <= 1e-3).all().all()


def test_a_blood_pressure_makes_a_million_people_unique(ladder):
    by_million = ladder[SIZES[-1]]
    assert by_million[5] == pytest.approx(0.58, abs=0.01)
    assert by_million[7] > 0.985
    assert by_million[2] == 0


def test_one_attribute_makes_up_for_ten_times_the_people(ladder):
    passes = [np.interp(0.5, ladder[n], ladder.index) for n in SIZES]
    steps = np.diff(passes)
    assert ((steps > 0.2) & (steps < 1.6)).all()
    assert steps.mean() == pytest.approx(0.8, abs=0.3)


def test_laboratory_values_alone_name_and_genes_alone_do_not(kinds):
    assert kinds["alone", "six labs", SIZES[-1]] > 0.9999
    assert kinds["alone", "six genes", SIZES[-1]] < 0.001
    assert kinds["alone", "history"].max() == 0
    for kind in ("habits", "six genes", "history"):
        more = kinds["with age and sex", kind] - kinds["alone", kind]
        assert (more >= 0).all()


def test_coarser_bands_never_raise_uniqueness(bands):
    for _, part in bands.groupby(level=["panel", "series"]):
        assert (part.diff().dropna() <= 0).all()


def test_bands_help_a_form_and_not_a_record_with_laboratory_values(bands):
    line = "above the regulators' line"
    assert bands[line, "demographics", 5] < 0.2 < 0.99 < bands[line, "demographics", 1]
    assert bands[line, "and six labs", 20] > 0.85


def test_a_million_people_estimated_from_two_thousand(ladder):
    data = figure("uniqueness-population").set_index(["series", "volume"])
    six = data.loc[("six demographic", SIZES[-1])]
    truth = ladder.loc[5, SIZES[-1]]
    assert six["low"] - 0.01 < truth < six["high"] + 0.01
    for series in ("six demographic", "and blood pressure"):
        shares = data.loc[series].sort_index()["value"]
        assert (shares.diff().dropna() < 0).all()
    crowd = data.xs(10**8, level="volume")
    assert crowd.loc["and blood pressure", "low"] > crowd.loc["six demographic", "high"]


def test_patients_of_real_cohorts_are_unique_by_all_that_is_known():
    data = figure("uniqueness-cohorts").pivot_table("value", "panel", "who")
    assert (data["+ labs"] > 0.99).all()
    assert data["demographics"].min() < 0.01 < 0.9 < data["demographics"].max()
