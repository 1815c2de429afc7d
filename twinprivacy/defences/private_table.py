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
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction, check_rng
from twinprivacy.attacks.guarantees import PrivacyGuarantee
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import as_floats

__all__ = [
    "PrivateTable",
    "fit_private_table",
    "membership_log_ratio",
]


_MOST_NOISE = 1e303  # A draw is many times the scale at most, and must be finite.


@dataclass(frozen=True)
class _Domain:
    """Declared values of each column, in the order in which cells are numbered."""

    values: dict[str, tuple[Any, ...]]

    def __len__(self) -> int:
        """Return the number of cells."""
        return math.prod(len(values) for values in self.values.values())

    def frame(self) -> pd.DataFrame:
        """Return a row for each cell."""
        index = pd.MultiIndex.from_product(
            list(self.values.values()), names=list(self.values)
        )
        return pd.DataFrame(index.to_frame(index=False))


@dataclass(frozen=True, eq=False, repr=False)
class PrivateTable:
    """Hold what a private table says; everything here may be published.

    Attributes
    ----------
    outcome : str
        Column that it predicts.
    by : dict
        Declared values of each column that tells people apart.
    lower, upper : float
        Declared bounds of the outcome, in its unit.
    guarantee : PrivacyGuarantee
        For one person added or removed.
    cells : pandas.DataFrame
        A row for each combination of declared values: those columns, noisy_sum (of
        outcomes, from the middle of the bounds, in units of half their width),
        noisy_count, and mean, the answer.
    sum_noise, count_noise : float
        Scale of the Laplace, or deviation of the normal, noise of both.
    """

    outcome: str
    by: Mapping[str, tuple[Any, ...]]
    lower: float
    upper: float
    guarantee: PrivacyGuarantee
    cells: pd.DataFrame
    sum_noise: float
    count_noise: float
    _domain: _Domain = field(repr=False)

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
        number = _cell_numbers(people, self._domain, name="people")
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
    share_for_sums: float = 0.5,
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
    share_for_sums : float
        Part of epsilon, or of mu squared, that is spent on the sums; the counts get the
        rest. Strictly between 0 and 1.
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
    check_fraction(share_for_sums, name="share_for_sums")
    guarantee = PrivacyGuarantee(epsilon=epsilon, mu=mu)
    scales = _noise_scales(guarantee, share_for_sums)
    domain = _check_domain(by, outcome)
    _check_bounds(lower, upper)
    sums, counts = _read_totals(frame, domain, outcome, lower, upper)
    noisy_sum, noisy_count = (
        exact + _draw(guarantee, scale, len(exact), source)
        for exact, scale, source in zip(
            (sums, counts), scales, rng.spawn(2), strict=True
        )
    )
    # A Laplace law of scale b has the deviation sqrt(2) b.
    spread = scales[1] * (1.0 if mu is not None else math.sqrt(2))
    ratio = np.clip(noisy_sum / np.maximum(noisy_count, max(1.0, spread)), -1.0, 1.0)
    cells = domain.frame().assign(
        noisy_sum=noisy_sum, noisy_count=noisy_count, mean=_unscale(ratio, lower, upper)
    )
    return PrivateTable(
        outcome, domain.values, lower, upper, guarantee, cells, *scales, domain
    )


def _unscale(ratio: Array, lower: float, upper: float) -> Array:
    """Return what is from the middle in half widths in the unit of the bounds."""
    # Weights of both bounds: their difference may be beyond the largest float.
    mean = lower * ((1 - ratio) / 2) + upper * ((1 + ratio) / 2)
    return np.asarray(np.clip(mean, lower, upper))


def _noise_scales(guarantee: PrivacyGuarantee, share: float) -> tuple[float, float]:
    """Return the scale of the noise of sums and of counts."""
    budget = guarantee.epsilon if guarantee.mu is None else guarantee.mu
    if not budget:
        raise ParameterError(f"epsilon or mu must be above 0; got {budget!r}")
    shares = np.array([share, 1 - share])
    with np.errstate(over="ignore", divide="ignore"):
        scales = 1 / (budget * (shares if guarantee.mu is None else np.sqrt(shares)))
    if scales.max() > _MOST_NOISE:
        raise ParameterError(
            "epsilon or mu must be so large that the noise of sums and of counts is "
            f"below {_MOST_NOISE}; got {budget!r}"
        )
    return float(scales[0]), float(scales[1])


def _check_bounds(lower: float, upper: float) -> None:
    if not (math.isfinite(lower) and math.isfinite(upper) and lower / 2 < upper / 2):
        raise ParameterError(
            "lower and upper must be finite with lower < upper; got "
            f"{lower!r} and {upper!r}"
        )


def _draw(
    guarantee: PrivacyGuarantee, scale: float, n: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    if scale == 0:
        return np.zeros(n)
    if guarantee.mu is None:
        return rng.laplace(0.0, scale, n)
    return rng.normal(0.0, scale, n)


_MOST_CELLS = 10_000_000
# Columns of the table beside those of `by`.
_OWN_COLUMNS = ("noisy_sum", "noisy_count", "mean")


def _check_domain(by: Mapping[str, Sequence[Any]], outcome: str) -> _Domain:
    """Return the declared values, each once and some of each column."""
    if not by:
        raise ParameterError("by must name one column or more; got none")
    if outcome in by:
        raise ParameterError(f"by must not name the outcome; got {outcome!r}")
    for column in by:
        if column in _OWN_COLUMNS:
            raise ParameterError(
                "by must not name noisy_sum, noisy_count or mean, columns of the "
                f"table; got {column!r}"
            )
    domain = _Domain({column: tuple(values) for column, values in by.items()})
    for column, values in domain.values.items():
        distinct = _declared(column, values)
        if not values or distinct.has_duplicates or distinct.hasnans:
            raise ParameterError(
                f"by[{column!r}] must declare one value or more, each once and none "
                f"missing; got {len(values)} of which {distinct.nunique()} differ"
            )
    if len(domain) > _MOST_CELLS:
        raise ParameterError(
            f"by must declare at most {_MOST_CELLS:,} cells; got {len(domain):,}"
        )
    return domain


def _declared(column: str, values: tuple[Any, ...]) -> pd.Index:
    """Return the declared values of a column, a tuple being one value."""
    try:
        hash(values)
    except TypeError:
        raise ParameterError(
            f"by[{column!r}] must declare values such as text, numbers or tuples of "
            "them; got others"
        ) from None
    distinct: pd.Index = pd.Index(values, tupleize_cols=False)
    return distinct


def _cell_numbers(
    frame: pd.DataFrame, domain: _Domain, *, name: str
) -> npt.NDArray[np.intp]:
    """Return the number of each person's cell."""
    number = np.zeros(len(frame), dtype=np.intp)
    for column, values in domain.values.items():
        _check_column(frame, column, name)
        held = pd.Index(frame[column].astype(object), tupleize_cols=False)
        code = _declared(column, values).get_indexer(held)
        n_bad = int((code < 0).sum())
        if n_bad:
            # Which value it was would name the one person who has it.
            raise DataError(
                f"{name}[{column!r}] must hold declared values only; got {n_bad} of "
                f"{len(frame)} others"
            )
        number = number * len(values) + code
    return number


def _read_outcome(
    frame: pd.DataFrame, outcome: str, lower: float, upper: float, *, name: str
) -> Array:
    """Return outcomes, clipped, from the middle in units of half the width."""
    _check_column(frame, outcome, name)
    try:
        values = as_floats(frame[outcome])
    except (TypeError, ValueError):
        raise DataError(
            f"{name}[{outcome!r}] must hold numbers only; got others"
        ) from None
    n_bad = int((~np.isfinite(values)).sum())
    if n_bad:
        raise DataError(
            f"{name}[{outcome!r}] must be finite; got {n_bad} of {len(values)} missing "
            "or infinite"
        )
    # Halves first: the width of bounds near the largest float would be infinite.
    half = upper / 2 - lower / 2
    middle = upper / 2 + lower / 2
    return np.asarray(np.clip((np.clip(values, lower, upper) - middle) / half, -1, 1))


def _read_totals(
    frame: pd.DataFrame,
    domain: _Domain,
    outcome: str,
    lower: float,
    upper: float,
    *,
    name: str = "frame",
) -> tuple[Array, Array]:
    """Return the sum and the count of each cell of people, each of whom has a row."""
    if frame.index.has_duplicates:
        raise DataError(
            f"{name} must have one row per person with an index of their own; got "
            f"{int(frame.index.duplicated().sum())} repeated"
        )
    number = _cell_numbers(frame, domain, name=name)
    values = _read_outcome(frame, outcome, lower, upper, name=name)
    return _cell_totals(number, values, len(domain))


def _cell_totals(
    number: npt.NDArray[np.intp], values: Array, n_cells: int
) -> tuple[Array, Array]:
    """Return the sum and the count of each cell, to the digit for any order of rows."""
    order = np.lexsort((values, number))
    sums = np.bincount(number[order], values[order], minlength=n_cells).astype(float)
    counts = np.bincount(number, minlength=n_cells).astype(float)
    return sums, counts


def _check_column(frame: pd.DataFrame, column: str, name: str) -> None:
    n_found = int((frame.columns == column).sum())
    if n_found != 1:
        raise DataError(f"{name} must have the column {column!r} once; got {n_found}")


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
    >>> from twinprivacy.defences import fit_private_table
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
    sums, counts = _read_totals(others, domain, table.outcome, *bounds, name="others")
    number = _cell_numbers(targets, domain, name="targets")
    own = _read_outcome(targets, table.outcome, *bounds, name="targets")
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
