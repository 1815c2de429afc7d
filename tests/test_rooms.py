"""Rooms know only of those below them, and the picture of them is true."""

import ast
from graphlib import TopologicalSorter

import pytest
import rooms
from calibration import imported

ORDER = {room: i for i, row in enumerate(rooms.ROWS) for room in row}
FILES_IN_A_FOLDER = 15


def test_every_room_is_in_the_picture():
    folders = {p.parent.name for p in rooms.PACKAGE.glob("*/__init__.py")}
    assert folders | {"cli"} == set(ORDER) == set(rooms.WORDS)


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_from_below_only(room):
    above = {other for other in rooms.imports()[room] if ORDER[other] >= ORDER[room]}
    # The command shows figures.
    assert above <= ({"figures"} if room == "cli" else set())


def test_no_module_imports_itself_by_others():
    graph = {path: set(imported(path)) for path in rooms.PACKAGE.rglob("*.py")}
    # Raises if there is a circle.
    assert len(list(TopologicalSorter(graph).static_order())) >= len(graph)


def test_plots_see_tables_only():
    assert not rooms.imports()["plots"]


def test_no_method_imports_a_study():
    assert not [r for r, below in rooms.imports().items() if "studies" in below]


def test_the_picture_is_that_of_the_code():
    assert rooms.PICTURE.read_text() == rooms.draw(), "run `python tests/rooms.py`"


def test_folders_are_small_and_private_modules_stay_at_home():
    for folder in [
        rooms.PACKAGE,
        *(p.parent for p in rooms.PACKAGE.rglob("__init__.py")),
    ]:
        modules = [p for p in folder.glob("*.py") if p.name != "__init__.py"]
        assert len(modules) <= FILES_IN_A_FOLDER, folder.name
    for path in rooms.PACKAGE.rglob("*.py"):
        here = path.relative_to(rooms.ROOT).parts[1]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                parts = node.module.split(".")
                private = [part for part in parts[2:] if part.startswith("_")]
                assert not private or parts[1] == here, f"{path.name}: {node.module}"
