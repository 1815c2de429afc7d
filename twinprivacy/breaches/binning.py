"""Counts of breaches by size, from the published table or from a user's reports."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twinprivacy.errors import DataError, ParameterError

__all__ = ["SizeBins", "bin_reports", "size_bins"]

REPORTING_THRESHOLD = 500


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

    bins: npt.NDArray[np.float64]
    counts: npt.NDArray[np.float64]
    totals: npt.NDArray[np.float64]
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

    def exceedances(self, thresholds: npt.ArrayLike) -> npt.NDArray[np.float64]:
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
    check_columns(reports, [*groups, "individuals"])
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


def check_columns(reports: pd.DataFrame, wanted: list[str]) -> None:
    """Raise unless a table of reports has the columns that are needed."""
    missing = [name for name in wanted if name not in reports]
    if missing:
        raise DataError(
            f"reports must have the columns {', '.join(wanted)}; missing: "
            f"{', '.join(missing)}"
        )
