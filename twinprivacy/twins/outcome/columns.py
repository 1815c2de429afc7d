"""What an outcome twin is told about people: read, checked and turned into numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import as_floats

# Harrell's places for the knots of a restricted cubic spline, by their number.
_KNOTS = {0: (), 3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95)}


@dataclass(frozen=True, repr=False)
class Feature:
    """A column of the training data, as far as a twin needs to know it.

    Attributes
    ----------
    name : str
    kind : str
        "number", "flag" or "category".
    low, high : float
        Smallest and largest number seen in training.
    categories : tuple
        Values seen in training, the commonest first, then those only declared.
    may_be_missing : bool
        Whether values were missing in training.
    """

    name: str
    kind: str
    low: float = np.nan
    high: float = np.nan
    categories: tuple[Any, ...] = ()
    may_be_missing: bool = False


def learn_features(frame: pd.DataFrame, names: list[str]) -> tuple[Feature, ...]:
    """Learn kind, range and categories of the features from the training data."""
    return tuple(_learn(frame[name], name) for name in names)


def read_features(
    people: pd.DataFrame, features: tuple[Feature, ...], *, name: str = "people"
) -> list[Array]:
    """Return one array per feature: numbers, or places among the categories.

    A missing value is nan. Unseen categories, infinities, and values missing where none
    were in training are errors that count and quote nobody.
    """
    lacking = [f.name for f in features if f.name not in people.columns]
    if lacking:
        raise DataError(
            f"{name} must have the features of the twin; missing: {', '.join(lacking)}"
        )
    if not len(people):
        raise DataError(f"{name} must have at least one row; got an empty table")
    return [read_values(people[f.name], f) for f in features]


def read_values(values: "pd.Series[Any]", feature: Feature) -> Array:
    """Read one column, as `read_features` does."""
    if feature.kind == "category":
        read = _read_category(values, feature)
    else:
        read = _read_numbers(values, feature.name)
    n_missing = int(np.isnan(read).sum())
    if n_missing and not feature.may_be_missing:
        raise DataError(
            f"{feature.name} must be known for everyone, as it was in training; got "
            f"{n_missing} of {len(read)} missing"
        )
    if feature.kind == "flag":
        n_bad = int(((read != 0) & (read != 1) & ~np.isnan(read)).sum())
        if n_bad:
            raise DataError(f"{feature.name} must be true or false; got {n_bad} others")
    return read


def check_change(values: Array, feature: Feature) -> None:
    """Raise if a changed number lies outside what the twin was trained on."""
    if feature.kind != "number":
        return
    n_bad = int(((values < feature.low) | (values > feature.high)).sum())
    if n_bad:
        raise ParameterError(
            f"{feature.name} must lie in the range of the training data, "
            f"{feature.low:g} to {feature.high:g}; got {n_bad} of {values.size} outside"
        )


@dataclass(frozen=True, repr=False)
class Encoder:
    """Turn what was read into standardised numbers, by statistics of training rows.

    A missing number becomes the median and sets a column of its own; a category becomes
    one column for each value but the commonest, and one for a missing value.
    """

    features: tuple[Feature, ...]
    medians: tuple[float, ...]
    knots: tuple[tuple[float, ...], ...]
    mean: Array
    sd: Array

    def transform(self, values: list[Array]) -> Array:
        """Return a matrix, one row a person."""
        columns = self.columns(values)
        # Column by column, as attackers ask about very many people.
        matrix = np.empty((len(columns[0]), len(columns)), order="F")
        for place, column in enumerate(columns):
            np.subtract(column, self.mean[place], out=matrix[:, place])
            matrix[:, place] /= self.sd[place]
        return matrix

    def columns(self, values: list[Array]) -> list[Array]:
        """Return the columns before they are standardised."""
        columns: list[Array] = []
        for feature, value, median, knots in zip(
            self.features, values, self.medians, self.knots, strict=True
        ):
            if feature.kind == "category":
                columns += _indicators(value, feature)
                continue
            missing = np.isnan(value)
            known = np.where(missing, median, value) if missing.any() else value
            columns += [known, *_spline(known, knots)]
            if feature.may_be_missing:
                columns.append(missing.astype(float))
        return columns


def fit_encoder(
    features: tuple[Feature, ...], values: list[Array], *, n_knots: int
) -> Encoder:
    """Learn medians, knots, means and spreads from training rows."""
    medians, knots = [], []
    for feature, value in zip(features, values, strict=True):
        known = value[~np.isnan(value)]
        medians.append(float(np.median(known)) if known.size else 0.0)
        places = np.quantile(known, _KNOTS[n_knots]) if known.size else np.empty(0)
        # Few distinct values, as in points or counts, put knots on one another.
        is_curved = feature.kind == "number" and np.unique(places).size == n_knots > 0
        knots.append(tuple(places.tolist()) if is_curved else ())
    none = np.empty(0)
    draft = Encoder(features, tuple(medians), tuple(knots), none, none)
    columns = draft.columns(values)
    mean = np.array([column.mean() for column in columns])
    sd = np.array([column.std() for column in columns])
    is_constant = sd <= 1e-12 * np.array([np.abs(column).max() for column in columns])
    sd[is_constant] = 1.0
    return Encoder(features, tuple(medians), tuple(knots), mean, sd)


def _learn(values: "pd.Series[Any]", name: str) -> Feature:
    missing = values.isna()
    if missing.all():
        raise DataError(f"{name} must be known for someone; it is missing throughout")
    kind, any_missing = _kind(values), bool(missing.any())
    if kind == "category":
        seen, unseen = _categories(values)
        n_distinct = len(seen)
        categories = (*seen, *unseen)
        feature = Feature(name, kind, categories=categories, may_be_missing=any_missing)
    else:
        numbers = _read_numbers(values, name)
        low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
        n_distinct = 1 + int(low < high)
        feature = Feature(name, kind, low, high, may_be_missing=any_missing)
    if n_distinct == 1 and not any_missing:
        raise DataError(
            f"{name} must differ between people; it is the same for all {len(values)}"
        )
    return feature


def _categories(values: "pd.Series[Any]") -> tuple[list[Any], list[Any]]:
    """Return the values in training, the commonest first, and those only declared."""
    counts = values.astype(object).value_counts()
    counts = counts[counts > 0]
    # Sorted by name first, so that ties do not depend on the order of rows.
    counts = counts.loc[sorted(counts.index, key=str)]
    seen = list(counts.sort_values(ascending=False, kind="stable").index)
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return seen, []
    declared = values.cat.categories.astype(object)
    return seen, sorted(declared.difference(seen, sort=False), key=str)


def _kind(values: "pd.Series[Any]") -> str:
    known = values.dropna()
    if not isinstance(values.dtype, pd.CategoricalDtype):
        known = known.infer_objects()
    if pd.api.types.is_bool_dtype(known.dtype):
        return "flag"
    if pd.api.types.is_numeric_dtype(known.dtype):
        return "number"
    return "category"


def _read_numbers(values: "pd.Series[Any]", name: str) -> Array:
    try:
        numbers = as_floats(values)
    except (TypeError, ValueError):
        # Without the cause, which would quote a value.
        raise DataError(f"{name} must hold numbers only; got others") from None
    n_infinite = int(np.isinf(numbers).sum())
    if n_infinite:
        raise DataError(
            f"{name} must be finite; got {n_infinite} of {len(numbers)} infinite"
        )
    return numbers


def _read_category(values: "pd.Series[Any]", feature: Feature) -> Array:
    known = pd.Index(feature.categories, dtype=object)
    if isinstance(values.dtype, pd.CategoricalDtype):
        # Look up each category once, not each person.
        places = known.get_indexer(values.cat.categories.astype(object))
        codes = np.append(places, -1)[values.cat.codes.to_numpy()]
    else:
        uniques = pd.factorize(values)
        places = known.get_indexer(pd.Index(uniques[1]).astype(object))
        codes = np.append(places, -1)[uniques[0]]
    missing = values.isna().to_numpy()
    n_unseen = int(((codes < 0) & ~missing).sum())
    if n_unseen:
        raise DataError(
            f"{feature.name} must be one of the {len(known)} categories of the "
            f"training data; got {n_unseen} of {len(values)} others"
        )
    return np.where(missing, np.nan, codes)


def _indicators(places: Array, feature: Feature) -> list[Array]:
    columns = [
        (places == place).astype(float) for place in range(1, len(feature.categories))
    ]
    if feature.may_be_missing:
        columns.append(np.isnan(places).astype(float))
    return columns


def _spline(x: Array, knots: tuple[float, ...]) -> list[Array]:
    """Return the curved terms of a restricted cubic spline, linear beyond its ends."""
    if not knots:
        return []
    above = [_cubed_above(x, knot) for knot in knots]
    *inner, before, last = knots
    scale = (last - knots[0]) ** 2
    return [
        (
            above[j]
            - above[-2] * (last - knot) / (last - before)
            + above[-1] * (before - knot) / (last - before)
        )
        / scale
        for j, knot in enumerate(inner)
    ]


def _cubed_above(x: Array, knot: float) -> Array:
    beyond = np.maximum(x - knot, 0.0)
    # Many times faster than a power.
    return np.asarray(beyond * beyond * beyond)


def check_frame(
    frame: pd.DataFrame,
    names: list[str],
    outcome: str | tuple[str, str],
    groups: str | None,
) -> None:
    """Raise unless the table has the columns asked for, in their parts."""
    check_rows(frame)
    targets = list(outcome) if isinstance(outcome, tuple) else [outcome]
    others = targets if groups is None else [*targets, groups]
    if not names or len(set(names)) < len(names):
        raise ParameterError(
            f"features must be one column at least, each once; got {len(names)}, "
            f"{len(set(names))} of them different"
        )
    both = [name for name in others if name in names]
    if both:
        raise ParameterError(
            f"features must not hold the outcome or the groups; got {', '.join(both)}"
        )
    needed = [*names, *others]
    lacking = [name for name in needed if name not in frame.columns]
    if lacking:
        raise DataError(
            f"frame must have the features, outcome and groups; missing: "
            f"{', '.join(lacking)}"
        )
    twice = [name for name in needed if (frame.columns == name).sum() > 1]
    if twice:
        raise DataError(
            f"frame must have each column once; repeated: {', '.join(twice)}"
        )


def check_rows(frame: pd.DataFrame) -> None:
    """Raise unless it is a table of two rows at least, each with an index its own."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"frame must be a pandas.DataFrame; got {type(frame).__name__}")
    if len(frame) < 2:
        raise DataError(f"frame must have two rows at least; got {len(frame)}")
    n_repeated = int(frame.index.duplicated().sum())
    if n_repeated:
        raise DataError(
            "frame must have an index in which each row is itself; got "
            f"{n_repeated} of {len(frame)} repeated"
        )


def sorted_rows(index: pd.Index) -> npt.NDArray[np.intp]:
    """Return the rows in the order of the index, whatever order they came in."""
    try:
        return np.asarray(index.argsort())
    except TypeError:
        return np.asarray(index.map(str).argsort())


def group_numbers(frame: pd.DataFrame, groups: str) -> npt.NDArray[np.intp]:
    """Return the number of each row's group, from 0."""
    codes, _ = pd.factorize(frame[groups], sort=True)
    n_missing = int((codes < 0).sum())
    if n_missing:
        raise DataError(
            f"{groups} must be known for everyone; got {n_missing} of {len(codes)} "
            "missing"
        )
    return np.asarray(codes)
