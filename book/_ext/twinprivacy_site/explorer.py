"""The ``explorer`` directive: sliders, results and what a browser computes them from.

The grids are committed; the chart and the library that draws it are made at the build.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from docutils import nodes
from jinja2 import Environment
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from twinprivacy.explorer.charts import compile_chart
from twinprivacy.explorer.grids import read_grids
from twinprivacy.explorer.interpolation import BASES, LOSSES_USD, QUANTITIES, Setting
from twinprivacy.formatting import format_number, format_percent

GRIDS = "_static/explorer-grids.json"
TEMPLATE = Path(__file__).with_name("explorer.html")
LIBRARY = "vega-explorer.js"
SNIPPET = "window.vegaEmbed = vegaEmbed;"


def setup(app: Sphinx) -> None:
    """Register the directive and the making of the library."""
    app.add_directive("explorer", Explorer)
    app.connect("build-finished", write_library)


class Explorer(SphinxDirective):
    """Put the explorer on the page."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Fill the template."""
        path = Path(self.env.srcdir) / GRIDS
        for file in (path, TEMPLATE):
            self.env.note_dependency(str(file))
        self.env.metadata[self.env.docname]["explorer"] = "yes"
        up = "../" * self.env.docname.count("/")
        return [nodes.raw("", page_part(read_grids(path), up=up), format="html")]


def page_part(grids: dict[str, Any], *, up: str = "") -> str:
    """Return the explorer as HTML."""
    ranges = grids["ranges"]
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    start = {**vars(Setting()), "rate": grids["rates"]["base"]}
    for_page = {
        **grids,
        "bases": dict(BASES),
        "losses": LOSSES_USD,
        "start": start,
        "quantities": [quantity.name for quantity in QUANTITIES],
    }
    return template.render(
        up=up,
        ranges=ranges,
        logs={name: [*map(math.log10, ranges[name])] for name in ("people", "rate")},
        kinds=grids["kinds"],
        views=list(grids["loss"]),
        rates={name: format_number(x, 2) for name, x in grids["rates"].items()},
        errors=_errors(grids),
        quantities=QUANTITIES,
        library=LIBRARY,
        grids=_embedded(for_page),
        chart=_embedded(compile_chart()),
    )


def write_library(app: Sphinx, exception: Exception | None) -> None:
    """Write the script that draws charts, for pages that are read without a network."""
    if exception is not None or app.builder.format != "html":
        return
    if not any("explorer" in about for about in app.env.metadata.values()):
        return
    import vl_convert

    # Inside a function its names do not meet those of the page's other scripts.
    script = f"(() => {{{vl_convert.javascript_bundle(SNIPPET)}\n}})();\n"
    target = Path(app.outdir) / "_static" / LIBRARY
    target.write_text(script, encoding="utf-8")


def _errors(grids: dict[str, Any]) -> dict[str, str]:
    """Return the largest error of interpolation of each part, in words."""
    chances = max(view["interpolation_error"] for view in grids["loss"].values())
    shares = {
        "share of people who are unique": grids["uniqueness"],
        "share of traces linked": grids["linkage"],
    }
    of_shares = {
        name: f"{format_number(100 * part['interpolation_error'], 2)} points"
        for name, part in shares.items()
    }
    of_chances = f"{format_percent(chances, 2)} of the chance"
    return {"chance that a loss is exceeded": of_chances, **of_shares}


def _embedded(content: object) -> Any:
    """Return JSON that stands inside a script element."""
    from markupsafe import Markup

    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("</", "<\\/"))
