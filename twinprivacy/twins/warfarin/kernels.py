"""The course of the INR, one day after another, compiled and parallel over people.

Nothing is approximated but one integral. Absorption and elimination are linear, so the
concentration between two doses is a sum of two exponentials. The chains of three steps
are linear in the effect, so what a chain holds is carried on by

.. math:: e^{-kt} (1, kt, (kt)^2 / 2)

and what flows in meanwhile is the integral of the effect times the same functions of
the time left, by Gauss' rule in parts of the day that are short where absorption is
fast. Five points in each part keep the INR within 0.00001 (tested).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit, prange

from twinprivacy import datasets
from twinprivacy._types import Array
from twinprivacy.people.columns import CYP2C9_GENOTYPES, VKORC1_GENOTYPES
from twinprivacy.people.patients import read_patients
from twinprivacy.twins.warfarin.dose import GENES, check_known_genes

_HOURS_PER_DAY = 24.0
# Absorption takes 0.5 h, elimination some 40 h.
_PARTS_OF_A_DAY_H = (0.5, 2.0, 6.0)
_POINTS_IN_A_PART = 5


class _Grid(NamedTuple):
    """Points of a day where the effect is evaluated, and what each adds to a chain.

    `ends[i]` to `ends[i + 1]` are the points before the i-th output of the day,
    `weights` has shape (2 chains, 3 steps, points), `carry` (2, 3) holds the functions
    of the time between two outputs.
    """

    hours: Array
    weights: Array
    ends: npt.NDArray[np.int64]
    carry: Array


class _Scalars(NamedTuple):
    """What of the constants a compiled course asks for."""

    volume_l: float
    absorption_per_h: float
    gamma: float
    base_inr: float
    max_inr: float


@cache
def day_grid(
    steps_per_day: int,
    transit_h: tuple[float, float],
    points: int = _POINTS_IN_A_PART,
) -> _Grid:
    """Return the points of a day with `steps_per_day` outputs."""
    step = _HOURS_PER_DAY / steps_per_day
    outputs = np.linspace(0, _HOURS_PER_DAY, steps_per_day + 1)
    cuts = np.union1d(outputs, _PARTS_OF_A_DAY_H)
    # Cuts that rounding alone keeps apart are one.
    cuts = cuts[np.append(True, np.diff(cuts) > 1e-9)]
    x, w = np.polynomial.legendre.leggauss(points)
    width = np.diff(cuts)[:, np.newaxis]
    hours = cuts[:-1, np.newaxis] + width * (x + 1) / 2
    widths = (width * w / 2).ravel()
    ends = np.searchsorted(hours.ravel(), outputs)
    left = np.repeat(outputs[1:], np.diff(ends)) - hours.ravel()
    rates = 3 / np.array(transit_h)
    weights = np.stack([rate * widths * _held(rate * left) for rate in rates])
    carry = np.stack([_held(np.array(rate * step)) for rate in rates])
    return _Grid(hours.ravel(), weights, ends, carry)


def _held(x: Array) -> Array:
    """Return the share that sits in each of three steps, after `x` steps' times."""
    return np.stack([np.ones_like(x), x, x**2 / 2]) * np.exp(-x)


@dataclass(frozen=True)
class _Constants:
    """Hold what is the same for everyone.

    Attributes
    ----------
    active_share : float
        Share of a tablet that is the S form.
    volume_l, absorption_per_h : float
        Volume of distribution and rate of absorption.
    gamma : float
        Steepness of the effect.
    transit_h : tuple of float
        Mean transit times of the two chains of three steps.
    base_inr, max_inr : float
        INR without the drug, and the most that the drug adds.
    """

    active_share: float
    volume_l: float
    absorption_per_h: float
    gamma: float
    transit_h: tuple[float, float]
    base_inr: float
    max_inr: float


def courses(
    clearance_l_per_h: Array,
    ec50_mg_per_l: Array,
    daily_dose_mg: Array,
    grid: _Grid,
    constants: _Constants,
) -> Array:
    """Return the INR, shape (n, outputs), of doses of shape (n, days).

    A dose is taken at the start of its day, and an output at the same moment comes
    first.
    """
    state = untreated(clearance_l_per_h.size)
    everyone = (state, clearance_l_per_h, ec50_mg_per_l, daily_dose_mg)
    return _courses(_run, *everyone, grid, constants)


def untreated(n: int) -> Array:
    """Return the state of people without the drug, shape (n, 8).

    What is in the gut, the concentration, and the three steps of both chains.
    """
    return np.zeros((n, 8))


def carry_on(
    state: Array,
    clearance_l_per_h: Array,
    ec50_mg_per_l: Array,
    daily_dose_mg: Array,
    grid: _Grid,
    constants: _Constants,
) -> Array:
    """Return the INR as `courses` does, from a state on, which is changed in place.

    One person after the other: a few days are done before other threads would begin.
    """
    everyone = (state, clearance_l_per_h, ec50_mg_per_l, daily_dose_mg)
    return _courses(_run_in_turn, *everyone, grid, constants)


def _courses(
    run: Callable[..., None],
    state: Array,
    clearance: Array,
    ec50: Array,
    doses: Array,
    grid: _Grid,
    constants: _Constants,
) -> Array:
    n, days = doses.shape
    inr = np.empty((n, days * (grid.ends.size - 1) + 1))
    fixed = _Scalars(
        constants.volume_l,
        constants.absorption_per_h,
        constants.gamma,
        constants.base_inr,
        constants.max_inr,
    )
    run(state, clearance, ec50, doses * constants.active_share, grid, fixed, inr)
    return inr


@njit(parallel=True, cache=True)
def _run(
    state: Array,
    clearance: Array,
    ec50: Array,
    doses: Array,
    grid: _Grid,
    fixed: _Scalars,
    inr: Array,
) -> None:
    for i in prange(clearance.size):
        _course(state[i], clearance[i], ec50[i], doses[i], grid, fixed, inr[i])


@njit(cache=True)
def _run_in_turn(
    state: Array,
    clearance: Array,
    ec50: Array,
    doses: Array,
    grid: _Grid,
    fixed: _Scalars,
    inr: Array,
) -> None:
    for i in range(clearance.size):
        _course(state[i], clearance[i], ec50[i], doses[i], grid, fixed, inr[i])


@njit(cache=True)
def _course(
    state: Array,
    clearance: float,
    ec50: float,
    doses: Array,
    grid: _Grid,
    fixed: _Scalars,
    inr: Array,
) -> None:
    """Carry on the course of one person, and the state in place."""
    absorption = fixed.absorption_per_h
    elimination = clearance / fixed.volume_l
    decay = np.exp(-elimination * grid.hours)
    scale = absorption / (fixed.volume_l * (absorption - elimination))
    rise = scale * (decay - np.exp(-absorption * grid.hours))
    day_decay = np.exp(-elimination * _HOURS_PER_DAY)
    day_absorbed = np.exp(-absorption * _HOURS_PER_DAY)
    day_rise = scale * (day_decay - day_absorbed)
    effect = np.empty(grid.hours.size)
    gut, blood, held = state[0], state[1], state[2:].copy().reshape(2, 3)
    inr[0] = fixed.base_inr + fixed.max_inr * (held[0, 2] + held[1, 2]) / 2
    k = 0
    for day in range(doses.size):
        gut += doses[day]
        for j in range(grid.hours.size):
            level = (blood * decay[j] + gut * rise[j]) / ec50
            effect[j] = _effect(level, fixed.gamma)
        blood = blood * day_decay + gut * day_rise
        gut *= day_absorbed
        for step in range(grid.ends.size - 1):
            k += 1
            _advance(held, effect, grid, step)
            inr[k] = fixed.base_inr + fixed.max_inr * (held[0, 2] + held[1, 2]) / 2
    state[0], state[1] = gut, blood
    state[2:] = held.ravel()


@njit(cache=True)
def _effect(level: float, gamma: float) -> float:
    """Return the share of synthesis that is stopped, by the level over EC50."""
    # The power is written out, because nearly all the work of a course is done here.
    return 1.0 / (1.0 + np.exp(-gamma * np.log(level))) if level > 0 else 0.0


@njit(cache=True)
def _advance(held: Array, effect: Array, grid: _Grid, step: int) -> None:
    """Carry both chains on to the next output, in place."""
    for chain in range(2):
        first, second, third = grid.carry[chain]
        a, b, c = held[chain]
        a, b, c = first * a, second * a + first * b, third * a + second * b + first * c
        for j in range(grid.ends[step], grid.ends[step + 1]):
            a += grid.weights[chain, 0, j] * effect[j]
            b += grid.weights[chain, 1, j] * effect[j]
            c += grid.weights[chain, 2, j] * effect[j]
        held[chain, 0], held[chain, 1], held[chain, 2] = a, b, c


# The article centres age on its patients' median.
_MEDIAN_AGE_YEARS = 71
_TABLE = "hamberg_2010"


@dataclass(frozen=True)
class People:
    """Hold clearance in L/h and concentration of half effect in mg/L, shape (n,)."""

    clearance_l_per_h: Array
    ec50_mg_per_l: Array


@cache
def constants() -> _Constants:
    """Return the constants of the article."""
    value = _values()
    return _Constants(
        active_share=value["F_S"],
        volume_l=value["V"],
        absorption_per_h=value["ka"],
        gamma=value["gamma"],
        transit_h=(value["MTT_1"], value["MTT_2"]),
        base_inr=value["INR_base"],
        max_inr=value["INR_max"],
    )


def read_people(patients: pd.DataFrame) -> People:
    """Return the typical constants of everyone's genotypes and age."""
    values = read_patients(patients, ("age_years", *GENES))
    check_known_genes(values, needed_by="the course of the INR")
    value = _values()
    clearance = _sums_of_alleles(CYP2C9_GENOTYPES, "CL_allele_")[values["cyp2c9"]]
    years = values["age_years"] - _MEDIAN_AGE_YEARS
    return People(
        clearance * (1 + value["CL_age_slope"] * years),
        _sums_of_alleles(VKORC1_GENOTYPES, "EC50_allele_")[values["vkorc1"]],
    )


def _sums_of_alleles(genotypes: tuple[str, ...], prefix: str) -> Array:
    """Return the sum of both alleles of each genotype, nan for an unknown one."""
    value = _values()
    sums = [
        sum(value[prefix + allele] for allele in genotype.split("/"))
        if genotype != "unknown"
        else np.nan
        for genotype in genotypes
    ]
    return np.array(sums)


@cache
def _values() -> dict[str, float]:
    facts = datasets.load("warfarin_pkpd_parameters")
    rows = facts[(facts["model"] == _TABLE) & (facts["check"] != "recalled")]
    return dict(zip(rows["parameter"], rows["value"].astype(float), strict=True))
