"""The search finds a term of the book, from the box on any page."""

from playwright.sync_api import Page

FOUND = "#search-results li a"


def test_search_finds_return_period(desktop: Page, address: str) -> None:
    desktop.goto(address + "search.html?q=return+period")
    desktop.locator(FOUND).first.wait_for()
    pages = [link.get_attribute("href") for link in desktop.locator(FOUND).all()]
    assert any("glossary.html" in str(page) for page in pages)


def test_search_box_opens_by_keyboard_and_leads_to_results(
    desktop: Page, address: str
) -> None:
    desktop.goto(address + "cite.html")
    desktop.keyboard.press("Control+k")
    desktop.locator("#pst-search-dialog input[type=search]").wait_for()
    desktop.keyboard.type("return period")
    desktop.keyboard.press("Enter")
    desktop.locator(FOUND).first.wait_for()
    assert "search.html" in desktop.url


def test_search_says_when_it_finds_nothing(desktop: Page, address: str) -> None:
    desktop.goto(address + "search.html?q=zyzzyva")
    message = desktop.locator("#search-results p.search-summary")
    message.wait_for()
    assert "did not match" in message.inner_text()
