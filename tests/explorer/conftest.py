"""The grids that the book's page looks up, as committed."""

from pathlib import Path
from typing import Any

import pytest

from twinprivacy.explorer.grids import read_grids

GRIDS = Path(__file__).parents[2] / "book/_static/explorer-grids.json"


@pytest.fixture(scope="session")
def grids() -> dict[str, Any]:
    return read_grids(GRIDS)
