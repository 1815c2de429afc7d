"""Published facts with their provenance, and a user's own breach export, checked."""

from twinprivacy.datasets.account import summarise_account
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
    "data_folder",
    "describe",
    "load",
    "names",
    "path",
    "read_ocr_export",
    "rehash",
    "summarise_account",
]
