from .cohort_attack import (
    attack_cohort as attack_cohort,
    question as question,
)
from .cohort_values import (
    cohort_worths as cohort_worths,
)
from .frontier import (
    mark_dominated as mark_dominated,
    measure_frontier as measure_frontier,
    privacy_price as privacy_price,
)
from .glucose import (
    GlucoseStore as GlucoseStore,
    glucose_frontier as glucose_frontier,
    simulate_glucose_store as simulate_glucose_store,
)
from .membership import (
    membership_volumes as membership_volumes,
)
from .modalities import (
    Worths as Worths,
    measure_worths as measure_worths,
    modality_shares as modality_shares,
    shapley_shares as shapley_shares,
)
from .surfaces.answers import (
    AXES as AXES,
)
from .surfaces.curves import (
    SURFACES as SURFACES,
    half_volumes as half_volumes,
    surface_curves as surface_curves,
)
from .volumes import (
    DoseResponse as DoseResponse,
    ask_what_if as ask_what_if,
    curve_table as curve_table,
    dose_response as dose_response,
    infer_at as infer_at,
)

__all__ = [
    "AXES",
    "SURFACES",
    "DoseResponse",
    "GlucoseStore",
    "Worths",
    "ask_what_if",
    "attack_cohort",
    "cohort_worths",
    "curve_table",
    "dose_response",
    "glucose_frontier",
    "half_volumes",
    "infer_at",
    "mark_dominated",
    "measure_frontier",
    "measure_worths",
    "membership_volumes",
    "modality_shares",
    "privacy_price",
    "question",
    "shapley_shares",
    "simulate_glucose_store",
    "surface_curves",
]
