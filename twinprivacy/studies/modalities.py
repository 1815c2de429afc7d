"""What each kind of data adds to use and to risk, its order of arrival averaged out."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import as_vector, check_fraction, check_rng
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.differences import paired_difference
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import mean_interval, share_interval

__all__ = ["Worths", "measure_worths", "modality_shares", "shapley_shares"]


Worth = Callable[[tuple[str, ...], np.random.Generator], Any]
# 64 sets: what is fitted to every one of them still ends while a reader waits.
_MOST = 6


@dataclass(frozen=True, eq=False, repr=False)
class Worths:
    """Hold what every set of modalities is worth, by one or more measures.

    Attributes
    ----------
    modalities : tuple of str
    values : mapping of str to mapping of frozenset to numpy.ndarray
        By measure and set of modalities, a number for each person or repeat.
    groups : numpy.ndarray, optional
        Who each number is of, where a person has several.
    """

    modalities: tuple[str, ...]
    values: Mapping[str, Mapping[frozenset[str], Array]]
    groups: npt.NDArray[Any] | None = None

    def __repr__(self) -> str:
        """Show names, and nobody."""
        return (
            f"Worths(modalities={', '.join(self.modalities)}; "
            f"measures={', '.join(self.values)})"
        )

    def table(self, *, confidence_level: float = 0.95) -> pd.DataFrame:
        """Return what each set is worth.

        Parameters
        ----------
        confidence_level : float
            Strictly between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            Columns modalities (joined by " + ", "none" for none), n_modalities,
            measure, value, low, high, confidence_level and n; small sets first.
        """
        rows = []
        for measure, worth in self.values.items():
            for kept in all_sets(self.modalities):
                values = worth[frozenset(kept)]
                # Of yes and no the interval stays within 0 and 1.
                of_flags = bool(kept) and are_flags(values)
                estimate = share_interval if of_flags else mean_interval
                found = estimate(
                    values,
                    groups=groups_of(values, self.groups),
                    confidence_level=confidence_level,
                )
                name = {"modalities": " + ".join(kept) or "none"}
                size = {"n_modalities": len(kept), "measure": measure}
                rows.append(name | size | found.as_dict())
        return pd.DataFrame(rows)

    def shares(self, *, confidence_level: float = 0.95) -> pd.DataFrame:
        """Return the Shapley share of each modality in each measure.

        Parameters
        ----------
        confidence_level : float
            Strictly between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            Those of `shapley_shares`, the measures below one another.
        """
        parts = [
            shapley_shares(
                worth,
                modalities=self.modalities,
                measure=measure,
                groups=self.groups,
                confidence_level=confidence_level,
            )
            for measure, worth in self.values.items()
        ]
        return pd.concat(parts, ignore_index=True)

    def removals(self, *, confidence_level: float = 0.95) -> pd.DataFrame:
        """Return what is lost by leaving out one modality and keeping the others.

        Parameters
        ----------
        confidence_level : float
            Strictly between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            Columns modality, measure, value (of all modalities less that of all but
            this one, within persons or repeats), low, high, confidence_level and n. Of
            yes and no the interval is Tango's, `paired_difference`.
        """
        rows = []
        everything = frozenset(self.modalities)
        for measure, worth in self.values.items():
            for name in self.modalities:
                pair = worth[everything], worth[everything - {name}]
                found = self._lost(*pair, confidence_level)
                rows.append({"modality": name, "measure": measure} | found.as_dict())
        return pd.DataFrame(rows)

    def _lost(self, whole: Array, rest: Array, level: float) -> Estimate:
        groups = groups_of(whole, self.groups)
        if are_flags(whole, rest):
            return paired_difference(
                whole == 1, rest == 1, groups=groups, confidence_level=level
            )
        return mean_interval(whole - rest, groups=groups, confidence_level=level)


def modality_shares(
    modalities: Sequence[str],
    worth: Worth,
    *,
    groups: Any = None,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Divide what a worth function says of all modalities fairly among them.

    Parameters
    ----------
    modalities, worth, groups, rng
        As for `measure_worths`.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        As `shapley_shares`, for each measure.

    Raises
    ------
    ParameterError
        As `measure_worths`.

    Examples
    --------
    What the first finds, the second finds too, and the third finds nothing:

    >>> def worth(kept, rng):
    ...     return float("genome" in kept or "race" in kept)
    >>> shares = modality_shares(["genome", "race", "shoe size"], worth,
    ...                          rng=np.random.default_rng(1))
    >>> shares["value"].tolist()
    [0.5, 0.5, 0.0]
    """
    found = measure_worths(modalities, worth, groups=groups, rng=rng)
    return found.shares(confidence_level=confidence_level)


def measure_worths(
    modalities: Sequence[str],
    worth: Worth,
    *,
    groups: Any = None,
    rng: np.random.Generator,
) -> Worths:
    """Ask a worth function about every set of modalities, the empty one too.

    Parameters
    ----------
    modalities : sequence of str
        One to six.
    worth : callable
        ``worth(kept, rng)`` is given the names kept, in the order of `modalities`, and
        returns a number, a vector with a number for each person or repeat, or a mapping
        of measures to these. Every set is given a generator in the same state, so that
        sets are compared on the same folds and targets. A lone number stands for as
        many as the vectors of other sets have.
    groups : array_like, optional
        Who each number of a vector is of, where a person has several.
    rng : numpy.random.Generator
        Source of the one generator.

    Returns
    -------
    Worths

    Raises
    ------
    ParameterError
        If modalities are none, repeated or more than six, or `worth` returns other
        measures or vectors of other lengths for some sets, or what is not finite.

    Notes
    -----
    joblib runs the sets in parallel where a context asks for it.

    Examples
    --------
    >>> def worth(kept, rng):
    ...     return {"bits": rng.uniform(0.95, 1.05, size=30) * len(kept)}
    >>> found = measure_worths(["history", "genome"], worth,
    ...                        rng=np.random.default_rng(1))
    >>> found.table()[["modalities", "value"]].round(1).values.tolist()
    [['none', 0.0], ['history', 1.0], ['genome', 1.0], ['history + genome', 2.0]]
    """
    from joblib import Parallel, delayed

    check_rng(rng)
    names = tuple(modalities)
    _check_names(names)
    (child,) = rng.spawn(1)
    sets = all_sets(names)
    found = Parallel()(
        delayed(_ask)(worth, kept, copy.deepcopy(child)) for kept in sets
    )
    by_set = {frozenset(kept): each for kept, each in zip(sets, found, strict=True)}
    values = _by_measure(by_set)
    return Worths(names, values, None if groups is None else np.asarray(groups))


def _check_names(names: tuple[str, ...]) -> None:
    if not 1 <= len(names) <= _MOST or len(set(names)) < len(names):
        raise ParameterError(
            f"modalities must be 1 to {_MOST} different names; got {len(names)}, "
            f"{len(set(names))} of them different"
        )


def _ask(
    worth: Worth, kept: tuple[str, ...], rng: np.random.Generator
) -> dict[str, Array]:
    found = worth(kept, rng)
    by_measure = found if isinstance(found, Mapping) else {"worth": found}
    return {str(name): to_vector(x, str(name)) for name, x in by_measure.items()}


def _by_measure(
    by_set: Mapping[frozenset[str], Mapping[str, Array]],
) -> dict[str, dict[frozenset[str], Array]]:
    measures = list(by_set[frozenset()])
    if any(list(found) != measures for found in by_set.values()):
        raise ParameterError("worth must return the same measures for every set")
    return {
        of: same_length({kept: found[of] for kept, found in by_set.items()}, of)
        for of in measures
    }


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
    return as_vector(np.atleast_1d(np.asarray(values, dtype=float)), name=name)


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
