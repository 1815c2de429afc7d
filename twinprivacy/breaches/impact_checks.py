"""Does the fit of amounts hold: other methods, other rows, one incident out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from twinprivacy._validation import check_fraction
from twinprivacy.breaches.impact import ImpactModel, fit_impact, usable_cases
from twinprivacy.errors import ParameterError

__all__ = [
    "compare_methods",
    "data_kind_effects",
    "elasticity_by_kind",
    "leave_one_incident_out",
    "sensitivity",
]


_US_KINDS = ("class_settlement", "ocr_penalty", "state_ag_penalty")
_QUANTILES = (0.1, 0.5, 0.9)
DATA_KINDS = ("ssn", "diagnosis", "medication", "mental_health", "genetic")


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
    kinds_of_data: Sequence[str] = DATA_KINDS,
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
    if min_cases < 2:
        raise ParameterError(f"min_cases must be 2 or more; got {min_cases!r}")
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


def _ratio(cases: pd.DataFrame, confidence_level: float) -> tuple[float, float, float]:
    """Return the ratio of amounts for one unit of the column "term"."""
    formula = "log_usd ~ log_people + C(impact_kind) + term"
    result = fit_impact(cases, formula=formula).result
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
