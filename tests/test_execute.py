"""Chapters are executed together: outputs and figures are kept all, or none."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

SCRIPT = Path(__file__).parents[1] / "book" / "execute.py"
PUBLISH = """
import pandas as pd
from twinprivacy.figures import publish
publish(
    "a-figure", lambda data, ax: ax.plot(data["x"]), pd.DataFrame({"x": [1.0, VALUE]}),
    title="A title", headline="1", caption="A caption.", alt="A line.",
    not_shown="Nothing.", chapter="01_good", columns={"x": ("1", "A number")},
)
"""


@pytest.fixture
def book(tmp_path):
    """A book of one chapter, to which others can be added."""
    folder = tmp_path / "book"
    folder.mkdir()
    shutil.copyfile(SCRIPT, folder / "execute.py")
    write(folder, "01_good", PUBLISH.replace("VALUE", "2"))
    return folder


def write(folder, name, source):
    notebook = new_notebook(cells=[new_code_cell(source)])
    nbformat.write(notebook, folder / f"{name}.ipynb")


def run(folder, env=None):
    return subprocess.run(
        [sys.executable, folder / "execute.py"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_outputs_and_figures_are_kept_and_old_figures_go(book):
    finished = run(book)
    assert finished.returncode == 0, finished.stderr
    assert "[1/1] 01_good ..." in finished.stdout
    (cell,) = nbformat.read(book / "01_good.ipynb", as_version=4).cells
    (output,) = cell.outputs
    assert output.data["text/plain"].startswith("figure a-figure: 2 rows")
    assert "image/png" not in output.data
    assert "execution" not in cell.metadata
    assert (book / "figures" / "a-figure" / "a-figure.svg").is_file()

    write(book, "01_good", PUBLISH.replace("VALUE", "2").replace("a-figure", "another"))
    assert run(book).returncode == 0
    assert [path.name for path in (book / "figures").iterdir()] == ["another"]


def test_one_failing_chapter_leaves_everything_as_it_was(book):
    assert run(book).returncode == 0
    write(book, "01_good", PUBLISH.replace("VALUE", "3"))
    write(book, "02_bad", "raise RuntimeError('no result')")
    before = {path: path.read_bytes() for path in book.rglob("*") if path.is_file()}
    finished = run(book)
    assert finished.returncode == 1
    assert "no result" in finished.stderr
    assert "nothing was written" in finished.stderr
    after = {path: path.read_bytes() for path in book.rglob("*") if path.is_file()}
    assert after == before


def test_chapters_run_with_the_arithmetic_of_avx2_unless_told_otherwise(book):
    names = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")
    tell = f"import os\nprint([os.environ.get(name) for name in {names}])"
    write(book, "01_good", f"{tell}\n{PUBLISH.replace('VALUE', '2')}")

    def told(**settings):
        kept = {name: text for name, text in os.environ.items() if name not in names}
        assert run(book, env=kept | settings).returncode == 0
        (cell,) = nbformat.read(book / "01_good.ipynb", as_version=4).cells
        return ast.literal_eval(cell.outputs[0].text)

    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    core, disabled = told()
    assert core == ("Haswell" if "X86_V3" in found else None)
    assert "X86_V3" not in (disabled or "")
    assert told(OPENBLAS_CORETYPE="Nehalem")[0] == "Nehalem"
