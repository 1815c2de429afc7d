"""Time the glucose twin against plain numpy and another simulator, and its fit.

    python benchmarks/glucose.py

The numpy side is the same model, vectorised over people, and must give the same answer.
The other simulator, simglucose 0.2.11, is another model (UVA/Padova, 13 states, solved
by adaptive steps), installed in an environment of its own under _build/peers: what is
compared is the cost of a patient-day, not accuracy. Compilation is timed apart.
"""

import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from _measure import peak_mb, seconds
from _peers import hold, peer_python, run

from twinprivacy.twins.glucose import (
    fit_patients,
    glucose_prior,
    prescribe,
    sample_patients,
    simulate_days,
    simulate_glucose,
)

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "published"))

import glucose_reference as plain  # noqa: E402 - it lies with the tests

DAY = 1_440
ROUNDS = 5
COHORT, COHORT_DAYS, COHORT_LIMIT_S = 1_000, 14, 1.5
SMALL, SMALL_DAYS, LEAST_RATIO = 200, 7, 3.0
N_FITS, FIT_LIMIT_MS = 40, 50.0
PEER = "simglucose==0.2.11"
PEER_DAYS = 2
PEER_CODE = f"""
import time
from simglucose.patient.t1dpatient import Action, T1DPatient
patient = T1DPatient.withName("adult#001")
basal = patient._params.u2ss * patient._params.BW / 6000
start = time.perf_counter()
for minute in range({PEER_DAYS * DAY}):
    eaten = {{450: 45, 750: 60, 1140: 75}}.get(minute % {DAY}, 0)
    patient.step(Action(CHO=eaten, insulin=basal + eaten / 10))
print((time.perf_counter() - start) / {PEER_DAYS})
"""


def main() -> None:
    """Print one line for each comparison; stop where a claim does not hold."""
    people, meals, doses = scenario(COHORT, COHORT_DAYS)
    minutes = COHORT_DAYS * DAY

    def cohort() -> object:
        return simulate_glucose(people, meals, doses, minutes=minutes)

    few = people.head(2)
    first = seconds(lambda: simulate_glucose(few, *of(few, meals, doses), minutes=DAY))
    print(f"  compilation of the model {first:.1f} s")
    times = [seconds(cohort) for _ in range(ROUNDS)]
    own = statistics.median(times)
    print(
        f"  {COHORT:,} people, {COHORT_DAYS} days, steps of a minute: {own:.2f} s "
        f"({min(times):.2f} to {max(times):.2f}); peak {peak_mb(cohort):.0f} MB"
    )
    hold(own <= COHORT_LIMIT_S, f"{own:.2f} s is over {COHORT_LIMIT_S} s")
    against_numpy(people.head(SMALL), meals, doses)
    against_simglucose(own / COHORT / COHORT_DAYS)
    fit()


def against_numpy(
    people: pd.DataFrame, meals: pd.DataFrame, doses: pd.DataFrame
) -> None:
    """Compare with the same model in numpy, without the time to prepare its inputs."""
    meals, doses = of(people, meals, doses)
    minutes = SMALL_DAYS * DAY
    events = plain.inputs(people, meals, doses, minutes, 1.0)

    def compiled() -> np.ndarray:
        return simulate_glucose(people, meals, doses, minutes=minutes).plasma_mg_dl

    def numpy() -> np.ndarray:
        return plain.march(people, *events, dt=1.0, every=5)[0]

    hold(np.allclose(compiled(), numpy(), rtol=1e-9), "the two sides do not agree")
    ratio = compare("plain numpy", compiled, numpy)
    hold(ratio >= LEAST_RATIO, f"numpy takes only {ratio:.1f} times as long")


def against_simglucose(own_seconds: float) -> None:
    """Compare the cost of a patient-day with that of another simulator."""
    python = peer_python("simglucose", PEER, "setuptools<81")
    times = [float(run([python, "-c", PEER_CODE])) for _ in range(3)]
    theirs = statistics.median(times)
    print(
        f"  a patient-day: {1e6 * own_seconds:.0f} microseconds, simglucose "
        f"{1e3 * theirs:.0f} ms ({1e3 * min(times):.0f} to {1e3 * max(times):.0f}): "
        f"ratio {theirs / own_seconds:,.0f} (another model, one core against all)"
    )
    hold(theirs > own_seconds, "the peer is faster")


def fit() -> None:
    """Time the fit of one week of one person, each after the other."""
    rng = np.random.default_rng(2_026)
    plan = prescribe(sample_patients(N_FITS, rng=rng), rng=rng, n_visits=4)
    days = simulate_days(plan, days=7, rng=rng)
    prior = glucose_prior(sample_patients(2_000, rng=rng))
    one = plan.head(1)
    readings = days.cgm_mg_dl

    def fit_of(people: pd.DataFrame, cgm: np.ndarray, n_jobs: int) -> object:
        events = of(people, days.diary, days.insulin)
        return fit_patients(people, cgm, *events, prior=prior, n_jobs=n_jobs)

    first = seconds(lambda: fit_of(one, readings[:1], 1))
    times = [
        1e3 * seconds(lambda j=j: fit_of(plan.iloc[[j]], readings[[j]], 1))
        for j in range(N_FITS)
    ]
    own = statistics.median(times)
    batch = 1e3 * seconds(lambda: fit_of(plan, readings, 2)) / N_FITS
    print(
        f"  fit of a week: compilation {first:.1f} s, then {own:.0f} ms "
        f"({min(times):.0f} to {max(times):.0f}); in a batch on two threads "
        f"{batch:.0f} ms each"
    )
    hold(own <= FIT_LIMIT_MS, f"{own:.0f} ms is over {FIT_LIMIT_MS:g} ms")


def scenario(n: int, n_days: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return people with four meals a day and a dose for each."""
    people = sample_patients(n, rng=np.random.default_rng(1))
    kinds = {"breakfast": (450, 45), "lunch": (750, 60), "dinner": (1_140, 75)}
    rows = [
        (who, day * DAY + minute, grams, kind)
        for who in people["patient"]
        for day in range(n_days)
        for kind, (minute, grams) in (kinds | {"snack": (960, 20)}).items()
    ]
    meals = pd.DataFrame(rows, columns=["patient", "minute", "carbohydrate_g", "kind"])
    doses = meals[["patient", "minute"]].assign(
        bolus_units=meals["carbohydrate_g"] / 30
    )
    return people, meals, doses


def of(people: pd.DataFrame, *tables: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of some people."""
    return [table[table["patient"].isin(people["patient"])] for table in tables]


def compare(name: str, own: Callable[[], object], peer: Callable[[], object]) -> float:
    """Time both sides turn and turn about; return the median ratio."""
    times = [(seconds(own), seconds(peer)) for _ in range(ROUNDS)]
    ratios = [theirs / ours for ours, theirs in times]
    ours, theirs = (statistics.median(side) for side in zip(*times, strict=True))
    print(
        f"  {SMALL} people, {SMALL_DAYS} days: {ours:.3f} s, {name} {theirs:.2f} s: "
        f"ratio {statistics.median(ratios):.0f} ({min(ratios):.0f} to "
        f"{max(ratios):.0f}); peak {peak_mb(own):.0f} MB, {name} {peak_mb(peer):.0f} MB"
    )
    return statistics.median(ratios)


if __name__ == "__main__":
    print("the glucose twin")
    main()
