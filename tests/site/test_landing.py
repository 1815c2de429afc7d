"""The first page: five answers, one figure, and a number in every cell."""

import csv
import json
import re
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).parents[2] / "book" / "_ext"))

from twinprivacy_site import volume_matrix

FIGURES = Path(__file__).parents[2] / "book" / "figures"
SURFACES = ("store", "record", "trace", "answers", "model")
ESTIMATE = re.compile(r"(-?[\d.]+) \((-?[\d.]+) to (-?[\d.]+)\)")


def rows_of(figure_id: str) -> list[dict[str, str]]:
    path = FIGURES / figure_id / f"{figure_id}.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def landing(site: Path) -> BeautifulSoup:
    return BeautifulSoup((site / "intro.html").read_text("utf-8"), "html.parser")


def test_five_sentences_are_those_of_the_figures(landing: BeautifulSoup) -> None:
    items = landing.select("article section > ul")[0].find_all("li")
    assert len(items) == len(SURFACES)
    for surface, item in zip(SURFACES, items, strict=True):
        figure_id = f"{surface}-volumes"
        path = FIGURES / figure_id / f"{figure_id}.metadata.json"
        manifest = json.loads(path.read_text("utf-8"))
        assert f"{manifest['title']}: {manifest['headline']}" in item.get_text()
        assert {link["href"] for link in item.find_all("a")} == {
            f"figures/{figure_id}/index.html"
        }


@pytest.mark.parametrize("surface", SURFACES)
def test_every_interval_quoted_is_a_row_of_the_figures_data(surface: str) -> None:
    figure_id = f"{surface}-volumes"
    path = FIGURES / figure_id / f"{figure_id}.metadata.json"
    quoted = ESTIMATE.findall(json.loads(path.read_text("utf-8"))["headline"])
    rows = [
        [float(row[name]) for name in ("value", "low", "high")]
        for row in rows_of(figure_id)
    ]
    assert len(quoted) == 2
    for texts in quoted:
        digits = len(texts[0].partition(".")[2])
        assert [f"{x:.{digits}f}" for x in map(float, texts)] in [
            [f"{x:.{digits}f}" for x in row] for row in rows
        ]


def test_every_cell_of_the_matrix_holds_a_number_and_leads_to_its_figure(
    landing: BeautifulSoup, site: Path
) -> None:
    table = landing.select_one("table.volume-matrix")
    assert table is not None
    lines = table.select("tbody tr")
    assert len(lines) == len(SURFACES)
    for surface, line in zip(SURFACES, lines, strict=True):
        cells = line.find_all(["th", "td"])[1:]
        assert len(cells) == 5
        by_panel: dict[str, list[dict[str, str]]] = {}
        for row in rows_of(f"{surface}-volumes"):
            by_panel.setdefault(row["panel"], []).append(row)
        for cell, rows in zip(cells, by_panel.values(), strict=True):
            link = cell.find("a")
            assert link["href"] == f"figures/{surface}-volumes/index.html"
            assert (site / link["href"]).is_file()
            numbers = [float(n) for n in re.findall(r"[\d.]+", link.get_text())]
            ends = [float(row["value"]) for row in rows]
            shown = [ends[-1]] if len(numbers) == 1 else [ends[0], ends[-1]]
            # Two digits are shown.
            assert numbers == pytest.approx(shown, rel=0.06)
            assert "\N{EN DASH}" not in cell.get_text()


def test_question_and_answers_fit_the_first_view(desktop: Page, address: str) -> None:
    desktop.goto(address + "intro.html")
    last = desktop.locator("article section > ul").first.locator("li").last
    box = last.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 900


def end(value: float, low: float, high: float, label: str = "1") -> dict[str, str]:
    numbers = {"value": str(value), "low": str(low), "high": str(high)}
    return {**numbers, "volume_label": label, "axis": "days"}


def test_a_change_is_told_only_where_intervals_do_not_overlap() -> None:
    clear = [end(0.123, 0.1, 0.15), end(1, 0.9, 1.1), end(116.7, 116, 117, "3 k")]
    assert volume_matrix.bits_text(clear) == "0.12 to 117 bits"
    assert volume_matrix.bits_text(clear[::-1]) == "117 to 0.12 bits"
    assert volume_matrix.volumes_text(clear) == "1 to 3 k days"
    unclear = [end(0.2, 0.1, 0.3), end(0.35, 0.3, 0.4)]
    assert volume_matrix.bits_text(unclear) == "0.35 bits, no change shown"
