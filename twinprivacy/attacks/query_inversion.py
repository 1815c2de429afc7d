"""Model inversion of a twin that can only be asked: what would it say, if."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_rng
from twinprivacy.attacks._contract import Auxiliary
from twinprivacy.attacks._inversion_donors import Donors, WhatIf, find_donors
from twinprivacy.attacks._inversion_kernel import Kernel, read_seen
from twinprivacy.attacks._inversion_people import check_ask
from twinprivacy.attacks._inversion_width import fit_kernel, log_mean, update
from twinprivacy.errors import ParameterError

__all__ = ["QueryInversion"]


@dataclass(frozen=True)
class QueryInversion:
    r"""Infer a secret by asking the twin about the same person with each value of it.

    .. math:: P(s \mid k, y) \propto P(s \mid k) \; \frac{1}{D} \sum_{d=1}^{D}
       \prod_j K_w\big(y_j,\, f_j(k, s, u_{sd})\big)

    with twin f, known k, and what else the twin asks, u, lent by D auxiliary people
    with that secret (all columns of one donor together). K is a normal kernel of width
    w on the logit of probabilities, on the logarithm of answers above 0, or on the
    answer; a rounded answer counts as its step, and noise adds to the variance.

    Attributes
    ----------
    n_donors : int
        Donors for each value, 1 or more. Where swapping the unknown columns among the
        auxiliary people changes no answer, one is enough and is used.
    what_if : callable, optional
        People and a value of the secret to the same people with that value, where more
        than the column itself follows from it. None assigns the column.

    Raises
    ------
    ParameterError
        If `n_donors` is not a whole number from 1; on fitting if there is no twin to
        ask.
    DataError
        If the twin's answers are of another number or not finite.

    Notes
    -----
    The width maximises the mean log posterior of the auxiliary people's secrets, each
    without themselves as donor and with the prior of a model that had not seen them. It
    is 0 where the true value reproduces every answer. If the best width does not beat
    the prior by two standard errors, the answers are taken to tell nothing, and the
    posterior is the prior.

    The twin is asked n_values * n_donors questions a person, in tables of at most
    200,000 rows. Donors share a target's secret but not what is known of the target, so
    that unknown columns that depend on known ones are filled too broadly: where much is
    unknown its confidence lay up to .08 below its success on simulated people. A number
    is asked about at the middles of its bins.

    References
    ----------
    Fredrikson et al. (2014), https://pmc.ncbi.nlm.nih.gov/articles/PMC4827719/, for a
    model that is only asked.

    Examples
    --------
    >>> QueryInversion(n_donors=20)
    QueryInversion(n_donors=20, what_if=None)
    """

    n_donors: int = 50
    what_if: WhatIf | None = None

    def __post_init__(self) -> None:
        """Refuse to ask without donors."""
        n = self.n_donors
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise ParameterError(f"n_donors must be a whole number from 1; got {n!r}")

    def fit(
        self, auxiliary: Auxiliary, *, rng: np.random.Generator
    ) -> "FittedQueryInversion":
        """Choose donors, and the width of the kernel."""
        check_rng(rng)
        ask = check_ask(auxiliary.ask, "QueryInversion")
        donor_rng, fit_rng = rng.spawn(2)
        donors = find_donors(
            auxiliary, ask, n_donors=self.n_donors, what_if=self.what_if, rng=donor_rng
        )
        return FittedQueryInversion(donors, fit_kernel(donors, rng=fit_rng))


@dataclass(frozen=True, eq=False, repr=False)
class FittedQueryInversion:
    """Donors and a kernel; see `QueryInversion`."""

    donors: Donors
    kernel: Kernel

    def posterior(self, known: pd.DataFrame, answers: Array, prior: Array) -> Array:
        """Return P(secret | known, answers), shape (n, n_values), rows adding to 1.

        Parameters
        ----------
        known : pandas.DataFrame
            Known columns of the targets, n rows.
        answers : numpy.ndarray
            What the twin said of them, shape (n, n_answers * n_queries).
        prior : numpy.ndarray
            P(secret | known) by imputation, shape (n, n_values).
        """
        if np.isinf(self.kernel.width):
            return prior.copy()
        seen = read_seen(answers, self.donors.auxiliary.threat)
        found = np.empty(prior.shape)
        for part, place, asked in self.donors.answers(known):
            each = self.kernel.log_likelihood(seen.rows(part), asked)
            found[part, place] = log_mean(each)
        return update(prior, found)
