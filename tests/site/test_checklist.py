"""The keeper's checklist: each requirement once, with its answers, computed sizes."""

import csv
import importlib
import math
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from sphinx.errors import ExtensionError

from twinprivacy import datasets

sys.path.insert(0, str(Path(__file__).parents[2] / "book" / "_ext"))

from twinprivacy_site import checklist

BOOK = Path(__file__).parents[2] / "book"


@pytest.fixture(scope="module")
def rows() -> list[checklist.Row]:
    return checklist.read_checklist(BOOK / checklist.ANSWERS)


@pytest.fixture(scope="module")
def page(site: Path) -> BeautifulSoup:
    return BeautifulSoup((site / "checklist.html").read_text("utf-8"), "html.parser")


def plain(text: str) -> str:
    """Return a text as typed: the page sets curly marks and spaces that hold."""
    return text.replace("\u2019", "'").replace("\xa0", " ")


def shown(page: BeautifulSoup) -> list[list[Tag]]:
    return [row.select("td") for row in page.select("table.checklist tbody tr")]


def test_every_requirement_has_one_surface_and_all_but_one_a_function(rows) -> None:
    asked = datasets.load("governance")
    assert sorted(row["requirement_id"] for row in rows) == sorted(
        asked["requirement_id"]
    )
    assert {row["surface"] for row in rows} == set(checklist.SURFACES)
    silent = [row["requirement_id"] for row in rows if not row["functions"]]
    assert silent == ["FDA-IMDRF"]


def test_every_function_is_one_of_the_package(rows) -> None:
    names = {name for row in rows for name in row["functions"]}
    for name in names:
        module, _, function = name.rpartition(".")
        loaded = importlib.import_module(f"twinprivacy.{module}")
        assert function in loaded.__all__
        assert callable(getattr(loaded, function))


def test_page_shows_each_requirement_with_clause_source_and_check(rows, page) -> None:
    cells = shown(page)
    assert len(cells) == len(rows)
    for row, (clause, asked, number, threshold) in zip(rows, cells, strict=True):
        assert row["clause"] in plain(clause.get_text())
        link = clause.select_one("a")
        assert (link["href"], link.get_text()) == (row["source_url"], row["check"])
        assert row["applies_to"] in plain(asked.get_text())
        assert row["number_that_answers_it"] in plain(number.get_text())
        assert plain(threshold.get_text()) == row["threshold"]


def test_page_links_every_function_and_every_figure(rows, page) -> None:
    for row, (*_, number, _) in zip(rows, shown(page), strict=True):
        links = [str(link["href"]) for link in number.select("a")]
        functions = [link.partition("#")[2] for link in links if link[:4] == "api/"]
        assert functions == [f"twinprivacy.{name}" for name in row["functions"]]
        figures = [link.split("/")[1] for link in links if link[:8] == "figures/"]
        assert figures == row["figures"], row["requirement_id"]


def test_sizes_follow_from_the_formulas() -> None:
    # No hit among n: Wilson's upper end is z^2 / (n + z^2) with z = 1.96, at most 0.09
    # from n = 3.8415 (1 / 0.09 - 1) = 38.8 on.
    assert "takes 39 targets" in checklist.needed_targets()
    assert 38 < 3.8415 * (1 / 0.09 - 1) < 39
    # 10 of 1,000: centre (0.01 + 0.00192) / 1.00384 = 0.01187, half width 0.00643.
    assert plain(checklist.needed_controls()[1]) == (
        "A false positive rate of 1 % on 1,000 controls is 10 people: between 0.54 % "
        "and 1.8 %."
    )
    caps = [f"{100 * 0.01 * math.exp(epsilon):.2g} %" for epsilon in (0.5, 1, 2, 3)]
    assert caps == ["1.6 %", "2.7 %", "7.4 %", "20 %"]
    said = plain(checklist.budget_caps())
    assert all(cap in said for cap in caps)


def test_page_shows_the_sizes(page) -> None:
    said = page.get_text(" ", strip=True)
    assert checklist.needed_targets() in said
    assert checklist.budget_caps() in said


def test_one_in_eleven_is_above_the_threshold_and_one_in_twelve_below() -> None:
    asked = datasets.load("governance").set_index("requirement_id")
    limit = float(asked.loc["EMA-HC-009", "threshold"])
    assert 1 / 12 < limit < 1 / 11


def test_an_unanswered_requirement_stops_the_build(tmp_path) -> None:
    path = tmp_path / "checklist.csv"
    with (BOOK / checklist.ANSWERS).open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream))
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(lines[:-1])
    with pytest.raises(
        ExtensionError, match=r"^checklist\.csv must answer each requirement once$"
    ):
        checklist.read_checklist(path)


@pytest.mark.parametrize("mode", ["phone"], indirect=True)
def test_on_a_phone_each_requirement_is_a_card(contexts, address, mode) -> None:
    opened = contexts[mode].new_page()
    opened.goto(f"{address}checklist.html")
    width = opened.evaluate("document.documentElement.scrollWidth")
    kinds = opened.evaluate(
        "['thead', 'td'].map(x => getComputedStyle("
        "document.querySelector('table.checklist ' + x)).display)"
    )
    opened.close()
    assert width <= 390
    assert kinds == ["none", "block"]
