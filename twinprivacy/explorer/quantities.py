"""What the page tells of a setting: labels, units, intervals and their bases."""

from types import MappingProxyType
from typing import NamedTuple

__all__ = ["BASES", "QUANTITIES", "Quantity"]


class Quantity(NamedTuple):
    """What is told: name, label, unit, what its interval is of, figure of the book."""

    name: str
    label: str
    unit: str
    interval: str
    figure: str


_COSTS = "over what one breach may cost, at this rate and share"
_ATTACKS = "over people attacked"
QUANTITIES = (
    Quantity(
        "mean_year", "Mean loss of a year", "USD", _COSTS, "programme-annual-loss"
    ),
    Quantity(
        "bad_year",
        "Exceeded in one year of two hundred",
        "USD",
        _COSTS,
        "programme-annual-loss",
    ),
    Quantity(
        "person_year",
        "Mean cost a year for each person held",
        "USD",
        _COSTS,
        "programme-annual-loss",
    ),
    Quantity(
        "unique",
        "People who are unique in the store",
        "share",
        "over stores of as many people",
        "uniqueness-kinds",
    ),
    Quantity(
        "linked",
        "Glucose traces linked to their owner",
        "share",
        "over people sought",
        "fingerprint-days",
    ),
    Quantity(
        "smoking_gain",
        "Smoking inferred from a risk, more than guessed",
        "points",
        _ATTACKS,
        "risk-to-history",
    ),
    Quantity(
        "smoking_bits",
        "Told about smoking by a risk",
        "bits",
        _ATTACKS,
        "risk-to-history",
    ),
    Quantity(
        "VKORC1_gain",
        "VKORC1 inferred from a dose, more than guessed",
        "points",
        _ATTACKS,
        "genotype-answers",
    ),
    Quantity(
        "VKORC1_bits",
        "Told about VKORC1 by a dose",
        "bits",
        _ATTACKS,
        "genotype-answers",
    ),
)
BASES = MappingProxyType(
    {
        "measured": "",
        "few exposed": (
            "fewer than a hundred people exposed: outside what the cost model was "
            "fitted to"
        ),
        "at most": "counted among a million; among more people fewer are unique",
        "extrapolated": (
            "beyond the people simulated, by two laws that nobody has tested there; "
            "the interval is of both laws"
        ),
        "not measured": "no law is carried beyond a million people",
    }
)
