"""Records by day: how old each is, and what is left when some are deleted."""

from datetime import date
from typing import Any, cast

import numpy as np
import pandas as pd

from twinprivacy.errors import DataError


def age_in_days(made: "pd.Series[Any]", today: Any) -> Any:
    """Return how many days before today, or the latest of all, records were made."""
    try:
        if pd.api.types.infer_dtype(made) == "date":
            made = pd.to_datetime(made)
        if isinstance(today, date):
            today = pd.Timestamp(today)
        age = (made.max() if today is None else today) - made
        if pd.api.types.is_timedelta64_dtype(age):
            age = age / pd.Timedelta(days=1)
        return cast(Any, age).to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise DataError(
            f"{made.name} must hold numbers of days, or dates, like today; got others"
        ) from None


def without_unused(kept: pd.DataFrame) -> pd.DataFrame:
    """Return records without the names of categories and labels that none has."""
    kept, index = kept.copy(), kept.index
    for place, dtype in enumerate(kept.dtypes):
        if isinstance(dtype, pd.CategoricalDtype):
            column: Any = kept.iloc[:, place].cat.remove_unused_categories()
            kept.isetitem(place, column)
    if isinstance(index, pd.MultiIndex):
        return kept.set_axis(index.remove_unused_levels())
    if isinstance(index, pd.CategoricalIndex):
        return kept.set_axis(index.remove_unused_categories())
    return kept
