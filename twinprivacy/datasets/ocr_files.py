"""A file of the HHS breach portal: text in named columns, then clean cells."""

import csv
import gzip
import html
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from twinprivacy.errors import DataError

# The portal's headings, letters only; a cut-off heading is recognised by its start.
_HEADINGS = {
    "entity": "nameofcoveredentity",
    "state": "state",
    "entity_type": "coveredentitytype",
    "individuals": "individualsaffected",
    "submission_date": "breachsubmissiondate",
    "incident_types": "typeofbreach",
    "location": "locationofbreachedinformation",
    "business_associate_present": "businessassociatepresent",
    "description": "webdescription",
}
_REQUIRED = tuple(_HEADINGS)[:6]
_ALIASES = {
    "entityname": "entity",
    "entitytype": "entity_type",
    "individuals": "individuals",
    "numberofindividualsaffected": "individuals",
    "submissiondate": "submission_date",
    "breachtype": "incident_types",
    "locationofinformation": "location",
    "businessassociateinvolved": "business_associate_present",
    "description": "description",
}
_OTHER_FORMATS = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"<?xml": "an XML file",
    b"<html": "a web page",
    b"<!doc": "a web page",
}
_N_SEARCHED = 60  # records in which a header is looked for
_MAX_SPAN = 30  # lines over which a header with unquoted line breaks may run
_MAX_CELL = 100_000  # letters; a longer cell has swallowed the records after it
_MIN_CUT = 4  # letters that a cut-off heading must keep
# In the order of precedence for a report that names several kinds of incident.
_INCIDENT_TYPES = {
    "hacking": "hacking",
    "unauthori": "unauthorized_access",
    "theft": "theft",
    "loss": "loss",
    "improper": "improper_disposal",
    "other": "other",
    "unknown": "unknown",
}
_ENTITY_TYPES = {
    "healthcareprovider": "provider",
    "healthplan": "health_plan",
    "businessassociate": "business_associate",
    "healthcareclearinghouse": "clearinghouse",
    "unknown": "unknown",
}
_PLACEHOLDERS = (500, 501)
_REPORTING_THRESHOLD = 500
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


@dataclass(frozen=True)
class _Header:
    """Where the header is, and which column holds which field."""

    delimiter: str
    start: int
    span: int
    cells: tuple[str, ...]
    fields: dict[str, int]

    def rank(self) -> tuple[int, int, int, int]:
        """Return what makes one candidate better than another."""
        n_required = sum(field in self.fields for field in _REQUIRED)
        return n_required, len(self.fields), -self.span, -self.start


def read_table(file: Path) -> pd.DataFrame:
    """Read a downloaded file into text columns, one row per record.

    Parameters
    ----------
    file : pathlib.Path
        Comma-, semicolon- or tab-separated text in any usual encoding, or gzipped.

    Returns
    -------
    pandas.DataFrame
        The columns of `_HEADINGS` as text (absent ones empty) and `dropped`: why a
        record is no report, else empty.

    Raises
    ------
    DataError
        If the file is in another format, empty, or without the portal's columns. The
        message holds no record.
    """
    text = _decode(_uncompress(file.read_bytes(), file.name), file.name)
    if not text.strip():
        raise DataError(f"{file.name} is empty")
    header = _find_header(text)
    if _lacks(header):
        text = _unwrap(text)
        header = _find_header(text)
    _check_header(header, file.name)
    records = _read_records(text, header.delimiter, file.name)
    rows = [_dropped("before the header")] * header.start
    rows += [_to_row(cells, header) for cells in records[header.start + header.span :]]
    return pd.DataFrame(rows, columns=[*_HEADINGS, "dropped"], dtype=str)


def clean_fields(table: pd.DataFrame) -> pd.DataFrame:
    """Turn the text of reports into typed columns and note what had to be changed.

    Parameters
    ----------
    table : pandas.DataFrame
        As `read_table` returns it.

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
    out["placeholder"] = out["individuals"].isin(_PLACEHOLDERS)
    out["changed"] = _join(_changes(table, text, out), out.index)
    out["noted"] = _join(_notes(out), out.index)
    return out


def _uncompress(raw: bytes, name: str) -> bytes:
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name} is a damaged gzip file") from error


def _decode(raw: bytes, name: str) -> str:
    start = raw[:64].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    for magic, kind in _OTHER_FORMATS.items():
        if start.startswith(magic.lower()):
            raise DataError(
                f"{name} is {kind}; download the breach list as CSV and pass that file"
            )
    for encoding in _encodings(raw):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text.lstrip("\ufeff").replace("\x00", "")
    raise DataError(f"{name} is not text in a known encoding")


def _encodings(raw: bytes) -> list[str]:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ["utf-16"]
    head = raw[:400]
    # Western text in UTF-16 without its mark: every second byte is zero.
    if head[1::2].count(0) > len(head) // 4:
        return ["utf-16-le"]
    if head[::2].count(0) > len(head) // 4:
        return ["utf-16-be"]
    return ["utf-8-sig", "cp1252", "latin-1"]


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _read_records(text: str, delimiter: str, name: str) -> list[list[str]]:
    # A cell over several lines with a date between delimiters has swallowed a record.
    edge = re.escape(delimiter)
    day = r"(\d{1,2}/\d{1,2}/\d{2,4}|\d{4}-\d{2}-\d{2})"
    swallowed = re.compile(rf'[\r\n].*{edge}"?{day}[^{edge}\r\n]{{0,15}}{edge}')
    records: list[list[str]] = []
    with suppress(csv.Error):
        for record in _records(text, delimiter):
            if any(len(c) > _MAX_CELL or swallowed.search(c) for c in record):
                break
            records.append(record)
        else:
            return records
    raise DataError(
        f"{name}: a quotation mark is never closed in record {len(records) + 1}"
    )


def _find_header(text: str) -> _Header:
    return max(_candidates(text), key=_Header.rank)


def _lacks(header: _Header) -> list[str]:
    return [field for field in _REQUIRED if field not in header.fields]


def _unwrap(text: str) -> str:
    """Undo the quotes that some programs put around whole lines."""
    lines: list[str] = []
    with suppress(csv.Error):
        lines.extend("".join(line) for line in _records(text, "\x1f"))
    return "\n".join(lines)


def _check_header(header: _Header, name: str) -> None:
    if not _lacks(header):
        return
    # With fewer than two headings the line may be a record: it is not repeated.
    received = "; ".join(header.cells) if len(header.fields) > 1 else "no header line"
    raise DataError(
        f"{name} is not a breach list of the HHS portal: missing the columns "
        f"{', '.join(_lacks(header))}; received {received}"
    )


def _candidates(text: str) -> Iterator[_Header]:
    yield _Header(",", 0, 1, (), {})
    for delimiter in (",", ";", "\t", "|"):
        head = _head(text, delimiter)
        for start in range(len(head)):
            yield from _headers_from(head[start : start + _MAX_SPAN], delimiter, start)


def _head(text: str, delimiter: str) -> list[list[str]]:
    """Return the first records, up to one that is too long to be one."""
    head: list[list[str]] = []
    with suppress(csv.Error):
        head.extend(islice(_records(text, delimiter), _N_SEARCHED))
    return head


def _headers_from(
    head: list[list[str]], delimiter: str, start: int
) -> Iterator[_Header]:
    """Take one line as the header, then two joined where a cell was broken, ..."""
    cells: list[str] = []
    for span, record in enumerate(head, start=1):
        if cells and record:
            cells = [*cells[:-1], f"{cells[-1]} {record[0]}", *record[1:]]
        else:
            cells = cells + record
        tidy = tuple(_tidy(cell[:200])[:40] for cell in cells)
        fields = _match_headings(tidy)
        if not fields:
            return
        yield _Header(delimiter, start, span, tidy, fields)


def _tidy(cell: str) -> str:
    plain = re.sub(r"<[^>]*>", " ", html.unescape(cell))
    return re.sub(r"\s+", " ", plain).strip(" \"'")


def _match_headings(cells: tuple[str, ...]) -> dict[str, int]:
    letters = [_letters(cell) for cell in cells]
    found: dict[str, int] = {}
    for rule in (_exact_field, _cut_field):
        for position, word in enumerate(letters):
            field = rule(word)
            if field and field not in found and position not in found.values():
                found[field] = position
    return found


def _exact_field(word: str) -> str | None:
    fields = {heading: field for field, heading in _HEADINGS.items()} | _ALIASES
    return fields.get(word)


def _cut_field(word: str) -> str | None:
    if len(word) < _MIN_CUT:
        return None
    fields = [
        field
        for field, heading in _HEADINGS.items()
        if heading.startswith(word) or (field != "state" and word.startswith(heading))
    ]
    return fields[0] if len(fields) == 1 else None


def _to_row(record: list[str], header: _Header) -> dict[str, str]:
    if not any(cell.strip() for cell in record):
        return _dropped("blank line")
    cells = _restore_width(record, header)
    if len(cells) > len(header.cells):
        return _dropped("more cells than columns")
    cells += [""] * (len(header.cells) - len(cells))
    row = {field: cells[at] for field, at in header.fields.items()}
    if _match_headings(tuple(_tidy(cell) for cell in cells)) == header.fields:
        return _dropped("repeated header")
    if not any(row[field].strip() for field in _REQUIRED if field != "entity"):
        return _dropped("not a report")
    return dict.fromkeys(_HEADINGS, "") | row | {"dropped": ""}


def _restore_width(record: list[str], header: _Header) -> list[str]:
    cells, width, at = list(record), len(header.cells), header.fields["individuals"]
    # An unquoted thousands separator splits a count over several cells.
    while (
        len(cells) > width
        and re.fullmatch(r"\s*\d{1,3}(,\d{3})*", cells[at])
        and re.fullmatch(r"\d{3}\s*", cells[at + 1])
    ):
        cells[at : at + 2] = [f"{cells[at]},{cells[at + 1]}"]
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    if header.fields.get("description") == width - 1:
        cells[width - 1 :] = (
            [",".join(cells[width - 1 :])] if len(cells) >= width else []
        )
    return cells


def _dropped(reason: str) -> dict[str, str]:
    return dict.fromkeys(_HEADINGS, "") | {"dropped": reason}


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
        for name, code in _ENTITY_TYPES.items()
        if name and word and (name.startswith(word) or word.startswith(name))
    ]
    return known[0] if len(known) == 1 else "unknown"


def _incident_types(text: str) -> str:
    words = {_letters(part) for part in text.split(",")} - {""}
    codes = {_incident_code(word) for word in words} or {"unknown"}
    return "|".join(code for code in _INCIDENT_TYPES.values() if code in codes)


def _incident_code(word: str) -> str:
    codes = (code for start, code in _INCIDENT_TYPES.items() if word.startswith(start))
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
        any(word.startswith(start) for start in _INCIDENT_TYPES) for word in words
    )


def _notes(out: pd.DataFrame) -> dict[str, pd.Series]:
    individuals = out["individuals"]
    return {
        "several kinds of incident": out["incident_types"].str.contains(
            "|", regex=False
        ),
        "no count": individuals.isna(),
        "placeholder count of 500 or 501": out["placeholder"],
        "count below 500": (individuals < _REPORTING_THRESHOLD).fillna(False),
    }


def _join(reasons: dict[str, pd.Series], index: pd.Index) -> pd.Series:
    joined = pd.Series("", index=index)
    for reason, applies in reasons.items():
        separator = joined.where(joined == "", joined + " + ")
        joined = joined.mask(applies.astype(bool), separator + reason)
    return joined
