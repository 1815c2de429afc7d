"""Guesses held against the truth: what is known of targets once they are attacked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Flags
from twinprivacy.attacks._contract import Secret
from twinprivacy.attacks._reading import People


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
    guesses = {who: best_guess(law, secret, tolerance) for who, law in laws.items()}
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


def best_guess(
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
