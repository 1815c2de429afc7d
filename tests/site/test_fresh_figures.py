"""A fresh run of the chapters must give what is committed, file by file."""

import json
import os
from pathlib import Path

import pytest

from twinprivacy.figures import figure_ids

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "book" / "figures"


@pytest.fixture(scope="module")
def fresh():
    folder = os.environ.get("TWINPRIVACY_FIGURES")
    assert folder, "TWINPRIVACY_FIGURES must name the figures of a fresh run"
    return Path(folder)


def test_the_same_figures_are_published(fresh):
    assert figure_ids(fresh) == figure_ids(COMMITTED)
    assert figure_ids(fresh)


@pytest.mark.parametrize("published_id", figure_ids(COMMITTED))
def test_data_and_manifest_are_the_same(fresh, published_id):
    for ending in ("csv", "metadata.json"):
        name = f"{published_id}/{published_id}.{ending}"
        assert (fresh / name).read_text() == (COMMITTED / name).read_text(), name


def test_the_picture_in_the_readme_is_the_same(fresh):
    """It was drawn by another run, on another day: the bytes must still agree."""
    kept = sorted(COMMITTED.glob("*/*.svg"))
    readme = (ROOT / "README.md").read_text()
    shown = [path for path in kept if str(path.relative_to(ROOT)) in readme]
    assert len(shown) == 2  # light and dark
    for path in shown:
        assert path.read_bytes() == (fresh / path.relative_to(COMMITTED)).read_bytes()
    manifest = json.loads(
        (shown[0].parent / f"{shown[0].parent.name}.metadata.json").read_text()
    )
    assert manifest["title"] in " ".join(readme.split())
