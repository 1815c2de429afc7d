"""What the book's own Sphinx extension does to pages, on small examples."""

import json
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sphinx.errors import ExtensionError

sys.path.insert(0, str(Path(__file__).parents[2] / "book" / "_ext"))

from twinprivacy_site import accessibility, assets, data_files, docstrings, pages


def parse(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


def test_blank_corner_over_row_names_is_no_header() -> None:
    soup = parse(
        "<table><thead><tr><th></th><th>a</th></tr></thead>"
        "<tbody><tr><th>x</th><td>1</td></tr></tbody></table>"
    )
    accessibility.fill_table_headers(soup)
    assert [(cell.name, cell.get("scope")) for cell in soup.select("th, td")] == [
        ("td", None),
        ("th", "col"),
        ("th", "row"),
        ("td", None),
    ]


def test_tables_scroll_in_boxes_with_names_of_their_own() -> None:
    soup = parse("<h2>Sizes</h2><table></table><table></table>")
    for _ in range(2):  # a second pass must change nothing
        accessibility.scroll_wide_tables(soup)
    boxes = soup.select("div.table-scroll")
    assert [box["aria-label"] for box in boxes] == [
        "Table in: Sizes",
        "Table in: Sizes (2)",
    ]
    assert all(box["tabindex"] == "0" and box["role"] == "region" for box in boxes)


def test_fold_of_the_chapter_list_is_named_after_its_chapter() -> None:
    soup = parse(
        "<nav><li><a href='api.html'>API</a><details><summary><i></i></summary>"
        "</details></li></nav>"
    )
    accessibility.name_landmarks(soup)
    assert soup.summary is not None
    assert soup.summary["aria-label"] == "Pages under API"


def test_search_button_is_read_out_as_it_is_shown() -> None:
    soup = parse(
        '<button class="search-button-field" aria-label="Find" title="Find">Search'
        '<span class="search-button__kbd-shortcut">Ctrl+K</span></button>'
    )
    accessibility.name_controls(soup)
    button = soup.button
    assert button is not None
    assert "aria-label" not in button.attrs
    assert button.span is not None
    assert button.span["aria-hidden"] == "true"


def test_scripts_stay_only_where_the_page_needs_them() -> None:
    head = '<script src="_static/copybutton.js"></script>'
    without, with_code = parse(head), parse(head + '<div class="highlight"></div>')
    assets.drop_unused(without)
    assets.drop_unused(with_code)
    assert without.script is None
    assert with_code.script is not None


def test_icon_that_nobody_drew_stops_the_build() -> None:
    soup = parse('<title>Page</title><i class="fa-solid fa-rocket"></i>')
    with pytest.raises(ExtensionError) as caught:
        assets.check_icons(soup, {"fa-bars"})
    assert str(caught.value) == (
        "page 'Page' uses the icon fa-rocket, which _static/icons.css does not draw"
    )


def test_icon_rules_go_and_the_others_stay(tmp_path: Path) -> None:
    style = tmp_path / "theme.css"
    style.write_text(
        "@font-face{font-family:x;src:url(x.woff2)}a{color:red}"
        '.fa-x:before{content:"x"}.fa-y:before,.fa-z:before{content:"y"}'
        "button .fa-lg{width:1em}"
    )
    assets.slim_theme_style(style)
    assert style.read_text() == "a{color:red}button .fa-lg{width:1em}"


def test_rewriting_twice_changes_nothing(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!DOCTYPE html><p>1 &lt; 2 &amp; <math><mi>x</mi></math></p>")
    pages.rewrite_pages(tmp_path, [accessibility.fill_table_headers])
    once = page.read_text()
    pages.rewrite_pages(tmp_path, [accessibility.fill_table_headers])
    assert page.read_text() == once
    assert "1 &lt; 2 &amp;" in once


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "data/datapackage.json is missing"),
        ("{", "data/datapackage.json is not JSON"),
        ("{}", "data/datapackage.json lists no resources"),
        ('{"resources": [{"name": "a"}]}', "a resource has no path"),
        (
            json.dumps({"resources": [{"name": "a", "path": "a.csv"}]}),
            "data/datapackage.json names a.csv, which does not exist",
        ),
    ],
)
def test_broken_data_package_is_told_in_words(
    tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "datapackage.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ExtensionError) as caught:
        data_files.read_descriptor(path)
    assert message in str(caught.value)


def test_data_page_offers_every_file_unchanged(site: Path) -> None:
    source = Path(__file__).parents[2] / "data"
    package = json.loads((source / "datapackage.json").read_text(encoding="utf-8"))
    page = parse((site / "data.html").read_text(encoding="utf-8"))
    links = {str(link["href"]) for link in page.select("article a[href]")}
    for resource in package["resources"]:
        assert f"data/{resource['path']}" in links
        served = site / "data" / resource["path"]
        assert served.read_bytes() == (source / resource["path"]).read_bytes()


def test_attributes_of_one_line_become_entries_of_their_own() -> None:
    written = [
        "Say what it is.",
        "",
        "Attributes",
        "----------",
        "low, high : float",
        "    Ends of the range,",
        "    both inside.",
        "name : str",
        "",
        "Notes",
        "-----",
        "a, b : not an attribute",
    ]
    text = ["    Ends of the range,", "    both inside."]
    assert docstrings.split_attributes(written) == [
        *written[:4],
        "low : float",
        *text,
        "high : float",
        *text,
        *written[7:],
    ]


def test_reference_pages_take_no_attribute_for_a_type(site: Path) -> None:
    page = (site / "api" / "glucose.html").read_text(encoding="utf-8")
    listed = BeautifulSoup(page, "html.parser").select("dl.field-list li")
    found = {(entry.strong.text, entry.em.text) for entry in listed if entry.em}
    for name in ("plasma_mg_dl", "interstitial_mg_dl"):
        assert (name, "numpy.ndarray") in found
    assert not [pair for pair in found if pair[1].endswith(",")]
