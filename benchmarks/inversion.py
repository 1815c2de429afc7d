"""Time the exact inversion of a dose against a plain loop over people, in one run.

    python benchmarks/inversion.py

The plain way: person by person and pair by pair, scipy's truncated normal law of the
root of the dose times the prior, divided by the sum. Both sides take turns, and reach
the same probabilities, or the comparison does not count. Ours then infers the genes of
100,000 people, expected doses included.
"""

import statistics
from functools import partial

import numpy as np
from _measure import peak_mb, seconds
from scipy import stats

from twinprivacy.attacks.inference import RootNormalResidual, invert, warfarin_prior
from twinprivacy.people import simulate_cohort
from twinprivacy.twins.warfarin import dose_matrix, dose_residual_sd, simulate_dose

ROUNDS = 5
N_COMPARED = 500
N_LARGE = 100_000
LIMIT_SECONDS = 1.0
LIMIT_MB = 300
DOSES = partial(dose_matrix, model="iwpc_pharmacogenetic")


def main() -> None:
    """Print the ratio, then time and memory of 100,000 people."""
    rng = np.random.default_rng(1)
    people = simulate_cohort(N_LARGE, rng=rng, population="warfarin_patients")
    dose, prior = simulate_dose(people, rng=rng), warfarin_prior(people, use_race=True)
    few = people.iloc[:N_COMPARED], dose[:N_COMPARED], prior[:N_COMPARED]
    gap = np.abs(infer(*few) - infer_plainly(*few)).max()
    if gap > 1e-9:
        raise SystemExit(f"the two sides differ by {gap:.1e}")
    ours, plain = [], []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: infer(*few)))
        plain.append(seconds(lambda: infer_plainly(*few)))
    ratios = sorted(p / o for p, o in zip(plain, ours, strict=True))
    print(f"{N_COMPARED} people, 18 pairs of genotypes, {ROUNDS} rounds")
    print(f"  ours {1_000 * statistics.median(ours):.1f} ms")
    print(f"  plain {1_000 * statistics.median(plain):.0f} ms")
    print(
        f"  ratio {statistics.median(ratios):.0f} ({ratios[0]:.0f} to {ratios[-1]:.0f})"
    )
    times = [seconds(lambda: infer(people, dose, prior)) for _ in range(3)]
    memory = peak_mb(lambda: infer(people, dose, prior))
    print(
        f"{N_LARGE:,} people: {min(times):.2f} to {max(times):.2f} s, {memory:.0f} MB"
    )
    if max(times) > LIMIT_SECONDS or memory > LIMIT_MB:
        raise SystemExit(f"more than {LIMIT_SECONDS} s or {LIMIT_MB} MB")


def infer(people, dose, prior):
    """Infer as the package does."""
    law = RootNormalResidual(dose_residual_sd())
    return invert(dose, DOSES(people), prior, residual=law)


def infer_plainly(people, dose, prior):
    """Infer person by person and pair by pair."""
    sd, expected = dose_residual_sd(), DOSES(people)
    found = np.empty_like(expected)
    for i, seen in enumerate(np.sqrt(dose)):
        for j, mean in enumerate(np.sqrt(expected[i])):
            density = stats.truncnorm.pdf(seen, -mean / sd, np.inf, mean, sd)
            found[i, j] = prior[i, j] * density
        found[i] /= found[i].sum()
    return found


if __name__ == "__main__":
    main()
