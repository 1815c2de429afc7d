"""What a user downloads from the HHS breach portal, as one tidy frame.

Which records of several exports are the same report, and which word is the last, is
settled here; `ocr_files` opens the files and cleans their cells.
"""

import datetime as dt
import os
import re
from collections.abc import Hashable, Sequence
from itertools import product
from math import log
from pathlib import Path
from typing import Any

import pandas as pd

from twinprivacy.datasets.ocr_files import clean_fields, read_table
from twinprivacy.errors import ParameterError

_COLUMNS = [
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
_ACCOUNT_COLUMNS = ("file", "as_of", "action", "reason", "n_rows")
# Beside entity, state and date: what makes two records the same report for certain.
_CONTENT = [
    "entity_type",
    "individuals",
    "incident_types",
    "location",
    "business_associate_present",
]
# How far two records with one entity, state and date must agree to be paired, in turn.
_AGREEMENT: tuple[tuple[str, ...], ...] = (
    ("incident_types", "location"),
    ("incident_types",),
    (),
)
_OPEN_SHARE = 0.1  # an open list describes fewer than this share of its reports


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
    return _finish(_merge_exports(records, known), labels, known)


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
    return pd.DataFrame(reports.attrs["account"], columns=list(_ACCOUNT_COLUMNS))


def _finish(
    records: pd.DataFrame, labels: list[str], as_of: list[pd.Timestamp]
) -> pd.DataFrame:
    reports = records[records["dropped"] == ""]
    order = ["submission_date", "signature", "description"]
    reports = reports.sort_values(order, ignore_index=True).assign(
        year=lambda frame: frame["submission_date"].dt.year.astype("int64"),
        placeholder=lambda frame: frame["placeholder"].fillna(False).astype(bool),
        source=lambda frame: frame["file"].map(dict(enumerate(labels))).astype("str"),
    )[_COLUMNS]
    reports.attrs["account"] = _account(records, labels, as_of)
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


def _merge_exports(records: pd.DataFrame, as_of: list[pd.Timestamp]) -> pd.DataFrame:
    """Mark every record that repeats another or that a later export replaces."""
    records = _identify(records, as_of)
    _mark(records, _repeats_in_file(records), "exact duplicate")
    _mark(records, _repeats_in_edition(records), "same report in both lists of one day")
    standing = pd.Index([])
    for day in sorted(set(as_of)):
        live = records.index[(records["dropped"] == "") & (records["as_of"] == day)]
        pairs = _pair(records.loc[standing], records.loc[live])
        _replace(records, pairs)
        standing = standing.difference([old for old, _ in pairs]).union(live)
    return records


def _identify(records: pd.DataFrame, as_of: list[pd.Timestamp]) -> pd.DataFrame:
    records = records.assign(as_of=records["file"].map(dict(enumerate(as_of))))
    entity = records["entity"].fillna("").map(_entity_key)
    state = records["state"].fillna("")
    day = records["submission_date"].astype(str)
    records["key"] = entity + "\x1f" + state + "\x1f" + day
    contents = records[_CONTENT].itertuples(index=False)
    content = ["\x1f".join(map(str, row)) for row in contents]
    records["signature"] = records["key"] + "\x1f" + content
    records["is_closed"] = records["description"] != ""
    live = records[records["dropped"] == ""]
    share = live.groupby("file")["is_closed"].mean()
    open_lists = share.index[share < _OPEN_SHARE]
    records["in_open_list"] = records["file"].isin(open_lists)
    # From here on nothing depends on the order in which rows and files were given.
    # Names that differ only in how they are written have one key, so the name counts.
    order = ["as_of", "signature", "description", "entity", "noted", "file"]
    return records.sort_values(order, ignore_index=True)


def _entity_key(name: str) -> str:
    return re.sub(r"\W", "", name.casefold())


def _mark(records: pd.DataFrame, rows: pd.Index, reason: str) -> None:
    records.loc[rows, "dropped"] = reason


def _repeats_in_file(records: pd.DataFrame) -> pd.Index:
    live = records[records["dropped"] == ""]
    return live.index[live.duplicated(["file", "signature", "description"])]


def _repeats_in_edition(records: pd.DataFrame) -> pd.Index:
    """Find reports that another file of the day holds too, n-th copy with n-th copy."""
    live = records[records["dropped"] == ""]
    live = live.sort_values("is_closed", ascending=False, kind="stable")
    copy = live.groupby(["file", "signature"]).cumcount()
    twice = live.assign(copy=copy).duplicated(["as_of", "signature", "copy"])
    return live.index[twice]


def _pair(older: pd.DataFrame, newer: pd.DataFrame) -> list[tuple[int, int]]:
    pairs = _pair_identical(older, newer)
    older = older.drop([old for old, _ in pairs])
    newer = newer.drop([new for _, new in pairs])
    older = older[older["key"].isin(newer["key"])]
    for key, old in older.groupby("key"):
        pairs += _pair_alike(old, newer[newer["key"] == key])
    return pairs


def _pair_identical(older: pd.DataFrame, newer: pd.DataFrame) -> list[tuple[int, int]]:
    sides = [
        side[["signature"]]
        .assign(copy=side.groupby("signature").cumcount())
        .reset_index(names="row")
        for side in (older, newer)
    ]
    both = sides[0].merge(sides[1], on=["signature", "copy"])
    return [
        (int(old), int(new)) for old, new in zip(both.row_x, both.row_y, strict=True)
    ]


def _pair_alike(older: pd.DataFrame, newer: pd.DataFrame) -> list[tuple[int, int]]:
    """Pair the reports of one entity and day: alike in kind first, then in size."""
    pairs: list[tuple[int, int]] = []
    for agreed in _AGREEMENT:
        left = older.drop([old for old, _ in pairs])
        right = newer.drop([new for _, new in pairs])
        pairs += _pair_nearest(left, right, list(agreed))
    return pairs


def _pair_nearest(
    older: pd.DataFrame, newer: pd.DataFrame, agreed: list[str]
) -> list[tuple[int, int]]:
    likeness = ["individuals", "is_closed", "in_open_list", *agreed]
    candidates = sorted(
        (_distance(old["individuals"], new["individuals"]), old_row, new_row)
        for (old_row, old), (new_row, new) in product(
            _as_dicts(older[likeness]), _as_dicts(newer[likeness])
        )
        # A closed case does not open again: those are two reports.
        if not (old["is_closed"] and new["in_open_list"])
        and all(old[name] == new[name] for name in agreed)
    )
    pairs: dict[int, int] = {}
    for _, old_row, new_row in candidates:
        if old_row not in pairs and new_row not in pairs.values():
            pairs[old_row] = new_row
    return list(pairs.items())


def _as_dicts(rows: pd.DataFrame) -> list[tuple[int, dict[Hashable, Any]]]:
    return list(zip(rows.index.tolist(), rows.to_dict("records"), strict=True))


def _distance(old: object, new: object) -> float:
    if isinstance(old, int) and isinstance(new, int) and old > 0 and new > 0:
        return abs(log(new) - log(old))
    return float("inf")


def _replace(records: pd.DataFrame, pairs: list[tuple[int, int]]) -> None:
    if not pairs:
        return
    old, new = (list(side) for side in zip(*pairs, strict=True))
    before, after = records.loc[old], records.loc[new]
    is_same = before["signature"].to_numpy() == after["signature"].to_numpy()
    records.loc[before.index[is_same], "dropped"] = "unchanged in a later export"
    records.loc[before.index[~is_same], "dropped"] = "revised in a later export"
    counts = [side["individuals"].fillna(-1).to_numpy() for side in (before, after)]
    revised = after.index[counts[0] != counts[1]]
    noted = records.loc[revised, "noted"]
    records.loc[revised, "noted"] = noted.where(noted == "", noted + " + ") + (
        "count differs from an earlier export"
    )


def _account(
    records: pd.DataFrame, labels: list[str], as_of: list[pd.Timestamp]
) -> list[dict[str, Any]]:
    """Count what became of the records of each file.

    For each file the rows of `read` are those of `dropped`, `changed` and `kept as
    read` together; `noted` may count a returned row several times.
    """
    account = []
    for number, (label, day) in enumerate(zip(labels, as_of, strict=True)):
        rows = records[records["file"] == number]
        for action, reason, n_rows in _entries(rows):
            entry = (label, f"{day:%Y-%m-%d}", action, reason, n_rows)
            account.append(dict(zip(_ACCOUNT_COLUMNS, entry, strict=True)))
    return account


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
