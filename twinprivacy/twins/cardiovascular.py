"""The cardiovascular twin: the risk of heart attack, stroke and heart failure.

Three published equations that clinics use. They ask for much of a record: age, sex,
cholesterol, blood pressure, kidneys, diabetes, smoking and drugs, one of them for race.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_choice
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins._risk_equations import (
    BODY_MASS_INDEX,
    MODELS,
    Equation,
    equation,
    scope,
)
from twinprivacy.twins._risk_quantities import Values, body_mass_index
from twinprivacy.twins.patients import read_patients

__all__ = ["linear_predictor", "outside_domain", "predict_risk", "risk_models"]


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
    for model, about in MODELS.items():
        people = scope(model)
        limits = "; ".join(f"{n} {a:g} to {b:g}" for n, (a, b) in people.limits.items())
        for horizon, ages in people.ages.items():
            for outcome in about.outcomes:
                terms = equation(model, outcome, horizon)
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
        The columns that `risk_models` lists; see `twinprivacy.twins.patients`.
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
    people = scope(model)
    body = ("height_cm", "weight_kg") if BODY_MASS_INDEX in people.limits else ()
    measured = [name for name in people.limits if name != BODY_MASS_INDEX]
    values = read_patients(patients, ("age_years", *measured, *body))
    if body:
        values[BODY_MASS_INDEX] = body_mass_index(values)
    values["age_years"] = np.floor(values["age_years"])
    limits = {"age_years": people.ages[horizon_years], **people.limits}
    outside = np.zeros(values["age_years"].size, dtype=bool)
    for name, (low, high) in limits.items():
        outside |= (values[name] < low) | (values[name] > high)
    return outside


def _equation(model: str, outcome: str, horizon_years: int) -> Equation:
    _check_model(model, horizon_years)
    allowed = MODELS[model].outcomes
    check_choice(outcome, name=f"outcome of {model!r}", allowed=allowed)
    return equation(model, outcome, int(horizon_years))


def _check_model(model: str, horizon_years: int) -> None:
    check_choice(model, name="model", allowed=tuple(MODELS))
    allowed = scope(model).ages
    if horizon_years not in allowed:
        raise ParameterError(
            f"horizon_years of {model!r} must be one of "
            f"{', '.join(map(str, allowed))}; got {horizon_years!r}"
        )


def _read(patients: pd.DataFrame, chosen: Equation) -> Values:
    values = read_patients(patients, chosen.columns)
    if {"hdl_mg_dl", "total_cholesterol_mg_dl"} <= values.keys():
        n_more = int((values["hdl_mg_dl"] > values["total_cholesterol_mg_dl"]).sum())
        if n_more:
            raise DataError(
                "hdl_mg_dl must not be above total_cholesterol_mg_dl; got "
                f"{n_more} of {values['hdl_mg_dl'].size} above"
            )
    return values
