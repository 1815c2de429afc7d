"""What each setting of a defence keeps and costs, and which settings are beaten."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._validation import as_vector, check_fraction, check_rng
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates.differences import paired_difference
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.estimates.means import mean_interval, share_interval

__all__ = [
    "mark_dominated",
    "measure_frontier",
    "privacy_price",
]


Vectors = Mapping[str, Mapping[str, npt.ArrayLike]]
Measure = Callable[[Any, np.random.Generator], Mapping[str, Any]]
_COLUMNS = ("setting", "measure", "value", "low", "high", "n", "confidence_level")
_CHANGES = {
    "value": "change",
    "low": "change_low",
    "high": "change_high",
    "confidence_level": "change_level",
}


def measure_frontier(
    settings: Mapping[str, Any],
    measure: Measure,
    *,
    reference: str | None = None,
    groups: Any = None,
    rng: np.random.Generator,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Measure the use and the leaks of each setting, on the same targets with one seed.

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
        The setting from which the change of the others is told; see `privacy_price`.
    groups : array_like, optional
        Who each number of a vector is of, where a person has several.
    rng : numpy.random.Generator
        Source of the one generator.
    confidence_level : float
        Of vectors, strictly between 0 and 1; an Estimate keeps its own.

    Returns
    -------
    pandas.DataFrame
        Columns setting, measure, value, low, high, n and confidence_level, a row for
        each setting and measure. With `reference` also change, change_low, change_high,
        change_level and paired, which are those of `privacy_price`.

    Raises
    ------
    ParameterError
        If there is no setting, the reference is none of them, or `measure` returns
        something else.
    DataError
        As `privacy_price`, where there is a reference.

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
    _check_settings(settings, reference)
    (child,) = rng.spawn(1)
    # A copy for each: a worker of the same process must not move on that of the next.
    found = Parallel()(
        delayed(_measure_one)(measure, setting, copy.deepcopy(child))
        for setting in settings.values()
    )
    by_name = dict(zip(settings, found, strict=True))
    table = _tabulate(by_name, groups, confidence_level)
    if reference is None:
        return table
    price = privacy_price(
        table,
        reference=reference,
        vectors={name: _vectors(measured) for name, measured in by_name.items()},
        groups=groups,
        confidence_level=confidence_level,
    )
    price = price.drop(columns="n").rename(columns=_CHANGES)
    return table.merge(price, on=["setting", "measure"], how="left", sort=False)


def privacy_price(
    table: pd.DataFrame,
    *,
    reference: str,
    vectors: Vectors | None = None,
    groups: Any = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Tell what each setting changes, in use and in leaks, from a reference.

    With a number for each target from both settings the change is the mean of their
    differences within targets (of true and false: `paired_difference`). Without, it is
    the difference of the two values, between the difference of low and high and that of
    high and low: with intervals that hold with probability c each, this one holds with
    :math:`2c - 1` at least, however the two depend on each other.

    Parameters
    ----------
    table : pandas.DataFrame
        As from `measure_frontier`: one row for each setting and measure.
    reference : str
        The setting to compare with, such as no defence.
    vectors : mapping of str to mapping of str to array_like, optional
        By setting and measure, a finite number for each target, the same targets in the
        same order in all settings.
    groups : array_like, optional
        Who each number is of, where a person has several.
    confidence_level : float
        Of the paired changes, strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns setting, measure, value (the setting less the reference, in the unit of
        the measure), low, high, n, confidence_level and paired, in the order of
        `table`. What the reference was not measured by is left out; from itself its
        change is 0, with no width.

    Raises
    ------
    DataError
        If columns are absent, a setting has a measure twice, or, without vectors, the
        levels of a setting and of the reference add up to 1 or less.
    ParameterError
        If the reference is no setting, vectors differ in length, or the level is
        outside its range.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "setting": ["none", "noise"], "measure": "bits", "value": [0.5, 0.2],
    ...     "low": [0.4, 0.1], "high": [0.6, 0.3], "n": 50, "confidence_level": 0.95})
    >>> price = privacy_price(table, reference="none")
    >>> price.loc[1, ["value", "low", "high", "confidence_level"]].round(2).tolist()
    [-0.3, -0.5, -0.1, 0.9]
    """
    check_fraction(confidence_level, name="confidence_level")
    _check_table(table, _COLUMNS, once=["setting", "measure"])
    _check_reference(reference, list(table["setting"].unique()))
    records = table.to_dict("records")
    base = {row["measure"]: row for row in records if row["setting"] == reference}
    given = vectors or {}
    rows = []
    for row in records:
        setting, of = row["setting"], row["measure"]
        if of not in base:
            continue
        pair = [given.get(name, {}).get(of) for name in (setting, reference)]
        paired = pair[0] is not None and pair[1] is not None
        if setting == reference:
            nothing = float(row["value"] - row["value"])  # missing if it is
            level, n = row["confidence_level"], row["n"]
            change = Estimate(nothing, nothing, nothing, level, n)
        elif paired:
            change = _paired(pair[0], pair[1], of, groups, confidence_level)
        else:
            change = _apart(row, base[of])
        rows.append(
            {"setting": setting, "measure": of} | change.as_dict() | {"paired": paired}
        )
    return pd.DataFrame(rows, columns=[*_COLUMNS, "paired"])


def _check_settings(settings: Mapping[str, Any], reference: str | None) -> None:
    if not settings:
        raise ParameterError("settings must hold one or more; got none")
    if reference is not None:
        _check_reference(reference, list(settings))


def _measure_one(
    measure: Measure, setting: Any, rng: np.random.Generator
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


def _vector(values: Any, of: str) -> npt.NDArray[Any]:
    """Return finite numbers, or flags where they are true and false."""
    numbers = as_vector(values, name=of)
    return numbers == 1 if np.asarray(values).dtype == bool else numbers


def _tabulate(
    by_name: Mapping[str, Mapping[str, Any]], groups: Any, level: float
) -> pd.DataFrame:
    rows = [
        {"setting": name, "measure": of} | _estimate(value, groups, level).as_dict()
        for name, measured in by_name.items()
        for of, value in measured.items()
    ]
    return pd.DataFrame(rows)[list(_COLUMNS)]


def _vectors(measured: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    return {of: x for of, x in measured.items() if not isinstance(x, Estimate)}


def _estimate(value: Any, groups: Any, level: float) -> Estimate:
    if isinstance(value, Estimate):
        return value
    of = share_interval if value.dtype == bool else mean_interval
    return of(value, groups=groups, confidence_level=level)


def _paired(first: Any, second: Any, of: str, groups: Any, level: float) -> Estimate:
    ours, theirs = (_vector(x, of) for x in (first, second))
    if len(ours) != len(theirs):
        raise ParameterError(
            f"vectors of {of} must be of the same targets in all settings; got "
            f"{len(ours)} and {len(theirs)} numbers"
        )
    if ours.dtype == theirs.dtype == bool:
        return paired_difference(ours, theirs, groups=groups, confidence_level=level)
    return mean_interval(ours * 1.0 - theirs, groups=groups, confidence_level=level)


def _apart(row: Mapping[Any, Any], base: Mapping[Any, Any]) -> Estimate:
    """Return a difference that holds however the two estimates depend on each other."""
    n = int(min(row["n"], base["n"]))
    value = float(row["value"] - base["value"])
    levels = float(row["confidence_level"]), float(base["confidence_level"])
    level = sum(levels) - 1
    if level <= 0:
        raise DataError(
            "confidence_level of a setting and of the reference must add up to more "
            f"than 1, or nothing holds for both; got {levels[0]!r} and {levels[1]!r}"
        )
    low, high = row["low"] - base["high"], row["high"] - base["low"]
    return Estimate(value, min(low, value), max(high, value), level, n)


_VALUES = ("measure", "value", "low", "high")
# Digits that count, of the largest value of a panel: the last ones hang on the machine.
_DIGITS = 9


def mark_dominated(
    table: pd.DataFrame,
    *,
    useful: str,
    leak: str,
    higher_is_useful: bool = True,
    by: str | Sequence[str] = ("panel",),
) -> pd.DataFrame:
    r"""Mark the settings that another one beats in use and in what leaks.

    With use :math:`u` (its negative where less is better) and leak :math:`l`, setting s
    is dominated if its panel has a t with

    .. math:: u_t \ge u_s, \quad l_t \le l_s, \quad (u_t, l_t) \ne (u_s, l_s).

    It is clearly dominated if the intervals do not touch in either measure either:
    the low end of :math:`u_t` is above the high end of :math:`u_s`, and the high end of
    :math:`l_t` below the low end of :math:`l_s`, for one t. Those that are not
    dominated are the Pareto front.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns setting, measure, value, low, high and those of `by`, as from
        `measure_frontier`; the values compared are finite.
    useful, leak : str
        The two measures to compare by; a smaller leak is better.
    higher_is_useful : bool
        False where less is better, as for an error.
    by : str or sequence of str
        Columns of the panels; settings are compared within a panel only. A missing name
        is a panel too.

    Returns
    -------
    pandas.DataFrame
        A row for each setting of each panel, in the order of `table`: columns of `by`,
        setting, useful, useful_low, useful_high, leak, leak_low, leak_high, dominated
        and clearly.

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
    share their targets: a paired difference, as in `privacy_price`, may tell apart what
    it does not.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "setting": ["none", "noise", "worse noise"] * 2,
    ...     "measure": ["auc"] * 3 + ["bits"] * 3,
    ...     "value": [0.8, 0.7, 0.6, 0.5, 0.2, 0.3]})
    >>> table = table.assign(low=table["value"] - 0.01, high=table["value"] + 0.01)
    >>> marked = mark_dominated(table, useful="auc", leak="bits", by=())
    >>> marked[["setting", "useful", "leak", "dominated", "clearly"]]
           setting  useful  leak  dominated  clearly
    0         none     0.8   0.5      False    False
    1        noise     0.7   0.2      False    False
    2  worse noise     0.6   0.3       True     True
    """
    if useful == leak:
        raise ParameterError(f"useful and leak must be two measures; got {useful!r}")
    panel = [by] if isinstance(by, str) else list(by)
    keys = [*panel, "setting"]
    _check_table(table, (*keys, *_VALUES), once=[*keys, "measure"])
    wide = _side_by_side(table, keys, {"useful": useful, "leak": leak})
    sign = 1 if higher_is_useful else -1
    marks = pd.DataFrame(False, index=wide.index, columns=["dominated", "clearly"])
    panels = wide.groupby(panel, sort=False, dropna=False) if panel else [(None, wide)]
    for _, part in panels:
        marks.loc[part.index, "dominated"] = _is_dominated(part, sign)
        marks.loc[part.index, "clearly"] = _is_clear(part, sign)
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


def _is_dominated(part: pd.DataFrame, sign: int) -> npt.NDArray[np.bool_]:
    use = sign * _rounded(part["useful"])
    leak = _rounded(part["leak"])
    # Row: who is judged; column: by whom.
    no_worse = (use[None, :] >= use[:, None]) & (leak[None, :] <= leak[:, None])
    other = (use[None, :] != use[:, None]) | (leak[None, :] != leak[:, None])
    return np.asarray((no_worse & other).any(axis=1))


def _is_clear(part: pd.DataFrame, sign: int) -> npt.NDArray[np.bool_]:
    ends = ["useful_low", "useful_high"][::sign]
    least, most = (sign * part[end].to_numpy(dtype=float) for end in ends)
    low, high = (part[f"leak_{end}"].to_numpy(dtype=float) for end in ("low", "high"))
    # A missing end compares as false: nothing is clear then.
    apart = (least[None, :] > most[:, None]) & (high[None, :] < low[:, None])
    return np.asarray(apart.any(axis=1))


def _rounded(values: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    """Return parts of the largest value, with so many digits."""
    x = values.to_numpy(dtype=float)
    largest = np.abs(x).max()
    return np.asarray(np.round(x / largest, _DIGITS) if largest > 0 else x)


def _check_table(table: Any, columns: Sequence[str], *, once: list[str]) -> None:
    """Raise unless it is a table with these columns, and no row comes twice."""
    if not isinstance(table, pd.DataFrame):
        kind = type(table).__name__
        raise DataError(f"table must be a pandas.DataFrame; got {kind}")
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        raise DataError(f"table must have the columns {', '.join(lacking)}")
    n_repeated = int(table.duplicated(once).sum())
    if n_repeated:
        raise DataError(
            f"table must have one row for each {', '.join(once)}; got {n_repeated} "
            f"repeated of {len(table)}"
        )


def _check_reference(reference: str, names: list[str]) -> None:
    """Raise unless the reference is one of the settings."""
    if reference not in names:
        raise ParameterError(
            f"reference must be one of {', '.join(map(repr, names))}; got {reference!r}"
        )
