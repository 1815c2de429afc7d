"""The cardiovascular twin: the risk of heart attack, stroke and heart failure.

Three published equations that clinics use. They ask for much of a record: age, sex,
cholesterol, blood pressure, kidneys, diabetes, smoking and drugs, one of them for race.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy._validation import check_choice
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.people.columns import COLUMNS
from twinprivacy.people.patients import read_patients

__all__ = [
    "linear_predictor",
    "outside_domain",
    "predict_risk",
    "risk_models",
]


def risk_models() -> pd.DataFrame:
    """List the risk equations, what they ask for and the people they are for.

    Returns
    -------
    pandas.DataFrame
        One row an equation, columns model, name, outcome, horizon_years, n (people the
        model was fitted to, or missing), lower_age_years and upper_age_years (both ends
        inside), limits (of other values, as text), columns (asked for, as text),
        citation, url.

    Notes
    -----
    Ages are those of the sources. The other limits of PREVENT and of the Pooled Cohort
    Equations are the ones that public calculators accept; none were found for
    Framingham. body_mass_index is weight over height squared, in kg/m2.

    References
    ----------
    Khan et al. (2024), doi:10.1161/CIRCULATIONAHA.123.067626; Goff et al. (2014),
    doi:10.1161/01.cir.0000437741.48606.98; D'Agostino et al. (2008),
    doi:10.1161/CIRCULATIONAHA.107.699579.

    Examples
    --------
    >>> risk_models()[["model", "outcome", "horizon_years"]].tail(2)
                 model    outcome  horizon_years
    6         pce_2013      ascvd             10
    7  framingham_2008  total_cvd             10
    """
    rows = []
    for model, about in _MODELS.items():
        people = _scope(model)
        limits = "; ".join(f"{n} {a:g} to {b:g}" for n, (a, b) in people.limits.items())
        for horizon, ages in people.ages.items():
            for outcome in about.outcomes:
                terms = _find_equation(model, outcome, horizon)
                columns = ", ".join(terms.columns)
                row = (model, about.name, outcome, horizon, people.n, *ages, limits)
                rows.append((*row, columns, terms.citation, terms.url))
    names = ["model", "name", "outcome", "horizon_years", "n", "lower_age_years"]
    names += ["upper_age_years", "limits", "columns", "citation", "url"]
    return pd.DataFrame(rows, columns=names).astype({"n": "Int64"})


def predict_risk(
    patients: pd.DataFrame, *, model: str, outcome: str, horizon_years: int = 10
) -> Array:
    r"""Predict the probability of a first event within some years.

    With :math:`L = \sum_j b_j x_j` by sex (Pooled Cohort Equations: by sex and race),

    .. math:: p_{\text{PREVENT}} = \frac{1}{1 + e^{-L}}, \qquad
       p_{\text{others}} = 1 - S_0^{\exp(L - \bar L)}

    Parameters
    ----------
    patients : pandas.DataFrame
        The columns that `risk_models` lists; see `twinprivacy.people`.
    model : str
        "prevent_2023", "pce_2013" or "framingham_2008".
    outcome : str
        "total_cvd" (heart attack, stroke, heart failure; in Framingham also angina and
        arteries of the legs), "ascvd" (heart attack and stroke) or "heart_failure".
        PREVENT has all three, the Pooled Cohort Equations "ascvd", Framingham
        "total_cvd".
    horizon_years : int
        10, for PREVENT also 30.

    Returns
    -------
    numpy.ndarray
        Probabilities, shape (n,). Also for people outside the limits of the model: see
        `outside_domain`.

    Raises
    ------
    DataError
        If `patients` lacks a column, holds values that are missing or outside their
        range, or more HDL than total cholesterol.
    ParameterError
        If the model is unknown or lacks the outcome or the horizon.

    Notes
    -----
    PREVENT's base model. The Pooled Cohort Equations have groups for Black and White
    people only; as their guideline advises, everyone who is not Black takes the latter.

    References
    ----------
    As in `risk_models`.

    Examples
    --------
    >>> person = pd.DataFrame({
    ...     "age_years": [50], "sex": ["female"], "total_cholesterol_mg_dl": [200],
    ...     "hdl_mg_dl": [45], "systolic_bp_mmhg": [160], "bp_medication": [True],
    ...     "statin": [False], "diabetes": [True], "current_smoker": [False],
    ...     "egfr_ml_min": [90],
    ... })
    >>> predict_risk(person, model="prevent_2023", outcome="total_cvd").round(3)
    array([0.147])
    """
    chosen = _equation(model, outcome, horizon_years)
    return chosen.risk(_read(patients, chosen))


def linear_predictor(
    patients: pd.DataFrame, *, model: str, outcome: str, horizon_years: int = 10
) -> Array:
    r"""Return what the risk is made of, on the scale on which it adds up.

    Parameters
    ----------
    patients, model, outcome, horizon_years
        As for `predict_risk`.

    Returns
    -------
    numpy.ndarray
        Shape (n,): for PREVENT the log odds :math:`L`, else the log hazard relative to
        the mean, :math:`L - \bar L`.

    Raises
    ------
    DataError, ParameterError
        As for `predict_risk`.

    References
    ----------
    As in `risk_models`.

    Examples
    --------
    >>> person = pd.DataFrame({
    ...     "age_years": [61], "sex": ["female"], "total_cholesterol_mg_dl": [180],
    ...     "hdl_mg_dl": [47], "systolic_bp_mmhg": [124], "bp_medication": [False],
    ...     "diabetes": [False], "current_smoker": [True],
    ... })
    >>> linear_predictor(person, model="framingham_2008", outcome="total_cvd").round(3)
    array([0.772])
    """
    chosen = _equation(model, outcome, horizon_years)
    return chosen.score(_read(patients, chosen))


def outside_domain(
    patients: pd.DataFrame, *, model: str, horizon_years: int = 10
) -> npt.NDArray[np.bool_]:
    """Tell who lies outside the limits of a model.

    Parameters
    ----------
    patients : pandas.DataFrame
        Columns age_years and those that the limits are of: for the Pooled Cohort
        Equations total_cholesterol_mg_dl, hdl_mg_dl and systolic_bp_mmhg, for PREVENT
        also egfr_ml_min, height_cm and weight_kg.
    model : str
        As for `predict_risk`.
    horizon_years : int
        As for `predict_risk`.

    Returns
    -------
    numpy.ndarray
        Booleans, shape (n,): True where any value is outside. Ages count in whole
        years.

    Raises
    ------
    DataError, ParameterError
        As for `predict_risk`.

    References
    ----------
    As in `risk_models`.

    Examples
    --------
    >>> people = pd.DataFrame({"age_years": [29, 30, 74, 75]})
    >>> outside_domain(people, model="framingham_2008")
    array([ True, False, False,  True])
    """
    _check_model(model, horizon_years)
    people = _scope(model)
    body = ("height_cm", "weight_kg") if _BODY_MASS_INDEX in people.limits else ()
    measured = [name for name in people.limits if name != _BODY_MASS_INDEX]
    values = read_patients(patients, ("age_years", *measured, *body))
    if body:
        values[_BODY_MASS_INDEX] = _body_mass_index(values)
    values["age_years"] = np.floor(values["age_years"])
    limits = {"age_years": people.ages[horizon_years], **people.limits}
    outside = np.zeros(values["age_years"].size, dtype=bool)
    for name, (low, high) in limits.items():
        outside |= (values[name] < low) | (values[name] > high)
    return outside


_Values = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class _Equation:
    """Hold one equation, for each of its groups.

    Attributes
    ----------
    terms : dict of str to numpy.ndarray
        Coefficient of each term, one a group.
    mean, survival : numpy.ndarray or None
        Mean score, and survival of those who have it, one a group; None for a logistic
        equation.
    by_race : bool
        Whether groups are by sex and race, or by sex alone.
    citation, url : str
        Source.
    """

    terms: dict[str, Array]
    mean: Array | None
    survival: Array | None
    by_race: bool
    citation: str
    url: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the terms ask for, in the order of the vocabulary."""
        needed = {"sex", "race"} if self.by_race else {"sex"}
        for term in self.terms:
            for factor in term.split("*"):
                needed |= set(_QUANTITIES[factor].columns)
        return tuple(name for name in COLUMNS if name in needed)

    def score(self, values: _Values) -> Array:
        """Return the sum of the terms, less its mean where the equation has one."""
        group = self._group(values)
        factors = {name for term in self.terms for name in term.split("*")}
        known = {name: _QUANTITIES[name].of(values) for name in factors}
        score = np.zeros(group.size)
        for term, coefficient in self.terms.items():
            product = coefficient[group]
            for factor in term.split("*"):
                product *= known[factor]
            score += product
        return score if self.mean is None else score - self.mean[group]

    def risk(self, values: _Values) -> Array:
        """Return the probability of an event within the horizon."""
        from scipy.special import expit

        score = self.score(values)
        if self.survival is None:
            return np.asarray(expit(score))
        hazard = -np.log(self.survival)[self._group(values)] * np.exp(score)
        return np.asarray(-np.expm1(-hazard))

    def _group(self, values: _Values) -> npt.NDArray[np.int64]:
        group = values["sex"].astype(np.int64)
        if self.by_race:
            group += len(_SEXES) * (values["race"] == _BLACK)
        return group


def _equation(model: str, outcome: str, horizon_years: int) -> _Equation:
    _check_model(model, horizon_years)
    allowed = _MODELS[model].outcomes
    check_choice(outcome, name=f"outcome of {model!r}", allowed=allowed)
    return _find_equation(model, outcome, int(horizon_years))


def _check_model(model: str, horizon_years: int) -> None:
    check_choice(model, name="model", allowed=tuple(_MODELS))
    allowed = _scope(model).ages
    if horizon_years not in allowed:
        raise ParameterError(
            f"horizon_years of {model!r} must be one of "
            f"{', '.join(map(str, allowed))}; got {horizon_years!r}"
        )


def _read(patients: pd.DataFrame, chosen: _Equation) -> _Values:
    values = read_patients(patients, chosen.columns)
    if {"hdl_mg_dl", "total_cholesterol_mg_dl"} <= values.keys():
        n_more = int((values["hdl_mg_dl"] > values["total_cholesterol_mg_dl"]).sum())
        if n_more:
            raise DataError(
                "hdl_mg_dl must not be above total_cholesterol_mg_dl; got "
                f"{n_more} of {values['hdl_mg_dl'].size} above"
            )
    return values


_Limits = Mapping[str, tuple[float, float]]

_BODY_MASS_INDEX = "body_mass_index"
_AGE = "age_years"


class _Model(NamedTuple):
    """Describe a model: its outcomes, and its name in the table of coefficients.

    `table` has outcome and horizon to be filled in.
    """

    name: str
    outcomes: tuple[str, ...]
    table: str
    by_race: bool = False


_MODELS = {
    "prevent_2023": _Model(
        "PREVENT 2023, base",
        ("total_cvd", "ascvd", "heart_failure"),
        "prevent_2023_base:{outcome}_{horizon}y",
    ),
    "pce_2013": _Model(
        "Pooled Cohort Equations 2013", ("ascvd",), "pce_2013_ascvd", by_race=True
    ),
    "framingham_2008": _Model(
        "Framingham 2008, general", ("total_cvd",), "framingham_2008_general_cvd"
    ),
}
# Groups in the order of `Equation.group`: sexes as in the vocabulary, then races.
_SEXES = COLUMNS["sex"].categories
_GROUPS_BY_RACE = tuple(
    f"{race}_{sex}" for race in ("white", "black") for sex in _SEXES
)
_BLACK = COLUMNS["race"].categories.index("Black")


@dataclass(frozen=True)
class _Scope:
    """Whom a model is for, and how many people it was fitted to.

    Attributes
    ----------
    ages : mapping of int to (float, float)
        By horizon in years.
    limits : mapping of str to (float, float)
        Of other quantities.
    n : int or None
        None where the source was not seen.
    """

    ages: Mapping[int, tuple[float, float]]
    limits: _Limits
    n: int | None


@cache
def _scope(model: str) -> _Scope:
    """Return the limits of a model from table twin_model_scope."""
    facts = datasets.load("twin_model_scope")
    rows = facts[facts["model"] == model]
    fitted = rows.loc[rows["quantity"] == "people fitted", "value"]
    bounds = rows[rows["quantity"].isin([*COLUMNS, _BODY_MASS_INDEX])]
    ends = {
        (str(quantity), horizon): (float(low), float(high))
        for quantity, horizon, low, high in zip(
            bounds["quantity"],
            bounds["horizon_years"],
            bounds["value_low"],
            bounds["value_high"],
            strict=True,
        )
    }
    return _Scope(
        ages={int(years): span for (name, years), span in ends.items() if name == _AGE},
        limits={name: span for (name, _), span in ends.items() if name != _AGE},
        n=None if fitted.empty else int(fitted.item()),
    )


@cache
def _find_equation(model: str, outcome: str, horizon_years: int) -> _Equation:
    """Return one equation of `MODELS`, from the confirmed rows of the table."""
    about = _MODELS[model]
    facts = datasets.load("cvd_risk_coefficients")
    rows = facts[
        (facts["model"] == about.table.format(outcome=outcome, horizon=horizon_years))
        & (facts["check"] == "verified")
        & ~facts["term"].str.startswith("EXAMPLE")
    ]
    groups = list(_GROUPS_BY_RACE if about.by_race else _SEXES)
    table = rows.pivot_table(index="term", columns="group", values="value", sort=False)
    terms = {str(term): np.array(row) for term, row in table[groups].iterrows()}
    return _Equation(
        mean=terms.pop("mean_linear_predictor", None),
        survival=terms.pop("baseline_survival_10y", None),
        terms=terms,
        by_race=about.by_race,
        citation=str(rows["source_title"].iloc[0]),
        url=str(rows["source_url"].iloc[0]),
    )


_MMOL_L_PER_MG_DL = 0.02586


class _Quantity(NamedTuple):
    """Name the columns that a quantity is made of, and how."""

    columns: tuple[str, ...]
    of: Callable[[_Values], Array]


def _body_mass_index(values: _Values) -> Array:
    """Return the body mass index in kg/m2."""
    return np.asarray(values["weight_kg"] / (values["height_cm"] / 100) ** 2)


def _plain(column: str) -> _Quantity:
    return _Quantity((column,), lambda values: values[column])


def _log(column: str) -> _Quantity:
    return _Quantity((column,), lambda values: np.log(values[column]))


def _log_pressure(treated: bool) -> _Quantity:
    """Return the log of the pressure of those who take a drug against it, or do not."""
    return _Quantity(
        ("systolic_bp_mmhg", "bp_medication"),
        lambda values: np.where(
            values["bp_medication"] == treated, np.log(values["systolic_bp_mmhg"]), 0.0
        ),
    )


def _below(column: str, knot: float, unit: float) -> _Quantity:
    """Return what lies below a knot, in multiples of a unit."""
    return _Quantity((column,), lambda v: (np.minimum(v[column], knot) - knot) / unit)


def _above(column: str, knot: float, centre: float, unit: float) -> _Quantity:
    """Return what lies above a knot, counted from a centre, in multiples of a unit."""
    return _Quantity((column,), lambda v: (np.maximum(v[column], knot) - centre) / unit)


def _age_decades(values: _Values) -> Array:
    return np.asarray((values["age_years"] - 55) / 10)


def _non_hdl(values: _Values) -> Array:
    rest = values["total_cholesterol_mg_dl"] - values["hdl_mg_dl"]
    return np.asarray(_MMOL_L_PER_MG_DL * rest - 3.5)


# Knots, centres and units are those of the table's column of notes.
_QUANTITIES = {
    "constant": _Quantity((), lambda values: np.ones(values["sex"].size)),
    "age": _Quantity(("age_years",), _age_decades),
    "age_squared": _Quantity(("age_years",), lambda values: _age_decades(values) ** 2),
    "non_hdl": _Quantity(("total_cholesterol_mg_dl", "hdl_mg_dl"), _non_hdl),
    "hdl": _Quantity(
        ("hdl_mg_dl",), lambda v: (_MMOL_L_PER_MG_DL * v["hdl_mg_dl"] - 1.3) / 0.3
    ),
    "sbp_below_110": _below("systolic_bp_mmhg", 110, 20),
    "sbp_above_110": _above("systolic_bp_mmhg", 110, 130, 20),
    "egfr_below_60": _below("egfr_ml_min", 60, -15),
    "egfr_above_60": _above("egfr_ml_min", 60, 90, -15),
    "bmi_below_30": _Quantity(
        ("height_cm", "weight_kg"),
        lambda values: (np.minimum(_body_mass_index(values), 30) - 25) / 5,
    ),
    "bmi_above_30": _Quantity(
        ("height_cm", "weight_kg"),
        lambda values: (np.maximum(_body_mass_index(values), 30) - 30) / 5,
    ),
    "diabetes": _plain("diabetes"),
    "smoker": _plain("current_smoker"),
    "bp_medication": _plain("bp_medication"),
    "statin": _plain("statin"),
    "ln_age": _log("age_years"),
    "ln_age_squared": _Quantity(
        ("age_years",), lambda values: np.log(values["age_years"]) ** 2
    ),
    "ln_total_chol": _log("total_cholesterol_mg_dl"),
    "ln_total_chol_mgdl": _log("total_cholesterol_mg_dl"),
    "ln_hdl": _log("hdl_mg_dl"),
    "ln_hdl_mgdl": _log("hdl_mg_dl"),
    "ln_sbp_treated": _log_pressure(treated=True),
    "ln_sbp_untreated": _log_pressure(treated=False),
}
