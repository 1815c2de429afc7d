"""What each setting of a defence keeps and costs, and which settings are beaten."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import AnyArray, Array, Flags
from twinprivacy._validation import (
    as_vector,
    check_choice,
    check_fraction,
    check_rng,
)
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates.differences import paired_difference
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import mean_interval, share_interval
from twinprivacy.tables import check_table

__all__ = [
    "mark_dominated",
    "measure_frontier",
]


# A setting and a generator to what is measured, by name of measure.
_Measure = Callable[[Any, np.random.Generator], Mapping[str, Any]]
_COLUMNS = ["setting", "measure", "value", "low", "high", "n", "confidence_level"]


def measure_frontier(
    settings: Mapping[str, Any],
    measure: _Measure,
    *,
    reference: str | None = None,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Measure use and leaks of each setting, on the same targets with one seed.

    With a number for each target from a setting and from the reference, the change is
    the mean of their differences within targets (of true and false:
    `paired_difference`). Of two Estimates it is the difference of the two values,
    between the difference of low and high and that of high and low: with intervals that
    hold with probability c each, this one holds with :math:`2c - 1` at least, however
    the two depend on each other.

    Parameters
    ----------
    settings : mapping of str to object
        One or more, by the name under which they are reported.
    measure : callable
        ``measure(setting, rng)`` returns, by name of measure, an Estimate or a vector
        with a finite number for each target, whose mean is estimated, or true and false
        and the share of true. Every setting is given a generator in the same state, so
        that what is drawn before the setting acts, splits and targets above all, is the
        same for all.
    reference : str, optional
        The setting from which the change of the others is told, such as no defence.
    rng : numpy.random.Generator
        Source of the one generator.
    confidence_level : float
        Of vectors, strictly between 0 and 1; an Estimate keeps its own.

    Returns
    -------
    pandas.DataFrame
        Columns setting, measure, value, low, high, n and confidence_level, a row for
        each setting and measure. With `reference` also change (the setting less the
        reference, in the unit of the measure; from itself 0, with no width; missing if
        the reference was not measured by it), change_low, change_high, change_level and
        paired.

    Raises
    ------
    ParameterError
        If there is no setting, the reference is none of them, vectors differ in length,
        or `measure` returns something else.
    DataError
        If, without vectors, the levels of a setting and of the reference add up to 1 or
        less.

    Notes
    -----
    joblib runs the settings in parallel where a context asks for it; neither the number
    of workers nor the other settings change a row.

    Examples
    --------
    >>> def measure(noise, rng):
    ...     dose = rng.normal(35.0, 10.0, size=500)
    ...     return {"error_mg": np.abs(noise * rng.normal(size=500)),
    ...             "above_50": dose > 50}
    >>> table = measure_frontier({"none": 0.0, "noise of 2 mg": 2.0}, measure,
    ...                          rng=np.random.default_rng(7))
    >>> table[["setting", "measure", "value"]].round(2)
             setting   measure  value
    0           none  error_mg   0.00
    1           none  above_50   0.06
    2  noise of 2 mg  error_mg   1.66
    3  noise of 2 mg  above_50   0.06
    """
    from joblib import Parallel, delayed

    check_rng(rng)
    check_fraction(confidence_level, name="confidence_level")
    if not settings:
        raise ParameterError("settings must hold one or more; got none")
    if reference is not None:
        check_choice(reference, name="reference", allowed=list(settings))
    (child,) = rng.spawn(1)
    # A copy for each: a worker of the same process must not move on that of the next.
    found = Parallel()(
        delayed(_measure_one)(measure, setting, copy.deepcopy(child))
        for setting in settings.values()
    )
    by_name = dict(zip(settings, found, strict=True))
    rows = []
    for name, measured in by_name.items():
        for of, value in measured.items():
            row = {"setting": name, "measure": of}
            row |= _estimate(value, confidence_level).as_dict()
            if name == reference:
                row |= _no_change(value, confidence_level)
            elif reference is not None and of in by_name[reference]:
                row |= _change(value, by_name[reference][of], of, confidence_level)
            rows.append(row)
    table = pd.DataFrame(rows)
    return table[[*_COLUMNS, *(name for name in table if name not in _COLUMNS)]]


def _measure_one(
    measure: _Measure, setting: Any, rng: np.random.Generator
) -> dict[str, Any]:
    found = measure(setting, rng)
    if not isinstance(found, Mapping) or not found:
        raise ParameterError(
            "measure must return a mapping of one or more names to an Estimate or a "
            f"vector; got {type(found).__name__}"
        )
    return {
        str(of): x if isinstance(x, Estimate) else _vector(x, str(of))
        for of, x in found.items()
    }


def _vector(values: Any, of: str) -> AnyArray:
    """Return finite numbers, or flags where they are true and false."""
    numbers = as_vector(values, name=of)
    return numbers == 1 if np.asarray(values).dtype == bool else numbers


def _estimate(value: Any, level: float) -> Estimate:
    if isinstance(value, Estimate):
        return value
    of = share_interval if value.dtype == bool else mean_interval
    return of(value, confidence_level=level)


def _no_change(value: Any, level: float) -> dict[str, Any]:
    """Return that nothing differs from itself, with no width."""
    own = _estimate(value, level)
    nothing = float(own.value - own.value)  # missing if it is
    change = Estimate(nothing, nothing, nothing, own.confidence_level, own.n)
    return _as_change(change, paired=not isinstance(value, Estimate))


def _change(ours: Any, theirs: Any, of: str, level: float) -> dict[str, Any]:
    """Return what a setting changes from the reference."""
    if isinstance(ours, Estimate) or isinstance(theirs, Estimate):
        change = _apart(_estimate(ours, level), _estimate(theirs, level))
        return _as_change(change, paired=False)
    return _as_change(_paired(ours, theirs, of, level), paired=True)


def _as_change(change: Estimate, *, paired: bool) -> dict[str, Any]:
    return {
        "change": change.value,
        "change_low": change.low,
        "change_high": change.high,
        "change_level": change.confidence_level,
        "paired": paired,
    }


def _paired(ours: AnyArray, theirs: AnyArray, of: str, level: float) -> Estimate:
    if len(ours) != len(theirs):
        raise ParameterError(
            f"vectors of {of} must be of the same targets in all settings; got "
            f"{len(ours)} and {len(theirs)} numbers"
        )
    if ours.dtype == theirs.dtype == bool:
        return paired_difference(ours, theirs, confidence_level=level)
    return mean_interval(ours * 1.0 - theirs, confidence_level=level)


def _apart(ours: Estimate, theirs: Estimate) -> Estimate:
    """Return a difference that holds however the two estimates depend on each other."""
    value = float(ours.value - theirs.value)
    level = ours.confidence_level + theirs.confidence_level - 1
    if level <= 0:
        raise DataError(
            "confidence_level of a setting and of the reference must add up to more "
            f"than 1, or nothing holds for both; got {ours.confidence_level!r} and "
            f"{theirs.confidence_level!r}"
        )
    low, high = ours.low - theirs.high, ours.high - theirs.low
    n = min(ours.n, theirs.n)
    return Estimate(value, min(low, value), max(high, value), level, n)


# Digits that count, of the largest value of a panel: the last ones hang on the machine.
_DIGITS = 9


def mark_dominated(table: pd.DataFrame, *, useful: str, leak: str) -> pd.DataFrame:
    r"""Mark the settings that another one beats in use and in what leaks.

    With use :math:`u` and leak :math:`l`, setting s is dominated if its panel has a t
    with

    .. math:: u_t \ge u_s, \quad l_t \le l_s, \quad (u_t, l_t) \ne (u_s, l_s).

    It is clearly dominated if the intervals do not touch in either measure either:
    the low end of :math:`u_t` is above the high end of :math:`u_s`, and the high end of
    :math:`l_t` below the low end of :math:`l_s`, for one t. Those that are not
    dominated are the Pareto front.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns setting, measure, value, low and high, as from `measure_frontier`; the
        values compared are finite. If there is a column panel, settings are compared
        within a panel only; a missing name is a panel too.
    useful, leak : str
        The two measures to compare by; more use is better, and less leak. Of an error
        as use take the negative.

    Returns
    -------
    pandas.DataFrame
        A row for each setting of each panel, in the order of `table`: panel if there is
        one, setting, useful, useful_low, useful_high, leak, leak_low, leak_high,
        dominated and clearly.

    Raises
    ------
    DataError
        If columns are absent, a setting of a panel lacks one of the measures or has it
        twice, or a value is not finite.
    ParameterError
        If both measures are the same.

    Notes
    -----
    Values are compared by nine digits of the largest of their panel; two settings that
    agree in both leave each other on the front. `dominated` takes the values as they
    are: on a front of many settings with wide intervals some are there by luck.
    `clearly` compares intervals of single settings, which is strict where settings
    share their targets: a paired change, as in `measure_frontier`, may tell apart what
    it does not.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "setting": ["none", "noise", "worse noise"] * 2,
    ...     "measure": ["auc"] * 3 + ["bits"] * 3,
    ...     "value": [0.8, 0.7, 0.6, 0.5, 0.2, 0.3]})
    >>> table = table.assign(low=table["value"] - 0.01, high=table["value"] + 0.01)
    >>> marked = mark_dominated(table, useful="auc", leak="bits")
    >>> marked[["setting", "useful", "leak", "dominated", "clearly"]]
           setting  useful  leak  dominated  clearly
    0         none     0.8   0.5      False    False
    1        noise     0.7   0.2      False    False
    2  worse noise     0.6   0.3       True     True
    """
    if useful == leak:
        raise ParameterError(f"useful and leak must be two measures; got {useful!r}")
    columns = ["setting", "measure", "value", "low", "high"]
    check_table(table, name="table", columns=columns)
    keys = ["panel", "setting"] if "panel" in table else ["setting"]
    n_repeated = int(table.duplicated([*keys, "measure"]).sum())
    if n_repeated:
        raise DataError(
            f"table must have one row for each {', '.join(keys)} and measure; got "
            f"{n_repeated} repeated of {len(table)}"
        )
    wide = _side_by_side(table, keys, {"useful": useful, "leak": leak})
    marks = pd.DataFrame(False, index=wide.index, columns=["dominated", "clearly"])
    panels = wide["panel"] if "panel" in wide else np.zeros(len(wide))
    for _, part in wide.groupby(panels, sort=False, dropna=False):
        marks.loc[part.index, "dominated"] = _is_dominated(part)
        marks.loc[part.index, "clearly"] = _is_clear(part)
    return wide.join(marks)


def _side_by_side(
    table: pd.DataFrame, keys: list[str], measures: Mapping[str, str]
) -> pd.DataFrame:
    """Return a row for each setting with both measures and their ends."""
    wide = table[keys].drop_duplicates(ignore_index=True)
    for role, of in measures.items():
        names = {"value": role, "low": f"{role}_low", "high": f"{role}_high"}
        part = table.loc[table["measure"] == of, [*keys, *names]].rename(columns=names)
        wide = wide.merge(part, on=keys, how="left", sort=False)
        n_bad = int((~np.isfinite(wide[role].to_numpy(dtype=float))).sum())
        if n_bad:
            raise DataError(
                f"every setting must have a finite value of {of!r}; {n_bad} of "
                f"{len(wide)} have none"
            )
    return wide


def _is_dominated(part: pd.DataFrame) -> Flags:
    use, leak = _rounded(part["useful"]), _rounded(part["leak"])
    # Row: who is judged; column: by whom.
    no_worse = (use[None, :] >= use[:, None]) & (leak[None, :] <= leak[:, None])
    other = (use[None, :] != use[:, None]) | (leak[None, :] != leak[:, None])
    return np.asarray((no_worse & other).any(axis=1))


def _is_clear(part: pd.DataFrame) -> Flags:
    least, most, low, high = (
        part[end].to_numpy(dtype=float)
        for end in ("useful_low", "useful_high", "leak_low", "leak_high")
    )
    # A missing end compares as false: nothing is clear then.
    apart = (least[None, :] > most[:, None]) & (high[None, :] < low[:, None])
    return np.asarray(apart.any(axis=1))


def _rounded(values: "pd.Series[Any]") -> Array:
    """Return parts of the largest value, with so many digits."""
    x = values.to_numpy(dtype=float)
    largest = np.abs(x).max()
    return np.asarray(np.round(x / largest, _DIGITS) if largest > 0 else x)
