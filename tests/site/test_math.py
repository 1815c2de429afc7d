"""Equations become MathML when the book is built, or stop the build."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

EXTENSIONS = Path(__file__).parents[2] / "book" / "_ext"
sys.path.insert(0, str(EXTENSIONS))

from twinprivacy_site.mathml import to_mathml  # noqa: E402  (found by the line above)


def tags(latex: str, *, display: bool = True) -> list[str]:
    return [
        part.tag
        for part in ElementTree.fromstring(to_mathml(latex, display=display)).iter()
    ]


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\frac{a}{b}", "mfrac"),
        (r"\sum_{i=1}^{n} x_i", "munderover"),
        (r"\hat{\beta}", "mover"),
        (r"\sqrt{x}", "msqrt"),
        (r"x^{2}", "msup"),
        (r"\begin{cases} 1 & x > 0 \\ 0 & \text{otherwise} \end{cases}", "mtable"),
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "mtable"),
        (r"\begin{split} a &= b \\ c &= d \end{split}", "mtable"),
        (r"\begin{align} a &= b \\ c &= d \end{align}", "mtable"),
        (r"a &= b \\ c &= d", "mtable"),
        (r"\operatorname*{median}_{i} x_i", "munder"),
        (r"\argmax_{\theta} L(\theta)", "munder"),
    ],
)
def test_construct_becomes_its_element(latex: str, expected: str) -> None:
    assert expected in tags(latex)


def test_greek_letters_and_conditionals_are_characters() -> None:
    text = "".join(
        ElementTree.fromstring(
            to_mathml(r"P(\alpha \mid \theta)", display=False)
        ).itertext()
    )
    assert "\N{GREEK SMALL LETTER ALPHA}" in text
    assert "\N{DIVIDES}" in text
    assert "\N{GREEK SMALL LETTER THETA}" in text


def test_latex_travels_along_for_copying() -> None:
    root = ElementTree.fromstring(to_mathml(r"a < b \& c", display=False))
    annotation = root.find(".//annotation")
    assert annotation is not None
    assert annotation.get("encoding") == "application/x-tex"
    assert annotation.text == r"a < b \& c"


@pytest.mark.parametrize(("display", "attribute"), [(True, "block"), (False, None)])
def test_display_follows_the_place(display: bool, attribute: str | None) -> None:
    root = ElementTree.fromstring(to_mathml("x", display=display))
    assert root.get("display") == attribute


def test_numbered_environment_leaves_the_number_to_sphinx() -> None:
    text = "".join(
        ElementTree.fromstring(
            to_mathml(r"\begin{equation}a\end{equation}", display=True)
        ).itertext()
    )
    assert "(1)" not in text


@pytest.mark.parametrize(
    ("latex", "message"),
    [
        (r"\foo{x}", r'Unknown command "\foo"'),
        (r"\begin{tikz}\end{tikz}", 'Unknown environment "tikz"'),
        (r"\frac{a}", "end"),
        (r"a \label{x}", r"\label and \tag are not used here"),
    ],
)
def test_what_cannot_be_shown_right_is_an_error(latex: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        to_mathml(latex, display=True)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Path]:
    """A folder with a plain Sphinx book: no Jupyter Book, no theme of its own."""
    (tmp_path / "conf.py").write_text(
        "extensions = ['myst_nb', 'mathonly']\n"
        "myst_enable_extensions = ['dollarmath', 'amsmath']\n"
        "html_math_renderer = 'mathml'\n"
        "html_theme = 'basic'\n"
    )
    module = tmp_path / "mathonly.py"
    module.write_text("from twinprivacy_site.mathml import setup\n")
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))
    sys.modules.pop("mathonly", None)


def render(folder: Path, text: str) -> str:
    (folder / "index.md").write_text(f"# Page\n\n{text}\n")
    app = Sphinx(
        folder,
        folder,
        folder / "out",
        folder / "trees",
        "html",
        status=None,
        warning=None,
        freshenv=True,
    )
    app.build()
    return (folder / "out" / "index.html").read_text()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_dollar_and_ams_math_of_plain_sphinx_reach_the_renderer(build: Path) -> None:
    page = render(
        build,
        "Inline $\\hat\\alpha$.\n\n$$\na = b\n$$ (first)\n\n"
        "\\begin{align}\nc &= d\n\\end{align}\n\nSee {eq}`first`.",
    )
    assert page.count("<math") == 3
    assert 'id="equation-first"' in page
    assert 'href="#equation-first"' in page
    assert "MathJax" not in page
    assert not re.search(r"<script[^>]*(mathjax|tex-)", page)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_unknown_command_stops_the_build_and_names_page_and_equation(
    build: Path,
) -> None:
    with pytest.raises(ExtensionError) as caught:
        render(build, "Wrong: $\\foo{x}$.")
    message = str(caught.value)
    assert message == (r"""index: equation "\foo{x}": 0: Unknown command "\foo".""")
