"""Equations as MathML, converted when the book is built.

The pages need no script and no fonts for it, and screen readers read it. What the
converter does not know stops the build: an equation is never shown wrong.
"""

from __future__ import annotations

import re

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

# Commands of the field that LaTeX itself does not have.
MACROS = {
    "argmax": r"\operatorname*{arg\,max}",
    "argmin": r"\operatorname*{arg\,min}",
}
NUMBERED = re.compile(r"\\(begin|end)\{(equation|align|gather|multline)\}")
ENVIRONMENT = re.compile(
    r"\\begin\{(equation|align|gather|multline|alignat|flalign)\*?\}"
)
UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")

_CONVERTER = LatexToMathML(macros=MACROS, annotation=True, fancy_error=False)


def to_mathml(latex: str, *, display: bool) -> str:
    r"""Convert one equation.

    Parameters
    ----------
    latex : str
        The equation without its dollar signs. Several lines (``\\``) are aligned at
        ``&``, as Sphinx does for its other renderers.
    display : bool
        Whether it stands on a line of its own.

    Returns
    -------
    str
        A ``math`` element that carries the LaTeX as an annotation.

    Raises
    ------
    ValueError
        If the converter knows a command or an environment not, or if an equation
        numbers itself: Sphinx numbers ``$$ ... $$ (label)`` and nothing else.
    """
    source = latex.strip()
    if r"\label{" in source or r"\tag{" in source:
        raise ValueError(
            r"\label and \tag are not used here; write $$ ... $$ (label) instead"
        )
    try:
        return _CONVERTER.convert_with_local_state(
            _as_display(source) if display else source, displaystyle=display
        ).replace("&ApplyFunction;", "\N{FUNCTION APPLICATION}")
    except LatexError as error:
        raise ValueError(str(error)) from error


def _as_display(source: str) -> str:
    source = NUMBERED.sub(r"\\\1{\2*}", source)
    source = re.sub(r"\\(begin|end)\{split\}", r"\\\1{aligned}", source)
    several_lines = re.search(r"\\\\|(?<!\\)&", source)
    if several_lines and r"\begin{" not in source:
        return rf"\begin{{aligned}}{source}\end{{aligned}}"
    return source


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """Write an equation inside a line of text."""
    self.body.append(_convert(self, node, display=False))
    raise nodes.SkipNode


def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write an equation on a line of its own, with its number and address."""
    mathml = _convert(self, node, display=True)
    _settle_address(self, node)
    self.body.append(
        self.starttag(
            node,
            "div",
            CLASS="math notranslate nohighlight",
            tabindex="0",
            role="group",
            **{"aria-label": f"Equation {_number(self, node)}".strip()},
        )
    )
    self.body.append(mathml)
    if number := _number(self, node):
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def _settle_address(self: HTML5Translator, node: nodes.math_block) -> None:
    """Replace the random address that MyST gives to an equation without a label."""
    if UUID.search(node.get("label") or ""):
        node["ids"] = [nodes.make_id(f"equation-{_number(self, node)}")]


def _number(self: HTML5Translator, node: nodes.math_block) -> str:
    return get_node_equation_number(self, node) if node.get("number") else ""


def _convert(self: HTML5Translator, node: nodes.Element, *, display: bool) -> str:
    latex = node.astext()
    try:
        return to_mathml(latex, display=display)
    except ValueError as error:
        document = self.builder.current_docname
        raise ExtensionError(
            f'{document}: equation "{latex.strip()}": {error}'
        ) from error


def setup(app: Sphinx) -> None:
    """Offer the renderer to ``html_math_renderer``."""
    app.add_html_math_renderer(
        "mathml",
        inline_renderers=(visit_math, None),
        block_renderers=(visit_math_block, None),
    )
