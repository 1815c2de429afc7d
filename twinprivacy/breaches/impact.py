"""What a breach costs its keeper: amounts paid against people affected."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._validation import check_choice, check_fraction
from twinprivacy.errors import DataError, FitError, ParameterError
from twinprivacy.estimates.estimate import Estimate

__all__ = [
    "ImpactModel",
    "fit_impact",
    "usable_cases",
]


_NEEDED = ("amount_usd", "individuals_affected", "impact_kind", "incident_id")
_ERRORS = ("clustered", "hc3")
_POOLED = "log_usd ~ log_people + C(impact_kind)"
_ONE_KIND = "log_usd ~ log_people"


@dataclass(frozen=True, eq=False)
class ImpactModel:
    """A fitted log-log model of amounts, and what it says of the next case.

    Attributes
    ----------
    formula : str
    kinds : tuple of str
        Kinds of amount in the fit, such as "ocr_penalty".
    cases : pandas.DataFrame
        The rows used, with the added columns log_usd and log_people.
    result : statsmodels result
        Ordinary least squares, errors clustered by incident.
    hc3 : statsmodels result
        The same coefficients with HC3 errors.
    """

    formula: str
    kinds: tuple[str, ...]
    cases: pd.DataFrame
    result: Any
    hc3: Any

    @property
    def n(self) -> int:
        """Number of amounts."""
        return len(self.cases)

    @property
    def n_incidents(self) -> int:
        """Number of incidents; one can have several amounts."""
        return int(self.cases["incident_id"].nunique())

    @property
    def residual_sd(self) -> float:
        """Standard deviation of log amounts around the line, natural logs."""
        return float(np.sqrt(self.result.scale))

    def people_range(self, kind: str) -> tuple[float, float]:
        """Return the smallest and largest number of people in the cases of a kind."""
        of_kind = self.cases["impact_kind"] == kind
        people = self.cases.loc[of_kind, "individuals_affected"]
        return float(people.min()), float(people.max())

    def elasticity(
        self, *, errors: str = "clustered", confidence_level: float = 0.95
    ) -> Estimate:
        """Estimate by what per cent an amount grows when people grow by one per cent.

        Parameters
        ----------
        errors : str
            "clustered" by incident, or "hc3".
        confidence_level : float
            Strictly between 0 and 1; interval from Student's t.
        """
        check_choice(errors, name="errors", allowed=_ERRORS)
        check_fraction(confidence_level, name="confidence_level")
        result = self.result if errors == "clustered" else self.hc3
        low, high = result.conf_int(1 - confidence_level).loc["log_people"]
        value = float(result.params["log_people"])
        return Estimate(value, float(low), float(high), confidence_level, self.n)

    def coefficients(self, confidence_level: float = 0.95) -> pd.DataFrame:
        """Return every term with both standard errors and the clustered interval."""
        check_fraction(confidence_level, name="confidence_level")
        interval = self.result.conf_int(1 - confidence_level)
        return pd.DataFrame(
            {
                "term": self.result.params.index,
                "value": self.result.params.to_numpy(),
                "clustered_error": self.result.bse.to_numpy(),
                "hc3_error": self.hc3.bse.to_numpy(),
                "low": interval[0].to_numpy(),
                "high": interval[1].to_numpy(),
            }
        )

    def p_value(self, elasticity: float = 1.0) -> float:
        """Test the elasticity against a value; 1 is a constant cost per person."""
        return float(self.result.t_test(f"log_people = {elasticity}").pvalue)

    def predict(
        self,
        n_individuals: npt.ArrayLike,
        *,
        kind: str | None = None,
        confidence_level: float = 0.95,
        **columns: object,
    ) -> pd.DataFrame:
        r"""Predict amounts for cases of given sizes.

        The median is :math:`\exp(x^\top \hat\beta)`; the prediction interval is
        :math:`\exp\{x^\top \hat\beta \pm t \sqrt{s^2 + x^\top V x}\}` with residual
        variance :math:`s^2` and clustered covariance :math:`V`; the mean is the median
        times Duan's smearing factor, the average of :math:`\exp` of the residuals.

        Parameters
        ----------
        n_individuals : array_like
            People affected, positive, shape (k,).
        kind : str, optional
            Kind of amount; needed unless the fit holds a single kind.
        confidence_level : float
            Strictly between 0 and 1.
        **columns
            Values of further columns that the formula uses.

        Returns
        -------
        pandas.DataFrame
            Columns n_individuals, kind, median_usd, average_low_usd, average_high_usd
            (interval of the median), low_usd, high_usd (prediction interval of one
            case), mean_usd, and outside_domain: beyond the sizes of the kind's cases.

        Raises
        ------
        ParameterError
            For a kind that is not in the fit, or sizes that are not positive.
        """
        check_fraction(confidence_level, name="confidence_level")
        people = np.atleast_1d(np.asarray(n_individuals, dtype=float))
        if not (np.isfinite(people) & (people > 0)).all():
            raise ParameterError("n_individuals must be finite and above 0")
        kind = self.kinds[0] if kind is None and len(self.kinds) == 1 else kind
        if kind is None:
            raise ParameterError(
                f"kind must be one of {', '.join(self.kinds)}; got None"
            )
        check_choice(kind, name="kind", allowed=self.kinds)
        asked = pd.DataFrame(
            {"log_people": np.log(people), "impact_kind": kind, **columns}
        )
        frame = self.result.get_prediction(asked).summary_frame(1 - confidence_level)
        lower, upper = self.people_range(kind)
        return pd.DataFrame(
            {
                "n_individuals": people,
                "kind": kind,
                "median_usd": np.exp(frame["mean"]),
                "average_low_usd": np.exp(frame["mean_ci_lower"]),
                "average_high_usd": np.exp(frame["mean_ci_upper"]),
                "low_usd": np.exp(frame["obs_ci_lower"]),
                "high_usd": np.exp(frame["obs_ci_upper"]),
                "mean_usd": np.exp(frame["mean"]) * np.exp(self.result.resid).mean(),
                "outside_domain": (people < lower) | (people > upper),
            }
        )

    def cost_per_person(
        self,
        n_individuals: npt.ArrayLike,
        *,
        kind: str | None = None,
        confidence_level: float = 0.95,
    ) -> pd.DataFrame:
        """Predict amounts divided by people, with the columns of `predict`."""
        table = self.predict(
            n_individuals, kind=kind, confidence_level=confidence_level
        )
        amounts = [str(name) for name in table if str(name).endswith("_usd")]
        for amount in amounts:
            table[amount] /= table["n_individuals"]
        return table.rename(columns={name: f"{name}_per_person" for name in amounts})


def usable_cases(
    table: pd.DataFrame,
    *,
    checks: Collection[str] = ("verified",),
    with_excluded: bool = False,
) -> pd.DataFrame:
    """Keep the cases that a fit can use: a positive count and a positive amount.

    Parameters
    ----------
    table : pandas.DataFrame
        The data table "health_breach_impacts", or rows of the same columns.
    checks : collection of str
        Check levels of the source to keep.
    with_excluded : bool
        Keep the rows that the table marks as not to be used, such as settlements that
        cover other wrongs as well.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    DataError
        If a column is missing.

    Examples
    --------
    >>> from twinprivacy import datasets
    >>> len(usable_cases(datasets.load("health_breach_impacts")))
    197
    """
    _check_columns(table, (*_NEEDED, "check", "include"))
    keep = (table["individuals_affected"] > 0).fillna(False) & (table["amount_usd"] > 0)
    keep &= table["check"].isin(list(checks))
    if not with_excluded:
        keep &= table["include"].astype(bool)
    return table[keep.astype(bool)].reset_index(drop=True)


def fit_impact(
    cases: pd.DataFrame,
    *,
    formula: str | None = None,
    kinds: Collection[str] | None = None,
) -> ImpactModel:
    r"""Fit amounts against people affected on logarithmic scales.

    .. math:: \log y_i = \alpha_{k(i)} + b \log n_i + \varepsilon_i

    with amount :math:`y_i` in US dollars, people :math:`n_i`, one intercept for each
    kind of amount and a common elasticity :math:`b`. An elasticity of 1 would be a
    constant cost per person; below 1, each further person costs less.

    Parameters
    ----------
    cases : pandas.DataFrame
        Columns amount_usd, individuals_affected (both positive), impact_kind,
        incident_id, and those that a formula of your own names.
    formula : str, optional
        For statsmodels; the response is log_usd and log_people is among the terms.
    kinds : collection of str, optional
        Kinds of amount to keep; all without it.

    Returns
    -------
    ImpactModel
        Errors are clustered by incident, because one breach can draw a penalty and a
        settlement; HC3 errors stand beside them.

    Raises
    ------
    DataError
        If a column is missing or an amount or a count is not positive.
    ParameterError
        For a kind that no case has.
    FitError
        If there are fewer than 5 incidents, or the people do not vary.

    References
    ----------
    MacKinnon and White (1985), doi:10.1016/0304-4076(85)90158-7 (HC3).
    Cameron and Miller (2015), doi:10.3368/jhr.50.2.317 (clustered errors).
    Duan (1983), doi:10.1080/01621459.1983.10478017 (smearing).

    Examples
    --------
    >>> from twinprivacy import datasets
    >>> cases = usable_cases(datasets.load("health_breach_impacts"))
    >>> fit_impact(cases).elasticity()
    Estimate(value=0.238, low=0.125, high=0.351, confidence_level=0.95, n=197)
    """
    import statsmodels.formula.api as smf

    used = _prepare(cases, kinds)
    present = tuple(sorted(used["impact_kind"].unique()))
    formula = formula or (_POOLED if len(present) > 1 else _ONE_KIND)
    model = smf.ols(formula, used)
    if "log_people" not in model.exog_names:
        raise ParameterError(f"formula must hold the term log_people; got {formula!r}")
    if np.linalg.matrix_rank(model.exog) < model.exog.shape[1]:
        raise FitError(
            f"the {len(used)} cases do not determine the terms of {formula!r}"
        )
    # A formula may drop rows with missing values; the groups follow it.
    used = used.loc[model.data.row_labels]
    groups = pd.factorize(used["incident_id"])[0]
    result = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    return ImpactModel(
        formula=formula,
        kinds=present,
        cases=used,
        result=result,
        hc3=model.fit(cov_type="HC3", use_t=True),
    )


def _prepare(cases: pd.DataFrame, kinds: Collection[str] | None) -> pd.DataFrame:
    """Check the cases, keep the kinds asked for, and add the logarithms."""
    _check_columns(cases, _NEEDED)
    amounts, people = (cases[name].astype(float) for name in _NEEDED[:2])
    bad = int((~(np.isfinite(amounts) & (amounts > 0) & (people > 0))).sum())
    if bad:
        raise DataError(
            "amount_usd and individuals_affected must be positive in every case; got "
            f"{bad} of {len(cases)} that are not"
        )
    used = cases.assign(log_usd=np.log(amounts), log_people=np.log(people))
    if kinds is not None:
        present = tuple(sorted(cases["impact_kind"].unique()))
        for kind in kinds:
            check_choice(kind, name="kinds", allowed=present)
        used = used[used["impact_kind"].isin(list(kinds))]
    if used["incident_id"].nunique() < 5:
        raise FitError(
            f"a fit needs at least 5 incidents; got {used['incident_id'].nunique()}"
        )
    if np.ptp(used["log_people"]) == 0:
        raise FitError("individuals_affected must vary for a slope; all are equal")
    return used.reset_index(drop=True)


def _check_columns(table: pd.DataFrame, needed: Collection[str]) -> None:
    missing = sorted(set(needed) - set(table.columns))
    if missing:
        raise DataError(
            f"cases must have the columns {', '.join(needed)}; missing: "
            f"{', '.join(missing)}"
        )
