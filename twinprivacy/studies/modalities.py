"""What each kind of data adds to use and to risk, its order of arrival averaged out.

A value function says what a set of kinds of data, a coalition, is worth:
`cohort_coalition_values` that of an outcome twin of a cohort, `measure_coalitions` any
other.
"""

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import as_vector, check_choice, check_fraction, check_rng
from twinprivacy.attacks.uniqueness.anonymity import anonymity_sets
from twinprivacy.errors import ParameterError
from twinprivacy.estimates.differences import paired_difference
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import mean_interval, share_interval
from twinprivacy.tables import check_names, check_table
from twinprivacy.twins.outcome.columns import sorted_rows
from twinprivacy.twins.outcome.performance import MEASURES
from twinprivacy.twins.outcome.twin import fit_outcome_twin

__all__ = [
    "CoalitionValues",
    "cohort_coalition_values",
    "measure_coalitions",
    "modality_shares",
]


_ValueFunction = Callable[[tuple[str, ...], np.random.Generator], Any]
# By coalition, a number for each person or repeat.
_Values = Mapping[frozenset[str], Array]
# 64 coalitions: what is fitted to every one of them still ends while a reader waits.
_MOST = 6


@dataclass(frozen=True, eq=False, repr=False)
class CoalitionValues:
    """Hold what every set of modalities is worth, by one or more measures.

    Attributes
    ----------
    modalities : tuple of str
    values : mapping of str to mapping of frozenset to numpy.ndarray
        By measure and set of modalities, a number for each person or repeat.
    """

    modalities: tuple[str, ...]
    values: Mapping[str, _Values]

    def __repr__(self) -> str:
        """Show names, and nobody."""
        return (
            f"CoalitionValues(modalities={', '.join(self.modalities)}; "
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
        for measure, values in self.values.items():
            for kept in _coalitions(self.modalities):
                each = values[frozenset(kept)]
                # Of yes and no the interval stays within 0 and 1.
                of_flags = bool(kept) and _are_flags(each)
                estimate = share_interval if of_flags else mean_interval
                found = estimate(each, confidence_level=confidence_level)
                name = {"modalities": " + ".join(kept) or "none"}
                size = {"n_modalities": len(kept), "measure": measure}
                rows.append(name | size | found.as_dict())
        return pd.DataFrame(rows)

    def shares(self, *, confidence_level: float = 0.95) -> pd.DataFrame:
        r"""Divide each measure of all modalities among them by Shapley's rule, exactly.

        What modality m adds to those that came before, averaged over all k! orders:

        .. math:: \phi_m = \sum_{S \not\ni m} \frac{1}{k} \binom{k - 1}{|S|}^{-1}
                  \left( v(S \cup m) - v(S) \right).

        Parameters
        ----------
        confidence_level : float
            Strictly between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            A row for each measure and modality: modality, measure, value (in the unit
            of the measure; all add up to what everything is worth less what nothing
            is), low, high, confidence_level, n (persons or repeats); and share,
            share_low, share_high, the value as a part of that sum, missing where the
            interval of the sum holds 0.

        Notes
        -----
        Every person or repeat has a share, and the interval is that of their mean,
        `mean_interval`. So it holds the chance that is between them and no other: of
        repeats, the chance of the splits; of persons, that of who is counted, for the
        twins as fitted. A share of the sum is a ratio of two means, its interval to
        first order. A single number has no interval, and neither have yes and no, such
        as who stands alone, where everybody has the same share.

        A share is an average over what else is known. It is not what is lost by
        dropping the modality from a twin that keeps the rest, which is `removals`, and
        a modality that only repeats another has half of what both are worth.

        References
        ----------
        Shapley (1953), doi:10.1515/9781400881970-018.
        """
        check_fraction(confidence_level, name="confidence_level")
        rows: list[dict[str, Any]] = []
        for measure, values in self.values.items():
            total = values[frozenset(self.modalities)] - values[frozenset()]
            mean = partial(
                _mean, level=confidence_level, of_flags=_are_flags(*values.values())
            )
            for name in self.modalities:
                each = _shapley(values, name, self.modalities)
                head = {"modality": name, "measure": measure}
                rows.append(head | mean(each).as_dict() | _part(each, total, mean))
        return pd.DataFrame(rows)

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
        for measure, values in self.values.items():
            for name in self.modalities:
                whole, rest = values[everything], values[everything - {name}]
                if _are_flags(whole, rest):
                    found = paired_difference(
                        whole == 1, rest == 1, confidence_level=confidence_level
                    )
                else:
                    found = mean_interval(
                        whole - rest, confidence_level=confidence_level
                    )
                rows.append({"modality": name, "measure": measure} | found.as_dict())
        return pd.DataFrame(rows)


def modality_shares(
    modalities: Sequence[str],
    value: _ValueFunction,
    *,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Divide what a value function says of all modalities fairly among them.

    Parameters
    ----------
    modalities, value, rng
        As for `measure_coalitions`.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        As `CoalitionValues.shares`.

    Raises
    ------
    ParameterError
        As `measure_coalitions`.

    Examples
    --------
    What the first finds, the second finds too, and the third finds nothing:

    >>> def value(kept, rng):
    ...     return float("genome" in kept or "race" in kept)
    >>> shares = modality_shares(["genome", "race", "shoe size"], value,
    ...                          rng=np.random.default_rng(1))
    >>> shares["value"].tolist()
    [0.5, 0.5, 0.0]
    """
    found = measure_coalitions(modalities, value, rng=rng)
    return found.shares(confidence_level=confidence_level)


def measure_coalitions(
    modalities: Sequence[str], value: _ValueFunction, *, rng: np.random.Generator
) -> CoalitionValues:
    """Ask a value function about every set of modalities, the empty one too.

    Parameters
    ----------
    modalities : sequence of str
        One to six.
    value : callable
        ``value(kept, rng)`` is given the names kept, in the order of `modalities`, and
        returns a number, a vector with a number for each person or repeat, or a mapping
        of measures to these. Every set is given a generator in the same state, so that
        sets are compared on the same folds and targets. A lone number stands for as
        many as the vectors of other sets have.
    rng : numpy.random.Generator
        Source of the one generator.

    Returns
    -------
    CoalitionValues

    Raises
    ------
    ParameterError
        If modalities are none, repeated or more than six, or `value` returns other
        measures or vectors of other lengths for some sets, or what is not finite.

    Notes
    -----
    joblib runs the sets in parallel where a context asks for it.

    Examples
    --------
    >>> def value(kept, rng):
    ...     return {"bits": rng.uniform(0.95, 1.05, size=30) * len(kept)}
    >>> found = measure_coalitions(["history", "genome"], value,
    ...                            rng=np.random.default_rng(1))
    >>> found.table()[["modalities", "value"]].round(1).values.tolist()
    [['none', 0.0], ['history', 1.0], ['genome', 1.0], ['history + genome', 2.0]]
    """
    from joblib import Parallel, delayed

    check_rng(rng)
    names = tuple(check_names(modalities, name="modalities"))
    if len(names) > _MOST:
        raise ParameterError(f"modalities must be {_MOST} at most; got {len(names)}")
    (child,) = rng.spawn(1)
    coalitions = _coalitions(names)
    found = Parallel()(
        delayed(_ask)(value, kept, copy.deepcopy(child)) for kept in coalitions
    )
    measures = list(found[0])
    if any(list(each) != measures for each in found):
        raise ParameterError("value must return the same measures for every set")
    keys = [frozenset(kept) for kept in coalitions]
    values = {
        of: _same_length(dict(zip(keys, (each[of] for each in found), strict=True)), of)
        for of in measures
    }
    return CoalitionValues(names, values)


def _coalitions(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return every set, small ones first, names in their order."""
    return [kept for k in range(len(names) + 1) for kept in combinations(names, k)]


def _ask(
    value: _ValueFunction, kept: tuple[str, ...], rng: np.random.Generator
) -> dict[str, Array]:
    found = value(kept, rng)
    by_measure = found if isinstance(found, Mapping) else {"value": found}
    return {
        str(of): as_vector(np.atleast_1d(x), name=str(of))
        for of, x in by_measure.items()
    }


def _same_length(values: _Values, measure: str) -> dict[frozenset[str], Array]:
    """Return the vectors of all sets, lone numbers repeated."""
    sizes = {len(vector) for vector in values.values()} - {1}
    if len(sizes) > 1:
        raise ParameterError(
            f"{measure} must have as many numbers for every set; got {sorted(sizes)}"
        )
    size = max(sizes, default=1)
    return {
        kept: vector if len(vector) == size else np.repeat(vector, size)
        for kept, vector in values.items()
    }


def _are_flags(*vectors: Array) -> bool:
    """Return whether they say yes or no, of more than one person."""
    return all(len(x) > 1 and bool(np.isin(x, (0, 1)).all()) for x in vectors)


def _mean(values: Array, *, level: float, of_flags: bool) -> Estimate:
    """Return a mean; of flags, no interval where all have the same: it has no width."""
    found = mean_interval(values, confidence_level=level)
    if of_flags and np.allclose(values, values[0]):
        return replace(found, low=math.nan, high=math.nan)
    return found


def _shapley(values: _Values, name: str, names: Sequence[str]) -> Array:
    """Return the share of one modality, for each person or repeat."""
    others = [other for other in names if other != name]
    shares = np.zeros(len(values[frozenset()]))
    for kept in _coalitions(others):
        weight = len(names) * math.comb(len(others), len(kept))
        before = frozenset(kept)
        shares += (values[before | {name}] - values[before]) / weight
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


_IDENTITY = ("share_unique", "identity_bits")
# What a twin that is told nothing has; anything else is 0 then.
_CHANCE = {"auc": 0.5, "concordance": 0.5}


def cohort_coalition_values(
    frame: pd.DataFrame,
    *,
    outcome: str | tuple[str, str],
    ladder: Mapping[str, Sequence[str]],
    estimator: Any = None,
    measures: Iterable[str] | None = None,
    rng: np.random.Generator,
) -> CoalitionValues:
    r"""Fit a twin to every set of modalities; measure what it predicts and gives away.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a person, with an index of their own.
    outcome, estimator
        As for `fit_outcome_twin`.
    ladder : mapping of str to sequence of str
        One to six modalities and their columns, such as ``frame.attrs["ladder"]`` of
        `load_cohort`.
    measures : iterable of str, optional
        Use: "r_squared" of numbers, "auc" of true or false, "concordance" of survival,
        out of five folds that are the same in every set. Risk: "share_unique" and
        "identity_bits" of the columns. Without it all that suit the outcome.
    rng : numpy.random.Generator
        Source of folds and random states. The same for any order of rows.

    Returns
    -------
    CoalitionValues
        A number for each person, whose mean is the measure (for areas, concordance and
        variance explained: the measure plus the person's influence on it); `shares`
        divides them by modality, `removals` says what leaving one out costs.

    Raises
    ------
    DataError, FitError
        As `fit_outcome_twin` and `anonymity_sets`; for columns that are absent.
    ParameterError
        For a column in two modalities, an outcome in one, or measures that do not suit
        the outcome.

    Notes
    -----
    - "identity_bits" is the mean of :math:`\log_2 (n / s_i)` with :math:`s_i` people
      who look like i in the cohort itself: not in the population. Whether somebody
      stands alone depends on the others, whom intervals take as given.
    - With nobody's data there is nothing to predict by or to be found by: 1/2 for
      areas and concordance, 0 for all else.

    References
    ----------
    Shapley (1953), doi:10.1515/9781400881970-018.

    Examples
    --------
    >>> from twinprivacy.datasets import load_cohort
    >>> people = load_cohort("diabetes")
    >>> found = cohort_coalition_values(
    ...     people, outcome="progression_score", ladder=people.attrs["ladder"],
    ...     measures=["r_squared", "share_unique"], rng=np.random.default_rng(7))
    >>> found.shares()[["modality", "measure", "value"]].round(1)
           modality       measure  value
    0  demographics     r_squared    0.2
    1    laboratory     r_squared    0.3
    2  demographics  share_unique    0.5
    3    laboratory  share_unique    0.5
    """
    check_rng(rng)
    observed = [outcome] if isinstance(outcome, str) else list(outcome)
    columns = [name for of in ladder.values() for name in of]
    check_names([*observed, *columns], name="outcome and ladder")
    check_table(frame, name="frame", columns=[*observed, *columns])
    people = frame.iloc[sorted_rows(frame.index)]
    value = partial(
        _cohort_value,
        people=people,
        outcome=outcome,
        ladder=ladder,
        estimator=estimator,
        measures=_choose(measures, people, outcome),
    )
    return measure_coalitions(list(ladder), value, rng=rng)


def _choose(
    measures: Iterable[str] | None,
    people: pd.DataFrame,
    outcome: str | tuple[str, str],
) -> tuple[str, ...]:
    """Return the measures asked for, or all that suit the outcome."""
    if isinstance(outcome, tuple):
        suited = "concordance"
    else:
        suited = "auc" if people[outcome].isin([0, 1]).all() else "r_squared"
    allowed = (suited, *_IDENTITY)
    if measures is None:
        return allowed
    chosen = tuple(check_names(measures, name="measures"))
    for name in chosen:
        check_choice(name, name="measures", allowed=allowed)
    return chosen


def _cohort_value(
    kept: tuple[str, ...],
    rng: np.random.Generator,
    *,
    people: pd.DataFrame,
    outcome: str | tuple[str, str],
    ladder: Mapping[str, Sequence[str]],
    estimator: Any,
    measures: tuple[str, ...],
) -> dict[str, Array]:
    """Return each person's number in each measure, for a twin that is told some."""
    if not kept:
        return {of: np.full(len(people), _CHANCE.get(of, 0.0)) for of in measures}
    columns = [name for modality in kept for name in ladder[modality]]
    found: dict[str, Array] = {}
    if set(measures) & set(_IDENTITY):
        found |= _identity(people, columns)
    for of in set(measures) - set(_IDENTITY):
        twin = fit_outcome_twin(
            people,
            outcome=outcome,
            features=columns,
            estimator=estimator,
            folds=5,
            rng=rng.spawn(1)[0],
        )
        observed = people[list(outcome) if isinstance(outcome, tuple) else outcome]
        predicted = np.asarray(twin.out_of_fold, dtype=float)
        measured = MEASURES[of].compute(np.asarray(observed, dtype=float), predicted)
        found[of] = measured.value + measured.influence
    return {of: found[of] for of in measures}


def _identity(people: pd.DataFrame, columns: list[str]) -> dict[str, Array]:
    sets = anonymity_sets(people, columns)
    assert sets.set_sizes is not None  # counted in a frame
    size = sets.set_sizes.to_numpy(dtype=float)
    return {
        "share_unique": (size == 1).astype(float),
        "identity_bits": np.log2(len(size) / size),
    }
