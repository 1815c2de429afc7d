"""A page's first view, all that it asks for, gzipped."""

import gzip
from pathlib import Path
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser

LIMIT_BYTES = 500_000
PACKED = {".png", ".pdf", ".zip", ".woff2"}


def wire_bytes(path: Path) -> int:
    content = path.read_bytes()
    return len(content if path.suffix in PACKED else gzip.compress(content, 6))


def test_first_view_is_light(
    browser: Browser, site: Path, address: str, page_name: str
) -> None:
    asked: set[str] = set()
    with browser.new_context() as context:  # nothing cached: a first view
        page = context.new_page()
        page.on("request", lambda request: asked.add(urlsplit(request.url).path))
        page.goto(address + page_name, wait_until="networkidle")
    files = [site / unquote(path).lstrip("/") for path in asked]
    sizes = {file: wire_bytes(file) for file in files if file.is_file()}
    heaviest = sorted(((n, file.name) for file, n in sizes.items()), reverse=True)[:5]
    assert sum(sizes.values()) <= LIMIT_BYTES, heaviest
