"""Numbers with their uncertainty: every interval of the package stands here, once.

Read `estimate` first, the object that all others return. `means` and `differences` hold
intervals of rates and means, also where a person has several rows; `operating_points`
how well a score tells two groups apart; `monotone` curves that may only rise.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
