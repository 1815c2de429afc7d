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
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from twinprivacy._types import Array
from twinprivacy.twins._inr_parameters import Constants

HOURS_PER_DAY = 24.0
# Absorption takes 0.5 h, elimination some 40 h.
_PARTS_OF_A_DAY_H = (0.5, 2.0, 6.0)
_POINTS_IN_A_PART = 5


class Grid(NamedTuple):
    """Points of a day where the effect is evaluated, and what each adds to a chain.

    `ends[i]` to `ends[i + 1]` are the points before the i-th output of the day,
    `weights` has shape (2 chains, 3 steps, points), `carry` (2, 3) holds the functions
    of the time between two outputs.
    """

    hours: Array
    weights: Array
    ends: npt.NDArray[np.int64]
    carry: Array


class Scalars(NamedTuple):
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
) -> Grid:
    """Return the points of a day with `steps_per_day` outputs."""
    step = HOURS_PER_DAY / steps_per_day
    outputs = np.linspace(0, HOURS_PER_DAY, steps_per_day + 1)
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
    return Grid(hours.ravel(), weights, ends, carry)


def _held(x: Array) -> Array:
    """Return the share that sits in each of three steps, after `x` steps' times."""
    return np.stack([np.ones_like(x), x, x**2 / 2]) * np.exp(-x)


def courses(
    clearance_l_per_h: Array,
    ec50_mg_per_l: Array,
    daily_dose_mg: Array,
    grid: Grid,
    constants: Constants,
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
    grid: Grid,
    constants: Constants,
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
    grid: Grid,
    constants: Constants,
) -> Array:
    n, days = doses.shape
    inr = np.empty((n, days * (grid.ends.size - 1) + 1))
    fixed = Scalars(
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
    grid: Grid,
    fixed: Scalars,
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
    grid: Grid,
    fixed: Scalars,
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
    grid: Grid,
    fixed: Scalars,
    inr: Array,
) -> None:
    """Carry on the course of one person, and the state in place."""
    absorption = fixed.absorption_per_h
    elimination = clearance / fixed.volume_l
    decay = np.exp(-elimination * grid.hours)
    scale = absorption / (fixed.volume_l * (absorption - elimination))
    rise = scale * (decay - np.exp(-absorption * grid.hours))
    day_decay = np.exp(-elimination * HOURS_PER_DAY)
    day_absorbed = np.exp(-absorption * HOURS_PER_DAY)
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
def _advance(held: Array, effect: Array, grid: Grid, step: int) -> None:
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
