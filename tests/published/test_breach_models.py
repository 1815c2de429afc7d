"""Published results on breach frequency and size; ledger.csv lists them all."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ledger import LEDGER, agrees, published

from twinprivacy import datasets
from twinprivacy.breaches import (
    SizeBins,
    SizeModel,
    annual_table,
    share_of_largest_binned,
    size_bins,
    tail_index,
)

EXPORT = Path("hhs_breaches") / "breach_report_2023-05-01.csv.gz"
ALL_YEARS = range(2009, 2025)


@pytest.fixture(scope="module")
def yearly_distribution() -> pd.DataFrame:
    table = datasets.load("ocr_size_distribution")
    table = table[table["group_kind"] == "year"]
    return table.assign(year=table["group"].astype(int)).set_index("year")


@pytest.fixture(scope="module")
def export(shared_data: Path) -> pd.DataFrame:
    return datasets.read_ocr_export(shared_data / EXPORT)


@pytest.fixture(scope="module")
def yearly_table(export: pd.DataFrame) -> pd.DataFrame:
    return annual_table(export).set_index("year")


@pytest.fixture(scope="module")
def all_bins() -> SizeBins:
    facts = datasets.load("ocr_binned_sizes")
    return size_bins(facts, years=ALL_YEARS, drop_placeholder_bin=False)


# Wheatley, Maillart and Sornette (2016).


def test_wheatley_share_above_ten_million() -> None:
    models = datasets.load("published_models")
    wheatley = models[models["model_id"] == "wheatley2016"].set_index("parameter")
    value = wheatley["value"]
    alpha, lower, upper = value[
        ["alpha_2015", "lower truncation u", "current maximum nu"]
    ]
    law = SizeModel(
        family="truncated_pareto",
        theta=np.array([np.log(alpha)]),
        covariance=np.zeros((1, 1)),
        lower=lower,
        upper=upper,
        n=0,
        n_parameters=0,
        log_likelihood=0.0,
    )
    share = float(law.survival(1e7))
    # (200^-0.37 - 4000^-0.37) / (1 - 4000^-0.37), with 1e7 / 5e4 and 2e8 / 5e4
    assert share == pytest.approx(
        (200**-0.37 - 4_000**-0.37) / (1 - 4_000**-0.37), rel=1e-12
    )
    assert round(share, 4) == 0.0989
    assert agrees(
        share, "share of breaches above 10 million items among those above 50000"
    )
    recomputed = value["P(size > 10 million) recomputed from alpha=0.37 u=5e4 nu=2e8"]
    assert share == pytest.approx(recomputed, abs=5e-5)


# The HHS portal.


def test_portal_2015_in_the_annual_series() -> None:
    totals = datasets.load("ocr_annual_totals")
    (row,) = totals[totals["preferred"] & (totals["year"] == 2015)].to_dict("records")
    assert agrees(
        row["breaches_500plus"], "breaches of 500 or more people reported in 2015"
    )
    assert agrees(row["individuals_affected"], "people in breaches reported in 2015")


def test_portal_2015_in_the_bins() -> None:
    facts = datasets.load("ocr_binned_sizes")
    bins = size_bins(facts, years=range(2015, 2016), drop_placeholder_bin=False)
    assert agrees(bins.counts.sum(), "breaches binned for 2015")
    assert agrees(bins.totals.sum(), "people binned for 2015")


def test_portal_2015_in_the_export(yearly_table: pd.DataFrame) -> None:
    row = yearly_table.loc[2015]
    assert agrees(row["n_breaches"], "breaches read from the export for 2015")
    assert agrees(row["n_individuals"], "people read from the export for 2015")


def test_size_distribution_of_unrevised_years(
    yearly_table: pd.DataFrame, yearly_distribution: pd.DataFrame
) -> None:
    both = yearly_distribution.join(yearly_table)
    # A report without a count is in the number of reports only, so sizes are alike
    # where the sums are.
    same = both[both["sum_individuals"] == both["n_individuals"]]
    assert set(same.index) >= {2009, 2010, 2011, 2012, 2014, 2015}
    # Printed as whole people, halves to the even number.
    np.testing.assert_array_equal(same["median_individuals"].round(), same["median"])
    np.testing.assert_array_equal(same["p90_individuals"].round(), same["p90"])
    np.testing.assert_array_equal(same["n_at_least_1m"], same["n_ge_1m"])
    np.testing.assert_array_equal(
        same["share_of_largest_1pct"].round(4), same["share_from_top_1pct"]
    )


def test_share_of_the_largest_in_2015(yearly_table: pd.DataFrame) -> None:
    share = yearly_table.loc[2015, "share_of_largest_1pct"]
    assert agrees(share, "share of the largest 1 % in 2015")


def test_share_of_the_largest_from_the_bins(all_bins: SizeBins) -> None:
    bounds = share_of_largest_binned(all_bins, 0.01).loc[0]
    assert agrees(bounds["middle"], "share of the largest 1 % of 2009-2024")
    assert bounds["high"] - bounds["low"] < 0.002


def test_tail_index_of_the_largest_tenth_from_the_bins(all_bins: SizeBins) -> None:
    starts = all_bins.bins[:, 0]
    beyond = all_bins.exceedances(starts)
    nearest = starts[np.abs(beyond - all_bins.counts.sum() / 10).argmin()]
    row = tail_index(all_bins.bins, counts=all_bins.counts, thresholds=nearest).loc[0]
    quantity = "Hill's tail index of the largest tenth of 2009-2024"
    assert agrees(row["tail_index"], quantity)
    assert row["low"] <= published(quantity)[0] <= row["high"]


# The ledger itself.


def test_every_reproduced_row_names_a_test_that_exists() -> None:
    sources = [
        path.read_text(encoding="utf-8")
        for path in Path(__file__).parent.glob("test_*.py")
    ]
    reproduced = LEDGER[LEDGER["status"] == "reproduced"]
    for name in reproduced["test"]:
        assert sum(f"def {name}(" in text for text in sources) == 1, name


def test_every_row_is_complete_and_listed_once() -> None:
    assert LEDGER.columns.tolist() == [
        "paper",
        "doi_or_url",
        "table",
        "quantity",
        "published",
        "tolerance",
        "test",
        "status",
        "reason",
    ]
    assert set(LEDGER["status"]) <= {"reproduced", "not reproducible offline"}
    always = ["paper", "doi_or_url", "table", "quantity", "status"]
    assert LEDGER[always].notna().all(axis=None)
    assert LEDGER["quantity"].is_unique
    missing = LEDGER[LEDGER["status"] != "reproduced"]
    assert missing["reason"].notna().all()
    assert missing["test"].isna().all()
