"""Time the exact law of a year's loss against a million simulated years, in one run.

    python benchmarks/annual_loss.py

Both sides answer the same questions turn and turn about: the mean, the 95 % and 99.5 %
quantiles, the tail mean and a curve of 100 exceedances. A comparison counts only if
mean and quantiles agree within three standard errors of the simulation.
"""

import statistics

import numpy as np
from _measure import peak_mb, seconds

from twinprivacy.breaches import (
    CostComponent,
    ExactLoss,
    ExposedShare,
    Programme,
    SimulatedLoss,
    exact_annual_loss,
    simulate_annual_loss,
)

ROUNDS = 7
N_YEARS = 1_000_000
LIMIT_MS = 50.0
THREE_STANDARD_ERRORS = 0.9973
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

    def simulated() -> SimulatedLoss:
        loss = simulate_annual_loss(
            programme,
            n_years=N_YEARS,
            rng=np.random.default_rng(2_026),
            confidence_level=THREE_STANDARD_ERRORS,
        )
        ask(loss)
        return loss

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


def ask(loss: ExactLoss | SimulatedLoss) -> None:
    """Ask for everything that a report of one programme shows."""
    _ = loss.mean_usd
    for probability in (0.95, 0.995):
        loss.quantile(probability)
    loss.tail_mean(0.995)
    loss.exceedance_curve(LOSSES_USD)


def compare(name: str, exact: ExactLoss, simulated: SimulatedLoss) -> None:
    """Stop where the two sides do not reach the same answer."""
    pairs = {"mean": (exact.mean_usd, simulated.mean_usd)}
    for probability in (0.95, 0.995):
        pair = (exact.quantile(probability), simulated.quantile(probability))
        pairs[f"{probability:.1%} quantile"] = pair
    for measure, (value, estimate) in pairs.items():
        if not estimate.low <= value <= estimate.high:
            raise SystemExit(
                f"{name}: {measure} {value:.6g} is not within three standard errors "
                f"of the simulated {estimate}, so the comparison is void"
            )


if __name__ == "__main__":
    main()
