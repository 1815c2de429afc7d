"""What an attacker knows, sees and wants: the threat model of an attack."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_at_least, check_positive, check_whole
from twinprivacy.errors import ParameterError

__all__ = [
    "ThreatModel",
]


@dataclass(frozen=True)
class ThreatModel:
    """Say what an attacker wants, knows already, and sees of the twin.

    Attributes
    ----------
    sensitive : str
        Column that the attacker wants to infer.
    known : tuple of str
        Columns that the attacker knows of each person, `sensitive` not among them;
        empty for nothing.
    answers : tuple of str
        Names of what the twin says of a person, in its order.
    output_precision : float, optional
        Step that each answer is rounded to, in the unit of the answer, above 0; None
        for every digit.
    n_queries : int
        How often each answer is asked for, 1 or more. It matters where the keeper adds
        noise, which is drawn afresh each time.
    noise_sd : float
        Standard deviation of normal noise that the keeper adds to each answer before it
        is rounded, in the unit of the answer; 0 for none.
    tolerance : float, optional
        Makes the secret a number: a guess succeeds within this distance of the truth,
        in the unit of the secret, above 0. None for categories.

    Raises
    ------
    ParameterError
        If the secret is among the known or the answers, a name is repeated, nothing is
        answered, or a number is outside its range.

    Examples
    --------
    >>> threat = ThreatModel(
    ...     sensitive="vkorc1", known=("age_years", "race"),
    ...     answers=("dose_mg_per_week",), output_precision=5.0)
    >>> threat.known
    ('age_years', 'race')
    """

    sensitive: str
    known: tuple[str, ...]
    answers: tuple[str, ...]
    output_precision: float | None = None
    n_queries: int = 1
    noise_sd: float = 0.0
    tolerance: float | None = None

    def __post_init__(self) -> None:
        """Refuse a threat that gives the secret away or asks for nothing."""
        for name in ("known", "answers"):
            given = getattr(self, name)
            names = (given,) if isinstance(given, str) else tuple(given)
            object.__setattr__(self, name, names)
            self._check_names(name, names)
        if not self.answers:
            raise ParameterError("answers must name at least one answer; got none")
        for name in ("output_precision", "tolerance"):
            value = getattr(self, name)
            if value is not None:
                check_positive(value, name=name)
        check_at_least(self.noise_sd, 0, name="noise_sd")
        check_whole(self.n_queries, name="n_queries")

    def _check_names(self, parameter: str, names: tuple[str, ...]) -> None:
        if self.sensitive in names:
            raise ParameterError(
                f"{parameter} must not hold the sensitive attribute; got "
                f"{self.sensitive!r} in it"
            )
        if len(set(names)) < len(names):
            repeated = sorted({name for name in names if names.count(name) > 1})
            raise ParameterError(
                f"{parameter} must name each column once; got {', '.join(repeated)} "
                "more than once"
            )


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
