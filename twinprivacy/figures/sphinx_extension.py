"""Figures in the book: a directive, a gallery, roles, and a page for each figure.

Works in Jupyter Book and in plain Sphinx with MyST. The pictures and downloads keep
the addresses under which they are cited, ``figures/<id>/<id>.<ending>``.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.osutil import relative_uri

from twinprivacy import __version__
from twinprivacy.errors import FigureError
from twinprivacy.figures import citation, pages, registry
from twinprivacy.figures.registry import DOWNLOADS

STATIC = Path(__file__).parent / "static"
GALLERY = "figures"


class figure_picture(nodes.General, nodes.Element):
    """The picture of a card; drawn by `pages` once its address is known."""


class figure_toolbar(nodes.General, nodes.Element):
    """The downloads under a card."""


class figure_gallery(nodes.General, nodes.Element):
    """All published figures in a grid."""


class FigureCard(SphinxDirective):
    """Show a published figure with number, caption and downloads.

    ``{figure-card} id``; refer to it with ``{numref}`` and the id. On other pages than
    the chapter that publishes it, the card has no number.
    """

    required_arguments = 1
    option_spec = {"class": directives.class_option}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Build the card from the figure's manifest."""
        figure_id = self.arguments[0]
        manifest = _manifest(self, figure_id)
        title = nodes.paragraph("", "", _page_link(self.env, manifest, "title"))
        title["classes"].append("figure-title")
        picture = figure_picture("", figure_id=figure_id)
        toolbar = figure_toolbar("", figure_id=figure_id)
        classes = ["figure-card", manifest["size"], *self.options.get("class", [])]
        if self.env.docname != manifest["chapter"]:
            # A figure has its number and anchor in the chapter that publishes it.
            caption = nodes.paragraph("", manifest["caption"], classes=["figure-note"])
            return [
                nodes.container("", title, picture, caption, toolbar, classes=classes)
            ]
        card = nodes.figure(
            "",
            title,
            picture,
            nodes.caption("", manifest["caption"]),
            nodes.legend("", toolbar),
            classes=classes,
        )
        # A prefix, because a heading may have the same words as the figure's id.
        card["ids"].append(pages.anchor(figure_id))
        card["names"].append(figure_id)
        self.set_source_info(card)
        self.state.document.note_explicit_target(card, card)
        return [card]


class FigureGallery(SphinxDirective):
    """Show every published figure as a tile that leads to its page."""

    def run(self) -> list[nodes.Node]:
        """Depend on every manifest, so that a new figure rebuilds the page."""
        for figure_id in registry.figure_ids(_folder(self.config)):
            _manifest(self, figure_id)
        return [figure_gallery()]


class FigureText(SphinxRole):
    """Quote a figure's title or headline, linked to the figure's page."""

    def __init__(self, field: str) -> None:
        self.field = field

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the text as a link."""
        manifest = _manifest(self, self.text)
        return [_page_link(self.env, manifest, self.field)], []


def _folder(config: Any) -> Path:
    return Path(config.twinprivacy_figures)


def _manifest(asker: SphinxDirective | SphinxRole, figure_id: str) -> dict[str, Any]:
    """Read a manifest and have the page rebuilt when it changes."""
    folder = _folder(asker.config)
    try:
        manifest = registry.load_manifest(figure_id, folder)
    except FigureError as error:
        raise ExtensionError(f"{asker.env.docname}: {error}") from error
    asker.env.note_dependency(str(registry.manifest_path(figure_id, folder)))
    return manifest


def _page_link(env: Any, manifest: dict[str, Any], field: str) -> nodes.reference:
    """Link to a figure's page by one of its texts."""
    address = relative_uri(
        f"{env.docname}.html", f"figures/{manifest['id']}/index.html"
    )
    return nodes.reference("", manifest[field], internal=True, refuri=address)


def _visit(template: str) -> Any:
    """Return a visitor that writes a node through one of the page templates."""

    def visit(translator: Any, node: nodes.Element) -> None:
        builder = translator.builder
        here = builder.get_target_uri(builder.current_docname)
        folder = _folder(builder.config)
        wanted = [node["figure_id"]] if "figure_id" in node else None
        translator.body.append(
            pages.render(template, folder, here, figure_ids=wanted, builder=builder)
        )
        raise nodes.SkipNode

    return visit


def _visit_latex(translator: Any, node: nodes.Element) -> None:
    figure_id = node["figure_id"]
    folder = _folder(translator.builder.config).resolve()
    translator.body.append(
        rf"\includegraphics{{{(folder / figure_id / figure_id).as_posix()}.pdf}}"
    )
    raise nodes.SkipNode


def _visit_text(translator: Any, node: nodes.Element) -> None:
    raise nodes.SkipNode


def _collect_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Make each figure's page."""
    folder = _folder(app.config)
    for figure_id in registry.figure_ids(folder):
        page = f"figures/{figure_id}/index"
        manifest = registry.load_manifest(figure_id, folder)
        context = pages.page_context(manifest, folder, app.builder)
        yield page, context, "page.html"


def _copy_downloads(app: Sphinx, exception: Exception | None) -> None:
    """Put pictures and downloads at the addresses under which they are cited."""
    if exception is not None or app.builder.format != "html":
        return
    folder = _folder(app.config)
    for figure_id in registry.figure_ids(folder):
        target = Path(app.outdir) / "figures" / figure_id
        target.mkdir(parents=True, exist_ok=True)
        for ending in DOWNLOADS:
            name = f"{figure_id}.{ending}"
            shutil.copyfile(folder / figure_id / name, target / name)


def _check_files(app: Sphinx) -> None:
    """Stop before the build when a figure's pictures have not been drawn."""
    folder = _folder(app.config)
    for figure_id in registry.figure_ids(folder):
        missing = [
            ending
            for ending in DOWNLOADS
            if not (folder / figure_id / f"{figure_id}.{ending}").is_file()
        ]
        if missing:
            chapter = registry.load_manifest(figure_id, folder)["chapter"]
            raise ExtensionError(
                f"figure {figure_id!r} lacks its files {', '.join(missing)}: "
                f"run `make chapters` (chapter {chapter!r} publishes it)"
            )


def _settings(app: Sphinx, config: Any) -> None:
    if not config.twinprivacy_figures:
        named = os.environ.get(registry.FOLDER_VARIABLE)
        config.twinprivacy_figures = named or str(Path(app.srcdir) / "figures")
    config.twinprivacy_figures = str(Path(config.twinprivacy_figures).resolve())
    config.html_static_path.append(str(STATIC))


def _book_tags(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Tag the first page only: the book is the cited work, not each page."""
    if pagename == app.config.root_doc:
        context["metatags"] = context.get("metatags", "") + pages.book_tags()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_config_value("twinprivacy_figures", "", "env", str)
    app.connect("config-inited", _settings)
    app.connect("builder-inited", _check_files)
    app.connect("html-collect-pages", _collect_pages)
    app.connect("html-page-context", _book_tags)
    app.connect("build-finished", _copy_downloads)
    for node, template in (
        (figure_picture, "picture.html"),
        (figure_toolbar, "toolbar.html"),
        (figure_gallery, "gallery.html"),
    ):
        latex = _visit_latex if node is figure_picture else _visit_text
        app.add_node(
            node,
            html=(_visit(template), None),
            latex=(latex, None),
            text=(_visit_text, None),
        )
    app.add_directive("figure-card", FigureCard)
    app.add_directive("figure-gallery", FigureGallery)
    app.add_role("finding", FigureText("title"))
    app.add_role("headline", FigureText("headline"))
    app.add_css_file("figures.css")
    app.add_js_file("figures.js", loading_method="defer")
    return {
        "version": f"{__version__} {citation.address('')}",
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
