from .anonymity import (
    AnonymitySets as AnonymitySets,
    reidentification_risks as reidentification_risks,
    sets_from_sizes as sets_from_sizes,
    sets_within as sets_within,
)
from .disclosure import (
    AttributeDisclosure as AttributeDisclosure,
    attribute_disclosure as attribute_disclosure,
)
from .population.checks import (
    subsampling_error as subsampling_error,
)
from .population.estimates import (
    METHODS as METHODS,
    PopulationUniqueness as PopulationUniqueness,
    population_uniqueness as population_uniqueness,
)
from .population.frequencies import (
    likelihood_of_uniqueness as likelihood_of_uniqueness,
    match_correctness as match_correctness,
    uniform_uniqueness as uniform_uniqueness,
)
from .subsets import (
    RiskySubsets as RiskySubsets,
    risky_subsets as risky_subsets,
)
from .uniqueness import (
    anonymity_sets as anonymity_sets,
    uniqueness_ladder as uniqueness_ladder,
)

__all__ = [
    "METHODS",
    "AnonymitySets",
    "AttributeDisclosure",
    "PopulationUniqueness",
    "RiskySubsets",
    "anonymity_sets",
    "attribute_disclosure",
    "likelihood_of_uniqueness",
    "match_correctness",
    "population_uniqueness",
    "reidentification_risks",
    "risky_subsets",
    "sets_from_sizes",
    "sets_within",
    "subsampling_error",
    "uniform_uniqueness",
    "uniqueness_ladder",
]
