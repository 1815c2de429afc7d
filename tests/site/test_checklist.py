"""The keeper's checklist: one sheet of steps, and each requirement with its answers."""

import csv
import importlib
import io
import math
import re
import sys
from pathlib import Path

import pypdf
import pytest
from bs4 import BeautifulSoup, Tag
from sphinx.errors import ExtensionError

from twinprivacy import datasets

sys.path.insert(0, str(Path(__file__).parents[2] / "book" / "_ext"))

from twinprivacy_site import checklist, checklist_facts as facts

BOOK = Path(__file__).parents[2] / "book"


@pytest.fixture(scope="module")
def rows() -> list[facts.Row]:
    return facts.read_checklist(BOOK / facts.ANSWERS)


@pytest.fixture(scope="module")
def steps(rows) -> list[facts.Row]:
    return facts.read_steps(BOOK / facts.STEPS, rows)


def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


@pytest.fixture(scope="module")
def sheet(site: Path) -> BeautifulSoup:
    return parsed(site / "checklist.html")


@pytest.fixture(scope="module")
def page(site: Path) -> BeautifulSoup:
    return parsed(site / "checklist_clauses.html")


def plain(text: str) -> str:
    """Return a text as typed: the page sets curly marks and spaces that hold."""
    return text.replace("\u2019", "'").replace("\xa0", " ")


def shown(page: BeautifulSoup, table: str = "checklist") -> list[list[Tag]]:
    return [row.select("td") for row in page.select(f"table.{table} tbody tr")]


def test_every_requirement_has_one_surface_and_all_but_one_a_function(rows) -> None:
    asked = datasets.load("governance")
    assert sorted(row["requirement_id"] for row in rows) == sorted(
        asked["requirement_id"]
    )
    assert {row["surface"] for row in rows} == set(facts.SURFACES)
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


def linked(cell: Tag) -> tuple[list[str], list[str]]:
    """Return the functions and the figures that a cell links to."""
    links = [str(link["href"]) for link in cell.select("a")]
    functions = [link.partition("#")[2] for link in links if link[:4] == "api/"]
    figures = [link.split("/")[1] for link in links if link[:8] == "figures/"]
    return [name.removeprefix("twinprivacy.") for name in functions], figures


def test_page_links_every_function_and_every_figure(rows, page) -> None:
    for row, (*_, number, _) in zip(rows, shown(page), strict=True):
        assert linked(number) == (row["functions"], row["figures"])


def test_sheet_shows_each_step_with_clauses_function_figure_threshold(
    steps, sheet
) -> None:
    cells = shown(sheet, "checklist-steps")
    assert len(cells) == len(steps) == 8
    for n, (step, row) in enumerate(zip(steps, cells, strict=True), start=1):
        title, asked, number, figure, threshold = row
        assert plain(title.get_text()) == f"\u2610 {n}. {step['title']}"
        places = {str(link["href"]).partition("#")[2] for link in asked.select("a")}
        assert places == {facts.clause_address(one) for one in step["asked_by"]}
        assert step["number"] in plain(number.get_text())
        assert linked(number) == (step["functions"], [])
        assert linked(figure) == ([], step["figures"])
        limits = [one["threshold"] for one in step["limits"]]
        said = plain(threshold.get_text())
        assert all(limit in said for limit in limits)
        assert limits or said == checklist.NO_THRESHOLD


def test_a_clause_on_the_sheet_leads_to_its_row(rows, page) -> None:
    for row, found in zip(rows, page.select("table.checklist tbody tr"), strict=True):
        assert found["id"] == facts.clause_address(row)


def test_a_step_answers_with_what_its_requirements_name(steps) -> None:
    for step in steps[1:]:
        asked = step["asked_by"]
        assert set(step["figures"]) <= {
            name for row in asked for name in row["figures"]
        }
        named = {name for row in asked for name in row["functions"]}
        assert set(step["functions"]) <= named, step["step"]
        assert all(row in asked for row in step["limits"])


def test_every_number_in_the_name_of_a_law_is_in_the_data(rows) -> None:
    for row in rows:
        numbers = re.findall(r"\d+", row["law"])
        assert set(numbers) <= set(re.findall(r"\d+", row["framework"]))


def test_short_names_say_a_law_once_and_its_articles_in_order() -> None:
    rows = [
        {"law": "GDPR", "clause": "Art. 35(7)(c)"},
        {"law": "CMS", "clause": "display of results"},
        {"law": "GDPR", "clause": "Art. 5(1)(c)"},
        {"law": "GDPR", "clause": "Art. 35(11); Art. 36"},
        {"law": "EHDS", "clause": "Art. 66(1)-(3); recital 77"},
        {"law": "HIPAA", "clause": "45 CFR 164.514(b)(2) Safe Harbor"},
    ]
    names = [text for text, _ in facts.short_clauses(rows)]
    assert names == [
        "GDPR Art. 5(1)(c)",
        "35(7)(c)",
        "35(11), 36",
        "CMS",
        "EHDS Art. 66(1)-(3)",
        "HIPAA 164.514(b)(2)",
    ]


@pytest.mark.parametrize("mode", ["light", "dark"], indirect=True)
def test_the_sheet_prints_on_one_page_of_a4(contexts, address, mode) -> None:
    opened = contexts[mode].new_page()
    opened.goto(f"{address}checklist.html")
    paper = pypdf.PdfReader(io.BytesIO(opened.pdf(format="A4")))
    opened.close()
    assert len(paper.pages) == 1
    said = paper.pages[0].extract_text()
    assert "8. After the" in said
    assert "before you sign." in said
    assert "Previous" not in said


def test_status_counts_every_requirement() -> None:
    checks = list(datasets.load("governance")["check"])
    assert (
        f"of {len(checks)} requirements {checks.count('verified')} were verified"
        in facts.status()
    )
    assert f"and {checks.count('partial')} in part" in facts.status()
    assert set(checks) == {"verified", "partial"}


def test_an_unknown_step_stops_the_build(rows) -> None:
    wrong = [{**rows[0], "steps": ["nowhere"]}, *rows[1:]]
    with pytest.raises(
        ExtensionError,
        match=r"^checklist_steps\.csv and checklist\.csv must name the same steps; "
        r"only one of them names nowhere$",
    ):
        facts.read_steps(BOOK / facts.STEPS, wrong)


def test_sizes_follow_from_the_formulas() -> None:
    # No hit among n: Wilson's upper end is z^2 / (n + z^2) with z = 1.96, at most 0.09
    # from n = 3.8415 (1 / 0.09 - 1) = 38.8 on.
    assert "takes 39 targets" in facts.needed_targets()
    assert 38 < 3.8415 * (1 / 0.09 - 1) < 39
    # 10 of 1,000: centre (0.01 + 0.00192) / 1.00384 = 0.01187, half width 0.00643.
    assert plain(facts.needed_controls()[1]) == (
        "A false positive rate of 1 % on 1,000 controls is 10 people: between 0.54 % "
        "and 1.8 %."
    )
    caps = [f"{100 * 0.01 * math.exp(epsilon):.2g} %" for epsilon in (0.5, 1, 2, 3)]
    assert caps == ["1.6 %", "2.7 %", "7.4 %", "20 %"]
    said = plain(facts.budget_caps())
    assert all(cap in said for cap in caps)


def test_pages_say_what_is_computed(page, sheet) -> None:
    said = page.get_text(" ", strip=True)
    assert all(plain(text) in plain(said) for text in facts.sentences().values())
    on_sheet = plain(sheet.get_text(" ", strip=True))
    for name in ("targets", "controls-1000", "status"):
        assert plain(facts.sentences()[name]) in on_sheet


def test_one_in_eleven_is_above_the_threshold_and_one_in_twelve_below() -> None:
    asked = datasets.load("governance").set_index("requirement_id")
    limit = float(asked.loc["EMA-HC-009", "threshold"])
    assert 1 / 12 < limit < 1 / 11
    assert facts.needed_sets() == (
        "One in 11 is not below 0.09: that takes sets of 12 people."
    )


def test_an_unanswered_requirement_stops_the_build(tmp_path) -> None:
    path = tmp_path / "checklist.csv"
    with (BOOK / facts.ANSWERS).open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream))
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(lines[:-1])
    with pytest.raises(
        ExtensionError, match=r"^checklist\.csv must answer each requirement once$"
    ):
        facts.read_checklist(path)


@pytest.mark.parametrize("mode", ["phone"], indirect=True)
@pytest.mark.parametrize("name", ["checklist-steps", "checklist"])
def test_on_a_phone_each_row_is_a_card(contexts, address, mode, name) -> None:
    pages = {"checklist-steps": "checklist", "checklist": "checklist_clauses"}
    opened = contexts[mode].new_page()
    opened.goto(f"{address}{pages[name]}.html")
    width = opened.evaluate("document.documentElement.scrollWidth")
    kinds = opened.evaluate(
        "name => ['thead', 'td'].map(x => getComputedStyle("
        "document.querySelector(`table.${name} ${x}`)).display)",
        name,
    )
    opened.close()
    assert width <= 390
    assert kinds == ["none", "block"]
