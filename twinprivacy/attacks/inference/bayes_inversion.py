"""Model inversion by Bayes: the equation is public, so every candidate can be tried."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_at_least, check_positive, check_rng
from twinprivacy.attacks.inference.priors import (
    IMPUTATION,
    CandidatePrior,
    FittedPrior,
    code_candidates,
    fit_prior,
    read_prior,
)
from twinprivacy.attacks.inference.reading import ask_candidates, check_ask
from twinprivacy.attacks.inference.residuals import Exact, Residual, chunks, update
from twinprivacy.attacks.inference.threats import Ask, Auxiliary
from twinprivacy.errors import DataError, ParameterError

__all__ = [
    "BayesInversion",
    "ask_each",
    "invert",
]


def invert(
    answers: npt.ArrayLike,
    expected: npt.ArrayLike,
    prior: npt.ArrayLike,
    *,
    residual: Residual,
    precision: float | None = None,
    noise_sd: float = 0.0,
) -> Array:
    r"""Return the posterior of candidates, given an answer and what each would answer.

    .. math:: P(c \mid y) = \frac{\pi_c\, p(y \mid e_c)}
       {\sum_{c'} \pi_{c'}\, p(y \mid e_{c'})}

    for candidates c with prior :math:`\pi_c` and expected answers :math:`e_c`. Answers
    to repeated questions multiply.

    Parameters
    ----------
    answers : array_like
        What was seen, finite, shape (n,), or (n, n_queries) of the same question.
    expected : array_like
        What each candidate would answer, finite, shape (n, m), in the unit of
        `answers`.
    prior : array_like
        Probabilities, rows adding to 1, shape (m,) or (n, m).
    residual : Residual
        Law of the answer about the expected one, see `twinprivacy.attacks.inference`.
    precision : float, optional
        Step that answers were rounded to, above 0; None for every digit.
    noise_sd : float
        Standard deviation of normal noise added before rounding, 0 or more.

    Returns
    -------
    numpy.ndarray
        Probabilities, shape (n, m). Where no candidate can have given the answer, the
        prior.

    Raises
    ------
    DataError
        For shapes that do not fit, values that are not finite, or a prior that is no
        law.
    ParameterError
        For a precision or noise outside its range, noise with a residual that has no
        law with it, or repeated questions with a residual other than `Exact`: the
        residual is a person's own, so that repeats share it and do not multiply.

    References
    ----------
    Fredrikson et al. (2014), https://pmc.ncbi.nlm.nih.gov/articles/PMC4827719/, with
    the likelihood of the answer in place of their table of errors.

    Examples
    --------
    >>> invert([35.0], [[33.0, 36.5, 42.0]], [0.2, 0.3, 0.5],
    ...        residual=Exact(), precision=5.0).round(2)
    array([[0.4, 0.6, 0. ]])
    """
    seen, centre = np.asarray(answers, dtype=float), np.asarray(expected, dtype=float)
    if seen.ndim == 1:
        seen = seen[:, np.newaxis]
    _check_answers(seen, centre, precision, noise_sd)
    _check_repeats(residual, seen.shape[1])
    law = read_prior(prior, *centre.shape)
    found = np.empty_like(centre)
    for part in chunks(*centre.shape):
        likelihood = _sum_log_likelihood(
            seen[part], centre[part], residual, precision, noise_sd
        )
        found[part] = update(law[part], likelihood)
    return found


def ask_each(
    people: pd.DataFrame,
    *,
    ask: Ask,
    candidates: pd.DataFrame,
    n_answers: int = 1,
) -> Array:
    """Ask a twin about people with every candidate for what is not known of them.

    With `functools.partial` it is an equation for `BayesInversion` where the answers
    that were seen are not the twin's own, but scatter about what it says.

    Parameters
    ----------
    people : pandas.DataFrame
        What is known of each person, n rows.
    ask : callable
        People to answers, shape (n,) or (n, n_answers).
    candidates : pandas.DataFrame
        As for `BayesInversion`, m rows. A categorical column stays one.
    n_answers : int
        Answers that `ask` gives, 1 or more.

    Returns
    -------
    numpy.ndarray
        Shape (n, m, n_answers).

    Raises
    ------
    DataError
        If the answers are of another shape or not finite.

    Examples
    --------
    >>> people = pd.DataFrame({"age_years": [50, 60]})
    >>> smoker = pd.DataFrame({"smoker": [False, True]})
    >>> ask_each(people, ask=lambda p: p["age_years"] + 10 * p["smoker"],
    ...          candidates=smoker)[:, :, 0]
    array([[50., 60.],
           [60., 70.]])
    """
    return ask_candidates(ask, people, candidates, n_answers, like=candidates)


# People (their known columns) to the expected answer of each candidate, shape (n, m),
# or to all answers, shape (n, m, n_answers).
_CandidateEquation = Callable[[pd.DataFrame], npt.ArrayLike]


@dataclass(frozen=True, eq=False, repr=False)
class _FittedBayesInversion:
    """An inversion with its prior; see `BayesInversion`."""

    candidates: pd.DataFrame
    equations: tuple[_CandidateEquation, ...] | None
    residuals: tuple[Residual, ...]
    prior: FittedPrior
    codes: Indices
    auxiliary: Auxiliary

    def posterior(self, known: pd.DataFrame, answers: Array, prior: Array) -> Array:
        """Return P(secret | known, answers); see `FittedAttacker`.

        `prior` is used where `BayesInversion.prior` says so. A DataError is raised if
        an equation, or the prior, gives another shape, or numbers that are not finite.
        """
        n, m = len(known), len(self.candidates)
        n_values = self.auxiliary.secret.n_values
        # Sums candidates with the same secret.
        collect = np.zeros((m, n_values))
        collect[np.arange(m), self.codes] = 1.0
        found = np.empty((n, n_values))
        for part in chunks(n, m):
            people = known.iloc[part]
            law = self.prior(people, prior[part])
            likelihood = self._log_likelihood(people, answers[part])
            found[part] = update(law, likelihood) @ collect
        # Imputation may put some on values that no candidate has.
        total = found.sum(axis=1, keepdims=True)
        return np.where(total > 0, found / np.where(total > 0, total, 1.0), prior)

    def _log_likelihood(self, people: pd.DataFrame, answers: Array) -> Array:
        threat = self.auxiliary.threat
        total = np.zeros((len(people), len(self.candidates)))
        expected = self._expected(people)
        n_answers = len(threat.answers)
        for place, residual in enumerate(self.residuals):
            total += _sum_log_likelihood(
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
            return [_read_expected(e(people), one)[:, :, 0] for e in self.equations]
        if self.equations is not None:
            said = _read_expected(self.equations[0](people), shape)
        else:
            assert self.auxiliary.ask is not None
            like = self.auxiliary.people
            said = ask_candidates(
                self.auxiliary.ask, people, self.candidates, n_answers, like=like
            )
        return list(np.moveaxis(said, 2, 0))


@dataclass(frozen=True, eq=False)
class BayesInversion:
    r"""Infer a secret from a twin whose equation is public, exactly by Bayes' rule.

    .. math:: P(s \mid k, y) \propto \sum_{c:\, s(c) = s} P(c \mid k)
       \prod_j p\big(y_j \mid e_j(k, c)\big)

    with known k, candidates c for everything else that the equation asks, answers
    :math:`y_j` and what the equation says, :math:`e_j`. Other unknown inputs than the
    secret are summed out.

    Attributes
    ----------
    candidates : pandas.DataFrame
        One row for each joint value of the unknown inputs, all different; the sensitive
        attribute is one of its columns.
    equations : callable or sequence of callable, optional
        One for each answer: people with their known columns to the answers expected of
        each candidate, shape (n, m); or one for all answers, giving shape
        (n, m, n_answers), as `ask_each` does. None asks the twin that is attacked.
    residuals : Residual or sequence of Residual
        One law for all answers, or one for each.
    prior : optional
        None: shares of the candidates among the auxiliary people, with one person
        spread over all candidates. A tuple of known columns: shares in each group of
        these, with one person spread as overall. "imputation": the prior of the secret
        that imputation gives, times the shares of the rest given the secret. A
        callable: known people to probabilities, shape (n, m).

    Raises
    ------
    ParameterError
        If `candidates` is empty or repeats rows or columns, or `prior` is of another
        kind. On fitting: if the candidates lack the secret, hold what the attacker
        knows or values of the secret that no auxiliary person has, if the number of
        equations or residuals is not that of the answers, if there is neither equation
        nor twin, if noise has no law with a residual, or if a residual other than
        `Exact` meets repeated queries, which share it.
    DataError
        On fitting: if the auxiliary people lack a column of the candidates.

    Notes
    -----
    Answers are independent of one another given a candidate. Where no candidate can
    have given the answers, the posterior is the prior. A number is inferred in bins;
    candidates are points within them, at least one a bin, or that bin is impossible.

    References
    ----------
    Fredrikson et al. (2014), https://pmc.ncbi.nlm.nih.gov/articles/PMC4827719/.

    Examples
    --------
    >>> from functools import partial
    >>> from twinprivacy.twins.warfarin import GENOTYPE_PAIRS, dose_matrix
    >>> BayesInversion(
    ...     candidates=pd.DataFrame(GENOTYPE_PAIRS, columns=["vkorc1", "cyp2c9"]),
    ...     equations=partial(dose_matrix, model="iwpc_pharmacogenetic"),
    ...     prior=("race",),
    ... )
    BayesInversion(candidates=18 of vkorc1, cyp2c9)
    """

    candidates: pd.DataFrame
    equations: _CandidateEquation | Sequence[_CandidateEquation] | None = None
    residuals: Residual | Sequence[Residual] = Exact()  # noqa: RUF009 - frozen itself
    prior: CandidatePrior = None

    def __post_init__(self) -> None:
        """Refuse candidates that count twice."""
        names = self.candidates.columns
        if not len(self.candidates):
            raise ParameterError("candidates must have at least one row; got none")
        if names.has_duplicates or self.candidates.duplicated().any():
            raise ParameterError(
                "candidates must have different rows and columns; got repeated ones"
            )
        given: Any = self.prior
        is_columns = isinstance(given, tuple) and all(isinstance(c, str) for c in given)
        is_known = given is None or given == IMPUTATION or callable(given)
        if not (is_known or is_columns):
            raise ParameterError(
                "prior must be None, 'imputation', a tuple of known columns, or "
                f"callable with people; got {given!r}"
            )

    def __repr__(self) -> str:
        """Show what is inferred."""
        names = ", ".join(map(str, self.candidates.columns))
        return f"BayesInversion(candidates={len(self.candidates)} of {names})"

    def fit(
        self, auxiliary: Auxiliary, *, rng: np.random.Generator
    ) -> _FittedBayesInversion:
        """Learn the prior from the auxiliary people; nothing is drawn at random."""
        check_rng(rng)
        threat, secret = auxiliary.threat, auxiliary.secret
        _check_candidate_columns(self.candidates, secret.name, threat.known)
        codes = code_candidates(self.candidates[secret.name], secret)
        n_answers = len(threat.answers)
        residuals = _one_each(self.residuals, n_answers, name="residuals")
        for residual in residuals:
            _check_repeats(residual, threat.n_queries)
            _check_law(residual, threat.output_precision, threat.noise_sd)
        equations: tuple[_CandidateEquation, ...] | None = None
        if self.equations is None:
            check_ask(auxiliary.ask, "BayesInversion without equations")
        else:
            equations = _one_each(self.equations, n_answers, name="equations")
        prior = fit_prior(self.prior, self.candidates, codes, auxiliary)
        return _FittedBayesInversion(
            self.candidates, equations, residuals, prior, codes, auxiliary
        )


def _sum_log_likelihood(
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


def _check_answers(
    answers: Array, expected: Array, precision: float | None, noise_sd: float
) -> None:
    """Raise unless the answers fit what was expected, and settings are in range."""
    n = len(answers)
    if expected.ndim != 2 or answers.ndim != 2 or len(expected) != n:
        raise DataError(
            "expected must have shape (n, m), and answers (n,) or (n, n_queries); got "
            f"{expected.shape} and {answers.shape}"
        )
    for name, values in (("answers", answers), ("expected", expected)):
        n_bad = int((~np.isfinite(values).all(axis=1)).sum())
        if n_bad:
            raise DataError(
                f"{name} must be finite; got {n_bad} of {n} rows that are not"
            )
    if precision is not None:
        check_positive(precision, name="precision")
    check_at_least(noise_sd, 0, name="noise_sd")


def _check_repeats(residual: Residual, n_queries: int) -> None:
    """Raise where repeated answers share a residual, so that they do not multiply."""
    if n_queries > 1 and not isinstance(residual, Exact):
        raise ParameterError(
            "residuals must be Exact() where a question is repeated, because repeats "
            f"share any other residual; got {type(residual).__name__} with n_queries "
            f"= {n_queries}"
        )


def _check_law(residual: Residual, precision: float | None, noise_sd: float) -> None:
    """Raise if a residual has no law under this noise."""
    one = np.ones((1, 1))
    residual.log_likelihood(one, one, precision=precision, noise_sd=noise_sd)


def _check_candidate_columns(
    candidates: pd.DataFrame, sensitive: str, known: tuple[str, ...]
) -> None:
    """Raise unless the candidates hold the secret, and nothing that is known."""
    names = list(candidates.columns)
    if sensitive not in names:
        raise ParameterError(
            f"candidates must have a column {sensitive!r}, which is to be inferred; "
            f"got {', '.join(map(str, names))}"
        )
    both = [name for name in names if name in known]
    if both:
        raise ParameterError(
            "candidates must hold only what the attacker does not know; got "
            f"{', '.join(both)}, which is known"
        )


def _one_each(given: Any, n_answers: int, *, name: str) -> tuple[Any, ...]:
    """Return one of something for each answer; one law or equation may serve all."""
    if not isinstance(given, Sequence):
        return (given,) * n_answers if name == "residuals" else (given,)
    found = tuple(given)
    if len(found) != n_answers:
        raise ParameterError(
            f"{name} must be one for each of {n_answers} answers; got {len(found)}"
        )
    return found


def _read_expected(given: npt.ArrayLike, shape: tuple[int, int, int]) -> Array:
    """Return what an equation expects, shape (n, m, n_answers), checked."""
    expected = np.asarray(given, dtype=float)
    if shape[2] == 1 and expected.ndim == 2:
        expected = expected[:, :, np.newaxis]
    if expected.shape != shape:
        allowed = shape[:2] if shape[2] == 1 else shape
        raise DataError(
            f"equations must give an answer for each candidate, shape {allowed}; got "
            f"{np.shape(given)}"
        )
    n_bad = int((~np.isfinite(expected).all(axis=(1, 2))).sum())
    if n_bad:
        raise DataError(
            f"equations must give finite answers; got {n_bad} of {shape[0]} people "
            "with others"
        )
    return expected
