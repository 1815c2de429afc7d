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
_SI, GB, _SG, _P2, _KA2, _KD, _KEMPT, _KABS, _BETA, _BASAL = (
    0,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    14,
    19,
)
_N_PARAMETERS = 20
_N_KINDS = 5
# Places in the state, in mg/kg, mU/kg and mg/dL; the stomach and the gut hold each
# kind of meal apart, and the last two count what has left the body's compartments.
_Q1, _Q2, _Q3, S1, S2, IP, _X, _G, _IG, ABSORBED, CLEARED = 0, 5, 10, *range(15, 23)
N_STATES = 23
# Places in the vector of what is the same for everyone.
_VG, _R1, _R2, _ALPHA, _VI, _KE, _TAU, _KGRI, _F = range(9)
_MINUTES_PER_DAY = 1_440
# Less than this many mg/kg in the stomach is nothing; far smaller numbers are slow.
_NOTHING = 1e-200


def _compiled(function: Function) -> Function:
    """Compile a function on its first call, so that other threads run meanwhile."""
    # No check of every division: none is by zero, and code with checks is slower.
    return cast(Function, numba.njit(nogil=True, error_model="numpy")(function))


@_compiled
def _absorb(
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
    q1, q2, q3 = y[_Q1 + k], y[_Q2 + k], y[_Q3 + k]
    grind, empty, take = dt * fixed[_KGRI], dt * p[_KEMPT], dt * p[_KABS + k]
    keep1, keep2, keep3 = 1 / (1 + grind), 1 / (1 + empty), 1 / (1 + take)
    rate = fixed[_F] * p[_KABS + k]
    absorbed = 0.0
    for i in range(meal.size):
        q1 = (q1 + meal[i]) * keep1
        q2 = (q2 + grind * q1) * keep2
        q3 = (q3 + empty * q2) * keep3
        appearance[i] += rate * q3
        absorbed += q3
    y[_Q1 + k] = q1 if q1 > _NOTHING else 0.0
    y[_Q2 + k] = q2 if q2 > _NOTHING else 0.0
    y[_Q3 + k] = q3 if q3 > _NOTHING else 0.0
    y[ABSORBED] += dt * rate * absorbed


@_compiled
def _is_empty(meal: AnyArray) -> bool:
    """Return whether nothing is eaten in any step."""
    for amount in meal:  # noqa: SIM110 - compiled code knows no all() of this form
        if amount != 0.0:
            return False
    return True


@_compiled
def _absorb_all(
    y: AnyArray,
    p: AnyArray,
    fixed: AnyArray,
    dt: float,
    meals: AnyArray,
    appearance: AnyArray,
) -> None:
    """Set the rate of appearance of all kinds of meals, in mg/kg/min."""
    appearance[:] = 0.0
    for k in range(_N_KINDS):
        idle = y[_Q1 + k] == 0.0 and y[_Q2 + k] == 0.0 and y[_Q3 + k] == 0.0
        if not (idle and _is_empty(meals[k])):
            _absorb(y, p, fixed, dt, k, meals[k], appearance)


@_compiled
def _infuse(
    y: AnyArray,
    p: AnyArray,
    fixed: AnyArray,
    dt: float,
    bolus: AnyArray,
    insulin: AnyArray,
) -> None:
    """Set plasma insulin in mU/kg, from boluses (mU/kg per step) and the basal rate."""
    s1, s2, ip = y[S1], y[S2], y[IP]
    leave1, leave2, clear = dt * p[_KD], dt * p[_KA2], dt * fixed[_KE]
    keep1, keep2, keep3 = 1 / (1 + leave1), 1 / (1 + leave2), 1 / (1 + clear)
    basal = dt * p[_BASAL]
    cleared = 0.0
    for i in range(bolus.size):
        s1 = (s1 + bolus[i] + basal) * keep1
        s2 = (s2 + leave1 * s1) * keep2
        ip = (ip + leave2 * s2) * keep3
        insulin[i] = ip
        cleared += ip
    y[S1], y[S2], y[IP] = s1, s2, ip
    y[CLEARED] += clear * cleared


@_compiled
def _risk(glucose: float, gb: float, low_gb: float, r1: float, r2: float) -> float:
    """Return how much stronger insulin acts below the basal glucose."""
    if glucose >= gb:
        return 1.0
    gap: float = math.log(max(glucose, 60.0)) ** r2 - low_gb
    return 1.0 + 10.0 * r1 * gap * gap


@_compiled
def _day_part(minute: float) -> int:
    """Return 0 from 4 to 11 h, 1 from 11 to 17 h, 2 from 17 to 4 h."""
    minute = minute % _MINUTES_PER_DAY
    if minute < 240.0 or minute >= 1_020.0:
        return 2
    return 0 if minute < 660.0 else 1


@_compiled
def _regulate(
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
    x, g, ig = y[_X], y[_G], y[_IG]
    keep_x, act = 1 / (1 + dt * p[_P2]), dt * p[_P2] / fixed[_VI]
    lag = dt / fixed[_ALPHA]
    keep_ig, basal_ip = 1 / (1 + lag), p[_BASAL] / fixed[_KE]
    made, per_vg, sg, gb = dt * p[_SG] * p[GB], dt / fixed[_VG], p[_SG], p[GB]
    r1, r2 = fixed[_R1], fixed[_R2]
    low_gb = math.log(gb) ** r2
    for i in range(insulin.size):
        si = p[_SI + _day_part((first + i + 1) * dt)]
        x = (x + act * si * (insulin[i] - basal_ip)) * keep_x
        # The risk is that of the glucose before the step; all else is implicit.
        loss = sg + _risk(g, gb, low_gb, r1, r2) * x
        g = (g + made + appearance[i] * per_vg) / (1 + dt * loss)
        ig = (ig + lag * g) * keep_ig
        glucose[i], interstitial[i] = g, ig
    y[_X], y[_G], y[_IG] = x, g, ig


@_compiled
def _rest(p: AnyArray, fixed: AnyArray, glucose: float, y: AnyArray) -> None:
    """Set the state to rest under basal insulin, with glucose where it is told."""
    y[:] = 0.0
    y[S1], y[S2] = p[_BASAL] / p[_KD], p[_BASAL] / p[_KA2]
    y[IP] = p[_BASAL] / fixed[_KE]
    y[_G] = y[_IG] = glucose


@_compiled
def _add_impulse(rate: AnyArray, minute: float, amount: float, dt: float) -> None:
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


@_compiled
def _add_bolus(rate: AnyArray, minute: float, bolus: AnyArray, dt: float) -> None:
    """Add a bolus (minute, mU/kg, duration) at once, or evenly over its duration."""
    parts = max(1, math.ceil(bolus[2] / dt))
    for j in range(parts):
        _add_impulse(rate, minute + j * bolus[2] / parts, bolus[1] / parts, dt)


@_compiled
def _fill_inputs(
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
        _add_impulse(eaten[kind], meals[e, 0] + p[_BETA + kind], meals[e, 1], dt)
    for e in range(boluses.shape[0]):
        _add_bolus(given, boluses[e, 0] + fixed[_TAU], boluses[e], dt)


@_compiled
def _run(
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
    glucose[0], interstitial[0] = y[_G], y[_IG]
    for a in range(0, n_steps, chunk):
        m = min(chunk, n_steps - a)
        _absorb_all(y, p, fixed, dt, eaten[:, a : a + m], appearance[:m])
        _infuse(y, p, fixed, dt, given[a : a + m], insulin[:m])
        _regulate(
            y, p, fixed, dt, a, appearance[:m], insulin[:m], fine[:m], fine_ig[:m]
        )
        for i in range(every - 1, m, every):
            row = (a + i + 1) // every
            glucose[row], interstitial[row] = fine[i], fine_ig[i]


@_compiled
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
    eaten, given = np.empty((_N_KINDS, n_steps)), np.empty(n_steps)
    for j in range(n):
        p = parameters[j]
        own_meals = meals[first_meal[j] : first_meal[j + 1]]
        own_boluses = boluses[first_bolus[j] : first_bolus[j + 1]]
        _fill_inputs(p, fixed, dt, own_meals, own_boluses, eaten, given)
        _rest(p, fixed, start[j], states[j])
        _run(p, fixed, dt, eaten, given, every, glucose[j], interstitial[j], states[j])


_TICK = 5
_MG_PER_G = 1_000.0
# Places in a person's plan: a carbohydrate ratio for each kind of meal comes last.
_WEIGHT, _TARGET, _FACTOR, _RATIO = range(4)
# Places in the rules, which are the same for everyone.
_LOW, _RESCUE_G, _WAIT, _HIGH, _PAUSE, _WAKE, _SLEEP, _MEMORY, _UNIT = range(9)
# Places in what the person remembers.
_ON_BOARD, _LAST_BOLUS, _LAST_RESCUE, N_BOLUSES, N_RESCUES, _NEXT_MEAL = range(6)
# Places in the row of a meal.
_MINUTE, _EATEN, _KIND, _COUNTED = range(4)
_RESCUE = _N_KINDS - 1


@_compiled
def _rescue(
    minute: float,
    reading: float,
    plan: AnyArray,
    rules: AnyArray,
    mind: AnyArray,
    eaten: AnyArray,
    rescues: AnyArray,
) -> None:
    """Eat rescue carbohydrate if the reading is low and the last was a while ago."""
    if reading >= rules[_LOW] or minute - mind[_LAST_RESCUE] < rules[_WAIT]:
        return
    _add_impulse(
        eaten[_RESCUE], minute, rules[_RESCUE_G] * _MG_PER_G / plan[_WEIGHT], 1.0
    )
    rescues[int(mind[N_RESCUES])] = minute
    mind[N_RESCUES] += 1
    mind[_LAST_RESCUE] = minute


@_compiled
def _inject(
    minute: float,
    units: float,
    plan: AnyArray,
    fixed: AnyArray,
    rules: AnyArray,
    mind: AnyArray,
    given: AnyArray,
    boluses: AnyArray,
) -> None:
    """Inject a bolus, rounded to what the pen or the pump can give."""
    units = np.round(units / rules[_UNIT]) * rules[_UNIT]
    if units <= 0.0:
        return
    _add_impulse(given, minute + fixed[_TAU], units * _MG_PER_G / plan[_WEIGHT], 1.0)
    boluses[int(mind[N_BOLUSES]), 0] = minute
    boluses[int(mind[N_BOLUSES]), 1] = units
    mind[N_BOLUSES] += 1
    mind[_LAST_BOLUS] = minute
    mind[_ON_BOARD] += units


@_compiled
def _correction(reading: float, plan: AnyArray, mind: AnyArray) -> float:
    """Return units to bring the reading to the target, less what still acts."""
    units: float = (reading - plan[_TARGET]) / plan[_FACTOR]
    return max(units - mind[_ON_BOARD], 0.0) if units > 0.0 else units


@_compiled
def _eat(
    until: float,
    reading: float,
    p: AnyArray,
    fixed: AnyArray,
    plan: AnyArray,
    rules: AnyArray,
    meals: AnyArray,
    mind: AnyArray,
    eaten: AnyArray,
    given: AnyArray,
    boluses: AnyArray,
) -> None:
    """Eat the meals that come before a minute, with a bolus unless it is forgotten."""
    while mind[_NEXT_MEAL] < meals.shape[0]:
        meal = meals[int(mind[_NEXT_MEAL])]
        if meal[_MINUTE] >= until:
            return
        kind = int(meal[_KIND])
        amount = meal[_EATEN] * _MG_PER_G / plan[_WEIGHT]
        _add_impulse(eaten[kind], meal[_MINUTE] + p[_BETA + kind], amount, 1.0)
        if meal[_COUNTED] > 0.0:
            units = meal[_COUNTED] / plan[_RATIO] + _correction(reading, plan, mind)
            _inject(meal[_MINUTE], units, plan, fixed, rules, mind, given, boluses)
        mind[_NEXT_MEAL] += 1


@_compiled
def _live(
    days: AnyArray,
    fixed: AnyArray,
    plan: AnyArray,
    rules: AnyArray,
    meals: AnyArray,
    gain: AnyArray,
    offset: AnyArray,
    limits: AnyArray,
    start: float,
    cgm: AnyArray,
    plasma: AnyArray,
    boluses: AnyArray,
    rescues: AnyArray,
    mind: AnyArray,
) -> None:
    """Live one person's days, whose parameters are the rows of `days`."""
    n_steps = days.shape[0] * _MINUTES_PER_DAY
    eaten, given = np.zeros((_N_KINDS, n_steps)), np.zeros(n_steps)
    appearance, insulin = np.empty(_TICK), np.empty(_TICK)
    fine, fine_ig, y = np.empty(_TICK), np.empty(_TICK), np.empty(N_STATES)
    _rest(days[0], fixed, start, y)
    mind[:] = 0.0
    mind[_LAST_BOLUS] = mind[_LAST_RESCUE] = -n_steps
    for k in range(cgm.size):
        i = k * _TICK
        p = days[i // _MINUTES_PER_DAY]
        reading = min(max(gain[k] * y[_IG] + offset[k], limits[0]), limits[1])
        cgm[k], plasma[k] = reading, y[_G]
        _rescue(i, reading, plan, rules, mind, eaten, rescues)
        awake = rules[_WAKE] <= i % _MINUTES_PER_DAY < rules[_SLEEP]
        rested = i - mind[_LAST_BOLUS] >= rules[_PAUSE]
        if awake and rested and reading > rules[_HIGH]:
            units = _correction(reading, plan, mind)
            _inject(i, units, plan, fixed, rules, mind, given, boluses)
        _eat(
            i + _TICK,
            reading,
            p,
            fixed,
            plan,
            rules,
            meals,
            mind,
            eaten,
            given,
            boluses,
        )
        mind[_ON_BOARD] *= np.exp(-_TICK / rules[_MEMORY])
        _absorb_all(y, p, fixed, 1.0, eaten[:, i : i + _TICK], appearance)
        _infuse(y, p, fixed, 1.0, given[i : i + _TICK], insulin)
        _regulate(y, p, fixed, 1.0, i, appearance, insulin, fine, fine_ig)


@_compiled
def live_all(
    days: AnyArray,
    fixed: AnyArray,
    plans: AnyArray,
    rules: AnyArray,
    meals: AnyArray,
    first_meal: AnyArray,
    gain: AnyArray,
    offset: AnyArray,
    limits: AnyArray,
    start: AnyArray,
    cgm: AnyArray,
    plasma: AnyArray,
    boluses: AnyArray,
    rescues: AnyArray,
    minds: AnyArray,
) -> None:
    """Live the days of several people, one after the other."""
    for j in range(days.shape[0]):
        own = meals[first_meal[j] : first_meal[j + 1]]
        _live(
            days[j],
            fixed,
            plans[j],
            rules,
            own,
            gain[j],
            offset[j],
            limits,
            start[j],
            cgm[j],
            plasma[j],
            boluses[j],
            rescues[j],
            minds[j],
        )


# All but the last two: the delay of rescue carbohydrate and the basal rate.
N_PERSONAL = _N_PARAMETERS - 2
# Those before it act through insulin or at rest, those from it on through meals.
_FED = _KEMPT


@_compiled
def _fill_slopes(p: AnyArray, dt: float, meals: AnyArray, slopes: AnyArray) -> None:
    """Set the derivative of what comes in by the delay of each kind of meal."""
    slopes[:] = 0.0
    for e in range(meals.shape[0]):
        kind = int(meals[e, 2])
        first = int((meals[e, 0] + p[_BETA + kind]) / dt)
        if first + 1 < slopes.shape[1]:
            slopes[kind, first] -= meals[e, 1] / dt
            slopes[kind, first + 1] += meals[e, 1] / dt


@_compiled
def _absorb_slopes(
    p: AnyArray,
    fixed: AnyArray,
    dt: float,
    k: int,
    meal: AnyArray,
    slope: AnyArray,
    appearance: AnyArray,
    by: AnyArray,
) -> None:
    """Add one kind's rate of appearance, and its derivatives to the columns of `by`."""
    grind, empty, take = dt * fixed[_KGRI], dt * p[_KEMPT], dt * p[_KABS + k]
    keep1, keep2, keep3 = 1 / (1 + grind), 1 / (1 + empty), 1 / (1 + take)
    f, rate = fixed[_F], fixed[_F] * p[_KABS + k]
    q1 = q2 = q3 = b1 = b2 = b3 = e2 = e3 = a3 = 0.0
    for i in range(meal.size):
        q1 = (q1 + meal[i]) * keep1
        q2 = (q2 + grind * q1) * keep2
        q3 = (q3 + empty * q2) * keep3
        b1 = (b1 + slope[i]) * keep1
        b2 = (b2 + grind * b1) * keep2
        b3 = (b3 + empty * b2) * keep3
        e2 = (e2 - dt * q2) * keep2
        e3 = (e3 + dt * q2 + empty * e2) * keep3
        a3 = (a3 - dt * q3) * keep3
        appearance[i] += rate * q3
        by[i, _KEMPT] += rate * e3
        by[i, _KABS + k] = f * q3 + rate * a3
        if k < _N_KINDS - 1:
            by[i, _BETA + k] = rate * b3


@_compiled
def _infuse_slopes(
    p: AnyArray,
    fixed: AnyArray,
    dt: float,
    bolus: AnyArray,
    insulin: AnyArray,
    by_kd: AnyArray,
    by_ka2: AnyArray,
) -> None:
    """Set plasma insulin and its derivatives by kd and ka2, from rest."""
    leave1, leave2, clear = dt * p[_KD], dt * p[_KA2], dt * fixed[_KE]
    keep1, keep2, keep3 = 1 / (1 + leave1), 1 / (1 + leave2), 1 / (1 + clear)
    u = p[_BASAL]
    s1, s2, ip = u / p[_KD], u / p[_KA2], u / fixed[_KE]
    d1, a2, d2, d3, a3 = -u / p[_KD] ** 2, -u / p[_KA2] ** 2, 0.0, 0.0, 0.0
    for i in range(bolus.size):
        s1 = (s1 + bolus[i] + dt * u) * keep1
        s2 = (s2 + leave1 * s1) * keep2
        ip = (ip + leave2 * s2) * keep3
        d1 = (d1 - dt * s1) * keep1
        d2 = (d2 + dt * s1 + leave1 * d1) * keep2
        d3 = (d3 + leave2 * d2) * keep3
        a2 = (a2 - dt * s2) * keep2
        a3 = (a3 + dt * s2 + leave2 * a2) * keep3
        insulin[i], by_kd[i], by_ka2[i] = ip, d3, a3


@_compiled
def _act(
    p: AnyArray,
    fixed: AnyArray,
    dt: float,
    insulin: AnyArray,
    by_kd: AnyArray,
    by_ka2: AnyArray,
    action: AnyArray,
    by: AnyArray,
) -> None:
    """Set insulin's action on glucose, and its derivatives in the columns of `by`."""
    keep, gain = 1 / (1 + dt * p[_P2]), dt * p[_P2] / fixed[_VI]
    basal_ip = p[_BASAL] / fixed[_KE]
    x = d_p2 = d_kd = d_ka2 = 0.0
    by_si = np.zeros(GB - _SI)
    for i in range(insulin.size):
        part = _day_part((i + 1) * dt)
        push = gain * (insulin[i] - basal_ip)
        pull = gain * p[_SI + part]
        x = (x + pull * (insulin[i] - basal_ip)) * keep
        for c in range(by_si.size):
            by_si[c] *= keep
        by_si[part] += push * keep
        d_p2 = d_p2 * keep + (push * p[_SI + part] / p[_P2] - dt * x) * keep
        d_kd = d_kd * keep + pull * by_kd[i] * keep
        d_ka2 = d_ka2 * keep + pull * by_ka2[i] * keep
        action[i] = x
        for c in range(by_si.size):
            by[i, _SI + c] = by_si[c]
        by[i, _P2], by[i, _KD], by[i, _KA2] = d_p2, d_kd, d_ka2


@_compiled
def _risk_slopes(
    glucose: float, gb: float, low_gb: float, r1: float, r2: float
) -> tuple[float, float]:
    """Return the derivatives of the risk by glucose and by Gb."""
    if glucose >= gb:
        return 0.0, 0.0
    low = max(glucose, 60.0)
    gap = math.log(low) ** r2 - low_gb
    outer = 20.0 * r1 * gap * r2
    by_gb = -outer * math.log(gb) ** (r2 - 1.0) / gb
    if glucose <= 60.0:
        return 0.0, by_gb
    return outer * math.log(low) ** (r2 - 1.0) / low, by_gb


@_compiled
def _regulate_slopes(
    p: AnyArray,
    fixed: AnyArray,
    dt: float,
    every: int,
    start: float,
    appearance: AnyArray,
    action: AnyArray,
    by: AnyArray,
    trace: AnyArray,
    slopes: AnyArray,
) -> None:
    """Set interstitial glucose each `every` steps, and its derivatives as columns."""
    lag, per_vg, sg, gb = dt / fixed[_ALPHA], dt / fixed[_VG], p[_SG], p[GB]
    made, keep_ig = dt * p[_SG] * p[GB], 1 / (1 + lag)
    r1, r2 = fixed[_R1], fixed[_R2]
    low_gb = math.log(gb) ** r2
    g = ig = start
    # Lengths are no constants here: short loops of fixed length are not vectorised.
    dg, dig = np.zeros(slopes.shape[1]), np.zeros(slopes.shape[1])
    n_columns, n_other = dg.size, dg.size - (N_PERSONAL - _FED)
    # Apart from the columns: to write single places of a vector stalls its next use.
    g_sg = g_gb = ig_sg = ig_gb = 0.0
    trace[0] = start
    slopes[0] = 0.0
    row, wait = 1, every
    for i in range(action.size):
        x = action[i]
        rho = _risk(g, gb, low_gb, r1, r2)
        rho_g, rho_gb = _risk_slopes(g, gb, low_gb, r1, r2)
        hold = 1 + dt * (sg + rho * x)
        g, keep = (g + made + appearance[i] * per_vg) / hold, 1 / hold
        fade, pull = 1.0 - dt * g * x * rho_g, dt * g * rho
        for c in range(n_other):
            dg[c] = (dg[c] * fade - pull * by[i, c]) * keep
        for c in range(n_other, n_columns):
            dg[c] = (dg[c] * fade + per_vg * by[i, c]) * keep
        g_sg = (g_sg * fade + dt * (gb - g)) * keep
        g_gb = (g_gb * fade + dt * (sg - g * x * rho_gb)) * keep
        ig = (ig + lag * g) * keep_ig
        for c in range(n_columns):
            dig[c] = (dig[c] + lag * dg[c]) * keep_ig
        ig_sg, ig_gb = (ig_sg + lag * g_sg) * keep_ig, (ig_gb + lag * g_gb) * keep_ig
        wait -= 1
        if wait == 0:
            trace[row] = ig
            slopes[row] = dig
            slopes[row, _SG], slopes[row, GB] = ig_sg, ig_gb
            row, wait = row + 1, every


@_compiled
def differentiate(
    p: AnyArray,
    fixed: AnyArray,
    dt: float,
    every: int,
    meals: AnyArray,
    boluses: AnyArray,
    start: float,
    trace: AnyArray,
    slopes: AnyArray,
) -> None:
    """Set one person's interstitial glucose and its derivatives, shape (rows, 18)."""
    n_steps = (trace.size - 1) * every
    eaten, given = np.empty((_N_KINDS, n_steps)), np.empty(n_steps)
    moved = np.empty((_N_KINDS, n_steps))
    _fill_inputs(p, fixed, dt, meals, boluses, eaten, given)
    _fill_slopes(p, dt, meals, moved)
    appearance, by = np.zeros(n_steps), np.zeros((n_steps, N_PERSONAL))
    for k in range(_N_KINDS):
        if not _is_empty(eaten[k]):
            _absorb_slopes(p, fixed, dt, k, eaten[k], moved[k], appearance, by)
    insulin, action = np.empty(n_steps), np.empty(n_steps)
    by_kd, by_ka2 = np.empty(n_steps), np.empty(n_steps)
    _infuse_slopes(p, fixed, dt, given, insulin, by_kd, by_ka2)
    _act(p, fixed, dt, insulin, by_kd, by_ka2, action, by)
    _regulate_slopes(p, fixed, dt, every, start, appearance, action, by, trace, slopes)


@_compiled
def sum_squares(cgm: AnyArray, trace: AnyArray) -> float:
    """Sum squared residuals in order of time; missing readings are left out."""
    squares = 0.0
    for t in range(cgm.size):
        if not math.isnan(cgm[t]):
            residual = cgm[t] - trace[t]
            squares += residual * residual
    return squares


@_compiled
def gather(
    cgm: AnyArray,
    trace: AnyArray,
    slopes: AnyArray,
    information: AnyArray,
    score: AnyArray,
) -> None:
    """Set the normal equations; missing readings are left out.

    Sums run in order of time, so they are the same in any number of threads.
    """
    information[:] = 0.0
    score[:] = 0.0
    for t in range(cgm.size):
        if math.isnan(cgm[t]):
            continue
        residual = cgm[t] - trace[t]
        for c in range(N_PERSONAL):
            slope = slopes[t, c]
            score[c] += residual * slope
            for d in range(c + 1):
                information[c, d] += slope * slopes[t, d]
    for c in range(N_PERSONAL):
        for d in range(c):
            information[d, c] = information[c, d]
