"""An attacker who learns from auxiliary people what the answers say of the secret."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_rng
from twinprivacy.attacks._contract import Auxiliary
from twinprivacy.attacks._learning import MODELS, Learned, check_settings, learn
from twinprivacy.attacks.threats import ThreatModel

__all__ = ["FittedLearnedAttacker", "LearnedAttacker"]


@dataclass(frozen=True, eq=False)
class FittedLearnedAttacker:
    """An attacker who has learned P(secret | known, answers) from auxiliary people.

    Attributes
    ----------
    model_name : str
        The model chosen, one of "shares", "table", "logistic", "interactions",
        "forest", "boosting" and "exact".
    log_loss_bits : dict of str to float
        Cross-validated log loss of each model tried, in bits per person.
    """

    model_name: str
    log_loss_bits: dict[str, float]
    _learned: Learned = field(repr=False)
    _threat: ThreatModel = field(repr=False)

    def posterior(self, known: pd.DataFrame, answers: Array, prior: Array) -> Array:
        """Return P(secret | known, answers), every value above 0, rows adding to 1.

        Parameters
        ----------
        known : pandas.DataFrame
            Columns that the attacker knows of the targets, shape (n, n_known).
        answers : numpy.ndarray
            What the twin said of them, shape (n, n_answers * n_queries).
        prior : numpy.ndarray
            Not used: what the known columns say was learned along with the answers.

        Returns
        -------
        numpy.ndarray
            Shape (n, n_values).

        Raises
        ------
        DataError
            If a known column is not there, or numbers are infinite.
        """
        return self._learned.probabilities(_join(known, answers, self._threat))


@dataclass(frozen=True)
class LearnedAttacker:
    """Attack by a model of the secret given the known columns and the answers.

    The model is the strongest by log loss in bits, cross-validated on the auxiliary
    people, of those allowed: the imputation baseline has the same choice, but without
    the answers, so that the gain over it comes from the answers alone. The attacker
    needs no access to the twin beyond the answers, and nothing of how it works.
    Where an answer is asked for repeatedly, the mean of the replies is learned from.
    Rows of one person are held out together.

    Attributes
    ----------
    models : tuple of str
        Models to choose from: "shares" (of each value, whatever is known), "table"
        (shares within each combination of values), "logistic" (ridge regression with
        splines, so that effects need not be monotone), "interactions" (with products of
        every two columns too), "forest", "boosting" (from 500 people on) and "exact"
        (shares among those who agree in every digit, shrunk to the logistic model;
        where at least 5 % agree with somebody else). For a secret number the last five
        predict a mean, and their residuals its law.
    folds : int
        Folds of the cross-validation, 2 or more.

    Raises
    ------
    ParameterError
        For an unknown model, no model, or fewer than 2 folds.

    References
    ----------
    Fredrikson et al. (2014) infer a genotype from a dose that was chosen for it; here
    the model is learned, not inverted.

    Examples
    --------
    >>> attacker = LearnedAttacker(models=("logistic",))
    >>> attacker.models, attacker.folds
    (('logistic',), 5)
    """

    models: tuple[str, ...] = MODELS
    folds: int = 5

    def __post_init__(self) -> None:
        """Refuse models that there are not."""
        check_settings(self.models, self.folds)
        object.__setattr__(self, "models", tuple(self.models))

    def fit(
        self, auxiliary: Auxiliary, *, rng: np.random.Generator
    ) -> FittedLearnedAttacker:
        """Learn the secret from what is known of auxiliary people, and their answers.

        Parameters
        ----------
        auxiliary : Auxiliary
            People whose secret the attacker knows, none of them a target.
        rng : numpy.random.Generator
            Source of folds and random states; the same for any number of workers.

        Returns
        -------
        FittedLearnedAttacker

        Raises
        ------
        DataError
            For fewer than 2 people or infinite numbers.
        """
        check_rng(rng)
        secret, threat = auxiliary.secret, auxiliary.threat
        is_number = secret.edges is not None
        learned = learn(
            _join(auxiliary.people, auxiliary.answers, threat),
            auxiliary.codes,
            secret,
            models=self.models,
            folds=self.folds,
            groups=_find_groups(auxiliary.persons),
            numbers=auxiliary.people[threat.sensitive] if is_number else None,
            rng=rng,
        )
        return FittedLearnedAttacker(
            learned.name, learned.log_loss_bits, learned, threat
        )


def _find_groups(persons: Indices | None) -> Indices | None:
    """Return None where each person has one row, so that numbers deal no folds."""
    if persons is None or len(np.unique(persons)) == len(persons):
        return None
    return persons


def _join(people: pd.DataFrame, answers: Array, threat: ThreatModel) -> pd.DataFrame:
    """Return the known columns, and the mean of the replies for each answer."""
    shape = (len(people), threat.n_queries, len(threat.answers))
    means = np.asarray(answers, dtype=float).reshape(shape).mean(axis=1)
    # A twin may answer with what has the name of a known column.
    names = [f"answer: {name}" for name in threat.answers]
    columns = people[list(threat.known)].reset_index(drop=True)
    return pd.concat([columns, pd.DataFrame(means, columns=names)], axis=1)
