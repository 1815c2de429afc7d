"""Every link of the built pages leads somewhere, and nothing is fetched from afar."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

LOADING = ("src", "srcset", "poster", "data", "action", "formaction")
STYLE_ADDRESS = re.compile(r"""(?:url\(|@import)\s*['"]?([^'")\s]+)""")


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path: Path) -> frozenset[str]:
    return frozenset(str(tag["id"]) for tag in parsed(path).select("[id]"))


def test_internal_links_resolve(site: Path, page_name: str) -> None:
    page = site / page_name
    broken = []
    for tag in parsed(page).select("[href], [src]"):
        address = str(tag.get("href") or tag.get("src") or "")
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        target = page if not parts.path else page.parent / unquote(parts.path)
        target = (target / "index.html" if target.is_dir() else target).resolve()
        if not target.is_file() or site not in target.parents:
            broken.append(f"{address}: no such file")
        elif parts.fragment and unquote(parts.fragment) not in anchors(target):
            broken.append(f"{address}: no such anchor")
    assert broken == []


def test_other_hosts_are_only_linked_to(site: Path, page_name: str) -> None:
    loaded = [
        str(tag)[:200]
        for tag in parsed(site / page_name).find_all(True)
        for name in (*LOADING, *(() if tag.name == "a" else ("href",)))
        if str(tag.get(name, "")).startswith(("http:", "https:", "//"))
        and tag.get("rel") not in (["license"], ["canonical"])
    ]
    assert loaded == []


def test_every_anchor_is_unique(site: Path, page_name: str) -> None:
    ids = [str(tag["id"]) for tag in parsed(site / page_name).select("[id]")]
    assert sorted({name for name in ids if ids.count(name) > 1}) == []


def test_styles_fetch_nothing_from_afar(site: Path) -> None:
    for style in site.rglob("*.css"):
        for address in STYLE_ADDRESS.findall(style.read_text(encoding="utf-8")):
            assert not address.startswith(("http:", "https:", "//")), style.name
            if not address.startswith(("data:", "#", "%23")):
                file = style.parent / address.split("?")[0].split("#")[0]
                assert file.is_file(), f"{style.name}: {address}"


def test_no_page_names_this_machine(site: Path, page_name: str) -> None:
    text = (site / page_name).read_text(encoding="utf-8")
    assert str(Path.home()) + "/" not in text
    assert str(site.parent) not in text
