"""Whose days are these: a trace, or the twin fitted to it, as a fingerprint.

`fingerprints` links two stretches of a person's days; `points` asks how many points of
a trace make it the only one.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
