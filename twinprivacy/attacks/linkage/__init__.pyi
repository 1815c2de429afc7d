from .fellegi_sunter import (
    FellegiSunterModel as FellegiSunterModel,
    fit_fellegi_sunter as fit_fellegi_sunter,
)
from .records import link_records as link_records
from .result import (
    LinkageResult as LinkageResult,
    linkage_at_scale as linkage_at_scale,
)
from .scored import (
    TwoCovariance as TwoCovariance,
    fit_two_covariance as fit_two_covariance,
    link_by_likelihood as link_by_likelihood,
    link_scores as link_scores,
    log_likelihood_ratios as log_likelihood_ratios,
)

__all__ = [
    "FellegiSunterModel",
    "LinkageResult",
    "TwoCovariance",
    "fit_fellegi_sunter",
    "fit_two_covariance",
    "link_by_likelihood",
    "link_records",
    "link_scores",
    "linkage_at_scale",
    "log_likelihood_ratios",
]
