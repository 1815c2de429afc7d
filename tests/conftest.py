"""What several test modules share."""

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20_250_611)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real records that lie beside the project and are never copied into it."""
    given = os.environ.get("TWINPRIVACY_SHARED")
    folder = Path(given) if given else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(
            "the real records are not on this machine: set TWINPRIVACY_SHARED to the "
            "folder that holds them"
        )
    return folder
