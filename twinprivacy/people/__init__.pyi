from .cohort import (
    MODALITIES as MODALITIES,
    POPULATIONS as POPULATIONS,
    simulate_cohort as simulate_cohort,
)
from .columns import (
    COLUMNS as COLUMNS,
    Column as Column,
)
from .patients import (
    check_number as check_number,
    read_column as read_column,
    read_patients as read_patients,
)

__all__ = [
    "COLUMNS",
    "MODALITIES",
    "POPULATIONS",
    "Column",
    "check_number",
    "read_column",
    "read_patients",
    "simulate_cohort",
]
