"""How often health data are breached, how many people that concerns, what it costs.

Reports come first: `records` prepares them, `frequency` counts them a year, `size` (by
the laws of `families`) models the people in one, `recurrence` joins the two. Then
costs: `published_costs` holds what others published, `impact` fits what was paid,
`penalties` asks how often anything is paid. A year comes last: `programme` holds what a
keeper runs, `components` turns fits into its costs, `annual_loss` gives the law of a
year's loss, `harm` sets the person's loss beside the keeper's.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
