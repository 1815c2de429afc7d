import csv
import hashlib
import io
import json
import re
import zipfile
from xml.etree import ElementTree

import matplotlib as mpl
import pandas as pd
import pypdf
import pytest

from twinprivacy.errors import FigureError, ParameterError
from twinprivacy.figures import PublishedFigure, figure_ids, load_manifest
from twinprivacy.figures.publishing import MM_PER_INCH, POINTS_PER_INCH, WIDTH_MM
from twinprivacy.figures.registry import DOWNLOADS


def files(published):
    return {path.name: path.read_bytes() for path in published.folder.iterdir()}


def test_writes_every_file(publish_example):
    published = publish_example()
    assert isinstance(published, PublishedFigure)
    assert set(files(published)) == {f"an-example.{ending}" for ending in DOWNLOADS}


def test_is_byte_identical_on_rerun(publish_example):
    first = files(publish_example())
    second = files(publish_example())
    assert first == second


def test_light_and_dark_differ_in_colour_only(publish_example):
    contents = files(publish_example())
    light = contents["an-example.svg"].decode()
    dark = contents["an-example.dark.svg"].decode()
    assert light != dark

    def geometry(svg):
        return re.findall(r' (?:d|viewBox|transform)="[^"]*"', svg)

    assert geometry(light) == geometry(dark)


def test_csv_holds_what_was_drawn(publish_example):
    drawn = {}

    def draw(data, ax):
        drawn["data"] = data
        ax.plot(data["year"], data["rate"])

    published = publish_example(draw=draw)
    written = pd.read_csv(published.folder / "an-example.csv")
    pd.testing.assert_frame_equal(
        written, drawn["data"].reset_index(drop=True), check_exact=True
    )
    assert written["rate"].tolist() == [0.333333, 0.5, 2e-7]


@pytest.mark.parametrize("size", ["single", "double"])
def test_pdf_has_journal_width_and_embedded_fonts(publish_example, size):
    published = publish_example(size=size)
    page = pypdf.PdfReader(published.folder / "an-example.pdf").pages[0]
    width_mm = float(page.mediabox.width) / POINTS_PER_INCH * MM_PER_INCH
    assert width_mm == pytest.approx(WIDTH_MM[size], abs=0.1)
    fonts = page["/Resources"]["/Font"].values()
    assert fonts
    for font in fonts:
        descendant = font.get_object().get("/DescendantFonts", [font])[0].get_object()
        assert "/FontFile2" in descendant["/FontDescriptor"].get_object()


def test_pictures_carry_title_and_rights_but_no_date(publish_example):
    published = publish_example()
    title = load_manifest("an-example", published.folder.parent)["title"]
    root = ElementTree.parse(published.folder / "an-example.svg").getroot()
    text = ElementTree.tostring(root, encoding="unicode")
    assert "50 % &amp; more" in text
    assert "CC BY 4.0" in text
    assert "dc}date" not in text
    information = pypdf.PdfReader(published.folder / "an-example.pdf").metadata
    assert information.title == title
    assert "/CreationDate" not in information
    assert b"tIME" not in files(published)["an-example.png"]


def test_manifest_matches_the_files(publish_example):
    published = publish_example(seed=7)
    manifest = load_manifest("an-example", published.folder.parent)
    content = (published.folder / "an-example.csv").read_bytes()
    assert manifest["csv_sha256"] == hashlib.sha256(content).hexdigest()
    assert manifest["seed"] == 7
    assert manifest["n_rows"] == 3
    header = next(csv.reader(io.StringIO(content.decode())))
    assert [column["name"] for column in manifest["columns"]] == header
    assert manifest["fingerprint"] == published.fingerprint


def test_zip_holds_all_files_and_a_readme(publish_example):
    published = publish_example()
    archive = zipfile.ZipFile(published.folder / "an-example.zip")
    assert archive.testzip() is None
    names = {name.removeprefix("an-example/") for name in archive.namelist()}
    expected = {f"an-example.{ending}" for ending in DOWNLOADS if ending != "zip"}
    assert names == expected | {"README.txt"}
    readme = archive.read("an-example/README.txt").decode()
    assert "rate (1): A made-up rate" in readme
    assert "What this does not show: Anything real." in readme


def test_fingerprint_moves_with_data_and_axes_not_with_noise(publish_example, data):
    def fingerprint(change=0.0, scale="linear"):
        def draw(table, ax):
            ax.plot(table["year"], table["rate"])
            ax.set_yscale(scale)

        table = data.assign(rate=data["rate"] * (1 + change))
        return publish_example(draw=draw, table=table).fingerprint

    assert fingerprint() == fingerprint(change=1e-9)
    assert fingerprint() != fingerprint(change=1e-4)
    assert fingerprint() != fingerprint(scale="log")


def test_text_names_shape_and_fingerprint_but_no_path(publish_example):
    published = publish_example()
    assert repr(published) == (
        f"figure an-example: 3 rows, 2 columns, fingerprint {published.fingerprint}"
    )


def test_failure_leaves_the_published_figure_as_it_was(publish_example):
    published = publish_example()
    before = files(published)

    def fail(data, ax):
        raise RuntimeError("cannot draw")

    with pytest.raises(RuntimeError, match="cannot draw"):
        publish_example(draw=fail)
    assert files(published) == before
    assert [path.name for path in published.folder.parent.iterdir()] == ["an-example"]


def test_leaves_global_settings_alone(publish_example):
    before = dict(mpl.rcParams)
    publish_example()
    assert dict(mpl.rcParams) == before


def test_several_panels(publish_example):
    seen = {}

    def draw(data, axes):
        seen["shape"] = axes.shape
        for ax in axes:
            draw_panel(data, ax)

    def draw_panel(data, ax):
        ax.plot(data["year"], data["rate"])

    publish_example(draw=draw, panels=(1, 2), size="double")
    assert seen["shape"] == (2,)


def test_another_chapter_may_not_take_an_id(publish_example):
    publish_example()
    with pytest.raises(
        FigureError,
        match=re.escape(
            "figure 'an-example' is published by chapter '99_example'; "
            "chapter '98_other' needs another id"
        ),
    ):
        publish_example(chapter="98_other")


@pytest.mark.parametrize("bad", ["An-Example", "an_example", "", "a--b", "../a", "a b"])
def test_malformed_id(publish_example, bad):
    with pytest.raises(FigureError, match="figure_id must be lower-case words"):
        publish_example(figure_id=bad)


def test_column_without_description(publish_example):
    with pytest.raises(
        FigureError,
        match=re.escape(
            "columns of figure 'an-example' lack unit and description: rate; "
            "add them to columns.csv or pass columns="
        ),
    ):
        publish_example(columns={"year": ("year", "Year")})


@pytest.mark.parametrize("name", ["title", "headline", "caption", "alt", "not_shown"])
def test_empty_text(publish_example, name):
    with pytest.raises(
        FigureError, match=f"^{name} of figure 'an-example' must not be empty$"
    ):
        publish_example(**{name: " "})


def test_empty_table(publish_example, data):
    with pytest.raises(FigureError, match="data must have at least one row"):
        publish_example(table=data.iloc[:0])


def test_unknown_size(publish_example):
    with pytest.raises(
        ParameterError,
        match=re.escape("size must be one of 'single', 'double'; got 'wide'"),
    ):
        publish_example(size="wide")


def test_figure_that_was_never_published(tmp_path, publish_example):
    publish_example()
    with pytest.raises(
        FigureError,
        match=re.escape(
            "figure 'missing' has not been published: run `make chapters`, or publish "
            "it in a chapter; published so far: an-example"
        ),
    ):
        load_manifest("missing", tmp_path / "figures")
    assert figure_ids(tmp_path / "figures") == ["an-example"]


def test_manifest_is_sorted_json(publish_example):
    published = publish_example()
    text = (published.folder / "an-example.metadata.json").read_text()
    keys = list(json.loads(text))
    assert keys == sorted(keys)


def test_overlapping_labels_are_refused(publish_example):
    def draw(data, ax):
        draw_at(ax, "one label")
        draw_at(ax, "another label")

    def draw_at(ax, text):
        ax.text(0.5, 0.5, text, ha="center")

    with pytest.raises(
        FigureError,
        match="figure 'an-example': labels 'one label' and 'another label' overlap",
    ):
        publish_example(draw=draw)


def test_labels_that_leave_the_picture_are_refused(publish_example):
    def draw(data, ax):
        ax.annotate("far away", (0.5, 0.5), xytext=(0.5, 40), annotation_clip=False)
        ax.set_in_layout(False)
        ax.texts[0].set_in_layout(False)

    with pytest.raises(
        FigureError, match="figure 'an-example': label 'far away' is cut off"
    ):
        publish_example(draw=draw)
