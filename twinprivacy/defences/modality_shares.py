"""What each kind of data adds to use and to risk, its order of arrival averaged out."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_rng
from twinprivacy.defences._shapley import (
    all_sets,
    are_flags,
    groups_of,
    same_length,
    shapley_shares,
    to_vector,
)
from twinprivacy.differences import (
    mean_interval,
    paired_difference,
    share_interval,
)
from twinprivacy.errors import ParameterError
from twinprivacy.estimates import Estimate

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
