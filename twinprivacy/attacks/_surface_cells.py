"""What the cells of surface and volume share: their settings, and one law for each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from twinprivacy._types import Array
from twinprivacy.differences import mean_interval
from twinprivacy.errors import ParameterError
from twinprivacy.estimates import Estimate

__all__ = [
    "AXES",
    "DOSE_RANGE_MG_PER_WEEK",
    "INR_RANGE",
    "MEASUREMENT_RANGE",
    "Cell",
    "Measure",
    "clustered_mean",
    "means",
    "step_of",
]

Measure = Callable[[Sequence[int], Any, np.random.Generator, float], list[Estimate]]

# Axis: what its numbers count, and the scale between them.
AXES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "people": ("people", "log"),
        "attributes": ("attributes", "linear"),
        "days": ("days of record", "log"),
        "answers": ("answers", "log"),
        "decimals": ("digits kept", "linear"),
    }
)
# A digit divides these by ten: years, centimetres, kilograms, mmHg and mg/dL alike.
MEASUREMENT_RANGE = 100.0
DOSE_RANGE_MG_PER_WEEK = 100.0
INR_RANGE = 10.0


@dataclass(frozen=True)
class Cell:
    """State how one surface is measured along one axis.

    Attributes
    ----------
    measure : callable
        ``measure(volumes, people, rng, confidence_level)`` returns an Estimate in bits
        per person for each volume; `people` is their number, or what `simulate` made.
    volumes : tuple of int
        In increasing order.
    n_people : int
        People simulated, unless the volumes say so.
    increasing : bool
        Whether the curve through the volumes rises.
    note : str
        What grows along the axis, and what does not.
    extrapolates : str
        Whether the law was tested beyond the range measured.
    least, most : int
        Smallest and largest volume that can be measured; no largest by default.
    shares : int, optional
        Volumes of people are at most the people simulated over this.
    simulate : callable, optional
        ``simulate(n_people, rng)`` makes what several cells share.
    """

    measure: Measure
    volumes: tuple[int, ...]
    n_people: int
    note: str
    increasing: bool = True
    extrapolates: str = "not tested beyond the range"
    least: int = 0
    most: int | None = None
    shares: int | None = None
    simulate: Callable[[int, np.random.Generator], Any] | None = None

    def check_volumes(self, volumes: Sequence[int], n_people: int, name: str) -> None:
        """Refuse volumes that cannot be measured."""
        if volumes[0] < self.least:
            raise ParameterError(
                f"volumes of {name} must be {self.least} or more; got {volumes[0]}"
            )
        most = n_people // self.shares if self.shares else self.most
        if most is not None and max(volumes) > most:
            raise ParameterError(
                f"volumes of {name} must be at most {most}; got {max(volumes)}"
            )


def step_of(digits: int, whole: float) -> float:
    """Return the step of values of which so many digits are kept, of a whole range.

    Examples
    --------
    >>> step_of(1, 100.0), step_of(2, 100.0)
    (10.0, 1.0)
    """
    return float(whole / 10.0**digits)


def means(samples: Sequence[Array], confidence_level: float) -> list[Estimate]:
    """Return the mean over people and its interval, for each volume."""
    return [mean_interval(one, confidence_level=confidence_level) for one in samples]


def clustered_mean(bits: Array, size: int, confidence_level: float) -> Estimate:
    """Return the mean over people of whom each so many share a store or a twin.

    Whole stores or twins are sampled; n is the number of people.

    Examples
    --------
    >>> clustered_mean(np.array([1.0, 3.0, 2.0, 4.0]), 2, 0.95)
    Estimate(value=2.5, low=-3.85, high=8.85, confidence_level=0.95, n=4)
    """
    groups = np.arange(len(bits)) // size
    found = mean_interval(bits, groups=groups, confidence_level=confidence_level)
    return replace(found, n=len(bits))
