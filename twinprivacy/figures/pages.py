"""The HTML of figures: cards, the gallery, and the page that each figure has."""

import csv
import html
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from sphinx.util.osutil import relative_uri

from twinprivacy.figures import citation, registry
from twinprivacy.figures.registry import DOWNLOADS

ROWS_SHOWN = 250
# What a card offers; the figure's own page offers everything.
TOOLBAR = ("pdf", "svg", "png", "csv")


@lru_cache
def _templates() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("twinprivacy.figures"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def anchor(figure_id: str) -> str:
    """Return the anchor of a figure's card within its chapter."""
    return f"figure-{figure_id}"


def render(
    template: str,
    folder: Path,
    here: str,
    *,
    figure_ids: list[str] | None,
    builder: Any,
) -> str:
    """Write figures through a template, with addresses relative to page `here`."""
    ids = registry.figure_ids(folder) if figure_ids is None else figure_ids
    cards = [_card(registry.load_manifest(name, folder), here, builder) for name in ids]
    text: str = _templates().get_template(template).render(cards=cards)
    return text


def page_context(
    manifest: dict[str, Any], folder: Path, builder: Any
) -> dict[str, Any]:
    """Return what the theme needs to write a figure's page."""
    figure_id = manifest["id"]
    header, rows = _read_csv(folder / figure_id / f"{figure_id}.csv")
    units = {column["name"]: column["unit"] for column in manifest["columns"]}
    here = f"figures/{figure_id}/index.html"
    body = (
        _templates()
        .get_template("page.html")
        .render(
            card=_card(manifest, here, builder),
            downloads=DOWNLOADS,
            references={
                "text": ("Text", citation.text_reference(manifest)),
                "bibtex": ("BibTeX", citation.bibtex(manifest)),
                "ris": ("RIS", citation.ris(manifest).replace("\r\n", "\n")),
                "csl": ("CSL-JSON", citation.csl_json(manifest)),
            },
            header=[(name, units[name]) for name in header],
            rows=rows[:ROWS_SHOWN],
            n_rows=len(rows),
        )
    )
    return {
        "title": manifest["title"],
        "body": body,
        "metatags": _figure_tags(manifest),
        "parents": [],
        "display_toc": False,
        "toc": "",
    }


def book_tags() -> str:
    """Return the tags by which reference managers read the book itself."""
    return _tags(
        {
            "citation_title": citation.BOOK_TITLE,
            "citation_author": citation.AUTHOR,
            "citation_publication_date": citation.RELEASE_DATE.replace("-", "/"),
            "citation_language": "en",
            "citation_public_url": citation.address(""),
        }
    )


def _card(manifest: dict[str, Any], here: str, builder: Any) -> dict[str, Any]:
    figure_id = manifest["id"]
    chapter = builder.get_target_uri(manifest["chapter"])

    def to(path: str) -> str:
        return relative_uri(here, path)

    return {
        "manifest": manifest,
        "id": figure_id,
        "base": to(f"figures/{figure_id}/{figure_id}"),
        "page": to(f"figures/{figure_id}/index.html"),
        "gallery": to("figures.html"),
        "chapter": f"{to(chapter)}#{anchor(figure_id)}",
        "chapter_title": _chapter_title(manifest["chapter"], builder),
        "toolbar": {ending: DOWNLOADS[ending] for ending in TOOLBAR},
        "pixels": _pixels(manifest),
    }


def _pixels(manifest: dict[str, Any]) -> tuple[int, int]:
    """Size at which type of nine points is at least twelve pixels high."""
    from twinprivacy.figures import publishing as style

    per_mm = 12 / style.FONT_SIZE_PT * style.POINTS_PER_INCH / style.MM_PER_INCH
    width_mm = style.WIDTH_MM[manifest["size"]]
    return round(width_mm * per_mm), round(manifest["height_mm"] * per_mm)


def _chapter_title(chapter: str, builder: Any) -> str:
    title = builder.env.titles.get(chapter)
    return title.astext() if title is not None else chapter


def _read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    return header, rows


def _tags(fields: dict[str, str | None]) -> str:
    return "".join(
        f'<meta name="{name}" content="{html.escape(value)}" />\n'
        for name, value in fields.items()
        if value
    )


def _figure_tags(manifest: dict[str, Any]) -> str:
    figure_id = manifest["id"]
    where = citation.figure_address(figure_id)
    tags = _tags(
        {
            "citation_title": manifest["title"],
            "citation_author": citation.AUTHOR,
            "citation_publication_date": citation.RELEASE_DATE.replace("-", "/"),
            "citation_inbook_title": citation.BOOK_TITLE,
            "citation_abstract": manifest["caption"],
            "citation_language": "en",
            "citation_pdf_url": f"{where}{figure_id}.pdf" if where else None,
            "citation_public_url": where,
            "description": manifest["caption"],
        }
    )
    linked = json.dumps(_linked_data(manifest, where or ""), ensure_ascii=False)
    # "</" would end the script element early.
    linked = linked.replace("</", r"<\/")
    return f'{tags}<script type="application/ld+json">{linked}</script>\n'


def _linked_data(manifest: dict[str, Any], where: str) -> dict[str, Any]:
    """Describe picture and data in the vocabulary of schema.org."""
    figure_id = manifest["id"]
    shared = {
        "license": citation.LICENCE_URL,
        "creator": {"@type": "Organization", "name": citation.AUTHOR},
        "isPartOf": {"@type": "Book", "name": citation.BOOK_TITLE},
    }
    picture = {
        "@type": "ImageObject",
        "name": manifest["title"],
        "caption": manifest["caption"],
        "contentUrl": f"{where}{figure_id}.svg",
        "acquireLicensePage": where or "index.html",
        "creditText": citation.AUTHOR,
        "copyrightNotice": f"{citation.AUTHOR}, {citation.LICENCE}",
        **shared,
    }
    data = {
        "@type": "Dataset",
        "name": f"Data of: {manifest['title']}",
        "description": manifest["caption"],
        "variableMeasured": [column["name"] for column in manifest["columns"]],
        "distribution": {
            "@type": "DataDownload",
            "encodingFormat": "text/csv",
            "contentUrl": f"{where}{figure_id}.csv",
        },
        **shared,
    }
    return {"@context": "https://schema.org", "@graph": [picture, data]}
