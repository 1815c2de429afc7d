"""The published facts in data/: loaded, checked against their descriptor, described."""

import hashlib
import io
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import pandas as pd

import twinprivacy
from twinprivacy._validation import check_choice
from twinprivacy.errors import DataError

DESCRIPTOR = "datapackage.json"


def data_folder() -> Path:
    """Return the folder of the facts, installed or in a checkout.

    A wheel carries them inside the package; a checkout has them beside it.

    Raises
    ------
    DataError
        If neither folder holds a descriptor.

    Examples
    --------
    >>> (data_folder() / "datapackage.json").is_file()
    True
    """
    package = Path(twinprivacy.__file__).parent
    for folder in (package / "data", package.parent / "data"):
        if (folder / DESCRIPTOR).is_file():
            return folder
    raise DataError(f"the facts are not installed: no {DESCRIPTOR} beside the package")


def names(*, folder: Path | None = None) -> list[str]:
    """List the data files, in alphabetical order.

    Parameters
    ----------
    folder : pathlib.Path, optional
        A data package other than the one that ships with twinprivacy.

    Examples
    --------
    >>> "ocr_annual_totals" in names()
    True
    """
    return sorted(_resources(folder or data_folder()))


def load(name: str, *, folder: Path | None = None) -> pd.DataFrame:
    """Load a data file after checking its hash, columns, types and constraints.

    Parameters
    ----------
    name : str
        One of `names()`.
    folder : pathlib.Path, optional
        A data package other than the one that ships with twinprivacy.

    Returns
    -------
    pandas.DataFrame
        Whole numbers as int64, or Int64 where some are missing; decimals as float64;
        dates as datetime64; true and false as bool; everything else as text. Its
        `.attrs` hold name, title, description, sources, licence, sha256 and, under
        columns, the description and unit of each column.

    Raises
    ------
    DataError
        If the file is missing, changed, or not what its descriptor says.

    Examples
    --------
    >>> totals = load("ocr_annual_totals")
    >>> year_2015 = totals[totals["preferred"] & (totals["year"] == 2015)]
    >>> int(year_2015["individuals_affected"].item())
    112466720
    """
    folder = folder or data_folder()
    resource = _resource(name, folder)
    raw = _read_bytes(resource, folder)
    if _hash(raw) != resource["hash"]:
        raise DataError(
            f"{resource['path']} is not the file that {DESCRIPTOR} describes: "
            f"expected {resource['hash']}, got {_hash(raw)}"
        )
    frame = _parse(raw, resource)
    frame.attrs.update(_provenance(resource))
    return frame


@dataclass(frozen=True)
class Description:
    """What a data file holds, where it comes from and under which licence.

    Attributes
    ----------
    name, title, description : str
        Identifier, headline and account of the file.
    sources : tuple of str
        Where the values come from, each with its address where it has one.
    licence : str
        Terms of the file.
    sha256 : str
        Hash of its bytes.
    columns : pandas.DataFrame
        One row per column: column, type, unit, description.
    """

    name: str
    title: str
    description: str
    sources: tuple[str, ...]
    licence: str
    sha256: str
    columns: pd.DataFrame

    def __str__(self) -> str:
        """Return the description as text for a terminal."""
        sources = "\n".join(f"  {source}" for source in self.sources)
        columns = "\n".join(
            f"  {column} ({kind}{', ' * bool(unit)}{unit}): {meaning}"
            for column, kind, unit, meaning in self.columns.to_numpy().tolist()
        )
        return (
            f"{self.name}: {self.title}\n\n{self.description}\n\nColumns\n{columns}\n\n"
            f"Sources\n{sources}\n\nLicence\n  {self.licence}\n\nsha256 {self.sha256}"
        )


def describe(name: str, *, folder: Path | None = None) -> Description:
    """Describe a data file: its columns with units, sources and licence.

    Examples
    --------
    >>> describe("ocr_binned_sizes").columns.loc[0, "column"]
    'year'
    """
    about = _provenance(_resource(name, folder or data_folder()))
    columns = pd.DataFrame(about.pop("columns"))
    sources = tuple(
        " ".join(filter(None, (source["title"], source.get("path", ""))))
        for source in about.pop("sources")
    )
    return Description(columns=columns, sources=sources, **about)


def check(*, folder: Path | None = None) -> list[str]:
    """List everything in which the data files and their descriptor disagree.

    Returns
    -------
    list of str
        One line per problem; empty if every file is registered, unchanged and as
        its schema says.

    Examples
    --------
    >>> check()
    []
    """
    folder = folder or data_folder()
    registered = {str(r["path"]) for r in _resources(folder).values()}
    found = {file.name for file in folder.glob("*.csv")}
    problems = [
        f"{name} is not registered in {DESCRIPTOR}"
        for name in sorted(found - registered)
    ]
    for name in names(folder=folder):
        try:
            load(name, folder=folder)
        except DataError as error:
            problems.append(str(error))
    return problems


def rehash(*, folder: Path | None = None) -> list[str]:
    """Write the hash and size of each data file into the descriptor.

    For the maintainer who has just added or corrected a file. The files are checked
    against their schemas first, and the descriptor is replaced in one step.

    Returns
    -------
    list of str
        Names of the data files whose hash changed.

    Raises
    ------
    DataError
        If a file is not what its schema says; nothing is written then.
    """
    folder = folder or data_folder()
    descriptor = _read_descriptor(folder)
    changed = []
    for resource in descriptor["resources"]:
        missing = [key for key in _find_missing(resource) if key != "hash"]
        _check_entry(resource, missing)
        raw = _read_bytes(resource, folder)
        _parse(raw, resource)
        if resource.get("hash") != _hash(raw):
            changed.append(str(resource["name"]))
        resource.update(bytes=len(raw), hash=_hash(raw))
    text = json.dumps(descriptor, indent=2, ensure_ascii=False) + "\n"
    partial = folder / f"{DESCRIPTOR}.partial"
    partial.write_bytes(text.encode())
    os.replace(partial, folder / DESCRIPTOR)
    return changed


def _read_descriptor(folder: Path) -> dict[str, Any]:
    try:
        text = (folder / DESCRIPTOR).read_text(encoding="utf-8")
        return cast(dict[str, Any], json.loads(text))
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise DataError(f"{DESCRIPTOR} is missing or not JSON") from error


def _resources(folder: Path) -> dict[str, dict[str, Any]]:
    return {str(r["name"]): r for r in _read_descriptor(folder)["resources"]}


def _resource(name: str, folder: Path) -> dict[str, Any]:
    resources = _resources(folder)
    check_choice(name, name="name", allowed=sorted(resources))
    _check_entry(resources[name], _find_missing(resources[name]))
    return resources[name]


def _check_entry(resource: dict[str, Any], missing: list[str]) -> None:
    if missing:
        lacking = ", ".join(missing)
        raise DataError(f"{DESCRIPTOR}, {resource['name']}: {lacking} missing")


def _read_bytes(resource: dict[str, Any], folder: Path) -> bytes:
    file = folder / str(resource["path"])
    if not file.is_file():
        raise DataError(f"{resource['path']} is registered but missing")
    return file.read_bytes()


def _hash(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _parse(raw: bytes, resource: dict[str, Any]) -> pd.DataFrame:
    return _parsed(raw, resource["path"], json.dumps(resource["schema"])).copy()


# A cohort asks for the same files hundreds of times; their hash is checked each time.
@cache
def _parsed(raw: bytes, path: str, schema: str) -> pd.DataFrame:
    text = pd.read_csv(io.BytesIO(raw), dtype=str, keep_default_na=False)
    fields = json.loads(schema)["fields"]
    expected = [field["name"] for field in fields]
    if list(text.columns) != expected:
        raise DataError(
            f"{path} must have the columns {', '.join(expected)}; "
            f"got {', '.join(text.columns)}"
        )
    for field in fields:
        problem = _find_problem(text[field["name"]], field)
        if problem:
            raise DataError(f"{path}, column {field['name']}: {problem}")
    return pd.DataFrame({f["name"]: _convert(text[f["name"]], f) for f in fields})


_PATTERNS = {
    "integer": r"[+-]?\d+",
    "number": r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?",
    "date": r"\d{4}-\d{2}-\d{2}",
}


def _find_problem(text: pd.Series, field: dict[str, Any]) -> str | None:
    """Say what is wrong with a column, or None; the message holds no cell's value."""
    constraints = field.get("constraints", {})
    given = text[text != ""]
    n_missing = len(text) - len(given)
    if constraints.get("required") and n_missing:
        return f"{n_missing} of {len(text)} values are missing, but all are required"
    n_wrong = int((~_has_type(given, field)).sum())
    if n_wrong:
        return f"{n_wrong} of {len(text)} values are not of type {field['type']}"
    for rule, is_broken in _broken_rules(given, constraints).items():
        if is_broken.any():
            return f"{int(is_broken.sum())} of {len(text)} values {rule}"
    return None


def _convert(text: pd.Series, field: dict[str, Any]) -> pd.Series:
    """Convert a column that has no problem to the type of its field."""
    given = text.mask(text == "")
    kind = field["type"]
    if kind == "integer":
        whole = given.map(int, na_action="ignore").astype("Int64")
        return whole if whole.isna().any() else whole.astype("int64")
    if kind == "number":
        return given.astype("float64")
    if kind == "date":
        return pd.to_datetime(given, format="%Y-%m-%d")
    if kind == "boolean":
        flags = given.map(_flag_values(field)).astype("boolean")
        return flags if flags.isna().any() else flags.astype(bool)
    return given


def _has_type(given: pd.Series, field: dict[str, Any]) -> pd.Series:
    kind = field["type"]
    if kind == "boolean":
        return given.isin(list(_flag_values(field)))
    if kind == "date":
        dates = pd.to_datetime(given, format="%Y-%m-%d", errors="coerce")
        return dates.notna() & given.str.fullmatch(_PATTERNS["date"])
    if kind in _PATTERNS:
        return given.str.fullmatch(_PATTERNS[kind])
    return pd.Series(True, index=given.index)


def _flag_values(field: dict[str, Any]) -> dict[str, bool]:
    yes = dict.fromkeys(field.get("trueValues", ["true"]), True)
    return yes | dict.fromkeys(field.get("falseValues", ["false"]), False)


def _broken_rules(
    given: pd.Series, constraints: dict[str, Any]
) -> dict[str, "pd.Series[bool]"]:
    broken: dict[str, pd.Series[bool]] = {}
    if "enum" in constraints:
        broken["are not among the allowed ones"] = ~given.isin(constraints["enum"])
    if "pattern" in constraints:
        pattern = constraints["pattern"]
        broken[f"do not match {pattern}"] = ~given.str.fullmatch(pattern)
    if constraints.get("unique"):
        broken["are repeated"] = given.duplicated()
    if "minimum" in constraints:
        low = constraints["minimum"]
        broken[f"are below {low}"] = given.astype("float64") < low
    if "maximum" in constraints:
        high = constraints["maximum"]
        broken[f"are above {high}"] = given.astype("float64") > high
    return broken


# What every entry must tell, besides its schema.
_REQUIRED = ("path", "title", "description", "sources", "licenses", "hash")


def _find_missing(resource: dict[str, Any]) -> list[str]:
    """List what an entry of the descriptor does not tell of its file or columns."""
    missing = [key for key in _REQUIRED if not resource.get(key)]
    fields = resource.get("schema", {}).get("fields", [])
    if not fields:
        missing.append("schema")
    return missing + [
        f"{key} of {field['name']}"
        for field in fields
        for key in ("type", "description")
        if not field.get(key)
    ]


def _provenance(resource: dict[str, Any]) -> dict[str, Any]:
    """Turn an entry of the descriptor into what `load` keeps in `.attrs`."""
    columns = [
        {
            "column": field["name"],
            "type": field["type"],
            "unit": field.get("unit", ""),
            "description": field["description"],
        }
        for field in resource["schema"]["fields"]
    ]
    return {
        "name": resource["name"],
        "title": resource["title"],
        "description": resource["description"],
        "sources": [dict(source) for source in resource["sources"]],
        "licence": "; ".join(licence["title"] for licence in resource["licenses"]),
        "sha256": resource["hash"].removeprefix("sha256:"),
        "columns": columns,
    }
