"""What chapter 4 finds: what moves a programme's year, and what does not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twinprivacy import datasets
from twinprivacy.breaches import published_component

FIGURES = Path(__file__).parents[2] / "book" / "figures"
CLAIMS = published_component("dbir2015_loglog")


def figure(figure_id):
    return pd.read_csv(FIGURES / figure_id / f"{figure_id}.csv")


def test_views_keep_their_order_and_lie_in_their_bands():
    data = figure("programme-annual-loss")
    for _, curve in data.groupby("series"):
        assert curve["chance"].is_monotonic_decreasing
        inside = curve["chance"].between(curve["low"], curve["high"])
        assert inside.mean() > 0.95
    chance = data.pivot_table("chance", index="loss_usd", columns="series")
    million = chance.loc[1e6:].iloc[0]
    assert million["survey"] > million["insured claims"] > million["public amounts"]


def rates():
    """Return the ends of the breach rate from the published counts."""
    hospitals = datasets.load("organisations").set_index("measure_id")["value"]
    years = hospitals["bai2017_years"] * hospitals["aha2020_hospitals"]
    return hospitals["bai2017_breaches"] / years, -np.log1p(-0.093)


def test_chance_of_any_loss_lies_between_the_published_rates():
    data = figure("programme-annual-loss").query("series == 'survey'")
    low, high = rates()
    # A survey's breach costs far more than the smallest loss drawn.
    first = -np.log1p(-data["chance"].iloc[0])
    assert 1.5 * low < first < high / 5


def test_what_the_keeper_knows_least_moves_the_loss_most():
    data = figure("programme-tornado").set_index("name")
    span = data["high"] / data["low"]
    assert list(span.index[:2]) == ["cost of one breach", "breaches a year"]
    assert span["cost of one breach"] > 20
    assert span["effect of kinds"] < 2.5
    # Linear in the rate; a power below one in the people.
    assert span["breaches a year"] == pytest.approx(rates()[1] / rates()[0], rel=1e-4)
    assert span["people"] == pytest.approx(100**CLAIMS.elasticity, rel=0.01)
    assert ((data["low"] < data["base"]) & (data["base"] < data["high"])).all()


def test_kinds_of_data_may_lower_or_raise_the_loss():
    row = figure("programme-tornado").set_index("name").loc["effect of kinds"]
    assert row["low"] < row["base"] < row["high"]


def test_stores_help_only_if_attacks_do_not_multiply():
    data = figure("programme-stores").set_index(["series", "n_stores"])["relative_loss"]
    b = CLAIMS.elasticity
    for stores in (2, 10, 50):
        assert data["no more attacks", stores] == pytest.approx(stores**-b, rel=0.01)
        assert data["each as often as before", stores] == pytest.approx(
            stores ** (1 - b), rel=0.01
        )


def test_victims_lose_far_more_than_keepers_pay_for_each_person():
    data = figure("breach-harm")
    lost = data[data["name"].str.startswith("lost: ")]
    paid = data[data["name"].str.startswith("paid: ")]
    assert len(lost) == 6
    assert len(paid) == 4
    assert lost["value"].min() > 10 * paid["value"].max()
    assert lost["low"].isna().all()  # the sources print no interval, nor do we
    assert (paid["low"] < paid["value"]).all()
    assert (paid["value"] < paid["high"]).all()
