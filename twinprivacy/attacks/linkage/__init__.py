"""Whose record is it, among named ones.

Read `records`, which compares records by a `distance` or by the weights of
`fellegi_sunter` and searches all candidates (`kernels`), and `scored`, which learns how
two records of one person differ. `result` holds what was linked: how often the right
person is found, among these candidates and among more.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
