"""Looked-up answers against the package's own, within the stated error of the grids."""

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings as checks, strategies as st

from twinprivacy.attacks.uniqueness import anonymity_sets
from twinprivacy.breaches import (
    ExposedShare,
    Programme,
    draw_programmes,
    exact_annual_loss,
    exceedance_band,
)
from twinprivacy.errors import ParameterError
from twinprivacy.explorer.grids import BANDED, read_grids
from twinprivacy.explorer.interpolation import (
    BASES,
    QUANTITIES,
    Setting,
    evaluate,
    exceedance_curve,
)
from twinprivacy.explorer.losses import view_components
from twinprivacy.people import MODALITIES, simulate_cohort

REPOSITORY = Path(__file__).parents[2]
GRIDS = read_grids(REPOSITORY / "book/_static/explorer-grids.json")
ALL_KINDS = tuple(GRIDS["kinds"])
SETTINGS = (
    Setting(),
    Setting(people=3_000, kinds=ALL_KINDS, rate=0.3, exposed=1.0, view="survey"),
    Setting(people=7_000_000, kinds=(), rate=0.004, exposed=0.1),
    Setting(people=150, kinds=("genome",), rate=0.9, exposed=0.8, view="survey"),
)
quick = checks(derandomize=True, max_examples=40, deadline=None)
settings = st.builds(
    Setting,
    people=st.integers(100, 1_000_000),
    kinds=st.sets(st.sampled_from(ALL_KINDS)).map(tuple),
    days=st.floats(1, 28),
    decimals=st.sampled_from(GRIDS["ranges"]["decimals"]),
    width=st.sampled_from(GRIDS["ranges"]["widths"]),
    rate=st.floats(0.001, 1),
    exposed=st.floats(0.01, 1),
    view=st.sampled_from(["insured claims", "survey"]),
)


def value_of(setting: Setting, quantity: str) -> float:
    found = evaluate(GRIDS, setting).set_index("quantity")["value"]
    return float(found[quantity])


def programme_of(setting: Setting) -> Programme:
    return Programme(
        name="mine",
        n_people=setting.people,
        kinds_of_data=setting.kinds,
        breaches_per_year=setting.rate,
        share_exposed=ExposedShare.fixed(setting.exposed),
        components=(view_components()[setting.view],),
    )


@pytest.mark.parametrize("setting", SETTINGS)
def test_loss_is_the_packages_own(setting: Setting) -> None:
    loss = exact_annual_loss(programme_of(setting))
    error = GRIDS["loss"][setting.view]["interpolation_error"]

    curve = exceedance_curve(GRIDS, setting)
    shown = curve[curve["chance"] >= 2e-4]
    truth = loss.exceedance(shown["loss_usd"])
    assert np.abs(shown["chance"] / truth - 1).max() <= error

    assert value_of(setting, "mean_year") == pytest.approx(loss.mean_usd, rel=2e-3)
    # A curve that is off by the error crosses one in two hundred between these.
    low, high = (loss.quantile(1 - 0.005 * (1 + side)) for side in (error, -error))
    assert low * 0.999 <= value_of(setting, "bad_year") <= high * 1.001
    per_person = loss.mean_usd / setting.people
    assert value_of(setting, "person_year") == pytest.approx(per_person, rel=2e-3)


def test_band_is_of_drawn_programmes() -> None:
    # Other draws than those of the grids: 60 against 200, so the ends vary.
    setting = Setting(people=20_000, kinds=ALL_KINDS, rate=0.1, exposed=0.5)
    drawn = draw_programmes(programme_of(setting), 60, rng=np.random.default_rng(7))
    curve = exceedance_curve(GRIDS, setting).query("1e5 <= loss_usd <= 3e6")
    band = exceedance_band(drawn, curve["loss_usd"])
    for side in ("low", "high"):
        off = np.log(curve[side].to_numpy() / band[side].to_numpy())
        assert np.abs(off).max() < 0.15
    width = np.log(curve["high"] / curve["low"])
    assert width.max() > 0.5  # so the test can tell a band from a line


def test_rarer_than_a_bad_year_costs_nothing_in_it() -> None:
    found = evaluate(GRIDS, Setting(rate=0.004)).set_index("quantity").loc["bad_year"]
    assert tuple(found[["value", "low", "high"]]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("kinds", "width"),
    [
        (("demographics",), 1),
        (("demographics", "history"), 5),
        (("genome", "daily habits"), 1),
        (("laboratory",), 20),
        (ALL_KINDS, 20),
    ],
)
def test_uniqueness_of_another_store(
    store: pd.DataFrame, kinds: tuple[str, ...], width: int
) -> None:
    banded = store.assign(**(store[[*BANDED]].round() // width))
    names = [name for kind in kinds for name in MODALITIES[kind]]
    truth = anonymity_sets(banded, names).share_interval()
    setting = Setting(people=20_000, kinds=kinds, width=width)
    error = GRIDS["uniqueness"]["interpolation_error"] + truth.high - truth.low
    assert value_of(setting, "unique") == pytest.approx(truth.value, abs=error)


@pytest.fixture(scope="module")
def store() -> pd.DataFrame:
    return simulate_cohort(20_000, rng=np.random.default_rng(20_001))


def test_linkage_agrees_with_the_chapter() -> None:
    # Chapter 8's 600 people, drawn apart: the intervals of the two meet.
    published = pd.read_csv(
        REPOSITORY / "book/figures/fingerprint-people/fingerprint-people.csv"
    )
    crowd = published[published["series"] == "600 people"].set_index("volume")
    for people, basis in (
        (100, "measured"),
        (300, "measured"),
        (10_000, "extrapolated"),
    ):
        found = evaluate(GRIDS, Setting(people=people, days=14))
        row = found.set_index("quantity").loc["linked"]
        there = crowd.loc[people]
        assert row["low"] <= there["high"]
        assert row["high"] >= there["low"]
        assert row["basis"] == basis


@quick
@given(settings, settings)
def test_monotone_in_what_theory_says(one: Setting, two: Setting) -> None:
    for name, quantity, rises in (
        ("people", "mean_year", True),
        ("people", "unique", False),
        ("people", "linked", False),
        ("days", "linked", True),
        ("width", "unique", False),
        ("decimals", "smoking_bits", True),
        ("decimals", "VKORC1_bits", True),
        ("rate", "mean_year", True),
        ("rate", "bad_year", True),
        ("exposed", "bad_year", True),
    ):
        ends = sorted(getattr(each, name) for each in (one, two))
        low, high = (value_of(replace(one, **{name: end}), quantity) for end in ends)
        # Four digits of the tables: a level stretch may waver by the last.
        slack = 2e-3 * max(abs(low), abs(high), 0.05)
        assert (high - low if rises else low - high) >= -slack, (name, quantity)


@quick
@given(settings, st.sampled_from(ALL_KINDS))
def test_more_kinds_make_nobody_less_unique(setting: Setting, kind: str) -> None:
    more = replace(setting, kinds=tuple({*setting.kinds, kind}))
    assert value_of(more, "unique") >= value_of(setting, "unique") - 1e-3


@quick
@given(settings)
def test_every_value_lies_in_its_interval_and_names_it(setting: Setting) -> None:
    found = evaluate(GRIDS, setting)
    assert list(found["quantity"]) == [quantity.name for quantity in QUANTITIES]
    slack = 1e-3 * found["value"].abs() + 1e-12
    assert (found["low"] <= found["value"] + slack).all()
    assert (found["value"] <= found["high"] + slack).all()
    assert (found["interval"].str.len() > 0).all()
    assert set(found["basis"]) <= set(BASES)
    curve = exceedance_curve(GRIDS, setting)
    for column in ("chance", "low", "high"):
        # Chances below a millionth are not resolved.
        resolved = curve.loc[curve[column] > 2e-6, column]
        # Level stretches waver by the fourth digit of the tables.
        assert (resolved.diff().dropna() <= 1e-3 * resolved.iloc[1:]).all()
        assert curve[column].between(0, 1).all()


def test_what_is_not_measured_is_said() -> None:
    found = evaluate(GRIDS, Setting(people=2_000_000)).set_index("quantity")
    assert found.loc["unique", "basis"] == "at most"
    assert math.isnan(found.loc["linked", "value"])
    assert found.loc["linked", "basis"] == "not measured"
    few = evaluate(GRIDS, Setting(people=100, exposed=0.5)).set_index("quantity")
    assert few.loc["mean_year", "basis"] == "few exposed"


def test_nothing_known_makes_nobody_unique() -> None:
    assert value_of(Setting(kinds=()), "unique") == 0


def test_all_digits_and_all_data_tell_almost_everything() -> None:
    # PREVENT is public: with its other inputs known, the risk has one smoking status.
    found = evaluate(GRIDS, Setting(kinds=ALL_KINDS, decimals=3))
    row: Any = found.set_index("quantity").loc["smoking_bits"]
    whole = GRIDS["inference"]["smoking"]["bits_value"]["values"]
    assert row["value"] == max(whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"people": 99}, "people must lie in [100, 1e+07]; got 99"),
        ({"days": 29}, "days must lie in [1, 28]; got 29"),
        ({"rate": 2.0}, "rate must lie in [0.001, 1]; got 2.0"),
        ({"exposed": 0.0}, "exposed must lie in [0.01, 1]; got 0.0"),
        ({"rate": math.nan}, "rate must lie in [0.001, 1]; got nan"),
        ({"decimals": 4}, "decimals must be one of [-1, 0, 1, 2, 3]; got 4"),
        ({"width": 2}, "width must be one of [1, 5, 10, 20]; got 2"),
        (
            {"kinds": ("dreams",)},
            "kinds must be one of 'demographics', 'history', 'laboratory', 'genome', "
            "'daily habits'; got 'dreams'",
        ),
        (
            {"view": "guess"},
            "view must be one of 'insured claims', 'survey'; got 'guess'",
        ),
    ],
)
def test_settings_outside_the_grids(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        evaluate(GRIDS, Setting(**change))
