"""Attack a twin of a real cohort, over many splits into members, controls and others.

A cohort of some hundred people is too small to be split once: who lands where decides.
So the split is repeated, every person is a member in some and a control in others, and
intervals count each person once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_fraction, check_rng, check_whole
from twinprivacy.attacks.inference.attribute_inference import (
    AttackSettings,
    Evaluation,
    evaluate,
    pool,
    summarise,
)
from twinprivacy.attacks.inference.learned_attacker import ALL_MODELS
from twinprivacy.attacks.inference.reading import code_secret, order_rows, read_secret
from twinprivacy.attacks.inference.result import AttackResult
from twinprivacy.attacks.inference.threats import Attacker, Secret, ThreatModel
from twinprivacy.errors import ParameterError
from twinprivacy.twins.outcome.twin import OutcomeTwin, fit_outcome_twin

__all__ = [
    "attack_cohort",
    "question",
]


# Rows of one person share it; no column of a cohort has this name.
_PERSON = "person_number"


def question(
    twin: OutcomeTwin,
    *,
    horizon_days: float | None = None,
    what_if: Sequence[Mapping[str, Any]] = (),
) -> Callable[[pd.DataFrame], Array]:
    """Return what asks a twin for its prediction, and for what it would be if.

    Parameters
    ----------
    twin : OutcomeTwin
    horizon_days : float, optional
        As for `OutcomeTwin.predict`.
    what_if : sequence of mapping
        Each a set of changes as for `OutcomeTwin.predict_what_if`.

    Returns
    -------
    callable
        Of people, giving shape (n, 1 + number of what-ifs).

    Examples
    --------
    >>> from twinprivacy.datasets import load_cohort
    >>> people = load_cohort("diabetes")
    >>> twin = fit_outcome_twin(
    ...     people, outcome="progression_score", features=["age_years", "bmi_kg_m2"],
    ...     folds=0, rng=np.random.default_rng(7))
    >>> question(twin, what_if=[{"bmi_kg_m2": 40.0}])(people).shape
    (442, 2)
    """

    def ask(people: pd.DataFrame) -> Array:
        said = [twin.predict(people, horizon_days=horizon_days)]
        said += [
            twin.predict_what_if(people, horizon_days=horizon_days, **changes)
            for changes in what_if
        ]
        return np.column_stack(said)

    return ask


def attack_cohort(
    people: pd.DataFrame,
    *,
    outcome: str | tuple[str, str],
    features: Sequence[str],
    threat: ThreatModel,
    attacker: Attacker,
    estimator: Any = None,
    horizon_days: float | None = None,
    what_if: Sequence[Mapping[str, Any]] = (),
    n_members: int | None = None,
    n_splits: int = 10,
    groups: str | None = None,
    subgroups: Sequence[str] = (),
    models: Sequence[str] = ALL_MODELS,
    n_surest: int = 100,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> AttackResult:
    """Train twins on thirds of a cohort and infer an attribute of members and others.

    In each split a third of the people train a twin, a third are controls, and a third
    teach the attacker; each secret is dealt out evenly.

    Parameters
    ----------
    people : pandas.DataFrame
        The cohort, one row per person, or several named by `groups`.
    outcome, features, estimator
        The twin, as for `fit_outcome_twin`. `features` may hold the secret, or not.
    threat : ThreatModel
        With one answer, and one more for each what-if.
    attacker : Attacker
        As for `infer_attribute`.
    horizon_days, what_if
        What the twin is asked, as for `question`.
    n_members : int, optional
        People who train the twin, fewer than a third; all of the third by default. The
        rest of the third is left out.
    n_splits : int
        Splits, 1 or more.
    groups, subgroups, models, n_surest, confidence_level
        As for `infer_attribute`.
    rng : numpy.random.Generator
        Source of splits, twins and attacks.

    Returns
    -------
    AttackResult
        Of all splits together; intervals count each person once. The same for any
        order of rows and any number of workers.

    Raises
    ------
    ParameterError, DataError, FitError
        As `fit_outcome_twin` and `infer_attribute`.

    Notes
    -----
    Twins of different splits share people, so they are more alike than twins of new
    cohorts would be: intervals hold the chance of whom this cohort holds, not that of
    the next hospital.

    Examples
    --------
    >>> from twinprivacy.attacks.inference import LearnedAttacker
    >>> from twinprivacy.datasets import load_cohort
    >>> threat = ThreatModel("heart_failure", ("age_years", "sex"), ("risk",))
    >>> result = attack_cohort(
    ...     load_cohort("whas500"), outcome=("follow_up_days", "died"),
    ...     features=["age_years", "sex", "heart_failure"], horizon_days=365,
    ...     threat=threat, attacker=LearnedAttacker(models=("logistic",)),
    ...     models=("logistic",), n_splits=2, rng=np.random.default_rng(7))
    >>> bool(result.bits.low > 0)
    True
    """
    from joblib import Parallel, delayed

    check_rng(rng)
    check_fraction(confidence_level, name="confidence_level")
    check_whole(n_splits, name="n_splits")
    attack = AttackSettings(
        threat, attacker, tuple(models), _PERSON, tuple(subgroups), n_surest
    )
    needed = [threat.sensitive, *threat.known, *features, *subgroups]
    cohort = order_rows(people, name="people", needed=needed)
    cohort = cohort.assign(**{_PERSON: _person_numbers(cohort, groups)})
    cohort = cohort.reset_index(drop=True)
    secret = read_secret(cohort, threat, name="people")

    def one_split(child: np.random.Generator) -> Evaluation:
        deal_rng, twin_rng, attack_rng = child.spawn(3)
        tables = _deal(cohort, secret, n_members, rng=deal_rng)
        twin = fit_outcome_twin(
            tables["members"],
            outcome=outcome,
            features=features,
            estimator=estimator,
            folds=0,
            rng=twin_rng,
        )
        ask = question(twin, horizon_days=horizon_days, what_if=what_if)
        return evaluate(attack, ask, tables, rng=attack_rng, secret=secret)

    splits = Parallel()(delayed(one_split)(child) for child in rng.spawn(n_splits))
    return summarise(attack, pool(splits), level=confidence_level)


def _person_numbers(cohort: pd.DataFrame, groups: str | None) -> Indices:
    if groups is None:
        return np.arange(len(cohort))
    return pd.factorize(cohort[groups])[0].astype(np.intp)


def _deal(
    cohort: pd.DataFrame,
    secret: Secret,
    n_members: int | None,
    *,
    rng: np.random.Generator,
) -> dict[str, pd.DataFrame]:
    """Deal persons to three tables, those with the same secret evenly."""
    codes, _ = code_secret(cohort, secret, name="people")
    persons = cohort[_PERSON].to_numpy()
    numbers, first = np.unique(persons, return_index=True)
    order = rng.permutation(len(numbers))
    order = order[np.argsort(codes[first][order], kind="stable")]
    part = np.empty(len(numbers), dtype=int)
    # Whom the rest of each division falls to must not always be the same.
    part[order] = (np.arange(len(order)) + rng.integers(3)) % 3
    if n_members is not None:
        trained = rng.permutation(np.flatnonzero(part == 0))
        if not 2 <= n_members <= len(trained):
            raise ParameterError(
                f"n_members must be from 2 to a third of the people, {len(trained)}; "
                f"got {n_members!r}"
            )
        part[trained[n_members:]] = 3
    of_row = part[np.searchsorted(numbers, persons)]
    names = ("members", "controls", "auxiliary")
    return {name: cohort[of_row == place] for place, name in enumerate(names)}
