"""Draw given tables on given axes; nothing is computed here.

Colours are the places of the current palette ("C0" is the accent, ``MUTED`` the grey of
what is not the point), so that one function serves the light and the dark picture. One
module for each subject; `axes` holds what they share.
"""

from twinprivacy.plots.axes import (
    label_ends,
    log_axis,
    share_axis,
    short_number,
    short_percent,
)
from twinprivacy.plots.breaches import (
    law_name,
    plot_concentration,
    plot_exceedance,
    plot_frequency,
    plot_mix,
    plot_out_of_time,
    plot_return_period,
    plot_revisions,
    plot_tail_index,
)
from twinprivacy.plots.costs import (
    cost_name,
    plot_annual_loss,
    plot_cost_cases,
    plot_cost_per_person,
    plot_intervals,
    plot_penalties,
    plot_stores,
    plot_tornado,
)
from twinprivacy.plots.curves import plot_curves
from twinprivacy.plots.defences import (
    plot_bound,
    plot_frontier,
    plot_modality_worth,
    plot_trade,
)
from twinprivacy.plots.labels import name_points
from twinprivacy.plots.leaks import (
    plot_baselines,
    plot_dose_response,
    plot_leak_bits,
)
from twinprivacy.plots.surfaces import (
    plot_half_volumes,
    plot_person_year,
    plot_surfaces,
)
from twinprivacy.plots.twins import (
    plot_days_of_record,
    plot_glucose_day,
    plot_inr_courses,
    plot_ladder,
    plot_threat_model,
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
