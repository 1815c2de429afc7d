"""The inversion of a known equation, once its prior is fitted."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy.attacks._contract import Auxiliary
from twinprivacy.attacks._inversion_checks import read_expected
from twinprivacy.attacks._inversion_math import chunks, normalised
from twinprivacy.attacks._inversion_people import ask_candidates
from twinprivacy.attacks._inversion_prior import FittedPrior
from twinprivacy.attacks.residuals import Residual

# People (their known columns) to the expected answer of each candidate, shape (n, m),
# or to all answers, shape (n, m, n_answers).
CandidateEquation = Callable[[pd.DataFrame], npt.ArrayLike]


@dataclass(frozen=True, eq=False, repr=False)
class FittedBayesInversion:
    """An inversion with its prior; see `BayesInversion`."""

    candidates: pd.DataFrame
    equations: tuple[CandidateEquation, ...] | None
    residuals: tuple[Residual, ...]
    prior: FittedPrior
    codes: Indices
    auxiliary: Auxiliary

    def posterior(self, known: pd.DataFrame, answers: Array, prior: Array) -> Array:
        """Return P(secret | known, answers), shape (n, n_values), rows adding to 1.

        Parameters
        ----------
        known : pandas.DataFrame
            Known columns of the targets, n rows.
        answers : numpy.ndarray
            What the twin said of them, shape (n, n_answers * n_queries).
        prior : numpy.ndarray
            P(secret | known) by imputation, shape (n, n_values), used only where
            `BayesInversion.prior` says so.

        Raises
        ------
        DataError
            If an equation, or the prior, gives something of another shape, or numbers
            that are not finite.
        """
        return self._infer(known, answers, prior)[0]

    def n_unexplained(self, known: pd.DataFrame, answers: Array, prior: Array) -> int:
        """Count the targets whose answers no candidate can have given."""
        return int((~self._infer(known, answers, prior)[1]).sum())

    def _infer(
        self, known: pd.DataFrame, answers: Array, imputed: Array
    ) -> tuple[Array, npt.NDArray[np.bool_]]:
        n, m = len(known), len(self.candidates)
        n_values = self.auxiliary.secret.n_values
        # Sums candidates with the same secret.
        collect = np.zeros((m, n_values))
        collect[np.arange(m), self.codes] = 1.0
        found, is_possible = np.empty((n, n_values)), np.empty(n, dtype=bool)
        for part in chunks(n, m):
            people = known.iloc[part]
            law = self.prior.of(people, imputed[part])
            with np.errstate(divide="ignore"):
                joint = self._log_likelihood(people, answers[part]) + np.log(law)
            weights, possible = normalised(joint)
            found[part] = np.where(possible[:, np.newaxis], weights, law) @ collect
            is_possible[part] = possible
        # Imputation may put some on values that no candidate has.
        total = found.sum(axis=1, keepdims=True)
        found = np.where(total > 0, found / np.where(total > 0, total, 1.0), imputed)
        return found, is_possible

    def _log_likelihood(self, people: pd.DataFrame, answers: Array) -> Array:
        threat = self.auxiliary.threat
        total = np.zeros((len(people), len(self.candidates)))
        expected = self._expected(people)
        n_answers = len(threat.answers)
        for place, residual in enumerate(self.residuals):
            total += sum_log_likelihood(
                answers[:, place::n_answers],
                expected[place],
                residual,
                threat.output_precision,
                threat.noise_sd,
            )
        return total

    def _expected(self, people: pd.DataFrame) -> list[Array]:
        """Return for each answer what is expected of every candidate, shape (n, m)."""
        n_answers = len(self.residuals)
        shape = (len(people), len(self.candidates), n_answers)
        if self.equations is not None and len(self.equations) == n_answers:
            one = (*shape[:2], 1)
            return [read_expected(e(people), one)[:, :, 0] for e in self.equations]
        if self.equations is not None:
            said = read_expected(self.equations[0](people), shape)
        else:
            assert self.auxiliary.ask is not None
            like = self.auxiliary.people
            said = ask_candidates(
                self.auxiliary.ask, people, self.candidates, n_answers, like=like
            )
        return list(np.moveaxis(said, 2, 0))


def sum_log_likelihood(
    answers: Array,
    expected: Array,
    residual: Residual,
    precision: float | None,
    noise_sd: float,
) -> Array:
    """Return the sum over repeated answers, shape (n, m)."""
    total = np.zeros(expected.shape)
    for place in range(answers.shape[1]):
        total += residual.log_likelihood(
            answers[:, [place]], expected, precision=precision, noise_sd=noise_sd
        )
    return total
