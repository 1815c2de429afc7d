"""Send only what a page uses, and nothing from another host.

The theme ships an icon font with its script (0.5 MB gzipped), source maps and
translations; Jupyter Book adds thebe, whose code lives on another host. All go. The
icons that the pages do use are drawn in ``_static/icons.css``.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from bs4 import BeautifulSoup, Comment
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

# Files of the theme that no page asks for once the fixes below are done.
UNUSED = (
    "_static/**/*.map",
    "_static/**/*.ttf",
    "_static/**/*.LICENSE.txt",
    "_static/scripts/fontawesome.js",
    "_static/vendor",
    "_static/locales",
    "_static/images",
    "_static/webpack-macros.html",
    "_static/sbt-webpack-macros.html",
    "_static/sphinx-thebe.*",
    "_static/play-solid.svg",
    "_static/sphinx_highlight.js.map",
    "_static/.gitignore",
)

# A script or style goes unless the page holds something it works on.
NEEDED_BY = {
    "fontawesome": None,
    "sphinx-thebe": None,
    "design-tabs": ".sd-tab-set",
    "sphinx-design": "[class*='sd-']",
    "togglebutton": ".admonition.dropdown, .toggle",
    "clipboard": "div.highlight",
    "copybutton": "div.highlight",
    "searchtools": "#search-results",
    "language_data": "#search-results",
    "explorer": ".explorer-form",
    "searchindex": "#search-results",
    "sphinx_highlight": "#search-results",
}

THEME_STYLE = "_static/styles/pydata-sphinx-theme.css"
FONT_FACE = re.compile(r"@font-face\{[^}]*\}")
ICON_RULE = re.compile(r"(?<=[}/])\.fa[^{},]*(?:,\.fa[^{},]*)*\{[^}]*\}")
ICON_CLASSES = {"fa-solid", "fa-regular", "fa-brands", "fa-lg", "fa-fw"}


def drop_thebe(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, list[object]],
    doctree: object,
) -> None:
    """Take thebe's scripts off the page: they name another host, and have no switch."""
    context["script_files"] = [
        script
        for script in context["script_files"]
        if "thebe" not in str(getattr(script, "filename", ""))
        and "thebe" not in str(getattr(script, "attributes", {}).get("body", ""))
    ]


def prune_files(folder: Path) -> None:
    """Delete what no page asks for once `drop_unused` has been over them."""
    slim_theme_style(folder / THEME_STYLE)
    for pattern in UNUSED:
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def open_at_front_page(folder: Path, root: str) -> None:
    """Put the front page itself at ``index.html``, not a redirect to it."""
    if root != "index":
        shutil.copyfile(folder / f"{root}.html", folder / "index.html")


def drop_unused(soup: BeautifulSoup) -> None:
    """Remove the scripts and styles that this page has no use for."""
    for tag in soup.select("script[src], link[href]"):
        name = Path(str(tag.get("src") or tag.get("href")).split("?")[0]).name
        for stem, selector in NEEDED_BY.items():
            if name.startswith(stem) and not (selector and soup.select_one(selector)):
                tag.decompose()
                break
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()


def drawn_icons(folder: Path) -> set[str]:
    """List the icons that ``icons.css`` draws."""
    path = folder / "_static/icons.css"
    style = path.read_text(encoding="utf-8") if path.is_file() else ""
    return set(re.findall(r"\.(fa-[a-z-]+)", style))


def check_icons(soup: BeautifulSoup, drawn: set[str]) -> None:
    """Stop the build at an icon that nobody drew: the control would be invisible."""
    for tag in soup.select("[class*='fa-']"):
        names = {name for name in tag["class"] if name.startswith("fa-")}
        if missing := names - ICON_CLASSES - drawn:
            title = soup.title.get_text(strip=True) if soup.title else "?"
            raise ExtensionError(
                f"page {title!r} uses the icon {', '.join(sorted(missing))}, which "
                "_static/icons.css does not draw"
            )


def slim_theme_style(path: Path) -> None:
    """Remove the icon font and its two thousand rules from the theme's style."""
    if not path.is_file():  # another theme
        return
    style = path.read_text(encoding="utf-8")
    slim = FONT_FACE.sub("", style)
    # Neighbouring rules share their brace, so one pass leaves every second rule.
    while (shorter := ICON_RULE.sub("", slim)) != slim:
        slim = shorter
    slim = re.sub(r"/\*# sourceMappingURL=[^*]*\*/", "", slim)
    if slim != style:
        path.write_text(slim, encoding="utf-8")
