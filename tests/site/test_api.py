"""Every public name of the package has its place in the API pages."""

import importlib
import pkgutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import twinprivacy

# The command line has its own help; the Sphinx side of figures is not called by users.
UNLISTED = ("twinprivacy.cli", "twinprivacy.datasets.", "twinprivacy.figures.")


def public_names() -> list[str]:
    found = []
    for module in pkgutil.walk_packages(twinprivacy.__path__, "twinprivacy."):
        if "._" in module.name or module.name.startswith(UNLISTED):
            continue
        names = getattr(importlib.import_module(module.name), "__all__", [])
        found += [f"{module.name}.{name}" for name in names]
    return found


@pytest.fixture(scope="module")
def documented(site: Path) -> set[str]:
    """Return what the API pages describe; reading them takes a while."""
    pages = [site / "api.html", *sorted((site / "api").glob("*.html"))]
    return {
        str(entry["id"])
        for page in pages
        for entry in BeautifulSoup(page.read_text("utf-8"), "html.parser").select(
            "dt.sig[id]"
        )
    }


@pytest.mark.parametrize("name", public_names())
def test_name_is_documented(documented: set[str], name: str) -> None:
    assert name in documented
