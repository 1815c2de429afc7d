"""A dose of warfarin from genes and habits, and the clotting under it.

`dose` holds the published equations. `inr` gives the course of clotting that a dose
leads to (compiled in `kernels`), and `titration` has a clinic find each person's
dose by a `protocol`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
