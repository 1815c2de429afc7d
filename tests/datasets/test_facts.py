import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from twinprivacy import datasets
from twinprivacy.datasets.facts import _convert, _find_problem
from twinprivacy.errors import DataError, ParameterError


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the facts that a test may damage."""
    return Path(shutil.copytree(datasets.data_folder(), tmp_path / "data"))


def edit_field(folder: Path, name: str, column: str, change: dict) -> None:
    descriptor = folder / "datapackage.json"
    package = json.loads(descriptor.read_text(encoding="utf-8"))
    resource = next(r for r in package["resources"] if r["name"] == name)
    field = next(f for f in resource["schema"]["fields"] if f["name"] == column)
    field.update(change)
    descriptor.write_text(json.dumps(package), encoding="utf-8")


@pytest.mark.parametrize("name", datasets.names())
def test_every_data_file_loads_with_its_provenance(name):
    frame = datasets.load(name)
    assert len(frame) > 0
    assert frame.attrs["name"] == name
    assert len(frame.attrs["sha256"]) == 64
    assert frame.attrs["sources"]
    assert frame.attrs["licence"]
    assert [c["column"] for c in frame.attrs["columns"]] == list(frame.columns)
    # Provenance survives what is done to a frame, and does not stand in the way.
    assert frame.head(1).attrs == frame.attrs
    assert len(pd.concat([frame, frame])) == 2 * len(frame)


@pytest.mark.parametrize("name", datasets.names())
def test_no_value_is_lost_in_conversion(name):
    as_text = pd.read_csv(
        datasets.data_folder() / f"{name}.csv", dtype=str, keep_default_na=False
    )
    assert datasets.load(name).isna().sum().eq((as_text == "").sum()).all()


def test_columns_have_the_types_of_the_descriptor():
    totals = datasets.load("ocr_annual_totals")
    assert totals["year"].dtype == "Int64"  # two rows sum several years
    assert totals["preferred"].dtype == bool
    assert datasets.load("ocr_binned_sizes")["year"].dtype == "int64"
    largest = datasets.load("ocr_largest_breaches")
    assert largest["submission_date"].dtype.kind == "M"
    assert datasets.load("cvd_risk_coefficients")["value"].dtype == "float64"


def test_describe_prints_columns_with_units_sources_and_licence():
    about = datasets.describe("ocr_binned_sizes")
    assert list(about.columns) == ["column", "type", "unit", "description"]
    text = str(about)
    assert "sum_individuals (integer, people): Exact sum" in text
    assert "https://ocrportal.hhs.gov/ocr/breach/breach_report.jsf" in text
    assert "CC0 1.0" in text


def test_an_unknown_name_is_answered_with_the_known_ones():
    allowed = ", ".join(repr(name) for name in datasets.names())
    with pytest.raises(ParameterError) as error:
        datasets.load("breaches")
    assert str(error.value) == f"name must be one of {allowed}; got 'breaches'"


def test_a_changed_value_is_refused(copy):
    file = copy / "warfarin_iwpc_coefficients.csv"
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace("5.6044", "5.6045"), encoding="utf-8", newline="\n")
    with pytest.raises(DataError) as error:
        datasets.load("warfarin_iwpc_coefficients", folder=copy)
    expected = datasets.describe("warfarin_iwpc_coefficients").sha256
    got = hashlib.sha256(file.read_bytes()).hexdigest()
    message = (
        "warfarin_iwpc_coefficients.csv is not the file that datapackage.json "
        f"describes: expected sha256:{expected}, got sha256:{got}"
    )
    assert str(error.value) == message
    assert datasets.check(folder=copy) == [message]


def test_check_finds_missing_and_unregistered_files(copy):
    (copy / "governance.csv").unlink()
    (copy / "new.csv").write_text("a\n1\n", encoding="utf-8")
    assert datasets.check(folder=copy) == [
        "new.csv is not registered in datapackage.json",
        "governance.csv is registered but missing",
    ]


def test_rehash_accepts_a_valid_correction_and_nothing_else(copy):
    file = copy / "ocr_binned_sizes.csv"
    original = file.read_text(encoding="utf-8")
    file.write_text(original.replace("theft,", "lost,"), encoding="utf-8", newline="\n")
    n_wrong = original.count("theft,")
    with pytest.raises(DataError) as error:
        datasets.rehash(folder=copy)
    assert str(error.value) == (
        "ocr_binned_sizes.csv, column incident_type: "
        f"{n_wrong} of 2347 values are not among the allowed ones"
    )
    corrected = original.rsplit("\n", 2)[0] + "\n"  # one row less
    file.write_text(corrected, encoding="utf-8", newline="\n")
    assert datasets.rehash(folder=copy) == ["ocr_binned_sizes"]
    assert datasets.check(folder=copy) == []
    assert len(datasets.load("ocr_binned_sizes", folder=copy)) == 2346
    assert not list(copy.glob("*.partial"))


def test_rehash_leaves_the_shipped_descriptor_as_it_is(copy):
    before = (copy / "datapackage.json").read_bytes()
    assert datasets.rehash(folder=copy) == []
    assert (copy / "datapackage.json").read_bytes() == before


def register(folder: Path, entry: dict) -> None:
    descriptor = folder / "datapackage.json"
    package = json.loads(descriptor.read_text(encoding="utf-8"))
    package["resources"].append(entry)
    descriptor.write_text(json.dumps(package), encoding="utf-8")


def test_a_new_file_takes_an_entry_and_one_command(copy):
    (copy / "new.csv").write_text("year\n2024\n", encoding="utf-8")
    year = {
        "name": "year",
        "type": "integer",
        "description": "Year of it.",
        "unit": "y",
    }
    entry = {
        "name": "new",
        "path": "new.csv",
        "title": "New",
        "description": "A new file.",
        "sources": [{"title": "Somebody"}],
        "licenses": [{"name": "CC0-1.0", "title": "CC0 1.0"}],
        "schema": {"fields": [year]},
    }
    register(copy, entry | {"title": ""})
    with pytest.raises(DataError) as error:
        datasets.rehash(folder=copy)
    assert str(error.value) == "datapackage.json, new: title missing"
    shutil.copy(datasets.data_folder() / "datapackage.json", copy)
    register(copy, entry)
    assert datasets.check(folder=copy) == ["datapackage.json, new: hash missing"]
    assert datasets.rehash(folder=copy) == ["new"]
    assert datasets.check(folder=copy) == []
    assert datasets.load("new", folder=copy)["year"].tolist() == [2024]


def test_a_broken_descriptor_is_named(copy):
    (copy / "datapackage.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError) as error:
        datasets.names(folder=copy)
    assert str(error.value) == "datapackage.json is missing or not JSON"


def test_a_renamed_column_is_refused(copy):
    edit_field(copy, "ocr_binned_sizes", "year", {"name": "submission_year"})
    rest = (
        "entity_type, incident_type, size_low, size_high, n_breaches, sum_individuals"
    )
    with pytest.raises(DataError) as error:
        datasets.load("ocr_binned_sizes", folder=copy)
    assert str(error.value) == (
        f"ocr_binned_sizes.csv must have the columns submission_year, {rest}; "
        f"got year, {rest}"
    )


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ({"type": "integer"}, "1 of 3 values are not of type integer"),
        ({"type": "date"}, "2 of 3 values are not of type date"),
        ({"type": "boolean"}, "2 of 3 values are not of type boolean"),
        (
            {"type": "number", "constraints": {"required": True}},
            "1 of 3 values are missing, but all are required",
        ),
        (
            {"type": "number", "constraints": {"minimum": 2}},
            "1 of 3 values are below 2",
        ),
        (
            {"type": "number", "constraints": {"maximum": 2}},
            "1 of 3 values are above 2",
        ),
        (
            {"type": "string", "constraints": {"enum": ["1"]}},
            "1 of 3 values are not among the allowed ones",
        ),
        (
            {"type": "string", "constraints": {"pattern": "[0-9]"}},
            "1 of 3 values do not match [0-9]",
        ),
    ],
)
def test_a_column_problem_is_named_without_its_values(field, problem):
    assert _find_problem(pd.Series(["1", "2.5", ""]), {"name": "x"} | field) == problem


def test_repeated_values_break_a_unique_column():
    field = {"name": "x", "type": "string", "constraints": {"unique": True}}
    assert _find_problem(pd.Series(["a", "a"]), field) == "1 of 2 values are repeated"


def test_flags_convert_with_their_own_words():
    field = {"type": "boolean", "trueValues": ["yes"], "falseValues": ["no"]}
    assert _convert(pd.Series(["yes", "no"]), field).tolist() == [True, False]
    assert _convert(pd.Series(["yes", ""]), field).tolist() == [True, pd.NA]
