"""The glucose model written plainly in numpy, as its equations read, for comparison."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[Any]

KINDS = ("breakfast", "lunch", "dinner", "snack", "rescue")
VG, R1, R2, ALPHA, VI, KE, TAU, KGRI, F = (
    *(1.45, 1.4407, 0.8124, 7.0),
    *(0.135, 0.127, 8.0, 0.18, 0.9),
)


def risk(glucose: Array, gb: Array) -> Array:
    low = np.log(np.maximum(glucose, 60.0)) ** R2 - np.log(gb) ** R2
    return np.where(glucose < gb, 1 + 10 * R1 * low**2, 1.0)


def part_of_day(minute: float) -> str:
    hour = (minute % 1_440) / 60
    if 4 <= hour < 11:
        return "breakfast"
    return "lunch" if 11 <= hour < 17 else "dinner"


def basal(people: pd.DataFrame) -> Array:
    return (people["basal_u_per_hour"] * 1_000 / 60 / people["weight_kg"]).to_numpy()


def incoming(minutes: Array, amounts: Array, n_steps: int, dt: float) -> Array:
    """Spread impulses over the two steps nearest to them, in amount per step."""
    rate = np.zeros(n_steps + 2)
    for minute, amount in zip(minutes, amounts, strict=True):
        first, share = int(minute // dt), (minute / dt) % 1
        if first < n_steps:
            rate[first] += amount * (1 - share)
            rate[first + 1] += amount * share
    return rate[:n_steps]


def inputs(
    people: pd.DataFrame,
    meals: pd.DataFrame,
    insulin: pd.DataFrame,
    n_steps: int,
    dt: float,
) -> tuple[Array, Array]:
    """Return carbohydrate (kinds, n_steps, n) and insulin (n_steps, n) per step."""
    eaten = np.zeros((5, n_steps, len(people)))
    given = np.zeros((n_steps, len(people)))
    for j, (_, person) in enumerate(people.iterrows()):
        own = meals[meals["patient"] == person["patient"]]
        for k, kind in enumerate(KINDS):
            rows = own[own["kind"] == kind]
            delay = person.get(f"beta_{kind}_min", 0.0)
            grams = rows["carbohydrate_g"] * 1_000 / person["weight_kg"]
            eaten[k, :, j] = incoming(rows["minute"] + delay, grams, n_steps, dt)
        doses = insulin[insulin["patient"] == person["patient"]]
        units = doses["bolus_units"] * 1_000 / person["weight_kg"]
        given[:, j] = incoming(doses["minute"] + TAU, units, n_steps, dt)
    return eaten, given


def simulate(
    people: pd.DataFrame,
    meals: pd.DataFrame,
    insulin: pd.DataFrame,
    *,
    minutes: int,
    dt: float = 1.0,
    every: int = 5,
) -> tuple[Array, Array]:
    """Simulate everyone by the same implicit steps; return plasma and tissue."""
    events = inputs(people, meals, insulin, round(minutes / dt), dt)
    return march(people, *events, dt=dt, every=every)


def march(
    people: pd.DataFrame, eaten: Array, given: Array, *, dt: float, every: int
) -> tuple[Array, Array]:
    """Take the steps, one after the other, all people at once."""
    p = {str(name): people[name].to_numpy() for name in people.columns}
    kabs = np.array([p[f"kabs_{kind}_per_min"] for kind in KINDS])
    u = basal(people)
    q1, q2, q3 = np.zeros((3, 5, len(people)))
    s1, s2, ip, x = u / p["kd_per_min"], u / p["ka2_per_min"], u / KE, 0 * u
    g = ig = p["gb_mg_dl"].astype(float)
    plasma, tissue = [g], [ig]
    for i in range(len(given)):
        q1 = (q1 + eaten[:, i]) / (1 + dt * KGRI)
        q2 = (q2 + dt * KGRI * q1) / (1 + dt * p["kempt_per_min"])
        q3 = (q3 + dt * p["kempt_per_min"] * q2) / (1 + dt * kabs)
        appearance = F * (kabs * q3).sum(axis=0)
        s1 = (s1 + given[i] + dt * u) / (1 + dt * p["kd_per_min"])
        s2 = (s2 + dt * p["kd_per_min"] * s1) / (1 + dt * p["ka2_per_min"])
        ip = (ip + dt * p["ka2_per_min"] * s2) / (1 + dt * KE)
        si = p[f"si_{part_of_day((i + 1) * dt)}_ml_per_uu_min"]
        x = (x + dt * p["p2_per_min"] * si / VI * (ip - u / KE)) / (
            1 + dt * p["p2_per_min"]
        )
        made = p["sg_per_min"] * p["gb_mg_dl"] + appearance / VG
        g = (g + dt * made) / (1 + dt * (p["sg_per_min"] + risk(g, p["gb_mg_dl"]) * x))
        ig = (ig + dt * g / ALPHA) / (1 + dt / ALPHA)
        if (i + 1) * dt % every == 0:
            plasma.append(g)
            tissue.append(ig)
    return np.array(plasma).T, np.array(tissue).T


def derivative(person: "pd.Series[Any]", kind: str) -> Callable[[float, Array], Array]:
    """Return the differential equations of one person, with one kind of meal."""
    u = person["basal_u_per_hour"] * 1_000 / 60 / person["weight_kg"]
    kabs = person[f"kabs_{kind}_per_min"]

    def slope(t: float, y: Array) -> Array:
        q1, q2, q3, s1, s2, ip, x, g, ig = y
        si = person[f"si_{part_of_day(t)}_ml_per_uu_min"]
        rho = float(risk(np.array(g), person["gb_mg_dl"]))
        loss = (person["sg_per_min"] + rho * x) * g
        made = person["sg_per_min"] * person["gb_mg_dl"] + F * kabs * q3 / VG
        emptied = person["kempt_per_min"] * q2
        return np.array(
            [
                -KGRI * q1,
                KGRI * q1 - emptied,
                emptied - kabs * q3,
                u - person["kd_per_min"] * s1,
                person["kd_per_min"] * s1 - person["ka2_per_min"] * s2,
                person["ka2_per_min"] * s2 - KE * ip,
                -person["p2_per_min"] * (x - si / VI * (ip - u / KE)),
                made - loss,
                (g - ig) / ALPHA,
            ]
        )

    return slope
