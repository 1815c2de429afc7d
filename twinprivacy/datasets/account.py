"""The account of a read export: every record is returned or dropped for a reason."""

from typing import Any

import pandas as pd

COLUMNS = ("file", "as_of", "action", "reason", "n_rows")


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
            account.append(dict(zip(COLUMNS, entry, strict=True)))
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
    return pd.DataFrame(reports.attrs["account"], columns=list(COLUMNS))


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
