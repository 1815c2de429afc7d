"""How often health data are breached, how many people that concerns, what it costs.

- Reports: `frequency` counts them a year, `size` models the people in one, `comparison`
  sets laws of sizes side by side, `recurrence` joins the two; `binning` and `records`
  prepare counts and tables.
- Costs: `cost_models` holds what others published on one breach, `impact` fits what was
  paid, `impact_checks` tries to break that fit, `penalties` asks how often anything is
  paid at all.
- A year: `programme` holds what a keeper runs and can change, `components` turns fits
  into its costs, `annual_loss` gives the law of a year's loss.
- The person: `harm` sets a victim's loss beside what the keeper pays.
"""
