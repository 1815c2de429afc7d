from .fingerprint_sweeps import (
    fingerprint_rates as fingerprint_rates,
    sweep_fingerprints as sweep_fingerprints,
)
from .fingerprints import (
    EVIDENCE as EVIDENCE,
    Fingerprints as Fingerprints,
    FingerprintSettings as FingerprintSettings,
    link_fingerprints as link_fingerprints,
    simulate_each as simulate_each,
    simulate_fingerprints as simulate_fingerprints,
)
from .points import (
    unicity as unicity,
    unicity_curve as unicity_curve,
)

__all__ = [
    "EVIDENCE",
    "FingerprintSettings",
    "Fingerprints",
    "fingerprint_rates",
    "link_fingerprints",
    "simulate_each",
    "simulate_fingerprints",
    "sweep_fingerprints",
    "unicity",
    "unicity_curve",
]
