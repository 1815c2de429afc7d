"""The people of a parquet file, too many for memory, as DuckDB counts them on disk."""

import re
import tempfile
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from twinprivacy._validation import check_choice, check_positive
from twinprivacy.attacks.uniqueness.partition import MISSING_RULES, NOBODY
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import check_table

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT_GIB = 4.0
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

    def histogram(self, names: Sequence[str]) -> pd.DataFrame:
        """Return how many sets there are of each size: set_size, n_sets."""
        n_sets = self._n_sets(names) if self.n_alone < self.n_people else {}
        if self.n_alone:
            n_sets[1] = n_sets.get(1, 0) + self.n_alone
        return pd.DataFrame(
            sorted(n_sets.items()), columns=["set_size", "n_sets"], dtype="int64"
        )

    def _n_sets(self, names: Sequence[str]) -> dict[int, int]:
        """Return how many sets of each size the relation has."""
        rows = self.connection.execute(
            f"SELECT n, count(*) FROM (SELECT {self.number} AS n FROM {self.relation} "
            f"GROUP BY {self._keys(names)}) GROUP BY n"
        ).fetchall()
        return dict(rows)

    def ladder(self, order: Sequence[str]) -> list[pd.DataFrame]:
        """Count the sets of the first one, two, ... columns.

        The finest step that still has far fewer sets than people is written down with
        its counts, and every coarser step is added up from the one above it. The steps
        beyond it are counted from the file, until most people stand alone: from then on
        from the others only.
        """
        steps = [order[:length] for length in range(1, len(order) + 1)]
        kept = bisect_left(steps, True, key=lambda step: not self.shrinks(step))
        finer, coarser, rest, groups = [], [], self, self
        for step in steps[kept:]:
            finer.append(rest.histogram(step))
            if len(step) < len(order):
                rest = rest._without_alone(step, finer[-1])
        for step in reversed(steps[:kept]):
            groups = groups.grouped(step)
            coarser.append(groups.histogram(step))
        return coarser[::-1] + finer

    def grouped(self, names: Sequence[str]) -> "ParquetPeople":
        """Write down the sets of these columns, in place of what stood before."""
        keys = self._keys(names)
        relation = self._write(
            f"step_{len(names)}",
            f"SELECT {keys}, {self.number} AS n FROM {self.relation} GROUP BY {keys}",
        )
        return replace(self, relation=relation, number="sum(n)::BIGINT")

    def _without_alone(
        self, names: Sequence[str], histogram: pd.DataFrame
    ) -> "ParquetPeople":
        """Write down the people who share a set, if they are few; others stay alone.

        Who is alone in some columns is alone in any more of them.
        """
        n_alone = int(histogram["n_sets"][histogram["set_size"] == 1].sum())
        n_here, n_left = self.n_people - self.n_alone, self.n_people - n_alone
        if not n_here or WORTH_KEEPING * n_left > n_here:
            return self
        keys = self._keys(names)
        same = " AND ".join(
            f"p.{key} IS NOT DISTINCT FROM s.{key}" for key in keys.split(", ")
        )
        relation = self._write(
            f"left_{len(names)}",
            f"SELECT p.* FROM {self.relation} AS p SEMI JOIN (SELECT {keys} "
            f"FROM {self.relation} GROUP BY {keys} HAVING count(*) > 1) AS s ON {same}",
        )
        return replace(self, relation=relation, n_alone=n_alone)

    def _write(self, relation: str, query: str) -> str:
        """Write down the rows of a query, in place of what stood before."""
        self.connection.execute(f"CREATE TEMP TABLE {relation} AS {query}")
        if self.relation != "people":
            self.connection.execute(f"DROP TABLE {self.relation}")
        return relation

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
    path: str | Path, names: Sequence[str], *, missing: str, memory_limit_gib: float
) -> Iterator[ParquetPeople]:
    """Open a file for counting; what DuckDB says of a failure may hold values."""
    check_choice(missing, name="missing", allowed=MISSING_RULES)
    check_positive(memory_limit_gib, name="memory_limit_gib")
    file, duckdb = _literal(path), _duckdb()
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            duckdb.connect(config=_settings(folder, memory_limit_gib)) as connection,
        ):
            every = _column_names(connection, file)
            no_rows = pd.DataFrame(columns=every)
            check_table(no_rows, name="frame", columns=names, least=0)
            by_place = ", ".join(f"f{place}" for place in range(len(every)))
            source = f"read_parquet({file}, hive_partitioning = false) t({by_place})"
            columns = {column: f"f{every.index(column)}" for column in names}
            query = _people(connection, source, list(columns.values()), missing)
            connection.execute(f"CREATE TEMP VIEW people AS {query}")
            found = connection.execute("SELECT count(*) FROM people").fetchall()
            if not found[0][0]:
                raise DataError(NOBODY)
            yield ParquetPeople(connection, "people", columns, "count(*)", found[0][0])
    except duckdb.OutOfMemoryException:
        raise ParameterError(
            "memory_limit_gib must be larger, or the folder of temporary files have "
            f"more room, to count this file; got {memory_limit_gib!r}"
        ) from None
    except duckdb.Error as error:
        raise DataError(
            f"the parquet file cannot be counted ({type(error).__name__}): "
            f"{str(path)!r}"
        ) from None


def _people(
    connection: "duckdb.DuckDBPyConnection",
    source: str,
    columns: list[str],
    missing: str,
) -> str:
    """Return a query of columns of a file, every kind of missing value as NULL."""
    types = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    floats = {row[0] for row in types if row[1] in FLOATS}
    read = ", ".join(
        f"CASE WHEN isnan({column}) THEN NULL ELSE {column} END AS {column}"
        if column in floats
        else column
        for column in columns
    )
    query = f"SELECT {read} FROM {source}"
    if missing == "drop":
        told = " AND ".join(f"{column} IS NOT NULL" for column in columns)
        query = f"SELECT * FROM ({query}) WHERE {told}"
    return query


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
