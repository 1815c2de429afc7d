r"""The simplest private twin: a table of mean outcomes whose guarantee is a theorem.

People are told apart by declared categories only, and each has one cell. The table
holds for each cell a noisy sum of the outcome and a noisy count.

**Theorem.** Let y be the outcome clipped to [l, u], m the middle and r half the width,
and let a cell hold :math:`s = \sum (y - m) / r` and the count :math:`k`. Adding or
removing one person changes one cell only, there s by at most 1 and k by exactly 1.
Laplace noise of scale :math:`1 / \varepsilon_s` and :math:`1 / \varepsilon_k` changes
the density of any answer by a factor of at most :math:`e^{\varepsilon_s +
\varepsilon_k}`; normal noise of deviation :math:`1 / \mu_s` and :math:`1 / \mu_k`
makes the two cases two normal laws at a distance of at most
:math:`\sqrt{\mu_s^2 + \mu_k^2}`. So the table keeps :math:`\varepsilon = \varepsilon_s
+ \varepsilon_k`, or :math:`\mu^2 = \mu_s^2 + \mu_k^2`, and so does all that is computed
from it, predictions included.

*With or without* is also what an attack on membership tells apart, so that
`twinprivacy.attacks.bounds` holds as it stands. Replacing one person by another is one
removed and one added, and costs twice as much.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twinprivacy._types import Array, Indices
from twinprivacy._validation import check_rng
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.defences.declared import (
    check_bounds,
    check_declared,
    check_noise,
    read_budget,
    read_values,
    value_codes,
)
from twinprivacy.errors import ParameterError
from twinprivacy.tables import check_table, finite_floats

__all__ = [
    "PrivateTable",
    "fit_private_table",
    "membership_log_ratio",
]


@dataclass(frozen=True, eq=False, repr=False)
class PrivateTable:
    """Hold what a private table says; everything here may be published.

    Attributes
    ----------
    outcome : str
        Column that it predicts.
    by : mapping of str to pandas.Index
        Declared values of each column that tells people apart.
    lower, upper : float
        Declared bounds of the outcome, in its unit.
    guarantee : PrivacyGuarantee
        For one person added or removed.
    cells : pandas.DataFrame
        A row for each combination of declared values: those columns, noisy_sum (of
        outcomes, from the middle of the bounds, in units of half their width),
        noisy_count, and mean, the answer.
    noise_scale : float
        Scale of the Laplace, or deviation of the normal, noise of each number.
    """

    outcome: str
    by: Mapping[str, pd.Index]
    lower: float
    upper: float
    guarantee: PrivacyGuarantee
    cells: pd.DataFrame
    noise_scale: float

    def __repr__(self) -> str:
        """Show the settings."""
        return (
            f"PrivateTable(outcome={self.outcome!r}, by={list(self.by)}, "
            f"cells={len(self.cells)}, guarantee={self.guarantee})"
        )

    def predict(self, people: pd.DataFrame) -> pd.Series:
        """Return the mean outcome of each person's cell.

        Parameters
        ----------
        people : pandas.DataFrame
            With the columns of `by`.

        Returns
        -------
        pandas.Series
            Within the declared bounds, on the index of `people`.

        Raises
        ------
        DataError
            For missing columns or values that were not declared.
        """
        number = _cell_numbers(people, self.by, name="people")
        return pd.Series(
            self.cells["mean"].to_numpy()[number], people.index, name=self.outcome
        )


def fit_private_table(
    frame: pd.DataFrame,
    *,
    outcome: str,
    by: Mapping[str, Sequence[Any]],
    lower: float,
    upper: float,
    epsilon: float | None = None,
    mu: float | None = None,
    rng: np.random.Generator,
) -> PrivateTable:
    r"""Fit a table of mean outcomes that hides whether any one person is in it.

    A cell says :math:`m + r \tilde s / \max(\tilde k, 1, \sigma_k)`, clipped to the
    bounds, with the noisy sum and count of the module's theorem and the deviation
    :math:`\sigma_k` of the count's noise. So a cell of nobody says about the middle.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per person, with an index of their own. None is allowed.
    outcome : str
        A column of numbers, or of true and false.
    by : mapping of str to sequence
        Columns that tell people apart, each with all values that it may have. Declared,
        not read from the data, whose rare values would give people away. None of them
        is called noisy_sum, noisy_count or mean.
    lower, upper : float
        Declared bounds of the outcome, in its unit; values beyond are clipped. Likewise
        not the data's own.
    epsilon : float, optional
        Budget for Laplace noise, above 0; infinite for no noise, and no privacy.
    mu : float, optional
        Budget for normal noise, above 0; infinite for no noise. Exactly one of the two.
    rng : numpy.random.Generator
        Source of the noise. One table, one draw: two tables of the same people cost the
        sum of their epsilons.

    Returns
    -------
    PrivateTable
        The same for any order of rows.

    Raises
    ------
    DataError
        For missing columns, a repeated index, an outcome that is missing, infinite or
        no number, or values that were not declared.
    ParameterError
        For bounds that are not finite and ascending, values declared twice or not at
        all, neither or both of epsilon and mu, or a setting outside its range.

    Notes
    -----
    - A person with several rows, or relatives whose rows tell of each other, weaken it:
      `twinprivacy.attacks.guarantees.group_guarantee`.
    - The theorem is about real numbers. Floating-point Laplace noise leaves traces in
      the last digits from which the sum can be recovered (Mironov 2012), and numpy's
      generator is not a cryptographic one. The table serves to study leaks; to publish
      one about patients take a library that is hardened against both.
    - Errors are for the keeper, and should not reach whoever asks for a table.

    References
    ----------
    Dwork and Roth (2014), doi:10.1561/0400000042; Dong, Roth and Su (2022),
    doi:10.1111/rssb.12454; Mironov (2012), doi:10.1145/2382196.2382264.

    Examples
    --------
    >>> people = pd.DataFrame({"sex": ["F", "F", "M"], "sbp_mmhg": [120, 130, 170]})
    >>> table = fit_private_table(
    ...     people, outcome="sbp_mmhg", by={"sex": ["F", "M"]}, lower=80, upper=200,
    ...     epsilon=np.inf, rng=np.random.default_rng(1))
    >>> table.predict(people).tolist()
    [125.0, 125.0, 170.0]
    """
    check_rng(rng)
    check_bounds(lower, upper, name="lower and upper")
    guarantee = read_budget(epsilon=epsilon, mu=mu)
    # Half of epsilon, or of the square of mu, for the sums and half for the counts.
    if mu is not None:
        scale = 1 / (float(mu) * math.sqrt(0.5))
    else:
        assert epsilon is not None
        scale = 2 / float(epsilon)
    check_noise(scale)
    values = _read_by(by, outcome)
    totals = _read_totals(frame, values, outcome, (lower, upper), name="frame")
    sources = rng.spawn(2)
    draws = [source.laplace if mu is None else source.normal for source in sources]
    noisy_sum, noisy_count = (
        exact + draw(0.0, scale, len(exact))
        for exact, draw in zip(totals, draws, strict=True)
    )
    # A Laplace law of scale b has the deviation sqrt(2) b.
    spread = scale * (1.0 if mu is not None else math.sqrt(2))
    ratio = np.clip(noisy_sum / np.maximum(noisy_count, max(1.0, spread)), -1.0, 1.0)
    cells = pd.MultiIndex.from_product(list(values.values()), names=list(values))
    table = cells.to_frame(index=False).assign(
        noisy_sum=noisy_sum, noisy_count=noisy_count, mean=_unscale(ratio, lower, upper)
    )
    return PrivateTable(outcome, values, lower, upper, guarantee, table, scale)


def _unscale(ratio: Array, lower: float, upper: float) -> Array:
    """Return what is from the middle in half widths in the unit of the bounds."""
    mean = lower * ((1 - ratio) / 2) + upper * ((1 + ratio) / 2)
    return np.asarray(np.clip(mean, lower, upper))


# Columns of the table beside those of `by`.
_OWN_COLUMNS = ("noisy_sum", "noisy_count", "mean")


def _read_by(by: Mapping[str, Sequence[Any]], outcome: str) -> dict[str, pd.Index]:
    """Return the declared values of each column that tells people apart."""
    check_declared(by, outcome, name="by")
    for column in by:
        if column in _OWN_COLUMNS:
            raise ParameterError(
                "by must not name noisy_sum, noisy_count or mean, columns of the "
                f"table; got {column!r}"
            )
    return {
        column: read_values(values, name=f"by[{column!r}]")
        for column, values in by.items()
    }


def _cell_numbers(
    frame: pd.DataFrame, by: Mapping[str, pd.Index], *, name: str
) -> Indices:
    """Return the number of each person's cell."""
    check_table(frame, name=name, columns=list(by), least=0)
    number = np.zeros(len(frame), dtype=np.intp)
    for column, values in by.items():
        codes = value_codes(frame[column], values, name=f"{name}[{column!r}]")
        number = number * len(values) + codes
    return number


def _read_outcome(
    frame: pd.DataFrame, outcome: str, bounds: tuple[float, float], *, name: str
) -> Array:
    """Return outcomes, clipped, from the middle in units of half the width."""
    check_table(frame, name=name, columns=[outcome], least=0)
    values = finite_floats(frame[outcome], name=f"{name}[{outcome!r}]")
    lower, upper = bounds
    half = upper / 2 - lower / 2
    middle = upper / 2 + lower / 2
    return np.asarray(np.clip((np.clip(values, lower, upper) - middle) / half, -1, 1))


def _read_totals(
    frame: pd.DataFrame,
    by: Mapping[str, pd.Index],
    outcome: str,
    bounds: tuple[float, float],
    *,
    name: str,
) -> tuple[Array, Array]:
    """Return the sum and the count of each cell of people, each of whom has a row.

    To the digit for any order of rows.
    """
    check_table(frame, name=name, least=0, own_index=True)
    number = _cell_numbers(frame, by, name=name)
    values = _read_outcome(frame, outcome, bounds, name=name)
    n_cells = math.prod(map(len, by.values()))
    order = np.lexsort((values, number))
    sums = np.bincount(number[order], values[order], minlength=n_cells).astype(float)
    counts = np.bincount(number, minlength=n_cells).astype(float)
    return sums, counts


def membership_log_ratio(
    table: PrivateTable, targets: pd.DataFrame, others: pd.DataFrame
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
    >>> from twinprivacy.defences import fit_private_table
    >>> people = pd.DataFrame({"sex": ["F", "M"], "sbp_mmhg": [200, 200]})
    >>> table = fit_private_table(
    ...     people[:1], outcome="sbp_mmhg", by={"sex": ["F", "M"]}, lower=80, upper=200,
    ...     epsilon=50.0, rng=np.random.default_rng(1))
    >>> membership_log_ratio(table, people, people[:1]).round(1).tolist()
    [49.9, -49.6]
    """
    if table.noise_scale == 0:
        raise ParameterError("table must have noise for a ratio; got one without")
    by, bounds = table.by, (table.lower, table.upper)
    sums, counts = _read_totals(others, by, table.outcome, bounds, name="others")
    number = _cell_numbers(targets, by, name="targets")
    own = _read_outcome(targets, table.outcome, bounds, name="targets")
    included = targets.index.isin(others.index)
    found = np.zeros(len(targets))
    for name, totals, share in (
        ("noisy_sum", sums, own),
        ("noisy_count", counts, np.ones(len(own))),
    ):
        rest = totals[number] - np.where(included, share, 0.0)
        seen = (table.cells[name].to_numpy()[number] - rest) / table.noise_scale
        found += _log_ratio(table.guarantee, seen, share / table.noise_scale)
    # Evidence for and against often cancels, to a zero that rounding would give a sign.
    return pd.Series(found.round(9), targets.index, name="log_ratio")


def _log_ratio(guarantee: PrivacyGuarantee, seen: Array, shift: Array) -> Array:
    """Return the log ratio of noise about a shift to noise about 0, in its scale."""
    if guarantee.mu is None:
        return np.asarray(np.abs(seen) - np.abs(seen - shift))
    return np.asarray(shift * (seen - shift / 2))
