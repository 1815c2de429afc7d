"""Run the chapters and keep their outputs and figures: all of them, or none.

``python book/execute.py`` runs every notebook of this folder; names after it run only
those. Nothing is written before the last cell of the last chapter has succeeded.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from twinprivacy.figures import figure_ids, load_manifest
from twinprivacy.figures.registry import FOLDER_VARIABLE

BOOK = Path(__file__).resolve().parent
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
SECONDS_PER_CELL = 600
AT_ONCE = 2


def main() -> int:
    """Execute the chapters named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chapters", nargs="*", help="names without .ipynb")
    chapters = parser.parse_args().chapters or chapter_names()
    started = time.perf_counter()
    os.environ.update(same_digits())
    with tempfile.TemporaryDirectory(dir=BOOK, prefix=".executing-") as temporary:
        figures = Path(temporary)
        os.environ[FOLDER_VARIABLE] = str(figures)
        try:
            notebooks = execute_all(chapters)
        except CellExecutionError as error:
            print(f"failed; nothing was written\n{error}", file=sys.stderr)
            return 1
        for name, notebook in notebooks.items():
            replace_text(BOOK / f"{name}.ipynb", nbformat.writes(notebook) + "\n")
        replace_figures(figures, BOOK / "figures", chapters)
    print(f"{len(chapters)} chapters in {time.perf_counter() - started:.1f} s")
    return 0


def same_digits() -> dict[str, str]:
    """Return settings by which processors old and new compute the same last digits.

    NumPy and OpenBLAS have other ways of rounding for AVX-512 than for AVX2, which
    nearly every x86 processor has. What is set already stays as it is.
    """
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if "X86_V3" not in found:
        return {}
    newer = " ".join(feature for feature in found if feature != "X86_V3")
    wanted = {"NPY_DISABLE_CPU_FEATURES": newer, "OPENBLAS_CORETYPE": "Haswell"}
    return {name: text for name, text in wanted.items() if name not in os.environ}


def chapter_names() -> list[str]:
    """Return the notebooks in reading order, which is that of their names."""
    return sorted(path.stem for path in BOOK.glob("*.ipynb"))


def execute_all(chapters: list[str]) -> dict[str, nbformat.NotebookNode]:
    """Run the chapters, two at once: most use one core most of the time."""
    notebooks = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {pool.submit(timed, name): name for name in chapters}
        try:
            for number, done in enumerate(as_completed(running), start=1):
                notebooks[running[done]], seconds = done.result()
                told = f"[{number}/{len(chapters)}] {running[done]} ..."
                print(f"{told} {seconds:.1f} s", flush=True)
        except CellExecutionError:
            pool.shutdown(cancel_futures=True)
            raise
    return notebooks


def timed(name: str) -> tuple[nbformat.NotebookNode, float]:
    """Run one chapter and return it with the seconds that it took."""
    before = time.perf_counter()
    return execute(BOOK / f"{name}.ipynb"), time.perf_counter() - before


def execute(path: Path) -> nbformat.NotebookNode:
    """Run one notebook in this environment and return it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["kernelspec"] = dict(KERNELSPEC)
    NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(BOOK)}},
        record_timing=False,
        # The kernel warns that it talks over a socket of this machine; so it should.
        extra_arguments=["--log-level=ERROR"],
    ).execute()
    # The exact version of Python would change the file on every other machine.
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            # Published figures have files of their own; a copy would only grow.
            output.get("data", {}).pop("image/png", None)
            output.get("metadata", {}).pop("image/png", None)
    return notebook


def replace_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new, never a part."""
    temporary = path.with_name(f".{path.name}.writing")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def replace_figures(fresh: Path, folder: Path, chapters: list[str]) -> None:
    """Put the chapters' fresh figures in place and drop those no longer published."""
    folder.mkdir(exist_ok=True)
    for figure_id in figure_ids(folder):
        if load_manifest(figure_id, folder)["chapter"] in chapters:
            shutil.rmtree(folder / figure_id)
    for figure_id in figure_ids(fresh):
        # Pictures without a manifest may lie here from an older state.
        shutil.rmtree(folder / figure_id, ignore_errors=True)
        os.replace(fresh / figure_id, folder / figure_id)


if __name__ == "__main__":
    sys.exit(main())
