from pathlib import Path

from twinprivacy.figures import figures_folder


def test_the_environment_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TWINPRIVACY_FIGURES", str(tmp_path))
    assert figures_folder() == tmp_path


def test_without_it_the_book_has_it(monkeypatch, tmp_path):
    monkeypatch.delenv("TWINPRIVACY_FIGURES", raising=False)
    monkeypatch.chdir(tmp_path)
    assert figures_folder() == tmp_path / "book" / "figures"
    (tmp_path / "book").mkdir()
    monkeypatch.chdir(tmp_path / "book")
    assert figures_folder() == Path.cwd() / "figures"
