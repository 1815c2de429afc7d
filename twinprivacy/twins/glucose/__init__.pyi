from .advice import (
    ADVICE as ADVICE,
    MEASURES as MEASURES,
    advice_time_in_range as advice_time_in_range,
    advise as advise,
    advise_by_weight as advise_by_weight,
    average_twins as average_twins,
    compare_advice as compare_advice,
    follow_advice as follow_advice,
)
from .days import (
    Days as Days,
    prescribe as prescribe,
    simulate_days as simulate_days,
)
from .features import (
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
    unit_effect as unit_effect,
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
from .plan import (
    Habits as Habits,
)
from .sensor import (
    cohort_metrics as cohort_metrics,
    glucose_metrics as glucose_metrics,
    simulate_sensor as simulate_sensor,
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
    "advise_by_weight",
    "average_twins",
    "cohort_metrics",
    "compare_advice",
    "drift",
    "fit_patient",
    "fit_patients",
    "follow_advice",
    "forecast_errors",
    "glucose_metrics",
    "glucose_prior",
    "grid_readings",
    "predict_glucose",
    "prescribe",
    "sample_patients",
    "simulate_days",
    "simulate_glucose",
    "simulate_sensor",
    "trace_features",
    "unit_effect",
]
