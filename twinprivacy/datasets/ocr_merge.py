"""Which records of several exports are the same report, and which word is the last."""

import re
from collections.abc import Hashable
from itertools import product
from math import log
from typing import Any

import pandas as pd

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


def merge_exports(records: pd.DataFrame, as_of: list[pd.Timestamp]) -> pd.DataFrame:
    """Mark every record that repeats another or that a later export replaces.

    Parameters
    ----------
    records : pandas.DataFrame
        Records of all files, as `ocr_fields.clean_fields` returns them, with `file`,
        the number of the file; rows with a reason in `dropped` are left alone.
    as_of : list of pandas.Timestamp
        Day of each file. Files of one day are parts of one edition.

    Returns
    -------
    pandas.DataFrame
        The same rows with `dropped` and `noted` completed.
    """
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
