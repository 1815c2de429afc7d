"""The facts as a data package, and the sums that hold within and between files."""

import json
import warnings

import pandas as pd
import pytest

from twinprivacy import datasets

FOLDER = datasets.data_folder()
PACKAGE = json.loads((FOLDER / "datapackage.json").read_text(encoding="utf-8"))
RESOURCES = {resource["name"]: resource for resource in PACKAGE["resources"]}
# A word for a column is no description.
MIN_WORDS = 2


def test_frictionless_finds_every_resource_valid():
    with warnings.catch_warnings():
        # frictionless and its dependencies use deprecated names of other libraries.
        warnings.simplefilter("ignore", DeprecationWarning)
        from frictionless import Package

        report = Package(str(FOLDER / "datapackage.json")).validate()
    assert report.flatten(["name", "type", "note"]) == []
    assert report.stats["tasks"] == len(RESOURCES)


def test_every_file_is_registered_and_every_registration_has_a_file():
    assert {file.stem for file in FOLDER.glob("*.csv")} == set(RESOURCES)
    assert all(r["path"] == f"{name}.csv" for name, r in RESOURCES.items())


@pytest.mark.parametrize("name", RESOURCES)
def test_every_file_has_title_source_and_licence(name):
    resource = RESOURCES[name]
    assert resource["title"]
    assert len(resource["description"].split()) > MIN_WORDS
    assert all(source["title"] for source in resource["sources"])
    assert {licence["name"] for licence in resource["licenses"]} <= {
        "CC0-1.0",
        "CC-BY-4.0",
    }


@pytest.mark.parametrize("name", RESOURCES)
def test_every_column_is_described_and_every_number_has_a_unit(name):
    for field in RESOURCES[name]["schema"]["fields"]:
        assert len(field["description"].split()) >= MIN_WORDS
        assert field["type"] not in {"integer", "number"} or field.get("unit"), field


@pytest.mark.parametrize("name", RESOURCES)
def test_files_are_utf8_with_unix_newlines_and_clean_cells(name):
    raw = (FOLDER / f"{name}.csv").read_bytes()
    assert b"\r" not in raw
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert raw.endswith(b"\n")
    cells = pd.read_csv(FOLDER / f"{name}.csv", dtype=str, keep_default_na=False)
    assert cells.map(str.strip).equals(cells)
    assert not cells.duplicated().any()


def test_binned_sizes_lie_in_their_bins():
    bins = datasets.load("ocr_binned_sizes")
    mean = bins["sum_individuals"] / bins["n_breaches"]
    assert mean.between(bins["size_low"], bins["size_high"] - 1).all()
    key = ["year", "entity_type", "incident_type", "size_low"]
    assert not bins.duplicated(key).any()
    edges = bins[["size_low", "size_high"]].drop_duplicates()
    assert edges["size_low"].is_unique
    assert edges["size_high"].is_unique


def preferred_totals() -> pd.DataFrame:
    totals = datasets.load("ocr_annual_totals")
    return totals[totals["preferred"]].set_index("year")


def test_binned_sizes_add_up_to_the_annual_totals():
    by_year = datasets.load("ocr_binned_sizes").groupby("year")
    bins = by_year[["n_breaches", "sum_individuals"]].sum().loc[2009:2022]
    totals = preferred_totals().loc[2009:2022]
    missing_reports = totals["breaches_500plus"] - bins["n_breaches"]
    missing_people = totals["individuals_affected"] - bins["sum_individuals"]
    # 2012 and 2017: of two reports alike but for their description one is binned;
    # 2013: one report has no count.
    assert missing_reports[missing_reports != 0].to_dict() == {
        2012: 1,
        2013: 1,
        2017: 1,
    }
    assert missing_people[missing_people != 0].to_dict() == {2012: 540, 2017: 1741}


def test_exactly_one_row_per_year_is_preferred():
    assert preferred_totals().index.tolist() == list(range(2009, 2027))


def test_size_distribution_agrees_with_the_annual_totals():
    sizes = datasets.load("ocr_size_distribution")
    sizes = sizes[sizes["group_kind"] == "year"].set_index("group")
    totals = preferred_totals().loc[2009:2023, "individuals_affected"]
    totals.index = totals.index.astype(str)
    assert (sizes["sum_individuals"].loc[totals.index] == totals).all()


def test_excluded_impacts_have_a_reason_and_the_others_none():
    impacts = datasets.load("health_breach_impacts")
    assert (impacts["exclude_reason"].isna() == impacts["include"]).all()
    usd = impacts[impacts["currency"] == "USD"]
    assert (usd["amount_usd"] == usd["amount_original"]).all()


def test_largest_breaches_are_ranked_by_size():
    largest = datasets.load("ocr_largest_breaches")
    assert largest["rank"].tolist() == list(range(1, len(largest) + 1))
    assert largest["individuals_affected"].is_monotonic_decreasing
    assert (largest["submission_date"].dt.year == largest["year"]).all()


def test_frequencies_of_one_locus_do_not_exceed_one():
    genes = datasets.load("allele_frequencies")
    assert genes["frequency"].dropna().between(0, 1).all()
    assert (genes["frequency"].isna() == (genes["check"] == "not found")).all()
