"""The risks that a prosecutor, a journalist and a marketer find the right person."""

import numpy as np
import pandas as pd

from twinprivacy.attacks.anonymity import AnonymitySets, sets_from_sizes
from twinprivacy.errors import DataError, ParameterError

__all__ = ["reidentification_risks", "sets_within"]


def reidentification_risks(
    sets: AnonymitySets,
    *,
    population: AnonymitySets | None = None,
    threshold: float | None = None,
) -> pd.DataFrame:
    r"""Measure the re-identification risks of three attackers.

    The prosecutor looks for one person who is known to be in the table and picks
    somebody of that person's set: risk :math:`1 / f`. The journalist picks in the
    population: :math:`1 / F` for a set of :math:`F` there. The marketer links
    everybody, and the risk is the expected share that is linked rightly, the mean of
    :math:`1 / F` over people, or of :math:`1 / f` where the table is the population.

    Parameters
    ----------
    sets : AnonymitySets
        Of the table that is given away.
    population : AnonymitySets, optional
        Of the population, by the same quasi-identifiers, in a table that holds the
        people of this one under the same index labels.
    threshold : float, optional
        As in `AnonymitySets.share_over_threshold`.

    Returns
    -------
    pandas.DataFrame
        Columns attacker, mean_risk, max_risk, share_over_threshold; exact for the
        tables given. Risks are probabilities. The marketer's belongs to the whole
        table, so the last two columns are nan. No journalist without a population.

    Raises
    ------
    ParameterError
        If the population is of other quasi-identifiers, or the threshold is not in
        (0, 1).
    DataError
        If a table was counted in a file, labels repeat, or the population lacks a
        person.

    References
    ----------
    El Emam and Dankar (2008), doi:10.1197/jamia.M2716.

    Examples
    --------
    Two people share a look; in the population four do, and two share the other:

    >>> index = ["a", "b", "c", "d", "e", "f"]
    >>> population = sets_from_sizes(pd.Series([4, 4, 2, 4, 4, 2], index), ("age",))
    >>> table = sets_from_sizes(pd.Series([2, 2, 1], index[:3]), ("age",))
    >>> risks = reidentification_risks(table, population=population)
    >>> risks[["attacker", "mean_risk", "max_risk"]].round(3)
         attacker  mean_risk  max_risk
    0  prosecutor      0.667       1.0
    1  journalist      0.333       0.5
    2    marketer      0.333       NaN
    """
    rows = [_risk_row("prosecutor", sets, threshold)]
    wider = sets
    if population is not None:
        wider = sets_within(sets, population)
        rows.append(_risk_row("journalist", wider, threshold))
    marketer = {"attacker": "marketer", "mean_risk": wider.prosecutor_risk}
    frame = pd.DataFrame([*rows, marketer])
    return frame.astype({"max_risk": float, "share_over_threshold": float})


def sets_within(sets: AnonymitySets, population: AnonymitySets) -> AnonymitySets:
    """Find the sets in which the people of a table hide in a population.

    Parameters
    ----------
    sets, population : AnonymitySets
        As in `reidentification_risks`.

    Returns
    -------
    AnonymitySets
        Of the table's people, with the sizes of their sets in the population; n_sets
        is the number of the table's people divided by that size.

    Raises
    ------
    ParameterError, DataError
        As in `reidentification_risks`.

    Examples
    --------
    >>> table = sets_from_sizes(pd.Series([1, 1]), ("age",))
    >>> population = sets_from_sizes(pd.Series([2, 1, 2]), ("age",))
    >>> sets_within(table, population).set_sizes.tolist()
    [2, 1]
    """
    if set(population.quasi_identifiers) != set(sets.quasi_identifiers):
        raise ParameterError(
            "population must be counted by the same quasi-identifiers, "
            f"{', '.join(sets.quasi_identifiers)}; got "
            f"{', '.join(population.quasi_identifiers)}"
        )
    small, large = sets.set_sizes, population.set_sizes
    if small is None or large is None:
        raise DataError("risks in a population need tables that were counted in memory")
    if not (small.index.is_unique and large.index.is_unique):
        raise DataError("risks in a population need index labels that do not repeat")
    sizes = large.reindex(small.index)
    n_absent = int(sizes.isna().sum())
    if n_absent:
        raise DataError(
            f"population must hold everybody in the table; got {n_absent} of "
            f"{len(small)} people whose label it lacks"
        )
    if (sizes.to_numpy() < small.to_numpy()).any():
        raise DataError(
            "population must hold everybody in the table; got people whose set is "
            "smaller there than in the table"
        )
    return sets_from_sizes(sizes.astype(np.int64), sets.quasi_identifiers)


def _risk_row(
    attacker: str, sets: AnonymitySets, threshold: float | None
) -> dict[str, str | float]:
    return {
        "attacker": attacker,
        "mean_risk": sets.prosecutor_risk,
        "max_risk": sets.prosecutor_risk_max,
        "share_over_threshold": sets.share_over_threshold(threshold),
    }
