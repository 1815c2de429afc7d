"""How much more a healthcare digital twin gives away, the more it is fed.

Rooms are imported when they are first asked for, so that importing the package costs
almost nothing. Read them in the order of the argument: ``datasets`` and ``estimates``,
``breaches``, ``people``, ``twins``, ``attacks``, ``defences``, ``studies``; ``plots``,
``figures``, ``explorer`` and ``cli`` show what those compute.
"""

import lazy_loader as lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
