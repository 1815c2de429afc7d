"""Estimate a measure by its name: value, interval and the special cases."""

from typing import Any

import numpy as np
import numpy.typing as npt

from twinprivacy._areas import score_bounds
from twinprivacy._validation import check_fraction
from twinprivacy.estimates import Estimate, wilson_interval
from twinprivacy.twins._influence import Influenced, to_estimate
from twinprivacy.twins._measures import MEASURES

Groups = npt.ArrayLike | None


def estimate(
    measure: str,
    observed: Any,
    predicted: Any,
    groups: Groups,
    *,
    confidence_level: float,
    **options: float,
) -> Estimate:
    """Estimate one measure by name."""
    check_fraction(confidence_level, name="confidence_level")
    _, compute, scale = MEASURES[measure]
    found: Influenced = compute(observed, predicted, **options)
    if measure == "share_within_20_percent" and groups is None:
        n = len(found.influence)
        n_within = round(found.value * n)
        return wilson_interval(n_within, n, confidence_level=confidence_level)
    if measure == "auc" and found.value in (0, 1) and groups is None:
        return _separated_auc(observed, found.value, confidence_level)
    return to_estimate(found, scale, groups=groups, confidence_level=confidence_level)


def _separated_auc(observed: Any, value: float, confidence_level: float) -> Estimate:
    """Return Newcombe's interval of an area of 0 or 1."""
    y = np.asarray(observed, dtype=float)
    n_cases, n_controls = float(y.sum()), float((1 - y).sum())
    low, high = score_bounds(value, n_cases, n_controls, level=confidence_level)
    return Estimate(value, low, high, confidence_level, len(y))
