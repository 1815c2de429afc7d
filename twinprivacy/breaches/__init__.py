"""How often health data are breached, and how many people a breach concerns.

`frequency` counts reports a year, `size` models the people in one breach, `recurrence`
joins the two, `binning` and `records` prepare counts and tables from reports. `impact`
fits what was paid, `impact_checks` tries to break that fit, and `penalties` asks how
often anything is paid at all.
"""
