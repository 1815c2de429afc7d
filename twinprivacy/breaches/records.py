"""Tables of reports: by year, in bins of size, shares of the largest, revisions."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy._types import Array
from twinprivacy._validation import check_fraction
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.tables import check_table

__all__ = [
    "SizeBins",
    "annual_table",
    "bin_reports",
    "revisions",
    "share_of_largest_binned",
    "size_bins",
]


REPORTING_THRESHOLD = 500
_MILLION = 1_000_000


@dataclass(frozen=True, eq=False)
class SizeBins:
    """Counts of breaches by size, ready for `fit_size`.

    Attributes
    ----------
    bins : numpy.ndarray
        Shape (k, 2), people, [low, high).
    counts : numpy.ndarray
        Shape (k,).
    totals : numpy.ndarray
        Exact sum of people in each bin, shape (k,).
    lower : float
        Start of the first bin.
    """

    bins: Array
    counts: Array
    totals: Array
    lower: float

    def above(self, threshold: float) -> "SizeBins":
        """Keep the bins that start at `threshold` or later."""
        kept = self.bins[:, 0] >= threshold
        if not kept.any():
            raise DataError(
                f"threshold must be at most {self.bins[-1, 0]:g}, where the last bin "
                f"starts; got {threshold:g}"
            )
        return SizeBins(
            bins=self.bins[kept],
            counts=self.counts[kept],
            totals=self.totals[kept],
            lower=float(self.bins[kept, 0].min()),
        )

    def exceedances(self, thresholds: npt.ArrayLike) -> Array:
        """Count breaches of at least each threshold, which must not cut a bin."""
        starts = np.atleast_1d(np.asarray(thresholds, dtype=float))
        low, high = self.bins.T
        for start in starts:
            if not start >= self.lower or ((low < start) & (start < high)).any():
                raise ParameterError(
                    f"thresholds must be at least lower = {self.lower:g} and not lie "
                    f"within a bin; got {start:g}"
                )
        return np.array(
            [self.counts[self.bins[:, 0] >= start].sum() for start in starts]
        )


def size_bins(
    table: pd.DataFrame,
    *,
    years: range | None = None,
    drop_placeholder_bin: bool = True,
) -> SizeBins:
    """Add up binned sizes over years, entities and incidents.

    Parameters
    ----------
    table : pandas.DataFrame
        As `datasets.load("ocr_binned_sizes")` gives it, whole or in part.
    years : range, optional
        Years of report; all without it.
    drop_placeholder_bin : bool
        Leave out the bin that starts at 500. Entities that do not know yet how many
        people are concerned file 500 or 501, which says "at least 500" and no more;
        without that bin the sizes are those of at least its end, and exact.

    Returns
    -------
    SizeBins

    Raises
    ------
    DataError
        If nothing is left.

    Examples
    --------
    >>> from twinprivacy import datasets
    >>> bins = size_bins(datasets.load("ocr_binned_sizes"), years=range(2010, 2025))
    >>> bins.lower
    629.0
    """
    chosen = table if years is None else table[table["year"].isin(list(years))]
    if drop_placeholder_bin:
        chosen = chosen[chosen["size_low"] > REPORTING_THRESHOLD]
    if chosen.empty:
        raise DataError("no breach is left in the chosen years and bins")
    grouped = chosen.groupby(["size_low", "size_high"], as_index=False)[
        ["n_breaches", "sum_individuals"]
    ].sum()
    bins = grouped[["size_low", "size_high"]].to_numpy(dtype=float)
    return SizeBins(
        bins=bins,
        counts=grouped["n_breaches"].to_numpy(dtype=float),
        totals=grouped["sum_individuals"].to_numpy(dtype=float),
        lower=float(bins[:, 0].min()),
    )


def bin_reports(reports: pd.DataFrame) -> pd.DataFrame:
    r"""Count reports as the published table of binned sizes does.

    The :math:`k`-th bin starts at :math:`500 \cdot 10^{k/10}` people, rounded to whole
    people. The chapter on breaches runs on the result as it does on the published
    counts.

    Parameters
    ----------
    reports : pandas.DataFrame
        As `datasets.read_ocr_export` gives it.

    Returns
    -------
    pandas.DataFrame
        Columns year, entity_type, incident_type, size_low, size_high, n_breaches and
        sum_individuals. Reports without a count, or below 500 people, are left out.

    Raises
    ------
    DataError
        If a column is missing or no report is left.

    Examples
    --------
    >>> reports = pd.DataFrame(
    ...     {
    ...         "year": [2020, 2020],
    ...         "entity_type": "provider",
    ...         "incident_type": "theft",
    ...         "individuals": [510, 600],
    ...     }
    ... )
    >>> bin_reports(reports)[["size_low", "size_high", "n_breaches"]].values.tolist()
    [[500, 629, 2]]
    """
    groups = ["year", "entity_type", "incident_type"]
    check_table(reports, name="reports", columns=[*groups, "individuals"], least=0)
    sizes = pd.to_numeric(reports["individuals"]).astype(float)
    kept = reports.loc[sizes >= REPORTING_THRESHOLD, groups]
    if kept.empty:
        raise DataError(
            f"reports must hold at least one count of {REPORTING_THRESHOLD} people or "
            "more; got none"
        )
    sizes = sizes[kept.index]
    n_bins = int(10 * np.log10(sizes.max() / REPORTING_THRESHOLD)) + 2
    edges = np.round(REPORTING_THRESHOLD * 10 ** (np.arange(n_bins + 1) / 10))
    place = np.searchsorted(edges, sizes, side="right") - 1
    binned = kept.assign(
        size_low=edges[place].astype(int),
        size_high=edges[place + 1].astype(int),
        individuals=sizes.astype(int),
    ).groupby([*groups, "size_low", "size_high"], as_index=False)
    return binned.agg(
        n_breaches=("individuals", "size"), sum_individuals=("individuals", "sum")
    )


def share_of_largest_binned(sizes: SizeBins, fractions: npt.ArrayLike) -> pd.DataFrame:
    """Bound the share of all people that the largest breaches hold, from bins.

    Sums are exact for whole bins; in the one bin that the fraction cuts, the breaches
    taken hold at least their part of the bin's people and at most what its end allows.

    Parameters
    ----------
    sizes : SizeBins
    fractions : array_like
        Shares of breaches, in (0, 1), shape (k,). A broken number of breaches is
        rounded down, and at least one is taken.

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
    check_table(reports, name="reports", columns=["year", "individuals"], least=0)
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
        int((sizes >= _MILLION).sum()),
        _share_of_largest(positive, fraction=0.01),
    )


def _share_of_largest(sizes: Array, *, fraction: float) -> float:
    """Return the share of all people that the largest breaches hold."""
    n_largest = _count_largest(fraction, len(sizes))
    return float(np.sort(sizes)[-n_largest:].sum() / sizes.sum())


def _count_largest(fraction: float, n: float) -> int:
    """Return how many breaches the fraction takes: whole ones, at least one."""
    # Rounded first: 0.29 * 100 is a little below 29, and 29 breaches are meant.
    return max(int(round(fraction * n, 9)), 1)
