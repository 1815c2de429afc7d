from .annual_loss import (
    ExactLoss as ExactLoss,
    SimulatedLoss as SimulatedLoss,
    exact_annual_loss as exact_annual_loss,
    exceedance_band as exceedance_band,
    simulate_annual_loss as simulate_annual_loss,
    tornado as tornado,
)
from .comparison import (
    compare_sizes as compare_sizes,
    tail_index as tail_index,
    vuong_test as vuong_test,
)
from .components import (
    effects_of_more_kinds as effects_of_more_kinds,
    fitted_component as fitted_component,
    published_component as published_component,
)
from .frequency import (
    FrequencyModel as FrequencyModel,
    fit_frequency as fit_frequency,
    overdispersion_test as overdispersion_test,
)
from .harm import (
    PAYERS as PAYERS,
    PersonYear as PersonYear,
    break_even_probability as break_even_probability,
    expected_cost_per_person_year as expected_cost_per_person_year,
    externality as externality,
    keeper_cost_per_person as keeper_cost_per_person,
    person_harm as person_harm,
    published_misuse as published_misuse,
    published_theft_usd as published_theft_usd,
)
from .impact import (
    ImpactModel as ImpactModel,
    fit_impact as fit_impact,
    usable_cases as usable_cases,
)
from .impact_checks import (
    compare_methods as compare_methods,
    data_kind_effects as data_kind_effects,
    elasticity_by_kind as elasticity_by_kind,
    leave_one_incident_out as leave_one_incident_out,
    sensitivity as sensitivity,
)
from .penalties import (
    PenaltyModel as PenaltyModel,
    expected_penalty as expected_penalty,
    fit_penalty_probability as fit_penalty_probability,
    penalty_shares as penalty_shares,
)
from .programme import (
    CostComponent as CostComponent,
    ExposedShare as ExposedShare,
    Programme as Programme,
    draw_programmes as draw_programmes,
    hold_fewer_kinds as hold_fewer_kinds,
    segment as segment,
    shorten_retention as shorten_retention,
)
from .published_costs import (
    breach_ceiling as breach_ceiling,
    cost_models as cost_models,
    exceedance_probability as exceedance_probability,
    predict_cost as predict_cost,
)
from .records import (
    SizeBins as SizeBins,
    annual_table as annual_table,
    bin_reports as bin_reports,
    revisions as revisions,
    share_of_largest as share_of_largest,
    share_of_largest_binned as share_of_largest_binned,
    size_bins as size_bins,
)
from .recurrence import (
    predict_exceedances as predict_exceedances,
    return_period as return_period,
)
from .size import (
    SizeModel as SizeModel,
    fit_size as fit_size,
)

__all__ = [
    "PAYERS",
    "CostComponent",
    "ExactLoss",
    "ExposedShare",
    "FrequencyModel",
    "ImpactModel",
    "PenaltyModel",
    "PersonYear",
    "Programme",
    "SimulatedLoss",
    "SizeBins",
    "SizeModel",
    "annual_table",
    "bin_reports",
    "breach_ceiling",
    "break_even_probability",
    "compare_methods",
    "compare_sizes",
    "cost_models",
    "data_kind_effects",
    "draw_programmes",
    "effects_of_more_kinds",
    "elasticity_by_kind",
    "exact_annual_loss",
    "exceedance_band",
    "exceedance_probability",
    "expected_cost_per_person_year",
    "expected_penalty",
    "externality",
    "fit_frequency",
    "fit_impact",
    "fit_penalty_probability",
    "fit_size",
    "fitted_component",
    "hold_fewer_kinds",
    "keeper_cost_per_person",
    "leave_one_incident_out",
    "overdispersion_test",
    "penalty_shares",
    "person_harm",
    "predict_cost",
    "predict_exceedances",
    "published_component",
    "published_misuse",
    "published_theft_usd",
    "return_period",
    "revisions",
    "segment",
    "sensitivity",
    "share_of_largest",
    "share_of_largest_binned",
    "shorten_retention",
    "simulate_annual_loss",
    "size_bins",
    "tail_index",
    "tornado",
    "usable_cases",
    "vuong_test",
]
