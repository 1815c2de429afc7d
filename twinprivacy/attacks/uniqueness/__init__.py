"""How many people a table tells apart, and by which columns.

Read `anonymity` for the sizes of sets of people alike, then `uniqueness` (tables too
large for memory in `parquet`), `subsets` and `disclosure`; `partition`
does the counting. `population` estimates the same for everyone from a sample.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
