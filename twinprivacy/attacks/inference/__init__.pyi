from .attribute_inference import (
    infer_attribute as infer_attribute,
)
from .bayes_inversion import (
    BayesInversion as BayesInversion,
    ask_each as ask_each,
    invert as invert,
)
from .learned_attacker import (
    LearnedAttacker as LearnedAttacker,
)
from .priors import (
    warfarin_prior as warfarin_prior,
)
from .query_inversion import (
    QueryInversion as QueryInversion,
)
from .residuals import (
    Exact as Exact,
    LogNormalResidual as LogNormalResidual,
    NormalResidual as NormalResidual,
    Residual as Residual,
    RootNormalResidual as RootNormalResidual,
)
from .result import (
    AttackResult as AttackResult,
    share_of_limit as share_of_limit,
)
from .threats import (
    ThreatModel as ThreatModel,
)

__all__ = [
    "AttackResult",
    "BayesInversion",
    "Exact",
    "LearnedAttacker",
    "LogNormalResidual",
    "NormalResidual",
    "QueryInversion",
    "Residual",
    "RootNormalResidual",
    "ThreatModel",
    "ask_each",
    "infer_attribute",
    "invert",
    "share_of_limit",
    "warfarin_prior",
]
