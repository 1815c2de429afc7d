"""The twin that `outcome` fits: what it keeps, and how it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins._outcome_columns import (
    Feature,
    check_change,
    read_features,
    read_values,
)

if TYPE_CHECKING:
    from twinprivacy.twins._outcome_fit import Inputs, Model
    from twinprivacy.twins._outcome_survival import Baseline

People = pd.DataFrame | Mapping[str, Any]


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

    def predict(self, people: People, *, horizon_days: float | None = None) -> Array:
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
        self, people: People, *, horizon_days: float | None = None, **changes: Any
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
        from twinprivacy.twins._outcome_fit import Inputs

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


def _as_frame(people: People) -> pd.DataFrame:
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
