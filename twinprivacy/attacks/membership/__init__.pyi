from .audits import (
    audit_forest as audit_forest,
    audit_glm as audit_glm,
    audit_linear as audit_linear,
    audit_twin as audit_twin,
)
from .genomic import (
    beacon_attack_power as beacon_attack_power,
    beacon_queries_needed as beacon_queries_needed,
    pool_attack_power as pool_attack_power,
    simulate_beacon_attack as simulate_beacon_attack,
    simulate_pool_attack as simulate_pool_attack,
    snps_needed as snps_needed,
)
from .inference import (
    event_day_attack as event_day_attack,
    infer_membership as infer_membership,
)
from .observed import (
    MembershipThreat as MembershipThreat,
)
from .patient_risk import (
    most_exposed as most_exposed,
    own_area as own_area,
    risk_distribution as risk_distribution,
)
from .result import (
    MembershipResult as MembershipResult,
)
from .shadow_models import (
    Shadows as Shadows,
    fit_shadows as fit_shadows,
)

__all__ = [
    "MembershipResult",
    "MembershipThreat",
    "Shadows",
    "audit_forest",
    "audit_glm",
    "audit_linear",
    "audit_twin",
    "beacon_attack_power",
    "beacon_queries_needed",
    "event_day_attack",
    "fit_shadows",
    "infer_membership",
    "most_exposed",
    "own_area",
    "pool_attack_power",
    "risk_distribution",
    "simulate_beacon_attack",
    "simulate_pool_attack",
    "snps_needed",
]
