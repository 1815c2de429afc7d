"""What chapter 2 finds: signs, orders and published values, from its own files."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from twinprivacy import datasets
from twinprivacy.breaches import fit_size, size_bins

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "book" / "figures"


def figure(figure_id):
    return pd.read_csv(FIGURES / figure_id / f"{figure_id}.csv")


def prose():
    """Return what the chapter handed to its sentences, by name."""
    notebook = json.loads((ROOT / "book" / "02_breaches.ipynb").read_text())
    outputs = [
        output
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if "scrapbook" in output.get("metadata", {})
    ]
    return {
        output["metadata"]["scrapbook"]["name"]: "".join(
            output["data"]["application/papermill.record/text/plain"]
        ).strip("'")
        for output in outputs
    }


def test_counts_are_the_preferred_series():
    totals = datasets.load("ocr_annual_totals")
    totals = totals[totals["preferred"] & (totals["year"] < 2026)]
    drawn = figure("breach-frequency").set_index("year")["n_breaches"]
    assert drawn.to_dict() == totals.set_index("year")["breaches_500plus"].to_dict()
    assert drawn[2015] == 270


def test_reports_grow_and_the_years_in_the_fit_are_full():
    data = figure("breach-frequency").set_index("year")
    assert data["fitted"].sum() == 15
    assert not data["fitted"][[2009, 2025]].any()
    assert data["expected"].is_monotonic_increasing
    fitted = data[data["fitted"]]
    inside = fitted["n_breaches"].between(fitted["low"], fitted["high"])
    assert inside.mean() >= 14 / 15  # a band for 19 of 20


def test_log_normal_law_is_best_and_close_to_what_was_seen():
    data = figure("breach-sizes")
    best = data[data["best"]]
    assert set(best["series"]) == {"lognormal"}
    seen = data[data["series"] == "observed"].set_index("n_individuals")["exceedance"]
    assert seen.is_monotonic_decreasing
    million = best.iloc[(best["n_individuals"] - 1e6).abs().argmin()]
    nearest = seen.iloc[(seen.index - million["n_individuals"]).map(abs).argmin()]
    assert million["exceedance"] == pytest.approx(nearest, rel=0.2)


def test_tail_index_rises_with_the_threshold():
    data = figure("breach-tail-index")
    assert data["tail_index"].corr(data["threshold_individuals"], "spearman") > 0.95
    assert data["tail_index"].iloc[0] < 1 < data["tail_index"].iloc[-1]
    # Published for the top tenth of 2009 to 2024, exact sizes: the same region.
    published = datasets.load("ocr_size_distribution").query("group_kind == 'all'")
    near = data.iloc[(data["threshold_individuals"] - 89_017).abs().argmin()]
    assert near["tail_index"] == pytest.approx(
        published["hill_alpha_top10pct"].item(), abs=0.05
    )


def test_share_of_the_largest_agrees_with_the_published():
    published = datasets.load("ocr_size_distribution").query("group_kind == 'all'")
    data = figure("breach-concentration").set_index("share_of_breaches")
    assert data.loc[0.01, "middle"] == pytest.approx(
        published["share_from_top_1pct"].item(), abs=0.005
    )
    assert (data["high"] - data["low"]).max() < 0.02
    assert data["middle"].is_monotonic_increasing


def test_hacking_replaced_theft():
    shares = figure("breach-kinds").set_index(["kind", "year"])["share"]
    assert shares["theft", 2010] > 0.5 > shares["theft", 2024]
    assert shares["hacking", 2010] < 0.1
    assert shares["hacking", 2024] > 0.75


def test_return_periods_grow_and_the_laws_part_beyond_what_was_seen():
    data = figure("breach-return-periods")
    laws = {
        name: part.set_index("n_individuals")["years"]
        for name, part in data.groupby("series")
    }
    for name in ("lognormal", "generalised_pareto"):
        assert laws[name].is_monotonic_increasing
    ratio = laws["lognormal"] / laws["generalised_pareto"]
    assert ratio[ratio.index < 3e6].between(0.8, 1.25).all()
    assert ratio.iloc[-1] > 4


def test_the_models_of_the_past_promise_too_few_large_breaches():
    data = figure("breach-out-of-time")
    middle = data[data["n_individuals"].between(1e4, 2e6)]
    assert (middle["observed"] > middle["high"]).all()
    smallest = data.iloc[0]
    assert smallest["low"] <= smallest["observed"] <= smallest["high"]


def test_revisions_start_at_one_and_2014_moved_most():
    data = figure("breach-revisions")
    assert (data.groupby("year")["ratio"].first() == 1).all()
    last = data.groupby("year")["ratio"].last()
    assert last.idxmax() == 2014
    # 19,073,551 people after 12,682,073: published vintages of the same year.
    assert last.max() == pytest.approx(19_073_551 / 12_682_073, rel=1e-5)


def test_every_sentence_gets_its_number():
    notebook = json.loads((ROOT / "book" / "02_breaches.ipynb").read_text())
    text = "".join(
        "".join(cell["source"])
        for cell in notebook["cells"]
        if cell["cell_type"] == "markdown"
    )
    wanted = set(re.findall(r"\{glue:text\}`(\w+)`", text))
    assert wanted == set(prose())


def test_sensitivity_placeholder_bin_moves_the_answer_little():
    """With and without the first bin the share of million-person breaches agrees."""
    table = datasets.load("ocr_binned_sizes")
    shares = []
    for drop in (True, False):
        part = size_bins(table, years=range(2010, 2025), drop_placeholder_bin=drop)
        law = fit_size(
            part.bins, family="lognormal", lower=part.lower, counts=part.counts
        )
        # Per breach of 500 people or more in both cases.
        shares.append(law.exceedance_probability(1e6).value * part.counts.sum())
    assert shares[0] == pytest.approx(shares[1], rel=0.15)
