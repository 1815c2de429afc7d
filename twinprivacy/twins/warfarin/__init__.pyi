from .dose import (
    GENOTYPE_PAIRS as GENOTYPE_PAIRS,
    describe_models as describe_models,
    dose_matrix as dose_matrix,
    dose_residual_sd as dose_residual_sd,
    predict_dose as predict_dose,
    simulate_dose as simulate_dose,
)
from .inr import (
    inr_on_days as inr_on_days,
    simulate_inr as simulate_inr,
    steady_state_dose as steady_state_dose,
    steady_state_inr as steady_state_inr,
)
from .protocol import (
    TitrationProtocol as TitrationProtocol,
    load_protocol as load_protocol,
)
from .titration import (
    Titration as Titration,
    compare_starts as compare_starts,
    simulate_titration as simulate_titration,
    time_in_range as time_in_range,
    titration_measures as titration_measures,
)

__all__ = [
    "GENOTYPE_PAIRS",
    "Titration",
    "TitrationProtocol",
    "compare_starts",
    "describe_models",
    "dose_matrix",
    "dose_residual_sd",
    "inr_on_days",
    "load_protocol",
    "predict_dose",
    "simulate_dose",
    "simulate_inr",
    "simulate_titration",
    "steady_state_dose",
    "steady_state_inr",
    "time_in_range",
    "titration_measures",
]
