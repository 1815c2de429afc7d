"""Who was in the training data of a twin.

Read `inference` (what the twin says of people, as `observed`), then `result`, with
`patients` and `patient_risk` for one person's risk. `shadow_models` is the strongest
attack, `audits` what a keeper can measure alone, `genomic` pools and beacons.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
