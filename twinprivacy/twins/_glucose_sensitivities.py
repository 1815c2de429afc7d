"""Compiled derivatives of simulated glucose by each personal parameter.

The same passes as in the simulation, each with the derivative of its update beside it:
exact for the discrete model, so a fit needs no second simulation per parameter.
"""

import math

import numpy as np

from twinprivacy._types import AnyArray
from twinprivacy.twins._glucose_kernels import (
    ALPHA,
    BASAL,
    BETA,
    GB,
    KA2,
    KABS,
    KD,
    KE,
    KEMPT,
    KGRI,
    N_KINDS,
    N_PARAMETERS,
    P2,
    R1,
    R2,
    SG,
    SI,
    VG,
    VI,
    F,
    compiled,
    day_part,
    fill_inputs,
    is_empty,
    risk,
)

# All but the last two: the delay of rescue carbohydrate and the basal rate.
N_PERSONAL = N_PARAMETERS - 2
# Those before it act through insulin or at rest, those from it on through meals.
FED = KEMPT


@compiled
def fill_slopes(p: AnyArray, dt: float, meals: AnyArray, slopes: AnyArray) -> None:
    """Set the derivative of what comes in by the delay of each kind of meal."""
    slopes[:] = 0.0
    for e in range(meals.shape[0]):
        kind = int(meals[e, 2])
        first = int((meals[e, 0] + p[BETA + kind]) / dt)
        if first + 1 < slopes.shape[1]:
            slopes[kind, first] -= meals[e, 1] / dt
            slopes[kind, first + 1] += meals[e, 1] / dt


@compiled
def absorb(
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
    grind, empty, take = dt * fixed[KGRI], dt * p[KEMPT], dt * p[KABS + k]
    keep1, keep2, keep3 = 1 / (1 + grind), 1 / (1 + empty), 1 / (1 + take)
    f, rate = fixed[F], fixed[F] * p[KABS + k]
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
        by[i, KEMPT] += rate * e3
        by[i, KABS + k] = f * q3 + rate * a3
        if k < N_KINDS - 1:
            by[i, BETA + k] = rate * b3


@compiled
def infuse(
    p: AnyArray,
    fixed: AnyArray,
    dt: float,
    bolus: AnyArray,
    insulin: AnyArray,
    by_kd: AnyArray,
    by_ka2: AnyArray,
) -> None:
    """Set plasma insulin and its derivatives by kd and ka2, from rest."""
    leave1, leave2, clear = dt * p[KD], dt * p[KA2], dt * fixed[KE]
    keep1, keep2, keep3 = 1 / (1 + leave1), 1 / (1 + leave2), 1 / (1 + clear)
    u = p[BASAL]
    s1, s2, ip = u / p[KD], u / p[KA2], u / fixed[KE]
    d1, a2, d2, d3, a3 = -u / p[KD] ** 2, -u / p[KA2] ** 2, 0.0, 0.0, 0.0
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


@compiled
def act(
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
    keep, gain = 1 / (1 + dt * p[P2]), dt * p[P2] / fixed[VI]
    basal_ip = p[BASAL] / fixed[KE]
    x = d_p2 = d_kd = d_ka2 = 0.0
    by_si = np.zeros(GB - SI)
    for i in range(insulin.size):
        part = day_part((i + 1) * dt)
        push = gain * (insulin[i] - basal_ip)
        pull = gain * p[SI + part]
        x = (x + pull * (insulin[i] - basal_ip)) * keep
        for c in range(by_si.size):
            by_si[c] *= keep
        by_si[part] += push * keep
        d_p2 = d_p2 * keep + (push * p[SI + part] / p[P2] - dt * x) * keep
        d_kd = d_kd * keep + pull * by_kd[i] * keep
        d_ka2 = d_ka2 * keep + pull * by_ka2[i] * keep
        action[i] = x
        for c in range(by_si.size):
            by[i, SI + c] = by_si[c]
        by[i, P2], by[i, KD], by[i, KA2] = d_p2, d_kd, d_ka2


@compiled
def risk_slopes(
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


@compiled
def regulate(
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
    lag, per_vg, sg, gb = dt / fixed[ALPHA], dt / fixed[VG], p[SG], p[GB]
    made, keep_ig = dt * p[SG] * p[GB], 1 / (1 + lag)
    r1, r2 = fixed[R1], fixed[R2]
    low_gb = math.log(gb) ** r2
    g = ig = start
    # Lengths are no constants here: short loops of fixed length are not vectorised.
    dg, dig = np.zeros(slopes.shape[1]), np.zeros(slopes.shape[1])
    n_columns, n_other = dg.size, dg.size - (N_PERSONAL - FED)
    # Apart from the columns: to write single places of a vector stalls its next use.
    g_sg = g_gb = ig_sg = ig_gb = 0.0
    trace[0] = start
    slopes[0] = 0.0
    row, wait = 1, every
    for i in range(action.size):
        x = action[i]
        rho = risk(g, gb, low_gb, r1, r2)
        rho_g, rho_gb = risk_slopes(g, gb, low_gb, r1, r2)
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
            slopes[row, SG], slopes[row, GB] = ig_sg, ig_gb
            row, wait = row + 1, every


@compiled
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
    eaten, given = np.empty((N_KINDS, n_steps)), np.empty(n_steps)
    moved = np.empty((N_KINDS, n_steps))
    fill_inputs(p, fixed, dt, meals, boluses, eaten, given)
    fill_slopes(p, dt, meals, moved)
    appearance, by = np.zeros(n_steps), np.zeros((n_steps, N_PERSONAL))
    for k in range(N_KINDS):
        if not is_empty(eaten[k]):
            absorb(p, fixed, dt, k, eaten[k], moved[k], appearance, by)
    insulin, action = np.empty(n_steps), np.empty(n_steps)
    by_kd, by_ka2 = np.empty(n_steps), np.empty(n_steps)
    infuse(p, fixed, dt, given, insulin, by_kd, by_ka2)
    act(p, fixed, dt, insulin, by_kd, by_ka2, action, by)
    regulate(p, fixed, dt, every, start, appearance, action, by, trace, slopes)


@compiled
def sum_squares(cgm: AnyArray, trace: AnyArray) -> float:
    """Sum squared residuals in order of time; missing readings are left out."""
    squares = 0.0
    for t in range(cgm.size):
        if not math.isnan(cgm[t]):
            residual = cgm[t] - trace[t]
            squares += residual * residual
    return squares


@compiled
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
