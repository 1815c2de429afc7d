"""Time the out-of-bag audit of a forest against shadow models, in one run.

    python benchmarks/membership.py

How well does the loss of a forest of 100 trees tell who trained it: 1,000 of 2,000
simulated people? The audit asks the trees that the forest has already; the naive way
fits 100 more forests to random halves. Both sides take turns, in one process. The
comparison counts only if the areas under their curves agree. What the likelihood ratio
of the same shadow models finds, which no audit gives, is printed too.
"""

import statistics
from functools import partial

import numpy as np
import pandas as pd
from _measure import peak_mb, seconds
from sklearn.ensemble import RandomForestClassifier

from twinprivacy.attacks.membership import (
    MembershipResult,
    Shadows,
    audit_forest,
    fit_shadows,
)
from twinprivacy.estimates import Estimate
from twinprivacy.twins.outcome import fit_outcome_twin

ROUNDS = 2
N_PEOPLE = 2_000
N_SHADOWS = 100
LEAST_RATIO = 50.0
SAME_AREA = 0.03
FEATURES = list("abcdefgh")


def main() -> None:
    """Print areas, times, ratio and memory."""
    people = simulate()
    half = people[: N_PEOPLE // 2]
    design, ill = half[FEATURES], half["ill"].astype(int)
    forest = RandomForestClassifier(100, random_state=1).fit(design.to_numpy(), ill)
    fit = partial(
        fit_outcome_twin,
        outcome="ill",
        features=FEATURES,
        estimator=RandomForestClassifier(100),
        folds=0,
    )
    audits: list[MembershipResult] = []
    shadows: list[Shadows] = []

    def audit() -> None:
        audits[:] = [audit_forest(forest, design, ill)]
        audits[0].area_under_curve()

    def naive() -> None:
        rng = np.random.default_rng(2_026)
        shadows[:] = [
            fit_shadows(people, fit, outcome="ill", n_shadows=N_SHADOWS, rng=rng)
        ]
        shadows[0].loss_attack().area_under_curve()

    times = [(seconds(audit), seconds(naive)) for _ in range(ROUNDS)]
    compare(audits[0], shadows[0])
    ratios = [theirs / own for own, theirs in times]
    own, theirs = (statistics.median(side) for side in zip(*times, strict=True))
    print(
        f"  audit {own:.2f} s, {N_SHADOWS} shadow models {theirs:.1f} s: ratio "
        f"{statistics.median(ratios):.0f} ({min(ratios):.0f} to {max(ratios):.0f}); "
        f"peak {peak_mb(audit):.1f} MB, shadow models {peak_mb(naive):.1f} MB"
    )
    if min(ratios) < LEAST_RATIO:
        raise SystemExit(f"ratio {min(ratios):.0f}, under {LEAST_RATIO:g}")


def simulate() -> pd.DataFrame:
    """Return people of whom one attribute of eight says something."""
    rng = np.random.default_rng(1_709)
    people = pd.DataFrame(rng.normal(size=(N_PEOPLE, 8)), columns=FEATURES)
    risk = 1 / (1 + np.exp(-people["a"]))
    return people.assign(ill=rng.random(N_PEOPLE) < risk)


def compare(audit: MembershipResult, shadows: Shadows) -> None:
    """Print what each side found, and stop where they do not agree."""
    free = audit.area_under_curve()
    naive = shadows.loss_attack().area_under_curve()
    if abs(free.value - naive.value) > SAME_AREA:
        raise SystemExit(f"areas {free} and {naive} differ: the comparison is void")
    ratio = shadows.likelihood_ratio_attack().area_under_curve()
    for name, area in {
        "loss, out of bag": free,
        "loss, shadow models": naive,
        "likelihood ratio": ratio,
    }.items():
        print(f"  {name:20} area {shown(area)}")


def shown(area: Estimate) -> str:
    """Return an area with its interval."""
    return f"{area.value:.3f} ({area.low:.3f} to {area.high:.3f})"


if __name__ == "__main__":
    main()
