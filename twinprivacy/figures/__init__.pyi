from .publishing import (
    PublishedFigure as PublishedFigure,
    publish as publish,
)
from .registry import (
    figure_ids as figure_ids,
    figures_folder as figures_folder,
    load_manifest as load_manifest,
)

__all__ = [
    "PublishedFigure",
    "figure_ids",
    "figures_folder",
    "load_manifest",
    "publish",
]
