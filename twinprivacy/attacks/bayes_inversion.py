"""Model inversion by Bayes: the equation is public, so every candidate can be tried."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_rng
from twinprivacy.attacks._contract import Ask, Auxiliary
from twinprivacy.attacks._inversion_checks import (
    check_answers,
    check_candidate_columns,
    check_law,
    check_repeats,
    one_each,
)
from twinprivacy.attacks._inversion_fitted import (
    CandidateEquation,
    FittedBayesInversion,
    sum_log_likelihood,
)
from twinprivacy.attacks._inversion_math import chunks, normalised
from twinprivacy.attacks._inversion_people import (
    ask_candidates,
    check_ask,
    code_candidates,
)
from twinprivacy.attacks._inversion_prior import (
    Prior,
    check_prior,
    fit_prior,
    read_prior,
)
from twinprivacy.attacks.residuals import Exact, Residual
from twinprivacy.errors import ParameterError

__all__ = ["BayesInversion", "ask_each", "invert"]


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
        Law of the answer about the expected one, see `twinprivacy.attacks.residuals`.
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
    check_answers(seen, centre, precision, noise_sd)
    check_repeats(residual, seen.shape[1])
    law = read_prior(prior, *centre.shape)
    found = np.empty_like(centre)
    for part in chunks(*centre.shape):
        loss = sum_log_likelihood(
            seen[part], centre[part], residual, precision, noise_sd
        )
        with np.errstate(divide="ignore"):
            weights, is_possible = normalised(loss + np.log(law[part]))
        found[part] = np.where(is_possible[:, np.newaxis], weights, law[part])
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
    equations: CandidateEquation | Sequence[CandidateEquation] | None = None
    residuals: Residual | Sequence[Residual] = Exact()  # noqa: RUF009 - frozen itself
    prior: Prior = None

    def __post_init__(self) -> None:
        """Refuse candidates that count twice."""
        names = self.candidates.columns
        if not len(self.candidates):
            raise ParameterError("candidates must have at least one row; got none")
        if names.has_duplicates or self.candidates.duplicated().any():
            raise ParameterError(
                "candidates must have different rows and columns; got repeated ones"
            )
        check_prior(self.prior)

    def __repr__(self) -> str:
        """Show what is inferred."""
        names = ", ".join(map(str, self.candidates.columns))
        return f"BayesInversion(candidates={len(self.candidates)} of {names})"

    def fit(
        self, auxiliary: Auxiliary, *, rng: np.random.Generator
    ) -> FittedBayesInversion:
        """Learn the prior from the auxiliary people; nothing is drawn at random."""
        check_rng(rng)
        threat, secret = auxiliary.threat, auxiliary.secret
        check_candidate_columns(self.candidates, secret.name, threat.known)
        codes = code_candidates(self.candidates[secret.name], secret)
        n_answers = len(threat.answers)
        residuals = one_each(self.residuals, n_answers, name="residuals")
        for residual in residuals:
            check_repeats(residual, threat.n_queries)
            check_law(residual, threat.output_precision, threat.noise_sd)
        equations: tuple[CandidateEquation, ...] | None = None
        if self.equations is None:
            check_ask(auxiliary.ask, "BayesInversion without equations")
        else:
            equations = one_each(self.equations, n_answers, name="equations")
        prior = fit_prior(self.prior, self.candidates, codes, auxiliary)
        return FittedBayesInversion(
            self.candidates, equations, residuals, prior, codes, auxiliary
        )
