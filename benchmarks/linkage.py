"""Time exact linkage against scikit-learn's neighbours and against all distances.

    python benchmarks/linkage.py

Every call must give the same nearest candidate, or the same rank of the own record. The
peers find the two nearest only; for the rank of the own record the naive way is all
distances, a slice of targets at a time. Compilation is timed apart.
"""

import statistics
from collections.abc import Callable

import numpy as np
import pandas as pd
from _measure import peak_mb, seconds
from _peers import hold
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from twinprivacy.attacks.linkage import LinkageResult, link_records

ROUNDS = 3
COLUMNS = 10
NOISE = 0.5
SMALL, LARGE = 20_000, 100_000
LARGE_LIMIT_S = 180.0
SLICE = 1_000


def main() -> None:
    """Print one line for each comparison; stop where a claim does not hold."""
    left, right = tables(500)
    print(f"  compilation or loading {seconds(lambda: link(left, right)):.1f} s")
    left, right = tables(SMALL)
    found: dict[str, np.ndarray] = {}

    def own() -> None:
        targets = link(left, right).targets
        found["own"] = targets["nearest"].to_numpy(dtype=int)
        found["rank"] = targets["n_nearer"].to_numpy()

    peers: dict[str, Callable[[], None]] = {
        "scikit-learn, brute force": lambda: neighbours(found, left, right, "brute"),
        "scikit-learn, k-d tree": lambda: neighbours(found, left, right, "kd_tree"),
        "all distances, ranks": lambda: all_distances(found, left, right),
    }
    times: dict[str, list[float]] = {name: [] for name in ["own", *peers]}
    for _ in range(ROUNDS):
        for name, call in {"own": own, **peers}.items():
            times[name].append(seconds(call))
    hold(bool((found["own"] == found["brute"]).all()), "nearest differ from brute")
    hold(bool((found["own"] == found["kd_tree"]).all()), "nearest differ from k-d tree")
    hold(bool((found["rank"] == found["naive"]).all()), "ranks differ")
    base = statistics.median(times["own"])
    print(
        f"  {SMALL:,} x {SMALL:,} x {COLUMNS}: ranks and two nearest {base:.2f} s, "
        f"peak {peak_mb(own):.0f} MB"
    )
    for name, call in peers.items():
        ratios = sorted(a / b for a, b in zip(times[name], times["own"], strict=True))
        print(
            f"  {name}: {statistics.median(times[name]):.2f} s, ratio "
            f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f}), "
            f"peak {peak_mb(call):.0f} MB"
        )
    left, right = tables(LARGE)
    large = seconds(lambda: link(left, right))
    print(f"  {LARGE:,} x {LARGE:,} x {COLUMNS}: {large:.1f} s, once")
    hold(large <= LARGE_LIMIT_S, f"{large:.0f} s is over {LARGE_LIMIT_S} s")


def tables(n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return noisy records of people, and their records."""
    rng = np.random.default_rng(1_709)
    names = [f"c{j}" for j in range(COLUMNS)]
    right = pd.DataFrame(rng.normal(size=(n, COLUMNS)), columns=names)
    return right + NOISE * rng.normal(size=right.shape), right


def link(left: pd.DataFrame, right: pd.DataFrame) -> LinkageResult:
    """Link by plain distance, with ranks."""
    on = dict.fromkeys(right, 1.0)
    return link_records(left, right, on=on, truth=right.index)


def neighbours(
    found: dict[str, np.ndarray], left: pd.DataFrame, right: pd.DataFrame, how: str
) -> None:
    """Find the two nearest by scikit-learn."""
    model = NearestNeighbors(n_neighbors=2, algorithm=how, n_jobs=-1)
    model.fit(right.to_numpy())
    found[how] = model.kneighbors(left.to_numpy(), return_distance=False)[:, 0]


def all_distances(
    found: dict[str, np.ndarray], left: pd.DataFrame, right: pd.DataFrame
) -> None:
    """Count who is nearer than the own record, from all distances of a slice."""
    x, y = left.to_numpy(), right.to_numpy()
    ranks = []
    for start in range(0, len(x), SLICE):
        every = cdist(x[start : start + SLICE], y, "sqeuclidean")
        rows = np.arange(len(every))
        own = every[rows, start + rows][:, None]
        ranks.append((every < own * (1 - 1e-9)).sum(axis=1))
    found["naive"] = np.concatenate(ranks)


if __name__ == "__main__":
    main()
