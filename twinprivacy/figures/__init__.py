"""Figures that can be cited: published once, with data, licence and reference.

`publishing` draws and writes one, `registry` finds it again, `citation` names it.
`pages` and `sphinx_extension` make its page in the book.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
