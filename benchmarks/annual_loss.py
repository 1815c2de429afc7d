"""Time the exact law of a year's loss against a million simulated years, in one run.

    python benchmarks/annual_loss.py

The naive way draws breach by breach and sorts the years. Both sides answer the same
questions turn and turn about: the mean, the 95 % and 99.5 % quantiles, the tail mean
and a curve of 100 exceedances. A comparison counts only if mean and quantiles agree
within three standard errors of the simulation.
"""

import statistics

import numpy as np
import numpy.typing as npt
from _measure import peak_mb, seconds

from twinprivacy.breaches import (
    CostComponent,
    ExactLoss,
    ExposedShare,
    Programme,
    exact_annual_loss,
)

Array = npt.NDArray[np.float64]
ROUNDS = 7
N_YEARS = 1_000_000
LIMIT_MS = 50.0
YEARS_AT_A_TIME = 131_072
LOSSES_USD = np.geomspace(1e4, 1e8, 100)
SHARE = ExposedShare(whole=0.15, a=0.6, b=3)
LOGNORMALS = (
    CostComponent("penalty", 150, 0.6, 1.5, probability=(-4.0, 0.6)),
    CostComponent("settlement", 80, 0.7, 1.2, probability=0.3, ceiling_usd=5e7),
    CostComponent("response", 900, 0.5, 0.9),
)
HEAVY = CostComponent("penalty", 500, 0.5, 3.6, ceiling_usd=1e9)
PARETO = CostComponent("penalty", 500, 0.5, tail_index=0.7, ceiling_usd=1e8)
LETTERS = CostComponent("letters", 10, 1.0)
# Invented keepers: only the shape of their laws matters here.
CASES = {
    "three log-normal": (LOGNORMALS, 0.35),
    "heavy and rare": ((HEAVY,), 0.02),
    "Pareto to a ceiling": ((PARETO,), 0.3),
    "flat and log-normal": ((LETTERS, *LOGNORMALS), 0.35),
}


def main() -> None:
    """Print one line for each programme."""
    print(f"exact against {N_YEARS:,} simulated years")
    for name, (components, rate) in CASES.items():
        report(name, Programme(name, 50_000, (), rate, SHARE, components))


def report(name: str, programme: Programme) -> None:
    """Check that both sides agree, time them, and hold the exact one to its limit."""

    def exact() -> ExactLoss:
        loss = exact_annual_loss(programme)
        ask(loss)
        return loss

    def simulated() -> Array:
        losses = simulate(programme, np.random.default_rng(2_026))
        ask_simulated(losses)
        return losses

    compare(name, exact(), simulated())
    times = [(1e3 * seconds(exact), 1e3 * seconds(simulated)) for _ in range(ROUNDS)]
    ratios = [theirs / own for own, theirs in times]
    own, theirs = (statistics.median(side) for side in zip(*times, strict=True))
    print(
        f"  {name:20} {own:6.1f} ms, simulated {theirs:7.1f} ms: "
        f"ratio {statistics.median(ratios):6.1f} "
        f"({min(ratios):.1f} to {max(ratios):.1f}); "
        f"peak {peak_mb(exact):.1f} MB, simulated {peak_mb(simulated):.1f} MB"
    )
    if own >= LIMIT_MS:
        raise SystemExit(f"{name}: {own:.1f} ms, over the limit of {LIMIT_MS:g} ms")


def ask(loss: ExactLoss) -> None:
    """Ask for everything that a report of one programme shows."""
    for probability in (0.95, 0.995):
        loss.quantile(probability)
    loss.tail_mean(0.995)
    loss.exceedance(LOSSES_USD)


def ask_simulated(losses: Array) -> None:
    """Ask sorted years for the same."""
    losses.mean()
    for probability in (0.95, 0.995):
        place(losses, probability)
    losses[int(0.995 * N_YEARS) :].mean()
    1 - np.searchsorted(losses, LOSSES_USD, side="right") / N_YEARS


def simulate(programme: Programme, rng: np.random.Generator) -> Array:
    """Draw the losses of N_YEARS years of Poisson breaches, sorted."""
    parts = [
        simulate_years(programme, min(YEARS_AT_A_TIME, N_YEARS - start), rng)
        for start in range(0, N_YEARS, YEARS_AT_A_TIME)
    ]
    return np.sort(np.concatenate(parts))


def simulate_years(
    programme: Programme, n_years: int, rng: np.random.Generator
) -> Array:
    """Draw the breaches of some years and add up what each component costs."""
    counts = rng.poisson(programme.breaches_per_year, n_years)
    year, n = np.repeat(np.arange(n_years), counts), int(counts.sum())
    share = programme.share_exposed
    is_whole = rng.random(n) < share.whole
    people = programme.people_exposed(
        np.where(is_whole, 1.0, rng.beta(share.a, share.b, n))
    )
    total = np.zeros(n_years)
    for part in programme.components:
        amounts = part.scale_usd(people, kinds=()) * np.exp(
            part.residual_sd * rng.standard_normal(n)
        )
        if part.tail_index is not None:
            amounts *= 1 + rng.pareto(part.tail_index, n)
        amounts = np.minimum(amounts, part.ceiling_usd)
        amounts *= rng.random(n) < part.occurrence(people)
        total += np.bincount(year, weights=amounts, minlength=n_years)
    return total


def place(losses: Array, probability: float, errors: float = 0.0) -> float:
    """Return the quantile of sorted years, moved by binomial standard errors."""
    spread = np.sqrt(N_YEARS * probability * (1 - probability))
    rank = int(np.ceil(N_YEARS * probability + errors * spread)) - 1
    return float(losses[min(rank, N_YEARS - 1)])


def compare(name: str, exact: ExactLoss, losses: Array) -> None:
    """Stop where the two sides do not reach the same answer."""
    mean, error = losses.mean(), losses.std() / np.sqrt(N_YEARS)
    found = {"mean": (exact.mean_usd, mean - 3 * error, mean + 3 * error)}
    for probability in (0.95, 0.995):
        ends = (place(losses, probability, side) for side in (-3, 3))
        found[f"{probability:.1%} quantile"] = (exact.quantile(probability), *ends)
    for measure, (value, low, high) in found.items():
        if not low <= value <= high:
            raise SystemExit(
                f"{name}: {measure} {value:.6g} is not within three standard errors "
                f"of the simulated, {low:.6g} to {high:.6g}: the comparison is void"
            )


if __name__ == "__main__":
    main()
