"""The ``data-files`` directive: every file in ``data/`` with its fields and source."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

Resource = dict[str, Any]

# More sources than this fold away.
FEW_SOURCES = 3


def setup(app: Sphinx) -> None:
    """Register the directive and the copy of the files into the site."""
    app.add_config_value(
        "twinprivacy_data_package", "../data/datapackage.json", "env", [str]
    )
    app.add_directive("data-files", DataFiles)
    app.connect("build-finished", copy_data)


class DataFiles(SphinxDirective):
    """List the files of the data package: title, rows, source, licence, fields."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """Write one section for each file."""
        path = descriptor_path(self.env.app)
        self.env.note_dependency(str(path))
        package = read_descriptor(path)
        up = "../" * self.env.docname.count("/")
        found: list[nodes.Node] = []
        for resource in package["resources"]:
            self.env.note_dependency(str(path.parent / resource["path"]))
            found.append(self._section(resource, package, path.parent, f"{up}data/"))
        return found

    def _section(
        self, resource: Resource, package: Resource, folder: Path, base: str
    ) -> nodes.section:
        name = resource["name"]
        section = nodes.section(ids=[f"data-{name}"], names=[f"data-{name}"])
        self.state.document.note_explicit_target(section)
        section += nodes.title("", resource.get("title", name))
        if description := resource.get("description"):
            section += nodes.paragraph("", description)
        section += self._facts(resource, package, folder, base)
        fields = resource.get("schema", {}).get("fields", [])
        section += _html(
            f"<details class='data-fields'><summary>{len(fields)} columns</summary>"
        )
        section += _table(
            ["Column", "Type", "Unit", "Description"],
            [
                [
                    nodes.literal("", field["name"]),
                    nodes.Text(field.get("type", "")),
                    nodes.Text(field.get("unit", "") or ""),
                    nodes.Text(field.get("description", "")),
                ]
                for field in fields
            ],
        )
        section += _html("</details>")
        return section

    def _facts(
        self, resource: Resource, package: Resource, folder: Path, base: str
    ) -> nodes.field_list:
        file = folder / resource["path"]
        facts: dict[str, list[nodes.Node]] = {
            "File": _line(
                nodes.reference("", file.name, refuri=base + resource["path"]),
                nodes.Text(f", {_count(file)}, {_size(file)}"),
            ),
            "Source": _links(resource.get("sources") or package.get("sources", [])),
            "Licence": _licences(
                resource.get("licenses") or package.get("licenses", [])
            ),
        }
        if digest := resource.get("hash", "").removeprefix("sha256:"):
            code = nodes.literal("", digest[:12])
            code["reftitle"] = digest
            facts["SHA-256"] = _line(code, nodes.Text("…"))
        facts["In Python"] = _line(
            nodes.literal("", f'twinprivacy.datasets.load("{resource["name"]}")')
        )
        listing = nodes.field_list(classes=["data-facts"])
        for label, content in facts.items():
            if content:
                listing += nodes.field(
                    "",
                    nodes.field_name("", label),
                    nodes.field_body("", *content),
                )
        return listing


def descriptor_path(app: Sphinx) -> Path:
    """Locate the data package's descriptor."""
    return (Path(app.confdir) / app.config.twinprivacy_data_package).resolve()


def read_descriptor(path: Path) -> Resource:
    """Read the descriptor, or say in words what is wrong with it."""
    hint = "the data page lists the files it describes"
    if not path.is_file():
        raise ExtensionError(f"data/{path.name} is missing: {hint}")
    try:
        package = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ExtensionError(f"data/{path.name} is not JSON: {error}") from error
    for resource in package.get("resources", []):
        if lacks := [key for key in ("name", "path") if key not in resource]:
            raise ExtensionError(
                f"data/{path.name}: a resource has no {' and no '.join(lacks)}: {hint}"
            )
        if not (path.parent / resource["path"]).is_file():
            raise ExtensionError(
                f"data/{path.name} names {resource['path']}, which does not exist"
            )
    if not package.get("resources"):
        raise ExtensionError(f"data/{path.name} lists no resources: {hint}")
    return package


def copy_data(app: Sphinx, exception: Exception | None) -> None:
    """Put the files where the data page links to."""
    path = descriptor_path(app)
    if exception or app.builder.format != "html" or not path.is_file():
        return
    target = Path(app.outdir) / "data"
    for name in [path.name, *(r["path"] for r in read_descriptor(path)["resources"])]:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path.parent / name, target / name)


def _html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


def _count(file: Path) -> str:
    # Quoted cells may hold line breaks, so rows are not lines.
    with file.open(encoding="utf-8", newline="") as stream:
        rows = sum(1 for _ in csv.reader(stream)) - 1
    return f"{rows:,} rows" if rows != 1 else "1 row"


def _size(file: Path) -> str:
    return f"{max(1, round(file.stat().st_size / 1000)):,} kB"


def _line(*content: nodes.Node) -> list[nodes.Node]:
    return [nodes.paragraph("", "", *content)]


def _links(items: list[Resource]) -> list[nodes.Node]:
    lines = [_link(item, item.get("title") or item.get("path", "")) for item in items]
    if len(lines) <= FEW_SOURCES:
        return [nodes.paragraph("", "", line) for line in lines]
    entries = [nodes.list_item("", nodes.paragraph("", "", line)) for line in lines]
    return [
        _html(f"<details><summary>{len(lines)} sources</summary>"),
        nodes.bullet_list("", *entries),
        _html("</details>"),
    ]


def _licences(items: list[Resource]) -> list[nodes.Node]:
    return [
        nodes.paragraph(
            "",
            "",
            _link(item, item.get("name", "licence")),
            nodes.Text(f": {item['title']}" if item.get("title") else ""),
        )
        for item in items
    ]


def _link(item: Resource, text: str) -> nodes.Node:
    path = item.get("path", "")
    if path.startswith(("https://", "http://")):
        return nodes.inline("", "", nodes.reference("", text, refuri=path))
    return nodes.inline("", text)


def _table(header: list[str], rows: list[list[nodes.Node]]) -> nodes.table:
    table = nodes.table(classes=["data-columns"])
    group = nodes.tgroup(cols=len(header))
    group += [nodes.colspec(colwidth=1) for _ in header]
    group += nodes.thead("", _row([nodes.Text(text) for text in header]))
    group += nodes.tbody("", *(_row(cells) for cells in rows))
    table += group
    return table


def _row(cells: list[nodes.Node]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", c)) for c in cells))
