"""The published facts in data/: loaded, checked against their descriptor, described."""

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any, cast

import pandas as pd

import twinprivacy
from twinprivacy._validation import check_choice
from twinprivacy.datasets.columns import convert, find_problem
from twinprivacy.datasets.provenance import (
    Description,
    describe_entry,
    find_missing,
    to_provenance,
)
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


def path(name: str, *, folder: Path | None = None) -> Path:
    """Return where a data file lies.

    Examples
    --------
    >>> path("ocr_annual_totals").name
    'ocr_annual_totals.csv'
    """
    folder = folder or data_folder()
    return folder / str(_resource(name, folder)["path"])


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
    frame.attrs.update(to_provenance(resource))
    return frame


def describe(name: str, *, folder: Path | None = None) -> Description:
    """Describe a data file: its columns with units, sources and licence.

    Examples
    --------
    >>> describe("ocr_binned_sizes").columns.loc[0, "column"]
    'year'
    """
    folder = folder or data_folder()
    return describe_entry(_resource(name, folder))


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
        missing = [key for key in find_missing(resource) if key != "hash"]
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
    _check_entry(resources[name], find_missing(resources[name]))
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
    text = pd.read_csv(io.BytesIO(raw), dtype=str, keep_default_na=False)
    fields = resource["schema"]["fields"]
    expected = [field["name"] for field in fields]
    if list(text.columns) != expected:
        raise DataError(
            f"{resource['path']} must have the columns {', '.join(expected)}; "
            f"got {', '.join(text.columns)}"
        )
    for field in fields:
        problem = find_problem(text[field["name"]], field)
        if problem:
            raise DataError(f"{resource['path']}, column {field['name']}: {problem}")
    return pd.DataFrame({f["name"]: convert(text[f["name"]], f) for f in fields})
