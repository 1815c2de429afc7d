"""The compiled loop over a person's days: readings, doses and rescue carbohydrate."""

import numpy as np

from twinprivacy._types import AnyArray
from twinprivacy.twins._glucose_kernels import (
    BETA,
    IG,
    MINUTES_PER_DAY,
    N_KINDS,
    N_STATES,
    TAU,
    G,
    absorb_all,
    add_impulse,
    compiled,
    infuse,
    regulate,
    rest,
)

TICK = 5
MG_PER_G = 1_000.0
# Places in a person's plan: a carbohydrate ratio for each kind of meal comes last.
WEIGHT, TARGET, FACTOR, RATIO = range(4)
# Places in the rules, which are the same for everyone.
LOW, RESCUE_G, WAIT, HIGH, PAUSE, WAKE, SLEEP, MEMORY, UNIT = range(9)
# Places in what the person remembers.
ON_BOARD, LAST_BOLUS, LAST_RESCUE, N_BOLUSES, N_RESCUES, NEXT_MEAL = range(6)
# Places in the row of a meal.
MINUTE, EATEN, KIND, COUNTED = range(4)
RESCUE = N_KINDS - 1


@compiled
def rescue(
    minute: float,
    reading: float,
    plan: AnyArray,
    rules: AnyArray,
    mind: AnyArray,
    eaten: AnyArray,
    rescues: AnyArray,
) -> None:
    """Eat rescue carbohydrate if the reading is low and the last was a while ago."""
    if reading >= rules[LOW] or minute - mind[LAST_RESCUE] < rules[WAIT]:
        return
    add_impulse(eaten[RESCUE], minute, rules[RESCUE_G] * MG_PER_G / plan[WEIGHT], 1.0)
    rescues[int(mind[N_RESCUES])] = minute
    mind[N_RESCUES] += 1
    mind[LAST_RESCUE] = minute


@compiled
def inject(
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
    units = np.round(units / rules[UNIT]) * rules[UNIT]
    if units <= 0.0:
        return
    add_impulse(given, minute + fixed[TAU], units * MG_PER_G / plan[WEIGHT], 1.0)
    boluses[int(mind[N_BOLUSES]), 0] = minute
    boluses[int(mind[N_BOLUSES]), 1] = units
    mind[N_BOLUSES] += 1
    mind[LAST_BOLUS] = minute
    mind[ON_BOARD] += units


@compiled
def correction(reading: float, plan: AnyArray, mind: AnyArray) -> float:
    """Return units to bring the reading to the target, less what still acts."""
    units: float = (reading - plan[TARGET]) / plan[FACTOR]
    return max(units - mind[ON_BOARD], 0.0) if units > 0.0 else units


@compiled
def eat(
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
    while mind[NEXT_MEAL] < meals.shape[0]:
        meal = meals[int(mind[NEXT_MEAL])]
        if meal[MINUTE] >= until:
            return
        kind = int(meal[KIND])
        amount = meal[EATEN] * MG_PER_G / plan[WEIGHT]
        add_impulse(eaten[kind], meal[MINUTE] + p[BETA + kind], amount, 1.0)
        if meal[COUNTED] > 0.0:
            units = meal[COUNTED] / plan[RATIO] + correction(reading, plan, mind)
            inject(meal[MINUTE], units, plan, fixed, rules, mind, given, boluses)
        mind[NEXT_MEAL] += 1


@compiled
def live(
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
    n_steps = days.shape[0] * MINUTES_PER_DAY
    eaten, given = np.zeros((N_KINDS, n_steps)), np.zeros(n_steps)
    appearance, insulin = np.empty(TICK), np.empty(TICK)
    fine, fine_ig, y = np.empty(TICK), np.empty(TICK), np.empty(N_STATES)
    rest(days[0], fixed, start, y)
    mind[:] = 0.0
    mind[LAST_BOLUS] = mind[LAST_RESCUE] = -n_steps
    for k in range(cgm.size):
        i = k * TICK
        p = days[i // MINUTES_PER_DAY]
        reading = min(max(gain[k] * y[IG] + offset[k], limits[0]), limits[1])
        cgm[k], plasma[k] = reading, y[G]
        rescue(i, reading, plan, rules, mind, eaten, rescues)
        awake = rules[WAKE] <= i % MINUTES_PER_DAY < rules[SLEEP]
        rested = i - mind[LAST_BOLUS] >= rules[PAUSE]
        if awake and rested and reading > rules[HIGH]:
            units = correction(reading, plan, mind)
            inject(i, units, plan, fixed, rules, mind, given, boluses)
        eat(
            i + TICK, reading, p, fixed, plan, rules, meals, mind, eaten, given, boluses
        )
        mind[ON_BOARD] *= np.exp(-TICK / rules[MEMORY])
        absorb_all(y, p, fixed, 1.0, eaten[:, i : i + TICK], appearance)
        infuse(y, p, fixed, 1.0, given[i : i + TICK], insulin)
        regulate(y, p, fixed, 1.0, i, appearance, insulin, fine, fine_ig)


@compiled
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
        live(
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
