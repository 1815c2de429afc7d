"""Where published figures lie, and what their manifests say."""

import json
import os
import re
from pathlib import Path
from typing import Any

from twinprivacy.errors import FigureError

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
