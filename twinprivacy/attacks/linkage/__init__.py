"""Whose record is it, among named ones.

Read `linkage`, which compares records by a `distance` (searched in `kernels`) or by the
weights of `fellegi_sunter`, and `scored`, which learns how two records of one person
differ. `result` holds what was linked, `gallery_size` carries it on to more people.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
