from .differences import (
    difference_of_means as difference_of_means,
    difference_of_rates as difference_of_rates,
    paired_difference as paired_difference,
)
from .estimate import (
    Estimate as Estimate,
    bootstrap_interval as bootstrap_interval,
    wilson_interval as wilson_interval,
)
from .means import (
    mean_interval as mean_interval,
    share_interval as share_interval,
)
from .operating_points import (
    area_under_curve as area_under_curve,
    membership_advantage as membership_advantage,
    membership_bits as membership_bits,
    true_positive_rate_at as true_positive_rate_at,
)

__all__ = [
    "Estimate",
    "area_under_curve",
    "bootstrap_interval",
    "difference_of_means",
    "difference_of_rates",
    "mean_interval",
    "membership_advantage",
    "membership_bits",
    "paired_difference",
    "share_interval",
    "true_positive_rate_at",
    "wilson_interval",
]
