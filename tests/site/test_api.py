"""Every public name of the package has its place in the API pages."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import twinprivacy

# Modules whose names are documented where they stand, not at the door of a room.
ALONE = (
    "twinprivacy.attacks.bounds",
    "twinprivacy.attacks.guarantees",
    "twinprivacy.explorer.charts",
    "twinprivacy.explorer.grids",
    "twinprivacy.explorer.interpolation",
    "twinprivacy.formatting",
    "twinprivacy.twins.cardiovascular",
)


def public_names() -> list[str]:
    found = []
    for module in pkgutil.walk_packages(twinprivacy.__path__, "twinprivacy."):
        if not (module.ispkg or module.name in ALONE):
            continue
        loaded = importlib.import_module(module.name)
        found += [
            f"{module.name}.{name}"
            for name in getattr(loaded, "__all__", [])
            if not inspect.ismodule(getattr(loaded, name))
        ]
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
