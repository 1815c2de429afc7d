from .expectation import (
    expected_performance as expected_performance,
)
from .ladder import (
    climb_ladder as climb_ladder,
)
from .performance import (
    auc as auc,
    brier_score as brier_score,
    calibration_curve as calibration_curve,
    calibration_in_the_large as calibration_in_the_large,
    calibration_intercept as calibration_intercept,
    calibration_slope as calibration_slope,
    concordance as concordance,
    mean_absolute_error as mean_absolute_error,
    measure_performance as measure_performance,
    performance_gain as performance_gain,
    r_squared as r_squared,
    share_within as share_within,
)
from .survival import (
    CoxRegression as CoxRegression,
    PHRegRegression as PHRegRegression,
)
from .twin import (
    OutcomeTwin as OutcomeTwin,
    fit_outcome_twin as fit_outcome_twin,
    split_members as split_members,
)

__all__ = [
    "CoxRegression",
    "OutcomeTwin",
    "PHRegRegression",
    "auc",
    "brier_score",
    "calibration_curve",
    "calibration_in_the_large",
    "calibration_intercept",
    "calibration_slope",
    "climb_ladder",
    "concordance",
    "expected_performance",
    "fit_outcome_twin",
    "mean_absolute_error",
    "measure_performance",
    "performance_gain",
    "r_squared",
    "share_within",
    "split_members",
]
