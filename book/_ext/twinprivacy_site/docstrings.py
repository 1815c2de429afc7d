"""Attributes that share a line in a docstring, told apart for the reference pages."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

SEVERAL = re.compile(r"(\w+(?:, \w+)+) : (.+)")


def split_attributes(lines: list[str]) -> list[str]:
    """Write ``a, b : type`` of a section of attributes as two entries.

    Napoleon does so for parameters; of attributes it takes the first for a type.
    """
    found: list[str] = []
    entry: list[str] = []
    names: list[str] = []
    inside = False

    def close() -> None:
        head, *text = entry or [""]
        for name in names:
            found.extend([f"{name} : {head}", *text])
        names.clear()
        entry.clear()

    for place, line in enumerate(lines):
        underline = lines[place + 1] if place + 1 < len(lines) else ""
        if line.strip() and set(underline.strip()) == {"-"}:
            close()
            inside = line.strip() == "Attributes"
        several = SEVERAL.fullmatch(line) if inside else None
        if several or (names and line.strip() and not line.startswith(" ")):
            close()
        if several:
            names.extend(several[1].split(", "))
            entry.append(several[2])
        else:
            (entry if names else found).append(line)
    close()
    return found


def on_docstring(
    app: Sphinx,
    what: str,
    name: str,
    subject: object,
    options: object,
    lines: list[str],
) -> None:
    """Rewrite a docstring in place, as Sphinx asks of its listeners."""
    lines[:] = split_attributes(lines)


def setup(app: Sphinx) -> None:
    """Listen before napoleon does."""
    app.connect("autodoc-process-docstring", on_docstring, priority=400)
