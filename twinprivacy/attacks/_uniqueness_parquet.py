"""Anonymity sets of a table in a parquet file, counted by DuckDB beyond memory."""

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

from twinprivacy.attacks._parquet_people import opened_people
from twinprivacy.attacks.anonymity import AnonymitySets

MEMORY_LIMIT_GIB = 4.0


def count_sets(
    path: str | Path,
    quasi_identifiers: Sequence[str],
    *,
    missing: str = "value",
    memory_limit_gib: float = MEMORY_LIMIT_GIB,
    temporary_directory: str | Path | None = None,
) -> AnonymitySets:
    """Count the people who share each combination of values, in one pass of a file.

    Parameters
    ----------
    path : str or pathlib.Path
        A parquet file, one row a person.
    quasi_identifiers : sequence of str
        Columns, as they are spelled in the file.
    missing : str
        As for `twinprivacy.attacks.uniqueness.anonymity_sets`.
    memory_limit_gib : float
        What DuckDB may hold, in GiB; the rest goes to disk. The process itself needs
        some hundred MiB more.
    temporary_directory : str or pathlib.Path, optional
        Where a folder for what does not fit is made, and removed; by default where the
        system keeps temporary files. It should have room for a few times the file.

    Returns
    -------
    AnonymitySets
        Without the sizes by person.
    """
    with opened_people(
        path,
        quasi_identifiers,
        missing=missing,
        memory_limit_gib=memory_limit_gib,
        temporary_directory=temporary_directory,
    ) as people:
        return people.sets(quasi_identifiers)


def count_ladder(
    path: str | Path,
    order: Sequence[str],
    *,
    missing: str = "value",
    memory_limit_gib: float = MEMORY_LIMIT_GIB,
    temporary_directory: str | Path | None = None,
) -> list[AnonymitySets]:
    """Count the sets of the first one, two, ... columns of an order.

    The finest step that still has far fewer sets than people is written down with its
    counts, and every coarser step is added up from the one above it. The steps beyond
    it are counted from the file, until most people stand alone: from then on from the
    others only.

    Parameters
    ----------
    path, missing, memory_limit_gib, temporary_directory
        As for `count_sets`.
    order : sequence of str
        Columns in the order in which they become known.

    Returns
    -------
    list of AnonymitySets
        One for each length from 1.
    """
    with opened_people(
        path,
        order,
        name="order",
        missing=missing,
        memory_limit_gib=memory_limit_gib,
        temporary_directory=temporary_directory,
    ) as people:
        steps = [order[: length + 1] for length in range(len(order))]
        kept = bisect_left(steps, True, key=lambda step: not people.shrinks(step))
        finer, coarser, rest = [], [], people
        for step in steps[kept:]:
            finer.append(rest.sets(step))
            if len(step) < len(order):
                rest = rest.without_unique(finer[-1])
        for step in reversed(steps[:kept]):
            people = people.grouped(step)
            coarser.append(people.sets(step))
        return coarser[::-1] + finer
