r"""How well a risk would tell events, if another risk were the true one.

A simulated cohort has risks and no events. If a risk p were true, a person would have
the event with probability p, and each measure of `twinprivacy.twins.outcome` has an
expectation that needs no events: wherever an outcome y or 1 - y is summed over people,
p or 1 - p is. So what a defence does to an answer (rounding it, or asking for less) is
priced without the noise of events that never happened.

Nothing here says how good the equation is on real people.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction
from twinprivacy.errors import DataError, FitError
from twinprivacy.estimates.estimate import Estimate, wilson_interval
from twinprivacy.twins.outcome.measures import (
    LOGIT,
    PLAIN,
    POSITIVE,
    Influenced,
    Scale,
    check_pairs,
    fit_logistic,
    influenced_mean,
    to_estimate,
    with_sample_size,
    without_rounding_errors,
)

__all__ = [
    "expected_performance",
]


Measure = Callable[[Array, Array, float], Influenced]


def expected_performance(
    risk_true: npt.ArrayLike,
    risk_said: npt.ArrayLike,
    *,
    threshold: float = 0.075,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Measure a risk that is said, on the events that a true risk would bring.

    With p true and q said, for people i and j,

    .. math:: \text{AUC} = \frac{\sum_{i \ne j} p_i (1 - p_j) \, [q_i > q_j]}
       {\sum_{i \ne j} p_i (1 - p_j)}, \qquad
       \text{Brier} = \frac1n \sum_i p_i (1 - p_i) + (p_i - q_i)^2

    where equal risks count one half. The calibration line solves the equations of
    logistic regression on the log odds of q, with p in the place of the event.

    Parameters
    ----------
    risk_true : array_like
        Probabilities in [0, 1], shape (n,): such as a risk equation's own answers.
    risk_said : array_like
        Probabilities in [0, 1] of the same people: such as rounded answers.
    threshold : float
        Strictly between 0 and 1: who is at or above it is treated. By default 7.5 % in
        10 years, where a guideline of the United States begins to treat.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns measure, value, low, high, perfect, difference, difference_low,
        difference_high, confidence_level and n. `perfect` is the measure of the true
        risk itself, `difference` what is said less perfect, paired by person. Measures:
        auc; brier_score; calibration_slope and calibration_intercept (missing where a
        said risk is 0 or 1, all are alike, or no line fits); calibration_in_the_large
        (missing where one is 0 or 1); observed_over_expected (mean true over mean
        said); net_benefit (share of people treated who have the event, less those
        treated who do not times t / (1 - t), with t the threshold);
        net_reclassification (share of events moved up across the threshold less down,
        plus that of others moved down less up); share_reclassified. Intervals are of
        the same measure among other such people, not over events; missing where nobody
        here tells how others would differ, as where nobody is moved by an answer that
        is not the true one.

    Raises
    ------
    ParameterError
        If shapes or indices do not go together, or an option is outside its range.
    DataError
        For fewer than two people, values that are missing or outside [0, 1], or true
        risks that leave nobody with, or nobody without, the event.

    Notes
    -----
    AUC, ratio and reclassification are ratios of expectations, which they come to in
    many people. Brier score and net benefit are best for the true risk. The net
    reclassification is not: it is highest for a threshold at the mean risk, so that a
    worse risk can have one above 0. In simulations 95 % intervals of what it and net
    benefit lose held the truth in 83 to 97 % of samples with some five people moved
    across the threshold, 92 to 95 % with 20, and 94 to 95 % with 100.

    References
    ----------
    Gail and Pfeiffer (2005), doi:10.1093/biostatistics/kxi005; Pencina et al. (2008),
    doi:10.1002/sim.2929; Vickers and Elkin (2006), doi:10.1177/0272989X06295361; Stone
    et al. (2014), doi:10.1016/j.jacc.2013.11.002.

    Examples
    --------
    >>> true = [0.02, 0.06, 0.09, 0.30]
    >>> said = [0.00, 0.05, 0.10, 0.30]
    >>> found = expected_performance(true, said).set_index("measure")
    >>> found.loc["share_reclassified", "value"]
    np.float64(0.0)
    >>> found.loc["brier_score", "difference"].round(6)
    np.float64(0.00015)
    """
    check_fraction(threshold, name="threshold")
    check_fraction(confidence_level, name="confidence_level")
    true, said = _read_risks(risk_true, risk_said)
    same = np.array_equal(true, said)
    rows = []
    for name, (measure, scale) in _MEASURES.items():
        mine, perfect = measure(true, said, threshold), measure(true, true, threshold)
        change = Influenced(
            mine.value - perfect.value, mine.influence - perfect.influence
        )
        known = same and name not in _OF_PEOPLE
        value = _estimate(mine, scale, confidence_level, known=known)
        gap = _estimate(change, PLAIN, confidence_level, known=same)
        rows.append(_row(name, value, perfect.value, gap))
    rows.append(_reclassified(true, said, threshold, confidence_level))
    return pd.DataFrame(rows)


def _auc(true: Array, said: Array, _: float) -> Influenced:
    q = np.zeros(len(said)) if _all_alike(said) else without_rounding_errors(said)
    n = len(q)
    place = np.unique(q, return_inverse=True)[1]
    cases, others = np.bincount(place, true), np.bincount(place, 1 - true)
    # Others below each person and cases above, equal ones counting half, but not self.
    below = (np.cumsum(others) - others / 2)[place] - (1 - true) / 2
    above = (cases.sum() - np.cumsum(cases) + cases / 2)[place] - true / 2
    right = true * below + (1 - true) * above
    pairs = true * (others.sum() - (1 - true)) + (1 - true) * (cases.sum() - true)
    value = float(right.sum() / pairs.sum())
    influence = 2 * n * (right - value * pairs) / pairs.sum()
    return Influenced(value, with_sample_size(influence))


def _brier_score(true: Array, said: Array, _: float) -> Influenced:
    return influenced_mean(true * (1 - true) + (true - said) ** 2)


def _calibration_slope(true: Array, said: Array, _: float) -> Influenced:
    return _recalibrated(true, said)[1]


def _calibration_intercept(true: Array, said: Array, _: float) -> Influenced:
    return _recalibrated(true, said)[0]


def _calibration_in_the_large(true: Array, said: Array, _: float) -> Influenced:
    if not _has_log_odds(said):
        return _missing(len(true))
    ones = np.ones((len(true), 1))
    return _fit(true, ones, offset=np.log(said / (1 - said)))[0]


def _recalibrated(true: Array, said: Array) -> list[Influenced]:
    if not _has_log_odds(said) or _all_alike(said):
        return [_missing(len(true))] * 2
    x = np.column_stack([np.ones(len(true)), np.log(said / (1 - said))])
    return _fit(true, x, offset=0.0)


def _fit(true: Array, x: Array, *, offset: Array | float) -> list[Influenced]:
    try:
        return fit_logistic(true, x, offset=offset)
    except FitError:
        return [_missing(len(true))] * x.shape[1]


def _observed_over_expected(true: Array, said: Array, _: float) -> Influenced:
    expected = said.mean()
    if expected == 0:
        return _missing(len(true))
    value = float(true.mean() / expected)
    return Influenced(value, with_sample_size((true - value * said) / expected))


def _net_benefit(true: Array, said: Array, threshold: float) -> Influenced:
    weight = true - (1 - true) * threshold / (1 - threshold)
    return influenced_mean(_treated(said, threshold) * weight)


def _net_reclassification(true: Array, said: Array, threshold: float) -> Influenced:
    moved = _moved(true, said, threshold)
    events = float((true * moved).sum() / true.sum())
    others = float(((1 - true) * moved).sum() / (1 - true).sum())
    influence = true * (moved - events) / true.mean()
    influence -= (1 - true) * (moved - others) / (1 - true).mean()
    return Influenced(events - others, with_sample_size(influence))


def _reclassified(
    true: Array, said: Array, threshold: float, level: float
) -> dict[str, Any]:
    moved = _moved(true, said, threshold) != 0
    found = wilson_interval(int(moved.sum()), len(moved), confidence_level=level)
    return _row("share_reclassified", found, 0.0, found)


def _moved(true: Array, said: Array, threshold: float) -> Array:
    """Return 1 for people moved up across the threshold, -1 for down, else 0."""
    return _treated(said, threshold) - _treated(true, threshold)


def _treated(risk: Array, threshold: float) -> Array:
    # A unit in the last place must not decide about a risk that is the threshold.
    return (np.round(risk, 12) >= round(threshold, 12)).astype(float)


_MEASURES: dict[str, tuple[Measure, Scale]] = {
    "auc": (_auc, LOGIT),
    "brier_score": (_brier_score, POSITIVE),
    "calibration_slope": (_calibration_slope, PLAIN),
    "calibration_intercept": (_calibration_intercept, PLAIN),
    "calibration_in_the_large": (_calibration_in_the_large, PLAIN),
    "observed_over_expected": (_observed_over_expected, POSITIVE),
    "net_benefit": (_net_benefit, PLAIN),
    "net_reclassification": (_net_reclassification, PLAIN),
}
# What these are hangs on the people, even where the truth is said.
_OF_PEOPLE = ("auc", "brier_score", "net_benefit")


def _estimate(
    found: Influenced, scale: Scale, level: float, *, known: bool
) -> Estimate:
    """Return an estimate, without an interval where nobody here has an influence."""
    if np.isnan(found.value) or not (known or found.influence.any()):
        return Estimate(found.value, np.nan, np.nan, level, len(found.influence))
    return to_estimate(found, scale, groups=None, confidence_level=level)


def _row(name: str, value: Estimate, perfect: float, gap: Estimate) -> dict[str, Any]:
    return {
        "measure": name,
        "value": value.value,
        "low": value.low,
        "high": value.high,
        "perfect": perfect,
        "difference": gap.value,
        "difference_low": gap.low,
        "difference_high": gap.high,
        "confidence_level": value.confidence_level,
        "n": value.n,
    }


def _all_alike(risk: Array) -> bool:
    # Some units in the last place do not tell people apart.
    return bool(np.ptp(risk) <= 1e-12 * risk.max())


def _has_log_odds(risk: Array) -> bool:
    return bool(((risk > 0) & (risk < 1)).all())


def _missing(n: int) -> Influenced:
    return Influenced(np.nan, np.full(n, np.nan))


def _read_risks(
    risk_true: npt.ArrayLike, risk_said: npt.ArrayLike
) -> tuple[Array, Array]:
    names = ("risk_true", "risk_said")
    true, said = check_pairs(risk_true, risk_said, names=names)
    for risk, name in zip((true, said), names, strict=True):
        n_bad = int(((risk < 0) | (risk > 1)).sum())
        if n_bad:
            raise DataError(
                f"{name} must be probabilities in [0, 1]; got {n_bad} of {len(risk)} "
                "outside"
            )
    if not 0 < true.mean() < 1:
        raise DataError(
            "risk_true must leave somebody with and somebody without the event; got "
            f"{len(true)} of {len(true)} alike"
        )
    return true, said
