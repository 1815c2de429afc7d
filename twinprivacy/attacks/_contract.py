"""What the evaluation hands to an attacker, and what it asks of one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy.attacks.threats import ThreatModel

# Asks the twin about people: shape (n,) or (n, n_answers), neither noisy nor rounded.
Ask = Callable[[pd.DataFrame], npt.ArrayLike]


@dataclass(frozen=True, eq=False, repr=False)
class Secret:
    """The values a sensitive attribute may have: categories, or bins of a number.

    Attributes
    ----------
    name : str
    values : numpy.ndarray
        Shape (n_values,): the categories in a fixed order, or the middles of the bins.
    edges : numpy.ndarray, optional
        Shape (n_values + 1,): ends of the bins of a number; None for categories.
    """

    name: str
    values: npt.NDArray[Any]
    edges: Array | None = None

    @property
    def n_values(self) -> int:
        """Number of values."""
        return len(self.values)


@dataclass(frozen=True, eq=False, repr=False)
class Auxiliary:
    """Everything an attacker may learn from: none of it about a target.

    Attributes
    ----------
    people : pandas.DataFrame
        Auxiliary people with all their columns, in a canonical order.
    answers : numpy.ndarray
        Shape (n, n_answers * n_queries): what the twin said of them as an attacker sees
        it, noisy and rounded; all answers to the first query, then to the second.
    secret : Secret
    codes : numpy.ndarray
        Shape (n,): place of each person's secret in `secret.values`.
    prior : numpy.ndarray
        Shape (n, n_values): P(secret | known) for them, from models that were not
        trained on them.
    ask : callable, optional
        Asks the twin about any people; None where the answers are recorded columns.
    threat : ThreatModel
    persons : numpy.ndarray, optional
        Shape (n,): number of each row's person, where a person may have several rows;
        None where each row is a person.
    """

    people: pd.DataFrame
    answers: Array
    secret: Secret
    codes: Indices
    prior: Array
    ask: Ask | None
    threat: ThreatModel
    persons: Indices | None = None


class FittedAttacker(Protocol):
    """An attacker that has learned what it can."""

    def posterior(self, known: pd.DataFrame, answers: Array, prior: Array) -> Array:
        """Return P(secret | known, answers), shape (n, n_values), rows adding to 1.

        Parameters
        ----------
        known : pandas.DataFrame
            The known columns of the targets, shape (n, n_known).
        answers : numpy.ndarray
            As `Auxiliary.answers`, of the targets.
        prior : numpy.ndarray
            P(secret | known) of the targets by imputation, shape (n, n_values).
        """
        ...


class Attacker(Protocol):
    """A way to attack: settings alone, which `fit` turns into an attacker."""

    def fit(self, auxiliary: Auxiliary, *, rng: np.random.Generator) -> FittedAttacker:
        """Learn from the auxiliary people."""
        ...
