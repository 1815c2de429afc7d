"""How much better members are told, the more a twin is given: one row a volume."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._validation import (
    check_choice,
    check_fraction,
    check_rng,
    check_whole,
)
from twinprivacy.attacks.membership.observed import persons_of
from twinprivacy.attacks.membership.result import MembershipResult
from twinprivacy.attacks.membership.shadow_models import fit_shadows
from twinprivacy.errors import ParameterError
from twinprivacy.tables import check_table
from twinprivacy.twins.outcome.columns import sorted_rows
from twinprivacy.twins.outcome.twin import fit_outcome_twin

__all__ = [
    "membership_volumes",
]


_VOLUMES = ("people", "attributes", "model")
_Step = tuple[Any, pd.DataFrame, Callable[..., Any]]


def membership_volumes(
    frame: pd.DataFrame,
    *,
    outcome: str | tuple[str, str],
    features: Sequence[str],
    volume: str,
    values: Sequence[int] | Mapping[str, Any],
    estimator: Any = None,
    n_shadows: int = 32,
    groups: str | None = None,
    false_positive_rate: float = 0.01,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Measure membership against people, attributes, or class of model and penalty.

    At each value outcome twins are fitted to halves of a cohort, and attacked in turn,
    by likelihood ratios (online).

    Parameters
    ----------
    frame : pandas.DataFrame
        The cohort, as for `fit_shadows`.
    outcome, features, estimator
        The twin, as for `fit_outcome_twin`.
    volume : {"people", "attributes", "model"}
        What is varied.
    values : sequence of int, or mapping
        Persons, of whom half train each twin, 4 or more: the same first ones at every
        value; or numbers of attributes, the first so many of `features`; or for
        "model" names and estimators (None for the default one), which may differ in
        their penalty only.
    n_shadows, groups
        As for `fit_shadows`.
    false_positive_rate : float
        Where the rate of true positives is read, strictly between 0 and 1.
    rng : numpy.random.Generator
        Source of people, halves and fits. A value's row is the same whatever the others
        are, if it keeps its place.
    confidence_level : float
        Two-sided coverage, strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        A row a value: volume, value, model; auc, low, high; true_positive_rate,
        tpr_low, tpr_high; advantage, advantage_low, advantage_high; bits, bits_low,
        bits_high; n, the persons.

    Raises
    ------
    DataError, ParameterError, FitError
        As `fit_shadows` and `fit_outcome_twin`, and for values outside their range.

    Examples
    --------
    >>> from twinprivacy.datasets import load_cohort
    >>> table = membership_volumes(
    ...     load_cohort("diabetes"), outcome="progression_score",
    ...     features=["bmi_kg_m2", "mean_bp_mmhg"], volume="people",
    ...     values=[30, 300], n_shadows=8, rng=np.random.default_rng(7))
    >>> bool(table["auc"].iloc[0] > table["auc"].iloc[1])
    True
    """
    check_rng(rng)
    check_fraction(confidence_level, name="confidence_level")
    check_choice(volume, name="volume", allowed=_VOLUMES)
    check_table(frame, name="frame", least=4, own_index=True)
    people_rng, *rngs = rng.spawn(1 + len(values))
    steps = _steps(frame, list(features), volume, values, estimator, groups, people_rng)
    rows = []
    for (value, cohort, make), child in zip(steps, rngs, strict=True):
        shadow_rng, judge_rng = child.spawn(2)
        shadows = fit_shadows(
            cohort,
            partial(make, outcome=outcome, folds=0),
            outcome=outcome,
            n_shadows=n_shadows,
            groups=groups,
            rng=shadow_rng,
        )
        found = shadows.likelihood_ratio_attack()
        measured = _measure(found, false_positive_rate, judge_rng, confidence_level)
        head = {"volume": volume, "value": value, "model": _model_name(make)}
        rows.append(head | measured)
    return pd.DataFrame(rows)


def _measure(
    found: MembershipResult, alpha: float, rng: np.random.Generator, level: float
) -> dict[str, float | int]:
    """Return each measure with its ends, and the number of persons."""
    estimates = {
        "auc": found.area_under_curve(confidence_level=level),
        "true_positive_rate": found.true_positive_rate_at(
            alpha, confidence_level=level
        ),
        "advantage": found.advantage(rng=rng, confidence_level=level),
        "bits": found.bits(rng=rng, confidence_level=level),
    }
    row: dict[str, float | int] = {}
    for name, estimate in estimates.items():
        ends = _ENDS.get(name, f"{name}_")
        row |= {
            name: estimate.value,
            f"{ends}low": estimate.low,
            f"{ends}high": estimate.high,
        }
    return row | {"n": estimates["auc"].n}


# What the names of bounds begin with, where it is not that of the measure.
_ENDS = {"auc": "", "true_positive_rate": "tpr_"}


def _steps(
    frame: pd.DataFrame,
    features: list[str],
    volume: str,
    values: Sequence[int] | Mapping[str, Any],
    estimator: Any,
    groups: str | None,
    rng: np.random.Generator,
) -> list[_Step]:
    """Return for each value the cohort and what fits a twin to it."""
    if not len(values):
        raise ParameterError("values must hold one value at least; got none")
    if isinstance(values, Mapping) != (volume == "model"):
        raise ParameterError(
            "values must be a mapping of estimators for the volume 'model', and whole "
            f"numbers for others; got {type(values).__name__} for {volume!r}"
        )
    make = partial(fit_outcome_twin, features=features, estimator=estimator)
    if isinstance(values, Mapping):
        return [(name, frame, partial(make, estimator=e)) for name, e in values.items()]
    if volume == "attributes":
        for value in values:
            check_whole(value, name="values", most=len(features))
        return [(k, frame, partial(make, features=features[:k])) for k in values]
    ordered = frame.iloc[sorted_rows(frame.index)]
    persons = persons_of(ordered, groups, name="frame")
    for value in values:
        check_whole(value, name="values", least=4, most=len(persons.names))
    place = rng.permutation(len(persons.names))[persons.codes]
    return [(n, ordered[place < n], make) for n in values]


def _model_name(make: Any) -> str:
    estimator = make.keywords["estimator"]
    return "default" if estimator is None else type(estimator).__name__
