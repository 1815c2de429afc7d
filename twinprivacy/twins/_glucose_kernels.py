"""The compiled heart of the glucose twin: carbohydrate, insulin and glucose in passes.

Every state is solved by backward Euler in the order in which the cascade feeds it:
carbohydrate and insulin do not depend on glucose, so each is a pass of its own over
the steps, and a step costs one multiplication or division per state. No sum is
reordered (no fastmath), so answers do not depend on the number of threads. Compiled
once per process: a cache on disk would lie inside the package.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from twinprivacy._types import AnyArray

Function = TypeVar("Function", bound=Callable[..., Any])

# Places in the vector of a person's parameters; one SI for each part of the day, one
# KABS and one BETA for each kind of meal. BASAL is in mU/kg/min.
SI, GB, SG, P2, KA2, KD, KEMPT, KABS, BETA, BASAL = 0, 3, 4, 5, 6, 7, 8, 9, 14, 19
N_PARAMETERS = 20
N_KINDS = 5
# Places in the state, in mg/kg, mU/kg and mg/dL; the stomach and the gut hold each
# kind of meal apart, and the last two count what has left the body's compartments.
Q1, Q2, Q3, S1, S2, IP, X, G, IG, ABSORBED, CLEARED = 0, 5, 10, *range(15, 23)
N_STATES = 23
# Places in the vector of what is the same for everyone.
VG, R1, R2, ALPHA, VI, KE, TAU, KGRI, F = range(9)
MINUTES_PER_DAY = 1_440
# Less than this many mg/kg in the stomach is nothing; far smaller numbers are slow.
NOTHING = 1e-200


def compiled(function: Function) -> Function:
    """Compile a function on its first call, so that other threads run meanwhile."""
    # No check of every division: none is by zero, and code with checks is slower.
    return cast(Function, numba.njit(nogil=True, error_model="numpy")(function))


@compiled
def absorb(
    y: AnyArray,
    p: AnyArray,
    fixed: AnyArray,
    dt: float,
    k: int,
    meal: AnyArray,
    appearance: AnyArray,
) -> None:
    """Pass one kind of meal (mg/kg per step) through the stomach and the gut.

    Adds mg/kg/min to `appearance`.
    """
    q1, q2, q3 = y[Q1 + k], y[Q2 + k], y[Q3 + k]
    grind, empty, take = dt * fixed[KGRI], dt * p[KEMPT], dt * p[KABS + k]
    keep1, keep2, keep3 = 1 / (1 + grind), 1 / (1 + empty), 1 / (1 + take)
    rate = fixed[F] * p[KABS + k]
    absorbed = 0.0
    for i in range(meal.size):
        q1 = (q1 + meal[i]) * keep1
        q2 = (q2 + grind * q1) * keep2
        q3 = (q3 + empty * q2) * keep3
        appearance[i] += rate * q3
        absorbed += q3
    y[Q1 + k] = q1 if q1 > NOTHING else 0.0
    y[Q2 + k] = q2 if q2 > NOTHING else 0.0
    y[Q3 + k] = q3 if q3 > NOTHING else 0.0
    y[ABSORBED] += dt * rate * absorbed


@compiled
def is_empty(meal: AnyArray) -> bool:
    """Return whether nothing is eaten in any step."""
    for amount in meal:  # noqa: SIM110 - compiled code knows no all() of this form
        if amount != 0.0:
            return False
    return True


@compiled
def absorb_all(
    y: AnyArray,
    p: AnyArray,
    fixed: AnyArray,
    dt: float,
    meals: AnyArray,
    appearance: AnyArray,
) -> None:
    """Set the rate of appearance of all kinds of meals, in mg/kg/min."""
    appearance[:] = 0.0
    for k in range(N_KINDS):
        idle = y[Q1 + k] == 0.0 and y[Q2 + k] == 0.0 and y[Q3 + k] == 0.0
        if not (idle and is_empty(meals[k])):
            absorb(y, p, fixed, dt, k, meals[k], appearance)


@compiled
def infuse(
    y: AnyArray,
    p: AnyArray,
    fixed: AnyArray,
    dt: float,
    bolus: AnyArray,
    insulin: AnyArray,
) -> None:
    """Set plasma insulin in mU/kg, from boluses (mU/kg per step) and the basal rate."""
    s1, s2, ip = y[S1], y[S2], y[IP]
    leave1, leave2, clear = dt * p[KD], dt * p[KA2], dt * fixed[KE]
    keep1, keep2, keep3 = 1 / (1 + leave1), 1 / (1 + leave2), 1 / (1 + clear)
    basal = dt * p[BASAL]
    cleared = 0.0
    for i in range(bolus.size):
        s1 = (s1 + bolus[i] + basal) * keep1
        s2 = (s2 + leave1 * s1) * keep2
        ip = (ip + leave2 * s2) * keep3
        insulin[i] = ip
        cleared += ip
    y[S1], y[S2], y[IP] = s1, s2, ip
    y[CLEARED] += clear * cleared


@compiled
def risk(glucose: float, gb: float, low_gb: float, r1: float, r2: float) -> float:
    """Return how much stronger insulin acts below the basal glucose."""
    if glucose >= gb:
        return 1.0
    gap: float = math.log(max(glucose, 60.0)) ** r2 - low_gb
    return 1.0 + 10.0 * r1 * gap * gap


@compiled
def day_part(minute: float) -> int:
    """Return 0 from 4 to 11 h, 1 from 11 to 17 h, 2 from 17 to 4 h."""
    minute = minute % MINUTES_PER_DAY
    if minute < 240.0 or minute >= 1_020.0:
        return 2
    return 0 if minute < 660.0 else 1


@compiled
def regulate(
    y: AnyArray,
    p: AnyArray,
    fixed: AnyArray,
    dt: float,
    first: int,
    appearance: AnyArray,
    insulin: AnyArray,
    glucose: AnyArray,
    interstitial: AnyArray,
) -> None:
    """Set glucose in mg/dL after each step, the first of which is step `first`."""
    x, g, ig = y[X], y[G], y[IG]
    keep_x, act = 1 / (1 + dt * p[P2]), dt * p[P2] / fixed[VI]
    lag = dt / fixed[ALPHA]
    keep_ig, basal_ip = 1 / (1 + lag), p[BASAL] / fixed[KE]
    made, per_vg, sg, gb = dt * p[SG] * p[GB], dt / fixed[VG], p[SG], p[GB]
    r1, r2 = fixed[R1], fixed[R2]
    low_gb = math.log(gb) ** r2
    for i in range(insulin.size):
        si = p[SI + day_part((first + i + 1) * dt)]
        x = (x + act * si * (insulin[i] - basal_ip)) * keep_x
        # The risk is that of the glucose before the step; all else is implicit.
        loss = sg + risk(g, gb, low_gb, r1, r2) * x
        g = (g + made + appearance[i] * per_vg) / (1 + dt * loss)
        ig = (ig + lag * g) * keep_ig
        glucose[i], interstitial[i] = g, ig
    y[X], y[G], y[IG] = x, g, ig


@compiled
def rest(p: AnyArray, fixed: AnyArray, glucose: float, y: AnyArray) -> None:
    """Set the state to rest under basal insulin, with glucose where it is told."""
    y[:] = 0.0
    y[S1], y[S2] = p[BASAL] / p[KD], p[BASAL] / p[KA2]
    y[IP] = p[BASAL] / fixed[KE]
    y[G] = y[IG] = glucose


@compiled
def add_impulse(rate: AnyArray, minute: float, amount: float, dt: float) -> None:
    """Add an amount to the step that holds a minute, shared with the next by nearness.

    The mean time of the two shares is the minute itself, so the answer is continuous
    in it. What would come after the end is left out.
    """
    place = minute / dt
    first = int(place)
    share = place - first
    if first < rate.size:
        rate[first] += amount * (1.0 - share)
    if share > 0.0 and first + 1 < rate.size:
        rate[first + 1] += amount * share


@compiled
def add_bolus(rate: AnyArray, minute: float, bolus: AnyArray, dt: float) -> None:
    """Add a bolus (minute, mU/kg, duration) at once, or evenly over its duration."""
    parts = max(1, math.ceil(bolus[2] / dt))
    for j in range(parts):
        add_impulse(rate, minute + j * bolus[2] / parts, bolus[1] / parts, dt)


@compiled
def fill_inputs(
    p: AnyArray,
    fixed: AnyArray,
    dt: float,
    meals: AnyArray,
    boluses: AnyArray,
    eaten: AnyArray,
    given: AnyArray,
) -> None:
    """Spread one person's meals (minute, mg/kg, kind) and boluses over the steps."""
    eaten[:] = 0.0
    given[:] = 0.0
    for e in range(meals.shape[0]):
        kind = int(meals[e, 2])
        add_impulse(eaten[kind], meals[e, 0] + p[BETA + kind], meals[e, 1], dt)
    for e in range(boluses.shape[0]):
        add_bolus(given, boluses[e, 0] + fixed[TAU], boluses[e], dt)


@compiled
def run(
    p: AnyArray,
    fixed: AnyArray,
    dt: float,
    eaten: AnyArray,
    given: AnyArray,
    every: int,
    glucose: AnyArray,
    interstitial: AnyArray,
    y: AnyArray,
) -> None:
    """Simulate one person from state `y`; write the start and each `every` steps."""
    n_steps = given.size
    chunk = every * max(1, 1_440 // every)
    appearance, insulin = np.empty(chunk), np.empty(chunk)
    fine, fine_ig = np.empty(chunk), np.empty(chunk)
    glucose[0], interstitial[0] = y[G], y[IG]
    for a in range(0, n_steps, chunk):
        m = min(chunk, n_steps - a)
        absorb_all(y, p, fixed, dt, eaten[:, a : a + m], appearance[:m])
        infuse(y, p, fixed, dt, given[a : a + m], insulin[:m])
        regulate(y, p, fixed, dt, a, appearance[:m], insulin[:m], fine[:m], fine_ig[:m])
        for i in range(every - 1, m, every):
            row = (a + i + 1) // every
            glucose[row], interstitial[row] = fine[i], fine_ig[i]


@compiled
def run_all(
    parameters: AnyArray,
    fixed: AnyArray,
    dt: float,
    every: int,
    meals: AnyArray,
    first_meal: AnyArray,
    boluses: AnyArray,
    first_bolus: AnyArray,
    start: AnyArray,
    glucose: AnyArray,
    interstitial: AnyArray,
    states: AnyArray,
) -> None:
    """Simulate people one after the other; fill glucose and the last states."""
    n, n_steps = parameters.shape[0], (glucose.shape[1] - 1) * every
    eaten, given = np.empty((N_KINDS, n_steps)), np.empty(n_steps)
    for j in range(n):
        p = parameters[j]
        own_meals = meals[first_meal[j] : first_meal[j + 1]]
        own_boluses = boluses[first_bolus[j] : first_bolus[j + 1]]
        fill_inputs(p, fixed, dt, own_meals, own_boluses, eaten, given)
        rest(p, fixed, start[j], states[j])
        run(p, fixed, dt, eaten, given, every, glucose[j], interstitial[j], states[j])
