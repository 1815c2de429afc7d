import pandas as pd
import pytest

from twinprivacy.figures import publish

EXAMPLE = pd.DataFrame({"year": [2010, 2011, 2012], "rate": [1 / 3, 0.5, 2e-7]})


@pytest.fixture
def data():
    return EXAMPLE.copy()


@pytest.fixture(scope="module")
def module_publisher(tmp_path_factory):
    """Publish once for all tests of a module."""
    return example_publisher(tmp_path_factory.mktemp("book") / "figures")


@pytest.fixture
def publish_example(tmp_path):
    """Publish a small figure; keyword arguments replace its parts."""
    return example_publisher(tmp_path / "figures")


def example_publisher(folder):
    def publish_with(figure_id="an-example", draw=draw_line, table=None, **changes):
        texts = {
            "title": "The rate was 0.333 in 2010 (50 % & more)",
            "headline": "0.333",
            "caption": "Rate by year, three years.",
            "alt": "Line chart of the rate by year, which falls to zero.",
            "not_shown": "Anything real.",
            "chapter": "99_example",
            "columns": {"year": ("year", "Year"), "rate": ("1", "A made-up rate")},
        }
        return publish(
            figure_id,
            draw,
            EXAMPLE if table is None else table,
            folder=folder,
            **{**texts, **changes},
        )

    return publish_with


def draw_line(data, ax):
    ax.plot(data["year"], data["rate"], label="rate")
    ax.set_xlabel("year")
    ax.set_ylabel("rate")
