"""A twin of any cohort: a model of one outcome, asked about one person at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction, check_rng, check_whole
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import check_table, read_persons
from twinprivacy.twins.outcome.columns import (
    Feature,
    check_change,
    check_frame,
    learn_features,
    read_features,
    read_values,
    sorted_rows,
)

if TYPE_CHECKING:
    from twinprivacy.twins.outcome.fit import Inputs, Model
    from twinprivacy.twins.outcome.survival import Baseline

__all__ = [
    "OutcomeTwin",
    "fit_outcome_twin",
    "split_members",
]


_People = pd.DataFrame | Mapping[str, Any]


@dataclass(frozen=True, repr=False, eq=False)
class OutcomeTwin:
    """Answer for a person, or many, what will happen and what if.

    It keeps the index of its training data and its predictions for it on purpose: an
    attack on membership needs to know who was in. It keeps no member's features or
    outcome, but what it does keep gives some away all the same: the extremes of each
    number, the categories, and with a survival outcome the days of the events.

    Attributes
    ----------
    outcome : str or tuple of str
        What it predicts; for survival (duration, event).
    kind : str
        "number", "probability" or "survival".
    members : pandas.Index
        Who was in the training data.
    out_of_fold : pandas.Series, optional
        For each member the prediction of a model that did not see them, as `predict`
        gives it; None without folds.
    in_sample : pandas.Series
        For each member the prediction of this twin.
    """

    outcome: str | tuple[str, str]
    kind: str
    members: pd.Index
    out_of_fold: "pd.Series[float] | None"
    in_sample: "pd.Series[float]"
    _features: tuple[Feature, ...]
    _model: "Model"
    _baseline: "Baseline | None"

    def __repr__(self) -> str:
        """Show what it is of, and nobody in it."""
        return (
            f"OutcomeTwin(outcome={self.outcome!r}, kind={self.kind!r}, "
            f"features={len(self._features)}, members={len(self.members)})"
        )

    @property
    def features(self) -> list[str]:
        """Names of what it must be told about a person."""
        return [feature.name for feature in self._features]

    def predict(self, people: _People, *, horizon_days: float | None = None) -> Array:
        r"""Predict the outcome of people.

        Parameters
        ----------
        people : pandas.DataFrame or mapping
            The twin's features, others are ignored; a mapping is one person.
        horizon_days : float, optional
            For survival: the day by which the event happens, within the follow-up.

        Returns
        -------
        numpy.ndarray
            Shape (n,): expected values in the unit of the outcome; probabilities; for
            survival the hazard relative to the average member, or with a horizon the
            probability :math:`1 - \exp(-H_0(t) e^{x \beta})` of the event by then.

        Raises
        ------
        DataError
            For missing columns, categories that no member had, infinite numbers, or
            values missing in a column that was complete in training.
        ParameterError
            For a horizon without a survival outcome, or outside the follow-up.
        """
        return self._answer(_as_frame(people), horizon_days, {})

    def predict_what_if(
        self, people: _People, *, horizon_days: float | None = None, **changes: Any
    ) -> Array:
        """Predict the outcome of people if they were different.

        Parameters
        ----------
        people : pandas.DataFrame or mapping
            As for `predict`; the changed features need not be in it.
        horizon_days : float, optional
            As for `predict`.
        **changes
            Feature = value for everyone, or one value each. Numbers must lie in the
            range of the training data, categories among those seen there.

        Returns
        -------
        numpy.ndarray
            As `predict`.

        Raises
        ------
        ParameterError
            For something that is no feature, or a number outside the range.
        DataError
            For a category that no member had, and as `predict`.

        Notes
        -----
        This is what the model says of people who differ so, not what a change would do
        to a person: nothing here is adjusted for confounding.
        """
        unknown = [name for name in changes if name not in self.features]
        if unknown or not changes:
            raise ParameterError(
                f"changes must be among the features {', '.join(self.features)}; got "
                f"{', '.join(unknown) or 'none'}"
            )
        return self._answer(_as_frame(people), horizon_days, changes)

    def _answer(
        self, people: pd.DataFrame, horizon_days: float | None, changes: dict[str, Any]
    ) -> Array:
        self._check_horizon(horizon_days)
        score = self._model.predict(self._read(people, changes))
        if self._baseline is None:
            return score
        if horizon_days is None:
            return np.exp(score)
        return self._baseline.risk(score, horizon_days)

    def _read(self, people: pd.DataFrame, changes: dict[str, Any]) -> "Inputs":
        from twinprivacy.twins.outcome.fit import Inputs

        kept = tuple(f for f in self._features if f.name not in changes)
        known = dict(zip(kept, read_features(people, kept), strict=True))
        for feature in self._features:
            if feature not in known:
                new = _read_change(changes[feature.name], feature, len(people))
                known[feature] = new
        frame = None
        if self._model.encoder is None:
            frame = people.assign(**changes)[self.features]
        return Inputs([known[feature] for feature in self._features], frame)

    def _check_horizon(self, horizon_days: float | None) -> None:
        if horizon_days is None:
            return
        if self._baseline is None:
            raise ParameterError(
                "horizon_days must be left out unless the outcome is survival; "
                f"got {horizon_days!r}"
            )
        if not 0 < horizon_days <= self._baseline.last_day:
            raise ParameterError(
                "horizon_days must lie above 0 and within the follow-up of "
                f"{self._baseline.last_day:g} days; got {horizon_days!r}"
            )


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
        A scikit-learn regressor or classifier; for survival `CoxRegression`, or one of
        scikit-survival whose `predict` is a logarithm of relative hazard (Cox models,
        boosting with Cox's loss). It is copied, not changed, and every random_state in
        it is set from `rng`. A Pipeline is given the columns as they are, with what is
        missing; any other estimator numbers (see Notes).
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
    events.

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
    from twinprivacy.twins.outcome import fit
    from twinprivacy.twins.outcome.survival import fit_baseline

    check_rng(rng)
    check_whole(folds, name="folds", least=0)
    names = check_frame(frame, features, outcome, groups)
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
    rngs = rng.spawn(2 + folds)
    model = recipe.fit(np.arange(len(members)), rngs[0])
    score, held_out = model.predict(inputs), None
    if folds != 0:
        persons = None
        if groups is not None:
            persons, _ = read_persons(members[groups], len(members), name=groups)
        fold = fit.deal_folds(target, folds, persons, rngs[1])
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
        _baseline=fit_baseline(score, target.y) if is_survival else None,
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
    check_table(frame, name="frame", least=2, own_index=True)
    n = len(frame)
    n_members = min(max(round(fraction * n), 1), n - 1)
    is_member = np.zeros(n, dtype=bool)
    is_member[sorted_rows(frame.index)[rng.permutation(n)[:n_members]]] = True
    return frame[is_member], frame[~is_member]


def _as_frame(people: _People) -> pd.DataFrame:
    if isinstance(people, pd.DataFrame):
        return people
    if isinstance(people, Mapping | pd.Series):
        return pd.DataFrame([dict(people)])
    raise DataError(
        "people must be a pandas.DataFrame, or a mapping for one person; got "
        f"{type(people).__name__}"
    )


def _read_change(value: Any, feature: Feature, n: int) -> Array:
    values = pd.Series(np.atleast_1d(np.asarray(value, dtype=object))).infer_objects()
    if len(values) not in (1, n):
        raise ParameterError(
            f"{feature.name} must be one value, or one for each of {n} people; got "
            f"{len(values)}"
        )
    read = read_values(values, feature)
    check_change(read, feature)
    return np.broadcast_to(read, n) if len(read) == 1 else read
