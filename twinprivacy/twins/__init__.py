"""Digital twins: published models that predict one person, and people to feed them.

- `patients` names what a twin may be told about a person, with units and ranges.
- `warfarin` predicts a dose from genes, and the course of blood clotting under it.
- `cardiovascular` predicts the risk of heart attack, stroke and heart failure.
- `glucose` predicts blood glucose in type-1 diabetes, minute by minute.
- `outcome` makes a twin of any cohort with an outcome.
- `cohort` simulates people who look like published populations.
"""
