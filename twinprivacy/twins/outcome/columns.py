"""What an outcome twin is told about people: read, checked and turned into numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import check_names, check_table, read_numbers

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
    were in training are errors.
    """
    check_table(people, name=name, columns=[feature.name for feature in features])
    return [read_values(people[f.name], f) for f in features]


def read_values(values: "pd.Series[Any]", feature: Feature) -> Array:
    """Read one column, as `read_features` does."""
    if feature.kind == "category":
        read = _read_category(values, feature)
    else:
        read = read_numbers(values, name=feature.name)
    n_missing = int(np.isnan(read).sum())
    if n_missing and not feature.may_be_missing:
        raise DataError(
            f"{feature.name} must be known for everyone, as it was in training; got "
            f"{n_missing} of {len(read)} missing"
        )
    if feature.kind == "flag":
        check_flags(read[~np.isnan(read)], name=feature.name)
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
        numbers = read_numbers(values, name=name)
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
    features: Any,
    outcome: str | tuple[str, str],
    groups: str | None,
) -> list[str]:
    """Return names of features; raise unless the table has what was asked for."""
    names = check_names(features, name="features")
    targets = list(outcome) if isinstance(outcome, tuple) else [outcome]
    others = targets if groups is None else [*targets, groups]
    both = [name for name in others if name in names]
    if both:
        raise ParameterError(
            f"features must not hold the outcome or the groups; got {', '.join(both)}"
        )
    check_table(frame, name="frame", columns=[*names, *others], least=2, own_index=True)
    return names


def check_flags(values: Array, *, name: str) -> None:
    """Raise unless every number is 0 or 1."""
    n_bad = int(((values != 0) & (values != 1)).sum())
    if n_bad:
        raise DataError(
            f"{name} must be true or false, or 0 and 1; got {n_bad} of {len(values)} "
            "others"
        )


def check_classes(values: Array, *, name: str) -> None:
    """Raise unless every number is 0 or 1, and two at least are of either."""
    check_flags(values, name=name)
    n_rarer = int(min(values.sum(), (1 - values).sum()))
    if n_rarer < 2:
        raise DataError(
            f"{name} must be true for two people at least, and false for two; "
            f"got {n_rarer} of {len(values)} in the rarer class"
        )


def sorted_rows(index: pd.Index) -> Indices:
    """Return the rows in the order of the index, whatever order they came in."""
    try:
        return np.asarray(index.argsort())
    except TypeError:
        return np.asarray(index.map(str).argsort())
