"""Where a data file comes from and what its columns mean, out of the descriptor."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

# What every entry must tell, besides its schema.
_REQUIRED = ("path", "title", "description", "sources", "licenses", "hash")


@dataclass(frozen=True)
class Description:
    """What a data file holds, where it comes from and under which licence.

    Attributes
    ----------
    name, title, description : str
        Identifier, headline and account of the file.
    sources : tuple of str
        Where the values come from, each with its address where it has one.
    licence : str
        Terms of the file.
    sha256 : str
        Hash of its bytes.
    columns : pandas.DataFrame
        One row per column: column, type, unit, description.
    """

    name: str
    title: str
    description: str
    sources: tuple[str, ...]
    licence: str
    sha256: str
    columns: pd.DataFrame

    def __str__(self) -> str:
        """Return the description as text for a terminal."""
        sources = "\n".join(f"  {source}" for source in self.sources)
        columns = "\n".join(
            f"  {column} ({kind}{', ' * bool(unit)}{unit}): {meaning}"
            for column, kind, unit, meaning in self.columns.to_numpy().tolist()
        )
        return (
            f"{self.name}: {self.title}\n\n{self.description}\n\nColumns\n{columns}\n\n"
            f"Sources\n{sources}\n\nLicence\n  {self.licence}\n\nsha256 {self.sha256}"
        )


def find_missing(resource: dict[str, Any]) -> list[str]:
    """List what an entry of the descriptor does not tell of its file or columns.

    Examples
    --------
    >>> find_missing({"name": "x", "schema": {"fields": [{"name": "year"}]}})[-2:]
    ['type of year', 'description of year']
    """
    missing = [key for key in _REQUIRED if not resource.get(key)]
    fields = resource.get("schema", {}).get("fields", [])
    if not fields:
        missing.append("schema")
    return missing + [
        f"{key} of {field['name']}"
        for field in fields
        for key in ("type", "description")
        if not field.get(key)
    ]


def describe_entry(resource: dict[str, Any]) -> Description:
    """Turn an entry of the descriptor into a description to read."""
    about = to_provenance(resource)
    columns = pd.DataFrame(about.pop("columns"))
    sources = tuple(
        " ".join(filter(None, (source["title"], source.get("path", ""))))
        for source in about.pop("sources")
    )
    return Description(columns=columns, sources=sources, **about)


def to_provenance(resource: dict[str, Any]) -> dict[str, Any]:
    """Turn an entry of the descriptor into what `load` keeps in `.attrs`."""
    columns = [
        {
            "column": field["name"],
            "type": field["type"],
            "unit": field.get("unit", ""),
            "description": field["description"],
        }
        for field in resource["schema"]["fields"]
    ]
    return {
        "name": resource["name"],
        "title": resource["title"],
        "description": resource["description"],
        "sources": [dict(source) for source in resource["sources"]],
        "licence": "; ".join(licence["title"] for licence in resource["licenses"]),
        "sha256": resource["hash"].removeprefix("sha256:"),
        "columns": columns,
    }
