from .advice import (
    ADVICE as ADVICE,
    MEASURES as MEASURES,
    advice_time_in_range as advice_time_in_range,
    advise as advise,
)
from .days import (
    Days as Days,
    Habits as Habits,
    prescribe as prescribe,
    simulate_days as simulate_days,
)
from .features import (
    cohort_metrics as cohort_metrics,
    glucose_metrics as glucose_metrics,
    grid_readings as grid_readings,
    trace_features as trace_features,
)
from .fit import (
    GlucoseFit as GlucoseFit,
    GlucosePrior as GlucosePrior,
    fit_patient as fit_patient,
    fit_patients as fit_patients,
    glucose_prior as glucose_prior,
    predict_glucose as predict_glucose,
)
from .forecast import (
    forecast_errors as forecast_errors,
)
from .inputs import (
    KINDS as KINDS,
    PARAMETERS as PARAMETERS,
)
from .model import (
    GlucoseTraces as GlucoseTraces,
    drift as drift,
    sample_patients as sample_patients,
    simulate_glucose as simulate_glucose,
)

__all__ = [
    "ADVICE",
    "KINDS",
    "MEASURES",
    "PARAMETERS",
    "Days",
    "GlucoseFit",
    "GlucosePrior",
    "GlucoseTraces",
    "Habits",
    "advice_time_in_range",
    "advise",
    "cohort_metrics",
    "drift",
    "fit_patient",
    "fit_patients",
    "forecast_errors",
    "glucose_metrics",
    "glucose_prior",
    "grid_readings",
    "predict_glucose",
    "prescribe",
    "sample_patients",
    "simulate_days",
    "simulate_glucose",
    "trace_features",
]
