"""The extension in plain Sphinx with MyST, as another book would use it."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

CONF = """
extensions = ["myst_nb", "twinprivacy.figures.sphinx_extension"]
nb_execution_mode = "off"
numfig = True
html_theme = "basic"
"""
CHAPTER = """# An example

See {numref}`an-example`: {finding}`an-example` ({headline}`an-example`).

```{figure-card} an-example
```
"""


def build(folder, chapter=CHAPTER):
    """Build a small book around the figures in `folder`; warnings are errors."""
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text(
        "# Book\n\n```{toctree}\n99_example\nfigures\n```\n"
        "\n```{figure-card} an-example\n```\n"
    )
    (folder / "figures.md").write_text("# All figures\n\n```{figure-gallery}\n```\n")
    (folder / "99_example.md").write_text(chapter)
    environment = {k: v for k, v in os.environ.items() if k != "TWINPRIVACY_FIGURES"}
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", folder, "out"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def out(module_publisher):
    folder = module_publisher().folder.parents[1]
    finished = build(folder)
    assert finished.returncode == 0, finished.stderr
    return folder / "out"


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def all(self, tag, **wanted):
        return [
            attributes
            for name, attributes in self.found
            if name == tag
            and all(attributes.get(key) == value for key, value in wanted.items())
        ]


def page_of(path):
    return Elements(path.read_text(encoding="utf-8"))


def test_card_has_number_alt_pair_and_downloads(out):
    text = (out / "99_example.html").read_text()
    page = page_of(out / "99_example.html")
    assert page.all("figure", id="figure-an-example")
    assert "Fig. 1" in text
    for image, theme in zip(page.all("img"), ("light", "dark"), strict=True):
        assert image["class"] == f"only-{theme}"
        assert image["alt"].startswith("Line chart of the rate")
        assert (out / image["src"]).is_file()
    downloads = [link["href"] for link in page.all("a") if "download" in link]
    assert downloads == [
        f"figures/an-example/an-example.{ending}"
        for ending in ("pdf", "svg", "png", "csv")
    ]
    assert all((out / path).is_file() for path in downloads)


def test_card_outside_its_chapter_has_neither_number_nor_anchor(out):
    text = (out / "index.html").read_text()
    assert "figures/an-example/an-example.svg" in text
    assert "Fig. 1" not in text
    assert 'id="figure-an-example"' not in text


def test_roles_quote_the_manifest_and_link_to_the_page(out):
    page = page_of(out / "99_example.html")
    links = [link["href"] for link in page.all("a")]
    assert links.count("figures/an-example/index.html") >= 2
    assert (
        "The rate was 0.333 in 2010 (50 % &amp; more)"
        in (out / "99_example.html").read_text()
    )


def test_figure_page_shows_data_references_and_metadata(out):
    path = out / "figures/an-example/index.html"
    page, text = page_of(path), path.read_text()
    assert "<td>0.333333</td>" in text
    assert "@misc{twinprivacy-an-example" in text
    names = {meta.get("name") for meta in page.all("meta")}
    assert {"citation_title", "citation_author", "citation_inbook_title"} <= names
    (start,) = [i for i, line in enumerate(text.splitlines()) if "ld+json" in line]
    linked = text.splitlines()[start].split(">", 1)[1].rsplit("</script", 1)[0]
    kinds = [item["@type"] for item in json.loads(linked)["@graph"]]
    assert kinds == ["ImageObject", "Dataset"]
    links = [link["href"] for link in page.all("a")]
    assert "../../99_example.html#figure-an-example" in links


def test_book_tags_stand_on_the_first_page_only(out):
    assert page_of(out / "index.html").all("meta", name="citation_title")
    assert not page_of(out / "99_example.html").all("meta", name="citation_title")


def test_gallery_shows_every_figure_and_search_reads_titles(out):
    links = [link["href"] for link in page_of(out / "figures.html").all("a")]
    assert "figures/an-example/index.html" in links
    index = (out / "searchindex.js").read_text()
    assert re.search(r'"333": \[?0', index)  # in the title, and nowhere else


def test_unpublished_figure_stops_the_build(tmp_path, publish_example):
    publish_example()
    finished = build(tmp_path, "# An example\n\n```{figure-card} other\n```\n")
    assert finished.returncode != 0
    assert (
        "99_example: figure 'other' has not been published: run `make chapters`"
        in " ".join(finished.stderr.split())
    )


def test_missing_pictures_stop_the_build(tmp_path, publish_example):
    (publish_example().folder / "an-example.pdf").unlink()
    finished = build(tmp_path)
    assert finished.returncode != 0
    assert (
        "figure 'an-example' lacks its files pdf: run `make chapters` "
        "(chapter '99_example' publishes it)" in " ".join(finished.stderr.split())
    )
