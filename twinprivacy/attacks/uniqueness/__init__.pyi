from .anonymity import (
    AnonymitySets as AnonymitySets,
    anonymity_sets as anonymity_sets,
    reidentification_risks as reidentification_risks,
    uniqueness_ladder as uniqueness_ladder,
)
from .disclosure import (
    AttributeDisclosure as AttributeDisclosure,
    attribute_disclosure as attribute_disclosure,
)
from .population.estimates import (
    METHODS as METHODS,
    PopulationUniqueness as PopulationUniqueness,
    population_uniqueness as population_uniqueness,
    subsampling_error as subsampling_error,
)
from .subsets import (
    RiskySubsets as RiskySubsets,
    risky_subsets as risky_subsets,
)

__all__ = [
    "METHODS",
    "AnonymitySets",
    "AttributeDisclosure",
    "PopulationUniqueness",
    "RiskySubsets",
    "anonymity_sets",
    "attribute_disclosure",
    "population_uniqueness",
    "reidentification_risks",
    "risky_subsets",
    "subsampling_error",
    "uniqueness_ladder",
]
