"""Checks of the table that an outcome twin is trained on."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy.errors import DataError, ParameterError


def check_frame(
    frame: pd.DataFrame,
    names: list[str],
    outcome: str | tuple[str, str],
    groups: str | None,
) -> None:
    """Raise unless the table has the columns asked for, in their parts."""
    check_rows(frame)
    targets = list(outcome) if isinstance(outcome, tuple) else [outcome]
    others = targets if groups is None else [*targets, groups]
    if not names or len(set(names)) < len(names):
        raise ParameterError(
            f"features must be one column at least, each once; got {len(names)}, "
            f"{len(set(names))} of them different"
        )
    both = [name for name in others if name in names]
    if both:
        raise ParameterError(
            f"features must not hold the outcome or the groups; got {', '.join(both)}"
        )
    needed = [*names, *others]
    lacking = [name for name in needed if name not in frame.columns]
    if lacking:
        raise DataError(
            f"frame must have the features, outcome and groups; missing: "
            f"{', '.join(lacking)}"
        )
    twice = [name for name in needed if (frame.columns == name).sum() > 1]
    if twice:
        raise DataError(
            f"frame must have each column once; repeated: {', '.join(twice)}"
        )


def check_rows(frame: pd.DataFrame) -> None:
    """Raise unless it is a table of two rows at least, each with an index its own."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"frame must be a pandas.DataFrame; got {type(frame).__name__}")
    if len(frame) < 2:
        raise DataError(f"frame must have two rows at least; got {len(frame)}")
    n_repeated = int(frame.index.duplicated().sum())
    if n_repeated:
        raise DataError(
            "frame must have an index in which each row is itself; got "
            f"{n_repeated} of {len(frame)} repeated"
        )


def sorted_rows(index: pd.Index) -> npt.NDArray[np.intp]:
    """Return the rows in the order of the index, whatever order they came in."""
    try:
        return np.asarray(index.argsort())
    except TypeError:
        return np.asarray(index.map(str).argsort())


def group_numbers(frame: pd.DataFrame, groups: str) -> npt.NDArray[np.intp]:
    """Return the number of each row's group, from 0."""
    codes, _ = pd.factorize(frame[groups], sort=True)
    n_missing = int((codes < 0).sum())
    if n_missing:
        raise DataError(
            f"{groups} must be known for everyone; got {n_missing} of {len(codes)} "
            "missing"
        )
    return np.asarray(codes)
