"""Every page in a real browser: light, dark and on a phone."""

import gzip
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Findings of axe that stay, by the name of the rule, each with its reason.
ALLOWED: dict[str, str] = {}

# The slow rules look at colours, and those change with the theme only: every rule runs
# in the light, the rules on colour in the dark, and the others on the phone.
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
AXE_OPTIONS = {
    "light": {},
    "dark": {"runOnly": {"type": "rule", "values": COLOUR_RULES}},
    "phone": {"rules": {rule: {"enabled": False} for rule in COLOUR_RULES}},
}
# Pages made by one template look alike: axe reads all in the light, and these in the
# dark and on the phone too.
MADE = ("api/", "figures/")
SAMPLES = {"api/figures.html", "figures/genotype-from-dose/index.html"}
LIMIT_BYTES = 500_000
PACKED = {".png", ".pdf", ".zip", ".woff2"}
FILE_NAME = re.compile(
    r"\.(svg|png|jpe?g|pdf|gif|webp)\b|^[0-9a-f]{16,}", re.IGNORECASE
)
BRIGHTNESS = """() => {
    const colours = [document.body, document.documentElement].map(
        (part) => getComputedStyle(part).backgroundColor.match(/[\\d.]+/g).map(Number)
    );
    const opaque = (colour) => colour.length === 3 || colour[3] > 0;
    const [r, g, b] = colours.find(opaque) ?? [255, 255, 255];
    return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
}"""
OVERFLOW = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll("body *")]
        .filter((part) => part.getBoundingClientRect().right > width + 1)
        .map((part) => part.tagName + "." + part.className)
        .slice(0, 5);
}"""


def test_page_opens_whole_and_alone(
    page: Page, address: str, site: Path, page_name: str, mode: str
) -> None:
    messages, failed, foreign, asked = [], [], [], set()
    page.on(
        "console",
        lambda line: messages.append(line.text) if line.type == "error" else None,
    )
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on(
        "response",
        lambda answer: failed.append(answer.url) if answer.status >= 400 else None,
    )
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((address, "data:", "blob:"))
            else foreign.append(request.url)
        ),
    )

    page.on("request", lambda request: asked.add(urlsplit(request.url).path))

    if mode == "light":  # weighed as a first view, with nothing cached
        session = page.context.new_cdp_session(page)
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    until = "networkidle" if mode == "light" else "load"
    page.goto(address + page_name, wait_until=until)

    assert not foreign, "requests to another host"
    assert not failed, "requests that failed"
    assert not messages, "errors in the console"
    assert page.evaluate("document.documentElement.dataset.theme") == (
        "dark" if mode == "dark" else "light"
    )
    brightness = page.evaluate(BRIGHTNESS)
    assert brightness < 0.25 if mode == "dark" else brightness > 0.85
    wide = page.evaluate(OVERFLOW)
    overflow = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert overflow <= 0, f"wider than the window by {overflow} px: {wide}"
    if mode == "light" or page_name in SAMPLES or not page_name.startswith(MADE):
        assert accessibility_findings(page, mode) == {}
    if mode == "light":
        assert_light(site, asked)
        assert_pictures_are_told_in_words(page)


def test_samples_of_templates_exist(site: Path) -> None:
    assert all((site / name).is_file() for name in SAMPLES)


def accessibility_findings(page: Page, mode: str) -> dict[str, list[str]]:
    options = {"resultTypes": ["violations"], **AXE_OPTIONS[mode]}
    violations = Axe().run(page, options=options).response["violations"]
    return {
        violation["id"]: [node["html"][:200] for node in violation["nodes"][:3]]
        for violation in violations
        if violation["id"] not in ALLOWED
    }


def assert_light(site: Path, asked: set[str]) -> None:
    """Fail if what a page asked for, gzipped, is too much for a first view."""
    files = [site / unquote(path).lstrip("/") for path in asked]
    sizes = {file: wire_bytes(file) for file in files if file.is_file()}
    heaviest = sorted(((n, file.name) for file, n in sizes.items()), reverse=True)[:5]
    assert len(sizes) > 3, "a page asks for its style, its scripts and its fonts"
    assert sum(sizes.values()) <= LIMIT_BYTES, heaviest


@cache
def wire_bytes(path: Path) -> int:
    content = path.read_bytes()
    return len(content if path.suffix in PACKED else gzip.compress(content, 6))


def assert_pictures_are_told_in_words(page: Page) -> None:
    for alt in page.evaluate(
        "[...document.images].map((picture) => picture.getAttribute('alt'))"
    ):
        assert alt, "a picture without alt"
        assert not FILE_NAME.search(alt), f"a file name as alt: {alt}"
        assert len(alt.split()) >= 4, f"too short to tell anything: {alt}"
    unnamed = page.evaluate(
        "[...document.querySelectorAll('.cell_output svg')].filter("
        "(picture) => !picture.closest('button')"
        " && !picture.matches('[aria-label], [role]')).length"
    )
    assert unnamed == 0, "an inline picture without a name"


def test_theme_button_darkens_and_is_remembered(desktop: Page, address: str) -> None:
    desktop.goto(address + "glossary.html")
    button = desktop.locator(".theme-switch-button:visible")
    # auto, then light and dark in the theme's order.
    for _ in range(3):
        button.click()
        if desktop.evaluate("document.documentElement.dataset.mode") == "dark":
            break
    assert desktop.evaluate(BRIGHTNESS) < 0.25
    desktop.reload()
    assert desktop.evaluate(BRIGHTNESS) < 0.25
    desktop.evaluate("localStorage.clear()")


def test_every_control_is_drawn(page: Page, address: str, mode: str) -> None:
    page.goto(address + "glossary.html")
    icons = page.locator("button:visible > .fa-solid, button:visible .fas")
    drawn = [icon for icon in icons.all() if icon.is_visible()]
    assert len(drawn) >= 3
    for icon in drawn:
        box = icon.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 10
        mask = icon.evaluate("(icon) => getComputedStyle(icon).maskImage")
        assert mask.startswith("url("), f"no drawing for {icon.get_attribute('class')}"


def test_fonts_and_scripts_of_the_icon_font_are_gone(site: Path) -> None:
    assert not list(site.rglob("*fontawesome*"))
    assert not [p for p in site.rglob("*") if p.suffix in {".ttf", ".woff2", ".map"}]
