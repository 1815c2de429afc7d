"""Draw given tables on given axes; nothing is computed here.

Colours are the places of the current palette ("C0" is the accent, ``MUTED`` the grey of
what is not the point), so that one function serves the light and the dark picture. One
module for each subject; `axes` holds what they share.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
