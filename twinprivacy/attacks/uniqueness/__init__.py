"""How many people a table tells apart, and by which columns.

Read `anonymity` for the sets of people who look alike, then `subsets` and `disclosure`.
`partition` does the counting, `parquet` that of tables too large for memory.
`population` estimates the same for everyone from a sample.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
