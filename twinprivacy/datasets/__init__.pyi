from .cohorts import (
    cohort_names as cohort_names,
    load_cohort as load_cohort,
)
from .facts import (
    Description as Description,
    check as check,
    data_folder as data_folder,
    describe as describe,
    load as load,
    names as names,
    rehash as rehash,
)
from .ocr_export import (
    read_ocr_export as read_ocr_export,
    summarise_account as summarise_account,
)

__all__ = [
    "Description",
    "check",
    "cohort_names",
    "data_folder",
    "describe",
    "load",
    "load_cohort",
    "names",
    "read_ocr_export",
    "rehash",
    "summarise_account",
]
