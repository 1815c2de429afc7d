"""The best attack on membership in a private table, for its keeper and for tests."""

from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._guarantees import PrivacyGuarantee
from twinprivacy._types import Array
from twinprivacy.errors import ParameterError
from twinprivacy.twins._private_cells import cell_numbers, read_outcome, read_totals


def membership_log_ratio(
    table: Any, targets: pd.DataFrame, others: pd.DataFrame
) -> pd.Series:
    r"""Return the best score for whether each target is in a private table.

    The logarithm of how many times likelier the table is with the target than without,
    for someone who knows everybody else and the target's own record: no attack does
    better. With Laplace noise it lies within epsilon of 0.

    Parameters
    ----------
    table : PrivateTable
        With noise.
    targets : pandas.DataFrame
        The people attacked, with the columns of the table's `by` and its outcome.
    others : pandas.DataFrame
        All who were in the table for certain, likewise; a target among them, by index,
        is left out of what is known about them.

    Returns
    -------
    pandas.Series
        Natural logarithms, on the index of `targets`. Targets of one cell share its
        noise; scores of different cells are independent.

    Raises
    ------
    DataError
        As `fit_private_table`, for both frames.
    ParameterError
        For a table without noise.

    Examples
    --------
    >>> from twinprivacy.twins.private_table import fit_private_table
    >>> people = pd.DataFrame({"sex": ["F", "M"], "sbp_mmhg": [200, 200]})
    >>> table = fit_private_table(
    ...     people[:1], outcome="sbp_mmhg", by={"sex": ["F", "M"]}, lower=80, upper=200,
    ...     epsilon=50.0, rng=np.random.default_rng(1))
    >>> membership_log_ratio(table, people, people[:1]).round(1).tolist()
    [49.9, -49.6]
    """
    if table.sum_noise == 0:
        raise ParameterError("table must have noise for a ratio; got one without")
    domain, bounds = table._domain, (table.lower, table.upper)
    sums, counts = read_totals(others, domain, table.outcome, *bounds, name="others")
    number = cell_numbers(targets, domain, name="targets")
    own = read_outcome(targets, table.outcome, *bounds, name="targets")
    included = targets.index.isin(others.index)
    found = np.zeros(len(targets))
    for name, totals, share, scale in (
        ("noisy_sum", sums, own, table.sum_noise),
        ("noisy_count", counts, np.ones(len(own)), table.count_noise),
    ):
        rest = totals[number] - np.where(included, share, 0.0)
        seen = (table.cells[name].to_numpy()[number] - rest) / scale
        found += _log_ratio(table.guarantee, seen, share / scale)
    # Evidence for and against often cancels, to a zero that rounding would give a sign.
    return pd.Series(found.round(9), targets.index, name="log_ratio")


def _log_ratio(guarantee: PrivacyGuarantee, seen: Array, shift: Array) -> Array:
    """Return the log ratio of noise about a shift to noise about 0, in its scale."""
    if guarantee.mu is None:
        return np.asarray(np.abs(seen) - np.abs(seen - shift))
    return np.asarray(shift * (seen - shift / 2))
