"""Tables of reports: by year, shares of the largest, revisions."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._validation import check_fraction
from twinprivacy.breaches.binning import SizeBins, check_columns
from twinprivacy.errors import ParameterError

__all__ = [
    "annual_table",
    "revisions",
    "share_of_largest",
    "share_of_largest_binned",
]

MILLION = 1_000_000


def share_of_largest(sizes: npt.ArrayLike, *, fraction: float = 0.01) -> float:
    """Return the share of all people that the largest breaches hold.

    Parameters
    ----------
    sizes : array_like
        Exact sizes in people, shape (n,), n >= 1, positive.
    fraction : float
        Share of breaches, strictly between 0 and 1; a broken number of breaches is
        rounded down, and at least one is taken.

    Examples
    --------
    >>> share_of_largest([600, 400, 9000], fraction=0.3)
    0.9
    """
    check_fraction(fraction, name="fraction")
    values = np.asarray(sizes, dtype=float)
    bad = ~((values > 0) & np.isfinite(values))
    if values.ndim != 1 or not len(values) or bad.any():
        raise ParameterError(
            "sizes must be at least one positive number, shape (n,); got shape "
            f"{values.shape} with {int(bad.sum())} not positive and finite"
        )
    n_largest = _count_largest(fraction, len(values))
    return float(np.sort(values)[-n_largest:].sum() / values.sum())


def share_of_largest_binned(sizes: SizeBins, fractions: npt.ArrayLike) -> pd.DataFrame:
    """Bound the share of all people that the largest breaches hold, from bins.

    Sums are exact for whole bins; in the one bin that the fraction cuts, the breaches
    taken hold at least their part of the bin's people and at most what its end allows.

    Parameters
    ----------
    sizes : SizeBins
    fractions : array_like
        Shares of breaches, in (0, 1), shape (k,), rounded as in `share_of_largest`.

    Returns
    -------
    pandas.DataFrame
        Columns share_of_breaches, low, middle, high (shares of people).
    """
    order = np.argsort(-sizes.bins[:, 0])
    counts, totals = sizes.counts[order], sizes.totals[order]
    starts, ends = sizes.bins[order].T
    before = np.concatenate([[0.0], np.cumsum(counts)])
    people = np.concatenate([[0.0], np.cumsum(totals)])
    rows = []
    for fraction in np.atleast_1d(np.asarray(fractions, dtype=float)):
        check_fraction(fraction, name="fractions")
        wanted = _count_largest(fraction, counts.sum())
        cut = int(np.searchsorted(before, wanted, side="left")) - 1
        inside = wanted - before[cut]
        least = inside / counts[cut] * totals[cut]
        most = min(
            inside * ends[cut], totals[cut] - (counts[cut] - inside) * starts[cut]
        )
        low, high = (people[cut] + part for part in (least, max(most, least)))
        rows.append((fraction, low, (low + high) / 2, high))
    frame = pd.DataFrame(rows, columns=["share_of_breaches", "low", "middle", "high"])
    frame[["low", "middle", "high"]] /= totals.sum()
    return frame


def annual_table(reports: pd.DataFrame) -> pd.DataFrame:
    """Count reports and people by year of report.

    Parameters
    ----------
    reports : pandas.DataFrame
        As `datasets.read_ocr_export` gives it: columns year and individuals, where a
        missing count is left out of the sizes but not of the number of reports.

    Returns
    -------
    pandas.DataFrame
        Columns year, n_breaches, n_individuals, median_individuals, p90_individuals,
        n_at_least_1m, share_of_largest_1pct; one row a year, in order.

    Examples
    --------
    >>> reports = pd.DataFrame({"year": [2020, 2020], "individuals": [600, 1_400_000]})
    >>> annual_table(reports)[["n_breaches", "n_at_least_1m"]].values.tolist()
    [[2, 1]]
    """
    check_columns(reports, ["year", "individuals"])
    return pd.DataFrame(
        [_year_row(year, part) for year, part in reports.groupby("year")],
        columns=[
            "year",
            "n_breaches",
            "n_individuals",
            "median_individuals",
            "p90_individuals",
            "n_at_least_1m",
            "share_of_largest_1pct",
        ],
    )


def revisions(annual_totals: pd.DataFrame) -> pd.DataFrame:
    """Set a year's totals in successive exports of the portal side by side.

    Parameters
    ----------
    annual_totals : pandas.DataFrame
        As `datasets.load("ocr_annual_totals")` gives it: columns year (missing for
        spans of years), series (names of exports start with ``portal_``), as_of (date
        of the export), individuals_affected, breaches_500plus.

    Returns
    -------
    pandas.DataFrame
        Columns year, as_of, n_breaches, n_individuals, ratio: the total over that of
        the first export that holds the year. Years with at least two exports, in
        order of year and date.
    """
    table = annual_totals[
        annual_totals["series"].str.startswith("portal_")
        & annual_totals["year"].notna()
        & annual_totals["individuals_affected"].notna()
    ]
    tidy = pd.DataFrame(
        {
            "year": table["year"].astype(int),
            "as_of": table["as_of"],
            "n_breaches": table["breaches_500plus"],
            "n_individuals": table["individuals_affected"].astype(float),
        }
    ).sort_values(["year", "as_of"], ignore_index=True)
    groups = tidy.groupby("year")["n_individuals"]
    tidy["ratio"] = tidy["n_individuals"] / groups.transform("first")
    return tidy[groups.transform("size") > 1].reset_index(drop=True)


def _count_largest(fraction: float, n: float) -> int:
    """Return how many breaches the fraction takes: whole ones, at least one."""
    # Rounded first: 0.29 * 100 is a little below 29, and 29 breaches are meant.
    return max(int(round(fraction * n, 9)), 1)


def _year_row(year: object, part: pd.DataFrame) -> tuple[object, ...]:
    sizes = part["individuals"].dropna().to_numpy(dtype=float)
    positive = sizes[sizes > 0]
    if not len(positive):
        return year, len(part), 0, np.nan, np.nan, 0, np.nan
    return (
        year,
        len(part),
        int(sizes.sum()),
        float(np.median(sizes)),
        float(np.quantile(sizes, 0.9)),
        int((sizes >= MILLION).sum()),
        share_of_largest(positive),
    )
