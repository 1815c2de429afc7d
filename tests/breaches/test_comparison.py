"""Comparison of laws and the tail index: by hand, against the formulas, bad input."""

import re

import numpy as np
import pytest
from scipy import stats

from twinprivacy.breaches import SizeModel, compare_sizes, fit_size, tail_index
from twinprivacy.breaches.size import _vuong
from twinprivacy.errors import FitError, ParameterError

LOWER = 500.0


@pytest.fixture(scope="module")
def sizes() -> np.ndarray:
    drawn = np.random.default_rng(1_989).lognormal(8, 2, 900)
    return drawn[drawn >= LOWER]


def test_table_holds_each_fit_best_first(sizes: np.ndarray) -> None:
    table = compare_sizes(sizes)
    assert table["aic"].is_monotonic_increasing
    assert table["family"].iloc[0] == "lognormal"
    assert len(table) == 4
    for _, row in table.iterrows():
        model = fit_size(sizes, family=row["family"])
        assert row["aic"] == pytest.approx(model.aic)
        assert row["log_likelihood"] == pytest.approx(model.log_likelihood)
        assert row["n_parameters"] == model.n_parameters
        assert row["delta_aic"] == pytest.approx(model.aic - table["aic"].iloc[0])
    assert table[["vuong_z", "p_value"]].iloc[0].isna().all()
    assert (table["vuong_z"].iloc[1:] > 0).all()


def test_exact_table_does_not_depend_on_the_order(sizes: np.ndarray) -> None:
    turned = compare_sizes(sizes[::-1])
    table = compare_sizes(sizes)
    assert turned["family"].tolist() == table["family"].tolist()
    np.testing.assert_allclose(turned["aic"], table["aic"], rtol=1e-9)


def test_comparison_of_bins_counts_each_breach(sizes: np.ndarray) -> None:
    edges = LOWER * 10 ** (np.arange(60) / 10)
    bins = np.column_stack([edges[:-1], edges[1:]])
    counts = np.histogram(sizes, edges)[0]
    binned = compare_sizes(bins, counts=counts)
    repeated = compare_sizes(np.repeat(bins, counts, axis=0))
    np.testing.assert_allclose(binned["aic"], repeated["aic"], rtol=1e-9)
    np.testing.assert_allclose(
        binned["vuong_z"][1:], repeated["vuong_z"][1:], rtol=1e-5
    )


# Vuong (1989).


def vuong_test(
    first: SizeModel, second: SizeModel, sizes: object, counts: object = None
) -> tuple[float, float]:
    edges = np.asarray(sizes, dtype=float)[:, None]
    weights = np.ones(len(edges)) if counts is None else np.array(counts, dtype=float)
    return _vuong(first, second, edges, weights)


def test_vuong_by_hand() -> None:
    # Two Pareto laws, of index 1 and 2, held against three sizes u, 2u and 4u:
    # d = log(1/2) + log(x/u) = log 2 * (-1, 0, 1), mean 0, so z = 0 and p = 1.
    first = fit_size([LOWER * np.e], family="pareto")
    second = fit_size([LOWER * np.exp(0.5)], family="pareto")
    z, p_value = vuong_test(first, second, [500, 1_000, 2_000])
    assert z == pytest.approx(0, abs=1e-6)
    assert p_value == pytest.approx(1, abs=1e-6)
    # With the sizes u, 4u, 4u and 4u: d = log 2 * (-1, 1, 1, 1), mean log 2 / 2,
    # s = log 2 * sqrt(1 - 1/4), so z = sqrt(4) * (1/2) / sqrt(3/4) = 2 / sqrt(3).
    z, p_value = vuong_test(first, second, [500, 2_000], counts=[1, 3])
    assert z == pytest.approx(2 / np.sqrt(3), rel=1e-6)
    assert p_value == pytest.approx(2 * stats.norm.sf(2 / np.sqrt(3)), rel=1e-6)


def test_vuong_changes_its_sign_with_the_order(sizes: np.ndarray) -> None:
    one, other = (fit_size(sizes, family=f) for f in ("lognormal", "pareto"))
    z, p_value = vuong_test(one, other, sizes)
    assert z > 2
    assert vuong_test(other, one, sizes) == pytest.approx((-z, p_value))


def test_vuong_of_a_law_with_itself_says_nothing(sizes: np.ndarray) -> None:
    model = fit_size(sizes, family="pareto")
    assert vuong_test(model, model, sizes) == (0, 1)


# Hill (1975).


def test_tail_index_is_hills_estimator(sizes: np.ndarray) -> None:
    thresholds = [500, 5_000, 50_000]
    table = tail_index(sizes, thresholds=thresholds, confidence_level=0.9)
    z = stats.norm.ppf(0.95)
    for threshold, row in zip(thresholds, table.itertuples(), strict=True):
        tail = sizes[sizes >= threshold]
        hill = len(tail) / np.log(tail / threshold).sum()
        assert row.n_tail == len(tail)
        assert row.tail_index == pytest.approx(hill, rel=1e-8)
        assert row.low == pytest.approx(hill * np.exp(-z / np.sqrt(len(tail))), 1e-5)
        assert row.high == pytest.approx(hill * np.exp(z / np.sqrt(len(tail))), 1e-5)


def test_tail_index_of_bins_by_hand() -> None:
    # P(first bin) = 1 - 2^-a and 3 of 4 breaches lie there, so a = 2.
    table = tail_index(
        [[1_000, 2_000], [2_000, np.inf]], counts=[3, 1], thresholds=[1_000]
    )
    assert table.loc[0, "tail_index"] == pytest.approx(2, rel=1e-7)
    assert table.loc[0, "n_tail"] == 4


def test_tail_index_of_fine_bins_is_that_of_the_sizes(sizes: np.ndarray) -> None:
    edges = LOWER * 10 ** (np.arange(0, 6_001) / 1_000)
    bins = np.column_stack([edges[:-1], edges[1:]])
    counts = np.histogram(sizes, edges)[0]
    fine = tail_index(bins, counts=counts, thresholds=edges[[0, 1_000]])
    exact = tail_index(sizes, thresholds=edges[[0, 1_000]])
    np.testing.assert_allclose(fine["tail_index"], exact["tail_index"], rtol=1e-3)


@pytest.mark.parametrize(
    ("sizes", "threshold"),
    [
        ([611, 722], 9_000.0),
        ([[611, 722], [722, 999]], 700.0),
        ([[611, 722], [722, 999]], 722.5),
    ],
)
def test_tail_index_refuses_a_threshold(sizes: list[float], threshold: float) -> None:
    message = (
        "thresholds must be at most the largest size and, for bins, the start of a "
        f"bin; got {threshold:g}"
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        tail_index(sizes, thresholds=[threshold])


def test_tail_index_refuses() -> None:
    message = (
        "sizes must have shape (n,) for exact sizes or (n, 2) for bins, n >= 1; "
        "got (0,)"
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        tail_index([], thresholds=[500])
    message = r"^sizes must lie in the law's range; got 1 missing or infinite$"
    with pytest.raises(ParameterError, match=message):
        tail_index([611, np.nan], thresholds=[500])
    message = r"^lower must be finite and above 0; got 0.0$"
    with pytest.raises(ParameterError, match=message):
        tail_index([611, 722], thresholds=[0])
    message = r"^confidence_level must lie strictly in \(0, 1\); got 1$"
    with pytest.raises(ParameterError, match=message):
        tail_index([611, 722], thresholds=[500], confidence_level=1)
    message = (
        r"^sizes must take more values to determine tail_index; got 1 different exact "
        r"sizes$"
    )
    with pytest.raises(FitError, match=message):
        tail_index([611, 722], thresholds=[722])


def test_a_family_that_cannot_be_fitted_comes_last_and_empty() -> None:
    # Exact Pareto quantiles: the log-normal likelihood rises for ever towards them.
    ranks = (np.arange(2_000) + 0.5) / 2_000
    table = compare_sizes(500 * ranks ** (-1 / 0.7)).set_index("family")
    assert table.index[-1] == "lognormal"
    assert table.loc["lognormal"].isna().all()
    assert table.iloc[:-1]["aic"].notna().all()


def test_no_family_fits() -> None:
    message = (
        "none of the families fits: lognormal, pareto, truncated_pareto, "
        "generalised_pareto"
    )
    with pytest.raises(FitError, match=f"^{message}$"):
        compare_sizes([500.0, 500.0])
