from .fingerprints import (
    EVIDENCE as EVIDENCE,
    Fingerprints as Fingerprints,
    FingerprintSettings as FingerprintSettings,
    link_fingerprints as link_fingerprints,
    simulate_each as simulate_each,
)
from .points import (
    unicity as unicity,
    unicity_curve as unicity_curve,
)

__all__ = [
    "EVIDENCE",
    "FingerprintSettings",
    "Fingerprints",
    "link_fingerprints",
    "simulate_each",
    "unicity",
    "unicity_curve",
]
