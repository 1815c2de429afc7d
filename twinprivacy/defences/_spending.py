"""What a private fit may spend: a guarantee above 0, and the normal noise it needs."""

import math

from twinprivacy._guarantees import PrivacyGuarantee, gaussian_mu
from twinprivacy.defences._checks import check_budget


def read_budget(
    *, epsilon: float | None, delta: float = 0.0, mu: float | None
) -> PrivacyGuarantee:
    """Return the guarantee; raise unless exactly one budget is given, above 0."""
    guarantee = PrivacyGuarantee(epsilon=epsilon, delta=delta, mu=mu)
    check_budget(guarantee)
    return guarantee


def noise_per_sensitivity(guarantee: PrivacyGuarantee) -> float:
    """Return the deviation of normal noise on a release of sensitivity 1."""
    if guarantee.mu is not None:
        return 1 / guarantee.mu
    epsilon = guarantee.epsilon or 0.0
    return 0.0 if math.isinf(epsilon) else 1 / gaussian_mu(epsilon, guarantee.delta)
