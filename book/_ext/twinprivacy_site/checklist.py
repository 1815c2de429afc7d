"""The keeper's checklist: what is asked, by what can leak, and what answers it.

The requirements are published facts of ``data/``; which figure and which function
answer each stands in ``checklist.csv`` beside the page. ``{checklist} store`` writes
the table of one surface, ``{checklist-sizes}`` how many people the answers need.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from twinprivacy import datasets
from twinprivacy.attacks.bounds import PrivacyGuarantee, true_positive_rate_bound
from twinprivacy.estimates import wilson_interval
from twinprivacy.figures import registry
from twinprivacy.formatting import format_percent

Row = dict[str, Any]

ANSWERS = "checklist.csv"
SURFACES = ("all", "store", "record", "trace", "answers", "model", "none")
HEADER = ("Clause", "What is asked", "Number on your own data", "Threshold")
# Mean chance of a right match that two regulators allow for public clinical reports.
LIMIT_ROW = "EMA-HC-009"
FALSE_POSITIVE_RATE = 0.01
CONTROLS = (100, 1_000, 10_000)
BUDGETS = (0.5, 1.0, 2.0, 3.0)


def setup(app: Sphinx) -> None:
    """Register the two directives."""
    app.add_directive("checklist", Checklist)
    app.add_directive("checklist-sizes", ChecklistSizes)


class Checklist(SphinxDirective):
    """Write the requirements about one surface as a table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Join the requirements with what answers them."""
        surface = self.arguments[0]
        if surface not in SURFACES:
            raise ExtensionError(
                f"checklist must be of one of {', '.join(SURFACES)}; got {surface!r}"
            )
        path = Path(self.env.srcdir) / ANSWERS
        for file in (path, datasets.data_folder() / "governance.csv"):
            self.env.note_dependency(str(file))
        rows = [row for row in read_checklist(path) if row["surface"] == surface]
        return [self._table(rows)]

    def _table(self, rows: list[Row]) -> nodes.table:
        table = nodes.table(classes=["checklist"])
        group = nodes.tgroup(cols=len(HEADER))
        group += [nodes.colspec(colwidth=1) for _ in HEADER]
        group += nodes.thead("", _row([[nodes.Text(text)] for text in HEADER]))
        group += nodes.tbody("", *(_row(self._cells(row)) for row in rows))
        table += group
        return table

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
            number += [nodes.Text("; "), self._function(name)]
        for figure_id in row["figures"]:
            number += [nodes.Text("; "), self._figure(figure_id)]
        return [clause, asked, number, [nodes.Text(row["threshold"])]]

    def _function(self, name: str) -> nodes.Node:
        return addnodes.pending_xref(
            "",
            nodes.literal("", name.rpartition(".")[2]),
            refdomain="py",
            reftype="func",
            reftarget=f"twinprivacy.{name}",
            refdoc=self.env.docname,
            refwarn=True,
        )

    def _figure(self, figure_id: str) -> nodes.Node:
        folder = Path(self.config.twinprivacy_figures)
        if figure_id not in registry.figure_ids(folder):
            return nodes.inline("", f"figure {figure_id}")
        manifest = registry.load_manifest(figure_id, folder)
        self.env.note_dependency(str(registry.manifest_path(figure_id, folder)))
        address = f"figures/{figure_id}/index.html"
        link = nodes.reference("", f"figure {figure_id}", refuri=address, internal=True)
        link["reftitle"] = manifest["title"]
        return link


class ChecklistSizes(SphinxDirective):
    """Say how many people the answers need, computed with the package."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Write one sentence a question."""
        sentences = (needed_targets(), *needed_controls(), budget_caps())
        items = [nodes.list_item("", nodes.paragraph("", text)) for text in sentences]
        return [nodes.bullet_list("", *items)]


def read_checklist(path: Path) -> list[Row]:
    """Return the requirements in the order of the answers, each with its answers."""
    asked = datasets.load("governance").set_index("requirement_id")
    with path.open(encoding="utf-8", newline="") as stream:
        answers = list(csv.DictReader(stream))
    named = [row["requirement_id"] for row in answers]
    if sorted(named) != sorted(asked.index):
        raise ExtensionError(f"{path.name} must answer each requirement once")
    return [
        {
            **{key: str(value) for key, value in asked.loc[name].items()},
            "requirement_id": name,
            "surface": row["surface"],
            "functions": row["functions"].split(),
            "figures": row["figures"].split(),
        }
        for name, row in zip(named, answers, strict=True)
    ]


def needed_targets() -> str:
    """Say after how many targets without a hit a rate is surely below the limit."""
    table = datasets.load("governance").set_index("requirement_id")
    limit = float(table.loc[LIMIT_ROW, "threshold"])
    n_targets = 1
    while wilson_interval(0, n_targets).high > limit:
        n_targets += 1
    return (
        f"To say that at most {limit} of people are found, after no hit at all, takes "
        f"{n_targets} targets; one hit among {n_targets} allows "
        f"{format_percent(wilson_interval(1, n_targets).high, digits=2)}."
    )


def needed_controls() -> list[str]:
    """Say how well so many controls settle the rate of false positives."""
    sentences = []
    for n_controls in CONTROLS:
        n_false = round(FALSE_POSITIVE_RATE * n_controls)
        rate = wilson_interval(n_false, n_controls)
        low, high = (format_percent(x, digits=2) for x in (rate.low, rate.high))
        who = "person" if n_false == 1 else "people"
        sentences.append(
            f"A false positive rate of 1 % on {n_controls:,} controls is {n_false} "
            f"{who}: between {low} and {high}."
        )
    return sentences


def budget_caps() -> str:
    """Say what privacy budgets allow at that rate."""
    caps = (
        true_positive_rate_bound(PrivacyGuarantee(epsilon=epsilon), FALSE_POSITIVE_RATE)
        for epsilon in BUDGETS
    )
    parts = [
        f"{format_percent(float(cap), digits=2)} at epsilon {epsilon:g}"
        for epsilon, cap in zip(BUDGETS, caps, strict=True)
    ]
    return (
        "At that rate a privacy budget for all that is released of a person lets no "
        f"attack find more of the members than {', '.join(parts)}; for people whose "
        "records do not tell of one another."
    )


def _small(text: str) -> nodes.inline:
    return nodes.inline("", f"({text})", classes=["who"])


def _row(cells: list[list[nodes.Node]]) -> nodes.row:
    entries = (nodes.entry("", nodes.paragraph("", "", *cell)) for cell in cells)
    return nodes.row("", *entries)
