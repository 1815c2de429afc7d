"""Every built page once more, as a tree: each fix sees it, then it is written back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from bs4 import BeautifulSoup

DOCTYPE = re.compile(r"\A(<!DOCTYPE[^>]*>)\s*", re.IGNORECASE)
Fix = Callable[[BeautifulSoup], None]


def rewrite_pages(folder: Path, fixes: Iterable[Fix]) -> None:
    """Apply the fixes to every page of the site.

    Every fix must leave a page alone that it has mended before: an incremental build
    hands over old pages beside new ones.

    Parameters
    ----------
    folder : Path
        The built site.
    fixes : iterable of callable
        Each takes the page's tree and changes it in place.
    """
    fixes = tuple(fixes)
    for path in site_pages(folder):
        before = path.read_text(encoding="utf-8")
        soup = BeautifulSoup(before, "html.parser")
        for fix in fixes:
            fix(soup)
        # The parser writes one line break more after the doctype with every pass.
        after = DOCTYPE.sub(r"\1\n", str(soup).strip() + "\n")
        if after != before:
            path.write_text(after, encoding="utf-8")


def site_pages(folder: Path) -> list[Path]:
    """List the pages a reader can open; sources and the theme's macros are none."""
    return sorted(
        path
        for path in folder.rglob("*.html")
        if path.relative_to(folder).parts[0] not in {"_static", "_sources"}
    )
