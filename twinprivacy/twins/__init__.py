"""Digital twins: models of one person that answer what will happen, and what if.

`cardiovascular` predicts ten-year risks by published equations; `warfarin` a dose and
the course of clotting; `glucose` blood glucose in type-1 diabetes, minute by minute;
`outcome` makes a twin of any table with an outcome, and measures it.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
