"""Published facts with their provenance, real cohorts, a user's own breach export."""

from twinprivacy.datasets.account import summarise_account
from twinprivacy.datasets.cohorts import cohort_names, describe_cohort, load_cohort
from twinprivacy.datasets.facts import (
    check,
    data_folder,
    describe,
    load,
    names,
    path,
    rehash,
)
from twinprivacy.datasets.ocr_export import read_ocr_export
from twinprivacy.datasets.provenance import Description

__all__ = [
    "Description",
    "check",
    "cohort_names",
    "data_folder",
    "describe",
    "describe_cohort",
    "load",
    "load_cohort",
    "names",
    "path",
    "read_ocr_export",
    "rehash",
    "summarise_account",
]
