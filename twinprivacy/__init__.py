"""How much more a healthcare digital twin gives away, the more it is fed.

Sub-packages are imported when they are first asked for, so that importing the package
costs almost nothing: ``twinprivacy.datasets``, ``twinprivacy.breaches``,
``twinprivacy.figures``, ...
"""

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"
__all__ = [
    "attacks",
    "breaches",
    "datasets",
    "defences",
    "errors",
    "estimates",
    "explorer",
    "figures",
    "formatting",
    "plots",
    "twins",
]


def __getattr__(name: str) -> ModuleType:
    """Import a sub-package on first use."""
    if name in __all__:
        return import_module(f"twinprivacy.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the sub-packages too."""
    return [*__all__, "__version__"]
