"""Estimate a measure by its name: value, interval and the special cases."""

from typing import Any

import numpy as np
import numpy.typing as npt

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
    from scipy.optimize import brentq
    from scipy.stats import norm

    y = np.asarray(observed, dtype=float)
    n_cases, n_controls = float(y.sum()), float((1 - y).sum())
    z = float(norm.ppf((1 + confidence_level) / 2))
    others = (n_cases + n_controls) / 2 - 1

    def excess(area: float) -> float:
        spread = 1 + others * (1 - area) / (2 - area) + others * area / (1 + area)
        return (1 - area) - z**2 * area * spread / (n_cases * n_controls)

    bound = float(brentq(excess, 0.0, 1.0))
    low, high = (bound, 1.0) if value == 1 else (0.0, 1 - bound)
    return Estimate(value, low, high, confidence_level, len(y))
