"""Checks of tables of settings and their measures."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from twinprivacy.errors import DataError, ParameterError


def check_table(table: Any, columns: Sequence[str], *, once: list[str]) -> None:
    """Raise unless it is a table with these columns, and no row comes twice."""
    if not isinstance(table, pd.DataFrame):
        kind = type(table).__name__
        raise DataError(f"table must be a pandas.DataFrame; got {kind}")
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        raise DataError(f"table must have the columns {', '.join(lacking)}")
    n_repeated = int(table.duplicated(once).sum())
    if n_repeated:
        raise DataError(
            f"table must have one row for each {', '.join(once)}; got {n_repeated} "
            f"repeated of {len(table)}"
        )


def check_reference(reference: str, names: list[str]) -> None:
    """Raise unless the reference is one of the settings."""
    if reference not in names:
        raise ParameterError(
            f"reference must be one of {', '.join(map(repr, names))}; got {reference!r}"
        )
