"""A twin of any table with an outcome, and how well it predicts.

`twin` fits one: `columns` reads the table, `fit` and `survival` hold the models.
`performance` measures what it is worth with an interval (`concordant_pairs` is compiled
for it), `expectation` from its risks alone, `ladder` with one kind of data after
another.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
