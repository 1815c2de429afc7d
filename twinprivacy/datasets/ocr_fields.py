"""The cells of a breach list: counts, dates, kinds, each cleaned and accounted for."""

import html
import re

import numpy as np
import pandas as pd

# In the order of precedence for a report that names several kinds of incident.
INCIDENT_TYPES = {
    "hacking": "hacking",
    "unauthori": "unauthorized_access",
    "theft": "theft",
    "loss": "loss",
    "improper": "improper_disposal",
    "other": "other",
    "unknown": "unknown",
}
ENTITY_TYPES = {
    "healthcareprovider": "provider",
    "healthplan": "health_plan",
    "businessassociate": "business_associate",
    "healthcareclearinghouse": "clearinghouse",
    "unknown": "unknown",
}
PLACEHOLDERS = (500, 501)
REPORTING_THRESHOLD = 500
_FLAGS = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}
_DATE_FORMATS = (
    "%m/%d/%Y",
    "%Y-%m-%d",
    "%m/%d/%y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%Y%m%d",
)


def clean_fields(table: pd.DataFrame) -> pd.DataFrame:
    """Turn the text of reports into typed columns and note what had to be changed.

    Parameters
    ----------
    table : pandas.DataFrame
        As `ocr_files.read_table` returns it.

    Returns
    -------
    pandas.DataFrame
        Typed columns, with `dropped` (why a row is no usable report) and `changed`
        (what was changed in it, joined by " + ") and `noted` in the same way.
    """
    text = pd.DataFrame({name: table[name].map(_tidy_text) for name in table})
    for name in ("incident_types", "location"):
        text[name] = table[name].map(_tidy_list)
    out = pd.DataFrame(
        {
            "entity": text["entity"].mask(text["entity"] == ""),
            "state": text["state"].str.upper().mask(text["state"] == ""),
            "entity_type": text["entity_type"].map(_entity_type),
            "individuals": text["individuals"].map(_count).astype("Int64"),
            "submission_date": _dates(text["submission_date"]),
            "incident_types": text["incident_types"].map(_incident_types),
            "location": text["location"].mask(text["location"] == ""),
            "business_associate_present": text["business_associate_present"]
            .str.lower()
            .map(_FLAGS)
            .astype("boolean"),
            "description": text["description"],
        }
    )
    undated = (table["dropped"] == "") & out["submission_date"].isna()
    out["dropped"] = table["dropped"].mask(undated, "no readable submission date")
    out["incident_type"] = out["incident_types"].map(_first_type)
    out["placeholder"] = out["individuals"].isin(PLACEHOLDERS)
    out["changed"] = _join(_changes(table, text, out), out.index)
    out["noted"] = _join(_notes(out), out.index)
    return out


def _tidy_text(cell: str) -> str:
    plain = re.sub(r"<[^>]{0,40}>", " ", html.unescape(cell))
    return re.sub(r"\s+", " ", plain).strip(" \"'")


def _tidy_list(cell: str) -> str:
    plain = re.sub(r"<br\s*/?>|[\r\n;|]+", ",", html.unescape(cell))
    parts = (_tidy_text(part) for part in plain.split(","))
    return ", ".join(part for part in parts if part)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


def _entity_type(text: str) -> str:
    word = _letters(text)
    known = [
        code
        for name, code in ENTITY_TYPES.items()
        if name and word and (name.startswith(word) or word.startswith(name))
    ]
    return known[0] if len(known) == 1 else "unknown"


def _incident_types(text: str) -> str:
    words = {_letters(part) for part in text.split(",")} - {""}
    codes = {_incident_code(word) for word in words} or {"unknown"}
    return "|".join(code for code in INCIDENT_TYPES.values() if code in codes)


def _incident_code(word: str) -> str:
    codes = (code for start, code in INCIDENT_TYPES.items() if word.startswith(start))
    return next(codes, "unknown")


def _first_type(codes: str) -> str:
    first = codes.split("|")[0]
    return "other" if first == "unknown" else first


def _count(text: str) -> int | None:
    whole = re.sub(r"\.0*$", "", text)
    if re.fullmatch(r"\d+|\d{1,3}([, '\u2019]\d{3})+", whole):
        count = int(re.sub(r"\D", "", whole))
        return count if count < np.iinfo(np.int64).max else None
    return None


def _dates(text: pd.Series) -> pd.Series:
    """Read dates month first, as the portal writes them; a time of day is cut off."""
    day = text.str.replace(r"[T ,]+\d{1,2}:\d{2}.*$", "", regex=True)
    dates = pd.Series(pd.NaT, index=text.index, dtype="datetime64[s]")
    for form in _DATE_FORMATS:
        read = pd.to_datetime(day, format=form, errors="coerce")
        dates = dates.fillna(read.astype("datetime64[s]"))
    return dates


def _changes(
    table: pd.DataFrame, text: pd.DataFrame, out: pd.DataFrame
) -> dict[str, pd.Series]:
    fields = [name for name in table if name not in ("dropped", "description")]
    count, flag = text["individuals"], text["business_associate_present"]
    known_types = text["incident_types"].map(_are_known)
    return {
        "spaces or markup removed": (text[fields] != table[fields]).any(axis=1),
        "count reformatted": out["individuals"].notna() & ~count.str.fullmatch(r"\d+"),
        "unreadable count emptied": out["individuals"].isna() & (count != ""),
        "unknown kind of entity": (out["entity_type"] == "unknown")
        & ~text["entity_type"].str.lower().isin(["", "unknown"]),
        "unknown kind of incident": ~known_types,
        "unreadable business associate emptied": out[
            "business_associate_present"
        ].isna()
        & (flag != ""),
    }


def _are_known(text: str) -> bool:
    words = {_letters(part) for part in text.split(",")} - {""}
    return all(
        any(word.startswith(start) for start in INCIDENT_TYPES) for word in words
    )


def _notes(out: pd.DataFrame) -> dict[str, pd.Series]:
    individuals = out["individuals"]
    return {
        "several kinds of incident": out["incident_types"].str.contains(
            "|", regex=False
        ),
        "no count": individuals.isna(),
        "placeholder count of 500 or 501": out["placeholder"],
        "count below 500": (individuals < REPORTING_THRESHOLD).fillna(False),
    }


def _join(reasons: dict[str, pd.Series], index: pd.Index) -> pd.Series:
    joined = pd.Series("", index=index)
    for reason, applies in reasons.items():
        separator = joined.where(joined == "", joined + " + ")
        joined = joined.mask(applies.astype(bool), separator + reason)
    return joined
