import json

import bibtexparser
import pytest

from twinprivacy import __version__
from twinprivacy.figures import citation


@pytest.fixture
def manifest():
    return {
        "id": "an-example",
        "title": "A rate of 50\u00a0% & more, {braced}_x",
        "caption": "What is drawn.",
    }


def test_bibtex_parses_and_escapes(manifest):
    library = bibtexparser.parse_string(citation.bibtex(manifest))
    assert not library.failed_blocks
    (entry,) = library.entries
    assert entry.key == "twinprivacy-an-example"
    assert entry["author"] == "{twinprivacy contributors}"
    assert entry["title"] == r"{A rate of 50~\% \& more, \{braced\}\_x}"
    assert entry["year"] == citation.RELEASE_DATE[:4]


def test_ris_has_one_tag_a_line_and_ends(manifest):
    lines = citation.ris(manifest).split("\r\n")
    assert lines[0] == "TY  - FIGURE"
    assert lines[-2:] == ["ER  - ", ""]
    assert all(line[2:6] == "  - " for line in lines[:-1])
    assert f"ET  - {__version__}" in lines


def test_csl_json_names_author_and_date(manifest):
    (item,) = json.loads(citation.csl_json(manifest))
    assert item["author"] == [{"literal": "twinprivacy contributors"}]
    assert item["issued"]["date-parts"] == [
        [int(part) for part in citation.RELEASE_DATE.split("-")]
    ]


def test_no_address_is_invented(manifest, monkeypatch):
    monkeypatch.delenv(citation.ADDRESS_VARIABLE, raising=False)
    for make in (citation.bibtex, citation.ris, citation.csl_json):
        assert "http" not in make(manifest)
    assert citation.text_reference(manifest).endswith("CC BY 4.0.")


def test_the_address_is_one_setting(manifest, monkeypatch):
    monkeypatch.setenv(citation.ADDRESS_VARIABLE, "https://book.test/tp/")
    expected = "https://book.test/tp/figures/an-example/"
    for make in (
        citation.bibtex,
        citation.ris,
        citation.csl_json,
        citation.text_reference,
    ):
        assert expected in make(manifest)
