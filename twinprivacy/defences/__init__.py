"""What a keeper can do to answers, stores and training, and what it guarantees.

`catalogue` lists them all. `answers` and `stores` change what is said and held;
`private_regressions` and `private_table` are trained in private, from bounds that were
`declared`; `glucose_release` adds noise to a fitted twin. All of them are simulated, to
be measured: what is given out about people takes a library such as OpenDP.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
