"""Which settings another one beats in use and in what leaks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy.defences._frontier_tables import check_table
from twinprivacy.errors import DataError, ParameterError

__all__ = ["mark_dominated"]

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
    check_table(table, (*keys, *_VALUES), once=[*keys, "measure"])
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
