"""Published facts with their provenance, real cohorts, a user's own breach export.

`facts` loads and checks the files of data/, `cohorts` real cohorts that other packages
ship. `ocr_export` joins editions of a breach portal's list; `ocr_files` opens the files
and cleans their cells.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
