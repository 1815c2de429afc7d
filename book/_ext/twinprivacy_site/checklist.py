"""The keeper's checklist on one page, and the clauses behind it.

``{checklist-steps}`` writes the steps in the order of work, ``{checklist} store`` the
requirements about one surface, and the role ``{checklist-say}`` a computed sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

from twinprivacy import datasets
from twinprivacy.figures import registry

from . import checklist_facts as facts
from .checklist_facts import Row

HEADER = ("Clause", "What is asked", "Number on your own data", "Threshold")
STEPS_HEADER = ("Step", "Asked by", "Compute on your own data", "Figure", "Threshold")
CLAUSES_PAGE = "checklist_clauses.html"
NO_THRESHOLD = "none: write your own"


def setup(app: Sphinx) -> None:
    """Register the two tables and the sentences."""
    app.add_directive("checklist-steps", ChecklistSteps)
    app.add_directive("checklist", Checklist)
    app.add_role("checklist-say", ChecklistSay())


class _Tables(SphinxDirective):
    """What the two tables share: where the facts lie, and links."""

    def requirements(self) -> list[Row]:
        path = Path(self.env.srcdir) / facts.ANSWERS
        for file in (path, datasets.data_folder() / "governance.csv"):
            self.env.note_dependency(str(file))
        return facts.read_checklist(path)

    def function(self, name: str) -> nodes.Node:
        return addnodes.pending_xref(
            "",
            nodes.literal("", name.rpartition(".")[2]),
            refdomain="py",
            reftype="func",
            reftarget=f"twinprivacy.{name}",
            refdoc=self.env.docname,
            refwarn=True,
        )

    def figure(self, figure_id: str, word: str = "") -> nodes.Node:
        text = f"{word}{figure_id}"
        folder = Path(self.config.twinprivacy_figures)
        if figure_id not in registry.figure_ids(folder):
            return nodes.inline("", text)
        manifest = registry.load_manifest(figure_id, folder)
        self.env.note_dependency(str(registry.manifest_path(figure_id, folder)))
        address = f"figures/{figure_id}/index.html"
        link = nodes.reference("", text, refuri=address, internal=True)
        link["reftitle"] = manifest["title"]
        return link


class ChecklistSteps(_Tables):
    """Write the steps in the order of work as a table with a box to tick."""

    def run(self) -> list[nodes.Node]:
        """Join each step with the requirements that ask for it."""
        path = Path(self.env.srcdir) / facts.STEPS
        self.env.note_dependency(str(path))
        steps = facts.read_steps(path, self.requirements())
        rows = [_row(self._cells(n, step)) for n, step in enumerate(steps, start=1)]
        return [_table(STEPS_HEADER, rows, "checklist-steps")]

    def _cells(self, n: int, step: Row) -> list[list[nodes.Node]]:
        title = [
            nodes.inline("", "\N{BALLOT BOX}", classes=["tick"]),
            nodes.strong("", f" {n}. {step['title']}"),
        ]
        asked = _joined(
            self._clause(text, row)
            for text, row in facts.short_clauses(step["asked_by"])
        )
        functions = _joined(self.function(name) for name in step["functions"])
        # A number and its percent sign stay on one line.
        words = step["number"].replace(" %", "\N{NO-BREAK SPACE}%")
        number = [nodes.Text(f"{words}. "), *functions]
        figures = _joined(self.figure(name) for name in step["figures"])
        limits = "; ".join(
            f"{row['law']}: {row['threshold']}" for row in step["limits"]
        )
        return [title, asked, number, figures, [nodes.Text(limits or NO_THRESHOLD)]]

    def _clause(self, text: str, row: Row) -> nodes.reference:
        address = f"{CLAUSES_PAGE}#{facts.clause_address(row)}"
        link = nodes.reference("", text, refuri=address, internal=True)
        link["reftitle"] = f"{row['framework']}, {row['clause']}"
        return link


class Checklist(_Tables):
    """Write the requirements about one surface as a table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Join the requirements with what answers them."""
        surface = self.arguments[0]
        if surface not in facts.SURFACES:
            raise ExtensionError(
                f"checklist must be of one of {', '.join(facts.SURFACES)}; "
                f"got {surface!r}"
            )
        rows = []
        for row in self.requirements():
            if row["surface"] == surface:
                rows.append(_row(self._cells(row)))
                rows[-1]["ids"].append(facts.clause_address(row))
        return [_table(HEADER, rows, "checklist")]

    def _cells(self, row: Row) -> list[list[nodes.Node]]:
        source = nodes.reference("", row["check"], refuri=row["source_url"])
        source["reftitle"] = row["source_title"]
        clause = [
            nodes.strong("", row["framework"]),
            nodes.Text(f", {row['clause']} ("),
            source,
            nodes.Text(")"),
        ]
        asked = [nodes.Text(f"{row['requirement']} "), _small(row["applies_to"])]
        number: list[nodes.Node] = [nodes.Text(row["number_that_answers_it"])]
        for name in row["functions"]:
            number += [nodes.Text("; "), self.function(name)]
        for figure_id in row["figures"]:
            number += [nodes.Text("; "), self.figure(figure_id, "figure ")]
        return [clause, asked, number, [nodes.Text(row["threshold"])]]


class ChecklistSay(SphinxRole):
    """Say a computed sentence, by its name."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Write the sentence as plain text."""
        said = facts.sentences()
        if self.text not in said:
            raise ExtensionError(
                f"checklist-say must be one of {', '.join(said)}; got {self.text!r}"
            )
        return [nodes.Text(said[self.text])], []


def _joined(links: Iterable[nodes.Node]) -> list[nodes.Node]:
    joined: list[nodes.Node] = []
    for link in links:
        joined += [nodes.Text(", "), link] if joined else [link]
    return joined


def _small(text: str) -> nodes.inline:
    return nodes.inline("", f"({text})", classes=["who"])


def _table(header: tuple[str, ...], rows: list[nodes.row], name: str) -> nodes.table:
    table = nodes.table(classes=[name])
    group = nodes.tgroup(cols=len(header))
    group += [nodes.colspec(colwidth=1) for _ in header]
    group += nodes.thead("", _row([[nodes.Text(text)] for text in header]))
    group += nodes.tbody("", *rows)
    table += group
    return table


def _row(cells: list[list[nodes.Node]]) -> nodes.row:
    entries = (nodes.entry("", nodes.paragraph("", "", *cell)) for cell in cells)
    return nodes.row("", *entries)
