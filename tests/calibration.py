"""Which long calibrations must be run again, by what their results rest on.

Tests marked `calibration` repeat an experiment with fixed seeds hundreds of times, to
see that an interval covers as it says. Their outcome moves only with the code under
them, so `make calibration` runs them and writes `calibration.lock`, and `make test`
compares it: one line a file of tests, with a hash of the file and of every module of
the package that it reaches. Comments, docstrings and layout do not count.
"""

import ast
import hashlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "tests" / "calibration.lock"
PACKAGE = "twinprivacy"
MARK = "pytest.mark.calibration"


def calibrated() -> list[Path]:
    """Return the files of tests that hold a calibration."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [path for path in files if MARK in path.read_text(encoding="utf-8")]


def lock_text() -> str:
    """Return the lock as it should be for the code as it is."""
    lines = (
        f"{fingerprint(p)}  {p.relative_to(ROOT).as_posix()}" for p in calibrated()
    )
    return "\n".join([*lines, ""])


def fingerprint(path: Path) -> str:
    """Return a hash of a file and of all that it reaches in the package."""
    seen: set[Path] = set()
    reach(path, seen)
    text = "\n".join(
        f"{found.relative_to(ROOT).as_posix()} {essence(found)}"
        for found in sorted(seen)
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def reach(path: Path, seen: set[Path]) -> None:
    """Add a file, and the files behind its imports, to those seen."""
    if path not in seen:
        seen.add(path)
        for found in imported(path):
            reach(found, seen)


@cache
def essence(path: Path) -> str:
    """Return a hash of what a file does."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body[0] = ast.Pass()
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


@cache
def imported(path: Path) -> tuple[Path, ...]:
    """Return the files of the package that a file imports, at any depth of it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tuple(
        found
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module is not None
        and node.module.split(".")[0] == PACKAGE
        for alias in node.names
        for found in files_of(node.module, alias.name)
    )


def files_of(module: str, name: str) -> Iterator[Path]:
    """Find the file behind ``from module import name``; a room's door leads on."""
    place = ROOT / module.replace(".", "/")
    inner = [
        place / f"{name}.py",
        place / name / "__init__.py",
        place.with_suffix(".py"),
    ]
    stub = place / "__init__.pyi"
    behind = {}
    if stub.is_file():
        for line in ast.parse(stub.read_text(encoding="utf-8")).body:
            if isinstance(line, ast.ImportFrom) and line.module:
                behind |= dict.fromkeys((a.name for a in line.names), line.module)
    if name in behind:
        yield place / (behind[name].replace(".", "/") + ".py")
    else:
        yield from [path for path in inner if path.is_file()][:1]


def stale() -> list[str]:
    """Return the files of tests whose calibration the lock does not hold."""
    kept = LOCK.read_text(encoding="utf-8") if LOCK.is_file() else ""
    return [
        line.split("  ")[1]
        for line in lock_text().splitlines()
        if not re.search(rf"^{re.escape(line)}$", kept, flags=re.M)
    ]


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit("\n".join(stale()) or None)
    LOCK.write_text(lock_text(), encoding="utf-8")
