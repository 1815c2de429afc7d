"""The site side of the book: a Sphinx extension that needs no other host.

Works on plain Sphinx with MyST-NB as on Jupyter Book.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

from . import (
    accessibility,
    assets,
    checklist,
    data_files,
    docstrings,
    explorer,
    mathml,
    volume_matrix,
)
from .pages import rewrite_pages


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Mend every page, and drop what none of them uses."""
    if exception is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir)
    drawn = assets.drawn_icons(folder)
    rewrite_pages(
        folder,
        [
            assets.drop_unused,
            lambda soup: assets.check_icons(soup, drawn),
            *accessibility.FIXES,
        ],
    )
    assets.open_at_front_page(folder, app.config.root_doc)
    assets.prune_files(folder)


def setup(app: Sphinx) -> dict[str, object]:
    """Register math, the data directive, docstrings and the clean-up of pages."""
    mathml.setup(app)
    data_files.setup(app)
    checklist.setup(app)
    docstrings.setup(app)
    explorer.setup(app)
    volume_matrix.setup(app)
    app.connect("html-page-context", assets.drop_thebe, priority=900)
    # After the theme's own hooks, which add to the pages.
    app.connect("build-finished", finish, priority=900)
    return {"version": "0.1.0", "parallel_read_safe": True, "parallel_write_safe": True}
