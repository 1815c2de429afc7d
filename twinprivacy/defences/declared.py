"""Features with declared ranges and values, read into rows of length 1 at most.

Nothing is learned from the data: a range or a list of values that was read from a table
would tell of the people at its ends, and would cost budget.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.attacks.guarantees import PrivacyGuarantee, gaussian_mu
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import finite_floats

Features = Mapping[str, tuple[float, float] | Sequence[Any]]


@dataclass(frozen=True)
class _Range:
    """A number between two bounds: one column, from -1 to 1."""

    lower: float
    upper: float
    n_columns: int = 1

    def code(self, column: pd.Series, name: str) -> Array:
        """Return the distance from the middle in half widths, clipped."""
        values = finite_floats(column, name=name)
        middle, half = self._middle_and_half()
        return np.clip((values - middle) / half, -1.0, 1.0)[:, np.newaxis]

    def effects(self, feature: str, weights: Array) -> dict[str, float]:
        """Return the effect of one unit."""
        return {feature: float(weights[0] / self._middle_and_half()[1])}

    def _middle_and_half(self) -> tuple[float, float]:
        return self.upper / 2 + self.lower / 2, self.upper / 2 - self.lower / 2


@dataclass(frozen=True)
class _Values:
    """One of k values: the corners of a regular simplex, k - 1 columns of length 1.

    No value is the reference, so that the penalty is the same for any order, and two
    values are the numbers -1 and 1.
    """

    values: tuple[Any, ...]

    @property
    def n_columns(self) -> int:
        """Return the dimensions of the simplex."""
        return len(self.values) - 1

    def code(self, column: pd.Series, name: str) -> Array:
        """Return the corner of everyone's value."""
        held = pd.Index(column.astype(object), tupleize_cols=False)
        number = _distinct(self.values).get_indexer(held)
        n_bad = int((number < 0).sum())
        if n_bad:
            # Which value it was would name the one person who has it.
            raise DataError(
                f"{name} must hold declared values only; got {n_bad} of {len(column)} "
                "others"
            )
        return self._corners()[number]

    def effects(self, feature: str, weights: Array) -> dict[str, float]:
        """Return the effect of each value, from the mean over all of them."""
        found = self._corners() @ weights
        return {
            f"{feature}={value}": float(effect)
            for value, effect in zip(self.values, found, strict=True)
        }

    def _corners(self) -> Array:
        from scipy.linalg import helmert

        k = len(self.values)
        return np.asarray(helmert(k).T * math.sqrt(k / (k - 1)))


@dataclass(frozen=True)
class Declared:
    """What was declared of each feature, in order."""

    features: dict[str, _Range | _Values]

    @property
    def n_columns(self) -> int:
        """Return the columns of the design, the intercept included."""
        return 1 + sum(feature.n_columns for feature in self.features.values())

    @property
    def scale(self) -> float:
        """Return what all columns are multiplied by, so that no row is longer than 1.

        Intercept and features each have length 1 at most.
        """
        return 1 / math.sqrt(1 + len(self.features))

    def design(self, frame: pd.DataFrame, *, name: str) -> Array:
        """Return a row of length 1 at most for each person, the intercept first."""
        check_columns(frame, self.features, name=name)
        blocks = [np.ones((len(frame), 1))]
        for feature, declared in self.features.items():
            blocks.append(declared.code(frame[feature], f"{name}[{feature!r}]"))
        return np.hstack(blocks) * self.scale

    def effects(self, weights: Array) -> pd.Series:
        """Return weights of the design as effects that can be read.

        The intercept is at the middle of every range and the mean of all values.
        """
        scaled = weights * self.scale
        found, start = {"intercept": float(scaled[0])}, 1
        for feature, declared in self.features.items():
            end = start + declared.n_columns
            found |= declared.effects(feature, scaled[start:end])
            start = end
        return pd.Series(found, name="effect")


def read_declared(features: Features, outcome: str) -> Declared:
    """Return the declared features; a tuple of two numbers is a range."""
    if not isinstance(features, Mapping):
        raise ParameterError(
            "features must be a mapping of columns to what is declared of them; got "
            f"{type(features).__name__}"
        )
    if not features:
        raise ParameterError("features must name one column or more; got none")
    if outcome in features:
        raise ParameterError(f"features must not name the outcome; got {outcome!r}")
    return Declared(
        {feature: _declare(feature, given) for feature, given in features.items()}
    )


def check_people(frame: Any, *, name: str) -> None:
    """Raise unless it is a table of which each row has an index of its own."""
    check_frame(frame, name=name)
    if frame.index.has_duplicates:
        raise DataError(
            f"{name} must have one row per person with an index of their own; got "
            f"{int(frame.index.duplicated().sum())} repeated"
        )


def in_fixed_order(design: Array, outcome: Array) -> tuple[Array, Array]:
    """Return the rows in an order that depends on what they hold only.

    Sums of floats depend on the order in their last digits.
    """
    rows = np.column_stack([outcome, design])
    as_bytes = np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))
    order = np.argsort(rows.view(as_bytes).ravel(), kind="stable")
    return design[order], outcome[order]


def _declare(feature: str, given: Any) -> _Range | _Values:
    if _is_range(given):
        return _read_range(feature, float(given[0]), float(given[1]))
    if isinstance(given, str) or not np.iterable(given):
        got = "a text" if isinstance(given, str) else type(given).__name__
        raise ParameterError(
            f"features[{feature!r}] must be two bounds or a sequence of values; got "
            f"{got}"
        )
    return _read_values(feature, tuple(given))


def _read_range(feature: str, lower: float, upper: float) -> _Range:
    if not (math.isfinite(lower) and math.isfinite(upper) and lower / 2 < upper / 2):
        raise ParameterError(
            f"features[{feature!r}] must be finite bounds in ascending order; got "
            f"{lower!r} and {upper!r}"
        )
    return _Range(lower, upper)


def _read_values(feature: str, values: tuple[Any, ...]) -> _Values:
    try:
        hash(values)
    except TypeError:
        raise ParameterError(
            f"features[{feature!r}] must declare values such as text, numbers or "
            "flags; got others"
        ) from None
    n_distinct = int(_distinct(values).nunique())
    if n_distinct < max(len(values), 2):
        raise ParameterError(
            f"features[{feature!r}] must declare two values or more, each once and "
            f"none missing; got {len(values)} of which {n_distinct} differ"
        )
    return _Values(values)


def _is_range(given: Any) -> bool:
    return (
        isinstance(given, tuple)
        and len(given) == 2
        and all(isinstance(x, Real) and not isinstance(x, bool) for x in given)
    )


def _distinct(values: tuple[Any, ...]) -> pd.Index:
    """Return values as an index, a tuple being one of them."""
    return pd.Index(values, dtype=object, tupleize_cols=False)


def check_whole_number(value: Any, *, name: str, least: int) -> None:
    """Raise unless `value` is a whole number of `least` or more."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or value < least:
        raise ParameterError(
            f"{name} must be a whole number of {least} or more; got {value!r}"
        )


def check_budget(guarantee: PrivacyGuarantee) -> None:
    """Raise if a budget is nothing at all: no finite noise keeps it."""
    budget = guarantee.epsilon if guarantee.mu is None else guarantee.mu
    if not budget:
        raise ParameterError(f"epsilon or mu must be above 0; got {budget!r}")


def read_numbers(answers: npt.ArrayLike) -> Array:
    """Return a twin's answers as numbers, shape (n,) or (n, k), checked."""
    try:
        if np.asarray(answers).dtype.kind in "mM":
            # They would be read as numbers in units of their own.
            raise TypeError("times are no numbers")
        given = np.array(answers, dtype=float)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise DataError("answers must hold numbers; got others") from None
    check_shape(given)
    n_bad = int((~np.isfinite(given)).sum())
    if n_bad:
        raise DataError(
            f"answers must be finite; got {n_bad} of {given.size} missing or infinite"
        )
    return given


def check_shape(answers: npt.NDArray[Any]) -> None:
    """Raise unless there is a row, or a number, for each person."""
    if answers.ndim not in (1, 2) or answers.shape[1:] == (0,):
        raise DataError(
            "answers must have the shape (n,), or (n, k) with k of 1 or more; got "
            f"{answers.shape}"
        )


def check_frame(frame: Any, *, name: str = "frame") -> None:
    """Raise unless what was given is a table."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"{name} must be a pandas.DataFrame; got {type(frame).__name__}"
        )


def check_columns(frame: Any, names: Iterable[str], *, name: str = "frame") -> None:
    """Raise unless a table has each of some columns once."""
    check_frame(frame, name=name)
    needed, present = list(names), list(frame.columns)
    lacking = [column for column in needed if column not in present]
    twice = [column for column in needed if present.count(column) > 1]
    if lacking or twice:
        raise DataError(
            f"{name} must have the columns {', '.join(needed)} once each; missing: "
            f"{', '.join(lacking) or 'none'}; repeated: {', '.join(twice) or 'none'}"
        )


def read_budget(
    *, epsilon: float | None, delta: float = 0.0, mu: float | None
) -> PrivacyGuarantee:
    """Return the guarantee; raise unless exactly one budget is given, above 0."""
    guarantee = PrivacyGuarantee(epsilon=epsilon, delta=delta, mu=mu)
    check_budget(guarantee)
    return guarantee


def noise_per_sensitivity(guarantee: PrivacyGuarantee) -> float:
    """Return the deviation of normal noise on a release of sensitivity 1."""
    if guarantee.mu is not None:
        return 1 / guarantee.mu
    epsilon = guarantee.epsilon or 0.0
    return 0.0 if math.isinf(epsilon) else 1 / gaussian_mu(epsilon, guarantee.delta)
