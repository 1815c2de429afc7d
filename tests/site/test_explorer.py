"""The explorer in a real browser: its numbers, keyboard, address and looks."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from twinprivacy.explorer.grids import read_grids
from twinprivacy.explorer.interpolation import Setting, evaluate, exceedance_curve

GRIDS = read_grids(Path(__file__).parents[2] / "book/_static/explorer-grids.json")
KINDS = tuple(GRIDS["kinds"])
START = replace(Setting(), rate=GRIDS["rates"]["base"])
SETTINGS = (
    START,
    Setting(people=100, kinds=(), days=1, decimals=-1, width=20, rate=0.001),
    Setting(people=10_000_000, kinds=KINDS, days=28, decimals=3, rate=1, exposed=1),
    Setting(people=333, kinds=("genome",), days=3, decimals=0, width=5, exposed=0.01),
    Setting(people=20_000, kinds=("laboratory",), days=9, width=10, view="survey"),
    Setting(people=1_234_567, kinds=("demographics",), rate=0.07, exposed=0.33),
    Setting(people=1_000_000, kinds=("history", "genome"), days=20, rate=0.5),
    Setting(people=77_777, kinds=KINDS[1:4], decimals=2, rate=0.0123, view="survey"),
    Setting(people=4_321, kinds=KINDS[:3], days=5, decimals=3, rate=0.25, exposed=0.9),
    Setting(people=600_000, kinds=("daily habits",), rate=0.005, exposed=0.05),
)
READ_ROWS = """() => Object.fromEntries(
    [...document.querySelectorAll("[data-quantity]")].map((row) => [
        row.dataset.quantity,
        [...["value", "low", "high"].map((side) => Number(row.dataset[side])),
            row.dataset.basis],
    ])
)"""
READ_CURVE = """() => document.getElementById("explorer").explorerView.data("curve")
    .map((row) => [row.loss_usd, row.chance, row.low, row.high])"""
DRAWN = "document.querySelector('.explorer-chart .mark-line path')?.getAttribute('d')"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def address_of(setting: Setting) -> str:
    told = {**vars(setting), "kinds": ",".join(setting.kinds)}
    return f"explorer.html#{urlencode(told)}"


def open_explorer(page: Page, where: str) -> None:
    page.goto("about:blank")  # a change of the fragment alone would load nothing
    page.goto(where)
    page.wait_for_function(DRAWN)


@pytest.mark.parametrize("setting", SETTINGS)
def test_page_tells_what_the_package_does(
    desktop: Page, address: str, setting: Setting
) -> None:
    open_explorer(desktop, address + address_of(setting))
    shown = desktop.evaluate(READ_ROWS)
    for row in evaluate(GRIDS, setting).itertuples():
        *numbers, basis = shown[row.quantity]
        assert numbers == pytest.approx(
            [row.value, row.low, row.high], rel=1e-9, nan_ok=True
        )
        assert basis == row.basis
    curve = exceedance_curve(GRIDS, setting).to_numpy()
    assert np.allclose(desktop.evaluate(READ_CURVE), curve, rtol=1e-9, atol=0)


def test_words_are_those_of_the_numbers(desktop: Page, address: str) -> None:
    setting = Setting(people=2_000_000, kinds=("demographics",))
    open_explorer(desktop, address + address_of(setting))
    found = evaluate(GRIDS, setting).set_index("quantity")
    cell = "[data-quantity={}] [data-part={}]".format
    usd, low = found.loc["mean_year", ["value", "low"]]
    value = desktop.locator(cell("mean_year", "value"))
    assert value.inner_text() == f"USD\N{NO-BREAK SPACE}{round(usd, -2):,.0f}"
    interval = desktop.locator(cell("mean_year", "interval")).inner_text()
    assert interval.startswith(f"USD\N{NO-BREAK SPACE}{round(low, -2):,.0f} to USD")
    assert desktop.locator(cell("unique", "value")).inner_text().startswith("at most ")
    assert desktop.locator(cell("linked", "value")).inner_text() == "not available"
    assert "million" in desktop.locator(cell("linked", "basis")).inner_text()


def test_every_result_says_what_its_interval_is_of(desktop: Page, address: str) -> None:
    open_explorer(desktop, address + "explorer.html")
    for row in desktop.locator("[data-quantity]").all():
        assert " to " in row.locator("[data-part=interval]").inner_text()
        said = row.locator("small").inner_text()
        assert said.strip().startswith(("over", "beyond"))
        assert row.locator("a[href^='figures/']").count() == 1


def test_keys_move_values_and_the_address(desktop: Page, address: str) -> None:
    open_explorer(desktop, address + "explorer.html")
    assert "#" not in desktop.url
    before = desktop.evaluate(READ_ROWS)
    slider = desktop.get_by_label("People", exact=True)
    slider.focus()
    desktop.keyboard.press("ArrowRight")
    desktop.wait_for_function("location.hash.includes('people=63000')")
    assert slider.get_attribute("aria-valuetext") == "63,000"
    moved = desktop.evaluate(READ_ROWS)
    assert moved["mean_year"][0] > before["mean_year"][0]
    assert moved["linked"][0] < before["linked"][0]

    desktop.keyboard.press("Tab")
    box = desktop.get_by_label("demographics")
    expect(box).to_be_focused()
    desktop.keyboard.press("Space")
    expect(box).not_to_be_checked()
    desktop.wait_for_function("!location.hash.includes('demographics')")
    for name in ("Measurements held in", "Days of glucose record"):
        while not desktop.get_by_label(name).evaluate(
            "(input) => input === document.activeElement"
        ):
            desktop.keyboard.press("Tab")
    desktop.keyboard.press("ArrowLeft")
    desktop.wait_for_function("location.hash.includes('days=13')")
    told = desktop.locator(".explorer-summary")
    expect(told).to_contain_text("A mean year costs USD")


def test_address_is_restored(desktop: Page, address: str) -> None:
    setting = SETTINGS[4]
    open_explorer(desktop, address + address_of(setting))
    first = desktop.evaluate(READ_ROWS)
    slider = desktop.get_by_label("Breaches a year")
    slider.press("ArrowRight")
    desktop.wait_for_function("location.hash.includes('rate=0.025')")
    kept = desktop.url
    moved = desktop.evaluate(READ_ROWS)
    assert moved["mean_year"] != first["mean_year"]
    open_explorer(desktop, kept)
    assert desktop.evaluate(READ_ROWS) == moved
    assert desktop.get_by_label("laboratory").is_checked()
    assert not desktop.get_by_label("genome").is_checked()
    assert desktop.get_by_label("Cost of one breach by").input_value() == "survey"
    desktop.get_by_role("button", name="Back to the worked example").click()
    assert desktop.evaluate(READ_ROWS)["mean_year"] != moved["mean_year"]
    desktop.wait_for_function("location.hash.includes('people=50000')")


@pytest.mark.parametrize(
    "fragment",
    ["people=5", "people=x&days=900&rate=-1", "kinds=dreams&view=guess", "%%%", "top"],
)
def test_senseless_addresses_start_at_the_example(
    desktop: Page, address: str, fragment: str
) -> None:
    errors: list[str] = []
    desktop.on("pageerror", lambda error: errors.append(str(error)))
    open_explorer(desktop, f"{address}explorer.html#{fragment}")
    kinds = () if "kinds" in fragment else START.kinds
    truth = evaluate(GRIDS, replace(START, kinds=kinds)).set_index("quantity")["value"]
    shown = desktop.evaluate(READ_ROWS)
    assert shown["mean_year"][0] == pytest.approx(truth["mean_year"], rel=1e-9)
    assert not errors


def test_copies_its_address(browser: Browser, address: str) -> None:
    with browser.new_context(
        permissions=["clipboard-read", "clipboard-write"]
    ) as context:
        page = context.new_page()
        open_explorer(page, address + "explorer.html")
        page.get_by_role("button", name="Copy this setting's address").click()
        expect(page.locator("[data-told=copied]")).to_have_text("Copied.")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.url
        assert "people=50000" in copied


def test_opens_from_a_disk_and_asks_nobody(desktop: Page, site: Path) -> None:
    asked: list[str] = []
    errors: list[str] = []
    desktop.on("request", lambda request: asked.append(request.url))
    desktop.on("pageerror", lambda error: errors.append(str(error)))
    open_explorer(desktop, (site / "explorer.html").as_uri())
    desktop.get_by_label("People", exact=True).press("ArrowRight")
    desktop.wait_for_function("location.hash.includes('people=63000')")
    assert not errors
    assert all(url.startswith(("file:", "about:", "data:")) for url in asked)


def test_looks_in_every_mode(page: Page, address: str, mode: str) -> None:
    open_explorer(page, address + "explorer.html")
    expect(page.locator(".explorer-summary")).to_contain_text("USD")
    assert page.evaluate(OVERFLOW) <= 0
    box = page.locator(".explorer-chart svg").bounding_box()
    assert box is not None
    assert 250 < box["width"] <= page.viewport_size["width"]
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response
    assert [violation["id"] for violation in found["violations"]] == []


def test_chart_takes_the_colours_of_the_page(desktop: Page, address: str) -> None:
    open_explorer(desktop, address + "explorer.html")
    read = """() => getComputedStyle(
        document.querySelector(".explorer-chart .mark-line path")).stroke"""
    light = desktop.evaluate(read)
    desktop.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert desktop.evaluate(read) != light


def test_says_so_without_scripts(browser: Browser, address: str) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address + "explorer.html")
        expect(page.get_by_text("needs JavaScript")).to_be_visible()
        expect(page.locator(".explorer-form")).to_be_hidden()


def test_only_this_page_loads_its_scripts(site: Path) -> None:
    for name in ("intro.html", "glossary.html"):
        text = (site / name).read_text(encoding="utf-8")
        assert "explorer.js" not in text
        assert "explorer.css" not in text
    text = (site / "explorer.html").read_text(encoding="utf-8")
    assert text.count("_static/explorer.js") == 1
    assert text.count("_static/explorer.css") == 1
