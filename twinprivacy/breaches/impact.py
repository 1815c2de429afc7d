"""What a breach costs its keeper: amounts paid against people affected.

The second half tries to break the fit: other methods, other rows, one incident out.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._validation import (
    as_positive,
    check_choice,
    check_fraction,
    check_whole,
)
from twinprivacy.errors import DataError, FitError
from twinprivacy.estimates.estimate import Estimate
from twinprivacy.tables import check_table

__all__ = [
    "ImpactModel",
    "compare_methods",
    "data_kind_effects",
    "elasticity_by_kind",
    "fit_impact",
    "leave_one_incident_out",
    "sensitivity",
    "usable_cases",
]


_NEEDED = ("amount_usd", "individuals_affected", "impact_kind", "incident_id")
_POOLED = "log_usd ~ log_people + C(impact_kind)"
_ONE_KIND = "log_usd ~ log_people"
_US_KINDS = ("class_settlement", "ocr_penalty", "state_ag_penalty")
_QUANTILES = (0.1, 0.5, 0.9)
_DATA_KINDS = ("ssn", "diagnosis", "medication", "mental_health", "genetic")


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

    def elasticity(self, *, confidence_level: float = 0.95) -> Estimate:
        """Estimate by what per cent an amount grows when people grow by one per cent.

        The interval is from Student's t, with errors clustered by incident.
        """
        check_fraction(confidence_level, name="confidence_level")
        low, high = self.result.conf_int(1 - confidence_level).loc["log_people"]
        value = float(self.result.params["log_people"])
        return Estimate(value, float(low), float(high), confidence_level, self.n)

    def p_value(self) -> float:
        """Test the elasticity against 1, a constant cost per person."""
        return float(self.result.t_test("log_people = 1.0").pvalue)

    def predict(
        self,
        n_individuals: npt.ArrayLike,
        *,
        kind: str | None = None,
        confidence_level: float = 0.95,
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
        people = np.atleast_1d(as_positive(n_individuals, name="n_individuals"))
        asked_kind = kind or (self.kinds[0] if len(self.kinds) == 1 else "")
        check_choice(asked_kind, name="kind", allowed=self.kinds)
        asked = pd.DataFrame({"log_people": np.log(people), "impact_kind": asked_kind})
        frame = self.result.get_prediction(asked).summary_frame(1 - confidence_level)
        lower, upper = self.people_range(asked_kind)
        return pd.DataFrame(
            {
                "n_individuals": people,
                "kind": asked_kind,
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
    check_table(table, name="table", columns=(*_NEEDED, "check", "include"))
    keep = (table["individuals_affected"] > 0).fillna(False) & (table["amount_usd"] > 0)
    keep &= table["check"].isin(list(checks))
    if not with_excluded:
        keep &= table["include"].astype(bool)
    return table[keep.astype(bool)].reset_index(drop=True)


def fit_impact(
    cases: pd.DataFrame, *, kinds: Collection[str] | None = None
) -> ImpactModel:
    r"""Fit amounts against people affected on logarithmic scales.

    .. math:: \log y_i = \alpha_{k(i)} + b \log n_i + \varepsilon_i

    with amount :math:`y_i` in US dollars, people :math:`n_i`, one intercept for each
    kind of amount and a common elasticity :math:`b`. An elasticity of 1 would be a
    constant cost per person; below 1, each further person costs less.

    Parameters
    ----------
    cases : pandas.DataFrame
        Columns amount_usd, individuals_affected (both positive), impact_kind and
        incident_id.
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
    used = _prepare(cases, kinds)
    present = used["impact_kind"].unique()
    return _fit(used, _POOLED if len(present) > 1 else _ONE_KIND)


def compare_methods(
    cases: pd.DataFrame, *, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Estimate the pooled elasticity by methods that trust different things.

    Parameters
    ----------
    cases : pandas.DataFrame
        As for `fit_impact`, with at least two kinds of amount.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns method, elasticity, low, high, n: least squares with errors clustered by
        incident and with HC3 errors; regression of the 0.1, 0.5 and 0.9 quantiles;
        Huber's robust regression; a random intercept for each incident, if any has two
        amounts. All have a fixed intercept for each kind.

    References
    ----------
    Koenker and Bassett (1978), doi:10.2307/1913643 (quantiles).
    Huber (1964), doi:10.1214/aoms/1177703732 (robust).
    Laird and Ware (1982), doi:10.2307/2529876 (random effects).
    """
    import statsmodels.api as sm
    import statsmodels.formula.api as smf

    check_fraction(confidence_level, name="confidence_level")
    model = fit_impact(cases)
    formula, used = model.formula, model.cases
    alpha = 1 - confidence_level
    results = {
        "least squares, clustered": model.result,
        "least squares, HC3": model.hc3,
    }
    for quantile in _QUANTILES:
        fitted = smf.quantreg(formula, used).fit(q=quantile)
        results[f"quantile {quantile:g}"] = fitted
    huber = sm.robust.norms.HuberT()
    results["robust (Huber)"] = smf.rlm(formula, used, M=huber).fit()
    # Without an incident of two amounts there is no effect to tell from the errors.
    if used["incident_id"].duplicated().any():
        mixed = smf.mixedlm(formula, used, groups=used["incident_id"])
        results["random effect of incident"] = mixed.fit()
    rows = []
    for method, result in results.items():
        low, high = result.conf_int(alpha).loc["log_people"]
        rows.append((method, result.params["log_people"], low, high, model.n))
    return pd.DataFrame(rows, columns=["method", "elasticity", "low", "high", "n"])


def sensitivity(table: pd.DataFrame, *, confidence_level: float = 0.95) -> pd.DataFrame:
    """Fit the pooled elasticity on other choices of rows.

    Parameters
    ----------
    table : pandas.DataFrame
        The data table "health_breach_impacts", all rows.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns group, variant, elasticity, low, high, n, n_incidents. The first row is
        the fit as used; the last two bound what leaving out one incident can do.
    """
    check_fraction(confidence_level, name="confidence_level")
    cases = usable_cases(table)
    everything = usable_cases(table, checks=set(table["check"]), with_excluded=True)
    two_sources = cases[cases["source_url_2"].notna()]
    middle = int(cases["incident_year"].median())
    domestic = cases["country"].isin(["US", "PR"])
    late = cases["incident_year"] > middle
    rows = {
        ("as used", "verified, not excluded"): cases,
        ("rows", "with excluded rows"): usable_cases(table, with_excluded=True),
        ("rows", "with partly checked rows"): everything,
        ("rows", "two sources"): two_sources,
        ("rows", "at least 500 people"): cases[cases["individuals_affected"] >= 500],
        ("place", "United States only"): cases[domestic],
        ("kinds", "without direct costs"): cases[
            cases["impact_kind"] != "disclosed_direct_cost"
        ],
        ("kinds", "three US kinds"): cases[cases["impact_kind"].isin(_US_KINDS)],
        ("years", f"incidents up to {middle}"): cases[~late],
        ("years", f"incidents after {middle}"): cases[late],
    }
    fitted = [
        _row(group, variant, fit_impact(part), confidence_level)
        for (group, variant), part in rows.items()
    ]
    without = leave_one_incident_out(cases, confidence_level=confidence_level)
    ends = without.drop_duplicates("incident_id").sort_values("elasticity")
    for label, row in (("lowest", ends.iloc[0]), ("highest", ends.iloc[-1])):
        model = fit_impact(cases[cases["incident_id"] != row["incident_id"]])
        fitted.append(
            _row("one incident out", f"{label} of all", model, confidence_level)
        )
    return pd.DataFrame(fitted)


def elasticity_by_kind(
    cases: pd.DataFrame, *, confidence_level: float = 0.95, min_incidents: int = 5
) -> pd.DataFrame:
    """Fit each kind of amount by itself, and all together.

    Parameters
    ----------
    cases : pandas.DataFrame
        As for `fit_impact`.
    confidence_level : float
        Strictly between 0 and 1.
    min_incidents : int
        A kind with fewer incidents is left out.

    Returns
    -------
    pandas.DataFrame
        Columns kind ("pooled" last: one slope, an intercept for each kind), elasticity,
        low, high, hc3_error, clustered_error, p_value_of_one, n, n_incidents.
    """
    incidents = cases.groupby("impact_kind")["incident_id"].nunique()
    kinds = sorted(incidents[incidents >= min_incidents].index)
    fits = {kind: fit_impact(cases, kinds=[kind]) for kind in kinds}
    fits["pooled"] = fit_impact(cases)
    rows = []
    for kind, model in fits.items():
        slope = model.elasticity(confidence_level=confidence_level)
        rows.append(
            {
                "kind": kind,
                "elasticity": slope.value,
                "low": slope.low,
                "high": slope.high,
                "hc3_error": float(model.hc3.bse["log_people"]),
                "clustered_error": float(model.result.bse["log_people"]),
                "p_value_of_one": model.p_value(),
                "n": model.n,
                "n_incidents": model.n_incidents,
            }
        )
    return pd.DataFrame(rows)


def leave_one_incident_out(
    cases: pd.DataFrame, *, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Fit without each incident in turn and predict its amounts.

    Parameters
    ----------
    cases : pandas.DataFrame
        As for `fit_impact`.
    confidence_level : float
        Of the prediction interval, strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        One row for each amount: incident_id, kind, elasticity (without the incident),
        covered (bool: the amount lies in its prediction interval).
    """
    check_fraction(confidence_level, name="confidence_level")
    parts = []
    for incident, held_out in cases.groupby("incident_id", sort=True):
        model = fit_impact(cases[cases["incident_id"] != incident])
        elasticity = float(model.result.params["log_people"])
        for kind, own in held_out.groupby("impact_kind"):
            predicted = model.predict(
                own["individuals_affected"],
                kind=str(kind),
                confidence_level=confidence_level,
            )
            low, high = (predicted[name].to_numpy() for name in ("low_usd", "high_usd"))
            amounts = own["amount_usd"].to_numpy()
            covered = (low <= amounts) & (amounts <= high)
            parts.append(
                pd.DataFrame(
                    {
                        "incident_id": incident,
                        "kind": kind,
                        "elasticity": elasticity,
                        "covered": covered,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def data_kind_effects(
    cases: pd.DataFrame,
    *,
    kinds_of_data: Sequence[str] = _DATA_KINDS,
    min_cases: int = 10,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    r"""Ask whether amounts depend on the kinds of data lost.

    Each kind in turn, and then the number of kinds, joins the pooled fit as one more
    term; :math:`\exp` of its coefficient is the ratio of amounts between cases with and
    without it (or with one kind more) at equal people and kind of amount.

    Parameters
    ----------
    cases : pandas.DataFrame
        As for `fit_impact`, with data_categories: names joined by "|". Rows without
        any name are left out: nobody said what was lost.
    kinds_of_data : sequence of str
        Kinds to ask about.
    min_cases : int
        With fewer incidents that hold the kind, or that lack it, no ratio is given.
    confidence_level : float
        Strictly between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns kind_of_data ("one kind more" last), ratio, low, high, n (cases known),
        n_with and n_without (incidents), estimable (bool). Intervals are of one
        comparison each and not adjusted for their number.

    Raises
    ------
    ParameterError
        If `min_cases` is below 2.
    """
    check_fraction(confidence_level, name="confidence_level")
    check_whole(min_cases, name="min_cases", least=2)
    known = cases[cases["data_categories"].fillna("") != ""]
    held = known["data_categories"].str.split("|").map(set)
    rows = []
    for kind in kinds_of_data:
        has = held.map(lambda kinds, kind=kind: kind in kinds).astype(float)
        n_with, n_without = (
            int(known.loc[has == value, "incident_id"].nunique()) for value in (1, 0)
        )
        estimable = min(n_with, n_without) >= min_cases
        ratio = (
            _ratio(known.assign(term=has), confidence_level)
            if estimable
            else (np.nan, np.nan, np.nan)
        )
        rows.append((kind, *ratio, len(known), n_with, n_without, estimable))
    counted = known.assign(term=held.map(len).astype(float))
    ratio = _ratio(counted, confidence_level)
    n_incidents = known["incident_id"].nunique()
    rows.append(("one kind more", *ratio, len(known), n_incidents, 0, True))
    names = ("kind_of_data", "ratio", "low", "high", "n", "n_with", "n_without")
    return pd.DataFrame(rows, columns=[*names, "estimable"])


def _prepare(cases: pd.DataFrame, kinds: Collection[str] | None) -> pd.DataFrame:
    """Check the cases, keep the kinds asked for, and add the logarithms."""
    check_table(cases, name="cases", columns=_NEEDED)
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


def _fit(used: pd.DataFrame, formula: str) -> ImpactModel:
    """Fit prepared cases by least squares, with both kinds of errors."""
    import statsmodels.formula.api as smf

    model = smf.ols(formula, used)
    if np.linalg.matrix_rank(model.exog) < model.exog.shape[1]:
        raise FitError(
            f"the {len(used)} cases do not determine the terms of {formula!r}"
        )
    groups = pd.factorize(used["incident_id"])[0]
    return ImpactModel(
        formula=formula,
        kinds=tuple(sorted(used["impact_kind"].unique())),
        cases=used,
        result=model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True),
        hc3=model.fit(cov_type="HC3", use_t=True),
    )


def _ratio(cases: pd.DataFrame, confidence_level: float) -> tuple[float, float, float]:
    """Return the ratio of amounts for one unit of the column "term"."""
    result = _fit(_prepare(cases, None), f"{_POOLED} + term").result
    low, high = result.conf_int(1 - confidence_level).loc["term"]
    value, low, high = np.exp([result.params["term"], low, high])
    return float(value), float(low), float(high)


def _row(
    group: str, variant: str, model: ImpactModel, confidence_level: float
) -> dict[str, str | float | int]:
    slope = model.elasticity(confidence_level=confidence_level)
    return {
        "group": group,
        "variant": variant,
        "elasticity": slope.value,
        "low": slope.low,
        "high": slope.high,
        "n": model.n,
        "n_incidents": model.n_incidents,
    }
