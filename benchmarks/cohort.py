"""Time simulated people against the usual way with a Gaussian copula, in one run.

    python benchmarks/cohort.py

The usual way: for each sex and age band, scipy's multivariate normal law, its scores
turned into probabilities and these into values by each law's quantile function. Both
sides draw the same laws, turn and turn about; a comparison counts only if means agree
within 2 % of a standard deviation. The usual way simulates 15 quantities, ours all 28
columns with genes and drugs.
"""

import statistics

import numpy as np
import pandas as pd
from _measure import peak_mb, seconds
from scipy import stats

from twinprivacy.people import simulate_cohort
from twinprivacy.people.population import (
    LogNormal,
    Margin,
    Normal,
    Pieces,
    Steps,
    us_adults,
)

ROUNDS = 5
N_COMPARED = 200_000
N_LARGE = 1_000_000
LIMIT_SECONDS = 5.0
LIMIT_MB = 2_048
COMPARED = ("age_years", "height_cm", "systolic_bp_mmhg", "hdl_mg_dl", "diabetes")


def main() -> None:
    """Print the ratio, then time and memory of a million people."""
    us_adults()  # both sides use the same laws; reading them is not timed
    ours, usual = [], []
    check_agreement()
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: simulate(N_COMPARED)))
        usual.append(seconds(lambda: simulate_as_usual(N_COMPARED)))
    ratios = sorted(u / o for u, o in zip(usual, ours, strict=True))
    print(f"{N_COMPARED:,} people, {ROUNDS} rounds")
    print(f"  ours {statistics.median(ours):.2f} s, all 28 columns")
    print(f"  usual {statistics.median(usual):.2f} s, 15 quantities")
    print(
        f"  ratio {statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})"
    )
    times = [seconds(lambda: simulate(N_LARGE)) for _ in range(3)]
    memory = peak_mb(lambda: simulate(N_LARGE))
    print(
        f"{N_LARGE:,} people: {min(times):.2f} to {max(times):.2f} s, {memory:.0f} MB"
    )
    if max(times) > LIMIT_SECONDS or memory > LIMIT_MB:
        raise SystemExit(f"more than {LIMIT_SECONDS} s or {LIMIT_MB} MB")


def simulate(n: int) -> pd.DataFrame:
    """Simulate as the package does."""
    return simulate_cohort(n, rng=np.random.default_rng(1))


def simulate_as_usual(n: int) -> pd.DataFrame:
    """Simulate with the library's own laws: scores to probabilities to values."""
    rng = np.random.default_rng(1)
    population = us_adults()
    shares = np.array([group.race_shares.sum() for group in population.groups])
    parts = []
    for group, size in zip(
        population.groups, rng.multinomial(n, shares / shares.sum()), strict=True
    ):
        weights = group.race_shares / group.race_shares.sum()
        between = (group.shifts.T * weights) @ group.shifts
        total = group.root @ group.root.T + between
        scores = stats.multivariate_normal(cov=total).rvs(size, random_state=rng)
        chance = stats.norm.cdf(scores)
        parts.append(
            pd.DataFrame(
                {
                    name: quantile(law, chance[:, place])
                    for place, (name, law) in enumerate(group.margins.items())
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def quantile(law: Margin, chance: np.ndarray) -> np.ndarray:
    """Return the values at given probabilities by the library's law."""
    if isinstance(law, Normal):
        return stats.norm(law.mean, law.sd).ppf(chance)
    if isinstance(law, LogNormal):
        scale = law.mean / np.sqrt(1 + (law.sd / law.mean) ** 2)
        return stats.lognorm(law.log_sd, scale=scale).ppf(chance)
    if isinstance(law, Steps):
        shares = np.array(law.shares) / np.sum(law.shares)
        places = stats.rv_discrete(values=(np.arange(len(shares)), shares)).ppf(chance)
        return np.array(law.values)[places.astype(int)]
    if isinstance(law, Pieces):
        histogram = (np.array(law.shares) / np.sum(law.shares), np.array(law.edges))
        return np.floor(stats.rv_histogram(histogram, density=False).ppf(chance))
    raise TypeError(type(law).__name__)


def check_agreement() -> None:
    """Stop unless both sides have the same means."""
    first, second = simulate(N_COMPARED), simulate_as_usual(N_COMPARED)
    for name in COMPARED:
        spread = float(second[name].std())
        gap = abs(float(first[name].mean()) - float(second[name].mean()))
        if gap > 0.02 * spread:
            raise SystemExit(f"{name}: the two sides do not agree")


if __name__ == "__main__":
    main()
