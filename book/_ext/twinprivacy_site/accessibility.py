"""Mend what the theme and docutils write against the accessibility rules.

Named after the rule of axe that each finding answers to.
"""

from __future__ import annotations

from collections import Counter

from bs4 import BeautifulSoup, Tag

TITLED_BUTTONS = {
    ".primary-toggle": "Show or hide the table of contents",
    ".secondary-toggle": "Show or hide the contents of this page",
    ".theme-switch-button": "Colour mode",
    ".search-button:not(.search-button-field)": "Search",
    ".btn-fullscreen-button": "Full screen",
}


def name_controls(soup: BeautifulSoup) -> None:
    """Rule label-content-name-mismatch: what is read out is what is shown."""
    for button in soup.select(".search-button-field"):
        # Its visible text is its name; the shortcut is told apart from it.
        for attribute in ("aria-label", "title"):
            button.attrs.pop(attribute, None)
        button["aria-keyshortcuts"] = "Control+K"
    for shortcut in soup.select(".search-button__kbd-shortcut"):
        shortcut["aria-hidden"] = "true"
    for selector, name in TITLED_BUTTONS.items():
        for button in soup.select(selector):
            button["aria-label"] = name
            button["title"] = name
    for button in soup.select(".theme-switch-button"):
        del button["title"]
        button["data-bs-title"] = TITLED_BUTTONS[".theme-switch-button"]
        for icon in button.select("[title]"):
            del icon["title"]


def name_landmarks(soup: BeautifulSoup) -> None:
    """Rules region, summary-name: every part of a page has a place and a name."""
    for sidebar in soup.select("#pst-primary-sidebar"):
        sidebar["role"] = "complementary"
        sidebar["aria-label"] = "Book"
    for nav in soup.select("nav.bd-docs-nav"):
        nav["aria-label"] = "Chapters"
    for nav in soup.select("#jb-print-toc nav"):
        nav["aria-label"] = "Contents, printed"
    for footer in soup.select("footer.bd-footer"):
        # The theme leaves it empty: the book's footer is inside the page.
        if not footer.get_text(strip=True):
            footer.decompose()
    for summary in soup.select("nav details > summary"):
        entry = summary.find_parent("li")
        chapter = entry.find("a") if entry else None
        if chapter is not None:
            name = " ".join(chapter.get_text(" ", strip=True).split())
            summary["aria-label"] = f"Pages under {name}"
    for heading in soup.select("p.caption[role=heading]"):
        heading["aria-level"] = "2"


def fill_table_headers(soup: BeautifulSoup) -> None:
    """Rule empty-table-header: pandas leaves the corner over its row names blank."""
    for table in soup.select("table"):
        for cell in table.select("th"):
            if not cell.get_text(strip=True) and not cell.find("img"):
                cell.name = "td"
                continue
            in_head = cell.find_parent("thead") is not None
            cell["scope"] = cell.get("scope") or ("col" if in_head else "row")
        # Styling attributes that HTML has dropped.
        table.attrs.pop("border", None)


def scroll_wide_tables(soup: BeautifulSoup) -> None:
    """Rule scrollable-region-focusable: a wide table scrolls in a box of its own."""
    names: Counter[str] = Counter()
    for table in soup.select("table"):
        if table.find_parent("table") or _scrolls_already(table):
            continue
        box = table.find_parent("div", class_="table-scroll")
        if box is None:
            box = table.parent
            if box is None or "pst-scrollable-table-container" not in box.get(
                "class", []
            ):
                box = table.wrap(soup.new_tag("div"))
            box["class"] = ["table-scroll"]
        name = _table_name(table)
        names[name] += 1
        box["role"] = "region"
        box["tabindex"] = "0"
        box["aria-label"] = f"{name} ({names[name]})" if names[name] > 1 else name


def _scrolls_already(table: Tag) -> bool:
    box = table.parent
    return (
        box is not None
        and box.get("role") == "region"
        and "table-scroll" not in box.get("class", [])
    )


def _table_name(table: Tag) -> str:
    caption = table.find("caption")
    if caption is not None:
        for link in caption.select("a.headerlink"):
            link.extract()
        words = " ".join(caption.get_text(" ", strip=True).split())
        return f"Table: {words}"
    heading = table.find_previous(["h1", "h2", "h3", "h4"])
    if heading is None:
        return "Table"
    words = " ".join(heading.get_text(" ", strip=True).removesuffix("#").split())
    return f"Table in: {words}"


def list_references(soup: BeautifulSoup) -> None:
    """Rules aria-required-children, aria-allowed-role, aria-deprecated-role."""
    for entry in soup.select("[role=doc-biblioentry]"):
        entry["role"] = "listitem"
    for group in soup.select("[role=list]"):
        if group.name == "div" and not group.select("[role=listitem]"):
            del group["role"]
    for note in soup.select("aside[role=doc-footnote], aside.footnote-list > [role]"):
        note["role"] = "note"


def hide_icons(soup: BeautifulSoup) -> None:
    """Rule aria-hidden: an icon is decoration, its control has the words."""
    for icon in soup.select("i[class*='fa-'], span[class*='fa-']"):
        icon["aria-hidden"] = "true"


FIXES = (
    name_controls,
    name_landmarks,
    fill_table_headers,
    scroll_wide_tables,
    list_references,
    hide_icons,
)
