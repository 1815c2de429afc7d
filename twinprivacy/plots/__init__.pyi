from .axes import (
    label_ends as label_ends,
    log_axis as log_axis,
    name_points as name_points,
    share_axis as share_axis,
    short_number as short_number,
    short_percent as short_percent,
)
from .breaches import (
    law_name as law_name,
    plot_concentration as plot_concentration,
    plot_exceedance as plot_exceedance,
    plot_frequency as plot_frequency,
    plot_mix as plot_mix,
    plot_out_of_time as plot_out_of_time,
    plot_return_period as plot_return_period,
    plot_revisions as plot_revisions,
    plot_tail_index as plot_tail_index,
)
from .costs import (
    cost_name as cost_name,
    plot_annual_loss as plot_annual_loss,
    plot_cost_cases as plot_cost_cases,
    plot_cost_per_person as plot_cost_per_person,
    plot_intervals as plot_intervals,
    plot_penalties as plot_penalties,
    plot_stores as plot_stores,
    plot_tornado as plot_tornado,
)
from .curves import (
    plot_curves as plot_curves,
)
from .defences import (
    plot_bound as plot_bound,
    plot_frontier as plot_frontier,
    plot_modality_worth as plot_modality_worth,
    plot_trade as plot_trade,
)
from .leaks import (
    plot_baselines as plot_baselines,
    plot_dose_response as plot_dose_response,
    plot_leak_bits as plot_leak_bits,
)
from .surfaces import (
    plot_half_volumes as plot_half_volumes,
    plot_person_year as plot_person_year,
    plot_surfaces as plot_surfaces,
)
from .twins import (
    plot_days_of_record as plot_days_of_record,
    plot_glucose_day as plot_glucose_day,
    plot_inr_courses as plot_inr_courses,
    plot_ladder as plot_ladder,
    plot_threat_model as plot_threat_model,
)

__all__ = [
    "cost_name",
    "label_ends",
    "law_name",
    "log_axis",
    "name_points",
    "plot_annual_loss",
    "plot_baselines",
    "plot_bound",
    "plot_concentration",
    "plot_cost_cases",
    "plot_cost_per_person",
    "plot_curves",
    "plot_days_of_record",
    "plot_dose_response",
    "plot_exceedance",
    "plot_frequency",
    "plot_frontier",
    "plot_glucose_day",
    "plot_half_volumes",
    "plot_inr_courses",
    "plot_intervals",
    "plot_ladder",
    "plot_leak_bits",
    "plot_mix",
    "plot_modality_worth",
    "plot_out_of_time",
    "plot_penalties",
    "plot_person_year",
    "plot_return_period",
    "plot_revisions",
    "plot_stores",
    "plot_surfaces",
    "plot_tail_index",
    "plot_threat_model",
    "plot_tornado",
    "plot_trade",
    "share_axis",
    "short_number",
    "short_percent",
]
