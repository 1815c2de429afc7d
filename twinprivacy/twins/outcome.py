"""A twin of any cohort: a model of one outcome, asked about one person at a time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.twins._outcome_checks import (
    check_frame,
    check_rows,
    group_numbers,
    sorted_rows,
)
from twinprivacy.twins._outcome_columns import learn_features, read_features
from twinprivacy.twins._outcome_phreg import PHRegRegression
from twinprivacy.twins._outcome_survival import CoxRegression
from twinprivacy.twins._outcome_twin import OutcomeTwin

__all__ = [
    "CoxRegression",
    "OutcomeTwin",
    "PHRegRegression",
    "fit_outcome_twin",
    "split_members",
]


def fit_outcome_twin(
    frame: pd.DataFrame,
    *,
    outcome: str | tuple[str, str],
    features: Sequence[str],
    estimator: Any = None,
    folds: int = 10,
    groups: str | None = None,
    rng: np.random.Generator,
) -> OutcomeTwin:
    r"""Fit a twin that predicts one outcome of the people in a table.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per member, with an index of their own. bool columns are flags, numbers
        are numbers, anything else is categories.
    outcome : str or tuple of str
        A column of numbers; a column of true and false, or 0 and 1; or, for survival,
        (duration, event), the duration in days with a name that ends in _days.
    features : sequence of str
        Columns that the twin is told, none of them the outcome.
    estimator : optional
        A scikit-learn regressor or classifier; for survival `CoxRegression`,
        `PHRegRegression` (statsmodels), or one of scikit-survival whose `predict` is a
        logarithm of relative hazard (Cox models, boosting with Cox's loss). It is
        copied, not changed, and every random_state in it is set from `rng`. A Pipeline
        is given the columns as they are, with what is missing; any other estimator
        numbers (see Notes).
    folds : int
        Folds of the out-of-fold predictions, 2 or more; 0 for none, as for the many
        twins of an attack.
    groups : str, optional
        Column that names the rows of one person, who is held out as a whole.
    rng : numpy.random.Generator
        Source of folds and random states. The same for any order of rows.

    Returns
    -------
    OutcomeTwin

    Raises
    ------
    DataError
        For an empty or single-row table, repeated index, missing or repeated columns,
        a feature that is infinite, constant or missing throughout, an outcome that is
        missing, infinite, of one class or constant, negative durations, no events.
    ParameterError
        For an outcome among the features, or settings outside their range.
    FitError
        If a fold leaves nothing to learn from, or the fit does not converge.

    Notes
    -----
    Numbers are standardised, missing ones replaced by the median of the training rows
    with a column that says so, categories turned into one column each but the
    commonest: all of it learned within each fold. Where nothing is missing in training,
    a missing value is an error later; so is a category that nobody had, unless a
    categorical column declares it: then it has the effect of the commonest.

    Without an estimator the twin is a ridge, a logistic or a Cox regression in which
    each number has a restricted cubic spline with four knots, so that low and high
    values may both be bad, and which is straight beyond the outer knots. The penalty is
    a normal prior of variance 1/10 on the effect of one standard deviation: no rare
    category has an infinite effect, and probabilities stay calibrated with a hundred
    events (in three real cohorts the out-of-fold calibration slope covers 1).

    Folds are dealt by the sorted outcome, so that they are alike in it.

    References
    ----------
    Harrell (2015), doi:10.1007/978-3-319-19425-7; Breslow (1974), doi:10.2307/2529620.

    Examples
    --------
    >>> from twinprivacy.datasets import load_cohort
    >>> people = load_cohort("diabetes")
    >>> twin = fit_outcome_twin(
    ...     people, outcome="progression_score",
    ...     features=["age_years", "bmi_kg_m2", "mean_bp_mmhg"],
    ...     rng=np.random.default_rng(7))
    >>> twin
    OutcomeTwin(outcome='progression_score', kind='number', features=3, members=442)
    >>> person = {"age_years": 50, "bmi_kg_m2": 25, "mean_bp_mmhg": 95}
    >>> (twin.predict_what_if(person, bmi_kg_m2=35) > twin.predict(person)).item()
    True
    """
    from twinprivacy.twins import _outcome_fit as fit

    check_rng(rng)
    names = list(features)
    check_frame(frame, names, outcome, groups)
    order = sorted_rows(frame.index)
    members = frame.iloc[order]
    learned = learn_features(members, names)
    target = fit.read_target(members, outcome, estimator)
    inputs = fit.Inputs(
        read_features(members, learned, name="frame"),
        members[names] if fit.is_pipeline(estimator) else None,
    )
    recipe = fit.Recipe(learned, inputs, target, estimator)
    # The whole twin comes first, so that it does not depend on the folds.
    rngs = rng.spawn(2 + max(folds, 0))
    model = recipe.fit(np.arange(len(members)), rngs[0])
    score, held_out = model.predict(inputs), None
    if folds != 0:
        group = None if groups is None else group_numbers(members, groups)
        fold = fit.deal_folds(target, folds, group, rngs[1])
        held_out = fit.predict_out_of_fold(recipe, fold, rngs[2:])
    by_row = pd.DataFrame({"in_sample": score}, members.index)
    if held_out is not None:
        by_row["out_of_fold"] = held_out
    by_row = by_row.reindex(frame.index)
    is_survival = target.kind == "survival"
    answers = pd.DataFrame(np.exp(by_row) if is_survival else by_row)
    return OutcomeTwin(
        outcome=outcome,
        kind=target.kind,
        members=frame.index,
        out_of_fold=answers.get("out_of_fold"),
        in_sample=answers["in_sample"],
        _features=learned,
        _model=model,
        _baseline=fit.fit_baseline(score, target.y) if is_survival else None,
    )


def split_members(
    frame: pd.DataFrame, *, fraction: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split people at random into members, who train a twin, and controls, who do not.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per person, with an index of their own.
    fraction : float
        Share of members, strictly between 0 and 1.
    rng : numpy.random.Generator
        Source of the split. The same people are members for any order of rows.

    Returns
    -------
    tuple of pandas.DataFrame
        Members and controls, one at least of each, in the order of `frame`.

    Raises
    ------
    ParameterError
        If `fraction` is outside (0, 1).
    DataError
        If there are fewer than two rows, or the index is repeated.

    Examples
    --------
    >>> people = pd.DataFrame({"age_years": [50, 60, 70, 80]})
    >>> members, controls = split_members(
    ...     people, fraction=0.5, rng=np.random.default_rng(1))
    >>> len(members), len(controls)
    (2, 2)
    """
    check_fraction(fraction, name="fraction")
    check_rng(rng)
    check_rows(frame)
    n = len(frame)
    n_members = min(max(round(fraction * n), 1), n - 1)
    is_member = np.zeros(n, dtype=bool)
    is_member[sorted_rows(frame.index)[rng.permutation(n)[:n_members]]] = True
    return frame[is_member], frame[~is_member]
