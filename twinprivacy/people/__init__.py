"""Simulated people who look like published populations, and how people are told.

`columns` and `patients` say what may be known of a person, with units and ranges.
`cohort` simulates everything at once, by `population` (margins and their structure)
and `genomes`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
