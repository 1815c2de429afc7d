"""How much a share of small anonymity sets varies from one sample to the next."""

import math

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction
from twinprivacy.estimates import Estimate


def share_below_interval(
    size: Array, people: Array, k: int, *, n_people: int, level: float
) -> Estimate:
    """Estimate the share of people in sets below `k`; see `AnonymitySets`.

    `people` is the share of people in sets of each `size`.
    """
    check_fraction(level, name="confidence_level")
    below = size < k
    share = 1.0 if below.all() else float(people[below].sum())
    pull = share - (k - 1) * float(people[size == k].sum())
    clumps = size * people
    variance = min(
        float(clumps[below].sum()) - pull**2,
        float(clumps[~below].sum()),
    )
    binomial = share * (1 - share)
    if binomial > 0:
        shrink = min(binomial / variance, 1.0) if variance > 0 else 1.0
    else:
        # The next share would differ by one set: of k - 1 people, or of k.
        shrink = 1 / (k - 1 if share == 0 else k)
    return _wilson(share, n_people, n_people * shrink, level)


def _wilson(share: float, n: int, trials: float, level: float) -> Estimate:
    """Return Wilson's interval of a share for a number of trials that may be broken."""
    from scipy.special import ndtri

    z2 = float(ndtri((1 + level) / 2)) ** 2 / trials
    centre = (share + z2 / 2) / (1 + z2)
    half = math.sqrt(z2 * share * (1 - share) + z2**2 / 4) / (1 + z2)
    # Rounding may put a bound one unit in the last place beyond a share of 0 or 1.
    low, high = min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share)
    return Estimate(share, low, high, level, n)
