"""Attacks: what a twin's answers, records and training give away, with baselines.

One room for each question: `inference` (what is hidden?), `membership` (who was in the
training data?), `uniqueness` (how many stand alone?), `linkage` (whose record is it?)
and `traces` (whose days are they?). `guarantees` and `bounds` say what no attack on a
private release can exceed.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
