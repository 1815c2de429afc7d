"""Costs of one breach as parts of a programme: from published models and from our fits.

Each carries its errors along, so that the loss of a year can be drawn again with other
parameters that the evidence allows.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from twinprivacy._validation import check_choice
from twinprivacy.breaches.impact import ImpactModel, data_kind_effects
from twinprivacy.breaches.penalties import PenaltyModel
from twinprivacy.breaches.programme import CostComponent
from twinprivacy.breaches.published_costs import MODELS, law
from twinprivacy.errors import ParameterError

__all__ = [
    "effects_of_more_kinds",
    "fitted_component",
    "published_component",
]


Effects = Mapping[str, tuple[float, float]]
# A straight line with a fixed part is no power of the people.
_POWER_LAWS = tuple(name for name, (_, form, _) in MODELS.items() if form != "linear")


def published_component(
    model: str, *, kind_effects: Effects | None = None
) -> CostComponent:
    """Return a published model as a cost that every breach has.

    Parameters
    ----------
    model : str
        A name from `cost_models` whose form is not "linear". A record counts as a
        person.
    kind_effects : mapping, optional
        As for `CostComponent`.

    Returns
    -------
    CostComponent
        A flat rate, and a line through two points, has no scatter.

    Raises
    ------
    ParameterError
        For another name.

    Examples
    --------
    >>> claims = published_component("dbir2015_loglog")
    >>> round(float(claims.scale_usd(np.array([1e6]), kinds=())[0]), -4)
    1260000.0
    """
    check_choice(model, name="model", allowed=_POWER_LAWS)
    line = law(model)
    covariance = None
    if np.isfinite(line.sxx):
        slope = line.sd**2 / line.sxx
        level = line.sd**2 / line.n + line.x_mean**2 * slope
        shared = -line.x_mean * slope
        covariance = ((level, shared), (shared, slope))
    return CostComponent(
        name=MODELS[model][0],
        usd_of_one_person=float(np.exp(line.intercept)) if line.log else line.slope,
        elasticity=line.slope if line.log else 1.0,
        residual_sd=line.sd if line.has_errors else 0.0,
        kind_effects=kind_effects or {},
        covariance=covariance,
        residual_df=line.df if np.isfinite(line.df) else None,
    )


def fitted_component(
    amounts: ImpactModel,
    *,
    chance: PenaltyModel,
    kind_effects: Effects | None = None,
) -> CostComponent:
    """Return our fit of one kind of amount, with the chance that it comes to it.

    Parameters
    ----------
    amounts : ImpactModel
        A fit of a single kind with the usual formula.
    chance : PenaltyModel
        Share of reported breaches that end in such an amount.
    kind_effects : mapping, optional
        As for `CostComponent`.

    Returns
    -------
    CostComponent

    Raises
    ------
    ParameterError
        If the fit holds several kinds or further terms.
    """
    terms = list(amounts.result.params.index)
    if terms != ["Intercept", "log_people"]:
        raise ParameterError(
            "amounts must be a fit of one kind with the terms Intercept and "
            f"log_people; got {', '.join(terms)}"
        )
    intercept, slope = amounts.result.params
    return CostComponent(
        name=amounts.kinds[0],
        usd_of_one_person=float(np.exp(intercept)),
        elasticity=float(slope),
        residual_sd=amounts.residual_sd,
        probability=(chance.intercept, chance.slope),
        kind_effects=kind_effects or {},
        covariance=_nested(amounts.result.cov_params()),
        probability_covariance=_nested(chance.covariance),
        residual_df=float(amounts.result.df_resid),
    )


def effects_of_more_kinds(
    cases: pd.DataFrame, kinds: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Return the effect of one kind of data more, for each kind named.

    The cases are too few for a number of its own for most kinds, so each gets that of
    the number of kinds.

    Parameters
    ----------
    cases : pandas.DataFrame
        As for `data_kind_effects`.
    kinds : sequence of str
        Kinds of data that a programme holds beyond the least.

    Returns
    -------
    dict of str to (float, float)
        Natural log of the ratio of amounts, and its standard error.
    """
    effects = data_kind_effects(cases, kinds_of_data=()).iloc[-1]
    # The interval is that of Student's t; a normal error of its width is a little wide.
    error = np.log(effects["high"] / effects["low"]) / (2 * 1.959964)
    return {kind: (float(np.log(effects["ratio"])), float(error)) for kind in kinds}


def _nested(
    covariance: "np.ndarray | pd.DataFrame",
) -> tuple[tuple[float, float], tuple[float, float]]:
    (a, b), (c, d) = np.asarray(covariance, dtype=float).tolist()
    return (a, b), (c, d)
