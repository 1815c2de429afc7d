"""One column of a data file against its field in the descriptor."""

from typing import Any

import pandas as pd

_PATTERNS = {
    "integer": r"[+-]?\d+",
    "number": r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?",
    "date": r"\d{4}-\d{2}-\d{2}",
}


def find_problem(text: pd.Series, field: dict[str, Any]) -> str | None:
    """Say what is wrong with a column, or None; the message holds no cell's value.

    Parameters
    ----------
    text : pandas.Series
        The cells as text; an empty cell is a missing value.
    field : dict
        Frictionless field: name, type, constraints, trueValues, falseValues.

    Examples
    --------
    >>> find_problem(pd.Series(["1", "two"]), {"name": "n", "type": "integer"})
    '1 of 2 values are not of type integer'
    """
    constraints = field.get("constraints", {})
    given = text[text != ""]
    n_missing = len(text) - len(given)
    if constraints.get("required") and n_missing:
        return f"{n_missing} of {len(text)} values are missing, but all are required"
    n_wrong = int((~_has_type(given, field)).sum())
    if n_wrong:
        return f"{n_wrong} of {len(text)} values are not of type {field['type']}"
    for rule, is_broken in _broken_rules(given, constraints).items():
        if is_broken.any():
            return f"{int(is_broken.sum())} of {len(text)} values {rule}"
    return None


def convert(text: pd.Series, field: dict[str, Any]) -> pd.Series:
    """Convert a column that has no problem to the type of its field.

    Examples
    --------
    >>> convert(pd.Series(["1", ""]), {"name": "n", "type": "integer"}).tolist()
    [1, <NA>]
    """
    given = text.mask(text == "")
    kind = field["type"]
    if kind == "integer":
        whole = given.map(int, na_action="ignore").astype("Int64")
        return whole if whole.isna().any() else whole.astype("int64")
    if kind == "number":
        return given.astype("float64")
    if kind == "date":
        return pd.to_datetime(given, format="%Y-%m-%d")
    if kind == "boolean":
        flags = given.map(_flag_values(field)).astype("boolean")
        return flags if flags.isna().any() else flags.astype(bool)
    return given


def _has_type(given: pd.Series, field: dict[str, Any]) -> pd.Series:
    kind = field["type"]
    if kind == "boolean":
        return given.isin(list(_flag_values(field)))
    if kind == "date":
        dates = pd.to_datetime(given, format="%Y-%m-%d", errors="coerce")
        return dates.notna() & given.str.fullmatch(_PATTERNS["date"])
    if kind in _PATTERNS:
        return given.str.fullmatch(_PATTERNS[kind])
    return pd.Series(True, index=given.index)


def _flag_values(field: dict[str, Any]) -> dict[str, bool]:
    yes = dict.fromkeys(field.get("trueValues", ["true"]), True)
    return yes | dict.fromkeys(field.get("falseValues", ["false"]), False)


def _broken_rules(
    given: pd.Series, constraints: dict[str, Any]
) -> dict[str, "pd.Series[bool]"]:
    broken: dict[str, pd.Series[bool]] = {}
    if "enum" in constraints:
        broken["are not among the allowed ones"] = ~given.isin(constraints["enum"])
    if "pattern" in constraints:
        pattern = constraints["pattern"]
        broken[f"do not match {pattern}"] = ~given.str.fullmatch(pattern)
    if constraints.get("unique"):
        broken["are repeated"] = given.duplicated()
    if "minimum" in constraints:
        low = constraints["minimum"]
        broken[f"are below {low}"] = given.astype("float64") < low
    if "maximum" in constraints:
        high = constraints["maximum"]
        broken[f"are above {high}"] = given.astype("float64") > high
    return broken
