"""Exports of the breach portal as users meet them; every entity here is invented."""

import csv
import gzip
import io
import itertools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from twinprivacy import datasets
from twinprivacy.errors import DataError, ParameterError

HEADER = (
    "Name of Covered Entity",
    "State",
    "Covered Entity Type",
    "Individuals Affected",
    "Breach Submission Date",
    "Type of Breach",
    "Location of Breached Information",
    "Business Associate Present",
    "Web Description",
)
HACK = "Hacking/IT Incident"
ACCESS = "Unauthorized Access/Disclosure"
EXPORT = "hhs_breaches/breach_report_2023-05-01.csv.gz"


def report(
    entity: str = "Alder Clinic",
    count: object = 1234,
    date: str = "01/31/2024",
    kind: str = HACK,
    location: str = "Email",
    description: str = "",
) -> tuple[str, ...]:
    return (
        entity,
        "NY",
        "Healthcare Provider",
        str(count),
        date,
        kind,
        location,
        "No",
        description,
    )


def as_csv(
    records: Sequence[Sequence[str]],
    header: Sequence[str] = HEADER,
    delimiter: str = ",",
) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([header, *records])
    return text.getvalue()


@pytest.fixture
def read(tmp_path):
    """Write the contents to files and read them as exports."""

    def write_and_read(*contents, names=None, **options):
        paths = []
        for number, content in enumerate(contents):
            name = names[number] if names else f"breach_report_{number}.csv"
            path = tmp_path / name
            raw = content if isinstance(content, bytes) else content.encode()
            path.write_bytes(raw)
            paths.append(path)
        return datasets.read_ocr_export(*paths, **options)

    return write_and_read


def account(reports: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Rows by action and reason, over all files."""
    frame = datasets.summarise_account(reports)
    rows = frame.groupby(["action", "reason"])["n_rows"].sum()
    return {(str(a), str(r)): int(n) for (a, r), n in rows.items()}


def assert_adds_up(reports: pd.DataFrame) -> None:
    frame = datasets.summarise_account(reports)
    for _, rows in frame.groupby(["file", "as_of"]):
        n = rows.groupby("action")["n_rows"].sum()
        kept = n.get("changed", 0) + n["kept as read"]
        assert n["read"] == n.get("dropped", 0) + kept
    total = frame.groupby("action")["n_rows"].sum()
    assert total["read"] - total.get("dropped", 0) == len(reports)


# -- one file ------------------------------------------------------------------------


def test_a_clean_export_becomes_a_tidy_frame(read):
    reports = read(as_csv([report(kind=f"Theft, {ACCESS}")]))
    assert reports.iloc[0].to_dict() == {
        "entity": "Alder Clinic",
        "state": "NY",
        "entity_type": "provider",
        "individuals": 1234,
        "submission_date": pd.Timestamp("2024-01-31"),
        "year": 2024,
        "incident_type": "unauthorized_access",
        "incident_types": "unauthorized_access|theft",
        "location": "Email",
        "business_associate_present": False,
        "placeholder": False,
        "source": "breach_report_0.csv",
    }
    assert account(reports) == {
        ("read", ""): 1,
        ("kept as read", ""): 1,
        ("noted", "several kinds of incident"): 1,
    }
    assert reports.dtypes.astype(str)[
        ["individuals", "year", "placeholder"]
    ].tolist() == [
        "Int64",
        "int64",
        "bool",
    ]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_any_usual_encoding_is_read(read, encoding):
    text = as_csv([report("Clínica “Álamo”")])
    assert read(text.encode(encoding)).loc[0, "entity"] == "Clínica “Álamo”"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(read, delimiter):
    records = [report("Alder, Birch; Cedar", kind=f"Loss, {HACK}")]
    reports = read(as_csv(records, delimiter=delimiter))
    assert reports.loc[0, "entity"] == "Alder, Birch; Cedar"
    assert reports.loc[0, "incident_types"] == "hacking|loss"


def test_gzip_is_recognised_by_content_not_by_name(read):
    reports = read(gzip.compress(as_csv([report()]).encode()), names=["export.csv"])
    assert len(reports) == 1


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_line_ending_is_read(read, ending):
    text = as_csv([report(), report("Birch Plan")]).replace("\r\n", ending)
    assert len(read(text)) == 2


@pytest.mark.parametrize(
    "header",
    [
        [cell.upper() for cell in HEADER],
        [f"  {cell}  " for cell in HEADER],
        [cell.replace(" ", "\n") for cell in HEADER],
        [cell.replace(" ", "\r\n") for cell in HEADER],
        [cell.replace(" ", "<br/>") for cell in HEADER],
        [cell.replace(" ", "&nbsp;") for cell in HEADER],
        [f"<b>{cell}</b>" for cell in HEADER],
        [f'"{cell}"' for cell in HEADER],
        ["\ufeffName of Covered Entity", *HEADER[1:]],
        [cell[:12] for cell in HEADER],
        [cell.replace(" ", "_") for cell in HEADER],
        [f"{cell} (sort)" if cell != "State" else cell for cell in HEADER],
    ],
)
def test_broken_header_cells_are_recognised(read, header):
    reports = read(as_csv([report()], header))
    assert reports.loc[0, "entity"] == "Alder Clinic"
    assert reports.loc[0, "individuals"] == 1234
    assert account(reports)["read", ""] == 1


def test_a_header_broken_over_lines_without_quotes_is_joined(read):
    text = (
        ",".join(HEADER)
        .replace("Individuals ", "Individuals\n")
        .replace("Type of", "Type\nof", 1)
    )
    reports = read(f"{text}\n{','.join(report())}\n")
    assert reports.loc[0, "individuals"] == 1234
    assert account(reports) == {("read", ""): 1, ("kept as read", ""): 1}


def test_columns_may_come_in_another_order_and_with_others_between(read):
    header = ["", *reversed(HEADER), "Notes"]
    reports = read(as_csv([["0", *reversed(report()), "x"]], header))
    assert reports.loc[0, "entity"] == "Alder Clinic"


def test_lines_that_are_no_reports_are_dropped_and_counted(read):
    text = (
        "US Department of Health and Human Services\n"
        "Breach Report, as of today\n\n"
        + as_csv(
            [
                report(),
                [""] * 9,
                ["Total", "", "", "", "", "", "", "", ""],
                ["Total", "", "", "1234", "", "", "", "", ""],
                HEADER,
                report("Birch Plan", date=""),
                report("Cedar Plan", date="31/31/2024"),
            ]
        )
        + "\n\nThis list was made for you.\n"
    )
    reports = read(text)
    assert len(reports) == 1
    assert account(reports) == {
        ("read", ""): 13,
        ("dropped", "before the header"): 3,
        ("dropped", "blank line"): 3,
        ("dropped", "not a report"): 2,
        ("dropped", "repeated header"): 1,
        ("dropped", "no readable submission date"): 3,
        ("kept as read", ""): 1,
    }


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1,234", 1234),
        (" 1234 ", 1234),
        ("1234.0", 1234),
        ("1,234.00", 1234),
        ("1 234", 1234),
        ("1\u00a0234", 1234),
        ("1'234", 1234),
        ('"1,234"', 1234),
        ("78,800,000", 78_800_000),
        ("0", 0),
    ],
)
def test_counts_are_read_in_every_dress(read, text, count):
    assert read(as_csv([report(count=text)])).loc[0, "individuals"] == count


@pytest.mark.parametrize(
    "text", ["", "unknown", "-5", "1.5", "12,34", "1.5E+05", "1.234", "9" * 30]
)
def test_an_unreadable_count_is_missing_never_guessed(read, text):
    reports = read(as_csv([report(count=text)]))
    assert reports["individuals"].isna().all()
    assert account(reports)["noted", "no count"] == 1
    assert account(reports).get(("changed", "unreadable count emptied"), 0) == bool(
        text
    )


def test_an_unquoted_thousands_separator_does_not_shift_the_row(read):
    line = ",".join(report(count="1,234,567", description="why"))
    reports = read(f"{','.join(HEADER)}\n{line}\n")
    assert reports.loc[0, "individuals"] == 1_234_567
    assert reports.loc[0, "location"] == "Email"


def test_a_row_with_too_many_cells_is_dropped_not_misread(read):
    line = ",".join(report(entity="Alder, Birch and Cedar"))
    narrow = ",".join(HEADER[:8])
    reports = read(f"{narrow}\n{line.rstrip(',')}\n{','.join(report()[:8])}\n")
    assert account(reports)["dropped", "more cells than columns"] == 1
    # With a description at the end the cells would fit: then the date does not.
    reports = read(f"{','.join(HEADER)}\n{line}\n")
    assert account(reports)["dropped", "no readable submission date"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "01/31/2024",
        "1/31/2024",
        "01/31/24",
        "2024-01-31",
        "2024-01-31 00:00:00",
        "2024-01-31T13:45:00Z",
        "01/31/2024 1:45 PM",
        "01-31-2024",
        "31-Jan-2024",
        "Jan 31, 2024",
        "January 31, 2024",
        "20240131",
    ],
)
def test_dates_are_read_in_every_dress(read, text):
    day = read(as_csv([report(date=text)])).loc[0, "submission_date"]
    assert day == pd.Timestamp("2024-01-31")


def test_dates_are_month_first(read):
    day = read(as_csv([report(date="02/03/2024")])).loc[0, "submission_date"]
    assert day == pd.Timestamp("2024-02-03")


@pytest.mark.parametrize(
    ("cell", "first", "all_types"),
    [
        (HACK, "hacking", "hacking"),
        (f"{HACK}, {ACCESS}", "hacking", "hacking|unauthorized_access"),
        (f"{ACCESS}\n{HACK}", "hacking", "hacking|unauthorized_access"),
        ("Theft<br/>Loss", "theft", "theft|loss"),
        ("Other, Improper Disposal", "improper_disposal", "improper_disposal|other"),
        ("LOSS ; theft", "theft", "theft|loss"),
        ("Hacking / IT Incident", "hacking", "hacking"),
        ("Unknown", "other", "unknown"),
        ("Other, Unknown", "other", "other|unknown"),
        ("", "other", "unknown"),
        ("Gremlins", "other", "unknown"),
    ],
)
def test_several_incident_types_follow_the_precedence(read, cell, first, all_types):
    reports = read(as_csv([report(kind=cell)]))
    assert reports.loc[0, "incident_type"] == first
    assert reports.loc[0, "incident_types"] == all_types
    unknown = ("changed", "unknown kind of incident")
    assert account(reports).get(unknown, 0) == (cell == "Gremlins")


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("Healthcare Provider", "provider"),
        ("Health Plan", "health_plan"),
        ("Business Associate", "business_associate"),
        ("Healthcare Clearing House", "clearinghouse"),
        ("Healthcare Clearinghouse", "clearinghouse"),
        ("", "unknown"),
        ("Circus", "unknown"),
    ],
)
def test_entity_types_have_one_code_each(read, cell, code):
    record = [*report()[:2], cell, *report()[3:]]
    assert read(as_csv([record])).loc[0, "entity_type"] == code


def test_placeholders_are_flagged_and_nothing_else(read):
    counts = [499, 500, 501, 502, ""]
    records = [report(f"Clinic {n}", count) for n, count in enumerate(counts)]
    reports = read(as_csv(records))
    assert reports["placeholder"].tolist() == [False, True, True, False, False]
    assert account(reports)["noted", "placeholder count of 500 or 501"] == 2
    assert account(reports)["noted", "count below 500"] == 1


def test_text_is_tidied_and_the_change_is_counted(read):
    reports = read(as_csv([report("  Alder &amp; Birch\n Clinic ", count="1,234")]))
    assert reports.loc[0, "entity"] == "Alder & Birch Clinic"
    assert account(reports) == {
        ("read", ""): 1,
        ("changed", "spaces or markup removed + count reformatted"): 1,
        ("kept as read", ""): 0,
    }


def test_exact_duplicates_are_dropped_but_two_reports_of_one_day_stay(read):
    two = [report(count=900), report(count=800), report(count=800, description="x")]
    reports = read(as_csv([*two, two[0]]))
    assert sorted(reports["individuals"]) == [800, 800, 900]
    assert account(reports)["dropped", "exact duplicate"] == 1


# -- several files -------------------------------------------------------------------

OLD, NEW = "report_2024-02-01.csv", "report_2024-10-08.csv"


@pytest.mark.parametrize("flipped", [False, True])
def test_the_latest_word_on_a_report_wins(read, flipped):
    old = as_csv([report(count=501), report("Birch Plan", 700)])
    new = as_csv([report(count=42_000), report("Cedar Plan", 600, "10/01/2024")])
    files, names = [old, new], [OLD, NEW]
    if flipped:
        files, names = files[::-1], names[::-1]
    reports = read(*files, names=names).set_index("entity")
    assert reports["individuals"].to_dict() == {
        "Alder Clinic": 42_000,  # revised
        "Birch Plan": 700,  # no longer listed: it stays
        "Cedar Plan": 600,
    }
    assert reports["source"].to_dict() == {
        "Alder Clinic": NEW,
        "Birch Plan": OLD,
        "Cedar Plan": NEW,
    }
    assert account(reports)["dropped", "revised in a later export"] == 1
    assert account(reports)["noted", "count differs from an earlier export"] == 1


def test_without_a_date_in_the_name_the_latest_report_dates_a_file(read):
    old = as_csv([report(count=501)])
    new = as_csv([report(count=42_000), report("Cedar Plan", 600, "10/01/2024")])
    reports = read(new, old, names=["a.csv", "b.csv"])
    assert sorted(reports["individuals"]) == [600, 42_000]


def test_a_name_that_predates_its_own_reports_is_not_believed(read):
    old = as_csv([report(count=501)])
    new = as_csv([report(count=42_000), report("Cedar Plan", 600, "10/01/2024")])
    reports = read(new, old, names=["since_2010-01-01.csv", "until_2024-02-01.csv"])
    assert sorted(reports["individuals"]) == [600, 42_000]


@pytest.mark.parametrize(
    "name", ["list 10-08-2024.csv", "list_20241008.csv", "2024_10_08.csv"]
)
def test_days_in_file_names_are_read(read, name):
    frame = datasets.summarise_account(read(as_csv([report()]), names=[name]))
    assert frame["as_of"].unique().tolist() == ["2024-10-08"]


def test_as_of_overrides_names(read):
    older, newer = as_csv([report(count=501)]), as_csv([report(count=42_000)])
    days = ["2024-12-01", "2024-11-01"]
    reports = read(older, newer, names=[OLD, NEW], as_of=days)
    assert reports["individuals"].tolist() == [501]


def test_lists_of_one_day_are_put_together(read):
    archive = as_csv([report(count=900, description="closed"), report("Birch", 700)])
    open_list = as_csv([report(count=800), report("Birch", 700)])
    names = ["archive_2024-10-08.csv", "open_2024-10-08.csv"]
    reports = read(archive, open_list, names=names)
    assert sorted(reports["individuals"]) == [700, 800, 900]
    assert account(reports)["dropped", "same report in both lists of one day"] == 1


def test_an_undated_archive_does_not_lose_a_report_to_the_open_list(read):
    archive = as_csv([report(count=900, description="closed")])
    open_list = as_csv([report(count=800), report("Cedar", 600, "10/01/2024")])
    reports = read(archive, open_list, names=["breach_report.csv", "open.csv"])
    assert sorted(reports["individuals"]) == [600, 800, 900]


def test_a_report_that_was_closed_meanwhile_is_one_report(read):
    old = as_csv([report(count=900)])
    new = as_csv([report(count=950, description="closed")])
    reports = read(old, new, names=[OLD, NEW])
    assert reports["individuals"].tolist() == [950]


def test_reports_of_one_day_are_paired_by_kind_then_by_size(read):
    old = as_csv(
        [report(count=9000), report(count=600), report(count=700, kind="Theft")]
    )
    new = as_csv([report(count=9100), report(count=710, kind="Theft")])
    reports = read(old, new, names=[OLD, NEW])
    assert sorted(reports["individuals"]) == [600, 710, 9100]


def test_two_reports_of_one_day_stay_two_through_every_export(read):
    both = [report(count=900), report(count=800)]
    reports = read(as_csv(both), as_csv(both), names=[OLD, NEW])
    assert sorted(reports["individuals"]) == [800, 900]
    assert account(reports)["dropped", "unchanged in a later export"] == 2


def test_an_entity_is_the_same_in_other_spelling_but_not_in_another_state(read):
    old = as_csv([report("ALDER CLINIC, INC", 501)])
    elsewhere = ["Alder Clinic, Inc.", "NJ", *report(count=800)[2:]]
    new = as_csv([report("Alder  Clinic, Inc.", 900), elsewhere])
    reports = read(old, new, names=[OLD, NEW])
    assert sorted(reports["individuals"]) == [800, 900]


def test_a_missing_count_is_filled_by_a_later_export(read):
    old, new = as_csv([report(count="")]), as_csv([report(count=900)])
    assert read(old, new, names=[OLD, NEW])["individuals"].tolist() == [900]


# -- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"%PDF-1.7 ...", "a PDF"),
        (b"PK\x03\x04....", "an Excel workbook or a zip archive"),
        (b"\xd0\xcf\x11\xe0....", "an old Excel workbook"),
        (b"<?xml version='1.0'?><x/>", "an XML file"),
        (b"\xef\xbb\xbf<!DOCTYPE html><html></html>", "a web page"),
        (b"<html></html>", "a web page"),
    ],
)
def test_other_download_formats_are_named(read, raw, kind):
    with pytest.raises(DataError) as error:
        read(raw)
    assert str(error.value) == (
        f"breach_report_0.csv is {kind}; download the breach list as CSV and pass "
        "that file"
    )


def test_a_large_file_of_another_kind_is_refused(read):
    with pytest.raises(DataError) as error:
        read('"' + "x\n" * 100_000)
    assert str(error.value) == (
        "breach_report_0.csv is not a breach list of the HHS portal: missing the "
        "columns entity, state, entity_type, individuals, submission_date, "
        "incident_types; received no header line"
    )


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_named(read, raw):
    with pytest.raises(DataError) as error:
        read(raw)
    assert str(error.value) == "breach_report_0.csv is empty"


def test_a_damaged_gzip_is_named(read):
    raw = gzip.compress(as_csv([report()]).encode())
    with pytest.raises(DataError) as error:
        read(raw[:40], names=["x.csv.gz"])
    assert str(error.value) == "x.csv.gz is a damaged gzip file"


def test_missing_columns_are_named_with_those_received(read):
    header = ["Name of Covered Entity", "State", "People", "When"]
    with pytest.raises(DataError) as error:
        read(as_csv([["Alder Clinic", "NY", "900", "today"]], header))
    assert str(error.value) == (
        "breach_report_0.csv is not a breach list of the HHS portal: missing the "
        "columns entity_type, individuals, submission_date, incident_types; received "
        "Name of Covered Entity; State; People; When"
    )


def test_a_file_without_a_header_is_refused_without_repeating_a_record(read):
    with pytest.raises(DataError) as error:
        read("\n".join([",".join(report()), ",".join(report("State"))]))
    assert str(error.value) == (
        "breach_report_0.csv is not a breach list of the HHS portal: missing the "
        "columns entity, entity_type, individuals, submission_date, incident_types; "
        "received no header line"
    )


def test_a_quotation_mark_that_never_closes_is_named(read):
    """It would swallow the records that follow without a word."""
    message = "breach_report_0.csv: a quotation mark is never closed in record "
    with pytest.raises(DataError) as error:
        read(as_csv([report()]) + '"' + "x\n" * 100_000)
    assert str(error.value) == message + "3"
    lines = [",".join(report(count=count)) for count in (900, 901, 902)]
    text = "\n".join([",".join(HEADER), lines[0], '"' + lines[1], lines[2]])
    with pytest.raises(DataError) as error:
        read(text)
    assert str(error.value) == message + "3"


def test_descriptions_over_several_lines_with_dates_are_one_record(read):
    text = "On 01/31/2024, after a call,\n\non 02/01/2024, found,\n01/31/2024, again"
    assert len(read(as_csv([report(description=text)]))) == 1


def test_quotes_around_whole_lines_are_undone(read):
    lines = as_csv([report("Alder, Birch", "1,234")]).splitlines()
    wrapped = "\n".join('"' + line.replace('"', '""') + '"' for line in lines)
    reports = read(wrapped)
    assert reports.loc[0, "entity"] == "Alder, Birch"
    assert reports.loc[0, "individuals"] == 1234


def test_a_header_with_every_cell_broken_is_joined(read):
    header = ",".join(HEADER).replace(" ", "\n")
    assert len(read(f"{header}\n{','.join(report())}\n")) == 1


def test_no_path_and_wrong_days_are_parameter_errors(read):
    with pytest.raises(ParameterError) as error:
        datasets.read_ocr_export()
    assert str(error.value) == "paths must name at least one file; got none"
    with pytest.raises(ParameterError) as error:
        read(as_csv([report()]), as_of=["2024-01-01", "2024-01-02"])
    assert str(error.value) == "as_of must hold one day per file; got 2 for 1 files"
    with pytest.raises(ParameterError) as error:
        read(as_csv([report()]), as_of=["soon"])
    assert str(error.value) == "as_of must hold days such as '2024-10-08'; got 'soon'"


def test_a_missing_file_is_a_file_error():
    with pytest.raises(FileNotFoundError):
        datasets.read_ocr_export("no-such-export.csv")


def test_an_export_without_reports_is_an_empty_frame(read):
    reports = read(as_csv([]))
    assert reports.empty
    assert list(reports) == list(read(as_csv([report()])))


# -- properties ----------------------------------------------------------------------

records = st.builds(
    report,
    entity=st.sampled_from(["Alder", "Birch", "CEDAR", "cedar", ""]),
    count=st.sampled_from([500, 501, 900, "1,200", 80_000, "", "n/a"]),
    date=st.sampled_from(["01/31/2024", "2024-02-01", "", "soon"]),
    kind=st.sampled_from([HACK, "Theft", f"Loss, {ACCESS}", ""]),
    location=st.sampled_from(["Email", "Laptop"]),
    description=st.sampled_from(["", "closed"]),
)
exports = st.lists(st.lists(records, max_size=8), min_size=1, max_size=3)
days = st.lists(st.sampled_from(["2024-03-01", "2024-04-01"]), min_size=4, max_size=4)
per_example = itertools.count()
relaxed = settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def read_lists(
    folder: Path, lists: Sequence[Sequence[Sequence[str]]], as_of: Sequence[str]
) -> pd.DataFrame:
    here = folder / str(next(per_example))
    here.mkdir()
    paths = []
    for number, reports in enumerate(lists):
        paths.append(here / f"{number}.csv")
        paths[-1].write_text(as_csv(reports), encoding="utf-8")
    return datasets.read_ocr_export(*paths, as_of=as_of[: len(paths)])


@relaxed
@given(lists=exports, as_of=days)
def test_the_account_adds_up(tmp_path, lists, as_of):
    reports = read_lists(tmp_path, lists, as_of)
    assert_adds_up(reports)
    assert account(reports)["read", ""] == sum(map(len, lists))


@relaxed
@given(lists=exports, as_of=days, data=st.data())
def test_the_order_of_rows_and_files_does_not_matter(tmp_path, lists, as_of, data):
    straight = read_lists(tmp_path, lists, as_of)
    here = tmp_path / str(next(per_example))
    here.mkdir()
    order = data.draw(st.permutations(range(len(lists))))
    for number in order:
        shuffled = data.draw(st.permutations(lists[number]))
        (here / f"{number}.csv").write_text(as_csv(shuffled), encoding="utf-8")
    again = datasets.read_ocr_export(
        *(here / f"{number}.csv" for number in order),
        as_of=[as_of[number] for number in order],
    )
    pd.testing.assert_frame_equal(straight, again)
    assert straight.attrs == again.attrs


def test_one_report_in_two_spellings_keeps_the_same_in_any_order(read):
    spellings = [report("cedar"), report("CEDAR")]
    for rows in (spellings, spellings[::-1]):
        assert read(as_csv(rows))["entity"].tolist() == ["CEDAR"]


@relaxed
@given(lists=exports, as_of=days)
def test_reading_the_same_files_twice_changes_nothing(tmp_path, lists, as_of):
    once = read_lists(tmp_path, lists, as_of)
    doubled = [item for item in lists for _ in range(2)]
    twice = read_lists(tmp_path, doubled, [day for day in as_of for _ in range(2)])
    columns = [column for column in once if column != "source"]
    pd.testing.assert_frame_equal(once[columns], twice[columns])


@relaxed
@given(lists=exports, as_of=days)
def test_the_newest_export_is_returned_whole(tmp_path, lists, as_of):
    """Every usable record of the last day stands, whatever older files say."""
    as_of = as_of[: len(lists)]
    last = [n for n, day in enumerate(as_of) if day == max(as_of)]
    newest = read_lists(tmp_path, [lists[n] for n in last], [max(as_of)] * len(last))
    everything = read_lists(tmp_path, lists, as_of)
    columns = [column for column in newest if column != "source"]
    kept = everything[everything["source"].isin([f"{n}.csv" for n in last])]
    pd.testing.assert_frame_equal(newest[columns], kept[columns].reset_index(drop=True))


# -- the portal itself ---------------------------------------------------------------


def test_a_real_export_gives_the_published_totals(shared_data):
    reports = datasets.read_ocr_export(shared_data / EXPORT)
    assert_adds_up(reports)
    totals = datasets.load("ocr_annual_totals")
    totals = totals[totals["series"] == "portal_2023-05"].set_index("year")
    by_year = reports.groupby("year")["individuals"].agg(["size", "sum"])
    assert by_year.loc[2015].tolist() == [270, 112_466_720]
    n_extra = totals["breaches_500plus"] - by_year["size"].loc[totals.index]
    people_extra = totals["individuals_affected"] - by_year["sum"].loc[totals.index]
    # One record of 2019 stands twice in the export, equal in every cell; the published
    # count has both, the portal's later exports have one.
    assert n_extra[n_extra != 0].to_dict() == {2019: 1}
    assert people_extra[people_extra != 0].to_dict() == {2019: 1182}


def test_a_real_export_read_twice_or_cut_in_two_is_the_same(shared_data, tmp_path):
    path = shared_data / EXPORT
    whole = datasets.read_ocr_export(path)
    rows = list(csv.reader(io.StringIO(gzip.decompress(path.read_bytes()).decode())))
    header, rows = rows[0], rows[1:]
    parts = []
    for name, described in [("archive", True), ("open", False)]:
        part = [row for row in rows if bool(row[8].strip()) is described]
        parts.append(tmp_path / f"{name}.csv")
        parts[-1].write_text(as_csv(part, header), encoding="utf-8")
    columns = [column for column in whole if column != "source"]
    for again in (
        datasets.read_ocr_export(path, path),
        datasets.read_ocr_export(*parts),
    ):
        assert len(again) == len(whole)
        pd.testing.assert_frame_equal(again[columns], whole[columns])
