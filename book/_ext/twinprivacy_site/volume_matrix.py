"""The ``volume-matrix`` directive: what each surface gives away along each volume.

Cells are read from the data of the figures that show them and lead there, so that no
number is typed twice.
"""

from __future__ import annotations

import csv
from itertools import groupby
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri

from twinprivacy.errors import FigureError
from twinprivacy.figures.registry import load_manifest
from twinprivacy.formatting import format_number

Row = dict[str, str]


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("volume-matrix", VolumeMatrix)


class VolumeMatrix(SphinxDirective):
    """Show a row for each figure named in a line: its id, a bar, and what it is of.

    Each figure has one series and a panel for each volume, the same ones in all.
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        panels: list[str] = []
        rows = []
        for line in self.content:
            figure_id, _, name = (part.strip() for part in line.partition("|"))
            cells = self._cells(figure_id)
            panels = panels or list(cells)
            if list(cells) != panels:
                raise ExtensionError(
                    f"volume-matrix: {figure_id!r} has other panels than the first row"
                )
            address = relative_uri(
                f"{self.env.docname}.html", f"figures/{figure_id}/index.html"
            )
            linked = [_cell(part, address) for part in cells.values()]
            rows.append([[nodes.paragraph("", "", nodes.strong("", name))], *linked])
        header = ["Where it leaks", *(panel.capitalize() for panel in panels)]
        return [_table([[nodes.paragraph("", text)] for text in header], rows)]

    def _cells(self, figure_id: str) -> dict[str, list[Row]]:
        folder = Path(self.config.twinprivacy_figures)
        try:
            load_manifest(figure_id, folder)
        except FigureError as error:
            raise ExtensionError(f"{self.env.docname}: {error}") from error
        path = folder / figure_id / f"{figure_id}.csv"
        self.env.note_dependency(str(path))
        with path.open(encoding="utf-8", newline="") as stream:
            found = list(csv.DictReader(stream))
        return {
            panel: list(part)
            for panel, part in groupby(found, lambda row: row["panel"])
        }


def bits_text(rows: list[Row]) -> str:
    """Say what is given away from the first volume to the last.

    A change is told where the intervals of the two do not overlap.
    """
    first, last = rows[0], rows[-1]
    overlap = float(first["low"]) <= float(last["high"]) and float(
        last["low"]
    ) <= float(first["high"])
    if overlap:
        return f"{_bits(last['value'])} bits, no change shown"
    return f"{_bits(first['value'])} to {_bits(last['value'])} bits"


def volumes_text(rows: list[Row]) -> str:
    """Say from which volume to which."""
    first, last = rows[0], rows[-1]
    return f"{first['volume_label']} to {last['volume_label']} {first['axis']}"


def _bits(value: str) -> str:
    number = float(value)
    return format_number(number, 3 if number >= 100 else 2)


def _cell(rows: list[Row], address: str) -> list[nodes.Node]:
    link = nodes.reference("", bits_text(rows), internal=True, refuri=address)
    return [
        nodes.paragraph("", "", link),
        nodes.paragraph("", volumes_text(rows), classes=["volumes"]),
    ]


def _table(
    header: list[list[nodes.Node]], rows: list[list[list[nodes.Node]]]
) -> nodes.table:
    table = nodes.table(classes=["volume-matrix"])
    group = nodes.tgroup(cols=len(header))
    group += [nodes.colspec(colwidth=1) for _ in header]
    group += nodes.thead("", _row(header))
    group += nodes.tbody("", *(_row(cells) for cells in rows))
    table += group
    return table


def _row(cells: list[list[nodes.Node]]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", *content) for content in cells))
