"""Search of the subsets of columns that tell most people apart, in a parquet file."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from twinprivacy.attacks._parquet_people import ParquetPeople, opened_people
from twinprivacy.attacks._subset_search import Counted


@dataclass(eq=False, repr=False)
class FileSearch:
    """Count subsets of the columns of a file, and keep the best of each size.

    Attributes
    ----------
    names : sequence of str
    by : str
        "share_unique" or "bits".
    n_best : int
        Subsets of each size that are kept.
    best : dict
        Of each size the subsets kept, best first.
    n_counted : int
        Subsets that were counted.
    n_people : int
    """

    names: Sequence[str]
    by: str
    n_best: int
    best: dict[int, list[Counted]] = field(default_factory=dict)
    n_counted: int = 0
    n_people: int = 0

    def run(
        self,
        path: str | Path,
        max_size: int,
        search: str,
        missing: str,
        memory_limit_gib: float,
        temporary_directory: str | Path | None,
    ) -> None:
        """Search; subsets are added up from the sets of all columns where they are few.

        The exact search counts every subset: no sets are kept from which to bound one.
        """
        with opened_people(
            path,
            self.names,
            name="columns",
            missing=missing,
            memory_limit_gib=memory_limit_gib,
            temporary_directory=temporary_directory,
        ) as people:
            self.n_people = people.n_people
            if people.shrinks(self.names):
                people = people.grouped(self.names)
            if search == "exact":
                self._exact(people, max_size)
            else:
                self._greedy(people, max_size)

    def _exact(self, people: ParquetPeople, max_size: int) -> None:
        every = range(len(self.names))
        for size in range(1, max_size + 1):
            for columns in itertools.combinations(every, size):
                self._count(people, columns)

    def _greedy(self, people: ParquetPeople, max_size: int) -> None:
        columns: tuple[int, ...] = ()
        for size in range(1, max_size + 1):
            for column in range(len(self.names)):
                if column not in columns:
                    self._count(people, (*columns, column))
            columns = self.best[size][0].columns

    def _count(self, people: ParquetPeople, columns: tuple[int, ...]) -> None:
        sets = people.sets([self.names[c] for c in columns])
        n_unique = round(sets.share_unique * sets.n_people)
        self.n_counted += 1
        found = Counted(columns, n_unique, sets.bits)
        kept = [*self.best.get(len(columns), []), found]
        kept.sort(key=lambda counted: counted.rank(self.by, self.names))
        self.best[len(columns)] = kept[: self.n_best]
