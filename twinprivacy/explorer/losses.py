r"""A year's loss by people exposed, rate and kinds of data, in a few small tables.

If each breach exposes the same number of people :math:`m` and costs
:math:`A m^b e^{K \delta} R` with :math:`\ln R \sim N(0, s^2)`, the loss of a year is
:math:`A m^b e^{K \delta}` times a number whose law depends on the rate :math:`\lambda`
and :math:`s` only. The error of :math:`\ln A + b \ln m + K \delta` is normal with
variance :math:`\tau^2`, so that the band depends on :math:`\lambda`, :math:`\tau / s`
and the loss over the typical one, in units of :math:`s` on a logarithmic scale. Three
axes do for everything that sliders can set.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from scipy.interpolate import CubicSpline

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy.breaches import components, impact
from twinprivacy.breaches.annual_loss import exact_annual_loss
from twinprivacy.breaches.programme import (
    CostComponent,
    ExposedShare,
    Programme,
    draw_programmes,
)
from twinprivacy.explorer.interpolation import look_up, make_axis, make_table, rounded


class Draws(NamedTuple):
    """Standard normal errors of a log amount, and scatters, a number for each draw."""

    shifts: Array
    scatters: Array


# One more of these multiplies a cost; demographics and history are the least held.
KINDS_THAT_COUNT = ("laboratory", "genome", "daily habits")
VIEWS = {"insured claims": "dbir2015_loglog", "survey": "jacobs2014_loglog"}
# The law is narrow where one breach is likely and two are not, so it has more points.
RATES = (0.001, 0.003, 0.01, 0.03, 0.06, 0.12, 0.2, 0.3, 0.45, 0.7, 1.0)
BAND_RATES = (0.001, 0.01, 0.06, 0.2, 0.45, 1.0)
MOST_PEOPLE = 1e7
N_DRAWS = 200
# Laws are computed at so many scatters over the range of the drawn ones.
N_SCATTERS = 7
# Where a curve is shown: one year in ten thousand.
SMALLEST_CHANCE = 1e-4
# Chances below a millionth are not resolved.
LEAST_RESOLVED = 1e-6
# Rates and parts of the range of tau between the points of the axes.
HELD_OUT = ((0.004, 0.12), (0.02, 0.37), (0.08, 0.62), (0.36, 0.87), (0.85, 0.29))
_TAILS = (0.025, 0.975)


def view_components() -> dict[str, CostComponent]:
    """Return what one breach costs in each view, by chapter 4."""
    cases = impact.usable_cases(datasets.load("health_breach_impacts"))
    effects = components.effects_of_more_kinds(cases, KINDS_THAT_COUNT)
    return {
        view: components.published_component(model, kind_effects=effects)
        for view, model in VIEWS.items()
    }


def stated_rates() -> dict[str, float]:
    """Return the low, base and high breaches a year of chapter 4."""
    facts = datasets.load("organisations").set_index("measure_id")["value"]
    binned = datasets.load("ocr_binned_sizes").query("entity_type == 'provider'")
    by_year = binned.groupby("year")["n_breaches"].sum()
    growth = by_year.loc[2020:2024].mean() / by_year.loc[2010:2016].mean()
    hospital_years = facts["aha2020_hospitals"] * facts["bai2017_years"]
    low = float(facts["bai2017_breaches"] / hospital_years)
    published = datasets.load("published_models")
    typical = published.set_index(["model_id", "parameter"])["value"]
    chance = typical["iris2025", "annual probability, typical firm, 2024"]
    high = float(-np.log1p(-chance))
    return {"low": low, "base": low * float(growth), "high": high}


def loss_grids(*, rng: np.random.Generator) -> dict[str, Any]:
    """Return tables and constants of each view."""
    pairs = zip(view_components().items(), rng.spawn(len(VIEWS)), strict=True)
    return {view: _view(component, child) for (view, component), child in pairs}


def _view(component: CostComponent, rng: np.random.Generator) -> dict[str, Any]:
    draws = _unit_draws(component, rng)
    rates = sorted({*RATES, *(rate for rate, _ in HELD_OUT)})
    laws = dict(zip(rates, _laws(component, draws, rates), strict=True))
    tables = _tables(component, draws, laws)
    return {
        **_constants(component),
        **tables,
        "interpolation_error": rounded(_error(component, draws, laws, tables)),
        "error_of": "chances of 1 in 10,000 years and more, relative",
    }


def _constants(component: CostComponent) -> dict[str, Any]:
    effect, error = dict(component.kind_effects)[KINDS_THAT_COUNT[0]]
    return {
        "log_usd_of_one_person": float(np.log(component.usd_of_one_person)),
        "elasticity": component.elasticity,
        "residual_sd": component.residual_sd,
        "kind_effect": effect,
        "kind_error": error,
        "kinds_that_count": list(KINDS_THAT_COUNT),
        "covariance": np.asarray(component.covariance).tolist(),
    }


def _reach(component: CostComponent) -> Array:
    """Return tau / s of the settings that sliders allow, least and most."""
    level_slope = np.asarray(component.covariance)
    x = np.vstack([np.ones(200), np.linspace(0, np.log(MOST_PEOPLE), 200)])
    line = np.einsum("ik,ij,jk->k", x, level_slope, x)
    _, error = dict(component.kind_effects)[KINDS_THAT_COUNT[0]]
    most = line.max() + (len(KINDS_THAT_COUNT) * error) ** 2
    return np.sqrt([line.min(), most]) / component.residual_sd


def _axes(component: CostComponent) -> tuple[Array, Array]:
    """Return points of tau / s, and of losses over the typical one in units of s."""
    least, most = _reach(component)
    n_reaches = 4 + int(6 * most)
    # The sum of several breaches, and the band, lie to the right of one breach.
    right = 5.5 + 2 * most
    return np.linspace(least, most, n_reaches), np.arange(-5.5 - most, right, 0.25)


def _unit_draws(component: CostComponent, rng: np.random.Generator) -> Draws:
    """Return draws of an error with variance 1, and of the scatter."""
    unit = replace(
        component,
        usd_of_one_person=1.0,
        elasticity=0.0,
        kind_effects={},
        covariance=((1.0, 0.0), (0.0, 0.0)),
    )
    drawn = draw_programmes(_breaches_of(unit, 1.0), N_DRAWS, rng=rng)
    ones = [programme.components[0] for programme in drawn]
    shifts = np.log([one.usd_of_one_person for one in ones])
    return Draws(shifts, np.array([one.residual_sd for one in ones]))


def _breaches_of(component: CostComponent, rate: float) -> Programme:
    return Programme("unit", 1, (), rate, ExposedShare.fixed(1.0), (component,))


def _laws(component: CostComponent, draws: Draws, rates: list[float]) -> list[Array]:
    """Return log-log chances at fine positions, of the base and of each draw.

    A law depends on its scatter smoothly: a few are computed, others interpolated.
    """
    scatters = np.linspace(draws.scatters.min(), draws.scatters.max(), N_SCATTERS)
    wanted = np.append(component.residual_sd, draws.scatters)
    fine = _fine(component)

    def curves(rate: float) -> Array:
        at = [_curve(component, sd, rate, fine) for sd in scatters]
        return CubicSpline(scatters, at)(wanted)

    found: list[Array] = Parallel()(delayed(curves)(rate) for rate in rates)
    return found


def _curve(component: CostComponent, scatter: float, rate: float, fine: Array) -> Array:
    one = replace(
        component,
        usd_of_one_person=1.0,
        elasticity=0.0,
        residual_sd=scatter,
        kind_effects={},
        covariance=None,
    )
    losses = np.exp(fine * component.residual_sd)
    chance = exact_annual_loss(_breaches_of(one, rate)).exceedance(losses)
    return np.log(-np.log1p(-np.clip(chance, LEAST_RESOLVED, None)))


def _fine(component: CostComponent) -> Array:
    """Return positions far enough beyond the table's for every draw's shift."""
    (_, most), (_, z) = _reach(component), _axes(component)
    return np.arange(z[0] - 4 * most, z[-1] + 4 * most + 0.1, 0.1)


def _tables(
    component: CostComponent, draws: Draws, laws: dict[float, Array]
) -> dict[str, Any]:
    reaches, z = _axes(component)
    rate, band_rate = (
        make_axis("rate", points, scale="log") for points in (RATES, BAND_RATES)
    )
    reach, place = make_axis("reach", reaches), make_axis("z", z)
    base = [_chance(z, _fine(component), laws[r][0]) for r in RATES]
    bands = np.array(
        [[_band(component, draws, laws[r], t, z) for t in reaches] for r in BAND_RATES]
    )
    means = np.array([_mean_band(component, draws, t) for t in reaches])
    tables = {"chance": make_table([rate, place], base, transform="cloglog")}
    for side, name in enumerate(("low", "high")):
        tables[f"chance_{name}"] = make_table(
            [band_rate, reach, place], bands[:, :, side], transform="cloglog"
        )
        tables[f"mean_{name}"] = make_table([reach], means[:, side], transform="log")
    return tables


def _chance(z: Array, fine: Array, curve: Array) -> Array:
    return -np.expm1(-np.exp(np.interp(z, fine, curve)))


def _band(
    component: CostComponent, draws: Draws, curves: Array, reach: float, z: Array
) -> Array:
    """Return the middle 95 % of the drawn curves, shape (2, len(z))."""
    fine = _fine(component)
    drawn = [
        _chance(z - reach * shift, fine, curve)
        for shift, curve in zip(draws.shifts, curves[1:], strict=True)
    ]
    return np.quantile(drawn, _TAILS, axis=0)


def _mean_band(component: CostComponent, draws: Draws, reach: float) -> Array:
    """Return the middle 95 % of drawn means over the mean."""
    sd = component.residual_sd
    logs = reach * sd * draws.shifts + (draws.scatters**2 - sd**2) / 2
    return np.exp(np.quantile(logs, _TAILS))


def _error(
    component: CostComponent,
    draws: Draws,
    laws: dict[float, Array],
    tables: dict[str, Any],
) -> float:
    """Return the largest relative error at points between those of the tables."""
    reaches, z = _axes(component)
    z = z[:-1] + np.diff(z) / 2
    worst = 0.0
    for rate, part in HELD_OUT:
        reach = reaches[0] + part * (reaches[-1] - reaches[0])
        low, high = _band(component, draws, laws[rate], reach, z)
        base = _chance(z, _fine(component), laws[rate][0])
        pairs = {"chance": base, "chance_low": low, "chance_high": high}
        for name, truth in pairs.items():
            found = [look_up(tables[name], rate=rate, reach=reach, z=at) for at in z]
            shown = truth >= SMALLEST_CHANCE
            off = np.abs(np.array(found)[shown] / truth[shown] - 1)
            worst = max(worst, float(off.max(initial=0.0)))
    return worst
