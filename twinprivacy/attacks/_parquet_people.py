"""People of a parquet file as DuckDB sees them: columns, missing values, groups."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from twinprivacy._validation import check_positive
from twinprivacy.attacks.anonymity import AnonymitySets
from twinprivacy.errors import DataError, ParameterError

if TYPE_CHECKING:
    import duckdb

# Groups stand in for people in the coarser counts where there are this many times
# fewer of them; otherwise writing them down costs more than a second look at the file.
WORTH_KEEPING = 4
FLOATS = ("FLOAT", "DOUBLE")


@dataclass(frozen=True)
class ParquetPeople:
    """A relation of people, or of groups of alike people with their number."""

    connection: "duckdb.DuckDBPyConnection"
    relation: str
    # Column of the relation by name in the file: no name ever gets into a query.
    columns: dict[str, str]
    number: str
    n_people: int

    def sets(self, names: Sequence[str]) -> AnonymitySets:
        """Count the sets of these columns."""
        rows = self.connection.execute(
            f"SELECT n, count(*) FROM (SELECT {self.number} AS n FROM {self.relation} "
            f"GROUP BY {self._keys(names)}) GROUP BY n ORDER BY n"
        ).fetchall()
        histogram = pd.DataFrame(rows, columns=["set_size", "n_sets"], dtype="int64")
        return AnonymitySets(
            set_sizes=None,
            histogram=histogram,
            quasi_identifiers=tuple(names),
            n_people=self.n_people,
        )

    def grouped(self, names: Sequence[str]) -> "ParquetPeople":
        """Write down the sets of these columns, in place of what stood before."""
        keys = self._keys(names)
        relation = f"step_{len(names)}"
        self.connection.execute(
            f"CREATE TEMP TABLE {relation} AS "
            f"SELECT {keys}, {self.number} AS n FROM {self.relation} GROUP BY {keys}"
        )
        if self.relation != "people":
            self.connection.execute(f"DROP TABLE {self.relation}")
        columns = {name: self.columns[name] for name in names}
        number = "sum(n)::BIGINT"
        return ParquetPeople(self.connection, relation, columns, number, self.n_people)

    def n_worth_keeping(self, steps: Sequence[Sequence[str]]) -> int:
        """Return how many of the steps, coarsest first, have few sets for the people.

        The numbers of sets are estimated, in one pass: they choose the way to the
        answer, and all ways lead to the same.
        """
        estimates = ", ".join(
            f"approx_count_distinct(hash({self._keys(step)}))" for step in steps
        )
        found = self.connection.execute(
            f"SELECT {estimates} FROM {self.relation}"
        ).fetchall()[0]
        return sum(WORTH_KEEPING * n_sets <= self.n_people for n_sets in found)

    def _keys(self, names: Sequence[str]) -> str:
        return ", ".join(self.columns[name] for name in names)


@contextmanager
def opened_people(
    path: str | Path,
    names: Sequence[str],
    *,
    missing: str,
    memory_limit_gib: float,
    temporary_directory: str | Path | None,
) -> Iterator[ParquetPeople]:
    """Open a file for counting; what DuckDB says of a failure may hold values."""
    check_positive(memory_limit_gib, name="memory_limit_gib")
    if temporary_directory is not None and not Path(temporary_directory).is_dir():
        raise ParameterError(
            "temporary_directory must be a folder that exists; "
            f"got {str(temporary_directory)!r}"
        )
    source = _literal(path)
    duckdb = _duckdb()
    try:
        with (
            tempfile.TemporaryDirectory(dir=temporary_directory) as folder,
            duckdb.connect(config=_settings(folder, memory_limit_gib)) as connection,
        ):
            yield _people(connection, source, names, missing)
    except duckdb.OutOfMemoryException:
        raise ParameterError(
            "memory_limit_gib must be larger, or temporary_directory have more room, "
            f"to count this file; got {memory_limit_gib!r}"
        ) from None
    except duckdb.Error as error:
        raise DataError(
            f"the parquet file cannot be counted ({type(error).__name__}): "
            f"{str(path)!r}"
        ) from None


def _people(
    connection: "duckdb.DuckDBPyConnection",
    source: str,
    names: Sequence[str],
    missing: str,
) -> ParquetPeople:
    """Name the columns by their place, and make every missing value NULL."""
    every = _column_names(connection, source)
    _check_columns(names, every)
    places = [every.index(name) for name in names]
    aliases = ", ".join(f"f{place}" for place in range(len(every)))
    table = f"read_parquet({source}, hive_partitioning = false) AS file({aliases})"
    types = {
        row[0]: row[1]
        for row in connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
    }
    columns = {name: f"f{place}" for name, place in zip(names, places, strict=True)}
    read = ", ".join(
        f"CASE WHEN isnan({c}) THEN NULL ELSE {c} END AS {c}"
        if types[c] in FLOATS
        else c
        for c in columns.values()
    )
    whole = f"SELECT {read} FROM {table}"
    if missing == "drop":
        told = " AND ".join(f"{c} IS NOT NULL" for c in columns.values())
        whole = f"SELECT * FROM ({whole}) WHERE {told}"
    connection.execute(f"CREATE TEMP VIEW people AS {whole}")
    n_people = connection.execute("SELECT count(*) FROM people").fetchall()[0][0]
    if not n_people:
        raise DataError("frame must have at least one person; got none")
    return ParquetPeople(connection, "people", columns, "count(*)", n_people)


def _column_names(connection: "duckdb.DuckDBPyConnection", source: str) -> list[str]:
    """Return the columns as the file spells them, without the parts of nested ones.

    DuckDB itself does not tell Age from age, and would rename one of them.
    """
    schema = connection.execute(
        f"SELECT name, coalesce(num_children, 0) FROM parquet_schema({source})"
    ).fetchall()
    names, inside = [], 0
    for name, n_children in schema[1:]:
        if inside:
            inside += n_children - 1
        else:
            names.append(name)
            inside = n_children
    return names


def _check_columns(names: Sequence[str], every: Sequence[str]) -> None:
    absent = [name for name in names if name not in every]
    if absent:
        raise DataError(f"frame must have the columns {list(names)}; without {absent}")


def _literal(path: str | Path) -> str:
    """Return the path of a file as SQL text in which no character has a meaning."""
    if not Path(path).is_file():
        raise DataError(f"there is no parquet file at {str(path)!r}")
    without_wildcards = re.sub(r"([*?\[])", r"[\1]", str(path))
    return "'" + without_wildcards.replace("'", "''") + "'"


def _settings(folder: str, memory_limit_gib: float) -> dict[str, Any]:
    return {
        "memory_limit": f"{memory_limit_gib * 2**30:.0f}B",
        "temp_directory": folder,
        "preserve_insertion_order": "false",
        # Nothing is fetched from anywhere.
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError:
        raise DataError(
            "a table in a parquet file is counted by duckdb, which is not installed: "
            "pip install duckdb, or this package with its extra 'large'"
        ) from None
    return duckdb
