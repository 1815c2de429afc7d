"""What is declared and not read from people: budgets, bounds and values of features.

A range or a list of values that was read from a table would tell of the people at its
ends, and would cost budget. Features are read into rows of length 1 at most.
"""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import is_finite
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import check_table, finite_floats

Features = Mapping[str, tuple[float, float] | Sequence[Any]]
# By feature its two bounds, or all of its values.
Declared = Mapping[str, tuple[float, float] | pd.Index]

_MOST_NOISE = 1e100  # Sums of products of it must be finite.


def read_budget(
    *, epsilon: float | None = None, mu: float | None = None
) -> PrivacyGuarantee:
    """Return the guarantee; raise unless exactly one budget is given, above 0."""
    guarantee = PrivacyGuarantee(epsilon=epsilon, mu=mu)
    budget = epsilon if mu is None else mu
    if not budget:
        raise ParameterError(f"epsilon or mu must be above 0; got {budget!r}")
    return guarantee


def check_noise(scale: float) -> None:
    """Raise if a budget, or a penalty, needs more noise than floats can hold."""
    if not scale <= _MOST_NOISE:
        raise ParameterError(
            "epsilon or mu, and a penalty, must be so large that the noise is "
            f"{_MOST_NOISE:g} at most; got {scale:g}"
        )


def check_bounds(lower: Any, upper: Any, *, name: str) -> None:
    """Raise unless two bounds are finite and ascending, and so is their distance."""
    are_finite = is_finite(lower) and is_finite(upper)
    if not (are_finite and 0 < float(upper) - float(lower) < math.inf):
        raise ParameterError(
            f"{name} must be finite and in ascending order; got {lower!r} and {upper!r}"
        )


def check_declared(given: Any, outcome: str, *, name: str) -> None:
    """Raise unless something is declared of one column or more, not of the outcome."""
    if not isinstance(given, Mapping) or not given or outcome in given:
        got = list(given) if isinstance(given, Mapping) else type(given).__name__
        raise ParameterError(
            f"{name} must be a mapping of columns, one or more and not the outcome, to "
            f"what is declared of them; got {got}"
        )


def read_values(values: Any, *, name: str) -> pd.Index:
    """Return declared values as an index, a tuple being one of them."""
    try:
        declared = () if isinstance(values, str) else tuple(values)
        hash(declared)
    except TypeError:
        raise ParameterError(
            f"{name} must declare values such as text, numbers or flags; got others"
        ) from None
    index: pd.Index = pd.Index(declared, tupleize_cols=False)
    n_distinct = int(index.nunique())
    if n_distinct < max(len(index), 2):
        raise ParameterError(
            f"{name} must declare two values or more, each once and none missing; got "
            f"{len(index)} of which {n_distinct} differ"
        )
    return index


def value_codes(column: pd.Series, values: pd.Index, *, name: str) -> Indices:
    """Return the place of everyone's value among those declared."""
    held = pd.Index(column.astype(object), tupleize_cols=False)
    codes = values.get_indexer(held)
    n_bad = int((codes < 0).sum())
    if n_bad:
        # Which value it was would name the one person who has it.
        raise DataError(
            f"{name} must hold declared values only; got {n_bad} of {len(column)} "
            "others"
        )
    return codes


def read_features(features: Features, outcome: str) -> Declared:
    """Return what is declared of each feature: a tuple of two numbers is a range."""
    check_declared(features, outcome, name="features")
    declared: dict[str, tuple[float, float] | pd.Index] = {}
    for feature, given in features.items():
        name = f"features[{feature!r}]"
        if _is_range(given):
            check_bounds(*given, name=name)
            declared[feature] = float(given[0]), float(given[1])
        else:
            declared[feature] = read_values(given, name=name)
    return declared


def _is_range(given: Any) -> bool:
    return (
        isinstance(given, tuple)
        and len(given) == 2
        and all(isinstance(x, Real) and not isinstance(x, bool) for x in given)
    )


def design_rows(frame: pd.DataFrame, declared: Declared, *, name: str) -> Array:
    """Return a row of length 1 at most for each person, the intercept first.

    Intercept and features have a length of 1 at most each, before all are scaled.
    """
    check_table(frame, name=name, columns=list(declared), least=0)
    blocks = [np.ones((len(frame), 1))]
    for feature, given in declared.items():
        blocks.append(_code(frame[feature], given, name=f"{name}[{feature!r}]"))
    return np.hstack(blocks) * (1 / math.sqrt(1 + len(declared)))


def _code(
    column: pd.Series, given: tuple[float, float] | pd.Index, *, name: str
) -> Array:
    """Return a number's distance from the middle in half widths, or a value's corner.

    The k values are the corners of a regular simplex, k - 1 columns of length 1: none
    is the reference, so that a penalty is the same for any order.
    """
    from scipy.linalg import helmert

    if isinstance(given, pd.Index):
        k = len(given)
        corners = np.asarray(helmert(k).T * math.sqrt(k / (k - 1)))
        return corners[value_codes(column, given, name=name)]
    lower, upper = given
    middle, half = upper / 2 + lower / 2, upper / 2 - lower / 2
    values = finite_floats(column, name=name)
    return np.clip((values - middle) / half, -1.0, 1.0)[:, np.newaxis]


def in_fixed_order(design: Array, outcome: Array) -> tuple[Array, Array]:
    """Return the rows in an order that depends on what they hold only.

    Sums of floats depend on the order in their last digits.
    """
    rows = np.column_stack([outcome, design])
    as_bytes = np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))
    order = np.argsort(rows.view(as_bytes).ravel(), kind="stable")
    return design[order], outcome[order]
