"""The compiled heart of the glucose twin: carbohydrate, insulin and glucose in passes.

Every state is solved by backward Euler in the order in which the cascade feeds it:
carbohydrate and insulin do not depend on glucose, so each is a pass of its own over
the steps, and a step costs one multiplication or division per state. No sum is
reordered (no fastmath), so answers do not depend on the number of threads. Compiled
once per process: a cache on disk would lie inside the package.

`follow` simulates given meals and doses, `simulate_record` a person who decides on
them, and `differentiate` gives exact slopes by the personal parameters for the fit.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np

from twinprivacy._types import AnyArray

Function = TypeVar("Function", bound=Callable[..., Any])

# Places in the vector of a person's parameters; one SI for each part of the day, one
# KABS and one BETA for each kind of meal. BASAL is in mU/kg/min.
_SI, _GB, _SG, _P2, _KA2, _KD, _KEMPT, _KABS = 0, *range(3, 10)
_BETA, _BASAL = 14, 19
N_PARAMETERS = 20
# All but the last two: the delay of rescue carbohydrate and the basal rate.
N_PERSONAL = N_PARAMETERS - 2
_N_KINDS = 5
_RESCUE = _N_KINDS - 1
_MINUTES_PER_DAY = 1_440
_TICK = 5
_MG_PER_G = 1_000.0
# Less than this many mg/kg in the stomach is nothing; far smaller numbers are slow.
_NOTHING = 1e-200

# What was eaten (mg/kg) and injected (mU/kg, over a duration in minutes).
MEAL = np.dtype([("minute", "f8"), ("amount", "f8"), ("kind", "i8")])
BOLUS = np.dtype([("minute", "f8"), ("amount", "f8"), ("duration", "f8")])
# A meal that a person sits down to, and the grams that they count; what they add.
SERVED = np.dtype(
    [("minute", "f8"), ("kind", "i8"), ("carbohydrate_g", "f8"), ("counted_g", "f8")]
)
_DOSE = np.dtype([("minute", "f8"), ("bolus_units", "f8")])
_RESCUE_MEAL = np.dtype([("minute", "f8")])
# In mg/kg, mU/kg and mg/dL; stomach and gut hold each kind of meal apart, and the last
# two count what has left the body's compartments.
STATE = np.dtype(
    [(name, "f8", (_N_KINDS,)) for name in ("q1", "q2", "q3")]
    + [(name, "f8") for name in ("s1", "s2", "ip", "x", "g", "ig")]
    + [(name, "f8") for name in ("absorbed", "cleared")]
)
# What the person, or their pump, keeps in mind between two readings.
_CONTROLLER = np.dtype(
    [(name, "f8") for name in ("on_board", "last_bolus", "last_rescue")]
    + [(name, "i8") for name in ("n_boluses", "n_rescues", "next_meal")]
)


class Fixed(NamedTuple):
    """What is the same for everyone."""

    vg: float
    r1: float
    r2: float
    alpha: float
    vi: float
    ke: float
    tau: float
    kgri: float
    f: float


class _Person(NamedTuple):
    """One person's parameters by name, and the step of the solver in minutes."""

    si: AnyArray
    gb: float
    sg: float
    p2: float
    ka2: float
    kd: float
    kempt: float
    kabs: AnyArray
    beta: AnyArray
    basal: float
    fixed: Fixed
    dt: float


class Course(NamedTuple):
    """What one person eats and injects, from which glucose, and how it is followed."""

    meals: AnyArray
    boluses: AnyArray
    start: float
    dt: float
    every: int
    n_rows: int


class Plan(NamedTuple):
    """One person's prescription."""

    weight_kg: float
    target_mg_dl: float
    factor_mg_dl_per_u: float
    ratio_g_per_u: float


class Rules(NamedTuple):
    """How everyone reacts to a reading."""

    low_mg_dl: float
    rescue_g: float
    wait_minutes: float
    high_mg_dl: float
    pause_minutes: float
    wake_minute: float
    sleep_minute: float
    memory_minutes: float
    unit: float


class Subject(NamedTuple):
    """One person's days, with a row of parameters each; gain and offset by tick."""

    days: AnyArray
    fixed: Fixed
    plan: Plan
    rules: Rules
    meals: AnyArray
    gain: AnyArray
    offset: AnyArray
    lowest: float
    highest: float


class _Log(NamedTuple):
    """Glucose by tick, what goes in by minute, and what is noted of it."""

    cgm: AnyArray
    plasma: AnyArray
    eaten: AnyArray
    given: AnyArray
    doses: AnyArray
    rescues: AnyArray


def _compiled(function: Function) -> Function:
    """Compile a function once for all processes, so that other threads run meanwhile.

    What is compiled is kept beside this file and made again when the file changes: all
    that these functions call stands in it, so nothing stale is ever run.
    """
    # No check of every division: none is by zero, and code with checks is slower.
    compiled = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    return cast(Function, compiled)


@_compiled
def follow(
    parameters: AnyArray, fixed: Fixed, course: Course
) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Simulate one person from rest: plasma, interstitial glucose and last state."""
    p, every = _person(parameters, fixed, course.dt), course.every
    eaten, given = _fill_inputs(p, course)
    plasma, interstitial = np.empty(course.n_rows), np.empty(course.n_rows)
    states = np.zeros(1, STATE)
    y = states[0]
    _rest(p, course.start, y)
    chunk = every * max(1, _MINUTES_PER_DAY // every)
    appearance, insulin = np.empty(chunk), np.empty(chunk)
    fine, fine_ig = np.empty(chunk), np.empty(chunk)
    plasma[0], interstitial[0] = y.g, y.ig
    for a in range(0, given.size, chunk):
        m = min(chunk, given.size - a)
        _absorb_all(p, y, eaten[:, a : a + m], appearance[:m])
        _infuse(p, y, given[a : a + m], insulin[:m])
        _regulate(p, y, a, appearance[:m], insulin[:m], fine[:m], fine_ig[:m])
        for i in range(every - 1, m, every):
            row = (a + i + 1) // every
            plasma[row], interstitial[row] = fine[i], fine_ig[i]
    return plasma, interstitial, states


@_compiled
def simulate_record(
    subject: Subject,
) -> tuple[AnyArray, AnyArray, AnyArray, AnyArray]:
    """Simulate one person's days: readings, plasma glucose, doses and rescues."""
    n_ticks = subject.gain.size
    log = _Log(
        np.empty(n_ticks),
        np.empty(n_ticks),
        np.zeros((_N_KINDS, n_ticks * _TICK)),
        np.zeros(n_ticks * _TICK),
        # At most one correction a tick, and a bolus for each meal.
        np.empty(n_ticks + subject.meals.size, _DOSE),
        np.empty(n_ticks, _RESCUE_MEAL),
    )
    # A record does not keep its array alive in compiled code; an argument is alive.
    memory = np.zeros(1, STATE), np.zeros(1, _CONTROLLER)
    n_boluses, n_rescues = _run_ticks(subject, memory[0], memory[1], log)
    doses, rescues = log.doses[:n_boluses], log.rescues[:n_rescues]
    return log.cgm, log.plasma, doses.copy(), rescues.copy()


@_compiled
def _run_ticks(
    subject: Subject, states: AnyArray, controllers: AnyArray, log: _Log
) -> tuple[int, int]:
    """Let a person read, react and eat every five minutes; count doses and rescues."""
    rules, y, controller = subject.rules, states[0], controllers[0]
    appearance, insulin = np.empty(_TICK), np.empty(_TICK)
    fine, fine_ig = np.empty(_TICK), np.empty(_TICK)
    p = _person(subject.days[0], subject.fixed, 1.0)
    _rest(p, p.gb, y)
    controller.last_bolus = controller.last_rescue = -log.given.size
    for k in range(log.cgm.size):
        i = k * _TICK
        p = _person(subject.days[i // _MINUTES_PER_DAY], subject.fixed, 1.0)
        seen = subject.gain[k] * y.ig + subject.offset[k]
        reading = min(max(seen, subject.lowest), subject.highest)
        log.cgm[k], log.plasma[k] = reading, y.g
        _rescue(i, reading, subject, controller, log)
        awake = rules.wake_minute <= i % _MINUTES_PER_DAY < rules.sleep_minute
        rested = i - controller.last_bolus >= rules.pause_minutes
        if awake and rested and reading > rules.high_mg_dl:
            units = _correction(reading, subject.plan, controller)
            _inject(i, units, subject, controller, log)
        _eat(i + _TICK, reading, p, subject, controller, log)
        controller.on_board *= np.exp(-_TICK / rules.memory_minutes)
        _absorb_all(p, y, log.eaten[:, i : i + _TICK], appearance)
        _infuse(p, y, log.given[i : i + _TICK], insulin)
        _regulate(p, y, i, appearance, insulin, fine, fine_ig)
    return controller.n_boluses, controller.n_rescues


@_compiled
def differentiate(
    parameters: AnyArray, fixed: Fixed, course: Course
) -> tuple[AnyArray, AnyArray]:
    """Return one person's interstitial glucose and its derivatives, (rows, 18)."""
    p = _person(parameters, fixed, course.dt)
    eaten, given = _fill_inputs(p, course)
    n_steps = given.size
    moved = _fill_slopes(p, course.meals, n_steps)
    appearance, by = np.zeros(n_steps), np.zeros((n_steps, N_PERSONAL))
    for k in range(_N_KINDS):
        if not _is_empty(eaten[k]):
            _absorb_slopes(p, k, eaten[k], moved[k], appearance, by)
    insulin, by_kd, by_ka2 = _infuse_slopes(p, given)
    action = _act(p, insulin, by_kd, by_ka2, by)
    return _regulate_slopes(p, course, appearance, action, by)


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
    cgm: AnyArray, trace: AnyArray, slopes: AnyArray
) -> tuple[AnyArray, AnyArray]:
    """Return the normal equations, information and score, of the readings known.

    Sums run in order of time, so they are the same in any number of threads.
    """
    information, score = np.zeros((N_PERSONAL, N_PERSONAL)), np.zeros(N_PERSONAL)
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
    return information, score


@_compiled
def _person(parameters: AnyArray, fixed: Fixed, dt: float) -> _Person:
    """Name the parameters of a vector."""
    return _Person(
        parameters[_SI:_GB],
        parameters[_GB],
        parameters[_SG],
        parameters[_P2],
        parameters[_KA2],
        parameters[_KD],
        parameters[_KEMPT],
        parameters[_KABS:_BETA],
        parameters[_BETA:_BASAL],
        parameters[_BASAL],
        fixed,
        dt,
    )


@_compiled
def _rest(p: _Person, glucose: float, y: Any) -> None:
    """Set an empty state to rest under basal insulin, with glucose where it is told."""
    y.s1, y.s2 = p.basal / p.kd, p.basal / p.ka2
    y.ip = p.basal / p.fixed.ke
    y.g = y.ig = glucose


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
def _fill_inputs(p: _Person, course: Course) -> tuple[AnyArray, AnyArray]:
    """Spread meals and boluses over the steps, a bolus over its duration if any."""
    n_steps, dt = (course.n_rows - 1) * course.every, course.dt
    eaten, given = np.zeros((_N_KINDS, n_steps)), np.zeros(n_steps)
    for meal in course.meals:
        minute = meal.minute + p.beta[meal.kind]
        _add_impulse(eaten[meal.kind], minute, meal.amount, dt)
    for bolus in course.boluses:
        minute, length = bolus.minute + p.fixed.tau, bolus.duration
        parts = max(1, math.ceil(length / dt))
        for j in range(parts):
            _add_impulse(given, minute + j * length / parts, bolus.amount / parts, dt)
    return eaten, given


@_compiled
def _is_empty(meal: AnyArray) -> bool:
    """Return whether nothing is eaten in any step."""
    for amount in meal:  # noqa: SIM110 - compiled code knows no all() of this form
        if amount != 0.0:
            return False
    return True


@_compiled
def _absorb_all(p: _Person, y: Any, meals: AnyArray, appearance: AnyArray) -> None:
    """Set the rate of appearance of all kinds of meals, in mg/kg/min."""
    appearance[:] = 0.0
    for k in range(_N_KINDS):
        idle = y.q1[k] == 0.0 and y.q2[k] == 0.0 and y.q3[k] == 0.0
        if not (idle and _is_empty(meals[k])):
            _absorb(p, y, k, meals[k], appearance)


@_compiled
def _absorb(p: _Person, y: Any, k: int, meal: AnyArray, appearance: AnyArray) -> None:
    """Pass one kind of meal (mg/kg per step) through the stomach and the gut.

    Adds mg/kg/min to `appearance`.
    """
    q1, q2, q3 = y.q1[k], y.q2[k], y.q3[k]
    grind, empty, take = p.dt * p.fixed.kgri, p.dt * p.kempt, p.dt * p.kabs[k]
    keep1, keep2, keep3 = 1 / (1 + grind), 1 / (1 + empty), 1 / (1 + take)
    rate = p.fixed.f * p.kabs[k]
    absorbed = 0.0
    for i in range(meal.size):
        q1 = (q1 + meal[i]) * keep1
        q2 = (q2 + grind * q1) * keep2
        q3 = (q3 + empty * q2) * keep3
        appearance[i] += rate * q3
        absorbed += q3
    y.q1[k] = q1 if q1 > _NOTHING else 0.0
    y.q2[k] = q2 if q2 > _NOTHING else 0.0
    y.q3[k] = q3 if q3 > _NOTHING else 0.0
    y.absorbed += p.dt * rate * absorbed


@_compiled
def _infuse(p: _Person, y: Any, bolus: AnyArray, insulin: AnyArray) -> None:
    """Set plasma insulin in mU/kg, from boluses (mU/kg per step) and the basal rate."""
    s1, s2, ip = y.s1, y.s2, y.ip
    leave1, leave2, clear = p.dt * p.kd, p.dt * p.ka2, p.dt * p.fixed.ke
    keep1, keep2, keep3 = 1 / (1 + leave1), 1 / (1 + leave2), 1 / (1 + clear)
    basal = p.dt * p.basal
    cleared = 0.0
    for i in range(bolus.size):
        s1 = (s1 + bolus[i] + basal) * keep1
        s2 = (s2 + leave1 * s1) * keep2
        ip = (ip + leave2 * s2) * keep3
        insulin[i] = ip
        cleared += ip
    y.s1, y.s2, y.ip = s1, s2, ip
    y.cleared += clear * cleared


@_compiled
def _risk(glucose: float, gb: float, low_gb: float, fixed: Fixed) -> float:
    """Return how much stronger insulin acts below the basal glucose."""
    if glucose >= gb:
        return 1.0
    gap: float = math.log(max(glucose, 60.0)) ** fixed.r2 - low_gb
    return 1.0 + 10.0 * fixed.r1 * gap * gap


@_compiled
def _day_part(minute: float) -> int:
    """Return 0 from 4 to 11 h, 1 from 11 to 17 h, 2 from 17 to 4 h."""
    minute = minute % _MINUTES_PER_DAY
    if minute < 240.0 or minute >= 1_020.0:
        return 2
    return 0 if minute < 660.0 else 1


@_compiled
def _regulate(
    p: _Person,
    y: Any,
    first: int,
    appearance: AnyArray,
    insulin: AnyArray,
    glucose: AnyArray,
    interstitial: AnyArray,
) -> None:
    """Set glucose in mg/dL after each step, the first of which is step `first`."""
    x, g, ig = y.x, y.g, y.ig
    dt, sg, fixed = p.dt, p.sg, p.fixed
    keep_x, act = 1 / (1 + dt * p.p2), dt * p.p2 / fixed.vi
    lag = dt / fixed.alpha
    keep_ig, basal_ip = 1 / (1 + lag), p.basal / fixed.ke
    made, per_vg = dt * sg * p.gb, dt / fixed.vg
    low_gb = math.log(p.gb) ** fixed.r2
    for i in range(insulin.size):
        si = p.si[_day_part((first + i + 1) * dt)]
        x = (x + act * si * (insulin[i] - basal_ip)) * keep_x
        # The risk is that of the glucose before the step; all else is implicit.
        loss = sg + _risk(g, p.gb, low_gb, fixed) * x
        g = (g + made + appearance[i] * per_vg) / (1 + dt * loss)
        ig = (ig + lag * g) * keep_ig
        glucose[i], interstitial[i] = g, ig
    y.x, y.g, y.ig = x, g, ig


@_compiled
def _rescue(
    minute: float, reading: float, subject: Subject, controller: Any, log: _Log
) -> None:
    """Eat rescue carbohydrate if the reading is low and the last was a while ago."""
    rules = subject.rules
    if (
        reading >= rules.low_mg_dl
        or minute - controller.last_rescue < rules.wait_minutes
    ):
        return
    amount = rules.rescue_g * _MG_PER_G / subject.plan.weight_kg
    _add_impulse(log.eaten[_RESCUE], minute, amount, 1.0)
    log.rescues[controller.n_rescues].minute = minute
    controller.n_rescues += 1
    controller.last_rescue = minute


@_compiled
def _inject(
    minute: float, units: float, subject: Subject, controller: Any, log: _Log
) -> None:
    """Inject a bolus, rounded to what the pen or the pump can give."""
    units = np.round(units / subject.rules.unit) * subject.rules.unit
    if units <= 0.0:
        return
    amount = units * _MG_PER_G / subject.plan.weight_kg
    _add_impulse(log.given, minute + subject.fixed.tau, amount, 1.0)
    dose = log.doses[controller.n_boluses]
    dose.minute, dose.bolus_units = minute, units
    controller.n_boluses += 1
    controller.last_bolus = minute
    controller.on_board += units


@_compiled
def _correction(reading: float, plan: Plan, controller: Any) -> float:
    """Return units to bring the reading to the target, less what still acts."""
    units = (reading - plan.target_mg_dl) / plan.factor_mg_dl_per_u
    return max(units - controller.on_board, 0.0) if units > 0.0 else units


@_compiled
def _eat(
    until: float,
    reading: float,
    p: _Person,
    subject: Subject,
    controller: Any,
    log: _Log,
) -> None:
    """Eat the meals that come before a minute, with a bolus unless it is forgotten."""
    while controller.next_meal < subject.meals.size:
        meal = subject.meals[controller.next_meal]
        if meal.minute >= until:
            return
        amount = meal.carbohydrate_g * _MG_PER_G / subject.plan.weight_kg
        _add_impulse(log.eaten[meal.kind], meal.minute + p.beta[meal.kind], amount, 1.0)
        if meal.counted_g > 0.0:
            needed = meal.counted_g / subject.plan.ratio_g_per_u
            units = needed + _correction(reading, subject.plan, controller)
            _inject(meal.minute, units, subject, controller, log)
        controller.next_meal += 1


# Derivatives by parameters stand in columns, in the order of the vector. Those before
# it act through insulin or at rest, those from it on through meals.
_FED = _KEMPT


@_compiled
def _fill_slopes(p: _Person, meals: AnyArray, n_steps: int) -> AnyArray:
    """Return the derivative of what comes in by the delay of each kind of meal."""
    slopes = np.zeros((_N_KINDS, n_steps))
    for meal in meals:
        first = int((meal.minute + p.beta[meal.kind]) / p.dt)
        if first + 1 < n_steps:
            slopes[meal.kind, first] -= meal.amount / p.dt
            slopes[meal.kind, first + 1] += meal.amount / p.dt
    return slopes


@_compiled
def _absorb_slopes(
    p: _Person,
    k: int,
    meal: AnyArray,
    slope: AnyArray,
    appearance: AnyArray,
    by: AnyArray,
) -> None:
    """Add one kind's rate of appearance, and its derivatives to the columns of `by`."""
    dt = p.dt
    grind, empty, take = dt * p.fixed.kgri, dt * p.kempt, dt * p.kabs[k]
    keep1, keep2, keep3 = 1 / (1 + grind), 1 / (1 + empty), 1 / (1 + take)
    f, rate = p.fixed.f, p.fixed.f * p.kabs[k]
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
def _infuse_slopes(p: _Person, bolus: AnyArray) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Return plasma insulin and its derivatives by kd and ka2, from rest."""
    n_steps = bolus.size
    insulin, by_kd, by_ka2 = np.empty(n_steps), np.empty(n_steps), np.empty(n_steps)
    dt, u = p.dt, p.basal
    leave1, leave2, clear = dt * p.kd, dt * p.ka2, dt * p.fixed.ke
    keep1, keep2, keep3 = 1 / (1 + leave1), 1 / (1 + leave2), 1 / (1 + clear)
    s1, s2, ip = u / p.kd, u / p.ka2, u / p.fixed.ke
    d1, a2, d2, d3, a3 = -u / p.kd**2, -u / p.ka2**2, 0.0, 0.0, 0.0
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
    return insulin, by_kd, by_ka2


@_compiled
def _act(
    p: _Person, insulin: AnyArray, by_kd: AnyArray, by_ka2: AnyArray, by: AnyArray
) -> AnyArray:
    """Return insulin's action on glucose; set its derivatives in columns of `by`."""
    action, dt = np.empty(insulin.size), p.dt
    keep, gain = 1 / (1 + dt * p.p2), dt * p.p2 / p.fixed.vi
    basal_ip = p.basal / p.fixed.ke
    x = d_p2 = d_kd = d_ka2 = 0.0
    by_si = np.zeros(_GB - _SI)
    for i in range(insulin.size):
        part = _day_part((i + 1) * dt)
        push = gain * (insulin[i] - basal_ip)
        pull = gain * p.si[part]
        x = (x + pull * (insulin[i] - basal_ip)) * keep
        for c in range(by_si.size):
            by_si[c] *= keep
        by_si[part] += push * keep
        d_p2 = d_p2 * keep + (push * p.si[part] / p.p2 - dt * x) * keep
        d_kd = d_kd * keep + pull * by_kd[i] * keep
        d_ka2 = d_ka2 * keep + pull * by_ka2[i] * keep
        action[i] = x
        for c in range(by_si.size):
            by[i, _SI + c] = by_si[c]
        by[i, _P2], by[i, _KD], by[i, _KA2] = d_p2, d_kd, d_ka2
    return action


@_compiled
def _risk_slopes(
    glucose: float, gb: float, low_gb: float, fixed: Fixed
) -> tuple[float, float]:
    """Return the derivatives of the risk by glucose and by Gb."""
    if glucose >= gb:
        return 0.0, 0.0
    low, r2 = max(glucose, 60.0), fixed.r2
    gap = math.log(low) ** r2 - low_gb
    outer = 20.0 * fixed.r1 * gap * r2
    by_gb = -outer * math.log(gb) ** (r2 - 1.0) / gb
    if glucose <= 60.0:
        return 0.0, by_gb
    return outer * math.log(low) ** (r2 - 1.0) / low, by_gb


@_compiled
def _regulate_slopes(
    p: _Person, course: Course, appearance: AnyArray, action: AnyArray, by: AnyArray
) -> tuple[AnyArray, AnyArray]:
    """Return interstitial glucose each `every` steps, its derivatives as columns."""
    trace, slopes = np.empty(course.n_rows), np.empty((course.n_rows, N_PERSONAL))
    dt, sg, gb, fixed = p.dt, p.sg, p.gb, p.fixed
    lag, per_vg = dt / fixed.alpha, dt / fixed.vg
    made, keep_ig = dt * sg * gb, 1 / (1 + lag)
    low_gb = math.log(gb) ** fixed.r2
    g = ig = course.start
    # Lengths are no constants here: short loops of fixed length are not vectorised.
    dg, dig = np.zeros(slopes.shape[1]), np.zeros(slopes.shape[1])
    n_columns, n_other = dg.size, dg.size - (N_PERSONAL - _FED)
    # Apart from the columns: to write single places of a vector stalls its next use.
    g_sg = g_gb = ig_sg = ig_gb = 0.0
    trace[0] = course.start
    slopes[0] = 0.0
    row, wait = 1, course.every
    for i in range(action.size):
        x = action[i]
        rho = _risk(g, gb, low_gb, fixed)
        rho_g, rho_gb = _risk_slopes(g, gb, low_gb, fixed)
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
            slopes[row, _SG], slopes[row, _GB] = ig_sg, ig_gb
            row, wait = row + 1, course.every
    return trace, slopes
