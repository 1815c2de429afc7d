"""Time a ladder of uniqueness against pandas, step by step, in one run.

    python benchmarks/uniqueness.py

A million people with 15 attributes of all kinds. The usual way groups the people anew
at each step by all attributes known so far; ours splits the sets of the step before,
and looks no more at those who stand alone. The usual way is compared on a tenth of the
people, turn and turn about, and the whole ladder must agree; ours alone then counts all
people. Three orders: as a form is filled in, the most telling first, and the least.
"""

import statistics

import numpy as np
import pandas as pd
from _measure import peak_mb, seconds

from twinprivacy.attacks.uniqueness import (
    anonymity_sets,
    attribute_disclosure,
    risky_subsets,
    uniqueness_ladder,
)

ROUNDS = 3
N_COMPARED = 100_000
N_LARGE = 1_000_000
LIMIT_SECONDS = 3.0
LIMIT_MB = 2_048


def main() -> None:
    """Print ratios, then time and memory of a million people."""
    people = simulate(N_LARGE)
    # What is imported and read at first use is not timed.
    uniqueness_ladder(people.head(), ["age_years"])
    telling = sorted(people.columns, key=lambda name: -people[name].nunique())
    orders = {
        "as on a form": list(people.columns),
        "most telling first": telling,
        "least telling first": telling[::-1],
    }
    print(
        f"{N_COMPARED:,} people, {ROUNDS} rounds: share of unique people at each step"
    )
    for name, order in orders.items():
        compare(people.head(N_COMPARED), order, name)
    print(f"{N_LARGE:,} people, whole ladder of {people.shape[1]} attributes")
    for name, order in orders.items():
        count_all(people, order, name)
    also(people)


def simulate(n_people: int) -> pd.DataFrame:
    """Draw people with attributes of every kind, independent of one another."""
    rng = np.random.default_rng(1_709)
    born = rng.integers(0, 25_000, n_people)
    states = [f"state {i}" for i in range(50)]
    return pd.DataFrame(
        {
            "female": rng.random(n_people) < 0.5,
            "age_years": rng.integers(18, 90, n_people),
            "state": pd.Categorical.from_codes(rng.integers(0, 50, n_people), states),
            "blood_group": rng.choice(["0", "A", "B", "AB"], n_people),
            "smoking": rng.integers(0, 3, n_people),
            "vkorc1": rng.integers(0, 3, n_people),
            "cyp2c9": rng.integers(0, 6, n_people),
            "diagnosis": rng.integers(0, 2_000, n_people),
            "height_cm": rng.normal(170, 10, n_people).round(),
            "weight_kg": rng.normal(80, 15, n_people).round(1),
            "systolic_bp_mmhg": rng.normal(120, 15, n_people).round(),
            "zip3": rng.integers(0, 900, n_people),
            "birth": pd.Timestamp("1950-01-01") + pd.to_timedelta(born, unit="D"),
            "haemoglobin": np.where(
                rng.random(n_people) < 0.2, np.nan, rng.normal(14, 1, n_people)
            ),
            "cholesterol": rng.normal(5, 1, n_people),
        }
    )


def compare(people: pd.DataFrame, order: list[str], name: str) -> None:
    """Time both ways in turn; both must give the same ladder."""
    ours, usual = [], []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: uniqueness_ladder(people, order)))
        usual.append(seconds(lambda: usual_ladder(people, order)))
    found = uniqueness_ladder(people, order)["share_unique"].to_numpy()
    if not np.array_equal(found, usual_ladder(people, order)):
        raise SystemExit(f"{name}: the two ladders differ")
    ratios = sorted(u / o for u, o in zip(usual, ours, strict=True))
    memory = [
        peak_mb(lambda f=f: f(people, order)) for f in (uniqueness_ladder, usual_ladder)
    ]
    print(
        f"  {name}: ours {statistics.median(ours):.3f} s, {memory[0]:.0f} MB; pandas "
        f"{statistics.median(usual):.2f} s, {memory[1]:.0f} MB; ratio "
        f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})"
    )


def count_all(people: pd.DataFrame, order: list[str], name: str) -> None:
    """Time our ladder alone, and hold it to its limits."""
    times = [seconds(lambda: uniqueness_ladder(people, order)) for _ in range(3)]
    memory = peak_mb(lambda: uniqueness_ladder(people, order))
    print(f"  {name}: {min(times):.2f} to {max(times):.2f} s, {memory:.0f} MB")
    if max(times) > LIMIT_SECONDS or memory > LIMIT_MB:
        raise SystemExit(f"more than {LIMIT_SECONDS} s or {LIMIT_MB} MB")


def usual_ladder(people: pd.DataFrame, order: list[str]) -> np.ndarray:
    """Group by all attributes known at each step; the share of groups of one."""
    shares = []
    for n in range(1, len(order) + 1):
        sizes = people.groupby(
            order[:n], dropna=False, observed=True, sort=False
        ).size()
        shares.append((sizes == 1).sum() / len(people))
    return np.array(shares)


def also(people: pd.DataFrame) -> None:
    """Print what the neighbours of the ladder take, without a peer."""
    names = list(people.columns)
    calls = {
        "sets by all attributes": lambda: anonymity_sets(people, names),
        "l and t of cholesterol in 3,600 sets": lambda: attribute_disclosure(
            people, ["female", "age_years", "state"], "cholesterol"
        ),
        "best three of 15, exact": lambda: risky_subsets(people, names, n_best=1),
        "best three of 15, greedy": lambda: risky_subsets(
            people, names, n_best=1, search="greedy"
        ),
    }
    for name, call in calls.items():
        print(f"  {name}: {seconds(call):.2f} s, {peak_mb(call):.0f} MB")


if __name__ == "__main__":
    main()
