"""The door from two tables to costs: one method or another."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from twinprivacy.attacks import _linkage_distance as distance
from twinprivacy.attacks._fellegi_sunter_costs import encode_weights
from twinprivacy.attacks._linkage_distance import Encoded
from twinprivacy.attacks.fellegi_sunter import FellegiSunterModel
from twinprivacy.errors import ParameterError


def encode_tables(
    left: pd.DataFrame,
    right: pd.DataFrame,
    on: Sequence[str] | Mapping[str, str | float],
    *,
    method: str,
    weights: Mapping[str, float] | None,
    covariance: pd.DataFrame | None,
    model: FellegiSunterModel | None,
    skip: bool,
) -> Encoded:
    """Return both tables as numbers whose differences are costs."""
    if (method == "mahalanobis") != (covariance is not None):
        raise ParameterError("covariance must be given for method 'mahalanobis' only")
    if (method == "fellegi_sunter") != (model is not None):
        raise ParameterError("model must be given for method 'fellegi_sunter' only")
    if model is not None:
        if weights or set(on) != set(model.comparisons):
            raise ParameterError(
                "method 'fellegi_sunter' takes the columns of its model, and no weights"
            )
        return encode_weights(left, right, model)
    comparisons = distance.read_comparisons(on, left)
    if covariance is not None:
        if weights or any(how != "number" for how in comparisons.values()):
            raise ParameterError(
                "method 'mahalanobis' takes numbers without weights or scales"
            )
        return distance.whiten(left, right, comparisons, covariance)
    heavy = dict(weights or {})
    for column, weight in heavy.items():
        if column not in comparisons or not (np.isfinite(weight) and weight > 0):
            raise ParameterError(
                f"weights must be finite and above 0, for columns of `on`; got "
                f"{weight!r} for {column!r}"
            )
    return distance.encode(
        left,
        right,
        comparisons,
        weights=heavy,
        absolute=method == "gower",
        skip=skip,
    )
