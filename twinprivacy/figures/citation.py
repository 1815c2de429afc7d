"""One reference for a figure, in the formats that reference managers read."""

import json
import os
from typing import Any

from twinprivacy import __version__

BOOK_TITLE = "The more a twin knows, how secure are you?"
AUTHOR = "twinprivacy contributors"
RELEASE_DATE = "2026-11-23"
LICENCE = "CC BY 4.0"
LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"
ADDRESS_VARIABLE = "TWINPRIVACY_ADDRESS"

_BIBTEX_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "%": r"\%",
        "&": r"\&",
        "#": r"\#",
        "_": r"\_",
        "$": r"\$",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\u00a0": "~",
        "\u2009": r"\,",
    }
)


def address(path: str) -> str | None:
    """Return the absolute address of `path`, or None where none has been set.

    The book's address is one setting, the environment variable
    TWINPRIVACY_ADDRESS; it is empty until the book is published somewhere.
    """
    base = os.environ.get(ADDRESS_VARIABLE, "").strip()
    return f"{base.rstrip('/')}/{path}" if base else None


def figure_address(figure_id: str) -> str | None:
    """Return the absolute address of a figure's page, or None."""
    return address(f"figures/{figure_id}/")


def text_reference(manifest: dict[str, Any]) -> str:
    """Return the reference as one line of text."""
    year = RELEASE_DATE[:4]
    where = figure_address(manifest["id"])
    return (
        f"{AUTHOR} ({year}). {manifest['title'].rstrip('.')}. Figure "
        f'"{manifest["id"]}" in: {BOOK_TITLE} (version {__version__}). {LICENCE}.'
        + (f" {where}" if where else "")
    )


def bibtex(manifest: dict[str, Any]) -> str:
    """Return a BibTeX entry; characters that LaTeX reads as commands are escaped."""
    fields = {
        "author": f"{{{AUTHOR}}}",
        "title": f"{{{_escape(manifest['title'])}}}",
        "howpublished": f"Figure in: {_escape(BOOK_TITLE)}",
        "year": RELEASE_DATE[:4],
        "version": __version__,
        "note": f"Figure {_escape(manifest['id'])}, version {__version__}, {LICENCE}",
    }
    where = figure_address(manifest["id"])
    if where:
        fields["url"] = where
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{twinprivacy-{manifest['id']},\n{body}\n}}\n"


def ris(manifest: dict[str, Any]) -> str:
    """Return a RIS record."""
    lines = [
        ("TY", "FIGURE"),
        ("AU", AUTHOR),
        ("TI", manifest["title"]),
        ("T2", BOOK_TITLE),
        ("PY", RELEASE_DATE[:4]),
        ("DA", RELEASE_DATE.replace("-", "/")),
        ("ET", __version__),
        ("AB", manifest["caption"]),
        ("C1", LICENCE),
        ("ID", f"twinprivacy-{manifest['id']}"),
    ]
    where = figure_address(manifest["id"])
    if where:
        lines.append(("UR", where))
    lines.append(("ER", ""))
    return "".join(f"{tag}  - {value}\r\n" for tag, value in lines)


def csl_json(manifest: dict[str, Any]) -> str:
    """Return a list of one CSL-JSON item."""
    item: dict[str, Any] = {
        "id": f"twinprivacy-{manifest['id']}",
        "type": "figure",
        "title": manifest["title"],
        "container-title": BOOK_TITLE,
        "author": [{"literal": AUTHOR}],
        "issued": {"date-parts": [[int(part) for part in RELEASE_DATE.split("-")]]},
        "version": __version__,
        "abstract": manifest["caption"],
        "language": "en",
        "note": LICENCE,
    }
    where = figure_address(manifest["id"])
    if where:
        item["URL"] = where
    return json.dumps([item], indent=2, ensure_ascii=False) + "\n"


def _escape(text: str) -> str:
    return text.translate(_BIBTEX_SPECIAL)
