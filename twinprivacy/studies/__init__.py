"""Experiments that combine people, twin, attack and volume for a chapter.

No method imports from here. `volumes` sets a leak against a volume;
`cohort_attack`, `membership` and `surfaces` do so for one kind of leak;
`frontier`, `glucose` and `modalities` set a leak beside its use.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
