"""The references that the book gives and takes are complete and agree."""

import re
from pathlib import Path

import bibtexparser
import yaml
from bs4 import BeautifulSoup

import twinprivacy

ROOT = Path(__file__).parents[2]


def entries(text: str) -> list[dict[str, str]]:
    library = bibtexparser.parse_string(text)
    assert library.failed_blocks == []
    return [{field.key: field.value for field in e.fields} for e in library.entries]


def test_how_to_cite_agrees_with_the_citation_file() -> None:
    page = (ROOT / "book" / "cite.md").read_text(encoding="utf-8")
    block = re.search(r"```bibtex\n(.*?)```", page, re.DOTALL)
    assert block is not None
    (entry,) = entries(block.group(1))
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert entry["title"] == citation["title"]
    assert entry["version"] == citation["version"] == twinprivacy.__version__
    assert entry["year"] == str(citation["date-released"])[:4]
    assert entry["author"].strip("{}") == citation["authors"][0]["name"]


def test_every_reference_can_be_followed() -> None:
    text = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    for entry in entries(text):
        assert entry.get("doi") or entry.get("url"), entry["title"]
        assert entry["author"]
        assert re.fullmatch(r"\d{4}", entry["year"])


def test_bibliography_lists_every_reference(site: Path) -> None:
    text = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    page = (site / "bibliography.html").read_text(encoding="utf-8")
    listed = BeautifulSoup(page, "html.parser").select(".citation")
    assert len(listed) == len(entries(text))
