"""How many reported breaches are ever paid for, and the payment to expect before that.

The fits of amounts see only cases that were resolved in public. Joined with the counts
of all reported breaches they give the share that reached an amount, by size, and with
it the expected amount of a breach whose end nobody knows yet.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from twinprivacy._types import Array
from twinprivacy._validation import as_positive, check_fraction
from twinprivacy.breaches.impact import ImpactModel
from twinprivacy.breaches.records import SizeBins
from twinprivacy.breaches.size import z_score
from twinprivacy.errors import FitError, ParameterError
from twinprivacy.estimates.estimate import wilson_interval

__all__ = [
    "PenaltyModel",
    "expected_penalty",
    "fit_penalty_probability",
    "penalty_shares",
]


@dataclass(frozen=True, eq=False)
class PenaltyModel:
    """Probability that a reported breach ends in a public amount, by size.

    Attributes
    ----------
    intercept, slope : float
        Log-odds are intercept + slope * log10(people).
    covariance : numpy.ndarray
        Of the two, shape (2, 2).
    n_reports, n_paid : int
        Breaches reported, and those among them with an amount.
    """

    intercept: float
    slope: float
    covariance: Array
    n_reports: int
    n_paid: int

    def probability(
        self, n_individuals: npt.ArrayLike, *, confidence_level: float = 0.95
    ) -> pd.DataFrame:
        """Estimate P(amount | size); columns n_individuals, probability, low, high."""
        check_fraction(confidence_level, name="confidence_level")
        people, log_odds, error = self._log_odds(n_individuals)
        z = z_score(confidence_level)
        return pd.DataFrame(
            {
                "n_individuals": people,
                "probability": expit(log_odds),
                "low": expit(log_odds - z * error),
                "high": expit(log_odds + z * error),
            }
        )

    def _log_odds(self, n_individuals: npt.ArrayLike) -> tuple[Array, Array, Array]:
        """Return people, log-odds and their standard errors."""
        people = np.atleast_1d(as_positive(n_individuals, name="n_individuals"))
        design = np.column_stack([np.ones_like(people), np.log10(people)])
        error = np.sqrt(np.einsum("ij,jk,ik->i", design, self.covariance, design))
        return people, design @ [self.intercept, self.slope], error


def penalty_shares(
    cases: pd.DataFrame,
    reports: SizeBins,
    *,
    edges: npt.ArrayLike,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Count the share of reported breaches with an amount, in classes of size.

    Parameters
    ----------
    cases : pandas.DataFrame
        Cases of one kind of amount, of incidents in the years of `reports`; columns
        individuals_affected and incident_id. Several amounts of one incident count
        once, and incidents below the first report are left out.
    reports : SizeBins
        All reported breaches; take them with the placeholder bin.
    edges : array_like
        Starts of the classes, shape (k,): each the start of a bin, in rising order.
    confidence_level : float
        Strictly between 0 and 1; Wilson's interval.

    Returns
    -------
    pandas.DataFrame
        Columns size_low, size_high (the last is infinite), n_reports, n_paid, share,
        low, high. The data hold the amounts that we found, so a share is a lower bound.

    Raises
    ------
    ParameterError
        If an edge lies within a bin or a class holds more amounts than reports.
    """
    starts = np.asarray(edges, dtype=float)
    n_above = reports.exceedances(starts)
    sizes = _incident_sizes(cases, reports.lower)
    n_reports = n_above - np.append(n_above[1:], 0)
    ends = np.append(starts[1:], np.inf)
    rows = []
    for start, end, total in zip(starts, ends, n_reports, strict=True):
        paid = int(((sizes >= start) & (sizes < end)).sum())
        share = wilson_interval(paid, int(total), confidence_level=confidence_level)
        rows.append((start, end, int(total), paid, share.value, share.low, share.high))
    names = ("size_low", "size_high", "n_reports", "n_paid", "share", "low", "high")
    return pd.DataFrame(rows, columns=list(names))


def fit_penalty_probability(cases: pd.DataFrame, reports: SizeBins) -> PenaltyModel:
    r"""Fit the share of reported breaches with an amount against their size.

    .. math:: \log \frac{p}{1 - p} = c_0 + c_1 \log_{10} n

    by binomial likelihood over the bins of `reports`, each at its mean size.

    Parameters
    ----------
    cases, reports
        As for `penalty_shares`.

    Returns
    -------
    PenaltyModel

    Raises
    ------
    ParameterError
        If a bin holds more amounts than reports: the two do not belong together.
    FitError
        If fewer than 5 incidents fall into the bins.

    Examples
    --------
    >>> bins = np.array([[500, 5_000], [5_000, 50_000], [50_000, 5e5]])
    >>> counts = np.array([900.0, 90.0, 9.0])
    >>> reports = SizeBins(bins, counts, counts * bins[:, 0] * 2, 500)
    >>> cases = pd.DataFrame(
    ...     {
    ...         "individuals_affected": [600, 900, 7_000, 8_000, 90_000, 99_000],
    ...         "incident_id": list("abcdef"),
    ...     }
    ... )
    >>> model = fit_penalty_probability(cases, reports)
    >>> model.probability([1_000, 100_000])["probability"].round(3).tolist()
    [0.002, 0.215]
    """
    import statsmodels.api as sm

    sizes = _incident_sizes(cases, reports.lower)
    filled = reports.counts > 0
    low, high = reports.bins[filled].T
    counts = reports.counts[filled]
    paid = ((sizes[:, None] >= low) & (sizes[:, None] < high)).sum(axis=0)
    if (paid > counts).any():
        raise ParameterError(
            "each bin of reports must hold at least as many breaches as cases have "
            f"amounts; {int((paid > counts).sum())} bins hold fewer"
        )
    if paid.sum() < 5:
        raise FitError(f"a fit needs at least 5 incidents; got {int(paid.sum())}")
    people = reports.totals[filled] / counts
    design = sm.add_constant(np.log10(people))
    outcome = np.column_stack([paid, counts - paid])
    result = sm.GLM(outcome, design, family=sm.families.Binomial()).fit()
    return PenaltyModel(
        intercept=float(result.params[0]),
        slope=float(result.params[1]),
        covariance=np.asarray(result.cov_params()),
        n_reports=int(counts.sum()),
        n_paid=int(paid.sum()),
    )


def expected_penalty(
    probability: PenaltyModel,
    amounts: ImpactModel,
    n_individuals: npt.ArrayLike,
    *,
    kind: str | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Estimate the amount to expect from a reported breach, paid or not.

    .. math:: E(y \mid n) = P(\text{amount} \mid n)\, E(y \mid \text{amount}, n)

    The interval is symmetric on the log scale, with the variances of the two logarithms
    added. That of the mean amount holds the coefficients and the residual variance
    (:math:`s^2 / 2` has standard error :math:`s^2 / \sqrt{2 \nu}`), for a log-normal
    law of amounts.

    Parameters
    ----------
    probability : PenaltyModel
    amounts : ImpactModel
    n_individuals : array_like
        People, positive, shape (k,).
    kind : str, optional
        Kind of amount, if `amounts` holds several.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns n_individuals, probability, paid_mean_usd, expected_usd, low_usd,
        high_usd, elasticity (of the expected amount to people, at this size:
        :math:`b + (1 - p)\, c_1 / \log 10`), elasticity_low, elasticity_high,
        outside_domain.
    """
    check_fraction(confidence_level, name="confidence_level")
    people, log_odds, odds_error = probability._log_odds(n_individuals)
    chance = expit(log_odds)
    paid = amounts.predict(people, kind=kind, confidence_level=confidence_level)
    variance, df = amounts.result.scale, amounts.result.df_resid
    paid_mean = paid["median_usd"].to_numpy() * np.exp(variance / 2)
    z = z_score(confidence_level)
    # Student's interval over a normal z: a little wider, never narrower.
    wide = paid["average_high_usd"] / paid["median_usd"]
    median_error = np.log(wide.to_numpy()) / z
    log_error = np.sqrt(
        median_error**2
        + variance**2 / (2 * df)
        # d log p / d log-odds = 1 - p
        + ((1 - chance) * odds_error) ** 2
    )
    expected = chance * paid_mean
    elasticity, elasticity_error = _elasticity(probability, amounts, people)
    return pd.DataFrame(
        {
            "n_individuals": people,
            "probability": chance,
            "paid_mean_usd": paid_mean,
            "expected_usd": expected,
            "low_usd": expected * np.exp(-z * log_error),
            "high_usd": expected * np.exp(z * log_error),
            "elasticity": elasticity,
            "elasticity_low": elasticity - z * elasticity_error,
            "elasticity_high": elasticity + z * elasticity_error,
            "outside_domain": paid["outside_domain"].to_numpy(),
        }
    )


def _elasticity(
    probability: PenaltyModel, amounts: ImpactModel, people: Array
) -> tuple[Array, Array]:
    """Return b + (1 - p) c_1 / log 10 and its standard error (delta method)."""
    chance = expit(probability._log_odds(people)[1])
    scaled = probability.slope / np.log(10)
    value = float(amounts.result.params["log_people"]) + (1 - chance) * scaled
    fall = -chance * (1 - chance) * scaled
    gradient = np.column_stack(
        [fall, (1 - chance) / np.log(10) + fall * np.log10(people)]
    )
    variance = np.einsum("ij,jk,ik->i", gradient, probability.covariance, gradient)
    variance += float(amounts.result.bse["log_people"]) ** 2
    return value, np.sqrt(variance)


def _incident_sizes(cases: pd.DataFrame, lower: float) -> Array:
    """Return one size for each incident of at least `lower` people."""
    sizes = cases.groupby("incident_id")["individuals_affected"].max().astype(float)
    return np.asarray(sizes[sizes >= lower], dtype=float)
