from . import (
    attacks as attacks,
    breaches as breaches,
    datasets as datasets,
    defences as defences,
    errors as errors,
    estimates as estimates,
    explorer as explorer,
    figures as figures,
    formatting as formatting,
    people as people,
    plots as plots,
    studies as studies,
    twins as twins,
)

__version__: str
__all__ = [
    "__version__",
    "attacks",
    "breaches",
    "datasets",
    "defences",
    "errors",
    "estimates",
    "explorer",
    "figures",
    "formatting",
    "people",
    "plots",
    "studies",
    "twins",
]
