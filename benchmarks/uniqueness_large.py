"""Count the anonymity sets of fifty million simulated people within 8 GiB, from a file.

    python benchmarks/uniqueness_large.py [PEOPLE]

DuckDB writes a parquet file of independent attributes, made of hashes of a running
number, into a temporary folder, and a process of its own counts it: the sets of all
attributes, then the ladder of one attribute more at a time. Memory is the most that
process has held, imports and all; spilled is the most that lay in its temporary folder.
The first million is counted in memory too, and both ways must give the same answers;
so must the number of unique people be, within five standard errors, the one that the
laws of the attributes imply, where these are uniform.
"""

import json
import math
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from _peers import hold

from twinprivacy.attacks.uniqueness import (
    anonymity_sets,
    uniqueness_ladder,
)

N_PEOPLE = 50_000_000
N_COMPARED = 1_000_000
LIMIT_GIB = 8.0
DUCKDB_GIB = 4.0
LEAST_FREE_GB = 30
# Attribute, how many values, and of which kind.
UNIFORM = {
    "sex": (2, "'sex ' || {}"),
    "birth_year": (80, "1940 + {}"),
    "region": (400, "'region ' || {}"),
    "birth_day": (365, "DATE '1970-01-01' + {}"),
}
LADDER = {
    **UNIFORM,
    "marital_status": (5, "'status ' || {}"),
    "height_cm": (50, "145 + {}"),
    "weight_kg": (90, "40 + {}"),
    "blood_group": (8, "'group ' || {}"),
    "creatinine_mg_per_dl": (150, "0.5 + {} / 100.0::DOUBLE"),
    "haemoglobin_g_per_dl": (80, "CASE WHEN {0} > 0 THEN 10 + {0} / 10.0::DOUBLE END"),
}


def main(n_people: int) -> None:
    """Print times, memory and what was spilled; stop where a claim does not hold."""
    with tempfile.TemporaryDirectory() as folder:
        path, free = Path(folder) / "people.parquet", free_gb(folder)
        hold(free > LEAST_FREE_GB, f"only {free:.0f} GB of disk are free")
        write(path, N_COMPARED)
        compare(path)
        start = time.perf_counter()
        write(path, n_people)
        print(
            f"{n_people:,} people x {len(LADDER)}: a file of "
            f"{path.stat().st_size / 1e9:.2f} GB, written in "
            f"{time.perf_counter() - start:.0f} s"
        )
        for task in ("sets", "ladder"):
            report(task, run(task, path), n_people)


def write(path: Path, n_people: int) -> None:
    """Write people in chunks as DuckDB streams them; the first are always the same."""
    columns = ", ".join(
        form.format(f"(hash(range * {len(LADDER)} + {place}) % {n_values})::INTEGER")
        + f" AS {name}"
        for place, (name, (n_values, form)) in enumerate(LADDER.items())
    )
    with duckdb.connect(config={"memory_limit": f"{DUCKDB_GIB}GiB"}) as connection:
        connection.execute(
            f"COPY (SELECT {columns} FROM range({n_people})) "
            f"TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
        )


def compare(path: Path) -> None:
    """Stop unless counting in memory and in the file agree."""
    with duckdb.connect() as connection:
        people = connection.execute(f"SELECT * FROM '{path}'").df()
    order = list(LADDER)
    sets = anonymity_sets(people, order)
    hold(
        sets.histogram.equals(anonymity_sets(path, order).histogram),
        "sets in memory and in the file differ",
    )
    pd.testing.assert_frame_equal(
        uniqueness_ladder(people, order), uniqueness_ladder(path, order)
    )
    print(f"{len(people):,} people: in memory and in the file the same")


def run(task: str, path: Path) -> dict[str, Any]:
    """Count in a process of its own."""
    command = [sys.executable, __file__, task, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    hold(done.returncode == 0, f"{task} does not run: {done.stderr[-300:]}")
    return json.loads(done.stdout.splitlines()[-1])


def count(task: str, path: Path) -> dict[str, Any]:
    """Count in this process."""
    order, before = list(LADDER), peak_gib()
    spill = path.parent / "spill"
    spill.mkdir(exist_ok=True)
    tempfile.tempdir = str(spill)
    call = anonymity_sets if task == "sets" else uniqueness_ladder
    start = time.perf_counter()
    counted, spilled = watched(
        lambda: call(path, order, memory_limit_gib=DUCKDB_GIB), spill
    )
    return {
        "seconds": time.perf_counter() - start,
        "before": before,
        "peak": peak_gib(),
        "spilled": spilled,
        "k": np.ravel(counted.k).tolist(),
        "unique": np.ravel(counted.share_unique).tolist(),
    }


def watched(call: Callable[[], Any], spill: Path) -> tuple[Any, float]:
    """Return what a call does, and the most GB that lay in a folder meanwhile."""
    most, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            most[0] = max(most[0], size_gb(spill))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return call(), most[0]
    finally:
        over.set()
        watcher.join()


def size_gb(folder: Path) -> float:
    """Return what lies in a folder, whose files come and go."""
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total / 1e9


def report(task: str, found: dict[str, Any], n_people: int) -> None:
    """Print a task and hold it to the limit and to the laws of the attributes."""
    print(
        f"  {task}: {found['seconds']:.0f} s, peak {found['peak']:.2f} GiB "
        f"({found['before']:.2f} before), spilled {found['spilled']:.2f} GB"
    )
    names = list(LADDER) if task == "ladder" else ["all attributes"]
    for name, k, unique in zip(names, found["k"], found["unique"], strict=True):
        print(f"    {name:24} k {k:>10,}  unique {unique:.6f}")
    hold(found["peak"] < LIMIT_GIB, f"{task}: over {LIMIT_GIB:g} GiB")
    if task == "ladder":
        check_law(found["unique"], n_people)


def check_law(unique: list[float], n_people: int) -> None:
    """Stop unless the uniform steps have as many unique people as they should.

    Of K equal cells, one holds a single person with probability
    n / K (1 - 1 / K)^(n - 1); the variance is at most that of so many Poisson cells.
    """
    n_cells = 1
    for (n_values, _), share in zip(LADDER.values(), unique, strict=True):
        n_cells *= n_values
        expected = math.exp((n_people - 1) * math.log1p(-1 / n_cells))
        error = math.sqrt(max(expected, 1 / n_people) / n_people)
        hold(
            abs(share - expected) <= 5 * error,
            f"{share:.6f} are unique, {expected:.6f} expected",
        )


def peak_gib() -> float:
    """Return the most memory that this process has held since it began."""
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 2**20


def free_gb(folder: str) -> float:
    """Return the room on the disk of a folder."""
    return shutil.disk_usage(folder).free / 1e9


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(count(sys.argv[1], Path(sys.argv[2]))))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else N_PEOPLE)
