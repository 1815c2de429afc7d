"""People of a parquet file as DuckDB sees them: columns, missing values, groups."""

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from twinprivacy._validation import check_positive
from twinprivacy.attacks.uniqueness.anonymity import AnonymitySets
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
    # People who are known to stand alone and are not in the relation.
    n_alone: int = 0

    def sets(self, names: Sequence[str]) -> AnonymitySets:
        """Count the sets of these columns."""
        n_sets = self._n_sets(names) if self.n_alone < self.n_people else {}
        if self.n_alone:
            n_sets[1] = n_sets.get(1, 0) + self.n_alone
        histogram = pd.DataFrame(
            sorted(n_sets.items()), columns=["set_size", "n_sets"], dtype="int64"
        )
        return AnonymitySets(tuple(names), self.n_people, histogram)

    def _n_sets(self, names: Sequence[str]) -> dict[int, int]:
        """Return how many sets of each size the relation has."""
        rows = self.connection.execute(
            f"SELECT n, count(*) FROM (SELECT {self.number} AS n FROM {self.relation} "
            f"GROUP BY {self._keys(names)}) GROUP BY n"
        ).fetchall()
        return dict(rows)

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
        return replace(self, relation=relation, number="sum(n)::BIGINT")

    def without_unique(self, sets: AnonymitySets) -> "ParquetPeople":
        """Write down the people who share a set, if they are few; others stay alone.

        Who is alone in some columns is alone in any more of them.
        """
        n_alone = round(sets.share_unique * self.n_people)
        n_here, n_left = self.n_people - self.n_alone, self.n_people - n_alone
        if not n_here or WORTH_KEEPING * n_left > n_here:
            return self
        keys = self._keys(sets.quasi_identifiers)
        same = " AND ".join(
            f"p.{key} IS NOT DISTINCT FROM s.{key}" for key in keys.split(", ")
        )
        relation = f"left_{len(sets.quasi_identifiers)}"
        self.connection.execute(
            f"CREATE TEMP TABLE {relation} AS SELECT p.* FROM {self.relation} AS p "
            f"SEMI JOIN (SELECT {keys} FROM {self.relation} GROUP BY {keys} "
            f"HAVING count(*) > 1) AS s ON {same}"
        )
        if self.relation != "people":
            self.connection.execute(f"DROP TABLE {self.relation}")
        return replace(self, relation=relation, n_alone=n_alone)

    def shrinks(self, names: Sequence[str]) -> bool:
        """Return whether there are far fewer sets of these columns than people.

        Their number is estimated: it chooses the way to the answer, and all ways lead
        to the same.
        """
        found = self.connection.execute(
            f"SELECT approx_count_distinct(hash({self._keys(names)})) "
            f"FROM {self.relation}"
        ).fetchall()
        return bool(WORTH_KEEPING * found[0][0] <= self.n_people)

    def _keys(self, names: Sequence[str]) -> str:
        return ", ".join(self.columns[name] for name in names)


@contextmanager
def opened_people(
    path: str | Path,
    names: Sequence[str],
    *,
    name: str = "quasi_identifiers",
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
    file = _literal(path)
    duckdb = _duckdb()
    try:
        with (
            tempfile.TemporaryDirectory(dir=temporary_directory) as folder,
            duckdb.connect(config=_settings(folder, memory_limit_gib)) as connection,
        ):
            every = _column_names(connection, file)
            _check_columns(names, every, name=name)
            by_place = ", ".join(f"f{place}" for place in range(len(every)))
            source = f"read_parquet({file}, hive_partitioning = false) t({by_place})"
            columns = {column: f"f{every.index(column)}" for column in names}
            yield _people(connection, source, columns, missing)
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
    columns: dict[str, str],
    missing: str,
) -> ParquetPeople:
    """Look at the columns of a file, every kind of missing value as NULL."""
    whole = _without_nan(connection, source, columns.values())
    n_people = _count(connection, whole)
    if not n_people:
        raise DataError("frame must have at least one person; got none")
    if missing == "drop":
        told = " AND ".join(f"{column} IS NOT NULL" for column in columns.values())
        whole, n_all = f"SELECT * FROM ({whole}) WHERE {told}", n_people
        n_people = _count(connection, whole)
        if not n_people:
            raise DataError(
                "frame must have at least one person without missing values where "
                f"missing is 'drop'; got none of {n_all}"
            )
    connection.execute(f"CREATE TEMP VIEW people AS {whole}")
    return ParquetPeople(connection, "people", columns, "count(*)", n_people)


def _without_nan(
    connection: "duckdb.DuckDBPyConnection", source: str, columns: Iterable[str]
) -> str:
    """Return a query of the columns of a file, by their places."""
    types = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    floats = {row[0] for row in types if row[1] in FLOATS}
    read = ", ".join(
        f"CASE WHEN isnan({column}) THEN NULL ELSE {column} END AS {column}"
        if column in floats
        else column
        for column in columns
    )
    return f"SELECT {read} FROM {source}"


def _count(connection: "duckdb.DuckDBPyConnection", query: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM ({query})").fetchall()
    return int(found[0][0])


def _column_names(connection: "duckdb.DuckDBPyConnection", file: str) -> list[str]:
    """Return the columns as the file spells them, without the parts of nested ones.

    DuckDB itself does not tell Age from age, and would rename one of them.
    """
    schema = connection.execute(
        f"SELECT name, coalesce(num_children, 0) FROM parquet_schema({file})"
    ).fetchall()
    names, inside = [], 0
    for name, n_children in schema[1:]:
        if inside:
            inside += n_children - 1
        else:
            names.append(name)
            inside = n_children
    return names


def _check_columns(names: Sequence[str], every: Sequence[str], *, name: str) -> None:
    """Raise in the words that a frame in memory is answered with."""
    twice = sorted({column for column in every if every.count(column) > 1})
    if twice:
        raise DataError(
            f"frame must name each column once; repeated: {', '.join(twice)}"
        )
    absent = [str(column) for column in names if column not in every]
    if absent:
        raise DataError(
            f"{name} must be columns of frame; it lacks {', '.join(absent)}"
        )


def _literal(path: str | Path) -> str:
    """Return the path of a file as SQL text in which no character has a meaning."""
    if not Path(path).is_file():
        raise DataError(f"there is no parquet file at {str(path)!r}")
    without_wildcards = re.sub(r"([*?\[])", r"[\1]", Path(path).absolute().as_posix())
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
