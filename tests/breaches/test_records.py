"""Bins, yearly tables and shares of the largest: by hand, bounds, bad input."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy import datasets
from twinprivacy.breaches import (
    SizeBins,
    annual_table,
    bin_reports,
    revisions,
    share_of_largest_binned,
    size_bins,
)
from twinprivacy.breaches.records import _share_of_largest
from twinprivacy.errors import DataError, ParameterError

NAN = np.nan
sizes_of_any_kind = st.lists(st.integers(500, 10**7), min_size=1, max_size=60)
fractions = st.floats(0.001, 0.999)
quick = settings(derandomize=True, max_examples=150, deadline=None)


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "year": [2010, 2010, 2011, 2011],
            "entity_type": ["provider", "health_plan", "provider", "provider"],
            "incident_type": ["theft", "theft", "loss", "hacking"],
            "size_low": [500, 629, 629, 5_000],
            "size_high": [629, 792, 792, 6_295],
            "n_breaches": [7, 2, 3, 1],
            "sum_individuals": [3_600, 1_400, 2_000, 6_000],
        }
    )


# Bins.


def test_bins_add_up_years_and_entities(table: pd.DataFrame) -> None:
    bins = size_bins(table)
    assert bins.bins.tolist() == [[629, 792], [5_000, 6_295]]
    assert bins.counts.tolist() == [2 + 3, 1]
    assert bins.totals.tolist() == [1_400 + 2_000, 6_000]
    assert bins.lower == 629


def test_bins_of_one_year_with_the_placeholders(table: pd.DataFrame) -> None:
    bins = size_bins(table, years=range(2010, 2011), drop_placeholder_bin=False)
    assert bins.counts.tolist() == [7, 2]
    assert bins.lower == 500


def test_bins_do_not_depend_on_the_order_of_rows(table: pd.DataFrame) -> None:
    turned, straight = size_bins(table[::-1]), size_bins(table)
    np.testing.assert_array_equal(turned.bins, straight.bins)
    np.testing.assert_array_equal(turned.counts, straight.counts)


def test_all_records_are_in_the_bins() -> None:
    facts = datasets.load("ocr_binned_sizes")
    bins = size_bins(facts, drop_placeholder_bin=False)
    assert bins.counts.sum() == facts["n_breaches"].sum()
    assert bins.totals.sum() == facts["sum_individuals"].sum()
    # Each exact sum lies between what its bin's ends allow.
    low, high = bins.bins.T
    assert (bins.counts * low <= bins.totals).all()
    assert (bins.totals < bins.counts * high).all()
    # The bins are a tenth of a decade wide and do not overlap.
    assert (high[:-1] <= low[1:]).all()


def test_exceedances_count_whole_bins(table: pd.DataFrame) -> None:
    bins = size_bins(table)
    # Between bins and beyond the last one no bin is cut.
    assert bins.exceedances([629, 792, 900, 5_000, 6_295, 1e9]).tolist() == [
        6,
        1,
        1,
        1,
        0,
        0,
    ]
    assert bins.exceedances(629).tolist() == [6]


@pytest.mark.parametrize("threshold", [500, 700, 5_001])
def test_exceedances_refuse_to_cut_a_bin(table: pd.DataFrame, threshold: int) -> None:
    message = (
        "thresholds must be at least lower = 629 and not lie within a bin; got "
        f"{threshold}"
    )
    with pytest.raises(ParameterError, match=f"^{message}$"):
        size_bins(table).exceedances([629, threshold])


def test_bins_above_a_threshold_start_there(table: pd.DataFrame) -> None:
    bins = size_bins(table).above(5_000)
    assert (bins.lower, bins.counts.tolist(), bins.totals.tolist()) == (
        5_000,
        [1],
        [6_000],
    )
    message = r"^threshold must be at most 5000, where the last bin starts; got 6000$"
    with pytest.raises(DataError, match=message):
        size_bins(table).above(6_000)


def test_no_breach_left(table: pd.DataFrame) -> None:
    message = r"^no breach is left in the chosen years and bins$"
    with pytest.raises(DataError, match=message):
        size_bins(table, years=range(1999, 2001))
    with pytest.raises(DataError, match=message):
        size_bins(table[table["size_low"] == 500])


# Shares of the largest.


def share_of_largest(sizes: list[int], *, fraction: float) -> float:
    return _share_of_largest(np.array(sizes, dtype=float), fraction=fraction)


def test_share_by_hand() -> None:
    # 10 breaches of 1 and 10 of 9: the largest quarter holds 5 * 9 of 100.
    sizes = [1] * 10 + [9] * 10
    assert share_of_largest(sizes, fraction=0.25) == 45 / 100
    # A broken number of breaches is rounded down, and one is the least.
    assert share_of_largest(sizes, fraction=0.29) == 45 / 100
    assert share_of_largest(sizes, fraction=0.01) == 9 / 100


def test_share_takes_the_breaches_that_are_meant() -> None:
    # 0.29 * 100 is 28.999999999999996 in binary; 29 of 100 equal breaches are meant.
    assert share_of_largest([3] * 100, fraction=0.29) == pytest.approx(0.29)
    one_bin = SizeBins(
        np.array([[500.0, 629]]), np.array([100.0]), np.array([5e4]), 500
    )
    assert share_of_largest_binned(one_bin, 0.29)["low"].item() == pytest.approx(0.29)


@quick
@given(sizes_of_any_kind, fractions)
def test_share_is_in_its_bounds(sizes: list[int], fraction: float) -> None:
    share = share_of_largest(sizes, fraction=fraction)
    n_largest = max(int(round(fraction * len(sizes), 9)), 1)
    assert n_largest / len(sizes) <= share * (1 + 1e-12)
    assert share <= 1
    assert share_of_largest(sizes[::-1], fraction=fraction) == share
    assert share_of_largest([2 * x for x in sizes], fraction=fraction) == share


def bin_exactly(sizes: list[int], edges: np.ndarray) -> SizeBins:
    """Bin sizes with their exact sums, leaving out empty bins as the data file does."""
    counts = np.histogram(sizes, edges)[0]
    totals = np.histogram(sizes, edges, weights=np.asarray(sizes, dtype=float))[0]
    bins = np.column_stack([edges[:-1], edges[1:]])
    kept = counts > 0
    return SizeBins(bins[kept], counts[kept] * 1.0, totals[kept], float(edges[0]))


@quick
@given(sizes_of_any_kind, fractions, st.sampled_from([0.05, 0.1, 0.5, 2.0, np.inf]))
def test_bounds_from_bins_hold_the_exact_share(
    sizes: list[int], fraction: float, width: float
) -> None:
    edges = np.array([500.0, np.inf])
    if np.isfinite(width):
        edges = np.append(500 * 10 ** np.arange(0, 4.4, width), np.inf)
    bounds = share_of_largest_binned(bin_exactly(sizes, edges), [fraction]).loc[0]
    exact = share_of_largest(sizes, fraction=fraction)
    assert bounds["low"] <= exact * (1 + 1e-12)
    assert exact <= bounds["high"] * (1 + 1e-12)
    assert bounds["low"] <= bounds["middle"] <= bounds["high"] <= 1 + 1e-12


def test_bounds_by_hand() -> None:
    # 2 breaches in [100, 200) with 250 people, 4 in [200, 400) with 1,000.
    bins = SizeBins(
        bins=np.array([[100.0, 200], [200, 400]]),
        counts=np.array([2.0, 4]),
        totals=np.array([250.0, 1_000]),
        lower=100,
    )
    rows = share_of_largest_binned(bins, [1 / 3, 4 / 6, 5 / 6])
    # 2 of 6: at least half of 1,000, at most 1,000 less 2 * 200 (below 2 * 400).
    # 4 of 6: the whole bin. 5 of 6: that and half of 250, or 250 less 100.
    assert (1_250 * rows["low"]).tolist() == pytest.approx([500, 1_000, 1_125])
    assert (1_250 * rows["high"]).tolist() == pytest.approx([600, 1_000, 1_150])
    assert rows["share_of_breaches"].tolist() == [1 / 3, 4 / 6, 5 / 6]


@pytest.mark.parametrize("fraction", [0, 1, -0.1])
def test_share_refuses_a_fraction(table: pd.DataFrame, fraction: float) -> None:
    with pytest.raises(
        ParameterError, match=r"^fractions must lie strictly in \(0, 1\); got "
    ):
        share_of_largest_binned(size_bins(table), [0.5, fraction])


# Yearly tables.


def test_annual_table_by_hand() -> None:
    reports = pd.DataFrame(
        {
            "year": [2021, 2020, 2020, 2020, 2020],
            "individuals": [700, 600, 1_000_000, 800, NAN],
        }
    )
    first, second = annual_table(reports).to_dict("records")
    assert first["year"] == 2020
    # A missing count is a report all the same.
    assert first["n_breaches"] == 4
    assert first["n_individuals"] == 600 + 1_000_000 + 800
    assert first["median_individuals"] == 800
    # Linear between 800 and a million, 8 tenths of the way.
    assert first["p90_individuals"] == pytest.approx(800 + 0.8 * (1_000_000 - 800))
    assert first["n_at_least_1m"] == 1
    assert first["share_of_largest_1pct"] == 1_000_000 / 1_001_400
    assert second["n_breaches"] == 1
    assert second["share_of_largest_1pct"] == 1


def test_annual_table_of_a_year_without_counts() -> None:
    reports = pd.DataFrame({"year": [2020, 2020], "individuals": [NAN, NAN]})
    (row,) = annual_table(reports).to_dict("records")
    assert row["n_breaches"] == 2
    assert row["n_individuals"] == 0
    assert np.isnan(row["median_individuals"])


def test_annual_table_of_nothing_is_empty() -> None:
    reports = pd.DataFrame({"year": [], "individuals": []})
    assert annual_table(reports).shape == (0, 7)


def test_annual_table_does_not_depend_on_the_order(rng: np.random.Generator) -> None:
    reports = pd.DataFrame(
        {
            "year": rng.integers(2010, 2015, 80),
            "individuals": rng.integers(500, 10**6, 80),
        }
    )
    pd.testing.assert_frame_equal(
        annual_table(reports.sample(frac=1, random_state=1)), annual_table(reports)
    )


def test_annual_table_names_the_missing_columns() -> None:
    message = (
        "reports must have the columns year, individuals once each; missing: year, "
        "individuals; repeated: none"
    )
    with pytest.raises(DataError, match=f"^{message}$"):
        annual_table(pd.DataFrame({"a": [1]}))


# Revisions.


def test_revisions_by_hand() -> None:
    totals = pd.DataFrame(
        {
            "year": pd.array([2015, 2015, 2015, 2016, None], dtype="Int64"),
            "series": ["portal_b", "portal_a", "journal", "portal_a", "portal_a"],
            "as_of": ["2020-01", "2017-01", "2018-01", "2017-01", "2017-01"],
            "breaches_500plus": [12, 10, 11, 9, 99],
            "individuals_affected": [150, 100, 120, 70, 999],
        }
    )
    table = revisions(totals)
    assert table["year"].tolist() == [2015, 2015]
    assert table["as_of"].tolist() == ["2017-01", "2020-01"]
    assert table["n_breaches"].tolist() == [10, 12]
    assert table["ratio"].tolist() == [1, 150 / 100]


def test_revisions_of_the_published_totals() -> None:
    table = revisions(datasets.load("ocr_annual_totals"))
    year = table[table["year"] == 2014]
    # Exports of 2017-08, 2020-08 and 2023-05 and the one preferred today.
    assert year["n_individuals"].tolist() == [12_682_073, *3 * [19_073_551]]
    assert year["ratio"].iloc[-1] == pytest.approx(19_073_551 / 12_682_073)
    assert (table.groupby("year")["ratio"].first() == 1).all()


def test_binning_the_portals_own_export_gives_the_published_counts(
    shared_data: Path,
) -> None:
    """Years that no later export revised must agree cell by cell."""
    file = shared_data / "hhs_breaches" / "breach_report_2023-05-01.csv.gz"
    ours = bin_reports(datasets.read_ocr_export(file))
    published = datasets.load("ocr_binned_sizes")
    for year in (2009, 2010, 2011, 2014, 2015):
        cells = [
            table[table["year"] == year]
            .sort_values(list(table.columns))
            .reset_index(drop=True)[list(published.columns)]
            .astype(object)
            for table in (ours, published)
        ]
        pd.testing.assert_frame_equal(*cells, check_dtype=False)


def test_bins_start_where_the_published_ones_do() -> None:
    published = datasets.load("ocr_binned_sizes")
    starts = sorted(published["size_low"].unique())
    reports = pd.DataFrame(
        {
            "year": 2020,
            "entity_type": "provider",
            "incident_type": "theft",
            "individuals": [*starts, *(published["size_high"] - 1)],
        }
    )
    ours = bin_reports(reports)
    assert sorted(ours["size_low"].unique()) == starts
    assert ours["n_breaches"].sum() == len(reports)
    assert ours["sum_individuals"].sum() == reports["individuals"].sum()


def test_reports_without_a_count_have_no_bin() -> None:
    reports = pd.DataFrame(
        {
            "year": [2020] * 3,
            "entity_type": "provider",
            "incident_type": "theft",
            "individuals": pd.array([None, 499, 500], dtype="Int64"),
        }
    )
    assert bin_reports(reports)["n_breaches"].tolist() == [1]
    message = re.escape(
        "reports must hold at least one count of 500 people or more; got none"
    )
    with pytest.raises(DataError, match=f"^{message}$"):
        bin_reports(reports.iloc[:2])
