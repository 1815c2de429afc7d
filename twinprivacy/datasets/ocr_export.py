"""What a user downloads from the HHS breach portal, as one tidy frame."""

import datetime as dt
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from twinprivacy.datasets.ocr_fields import clean_fields
from twinprivacy.datasets.ocr_files import read_table
from twinprivacy.datasets.ocr_merge import merge_exports
from twinprivacy.errors import ParameterError

COLUMNS = [
    "entity",
    "state",
    "entity_type",
    "individuals",
    "submission_date",
    "year",
    "incident_type",
    "incident_types",
    "location",
    "business_associate_present",
    "placeholder",
    "source",
]
_EARLIEST = pd.Timestamp(2009, 9, 23)  # the first day of mandatory reports
_DAY_IN_NAME = (
    r"(?<!\d)(?P<y>20\d\d)[-_. ]?(?P<m>0[1-9]|1[0-2])[-_. ]?(?P<d>[0-3]\d)(?!\d)",
    r"(?<!\d)(?P<m>0?[1-9]|1[0-2])[-_. ](?P<d>[0-3]?\d)[-_. ](?P<y>20\d\d)(?!\d)",
)


def read_ocr_export(
    *paths: str | os.PathLike[str], as_of: Sequence[str | dt.date] | None = None
) -> pd.DataFrame:
    r"""Read one or several exports of the HHS breach portal into one tidy frame.

    Files of one day (archive list and open list) are put together. Where files of
    several days hold the same report, the latest word wins; a report that a later
    file no longer holds stays. Records are the same report if entity, state and
    submission date agree; several reports of one entity and day are told apart by
    kind of incident, location and nearest size. An archived (described) report is
    never replaced by a differing one from an open list, since closed cases stay closed.

    Parameters
    ----------
    *paths : str or path-like
        CSV downloads, plain or gzipped, in any usual encoding, separated by commas,
        semicolons or tabs.
    as_of : sequence of str or datetime.date, optional
        Day of each download, in the order of the paths. Without it the day is taken
        from the file's name (2024-10-08, 20241008, 10-08-2024), unless the file holds
        later reports, else from its latest report.

    Returns
    -------
    pandas.DataFrame
        One row per report, by submission date: entity, state, entity_type (provider,
        health_plan, business_associate, clearinghouse, unknown), individuals (Int64,
        <NA> where the portal has no count: such a report counts in frequencies but not
        in sizes), submission_date, year, incident_type (the first that the report
        names of hacking, unauthorized_access, theft, loss, improper_disposal, other),
        incident_types (all, joined by "|"), location,
        business_associate_present, placeholder (a count of 500 or 501, which entities
        file while they do not know) and source (the file's name).
        `.attrs["account"]` says what became of every record; `summarise_account`
        shows it as a frame.

    Raises
    ------
    DataError
        If a file is not a breach list. The message holds no record of it.
    ParameterError
        If no path is given, or `as_of` does not fit the paths.
    FileNotFoundError
        If a file does not exist.

    Examples
    --------
    >>> import tempfile
    >>> header = (
    ...     "Name of Covered Entity,State,Covered Entity Type,Individuals Affected,"
    ...     "Breach Submission Date,Type of Breach"
    ... )
    >>> record = 'An example,NY,Health Plan,"1,234",01/31/2024,"Loss, Theft"'
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "breach_report.csv"
    ...     _ = file.write_text(f"{header}\n{record}")
    ...     reports = read_ocr_export(file)
    >>> reports.loc[0, ["incident_type", "incident_types"]].tolist()
    ['theft', 'theft|loss']
    >>> int(reports.loc[0, "individuals"])
    1234
    """
    if not paths:
        raise ParameterError("paths must name at least one file; got none")
    files = [Path(path) for path in paths]
    days = [None] * len(files) if as_of is None else [_to_day(day) for day in as_of]
    if len(days) != len(files):
        raise ParameterError(
            f"as_of must hold one day per file; got {len(days)} for {len(files)} files"
        )
    tables = [clean_fields(read_table(file)) for file in files]
    known = [
        day or _infer_day(file, table)
        for day, file, table in zip(days, files, tables, strict=True)
    ]
    order = sorted(range(len(files)), key=lambda n: (known[n], str(files[n])))
    labels, known = [files[n].name for n in order], [known[n] for n in order]
    records = pd.concat(
        [tables[n].assign(file=at) for at, n in enumerate(order)], ignore_index=True
    )
    return _finish(merge_exports(records, known), labels, known)


def _finish(
    records: pd.DataFrame, labels: list[str], as_of: list[pd.Timestamp]
) -> pd.DataFrame:
    reports = records[records["dropped"] == ""]
    order = ["submission_date", "signature", "description"]
    reports = reports.sort_values(order, ignore_index=True).assign(
        year=lambda frame: frame["submission_date"].dt.year.astype("int64"),
        placeholder=lambda frame: frame["placeholder"].fillna(False).astype(bool),
        source=lambda frame: frame["file"].map(dict(enumerate(labels))).astype("str"),
    )[COLUMNS]
    reports.attrs["account"] = build_account(records, labels, as_of)
    return reports


def _to_day(day: str | dt.date) -> pd.Timestamp:
    try:
        return pd.Timestamp(day).normalize()
    except ValueError as error:
        raise ParameterError(
            f"as_of must hold days such as '2024-10-08'; got {day!r}"
        ) from error


def _infer_day(file: Path, table: pd.DataFrame) -> pd.Timestamp:
    """Take the day from the name, but never one before the file's latest report."""
    dated = table.loc[table["dropped"] == "", "submission_date"]
    latest = _EARLIEST if dated.empty else dated.max()
    return max([latest, *_days_in_name(file.name)])


def _days_in_name(name: str) -> list[pd.Timestamp]:
    matches = (re.search(pattern, name) for pattern in _DAY_IN_NAME)
    parts = (match.group("y", "m", "d") for match in matches if match)
    days = (
        pd.to_datetime("-".join(p), format="%Y-%m-%d", errors="coerce") for p in parts
    )
    return [day for day in days if not pd.isna(day)]


ACCOUNT_COLUMNS = ("file", "as_of", "action", "reason", "n_rows")


def build_account(
    records: pd.DataFrame, labels: list[str], as_of: list[pd.Timestamp]
) -> list[dict[str, Any]]:
    """Count what became of the records of each file.

    Parameters
    ----------
    records : pandas.DataFrame
        All records with file, dropped, changed and noted; reasons joined by " + ".
    labels : list of str
        Name of each file.
    as_of : list of pandas.Timestamp
        Day of each file.

    Returns
    -------
    list of dict
        file, as_of, action, reason, n_rows. For each file the rows of `read` are those
        of `dropped`, `changed` and `kept as read` together; `noted` counts among the
        returned rows and may count one row several times.
    """
    account = []
    for number, (label, day) in enumerate(zip(labels, as_of, strict=True)):
        rows = records[records["file"] == number]
        for action, reason, n_rows in _entries(rows):
            entry = (label, f"{day:%Y-%m-%d}", action, reason, n_rows)
            account.append(dict(zip(ACCOUNT_COLUMNS, entry, strict=True)))
    return account


def summarise_account(reports: pd.DataFrame) -> pd.DataFrame:
    """Return the account of an export that `read_ocr_export` has read, as a frame.

    Parameters
    ----------
    reports : pandas.DataFrame
        As `read_ocr_export` returns it.

    Returns
    -------
    pandas.DataFrame
        file, as_of, action, reason, n_rows.

    Examples
    --------
    >>> reports = pd.DataFrame()
    >>> reports.attrs["account"] = [
    ...     {"file": "a.csv", "as_of": "2024-10-08", "action": "read",
    ...      "reason": "", "n_rows": 3}
    ... ]
    >>> int(summarise_account(reports)["n_rows"].sum())
    3
    """
    return pd.DataFrame(reports.attrs["account"], columns=list(ACCOUNT_COLUMNS))


def _entries(rows: pd.DataFrame) -> list[tuple[str, str, int]]:
    returned = rows[rows["dropped"] == ""]
    unchanged = returned[returned["changed"] == ""]
    return [
        ("read", "", len(rows)),
        *_counted("dropped", rows["dropped"]),
        *_counted("changed", returned["changed"]),
        ("kept as read", "", len(unchanged)),
        *_counted("noted", returned["noted"].str.split(" + ", regex=False).explode()),
    ]


def _counted(action: str, reasons: pd.Series) -> list[tuple[str, str, int]]:
    counts = reasons[reasons != ""].value_counts().sort_index()
    return [(action, str(reason), int(n)) for reason, n in counts.items()]
