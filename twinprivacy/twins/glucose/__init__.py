"""Blood glucose in type-1 diabetes, minute by minute, and a twin made of a record.

Read `model` (compiled in `kernels`, told by `inputs`), then `days` (by a `plan`), in
which people eat and inject, and `sensor`, which reads them. `fit` (by `search`) makes a
twin of a record; `features`, `forecast` and `advice` are what it is good for.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
