"""Compiled derivatives of simulated glucose by each personal parameter.

The same passes as in the simulation, each with the derivative of its update beside it:
exact for the discrete model, so a fit needs no second simulation per parameter.
"""

import math

import numpy as np

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
    Array,
    F,
    compiled,
    day_part,
    fill_inputs,
    is_empty,
    risk,
)

# All but the last two: the delay of rescue carbohydrate and the basal rate.
N_PERSONAL = N_PARAMETERS - 2


@compiled
def fill_slopes(p: Array, dt: float, meals: Array, slopes: Array) -> None:
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
    p: Array,
    fixed: Array,
    dt: float,
    k: int,
    meal: Array,
    slope: Array,
    appearance: Array,
    by: Array,
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
    p: Array,
    fixed: Array,
    dt: float,
    bolus: Array,
    insulin: Array,
    by_kd: Array,
    by_ka2: Array,
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
    p: Array,
    fixed: Array,
    dt: float,
    every: int,
    start: float,
    appearance: Array,
    by: Array,
    insulin: Array,
    by_kd: Array,
    by_ka2: Array,
    trace: Array,
    slopes: Array,
) -> None:
    """Set interstitial glucose each `every` steps, and its derivatives as columns."""
    keep_x, act = 1 / (1 + dt * p[P2]), dt * p[P2] / fixed[VI]
    lag, per_vg, sg, gb = dt / fixed[ALPHA], dt / fixed[VG], p[SG], p[GB]
    keep_ig, basal_ip = 1 / (1 + lag), p[BASAL] / fixed[KE]
    r1, r2 = fixed[R1], fixed[R2]
    low_gb = math.log(gb) ** r2
    x, g, ig = 0.0, start, start
    dx, dg, dig = np.zeros(N_PERSONAL), np.zeros(N_PERSONAL), np.zeros(N_PERSONAL)
    trace[0] = start
    slopes[0] = 0.0
    for i in range(insulin.size):
        part = SI + day_part((i + 1) * dt)
        push = act * (insulin[i] - basal_ip)
        x = (x + push * p[part]) * keep_x
        rho = risk(g, gb, low_gb, r1, r2)
        rho_g, rho_gb = risk_slopes(g, gb, low_gb, r1, r2)
        keep = 1 / (1 + dt * (sg + rho * x))
        g = (g + dt * sg * gb + appearance[i] * per_vg) * keep
        for c in range(N_PERSONAL):
            dx[c] *= keep_x
        dx[part] += push * keep_x
        dx[P2] += (push * p[part] / p[P2] - dt * x) * keep_x
        dx[KD] += act * p[part] * by_kd[i] * keep_x
        dx[KA2] += act * p[part] * by_ka2[i] * keep_x
        fade, pull = 1.0 - dt * g * x * rho_g, dt * g * rho
        for c in range(N_PERSONAL):
            dg[c] = (dg[c] * fade + per_vg * by[i, c] - pull * dx[c]) * keep
        dg[SG] += dt * (gb - g) * keep
        dg[GB] += dt * (sg - g * x * rho_gb) * keep
        ig = (ig + lag * g) * keep_ig
        for c in range(N_PERSONAL):
            dig[c] = (dig[c] + lag * dg[c]) * keep_ig
        if (i + 1) % every == 0:
            trace[(i + 1) // every] = ig
            slopes[(i + 1) // every] = dig


@compiled
def differentiate(
    p: Array,
    fixed: Array,
    dt: float,
    every: int,
    meals: Array,
    boluses: Array,
    start: float,
    trace: Array,
    slopes: Array,
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
    insulin, by_kd = np.empty(n_steps), np.empty(n_steps)
    by_ka2 = np.empty(n_steps)
    infuse(p, fixed, dt, given, insulin, by_kd, by_ka2)
    regulate(
        p,
        fixed,
        dt,
        every,
        start,
        appearance,
        by,
        insulin,
        by_kd,
        by_ka2,
        trace,
        slopes,
    )


@compiled
def gather(
    cgm: Array, trace: Array, slopes: Array, information: Array, score: Array
) -> float:
    """Sum squared residuals, and the normal equations; missing readings are left out.

    Sums run in order of time, so they are the same in any number of threads.
    """
    information[:] = 0.0
    score[:] = 0.0
    squares = 0.0
    for t in range(cgm.size):
        if math.isnan(cgm[t]):
            continue
        residual = cgm[t] - trace[t]
        squares += residual * residual
        for c in range(N_PERSONAL):
            slope = slopes[t, c]
            score[c] += residual * slope
            for d in range(c + 1):
                information[c, d] += slope * slopes[t, d]
    for c in range(N_PERSONAL):
        for d in range(c):
            information[d, c] = information[c, d]
    return squares
