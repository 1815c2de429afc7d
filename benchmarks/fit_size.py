"""Time the four laws of breach sizes against scipy's generic fits, in one run.

    python benchmarks/fit_size.py

Both sides fit the same breaches, turn and turn about. A comparison counts only if both
reach the same likelihood. scipy has no lognormal law above a threshold whose parameters
its `fit` can free, so there its density is searched with `scipy.optimize.minimize`.
"""

import statistics
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from _measure import peak_mb, seconds
from scipy import optimize, stats

from twinprivacy import datasets
from twinprivacy.breaches import SizeBins, fit_size, size_bins

ROUNDS = 7
SAME_LOG_LIKELIHOOD = 0.05
FAMILIES = ("lognormal", "pareto", "truncated_pareto", "generalised_pareto")
LIMIT_SECONDS = 1.0
Array = npt.NDArray[np.float64]
# A fit as a function without arguments that returns the log-likelihood it reached.
Fit = Callable[[], float]


def main() -> None:
    """Print one line for each law, exact and binned."""
    records = size_bins(datasets.load("ocr_binned_sizes"))
    law = fit_size(
        records.bins, family="lognormal", lower=records.lower, counts=records.counts
    )
    mean, sd = law.theta[0], np.exp(law.theta[1])
    logs = stats.truncnorm((np.log(law.lower) - mean) / sd, np.inf, mean, sd)
    sizes = np.exp(logs.rvs(7_300, random_state=np.random.default_rng(2_024)))
    ceiling = 1.001 * max(sizes.max(), records.bins.max())
    exact = {f: exact_pair(f, sizes, records.lower, ceiling) for f in FAMILIES}
    binned = {f: binned_pair(f, records, ceiling) for f in FAMILIES}
    print(f"{records.counts.sum():,.0f} breaches in {len(records.bins)} bins")
    report("bins", binned)
    print(f"{len(sizes):,} exact sizes")
    report("exact", exact)


def report(kind: str, pairs: dict[str, tuple[Fit, Fit]]) -> None:
    """Time each pair and hold the package to its limit."""
    total = 0.0
    for family, (ours, scipys) in pairs.items():
        found, reference = ours(), scipys()
        if abs(found - reference) > SAME_LOG_LIKELIHOOD:
            raise SystemExit(
                f"{kind}, {family}: log-likelihoods {found:.4f} and {reference:.4f} "
                "differ, so the comparison is void"
            )
        times = [(seconds(ours), seconds(scipys)) for _ in range(ROUNDS)]
        ratios = [theirs / own for own, theirs in times]
        own, theirs = (statistics.median(side) for side in zip(*times, strict=True))
        total += own
        print(
            f"  {family:20} {1e3 * own:7.1f} ms, scipy {1e3 * theirs:8.1f} ms: "
            f"ratio {statistics.median(ratios):7.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}); "
            f"peak {peak_mb(ours):.2f} MB, scipy {peak_mb(scipys):.2f} MB"
        )
    print(f"  all four families: {total:.3f} s")
    if total >= LIMIT_SECONDS:
        raise SystemExit(f"{kind}: {total:.2f} s, over the limit of {LIMIT_SECONDS} s")


def exact_pair(
    family: str, sizes: Array, lower: float, ceiling: float
) -> tuple[Fit, Fit]:
    """Return both fits of exact sizes."""
    upper = ceiling if family == "truncated_pareto" else None

    def ours() -> float:
        return fit_size(sizes, family=family, lower=lower, upper=upper).log_likelihood

    def pareto() -> float:
        shape, _, _ = stats.pareto.fit(sizes, floc=0, fscale=lower)
        return float(stats.pareto.logpdf(sizes, shape, 0, lower).sum())

    def truncated_pareto() -> float:
        ratio = ceiling / lower
        fitted = stats.truncpareto.fit(sizes, 1.0, fc=ratio, floc=0, fscale=lower)
        return float(stats.truncpareto.logpdf(sizes, *fitted).sum())

    def generalised_pareto() -> float:
        fitted = stats.genpareto.fit(sizes, 1.0, floc=lower, scale=np.median(sizes))
        return float(stats.genpareto.logpdf(sizes, *fitted).sum())

    def lognormal() -> float:
        logs = np.log(sizes)

        def loss(theta: Array) -> float:
            mu, sigma = theta[0], np.exp(theta[1])
            start = (np.log(lower) - mu) / sigma
            return -float(stats.truncnorm.logpdf(logs, start, np.inf, mu, sigma).sum())

        return -search(loss, logs) - float(logs.sum())

    return ours, {
        "lognormal": lognormal,
        "pareto": pareto,
        "truncated_pareto": truncated_pareto,
        "generalised_pareto": generalised_pareto,
    }[family]


def binned_pair(family: str, records: SizeBins, ceiling: float) -> tuple[Fit, Fit]:
    """Return both fits of bins; scipy takes them as interval-censored sizes."""
    lower, counts = records.lower, records.counts
    upper = ceiling if family == "truncated_pareto" else None
    repeated = np.repeat(records.bins, counts.astype(int), axis=0)
    censored: stats.CensoredData = stats.CensoredData(interval=repeated)

    def ours() -> float:
        return fit_size(
            records.bins, family=family, lower=lower, upper=upper, counts=counts
        ).log_likelihood

    def log_likelihood(law: stats.rv_continuous, fitted: tuple[float, ...]) -> float:
        start, end = records.bins.T
        mass = law.sf(start, *fitted) - law.sf(end, *fitted)
        return float(counts @ np.log(mass))

    def pareto() -> float:
        fitted = stats.pareto.fit(censored, 1.0, floc=0, fscale=lower)
        return log_likelihood(stats.pareto, fitted)

    def truncated_pareto() -> float:
        ratio = ceiling / lower
        fitted = stats.truncpareto.fit(censored, 1.0, fc=ratio, floc=0, fscale=lower)
        return log_likelihood(stats.truncpareto, fitted)

    def generalised_pareto() -> float:
        fitted = stats.genpareto.fit(censored, 1.0, floc=lower, scale=lower)
        return log_likelihood(stats.genpareto, fitted)

    def lognormal() -> float:
        logs = np.log(repeated)

        def loss(theta: Array) -> float:
            mu, sigma = theta[0], np.exp(theta[1])
            start = (np.log(lower) - mu) / sigma
            survival = stats.truncnorm.sf(logs, start, np.inf, mu, sigma)
            return -float(np.log(survival[:, 0] - survival[:, 1]).sum())

        return -search(loss, logs[:, 0])

    return ours, {
        "lognormal": lognormal,
        "pareto": pareto,
        "truncated_pareto": truncated_pareto,
        "generalised_pareto": generalised_pareto,
    }[family]


def search(loss: Callable[[Array], float], logs: Array) -> float:
    """Return the smallest loss that a simplex search from the moments finds."""
    start = np.array([logs.mean(), np.log(logs.std())])
    return float(optimize.minimize(loss, start, method="Nelder-Mead").fun)


if __name__ == "__main__":
    main()
