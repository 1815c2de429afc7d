"""The ledger of published results, read once for all tests that hold them."""

from pathlib import Path

import pandas as pd

LEDGER = pd.read_csv(Path(__file__).with_name("ledger.csv"))


def published(quantity: str) -> tuple[float, float]:
    """Return the published value of a quantity and its tolerance."""
    (row,) = LEDGER[LEDGER["quantity"] == quantity].to_dict("records")
    return row["published"], row["tolerance"]


def agrees(found: float, quantity: str) -> bool:
    """Return whether a value lies within the tolerance of the published one."""
    value, tolerance = published(quantity)
    return bool(abs(found - value) <= tolerance)
