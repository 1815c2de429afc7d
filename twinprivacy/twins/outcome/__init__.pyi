from .expectation import (
    expected_performance as expected_performance,
)
from .ladder import (
    climb_ladder as climb_ladder,
)
from .performance import (
    auc as auc,
    measure_performance as measure_performance,
    performance_gain as performance_gain,
)
from .survival import (
    CoxRegression as CoxRegression,
)
from .twin import (
    OutcomeTwin as OutcomeTwin,
    fit_outcome_twin as fit_outcome_twin,
    split_members as split_members,
)

__all__ = [
    "CoxRegression",
    "OutcomeTwin",
    "auc",
    "climb_ladder",
    "expected_performance",
    "fit_outcome_twin",
    "measure_performance",
    "performance_gain",
    "split_members",
]
