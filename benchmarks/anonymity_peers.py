"""Time k-anonymity, l-diversity and t-closeness against pycanon's, on the same people.

    python benchmarks/anonymity_peers.py

The peer is pycanon, in an environment of its own under _build/peers; plain pandas
(a group-by) stands beside it for k and l. Each run is a process of its own, the sides
in turn, on one table of simulated people. The measure is timed, without imports and
without reading the table. Memory is the most that a process held while it
measured, the table included, and what it held before. A comparison counts only if
all sides reach the same answer.
"""

import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from _peers import hold, peer_python, run

from twinprivacy.attacks.uniqueness import anonymity_sets, attribute_disclosure

ROUNDS = 3
LEAST_RATIO = 10.0
KNOWN = ["sex", "age_years", "region", "marital_status", "n_children"]
# Measure: people, least number of each look, quasi-identifiers, secret.
TASKS: dict[str, tuple[int, int, list[str], str]] = {
    "k": (1_000_000, 2, KNOWN, "days_in_hospital"),
    "l": (100_000, 6, KNOWN[:3], "days_in_hospital"),
    "t, ordered": (10_000, 2, KNOWN[:3], "days_in_hospital"),
    "t, categorical": (10_000, 2, KNOWN[:3], "diagnosis"),
}
PEER = "pycanon==1.3.6"
PEER_CODE = """
import json, sys, time
import pandas as pd
from pycanon import anonymity
measure, table = sys.argv[1][0], sys.argv[2]
known, secret = map(json.loads, sys.argv[3:])
def held(kind):
    with open("/proc/self/status") as lines:
        return next(int(x.split()[1]) / 1024 for x in lines if x.startswith(kind))
people = pd.read_csv(table)
before = held("VmRSS")
with open("/proc/self/clear_refs", "w") as mark:
    mark.write("5")
start = time.perf_counter()
if measure == "k":
    answer = anonymity.k_anonymity(people, known)
elif measure == "l":
    answer = anonymity.l_diversity(people, known, [secret])
else:
    answer = anonymity.t_closeness(people, known, [secret])
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "answer": float(answer), "before": before,
                  "peak": held("VmHWM")}))
"""
Found = dict[str, float]


def main() -> None:
    """Print a table for each measure; stop where a claim does not hold."""
    python = peer_python("pycanon", PEER)
    for task, (n_people, n_alike, known, _) in TASKS.items():
        with tempfile.TemporaryDirectory() as folder:
            table = f"{folder}/people.csv"
            simulate(n_people, n_alike).to_csv(table, index=False)
            runs = race(python, task, table)
        print(f"{task}: {n_people:,} people x {len(known)}")
        report(task, runs)


def simulate(n_people: int, n_alike: int) -> pd.DataFrame:
    """Draw people, so many at least of each look, whose secret depends on age."""
    rng = np.random.default_rng(2_026)
    look = rng.permutation(np.arange(n_people) // n_alike)
    n_looks = look.max() + 1
    looks = pd.DataFrame(
        {
            "sex": rng.choice(["female", "male"], n_looks),
            "age_years": np.clip(rng.normal(52, 18, n_looks).round(), 18, 95),
            "region": rng.integers(0, 400, n_looks),
            "marital_status": rng.choice(["single", "married", "widowed"], n_looks),
            "n_children": rng.poisson(1.4, n_looks),
        }
    )
    people = looks.iloc[look].reset_index(drop=True).astype({"age_years": int})
    days = np.clip(rng.poisson(2 + people["age_years"] / 10), 1, 30)
    diagnoses = np.array([f"diagnosis {place}" for place in range(31)])
    return people.assign(days_in_hospital=days, diagnosis=diagnoses[days])


def race(python: str, task: str, table: str) -> dict[str, list[Found]]:
    """Run all sides turn and turn about, and stop unless they agree."""
    _, _, known, secret = TASKS[task]
    asked = [task, table, json.dumps(known), json.dumps(secret)]
    commands = {
        "ours": [sys.executable, __file__, "ours", *asked],
        "pycanon": [python, "-c", PEER_CODE, *asked],
    }
    if task in ("k", "l"):
        commands["pandas"] = [sys.executable, __file__, "pandas", *asked]
    runs: dict[str, list[Found]] = {side: [] for side in commands}
    for _ in range(ROUNDS):
        for side, command in commands.items():
            runs[side].append(json.loads(run(command).splitlines()[-1]))
    answers = [found["answer"] for side in runs.values() for found in side]
    hold(
        all(math.isclose(answer, answers[0], rel_tol=1e-9) for answer in answers),
        f"{task}: answers differ, so the comparison is void: {sorted(set(answers))}",
    )
    return runs


def measure(side: str, task: str, table: str, known: list[str], secret: str) -> Found:
    """Measure in this process, by our functions or by plain pandas."""
    people = pd.read_csv(table)
    asked: dict[tuple[str, str], Callable[[pd.DataFrame], float]] = {
        ("ours", "k"): lambda who: anonymity_sets(who, known).k,
        ("ours", "l"): lambda who: attribute_disclosure(who, known, secret).distinct_l,
        ("ours", "t"): lambda who: attribute_disclosure(who, known, secret).t,
        ("pandas", "k"): lambda who: who.groupby(known).size().min(),
        ("pandas", "l"): lambda who: who.groupby(known)[secret].nunique().min(),
    }
    ask = asked[side, task[0]]
    before = held_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    start = time.perf_counter()
    answer = float(ask(people))
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "answer": answer,
        "before": before,
        "peak": held_mb("VmHWM"),
    }


def report(task: str, runs: dict[str, list[Found]]) -> None:
    """Print one line a side, the ratios, and hold ours to its claim."""
    for side, found in runs.items():
        times = [each["seconds"] for each in found]
        spread = f"({min(times):.3f} to {max(times):.3f})"
        print(
            f"  {side:8} {statistics.median(times):8.3f} s {spread}; "
            f"peak {most(found, 'peak'):.0f} MB "
            f"({most(found, 'before'):.0f} before)"
        )
    for side in list(runs)[1:]:
        ratios = [
            theirs["seconds"] / ours["seconds"]
            for ours, theirs in zip(runs["ours"], runs[side], strict=True)
        ]
        print(
            f"  {side} / ours {statistics.median(ratios):.3g} "
            f"({min(ratios):.3g} to {max(ratios):.3g})"
        )
        if side == "pycanon":
            hold(min(ratios) >= LEAST_RATIO, f"{task}: only {min(ratios):.1f} times")
    print(f"  answer of all: {runs['ours'][0]['answer']:.6g}")


def most(found: list[Found], key: str) -> float:
    """Return the most over rounds."""
    return max(each[key] for each in found)


def held_mb(kind: str) -> float:
    """Return what this process holds ("VmRSS") or held at most ("VmHWM")."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(kind))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        side, task, table, known, secret = sys.argv[1:]
        found = measure(side, task, table, json.loads(known), json.loads(secret))
        print(json.dumps(found))
    else:
        main()
