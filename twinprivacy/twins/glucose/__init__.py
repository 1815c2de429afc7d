"""Blood glucose in type-1 diabetes, minute by minute, and a twin made of a record.

Read `model` (compiled in `kernels`, its tables read by `inputs`), then `days`, in which
people eat and inject, and `sensor`, which reads them. `fit` (by `search`) makes a twin
of a record; `features`, `forecast` and `advice` are what record and twin are good for.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
