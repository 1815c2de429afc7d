"""Where published figures lie, and what their manifests say."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from twinprivacy import __version__
from twinprivacy.errors import FigureError
from twinprivacy.figures import citation

FOLDER_VARIABLE = "TWINPRIVACY_FIGURES"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def figures_folder() -> Path:
    """Return the folder that holds one sub-folder per figure.

    The environment variable TWINPRIVACY_FIGURES names it; without it, it is
    ``figures`` in the current folder when that is ``book``, else ``book/figures``.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    here = Path.cwd()
    return here / "figures" if here.name == "book" else here / "book" / "figures"


def check_figure_id(figure_id: str) -> None:
    """Raise unless `figure_id` is in kebab-case, as its address will be."""
    if not _ID.fullmatch(figure_id):
        raise FigureError(
            "figure_id must be lower-case words and digits joined by hyphens; "
            f"got {figure_id!r}"
        )


def figure_ids(folder: Path | None = None) -> list[str]:
    """List the figures published in `folder`, in alphabetical order."""
    folder = folder or figures_folder()
    return sorted(
        path.parent.name
        for path in folder.glob("*/*.metadata.json")
        if path.name == f"{path.parent.name}.metadata.json"
    )


def manifest_path(figure_id: str, folder: Path | None = None) -> Path:
    """Return the path of a figure's manifest, whether or not it exists."""
    return (folder or figures_folder()) / figure_id / f"{figure_id}.metadata.json"


def load_manifest(figure_id: str, folder: Path | None = None) -> dict[str, Any]:
    """Read what was published with a figure.

    Raises
    ------
    FigureError
        If no chapter has published the figure; the message says what to run.
    """
    path = manifest_path(figure_id, folder)
    if not path.is_file():
        published = ", ".join(figure_ids(folder)) or "none"
        raise FigureError(
            f"figure {figure_id!r} has not been published: run `make chapters`, or "
            f"publish it in a chapter; published so far: {published}"
        )
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


# Endings of a figure's files, in the order in which readers ask for them.
DOWNLOADS = {
    "pdf": "PDF",
    "svg": "SVG",
    "dark.svg": "SVG, dark",
    "png": "PNG, 300 dpi",
    "csv": "data, CSV",
    "metadata.json": "metadata, JSON",
    "bib": "BibTeX",
    "ris": "RIS",
    "csl.json": "CSL-JSON",
    "zip": "all, ZIP",
}


@lru_cache
def column_vocabulary() -> dict[str, tuple[str, str]]:
    """Return unit and description of every column name that figures share."""
    text = resources.files("twinprivacy.figures").joinpath("columns.csv")
    with text.open(encoding="utf-8") as handle:
        frame = pd.read_csv(handle, dtype=str, keep_default_na=False)
    return {row.column: (row.unit, row.description) for row in frame.itertuples()}  # type: ignore[misc]


def make_manifest(
    figure_id: str,
    data: pd.DataFrame,
    *,
    sources: Sequence[str],
    columns: Mapping[str, tuple[str, str]],
    **texts: Any,
) -> dict[str, Any]:
    """Collect what a reader needs to trust and cite a figure.

    Raises
    ------
    FigureError
        If a text is empty or a column has no description.
    """
    for name in ("title", "headline", "caption", "alt", "not_shown", "chapter"):
        if not str(texts[name]).strip():
            raise FigureError(f"{name} of figure {figure_id!r} must not be empty")
    source_entries = [_source(name) for name in sources]
    return {
        "id": figure_id,
        **texts,
        "n_rows": len(data),
        "columns": _describe_columns(figure_id, data, columns, source_entries),
        "sources": source_entries,
        "package_version": __version__,
        "creator": citation.AUTHOR,
        "licence": citation.LICENCE,
        "licence_url": citation.LICENCE_URL,
        "book": citation.BOOK_TITLE,
        "address": citation.figure_address(figure_id),
    }


def _source(name: str) -> dict[str, str]:
    from twinprivacy import datasets

    attrs = datasets.load(name).attrs
    return {"name": name, "title": attrs["title"], "sha256": attrs["sha256"]}


def _describe_columns(
    figure_id: str,
    data: pd.DataFrame,
    columns: Mapping[str, tuple[str, str]],
    sources: list[dict[str, str]],
) -> list[dict[str, str]]:
    known = {**column_vocabulary(), **columns}
    missing = [str(name) for name in data.columns if name not in known]
    if missing:
        raise FigureError(
            f"columns of figure {figure_id!r} lack unit and description: "
            f"{', '.join(missing)}; add them to columns.csv or pass columns="
        )
    source = ", ".join(entry["name"] for entry in sources) or "computed"
    return [
        {
            "name": str(name),
            "unit": known[name][0],
            "description": known[name][1],
            "source": source,
        }
        for name in data.columns
    ]


def to_json(manifest: dict[str, Any]) -> str:
    """Write a manifest as text, the same on every run."""
    return json.dumps(manifest, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def picture_metadata(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what goes inside the SVG, PDF and PNG files; no dates, no software."""
    title, creator = manifest["title"], manifest["creator"]
    identifier = manifest["address"] or f"twinprivacy figure {manifest['id']}"
    rights = f"{manifest['licence']} {manifest['licence_url']}"
    return {
        "svg": {
            "Title": title,
            "Creator": creator,
            "Description": manifest["caption"],
            "Identifier": identifier,
            "Rights": rights,
            "Date": None,
        },
        "pdf": {
            "Title": title,
            "Author": creator,
            "Subject": manifest["caption"],
            "Keywords": f"{identifier}; {rights}",
            "Creator": None,
            "Producer": None,
            "CreationDate": None,
        },
        "png": {
            "Title": title,
            "Author": creator,
            "Description": manifest["caption"],
            "Copyright": rights,
            "Source": identifier,
            "Software": None,
        },
    }


def readme(manifest: dict[str, Any], files: Sequence[str]) -> str:
    """Return the README of the figure's archive."""
    columns = "\n".join(
        f"  {column['name']} ({column['unit']}): {column['description']}"
        for column in manifest["columns"]
    )
    sources = "\n".join(
        f"  {source['name']}: {source['title']} (sha256 {source['sha256']})"
        for source in manifest["sources"]
    )
    return (
        f"{manifest['title']}\n\n{manifest['caption']}\n\n"
        f"What this does not show: {manifest['not_shown']}\n\n"
        f"Cite as: {citation.text_reference(manifest)}\n"
        f"Licence: {manifest['licence']}, {manifest['licence_url']}\n"
        f"Made by: chapter {manifest['chapter']}, package twinprivacy "
        f"{manifest['package_version']}, seed {manifest['seed']}\n\n"
        f"Columns of {manifest['id']}.csv\n{columns}\n\n"
        f"Data files used\n{sources or '  none'}\n\n"
        f"Files\n" + "\n".join(f"  {name}" for name in files) + "\n"
    )
