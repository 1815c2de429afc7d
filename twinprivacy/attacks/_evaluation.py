"""The estimates of a result: rates, gains over baselines, gaps."""

from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Flags
from twinprivacy.attacks._judging import Judged
from twinprivacy.differences import (
    difference_of_means,
    difference_of_rates,
    mean_interval,
    paired_difference,
    share_interval,
)
from twinprivacy.estimates import Estimate, wilson_interval


def rates(members: Judged, controls: Judged, *, level: float) -> dict[str, Estimate]:
    """Return the rates, gains and gaps of an attack by name."""
    kw: dict[str, Any] = {"groups": members.persons, "confidence_level": level}
    control_kw: dict[str, Any] = {
        "groups": controls.persons,
        "confidence_level": level,
    }
    ours, theirs = members.success, controls.success
    return {
        "success": share_interval(ours["attack"], **kw),
        "mode_baseline": share_interval(ours["mode"], **kw),
        "imputation_baseline": share_interval(ours["imputation"], **kw),
        "control": share_interval(theirs["attack"], **control_kw),
        "gain": paired_difference(ours["attack"], ours["imputation"], **kw),
        "control_gain": paired_difference(
            theirs["attack"], theirs["imputation"], **control_kw
        ),
        "member_gap": _rate_gap(members, controls, level),
        "bits": mean_interval(members.bits, **kw),
        "control_bits": mean_interval(controls.bits, **control_kw),
        "member_gap_bits": _mean_gap(
            members.bits, controls.bits, members, controls, level
        ),
    }


def _rate_gap(members: Judged, controls: Judged, level: float) -> Estimate:
    ours, theirs = members.success["attack"], controls.success["attack"]
    if members.persons is not None:
        return _mean_gap(ours, theirs, members, controls, level)
    return difference_of_rates(
        int(ours.sum()),
        len(ours),
        int(theirs.sum()),
        len(theirs),
        confidence_level=level,
    )


def _mean_gap(
    ours: Array | Flags,
    theirs: Array | Flags,
    members: Judged,
    controls: Judged,
    level: float,
) -> Estimate:
    if members.persons is None or controls.persons is None:
        return difference_of_means(ours, theirs, confidence_level=level)
    # In rounds pooled a person is a member in some and a control in others. The mean of
    # these values is the gap, and their sum over a person what the person adds to it.
    n = len(ours) + len(theirs)
    gap = ours.mean() - theirs.mean()
    first = (ours - ours.mean()) * (n / len(ours))
    second = (theirs.mean() - theirs) * (n / len(theirs))
    return mean_interval(
        np.concatenate([first, second]) + gap,
        groups=np.concatenate([members.persons, controls.persons]),
        confidence_level=level,
    )


def surest(judged: Judged, who: str, *, n: int, level: float) -> Estimate:
    """Return the share right among those about whom the attacker was surest."""
    law = judged.posterior if who == "attack" else judged.prior
    order = np.argsort(-law.max(axis=1), kind="stable")[:n]
    right = judged.success[who][order]
    return wilson_interval(int(right.sum()), len(right), confidence_level=level)


def mean_of(table: pd.DataFrame, name: str, *, n: int, level: float) -> Estimate:
    """Return the mean over values of an estimate, its interval the mean of theirs."""
    value, low, high = (
        float(table[f"{name}{end}"].mean()) for end in ("", "_low", "_high")
    )
    return Estimate(value, min(low, value), max(high, value), level, n)


def balanced(table: pd.DataFrame, *, n: int, level: float) -> Estimate:
    """Return the mean recall; the recalls of different people are independent."""
    value = float(table["recall"].mean())
    below = np.sqrt(((table["recall"] - table["recall_low"]) ** 2).sum()) / len(table)
    above = np.sqrt(((table["recall_high"] - table["recall"]) ** 2).sum()) / len(table)
    low, high = max(value - float(below), 0.0), min(value + float(above), 1.0)
    return Estimate(value, low, high, level, n)
