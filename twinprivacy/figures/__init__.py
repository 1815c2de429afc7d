"""Figures that can be cited: published once, with data, licence and reference."""

from typing import TYPE_CHECKING, Any

from twinprivacy.figures.registry import figure_ids, figures_folder, load_manifest

if TYPE_CHECKING:
    from twinprivacy.figures.publishing import PublishedFigure, publish

__all__ = [
    "PublishedFigure",
    "figure_ids",
    "figures_folder",
    "load_manifest",
    "publish",
]


def __getattr__(name: str) -> Any:
    """Import matplotlib only when something is published."""
    if name in ("PublishedFigure", "publish"):
        from twinprivacy.figures import publishing

        return getattr(publishing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
