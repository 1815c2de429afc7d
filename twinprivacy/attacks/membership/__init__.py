"""Who was in the training data of a twin.

Read `observed` (what the twin says of people, and whose the rows are), `inference` (one
twin, as it is) and `result`, with `patient_risk` for single persons. `shadow_models` is
the strongest attack, `audits` what a keeper can measure alone, `genomic` pools and
beacons.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
