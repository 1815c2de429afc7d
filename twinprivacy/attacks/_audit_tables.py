"""What audits of membership read and return."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import as_floats
from twinprivacy.attacks import _membership_answers as answers
from twinprivacy.attacks._membership_people import (
    People,
    check_table,
    read_people,
    targets_table,
)
from twinprivacy.attacks.membership_result import MembershipResult
from twinprivacy.errors import DataError, ParameterError


def read_design(
    design: pd.DataFrame, outcome: npt.ArrayLike, groups: npt.ArrayLike | None
) -> tuple[Array, Array, People]:
    """Return covariates, outcome and persons of an audit, checked."""
    check_table(design, name="design", least=3)
    n = len(design)
    try:
        x = as_floats(design)
        y = np.asarray(outcome, dtype=float)
    except (TypeError, ValueError):
        raise DataError("design and outcome must hold numbers only") from None
    if y.shape != (n,):
        raise DataError(
            f"outcome must have one value for each of {n} rows; got shape {y.shape}"
        )
    n_bad = int((~np.isfinite(x)).sum() + (~np.isfinite(y)).sum())
    if n_bad:
        raise DataError(
            f"design and outcome must be finite; got {n_bad} missing or infinite values"
        )
    if groups is None:
        return x, y, read_people(design, None, name="design")
    names = np.asarray(groups)
    if names.shape != (n,):
        raise DataError(
            f"groups must have one name for each of {n} rows; got shape {names.shape}"
        )
    named = pd.DataFrame({"groups": names}, index=design.index)
    return x, y, read_people(named, "groups", name="design")


def check_forest(forest: Any, x: Array) -> None:
    """Raise unless it is a bootstrap forest of one outcome, fitted to such a table."""
    if not getattr(forest, "bootstrap", False) or not hasattr(forest, "n_outputs_"):
        raise ParameterError(
            "forest must be a fitted forest with bootstrap=True; got "
            f"{type(forest).__name__}"
        )
    if forest.n_outputs_ != 1:
        raise ParameterError(f"forest must have one outcome; got {forest.n_outputs_}")
    if hasattr(forest, "classes_") and list(forest.classes_) != [0, 1]:
        raise ParameterError("forest must have the classes 0 and 1, or be a regressor")
    # Trees read memory as they were fitted, whatever the table holds.
    fitted = (forest._n_samples, forest.n_features_in_)
    if x.shape != fitted:
        raise DataError(
            f"design must be what forest was fitted to, {fitted[0]} rows and "
            f"{fitted[1]} columns; got {x.shape[0]} and {x.shape[1]}"
        )


def check_penalty(penalty: float) -> None:
    """Raise unless a penalty is a finite number from 0."""
    if not (np.isfinite(penalty) and penalty >= 0):
        raise ParameterError(f"penalty must be finite and 0 or more; got {penalty!r}")


def compare(
    people: People,
    frame: pd.DataFrame,
    happened: answers.Outcome,
    fitted: Array,
    left_out: Array,
    how: str,
) -> MembershipResult:
    """Lay the scores with and without each person side by side."""
    known = ~np.isnan(left_out)
    kept = people.add_up(known.astype(float)) > 0
    if kept.sum() < 2:
        raise DataError(
            "design must hold two persons at least whom some part of the model left "
            f"out; got {int(kept.sum())}"
        )
    n_rows = people.add_up(np.ones(len(frame)))
    sides = []
    for member, said in ((True, fitted), (False, left_out)):
        score = answers.log_likelihood(np.where(known, said, fitted), happened)
        total = (people.add_up(score) / n_rows)[None, :]
        sides.append((member, {"score": total}))
    table = targets_table(people, frame, [], sides)
    return MembershipResult(table[np.tile(kept, 2)], f"loss, {how}")
