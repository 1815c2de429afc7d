from .cohort_attack import (
    attack_cohort as attack_cohort,
    question as question,
)
from .frontier import (
    mark_dominated as mark_dominated,
    measure_frontier as measure_frontier,
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
    CoalitionValues as CoalitionValues,
    cohort_coalition_values as cohort_coalition_values,
    measure_coalitions as measure_coalitions,
    modality_shares as modality_shares,
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
    "CoalitionValues",
    "DoseResponse",
    "GlucoseStore",
    "ask_what_if",
    "attack_cohort",
    "cohort_coalition_values",
    "curve_table",
    "dose_response",
    "glucose_frontier",
    "half_volumes",
    "infer_at",
    "mark_dominated",
    "measure_coalitions",
    "measure_frontier",
    "membership_volumes",
    "modality_shares",
    "question",
    "simulate_glucose_store",
    "surface_curves",
]
