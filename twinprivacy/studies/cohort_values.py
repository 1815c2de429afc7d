"""What every set of modalities is worth to a twin of a cohort, and gives away."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_choice, check_rng
from twinprivacy.attacks.membership.audits import audit_twin
from twinprivacy.attacks.uniqueness.uniqueness import anonymity_sets
from twinprivacy.defences.declared import check_columns, check_frame, check_whole_number
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates.operating_points import share_below
from twinprivacy.studies.modalities import Worths, measure_worths
from twinprivacy.twins.outcome.columns import sorted_rows
from twinprivacy.twins.outcome.performance import MEASURES
from twinprivacy.twins.outcome.twin import OutcomeTwin, fit_outcome_twin

__all__ = [
    "cohort_worths",
]


_SCORES = ("r_squared", "auc", "concordance")
_IDENTITY = ("share_unique", "identity_bits")
# What a twin that is told nothing has; anything else is 0 then.
_CHANCE = {"auc": 0.5, "concordance": 0.5, "membership_auc": 0.5}


def cohort_worths(
    frame: pd.DataFrame,
    *,
    outcome: str | tuple[str, str],
    ladder: Mapping[str, Sequence[str]],
    estimator: Any = None,
    seen: pd.DataFrame | None = None,
    folds: int = 5,
    n_splits: int = 1,
    measures: Iterable[str] | None = None,
    rng: np.random.Generator,
) -> Worths:
    r"""Fit a twin to every set of modalities; measure what it predicts and gives away.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a person, with an index of their own.
    outcome, estimator
        As for `fit_outcome_twin`.
    ladder : mapping of str to sequence of str
        One to six modalities and their columns, such as ``frame.attrs["ladder"]`` of
        `load_cohort`.
    seen : pandas.DataFrame, optional
        The same people and columns as an attacker on identity may know them, rounded or
        in bands; without it to the last digit.
    folds : int
        Of the out-of-fold predictions, 2 or more; the same in every set.
    n_splits : int
        Dealings into folds over which each person's numbers are averaged, 1 or more.
    measures : iterable of str, optional
        Use: "r_squared" of numbers, "auc" or "bits" of true or false, "concordance" of
        survival, all out of fold. Risk: "share_unique" and "identity_bits" of the
        columns, "membership_auc" of the twin told them. Without it all that suit the
        outcome.
    rng : numpy.random.Generator
        Source of folds and random states. The same for any order of rows.

    Returns
    -------
    Worths
        A number for each person, whose mean is the measure (for areas, concordance and
        variance explained: the measure plus the person's influence on it); `shares`
        divides them by modality, `removals` says what leaving one out costs.

    Raises
    ------
    DataError, FitError
        As `fit_outcome_twin` and `anonymity_sets`; for columns that are absent, or a
        frame `seen` of other people.
    ParameterError
        For a column in two modalities, an outcome in one, measures that do not suit the
        outcome, or settings outside their range.

    Notes
    -----
    - "bits" is the mean of :math:`\log_2 p_i(y_i) - \log_2 \bar p(y_i)`, of the
      predicted probability of what happened over its share among all; probabilities are
      kept :math:`1 / (n + 1)` away from 0 and 1. It is negative for a twin that is too
      sure.
    - "identity_bits" is the mean of :math:`\log_2 (n / s_i)` with :math:`s_i` people
      who look like i in the cohort itself: not in the population. Whether somebody
      stands alone depends on the others, whom intervals take as given.
    - "membership_auc" is the area of `audit_twin`: the twin of everybody against the
      twin of the fold that lacked the person. A fold has its own share of cases, so
      that it may lie off 1/2 for a twin that remembers nobody: in 16 cohorts of 200
      people with nothing to predict, twins told two flags had 0.50 to 0.57 by
      regression and 0.44 to 0.62 by a forest. A verdict by threshold would be worse
      off, since it could tell the two models apart rather than the people.
    - With nobody's data there is nothing to predict by or to be found by: 1/2 for
      areas and concordance, 0 for all else.

    References
    ----------
    Shapley (1953), doi:10.1515/9781400881970-018; Yeom et al. (2018),
    doi:10.1109/CSF.2018.00027.

    Examples
    --------
    >>> from twinprivacy.datasets import load_cohort
    >>> people = load_cohort("diabetes")
    >>> found = cohort_worths(
    ...     people, outcome="progression_score", ladder=people.attrs["ladder"],
    ...     measures=["r_squared", "share_unique"], rng=np.random.default_rng(7))
    >>> found.shares()[["modality", "measure", "value"]].round(1)
           modality       measure  value
    0  demographics     r_squared    0.2
    1    laboratory     r_squared    0.3
    2  demographics  share_unique    0.5
    3    laboratory  share_unique    0.5
    """
    check_rng(rng)
    for name, value, least in (("n_splits", n_splits, 1), ("folds", folds, 2)):
        check_whole_number(value, name=name, least=least)
    _check_ladder(ladder, frame, outcome)
    people = frame.iloc[sorted_rows(frame.index)]
    worth = partial(
        _worth,
        people=people,
        seen=people if seen is None else _same_people(seen, people),
        outcome=outcome,
        ladder=ladder,
        estimator=estimator,
        folds=folds,
        n_splits=n_splits,
        measures=_choose(measures, people, outcome, estimator),
    )
    return measure_worths(list(ladder), worth, rng=rng)


def _check_ladder(
    ladder: Mapping[str, Sequence[str]],
    frame: pd.DataFrame,
    outcome: str | tuple[str, str],
) -> None:
    if any(isinstance(of, str) for of in ladder.values()):
        raise ParameterError(
            "ladder must have a sequence of columns for each modality; got a lone name"
        )
    columns = [name for of in ladder.values() for name in of]
    observed = [outcome] if isinstance(outcome, str) else list(outcome)
    told = [name for name in observed if name in columns]
    if told:
        raise ParameterError(f"ladder must not hold the outcome; got {', '.join(told)}")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice or any(not of for of in ladder.values()):
        raise ParameterError(
            "ladder must have modalities of one column at least, each column once; "
            f"got {sum(not of for of in ladder.values())} empty, repeated: "
            f"{', '.join(twice) or 'none'}"
        )
    check_columns(frame, [*observed, *columns])


def _same_people(seen: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    check_frame(seen, name="seen")
    n_absent = int((~people.index.isin(seen.index)).sum())
    if n_absent or len(seen) != len(people):
        raise DataError(
            f"seen must hold the {len(people)} people of frame; got {len(seen)} rows, "
            f"{n_absent} people absent"
        )
    return seen.loc[people.index]


def _choose(
    measures: Iterable[str] | None,
    people: pd.DataFrame,
    outcome: str | tuple[str, str],
    estimator: Any,
) -> tuple[str, ...]:
    """Return the measures asked for, or all that suit the outcome."""
    from sklearn.base import is_regressor

    if isinstance(outcome, tuple):
        suited: tuple[str, ...] = ("concordance",)
    else:
        column = people[outcome] if outcome in people else pd.Series(dtype=float)
        binary = bool(column.isin([0, 1]).all()) and not (
            estimator is not None and is_regressor(estimator)
        )
        suited = ("auc", "bits") if binary else ("r_squared",)
    allowed = (*suited, *_IDENTITY, "membership_auc")
    chosen = allowed if measures is None else tuple(measures)
    for name in chosen:
        check_choice(name, name="measures", allowed=allowed)
    if not chosen:
        raise ParameterError("measures must be one or more; got none")
    return chosen


def _worth(
    kept: tuple[str, ...],
    rng: np.random.Generator,
    *,
    people: pd.DataFrame,
    seen: pd.DataFrame,
    outcome: str | tuple[str, str],
    ladder: Mapping[str, Sequence[str]],
    estimator: Any,
    folds: int,
    n_splits: int,
    measures: tuple[str, ...],
) -> dict[str, Array]:
    """Return each person's number in each measure, for a twin that is told some."""
    if not kept:
        return {of: np.full(len(people), _CHANCE.get(of, 0.0)) for of in measures}
    columns = [name for modality in kept for name in ladder[modality]]
    found: dict[str, Array] = {}
    if set(measures) & set(_IDENTITY):
        found |= _identity(seen, columns)
    if set(measures) - set(_IDENTITY):
        splits = []
        for child in rng.spawn(n_splits):
            twin = fit_outcome_twin(
                people,
                outcome=outcome,
                features=columns,
                estimator=estimator,
                folds=folds,
                rng=child,
            )
            splits.append(_judge(twin, people, measures))
        found |= {of: np.mean([s[of] for s in splits], axis=0) for of in splits[0]}
    return {of: found[of] for of in measures}


def _identity(seen: pd.DataFrame, columns: list[str]) -> dict[str, Array]:
    sets = anonymity_sets(seen, columns)
    assert sets.set_sizes is not None  # counted in a frame
    size = sets.set_sizes.to_numpy(dtype=float)
    return {
        "share_unique": (size == 1).astype(float),
        "identity_bits": np.log2(len(size) / size),
    }


def _judge(
    twin: OutcomeTwin,
    people: pd.DataFrame,
    measures: tuple[str, ...],
) -> dict[str, Array]:
    """Return what one twin is worth, person by person."""
    observed = people[
        list(twin.outcome) if isinstance(twin.outcome, tuple) else twin.outcome
    ]
    predicted = np.asarray(twin.out_of_fold, dtype=float)
    found: dict[str, Array] = {}
    for of in set(measures) & set(_SCORES):
        measured = MEASURES[of].compute(np.asarray(observed, dtype=float), predicted)
        found[of] = measured.value + measured.influence
    if "bits" in measures:
        found["bits"] = _bits(np.asarray(observed, dtype=float), predicted)
    if "membership_auc" in measures:
        found["membership_auc"] = _membership(twin, people)
    return found


def _bits(happened: Array, predicted: Array) -> Array:
    edge = 1 / (len(happened) + 1)
    p = np.clip(predicted, edge, 1 - edge)
    share = happened.mean()
    told = np.where(happened == 1, p, 1 - p)
    usual = np.where(happened == 1, share, 1 - share)
    return np.asarray(np.log2(told) - np.log2(usual))


def _membership(twin: OutcomeTwin, people: pd.DataFrame) -> Array:
    """Return each person's part in the area of an audit."""
    targets = audit_twin(twin, people).targets
    inside, outside = (
        targets.loc[targets["member"] == side, "score"].loc[people.index].to_numpy()
        for side in (True, False)
    )
    above = share_below(inside, outside)
    below = 1 - share_below(outside, inside)
    # The area and what the person, as a member and as another, moves it by.
    return np.asarray(above + below - above.mean())
