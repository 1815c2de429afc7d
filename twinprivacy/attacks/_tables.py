"""The tables of a result: by value, by subgroup, for numbers, by target."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Flags
from twinprivacy.attacks._contract import Secret
from twinprivacy.attacks._judging import Judged
from twinprivacy.differences import mean_interval, paired_difference, share_interval
from twinprivacy.estimates import Estimate, wilson_interval

COVERAGE = 0.95


def by_value(
    judged: Judged, secret: Secret, *, n_surest: int, level: float
) -> pd.DataFrame:
    """Return recall, AUC and PPV of the surest for each value that occurs."""
    codes = judged.people.codes
    rows = []
    for place, value in enumerate(secret.values):
        here = codes == place
        if not here.any():
            continue
        row: dict[str, Any] = {"value": value, "n": int(here.sum())}
        for who, law in (("", judged.posterior), ("imputation_", judged.prior)):
            right = judged.success[who.rstrip("_") or "attack"][here]
            row |= _columns(f"{who}recall", _share(right, level))
            top = np.argsort(-law[:, place], kind="stable")[:n_surest]
            row |= _columns(f"{who}ppv", _share(here[top], level))
        row |= _columns("auc", _auc(here, judged.posterior[:, place], judged, level))
        rows.append(row)
    return pd.DataFrame(rows)


def by_group(
    members: Judged, subgroups: Sequence[str], *, level: float
) -> pd.DataFrame:
    """Return gain and bits of every subgroup, and of those believed to lose most."""
    frame = members.people.frame
    most = np.zeros(len(frame), dtype=bool)
    n_most = int(np.ceil(len(frame) / 10))
    most[np.argsort(-members.believed_bits, kind="stable")[:n_most]] = True
    everyone = np.ones(len(frame), dtype=bool)
    chosen = [("all", "all", everyone), ("most told", "top tenth", most)]
    for column in subgroups:
        for value in sorted(frame[column].dropna().unique(), key=str):
            here = (frame[column] == value).to_numpy(dtype=bool)
            chosen.append((column, value, here))
    return pd.DataFrame(
        [
            {"group": group, "value": value} | _group_row(members, here, level)
            for group, value, here in chosen
        ]
    )


def _group_row(judged: Judged, here: Flags, level: float) -> dict[str, Any]:
    persons = None if judged.persons is None else judged.persons[here]
    kw: dict[str, Any] = {"groups": persons, "confidence_level": level}
    ours = {who: flags[here] for who, flags in judged.success.items()}
    return {
        "n": int(here.sum()),
        "success": float(ours["attack"].mean()),
        "imputation": float(ours["imputation"].mean()),
        **_columns("gain", paired_difference(ours["attack"], ours["imputation"], **kw)),
        **_columns("bits", mean_interval(judged.bits[here], **kw)),
    }


def number_measures(judged: Judged, secret: Secret, *, level: float) -> pd.DataFrame:
    """Return error, coverage and interval score of the attack and of imputation."""
    numbers = judged.people.numbers
    assert numbers is not None
    assert secret.edges is not None
    rows = []
    kw: dict[str, Any] = {"groups": judged.persons, "confidence_level": level}
    for who, law in (("attack", judged.posterior), ("imputation", judged.prior)):
        low, middle, high = _quantiles(law, secret.edges)
        inside = (low <= numbers) & (numbers <= high)
        # Gneiting and Raftery (2007), equation 43.
        beyond = np.maximum(low - numbers, 0) + np.maximum(numbers - high, 0)
        score = (high - low) + 2 / (1 - COVERAGE) * beyond
        found = {
            "mean_absolute_error": mean_interval(np.abs(numbers - middle), **kw),
            "coverage": share_interval(inside, **kw),
            "interval_score": mean_interval(score, **kw),
        }
        rows += [
            {"who": who, "measure": name} | estimate.as_dict()
            for name, estimate in found.items()
        ]
    return pd.DataFrame(rows)


def targets_frame(members: Judged, controls: Judged, secret: Secret) -> pd.DataFrame:
    """Return what happened to each target, without what was known of them."""
    parts = []
    for role, judged in (("member", members), ("control", controls)):
        n = len(judged.people)
        numbers = judged.people.numbers
        parts.append(
            pd.DataFrame(
                {
                    "role": role,
                    "secret": secret.values[judged.people.codes]
                    if numbers is None
                    else numbers,
                    "guess": judged.guess,
                    "confidence": judged.posterior.max(axis=1),
                    "correct": judged.success["attack"],
                    "imputation_correct": judged.success["imputation"],
                    "mode_correct": np.broadcast_to(judged.success["mode"], n),
                    "bits": judged.bits,
                    "believed_bits": judged.believed_bits,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _quantiles(law: Array, edges: Array) -> tuple[Array, Array, Array]:
    """Return the lower, middle and upper quantile of each law on the bins."""
    cumulative = np.hstack([np.zeros((len(law), 1)), np.cumsum(law, axis=1)])
    cumulative /= cumulative[:, -1:]
    rows = np.arange(len(law))
    found = []
    for share in ((1 - COVERAGE) / 2, 0.5, (1 + COVERAGE) / 2):
        right = np.clip((cumulative < share).sum(axis=1), 1, len(edges) - 1)
        below = cumulative[rows, right - 1]
        mass = cumulative[rows, right] - below
        part = np.where(mass > 0, (share - below) / np.where(mass > 0, mass, 1), 0.5)
        found.append(edges[right - 1] + part * (edges[right] - edges[right - 1]))
    return found[0], found[1], found[2]


def _auc(here: Flags, scores: Array, judged: Judged, level: float) -> Estimate:
    from twinprivacy.twins.performance import auc

    if here.all():
        return Estimate(np.nan, np.nan, np.nan, level, len(here))
    return auc(here, scores, groups=judged.persons, confidence_level=level)


def _share(flags: Flags, level: float) -> Estimate:
    return wilson_interval(int(flags.sum()), len(flags), confidence_level=level)


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {
        name: estimate.value,
        f"{name}_low": estimate.low,
        f"{name}_high": estimate.high,
    }
