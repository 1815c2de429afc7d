"""A hidden attribute, inferred from what is known and what the twin answers.

Read `threats` (who knows what), then `attribute_inference`, which runs every attack
beside its baselines (`reading`, the one door for people and answers, and `result`).
Attackers learn (`learned_attacker`, with `encoder` and `models`), ask
(`query_inversion`) or invert (`bayes_inversion`, with `priors` and `residuals`).
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
