"""Published facts with their provenance, real cohorts, a user's own breach export.

`facts` loads and checks the files of data/, `cohorts` real cohorts that other packages
ship. `ocr_export` reads a breach portal's files: `ocr_files` opens them, `ocr_fields`
reads the cells, `ocr_merge` joins editions.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
