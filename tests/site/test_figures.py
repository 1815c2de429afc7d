"""Every figure: its files open, its data are what is drawn, its reference works."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import bibtexparser
import pytest
from bs4 import BeautifulSoup, Tag
from PIL import Image
from playwright.sync_api import Browser, Page
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

MM_PER_INCH = 25.4
WIDTHS_MM = (89, 183)
ENDINGS = {
    "pdf",
    "svg",
    "dark.svg",
    "png",
    "csv",
    "bib",
    "ris",
    "csl.json",
    "metadata.json",
    "zip",
}


@pytest.fixture
def folder(site: Path, figure_id: str) -> Path:
    folder = site / "figures" / figure_id
    assert (folder / "index.html").is_file(), "the site has no figure page"
    return folder


@pytest.fixture
def soup(folder: Path) -> BeautifulSoup:
    return parsed(folder / "index.html")


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def clipboard_page(browser: Browser, address: str) -> Iterator[Page]:
    with browser.new_context() as context:
        context.grant_permissions(
            ["clipboard-read", "clipboard-write"], origin=address.rstrip("/")
        )
        yield context.new_page()


def file_of(folder: Path, ending: str) -> Path:
    return folder / f"{folder.name}.{ending}"


def test_every_ending_is_offered(folder: Path, soup: BeautifulSoup) -> None:
    links = soup.select("nav.figure-downloads a[download]")
    offered = {str(link["href"]).removeprefix(f"{folder.name}.") for link in links}
    assert offered >= ENDINGS
    for link in links:
        assert (folder / str(link["href"])).stat().st_size > 0


# One template makes every page: its buttons are tried on these, and what they lead to
# is compared for all figures below.
TRIED = ("breach-sizes", "genotype-from-dose", "uniqueness-ladder")


@pytest.mark.parametrize("tried", TRIED)
def test_browser_downloads_each_file(
    desktop: Page, address: str, site: Path, tried: str
) -> None:
    desktop.goto(f"{address}figures/{tried}/")
    folder = site / "figures" / tried
    for link in desktop.locator("nav.figure-downloads a[download]").all():
        with desktop.expect_download() as waiting:
            link.click()
        saved = waiting.value.path().read_bytes()
        assert saved == (folder / str(link.get_attribute("href"))).read_bytes()


@pytest.mark.parametrize("ending", ["svg", "dark.svg"])
def test_svg_is_well_formed_and_alone(folder: Path, ending: str) -> None:
    text = file_of(folder, ending).read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    loaded = re.findall(r'(?:xlink:href|href|src)="(?!#|data:)([^"]+)"', text)
    assert [item for item in loaded if item.startswith(("http", "//"))] == []


def test_light_and_dark_share_their_size(folder: Path) -> None:
    light, dark = (
        ElementTree.parse(file_of(folder, ending)).getroot()
        for ending in ("svg", "dark.svg")
    )
    assert light.get("viewBox") == dark.get("viewBox")


def fonts_of(reader: PdfReader) -> list[DictionaryObject]:
    found = []
    for page in reader.pages:
        fonts = page["/Resources"].get("/Font", {})
        found += [font.get_object() for font in fonts.values()]
    return found


def is_embedded(font: DictionaryObject) -> bool:
    if font["/Subtype"] == "/Type3":
        return "/CharProcs" in font
    if font["/Subtype"] == "/Type0":
        return all(is_embedded(f.get_object()) for f in font["/DescendantFonts"])
    descriptor = font["/FontDescriptor"].get_object()
    return any(key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3"))


def test_pdf_has_its_fonts_and_a_journal_width(folder: Path) -> None:
    reader = PdfReader(file_of(folder, "pdf"))
    fonts = fonts_of(reader)
    assert fonts
    assert all(is_embedded(font) for font in fonts)
    width_mm = float(reader.pages[0].mediabox.width) / 72 * MM_PER_INCH
    assert min(abs(width_mm - allowed) for allowed in WIDTHS_MM) < 1


def test_png_has_300_dots_an_inch(folder: Path) -> None:
    with Image.open(file_of(folder, "png")) as picture:
        assert picture.info["dpi"][0] == pytest.approx(300, abs=1)
        width_mm = picture.width / 300 * MM_PER_INCH
        picture.verify()
    assert min(abs(width_mm - allowed) for allowed in WIDTHS_MM) < 1


def read_rows(folder: Path) -> list[list[str]]:
    with file_of(folder, "csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def written(cell: Tag) -> str:
    """Return what a cell stands for: an address is shown as a link with its host."""
    link = cell.select_one("a")
    return cell.get_text(strip=True) if link is None else str(link["href"])


def test_table_shown_is_the_csv(folder: Path, soup: BeautifulSoup) -> None:
    header, *rows = read_rows(folder)
    table = soup.select_one("table.figure-data")
    assert table is not None
    shown = [
        [written(cell) for cell in row.select("th, td")] for row in table.select("tr")
    ]
    assert rows
    assert shown[0] == header
    assert [[cell.strip() for cell in row] for row in rows[: len(shown) - 1]] == (
        shown[1:]
    )
    assert len(shown) - 1 == min(len(rows), 250)


def test_metadata_describes_every_column(folder: Path) -> None:
    manifest = json.loads(file_of(folder, "metadata.json").read_text(encoding="utf-8"))
    assert [c["name"] for c in manifest["columns"]] == read_rows(folder)[0]
    for column in manifest["columns"]:
        assert column["unit"]
        assert column["description"]
        assert column["source"]
    for key in ("title", "caption", "alt", "chapter", "package_version"):
        assert manifest[key], key
    # Without a data file behind it, a figure must say that all of it is computed.
    computed = all(column["source"] == "computed" for column in manifest["columns"])
    assert bool(manifest["sources"]) != computed


def test_references_parse_and_agree(folder: Path) -> None:
    title = json.loads(file_of(folder, "metadata.json").read_text("utf-8"))["title"]
    item = json.loads(file_of(folder, "csl.json").read_text(encoding="utf-8"))
    item = item[0] if isinstance(item, list) else item
    assert item["title"] == title
    lines = file_of(folder, "ris").read_text(encoding="utf-8").split("\n")
    lines = [line.rstrip("\r") for line in lines if line.strip()]
    assert lines[0].startswith("TY  - ")
    assert lines[-1].startswith("ER  -")
    assert any(line == f"TI  - {title}" for line in lines)
    entry = parse_bibtex(file_of(folder, "bib").read_text(encoding="utf-8"))
    assert plain(entry["title"]) == plain(title)


def parse_bibtex(text: str) -> dict[str, str]:
    library = bibtexparser.parse_string(text)
    assert library.failed_blocks == []
    (entry,) = library.entries
    return {field.key: field.value for field in entry.fields}


def plain(text: str) -> str:
    """Undo what BibTeX needs; "~" is its no-break space."""
    return re.sub(r"[{}\\]", "", text.replace("~", "\N{NO-BREAK SPACE}"))


def test_reference_shown_is_the_file(folder: Path, soup: BeautifulSoup) -> None:
    shown = soup.select_one("#bibtex")
    assert shown is not None
    assert soup.select_one("button.copy[data-copy-target='#bibtex']") is not None
    text = file_of(folder, "bib").read_text("utf-8").strip()
    assert shown.get_text().strip() == text
    assert {"title", "author", "year"} <= parse_bibtex(text).keys()


@pytest.mark.parametrize("tried", TRIED)
def test_copy_button_copies_bibtex(
    clipboard_page: Page, address: str, site: Path, tried: str
) -> None:
    clipboard_page.goto(f"{address}figures/{tried}/")
    clipboard_page.locator("button.copy[data-copy-target='#bibtex']").click()
    clipboard_page.wait_for_timeout(100)
    copied = clipboard_page.evaluate("navigator.clipboard.readText()")
    kept = file_of(site / "figures" / tried, "bib").read_text("utf-8")
    assert copied.strip() == kept.strip()


def test_archive_holds_the_other_files_and_a_readme(folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(file_of(folder, "zip").read_bytes())) as archive:
        assert archive.testzip() is None
        names = {Path(name).name: name for name in archive.namelist()}
        assert any(name.upper().startswith("README") for name in names)
        for ending in ENDINGS - {"zip"}:
            path = file_of(folder, ending)
            assert archive.read(names[path.name]) == path.read_bytes()


def test_page_tells_reference_managers_and_search_engines(
    folder: Path, soup: BeautifulSoup
) -> None:
    tags = {str(t["name"]): str(t["content"]) for t in soup.select("meta[name]")}
    for name in ("citation_title", "citation_author", "citation_publication_date"):
        assert tags[name], name
    scripts = soup.select('script[type="application/ld+json"]')
    assert scripts
    kinds = set()
    for script in scripts:
        linked = json.loads(script.get_text())
        items = linked.get("@graph", [linked]) if isinstance(linked, dict) else linked
        kinds |= {item["@type"] for item in items}
    assert {"ImageObject", "Dataset"} <= kinds


def test_page_leads_back_to_its_chapter(folder: Path, soup: BeautifulSoup) -> None:
    manifest = json.loads(file_of(folder, "metadata.json").read_text(encoding="utf-8"))
    links = [str(link["href"]) for link in soup.select("article a[href]")]
    assert any(manifest["chapter"] in link for link in links)
