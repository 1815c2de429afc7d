r"""How well a risk would tell events, if another risk were the true one.

A simulated cohort has risks and no events. If a risk p were true, a person would have
the event with probability p, and each measure of `twinprivacy.twins.outcome` has an
expectation that needs no events: wherever an outcome y or 1 - y is summed over people,
p or 1 - p is. So what a defence does to an answer (rounding it, or asking for less) is
priced without the noise of events that never happened.

Nothing here says how good the equation is on real people.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction
from twinprivacy.errors import DataError, FitError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.twins.outcome.performance import (
    LOGIT,
    PLAIN,
    POSITIVE,
    Influenced,
    Scale,
    check_pairs,
    check_probabilities,
    fit_logistic,
    to_estimate,
    with_sample_size,
    without_rounding_errors,
)

__all__ = [
    "expected_performance",
]


def expected_performance(
    risk_true: npt.ArrayLike,
    risk_said: npt.ArrayLike,
    *,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Measure a risk that is said, on the events that a true risk would bring.

    With p true and q said, for people i and j,

    .. math:: \text{AUC} = \frac{\sum_{i \ne j} p_i (1 - p_j) \, [q_i > q_j]}
       {\sum_{i \ne j} p_i (1 - p_j)}

    where equal risks count one half. The calibration line solves the equations of
    logistic regression on the log odds of q, with p in the place of the event.

    Parameters
    ----------
    risk_true : array_like
        Probabilities in [0, 1], shape (n,): such as a risk equation's own answers.
    risk_said : array_like
        Probabilities in [0, 1] of the same people: such as rounded answers.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns measure, value, low, high, perfect, difference, difference_low,
        difference_high, confidence_level and n. `perfect` is the measure of the true
        risk itself, `difference` what is said less perfect, paired by person. Measures:
        auc; calibration_slope (missing where a said risk is 0 or 1, all are alike, or
        no line fits); observed_over_expected (mean true over mean said). Intervals are
        of the same measure among other such people, not over events; missing where
        nobody here tells how others would differ.

    Raises
    ------
    ParameterError
        If shapes or indices do not go together, or an option is outside its range.
    DataError
        For fewer than two people, values that are missing or outside [0, 1], or true
        risks that leave nobody with, or nobody without, the event.

    Notes
    -----
    AUC and ratio are ratios of expectations, which they come to in many people.

    References
    ----------
    Gail and Pfeiffer (2005), doi:10.1093/biostatistics/kxi005.

    Examples
    --------
    >>> true = [0.02, 0.06, 0.09, 0.30]
    >>> said = [0.00, 0.05, 0.10, 0.30]
    >>> found = expected_performance(true, said).set_index("measure")
    >>> found.loc["observed_over_expected", "value"].round(3)
    np.float64(1.044)
    """
    check_fraction(confidence_level, name="confidence_level")
    true, said = _read_risks(risk_true, risk_said)
    same = np.array_equal(true, said)
    rows = []
    for name, (measure, scale) in _MEASURES.items():
        mine, perfect = measure(true, said), measure(true, true)
        change = Influenced(
            mine.value - perfect.value, mine.influence - perfect.influence
        )
        # An area hangs on the people, even where the truth is said.
        known = same and name != "auc"
        value = _estimate(mine, scale, confidence_level, known=known)
        gap = _estimate(change, PLAIN, confidence_level, known=same)
        rows.append(
            {
                "measure": name,
                "value": value.value,
                "low": value.low,
                "high": value.high,
                "perfect": perfect.value,
                "difference": gap.value,
                "difference_low": gap.low,
                "difference_high": gap.high,
                "confidence_level": confidence_level,
                "n": value.n,
            }
        )
    return pd.DataFrame(rows)


def _auc(true: Array, said: Array) -> Influenced:
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


def _calibration_slope(true: Array, said: Array) -> Influenced:
    has_log_odds = ((said > 0) & (said < 1)).all()
    if not has_log_odds or _all_alike(said):
        return _missing(len(true))
    x = np.column_stack([np.ones(len(true)), np.log(said / (1 - said))])
    try:
        return fit_logistic(true, x, offset=0.0)[1]
    except FitError:
        return _missing(len(true))


def _observed_over_expected(true: Array, said: Array) -> Influenced:
    expected = said.mean()
    if expected == 0:
        return _missing(len(true))
    value = float(true.mean() / expected)
    return Influenced(value, with_sample_size((true - value * said) / expected))


_MEASURES = {
    "auc": (_auc, LOGIT),
    "calibration_slope": (_calibration_slope, PLAIN),
    "observed_over_expected": (_observed_over_expected, POSITIVE),
}


def _estimate(
    found: Influenced, scale: Scale, level: float, *, known: bool
) -> Estimate:
    """Return an estimate, without an interval where nobody here has an influence."""
    if np.isnan(found.value) or not (known or found.influence.any()):
        return Estimate(found.value, np.nan, np.nan, level, len(found.influence))
    return to_estimate(found, scale, groups=None, confidence_level=level)


def _all_alike(risk: Array) -> bool:
    # Some units in the last place do not tell people apart.
    return bool(np.ptp(risk) <= 1e-12 * risk.max())


def _missing(n: int) -> Influenced:
    return Influenced(np.nan, np.full(n, np.nan))


def _read_risks(
    risk_true: npt.ArrayLike, risk_said: npt.ArrayLike
) -> tuple[Array, Array]:
    names = ("risk_true", "risk_said")
    true, said = check_pairs(risk_true, risk_said, names=names)
    check_probabilities(true, name="risk_true")
    check_probabilities(said, name="risk_said")
    if not 0 < true.mean() < 1:
        raise DataError(
            "risk_true must leave somebody with and somebody without the event; got "
            f"{len(true)} of {len(true)} alike"
        )
    return true, said
