"""Fit the model of an outcome twin: its target, its folds and its estimator.

No class here shows what it holds, so that no person's values end in a log.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from threadpoolctl import ThreadpoolController

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_whole
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.tables import finite_floats
from twinprivacy.twins.outcome.columns import (
    Encoder,
    Feature,
    check_classes,
    check_flags,
    fit_encoder,
)
from twinprivacy.twins.outcome.survival import CoxRegression

_THREADS = ThreadpoolController()
# Chosen on the real cohorts: with a penalty of 1 the calibration slopes of the smaller
# ones fall to 0.78, with 10 they are 0.92 to 0.99, and no worse in discrimination.
_PENALTY = 10.0
# On the same cohorts no worse out of fold than straight lines or three knots.
_N_KNOTS = 4


@dataclass(frozen=True, repr=False)
class Target:
    """The outcome of the members: floats, or times with events.

    Attributes
    ----------
    kind : str
        "number", "probability" or "survival".
    y : numpy.ndarray
        Floats; 0 and 1; or a structured array with the fields event and time.
    """

    kind: str
    y: npt.NDArray[Any]

    @property
    def is_case(self) -> npt.NDArray[np.bool_]:
        """Whether each member had the outcome, where it is one to have."""
        return np.asarray(self.y["event"] if self.kind == "survival" else self.y == 1)

    def keys(self) -> tuple[Array, ...]:
        """Return what folds are balanced on, the most important last."""
        if self.kind == "survival":
            return self.y["time"], self.y["event"].astype(float)
        return (self.y.astype(float),)


@dataclass(frozen=True, repr=False)
class Inputs:
    """What people are known by: arrays for an encoder, a frame for a pipeline."""

    values: list[Array]
    frame: pd.DataFrame | None

    def take(self, rows: Indices) -> Self:
        """Return some of the people."""
        frame = None if self.frame is None else self.frame.iloc[rows]
        return type(self)([value[rows] for value in self.values], frame)


@dataclass(frozen=True, repr=False)
class Model:
    """A fitted estimator with the encoder before it, if it needs one."""

    kind: str
    estimator: Any
    encoder: Encoder | None

    def predict(self, people: Inputs) -> Array:
        """Return expected values, probabilities or logarithms of hazards."""
        x = self.encoder.transform(people.values) if self.encoder else people.frame
        if self.kind == "probability":
            return np.asarray(self.estimator.predict_proba(x)[:, 1], dtype=float)
        return np.asarray(self.estimator.predict(x), dtype=float)


@dataclass(frozen=True, repr=False)
class Recipe:
    """All that a model is fitted by, besides rows and seed."""

    features: tuple[Feature, ...]
    inputs: Inputs
    target: Target
    estimator: Any

    def fit(self, rows: Indices, rng: np.random.Generator) -> Model:
        """Fit a fresh copy of the estimator to some rows."""
        people, y = self.inputs.take(rows), self.target.y[rows]
        own = self.estimator is None
        estimator = _default_estimator(self.target.kind) if own else self.estimator
        estimator = clone(estimator)
        _seed_estimator(estimator, rng)
        encoder = None
        if people.frame is None:
            n_knots = _N_KNOTS if own else 0
            encoder = fit_encoder(self.features, people.values, n_knots=n_knots)
        x = encoder.transform(people.values) if encoder else people.frame
        # The matrices are slim: more threads gain nothing, and on a busy machine they
        # wait for one another ten times as long as the work takes.
        with _THREADS.limit(limits=1, user_api="blas"):
            estimator.fit(x, y)
        return Model(self.target.kind, estimator, encoder)


def _default_estimator(kind: str) -> Any:
    """Return the estimator of a twin that was given none."""
    if kind == "survival":
        return CoxRegression(penalty=_PENALTY)
    if kind == "probability":
        # Exact Newton steps: a few passes over the people, however many they are.
        return LogisticRegression(C=1 / _PENALTY, solver="newton-cholesky")
    return Ridge(alpha=_PENALTY)


def is_pipeline(estimator: Any) -> bool:
    """Whether an estimator takes the columns as they are."""
    return isinstance(estimator, Pipeline)


def _seed_estimator(estimator: Any, rng: np.random.Generator) -> None:
    """Set every random state of an estimator from a generator."""
    names = [
        name
        for name in estimator.get_params(deep=True)
        if name == "random_state" or name.endswith("__random_state")
    ]
    if names:
        seeds = rng.integers(2**31 - 1, size=len(names)).tolist()
        estimator.set_params(**dict(zip(sorted(names), seeds, strict=True)))


def read_target(
    frame: pd.DataFrame, outcome: str | tuple[str, str], estimator: Any
) -> Target:
    """Read and check the outcome of the members, and that the estimator suits it."""
    is_survival = isinstance(outcome, tuple)
    if estimator is not None:
        _check_estimator(estimator, is_survival=is_survival)
    if isinstance(outcome, tuple):
        return _read_survival(frame, *outcome)
    values = finite_floats(frame[outcome], name=outcome)
    is_binary = bool(np.isin(values, (0, 1)).all())
    if is_binary if estimator is None else is_classifier(estimator):
        check_classes(values, name=outcome)
        return Target("probability", values.astype(int))
    if np.ptp(values) == 0:
        raise DataError(
            f"{outcome} must differ between people; it is the same for all "
            f"{len(values)}"
        )
    return Target("number", values)


def deal_folds(
    target: Target, folds: int, groups: Indices | None, rng: np.random.Generator
) -> Indices:
    """Deal people, or whole groups of them, to folds alike in outcome."""
    keys = target.keys()
    if groups is not None:
        size = np.bincount(groups)
        keys = tuple(np.bincount(groups, key) / size for key in keys)
    n = len(keys[0])
    check_whole(folds, name="folds", least=2, most=n)
    order = np.lexsort((rng.permutation(n), *keys))
    fold = np.empty(n, dtype=np.intp)
    fold[order] = rng.permutation(folds)[np.arange(n) % folds]
    return fold if groups is None else fold[groups]


def predict_out_of_fold(
    recipe: Recipe, fold: Indices, rngs: list[np.random.Generator]
) -> Array:
    """Predict each member by the model that did not see them."""
    kept = [np.flatnonzero(fold != number) for number in range(len(rngs))]
    if recipe.target.kind != "number":
        cases = [recipe.target.is_case[rows] for rows in kept]
        enough = [
            c.any() and (recipe.target.kind == "survival" or not c.all()) for c in cases
        ]
        if not all(enough):
            raise FitError(
                "every fold must leave people with and without the outcome to train "
                f"on; {enough.count(False)} of {len(enough)} do not: take fewer folds"
            )
    models = Parallel()(
        delayed(recipe.fit)(rows, rng) for rows, rng in zip(kept, rngs, strict=True)
    )
    predicted = np.empty(len(fold))
    for number, model in enumerate(models):
        rows = np.flatnonzero(fold == number)
        predicted[rows] = model.predict(recipe.inputs.take(rows))
    return predicted


def _check_estimator(estimator: Any, *, is_survival: bool) -> None:
    """Raise if an estimator is of another kind of outcome."""
    kind = type(estimator).__name__
    is_of_sklearn = is_classifier(estimator) or is_regressor(estimator)
    if is_survival == is_of_sklearn:
        suits = "a survival model" if is_survival else "a regressor or classifier"
        raise ParameterError(f"estimator must be {suits} for this outcome; got {kind}")
    if is_classifier(estimator) and not hasattr(estimator, "predict_proba"):
        raise ParameterError(
            "estimator must give probabilities (predict_proba) if it is a classifier; "
            f"{kind} does not"
        )


def _read_survival(frame: pd.DataFrame, duration: str, event: str) -> Target:
    if not duration.endswith("_days"):
        raise ParameterError(
            "outcome must be (duration, event) with a duration in days, named so: "
            f"follow_up_days; got {duration!r}"
        )
    time, had_event = (
        finite_floats(frame[name], name=name) for name in (duration, event)
    )
    n_negative = int((time < 0).sum())
    if n_negative:
        raise DataError(
            f"{duration} must be 0 or more; got {n_negative} of {len(time)} negative"
        )
    check_flags(had_event, name=event)
    n_events = int(had_event.sum())
    if n_events < 2:
        raise DataError(
            f"{event} must be true for two people at least; got {n_events} of "
            f"{len(time)}"
        )
    y = np.empty(len(time), dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = had_event == 1, time
    return Target("survival", y)
