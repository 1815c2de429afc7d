from . import (
    cardiovascular as cardiovascular,
    glucose as glucose,
    outcome as outcome,
    warfarin as warfarin,
)

__all__ = [
    "cardiovascular",
    "glucose",
    "outcome",
    "warfarin",
]
