"""Shapley's rule: dividing what a set is worth among its members, exactly."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._clusters import finite_values
from twinprivacy._types import Array
from twinprivacy._validation import check_fraction
from twinprivacy.differences import mean_interval
from twinprivacy.errors import ParameterError
from twinprivacy.estimates import Estimate

__all__ = [
    "all_sets",
    "are_flags",
    "groups_of",
    "same_length",
    "shapley_shares",
    "to_vector",
]


def shapley_shares(
    values: Mapping[frozenset[str], npt.ArrayLike],
    *,
    modalities: Sequence[str] | None = None,
    measure: str = "worth",
    groups: Any = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Divide the worth of all modalities among them by Shapley's rule, exactly.

    What modality m adds to those that came before, averaged over all k! orders:

    .. math:: \phi_m = \sum_{S \not\ni m} \frac{1}{k} \binom{k - 1}{|S|}^{-1}
              \left( v(S \cup m) - v(S) \right).

    Parameters
    ----------
    values : mapping of frozenset of str to array_like
        What each set of modalities is worth, the empty one included: a finite number,
        or a vector with one for each person or repeat, in any unit.
    modalities : sequence of str, optional
        Their order; without it that of the alphabet.
    measure : str
        What the worth is, for the table.
    groups : array_like, optional
        Who each number of a vector is of, where a person has several.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        A row for each modality: modality, measure, value (in the unit of the worth; all
        add up to what everything is worth less what nothing is), low, high,
        confidence_level, n (persons or repeats); and share, share_low, share_high, the
        value as a part of that sum, missing where the interval of the sum holds 0.

    Raises
    ------
    ParameterError
        If there is no modality, a set has no worth, or vectors are not finite or not of
        one length.

    Notes
    -----
    The share is linear in the worth: every person or repeat has one, and the interval
    is that of their mean, `mean_interval`. So it holds the chance that is between them
    and no other: of repeats, the chance of the splits; of persons, that of who is
    counted, for the twins as fitted. A share of the sum is a ratio of two means, its
    interval to first order. A single number has no interval.

    Of yes and no, such as who stands alone, there is no interval where everybody has
    the same share: with 2 % of 60 people that is so in 30 % of samples. Where there is
    one it is still that of a mean, which may pass 0 and 1; of 60 people at rates of 2
    to 50 % a 95 % interval holds the truth in 85 % of samples at the least.

    A share is an average over what else is known. It is not what is lost by dropping
    the modality from a twin that keeps the rest, which is `Worths.removals`, and a
    modality that only repeats another has half of what both are worth.

    References
    ----------
    Shapley (1953), doi:10.1515/9781400881970-018.

    Examples
    --------
    Two right gloves and a left one; only a pair is worth something:

    >>> worth = {frozenset(kept): float("left" in kept and len(kept) > 1)
    ...          for kept in [(), ("left",), ("right",), ("other right",),
    ...                       ("left", "right"), ("left", "other right"),
    ...                       ("right", "other right"),
    ...                       ("left", "right", "other right")]}
    >>> shapley_shares(worth).set_index("modality")["value"].round(3).to_dict()
    {'left': 0.667, 'other right': 0.167, 'right': 0.167}
    """
    check_fraction(confidence_level, name="confidence_level")
    names = _read_names(values, modalities)
    sets = [frozenset(kept) for kept in all_sets(names)]
    n_absent = sum(kept not in values for kept in sets)
    if n_absent or len(values) != len(sets):
        raise ParameterError(
            f"values must have one entry for each of the {len(sets)} sets of "
            f"{len(names)} modalities; got {len(values)}, {n_absent} sets without"
        )
    worth = same_length(values, measure)
    total = worth[frozenset(names)] - worth[frozenset()]
    mean = partial(
        _mean,
        groups=groups_of(total, groups),
        level=confidence_level,
        of_flags=are_flags(*worth.values()),
    )
    rows: list[dict[str, Any]] = []
    for name in names:
        each = _shapley(worth, name, names)
        head = {"modality": name, "measure": measure}
        rows.append({**head, **mean(each).as_dict(), **_part(each, total, mean)})
    return pd.DataFrame(rows)


def all_sets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return every set, small ones first, names in their order."""
    return [kept for k in range(len(names) + 1) for kept in combinations(names, k)]


def to_vector(values: npt.ArrayLike, name: str) -> Array:
    """Return one or more finite numbers."""
    return finite_values(np.atleast_1d(np.asarray(values, dtype=float)), name=name)


def same_length(
    values: Mapping[frozenset[str], npt.ArrayLike], measure: str
) -> dict[frozenset[str], Array]:
    """Return the vectors of all sets, lone numbers repeated."""
    vectors = {kept: to_vector(value, measure) for kept, value in values.items()}
    sizes = {len(vector) for vector in vectors.values()} - {1}
    if len(sizes) > 1:
        raise ParameterError(
            f"{measure} must have as many numbers for every set; got {sorted(sizes)}"
        )
    size = max(sizes, default=1)
    return {
        kept: vector if len(vector) == size else np.repeat(vector, size)
        for kept, vector in vectors.items()
    }


def are_flags(*vectors: Array) -> bool:
    """Return whether they say yes or no, of more than one person."""
    return all(len(x) > 1 and bool(np.isin(x, (0, 1)).all()) for x in vectors)


def groups_of(vector: Array, groups: Any) -> Any:
    """Return whose the numbers are; a lone number is nobody's."""
    return groups if len(vector) > 1 else None


def _read_names(
    values: Mapping[frozenset[str], Any], modalities: Sequence[str] | None
) -> list[str]:
    everything = frozenset().union(*values)
    names = sorted(everything) if modalities is None else list(modalities)
    if not names:
        raise ParameterError("modalities must be one or more; got none")
    return names


def _mean(values: Array, *, groups: Any, level: float, of_flags: bool) -> Estimate:
    """Return a mean; of flags, no interval where all have the same: it has no width."""
    found = mean_interval(values, groups=groups, confidence_level=level)
    if of_flags and np.allclose(values, values[0]):
        return replace(found, low=math.nan, high=math.nan)
    return found


def _shapley(
    worth: Mapping[frozenset[str], Array], name: str, names: Sequence[str]
) -> Array:
    others = [other for other in names if other != name]
    shares = np.zeros(len(worth[frozenset()]))
    for kept in all_sets(others):
        weight = len(names) * math.comb(len(others), len(kept))
        before = frozenset(kept)
        shares += (worth[before | {name}] - worth[before]) / weight
    return shares


def _part(
    each: Array, total: Array, mean: Callable[[Array], Estimate]
) -> dict[str, float]:
    """Return a share of the sum: a ratio of means, its interval to first order."""
    whole = mean(total)
    size, missing = whole.value, math.isnan(whole.low)
    if size == 0 or (not missing and whole.low <= 0 <= whole.high):
        return dict.fromkeys(("share", "share_low", "share_high"), math.nan)
    share = float(each.mean()) / size
    influence = share + (each - share * total) / size
    found = mean(influence)
    return {"share": share, "share_low": found.low, "share_high": found.high}
