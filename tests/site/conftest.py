"""The built site, served on this machine, and a browser to open it in."""

import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

REPOSITORY = Path(__file__).parents[2]
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A request to another host fails even where the network is there.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
MODES = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}


def site_folder() -> Path:
    default = REPOSITORY / "_build" / "html"
    return Path(os.environ.get("TWINPRIVACY_SITE", default)).resolve()


def page_names() -> list[str]:
    folder = site_folder()
    names = (path.relative_to(folder) for path in folder.rglob("*.html"))
    return sorted(
        name.as_posix()
        for name in names
        if name.parts[0] not in {"_static", "_sources"}
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # Without a site one case remains, which fails in the `site` fixture.
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", page_names() or ["index.html"])
    if "figure_id" in metafunc.fixturenames:
        pages = [name.split("/") for name in page_names()]
        figures = [parts[1] for parts in pages if parts[0] == "figures" and parts[2:]]
        metafunc.parametrize("figure_id", figures or ["no-figure-page-found"])


@pytest.fixture(scope="session")
def site() -> Path:
    folder = site_folder()
    if not (folder / "index.html").is_file():
        pytest.fail(
            "no site to test: build the book first (`make html`), or name the folder "
            "that holds its index.html in TWINPRIVACY_SITE",
            pytrace=False,
        )
    return folder


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(_QuietHandler, directory=str(site))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    named = os.environ.get("TWINPRIVACY_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if not found or not Path(found).exists():
        pytest.fail(
            "no Chromium to test the site with: install it (Debian, Ubuntu: `apt-get "
            "install chromium`) or give its path in TWINPRIVACY_CHROMIUM",
            pytrace=False,
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def contexts(browser: Browser) -> Iterator[dict[str, BrowserContext]]:
    contexts = {
        mode: browser.new_context(**MODES[mode], reduced_motion="reduce")
        for mode in MODES
    }
    for context in contexts.values():
        context.set_default_timeout(10_000)
    yield contexts
    for context in contexts.values():
        context.close()


@pytest.fixture(params=list(MODES))
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def page(contexts: dict[str, BrowserContext], mode: str) -> Iterator[Page]:
    page = contexts[mode].new_page()
    yield page
    page.close()


@pytest.fixture
def desktop(contexts: dict[str, BrowserContext]) -> Iterator[Page]:
    page = contexts["light"].new_page()
    yield page
    page.close()
