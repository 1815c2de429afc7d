"""Climb a ladder of kinds of data: what each rung adds to what a twin predicts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._validation import (
    check_choice,
    check_fraction,
    check_rng,
    check_whole,
)
from twinprivacy.tables import check_names
from twinprivacy.twins.outcome.performance import (
    MEASURES,
    measure_performance,
    performance_gain,
)
from twinprivacy.twins.outcome.twin import OutcomeTwin, fit_outcome_twin

__all__ = [
    "climb_ladder",
]


# How a rung is measured, if nothing is asked.
_MEASURES = {
    "number": ("r_squared", "mean_absolute_error"),
    "probability": ("auc", "brier_score"),
    "survival": ("concordance",),
}


def climb_ladder(
    frame: pd.DataFrame,
    *,
    outcome: str | tuple[str, str],
    ladder: Mapping[str, Sequence[str]],
    estimator: Any = None,
    folds: int = 10,
    measures: Iterable[str] | None = None,
    groups: str | None = None,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Fit a twin on each rung of a ladder of data and measure what the rung buys.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per person, with an index of their own.
    outcome : str or tuple of str
        As for `fit_outcome_twin`.
    ladder : mapping of str to sequence of str
        Rungs in order; each names the columns that it adds to those below.
    estimator : optional
        As for `fit_outcome_twin`.
    folds : int
        2 or more; people are dealt to the same folds on every rung, so that two rungs
        differ in their data alone.
    measures : iterable of str, optional
        Of `measure_performance`. Without it "r_squared" and "mean_absolute_error" for
        numbers, "auc" and "brier_score" for true or false, "concordance" for survival.
    groups : str, optional
        Column that names the rows of one person: held out, and counted, as a whole.
    rng : numpy.random.Generator
        Source of folds and random states.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        One row per rung and measure. rung, measure; value, low, high of the
        out-of-fold predictions; n rows; gain, gain_low, gain_high over the rung below,
        paired by person, missing on the lowest; in_sample, the same measure on the
        training data, which an overfitted twin flatters; n_features and
        confidence_level.

    Raises
    ------
    ParameterError
        For an empty ladder or rung, a column on two rungs, fewer than two folds, or an
        unknown measure.
    DataError, FitError
        As `fit_outcome_twin`.

    Notes
    -----
    The intervals are those of the predictions as given: they hold the chance of who was
    to be predicted, not that of who was trained on.

    Examples
    --------
    >>> from twinprivacy.datasets import load_cohort
    >>> people = load_cohort("diabetes")
    >>> rungs = climb_ladder(
    ...     people, outcome="progression_score", ladder=people.attrs["ladder"],
    ...     measures=["r_squared"], rng=np.random.default_rng(7))
    >>> rungs[["rung", "value", "gain", "in_sample"]].round(2)
               rung  value  gain  in_sample
    0  demographics   0.35   NaN       0.36
    1    laboratory   0.50  0.16       0.54
    """
    check_rng(rng)
    check_fraction(confidence_level, name="confidence_level")
    check_whole(folds, name="folds", least=2)
    wanted = [] if measures is None else list(measures)
    for name in wanted:
        check_choice(name, name="measures", allowed=tuple(MEASURES))
    seed = int(rng.integers(2**63))
    observed = frame[list(outcome) if isinstance(outcome, tuple) else outcome]
    persons = None if groups is None else frame[groups]
    rows: list[dict[str, Any]] = []
    below: OutcomeTwin | None = None
    for rung, features in _columns_by_rung(ladder).items():
        twin = fit_outcome_twin(
            frame,
            outcome=outcome,
            features=features,
            estimator=estimator,
            folds=folds,
            groups=groups,
            # The same on purpose: every rung has the same folds.
            rng=np.random.default_rng(seed),
        )
        rows += [
            {"rung": rung, "n_features": len(features)}
            | _measure_rung(
                name,
                observed,
                twin,
                below,
                groups=persons,
                confidence_level=confidence_level,
            )
            for name in wanted or _MEASURES[twin.kind]
        ]
        below = twin
    return pd.DataFrame(rows)[list(_COLUMNS)]


_COLUMNS = (
    "rung",
    "measure",
    "value",
    "low",
    "high",
    "n",
    "gain",
    "gain_low",
    "gain_high",
    "in_sample",
    "n_features",
    "confidence_level",
)


def _columns_by_rung(ladder: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return all the columns that each rung stands on."""
    for rung, added in ladder.items():
        check_names(added, name=f"rung {rung!r}")
    columns = check_names(
        [name for added in ladder.values() for name in added], name="ladder"
    )
    sizes = np.cumsum([len(added) for added in ladder.values()])
    return {
        rung: columns[:size] for rung, size in zip(ladder, sizes.tolist(), strict=True)
    }


def _measure_rung(
    measure: str,
    observed: Any,
    twin: OutcomeTwin,
    below: OutcomeTwin | None,
    **options: Any,
) -> dict[str, Any]:
    """Measure a twin, and what it gains on the one below."""

    def measured(predicted: Any) -> dict[str, Any]:
        found = measure_performance(observed, predicted, measures=[measure], **options)
        (row,) = found.to_dict("records")
        return {str(key): value for key, value in row.items()}

    gain = dict.fromkeys(("gain", "gain_low", "gain_high"), np.nan)
    if below is not None:
        more, less = (np.asarray(t.out_of_fold) for t in (twin, below))
        found = performance_gain(observed, more, less, measure=measure, **options)
        gain = {"gain": found.value, "gain_low": found.low, "gain_high": found.high}
    in_sample = measured(twin.in_sample)["value"]
    return measured(twin.out_of_fold) | gain | {"in_sample": in_sample}
