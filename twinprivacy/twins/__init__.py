"""Digital twins: published models that predict one person, and people to feed them.

- Told: `patients` names what a twin may know about a person, with units and ranges;
  `cohort` simulates people who look like published populations.
- Answers: `warfarin` predicts a dose from genes and `inr` the course of clotting under
  it; `cardiovascular` the risk of heart attack, stroke and heart failure; `glucose`
  blood glucose in type-1 diabetes, minute by minute. `glucose_days` has people eat and
  inject, `glucose_sensor` reads them, `glucose_fit` makes a twin from a record and
  `glucose_forecast` tells how far its forecasts are off.
- Any cohort: `outcome` makes a twin of a table with an outcome, `performance` measures
  how well it predicts, `ladder` what each kind of data adds.
"""
