"""How often health data are breached, and how many people a breach concerns.

`frequency` counts reports a year, `size` models the people in one breach, `recurrence`
joins the two, `binning` and `records` prepare counts and tables from reports.
"""
