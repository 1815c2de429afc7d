"""What must hold for the repository as a whole, without running anything."""

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import twinprivacy
from twinprivacy.figures import citation, figure_ids, load_manifest
from twinprivacy.figures.registry import column_vocabulary

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
FIGURES = BOOK / "figures"
CHAPTERS = sorted(BOOK.glob("*.ipynb"))
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
ROOMS = sorted(
    ".".join(path.parent.relative_to(ROOT).parts)
    for path in (ROOT / "twinprivacy").rglob("__init__.py")
    if path.parent != ROOT / "twinprivacy"
)
# Modules that are not behind a room's door.
ALONE = (
    "twinprivacy.attacks.bounds",
    "twinprivacy.attacks.guarantees",
    "twinprivacy.explorer.charts",
    "twinprivacy.explorer.grids",
    "twinprivacy.explorer.interpolation",
    "twinprivacy.formatting",
    "twinprivacy.twins.cardiovascular",
)


def cells(chapter, kind):
    notebook = json.loads(chapter.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def test_there_are_chapters_and_each_is_in_the_table_of_contents():
    assert CHAPTERS
    contents = (BOOK / "_toc.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"file: (\S+)", contents))
    assert {chapter.stem for chapter in CHAPTERS} <= listed


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
class TestChapter:
    def test_was_run_from_top_to_bottom(self, chapter):
        code = cells(chapter, "code")
        counts = [cell["execution_count"] for cell in code]
        assert counts == list(range(1, len(code) + 1))
        outputs = [output for cell in code for output in cell["outputs"]]
        assert outputs
        assert not [o for o in outputs if o["output_type"] in ("error", "stream")]

    def test_carries_nothing_of_the_machine_that_ran_it(self, chapter):
        text = chapter.read_text(encoding="utf-8")
        assert not re.search(r"/home/|/root/|/tmp/|/Users/|[A-Z]:\\\\", text)
        assert '"execution"' not in text
        assert '"image/png"' not in text
        assert json.loads(text)["metadata"]["kernelspec"] == KERNELSPEC

    def test_cells_are_short_and_define_nothing(self, chapter):
        for cell in cells(chapter, "code"):
            tree = ast.parse(source(cell))
            assert not [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
            if not re.search(r"publish\(|^prose = ", source(cell), flags=re.M):
                lines = source(cell).splitlines()
                assert len([line for line in lines if line.strip()]) <= 20

    def test_has_the_parts_of_a_chapter(self, chapter):
        text = "\n".join(source(cell) for cell in cells(chapter, "markdown"))
        for part in ("Question", "Answer", "What this does not show", "your own data"):
            assert part in text
        assert "{footbibliography}" in text

    def test_publishes_each_figure_once_and_shows_it(self, chapter):
        code = "\n".join(source(cell) for cell in cells(chapter, "code"))
        prose = "\n".join(source(cell) for cell in cells(chapter, "markdown"))
        published = re.findall(r'publish\(\s*"([^"]+)"', code)
        shown = re.findall(r"\{figure-card\} (\S+)", prose)
        assert published == shown
        assert len(set(published)) == len(published)
        kept = [
            figure_id
            for figure_id in figure_ids(FIGURES)
            if load_manifest(figure_id, FIGURES)["chapter"] == chapter.stem
        ]
        assert sorted(published) == kept

    def test_publishing_cells_do_not_show_twice(self, chapter):
        for cell in cells(chapter, "code"):
            if re.search(r'publish\(\s*"', source(cell)):
                assert "remove-output" in cell["metadata"]["tags"]

    def test_what_prose_is_given_is_plain_text(self, chapter):
        """Anything else would show its type, or be read as a tuple, in a sentence."""
        outputs = [o for cell in cells(chapter, "code") for o in cell["outputs"]]
        given = [o["data"] for o in outputs if "scrapbook" in o.get("metadata", {})]
        assert given
        for data in given:
            text = "".join(data["application/papermill.record/text/plain"])
            assert isinstance(ast.literal_eval(text), str), text

    def test_findings_are_tested(self, chapter):
        assert (ROOT / "tests" / "chapters" / f"test_{chapter.stem}.py").is_file()

    def test_every_number_in_the_prose_is_computed(self, chapter):
        """Years, single digits, thresholds and levels may be typed; results may not."""
        for cell in cells(chapter, "markdown"):
            text = re.sub(
                r"\{[^}]*\}`[^`]*`|`[^`]*`|\$[^$]*\$|```.*?```|\(.*?\)=",
                "",
                source(cell),
                flags=re.S,
            )
            text = re.sub(r"\]\([^)]*\)", "]", text)
            for number in re.findall(r"(?<![\w-])\d[\d,.]*(?:\s?%)?", text):
                allowed = re.fullmatch(
                    r"(19|20)\d\d[.,]?|[1-9][.,]?|50[01][.,]?|95\s?%", number
                )
                assert allowed, f"typed number {number!r} in {chapter.stem}"


def test_figure_files_match_their_manifests():
    import hashlib

    assert figure_ids(FIGURES)
    for figure_id in figure_ids(FIGURES):
        content = (FIGURES / figure_id / f"{figure_id}.csv").read_bytes()
        manifest = load_manifest(figure_id, FIGURES)
        assert manifest["csv_sha256"] == hashlib.sha256(content).hexdigest()
        assert manifest["package_version"] == twinprivacy.__version__


def test_vocabulary_has_a_unit_and_a_description_for_every_column():
    for column, (unit, description) in column_vocabulary().items():
        assert column == column.lower()
        assert unit
        assert len(description.split()) >= 2, column


def test_citation_file_agrees_with_the_package():
    citation_file = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation_file["cff-version"] == "1.2.0"
    assert citation_file["title"] == citation.BOOK_TITLE
    assert citation_file["version"] == twinprivacy.__version__
    assert citation_file["date-released"] == citation.RELEASE_DATE
    assert citation_file["authors"] == [{"name": citation.AUTHOR}]
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{twinprivacy.__version__}"' in project
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert f"## {twinprivacy.__version__} ({citation.RELEASE_DATE})" in changes


def test_lock_has_hashes_and_no_addresses():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    pins = re.findall(r"^[a-z0-9._-]+==", lock, flags=re.M)
    assert len(pins) > 50
    assert lock.count("--hash=sha256:") >= len(pins)


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 120


def public_names(module):
    names = getattr(module, "__all__", [])
    return [n for n in names if not inspect.ismodule(getattr(module, n))]


@pytest.mark.parametrize("module", [*ROOMS, *ALONE])
def test_every_public_name_is_documented_and_tested(module):
    loaded = importlib.import_module(module)
    assert (loaded.__doc__ or "").strip()
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    for name in public_names(loaded):
        if callable(getattr(loaded, name)):
            assert (getattr(loaded, name).__doc__ or "").strip(), f"{module}.{name}"
        assert re.search(rf"\b{name}\b", tests), f"{module}.{name} has no test"
    pages = "\n".join(path.read_text() for path in (BOOK / "api").glob("*.md"))
    assert not public_names(loaded) or module in pages


def test_import_is_light():
    heavy = ("pandas", "scipy", "statsmodels", "matplotlib", "seaborn")
    heavy += ("sklearn", "numba", "joblib")
    code = f"import sys, twinprivacy; print([m for m in {heavy} if m in sys.modules])"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"


def test_tracked_files_stay_small():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    sizes = {path: path.stat().st_size for path in paths if path.is_file()}
    assert sum(sizes.values()) < 8e6
    assert max(sizes.values()) < 1e6
