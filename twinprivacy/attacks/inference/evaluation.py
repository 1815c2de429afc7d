"""The estimates of a result: rates, gains over baselines, gaps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Flags
from twinprivacy.attacks.inference.reading import People
from twinprivacy.attacks.inference.threats import Secret
from twinprivacy.estimates.differences import (
    difference_of_means,
    difference_of_rates,
    paired_difference,
)
from twinprivacy.estimates.estimate import Estimate, wilson_interval
from twinprivacy.estimates.means import mean_interval, share_interval


@dataclass(frozen=True, eq=False, repr=False)
class Judged:
    """What is known of one group of targets once the guesses are made.

    `success` holds flags by who guesses: attack, imputation, mode.
    """

    people: People
    posterior: Array
    prior: Array
    guess: npt.NDArray[Any]
    success: dict[str, Flags]
    bits: Array
    believed_bits: Array

    @property
    def persons(self) -> Any:
        """Who is who, where people have several rows."""
        return self.people.persons


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


def judge(
    people: People,
    posterior: Array,
    prior: Array,
    *,
    secret: Secret,
    mode: Array,
    tolerance: float | None,
) -> Judged:
    """Compare the guesses with the truth; `mode` is a distribution that all share."""
    rows = np.arange(len(people))
    told = np.log2(posterior) - np.log2(prior)
    laws = {"attack": posterior, "imputation": prior, "mode": mode[np.newaxis]}
    guesses = {who: _best_guess(law, secret, tolerance) for who, law in laws.items()}
    if people.numbers is None:
        success = {who: guess == people.codes for who, guess in guesses.items()}
    else:
        middles = secret.values
        success = {
            who: np.abs(middles[guess] - people.numbers) <= (tolerance or 0.0)
            for who, guess in guesses.items()
        }
    return Judged(
        people,
        posterior,
        prior,
        secret.values[guesses["attack"]],
        success,
        told[rows, people.codes],
        (posterior * told).sum(axis=1),
    )


def _best_guess(
    law: Array, secret: Secret, tolerance: float | None
) -> npt.NDArray[np.intp]:
    """Return the place of the likeliest value, or of the likeliest neighbourhood."""
    if secret.edges is None or tolerance is None:
        return np.asarray(np.argmax(law, axis=1))
    cumulative = np.hstack([np.zeros((len(law), 1)), np.cumsum(law, axis=1)])
    below = _cumulative_at(cumulative, secret.edges, secret.values - tolerance)
    above = _cumulative_at(cumulative, secret.edges, secret.values + tolerance)
    return np.asarray(np.argmax(above - below, axis=1))


def _cumulative_at(cumulative: Array, edges: Array, points: Array) -> Array:
    """Return P(secret <= point), bins being equally wide and flat inside."""
    places = np.clip((points - edges[0]) / (edges[1] - edges[0]), 0, len(edges) - 1)
    left = np.minimum(places.astype(int), len(edges) - 2)
    part = places - left
    found = cumulative[:, left] * (1 - part) + cumulative[:, left + 1] * part
    return np.asarray(found)


def stack(parts: Sequence[Judged]) -> Judged:
    """Lay the targets of several rounds below one another."""
    people = [part.people for part in parts]
    frame = pd.concat([one.frame for one in people], ignore_index=True)
    return Judged(
        People(
            frame,
            np.concatenate([one.codes for one in people]),
            _concatenate([one.numbers for one in people]),
            np.concatenate([one.answers for one in people]),
            _concatenate([one.persons for one in people]),
        ),
        np.concatenate([part.posterior for part in parts]),
        np.concatenate([part.prior for part in parts]),
        np.concatenate([part.guess for part in parts]),
        {
            who: np.concatenate(
                [np.broadcast_to(p.success[who], len(p.people)) for p in parts]
            )
            for who in parts[0].success
        },
        np.concatenate([part.bits for part in parts]),
        np.concatenate([part.believed_bits for part in parts]),
    )


def _concatenate(parts: Sequence[Any]) -> Any:
    return None if parts[0] is None else np.concatenate(parts)
