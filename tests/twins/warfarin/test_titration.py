"""Titration: the protocol by hand, time in range by hand, and what a start is worth."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from twinprivacy import datasets
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.estimates import mean_interval
from twinprivacy.people import simulate_cohort
from twinprivacy.twins.warfarin import (
    Titration,
    TitrationProtocol,
    compare_starts,
    load_protocol,
    predict_dose,
    simulate_dose,
    simulate_inr,
    simulate_titration,
    steady_state_dose,
    time_in_range,
    titration_measures,
)
from twinprivacy.twins.warfarin.protocol import decide
from twinprivacy.twins.warfarin.titration import compare_period

NONE = np.nan


def people(n: int = 1, vkorc1: str = "A/G", cyp2c9: str = "*1/*1") -> pd.DataFrame:
    return pd.DataFrame(
        {"age_years": [71] * n, "vkorc1": [vkorc1] * n, "cyp2c9": [cyp2c9] * n}
    )


def exact(**changes: Any) -> TitrationProtocol:
    """Return the published protocol with INRs measured without error."""
    return replace(load_protocol(early_visit_days=()), measurement_sd=0.0, **changes)


def visited(start: float, stable: float, days: int, **changes: Any) -> Titration:
    return simulate_titration(
        people(),
        start,
        stable_dose_mg_per_week=stable,
        days=days,
        protocol=exact(**changes),
        rng=np.random.default_rng(1),
    )


# Time in range, by hand.


@pytest.mark.parametrize(
    ("inr", "share"),
    [
        # From 1 to 3 in two days: above 2 in the second. Then one day at 3.
        ([1.0, NONE, 3.0, 3.0], (1 + 1) / 3),
        # Up through the range in one day, from 1.5 to 3.5: half the way is inside.
        ([1.5, 3.5], (3 - 2) / (3.5 - 1.5)),
        # Days before the first and after the last value do not count.
        ([NONE, 2.5, 2.5, NONE], 1.0),
        ([2.0, 2.0], 1.0),
        ([1.0, 1.5, 1.9], 0.0),
    ],
)
def test_time_in_range_by_hand(inr: list[float], share: float) -> None:
    np.testing.assert_allclose(time_in_range([inr]), [share], rtol=1e-14)


def test_fewer_than_two_values_have_no_time() -> None:
    found = time_in_range([[NONE, 2.5, NONE], [NONE, NONE, NONE], [2.5, 2.5, 2.5]])
    np.testing.assert_array_equal(found, [np.nan, np.nan, 1.0])


def test_value_after_the_period_says_how_the_line_goes() -> None:
    # From 2 on day 0 to 4 on day 4: in range until day 2.
    inr = [[2.0, NONE, NONE, NONE, 4.0]]
    assert time_in_range(inr, days=2).item() == 1.0
    assert time_in_range(inr, days=3).item() == pytest.approx(2 / 3)
    assert time_in_range(inr).item() == 0.5


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(1, 8, width=32), min_size=2, max_size=12),
    st.floats(1.5, 3, width=32),
)
def test_bands_share_all_of_the_time(inr: list[float], cut: float) -> None:
    """Ends of bands are passed in no time, unless the INR rests on one."""
    shares = [
        time_in_range([inr], low=low, high=high).item()
        for low, high in ((0, cut), (cut, 4.5), (4.5, np.inf))
    ]
    rests = sum(a == b and a in (cut, 4.5) for a, b in pairwise(inr))
    assert sum(shares) == pytest.approx(1 + rests / (len(inr) - 1))
    assert all(0 <= share <= 1 for share in shares)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(1, 8), min_size=3, max_size=8))
def test_fine_steps_come_to_the_same_share(inr: list[float]) -> None:
    """Against counting on a fine grid of the same straight lines."""
    grid = np.linspace(0, len(inr) - 1, 20_001)
    line = np.interp(grid, np.arange(len(inr)), inr)
    counted = ((line >= 2) & (line <= 3)).mean()
    assert time_in_range([inr]).item() == pytest.approx(counted, abs=2e-3)


# The protocol.


def test_published_table() -> None:
    """As in the data file: eight rows, and the log residual of Hamberg (2010)."""
    protocol = load_protocol()
    assert [zone.name for zone in protocol.zones] == [
        "action low",
        "red low",
        "yellow low",
        "green",
        "yellow high",
        "red high",
        "red high",
        "action high",
    ]
    assert protocol.measurement_sd == 0.2
    assert protocol.early_visit_days == (3, 5)
    assert protocol.zones[3].first_dose_factor == 1.0


def test_low_inr_doubles_one_dose_and_raises_the_rest() -> None:
    found = visited(14.0, 70.0, 20)
    assert found.inr[0, 8] < 1.6
    dose = found.dose_mg_per_week[0]
    np.testing.assert_allclose(dose[:8], 14)
    # Day 8: twice the old dose, then 10 % more, and an INR after 5 days.
    assert dose[8] == pytest.approx(2 * 14)
    np.testing.assert_allclose(dose[9:13], 14 * 1.1)
    assert found.visits["day"].tolist()[:3] == [0, 8, 13]
    # Day 13: low again, so the next is after 14 days.
    assert found.inr[0, 13] < 1.6
    assert dose[13] == pytest.approx(2 * 14 * 1.1)
    np.testing.assert_allclose(dose[14:], 14 * 1.1**2)
    assert found.visits["day"].tolist() == [0, 8, 13]


def test_inr_in_range_changes_nothing() -> None:
    found = visited(35.0, 35.0, 80)
    np.testing.assert_allclose(found.dose_mg_per_week, 35)
    # After 14 days at first, then after 28.
    assert found.visits["day"].tolist() == [0, 8, 22, 50, 78]


def test_high_inr_is_held_until_it_falls() -> None:
    found = visited(105.0, 28.0, 40)
    dose, inr = found.dose_mg_per_week[0], found.inr[0]
    assert inr[8] >= 5
    visits = found.visits["day"].tolist()[1:]
    resumed = next(day for day in visits if inr[day] < 3.4)
    # Every second day until then, without a dose, and 15 % less from then on.
    assert visits[: visits.index(resumed) + 1] == list(range(8, resumed + 1, 2))
    np.testing.assert_array_equal(dose[8:resumed], 0)
    np.testing.assert_allclose(dose[resumed : resumed + 7], 0.85 * 105)
    assert visits[visits.index(resumed) + 1] == resumed + 7


def test_who_was_held_and_resumed_is_held_no_more() -> None:
    found = visited(105.0, 28.0, 36)
    dose, inr = found.dose_mg_per_week[0], found.inr[0]
    # Held twice, the second time until day 23; on day 30 an INR of 4 to 5, for which
    # one dose is left out and the rest are cut by a tenth.
    assert found.visits["day"].tolist() == [0, 8, 10, 12, 19, 21, 23, 30]
    assert 4 <= inr[30] < 5
    assert dose[30] == 0
    np.testing.assert_allclose(dose[31:], 0.9 * 0.85**2 * 105)


def test_held_until_below_the_lowest_red_row() -> None:
    """3.4 is where red begins; a low INR resumes the lasting dose, not a double one."""
    found = decide(
        load_protocol(),
        np.array([3.5, 3.3, 1.2]),
        np.full(3, 6),
        np.ones(3, dtype=bool),
        20,
    )
    assert found.holding.tolist() == [True, False, False]
    assert found.dose_factor.tolist() == [1, 0.85, 0.85]
    assert found.n_first_doses.tolist() == [2, 0, 0]
    assert found.days_to_next.tolist() == [2, 7, 7]


def test_low_inr_of_an_early_day_is_no_earlier_zone() -> None:
    # Low on days 3 and 5 as on day 8, from which the next is after 5 days, not 14.
    found = visited(14.0, 70.0, 14, early_visit_days=(3, 5))
    assert found.visits["day"].tolist() == [0, 3, 5, 8, 13]


@pytest.mark.parametrize(
    ("start", "low", "high", "factor"), [(70.0, 3.4, 4.0, 0.5), (84.0, 4.0, 5.0, 0.0)]
)
def test_red_zone_cuts_one_dose_and_the_rest_by_a_tenth(
    start: float, low: float, high: float, factor: float
) -> None:
    found = visited(start, 35.0, 12)
    assert low <= found.inr[0, 8] < high
    assert found.dose_mg_per_week[0, 8] == pytest.approx(factor * start)
    np.testing.assert_allclose(found.dose_mg_per_week[0, 9:], 0.9 * start)


def test_early_days_only_lower_doses() -> None:
    low = visited(14.0, 70.0, 8, early_visit_days=(3, 5))
    np.testing.assert_allclose(low.dose_mg_per_week, 14)
    assert low.visits["day"].tolist() == [0, 3, 5, 8]
    high = visited(105.0, 14.0, 8, early_visit_days=(3, 5))
    assert high.inr[0, 3] >= 5
    np.testing.assert_array_equal(high.dose_mg_per_week[0, 3:5], 0)


# The course.


def test_course_is_that_of_the_doses_taken() -> None:
    """A person who needs the typical dose follows `simulate_inr` exactly."""
    typical = steady_state_dose(people()).item() * 7
    found = visited(60.0, typical, 60)
    course = simulate_inr(people(), found.dose_mg_per_week / 7, days=60)
    np.testing.assert_allclose(found.inr, course, rtol=1e-12)


def test_who_needs_twice_the_dose_responds_to_half() -> None:
    typical = steady_state_dose(people()).item() * 7
    twice = visited(2 * typical, 2 * typical, 60)
    once = visited(typical, typical, 60)
    np.testing.assert_allclose(twice.inr, once.inr, rtol=1e-9)
    np.testing.assert_allclose(twice.dose_mg_per_week, 2 * once.dose_mg_per_week)


def test_stable_dose_ends_at_the_target() -> None:
    # The closed form spreads the dose over the day: within 0.005 before a dose.
    found = visited(20.0, 20.0, 120)
    assert found.inr[0, -1] == pytest.approx(2.5, abs=0.005)


def test_measured_inr_scatters_as_told() -> None:
    found = simulate_titration(
        people(4_000),
        35,
        stable_dose_mg_per_week=35,
        days=8,
        protocol=load_protocol(early_visit_days=()),
        rng=np.random.default_rng(2),
    )
    ratio = np.log(found.measured_inr[:, 8] / found.inr[:, 8])
    # Four standard errors: 0.2 / sqrt(4000) and 0.2 / sqrt(8000).
    assert abs(ratio.mean()) < 4 * 0.2 / np.sqrt(4_000)
    assert abs(ratio.std() - 0.2) < 4 * 0.2 / np.sqrt(8_000)


def test_longer_simulation_begins_the_same() -> None:
    short, long = (
        simulate_titration(
            people(5),
            50,
            stable_dose_mg_per_week=20,
            days=days,
            rng=np.random.default_rng(3),
        )
        for days in (30, 60)
    )
    np.testing.assert_array_equal(short.inr, long.inr[:, :31])
    np.testing.assert_array_equal(short.measured_inr, long.measured_inr[:, :31])


def test_same_seed_same_course_and_threads_do_not_matter() -> None:
    import numba

    cohort = simulate_cohort(
        40, rng=np.random.default_rng(4), population="warfarin_patients"
    )
    usual = numba.get_num_threads()
    found = []
    for threads in (1, usual):
        numba.set_num_threads(threads)
        found.append(
            simulate_titration(cohort, 35, days=40, rng=np.random.default_rng(5))
        )
    numba.set_num_threads(usual)
    np.testing.assert_array_equal(found[0].inr, found[1].inr)
    np.testing.assert_array_equal(
        found[0].stable_dose_mg_per_week, found[1].stable_dose_mg_per_week
    )


def test_measures_do_not_depend_on_the_order_of_people() -> None:
    found = simulate_titration(
        people(30),
        np.linspace(10, 80, 30),
        stable_dose_mg_per_week=30,
        rng=np.random.default_rng(6),
    )
    turned = Titration(
        found.inr[::-1],
        found.measured_inr[::-1],
        found.dose_mg_per_week[::-1],
        found.stable_dose_mg_per_week[::-1],
    )
    pd.testing.assert_frame_equal(
        titration_measures(found), titration_measures(turned), rtol=1e-12
    )


def test_repr_and_visits() -> None:
    found = visited(35.0, 35.0, 30)
    assert repr(found) == "Titration(n=1, days=30)"
    assert list(found.visits.columns) == ["person", "day", "measured_inr"]


def test_needs_are_those_of_simulate_dose_and_no_less_than_half_a_milligram() -> None:
    cohort = simulate_cohort(
        2_000, rng=np.random.default_rng(12), population="warfarin_patients"
    )
    found = simulate_titration(cohort, 35, days=1, rng=np.random.default_rng(13))
    drawn = simulate_dose(cohort, rng=np.random.default_rng(13).spawn(2)[0])
    assert drawn.min() < 5
    np.testing.assert_array_equal(found.stable_dose_mg_per_week, np.maximum(drawn, 0.5))


# What a start is worth.


def by_hand(*inr: list[float], measured: Any = None, dose: float = 35.0) -> Titration:
    """Return a titration of people with these INRs, all on one dose."""
    true = np.array(inr)
    seen = true if measured is None else np.array(measured)
    given = np.full((len(true), true.shape[1] - 1), dose)
    return Titration(true, seen, given, np.full(len(true), 35.0))


def shares_by_hand(
    mine: Titration, usual: Titration, days: int = 20, margin_days: float = 7.0
) -> pd.DataFrame:
    table = compare_period(
        {"usual": usual, "mine": mine},
        days,
        reference="usual",
        margin_days=margin_days,
        confidence_level=0.95,
    )
    return table[table["start"] == "mine"].set_index("measure")


def test_hurt_and_helped_by_hand() -> None:
    usual = by_hand(*[[3.5] * 21] * 4)
    mine = by_hand(
        # Twenty days more above 4, in range as long: hurt.
        [5.0] * 21,
        # Ten days more in range, nine above 4: hurt, so not helped.
        [2.5] * 11 + [5.0] * 10,
        # Some ten days more in range: helped.
        [2.5] * 11 + [3.5] * 10,
        # Five of twenty days more in range are less than a week.
        [2.5] * 6 + [3.5] * 15,
    )
    found = shares_by_hand(mine, usual)["value"]
    assert found["share_hurt"] == 2 / 4
    assert found["share_helped"] == 1 / 4
    # The same the other way about.
    turned = shares_by_hand(usual, mine)["value"]
    assert turned["share_hurt"] == 1 / 4 + 1 / 4
    assert turned["share_helped"] == 1 / 4


def test_below_2_is_below_2() -> None:
    found = titration_measures(by_hand([1.95] * 21, [2.05] * 21), days=[20])
    shares = found.set_index("measure")["value"]
    assert shares["share_below_2"] == shares["share_in_range"] == 0.5


def test_who_was_not_measured_twice_is_left_out_of_what_is_measured() -> None:
    seen = [[2.5] * 21, [2.5] * 21, [2.5] + [NONE] * 20]
    usual = by_hand(*[[3.5] * 21] * 3)
    mine = by_hand(*[[3.5] * 21] * 3, measured=seen, dose=36)
    found = shares_by_hand(mine, usual).loc["measured_share_in_range"]
    assert (found["n"], found["value"], found["difference"]) == (2, 1, 1)


def test_bounds_of_a_share_are_shares() -> None:
    # One of five is above 4 for all of the time: Student's interval would go to -0.36.
    usual = by_hand(*[[3.5] * 21] * 5)
    mine = by_hand([5.0] * 21, *[[3.5] * 21] * 4, dose=36)
    found = shares_by_hand(mine, usual).loc["share_above_4"]
    assert (found["low"], found["value"]) == (0, 0.2)
    assert found["high"] == pytest.approx(0.2 + 2.776 * 0.2, abs=1e-3)
    most = by_hand(*[[5.0] * 21] * 4, [3.5] * 21, dose=36)
    found = shares_by_hand(usual, most).loc["share_above_4"]
    assert found["difference_low"] == -1
    assert titration_measures(most, days=[20])["high"].max() == 1


def test_nobody_who_differs_tells_nothing_of_others() -> None:
    usual, mine = by_hand(*[[3.5] * 21] * 5), by_hand(*[[3.6] * 21] * 5, dose=36)
    found = shares_by_hand(mine, usual).loc["share_above_4"]
    assert found["value"] == found["difference"] == 0
    ends = ["low", "high", "difference_low", "difference_high"]
    assert found[ends].isna().all()
    # The same doses bring the same, to others as well.
    same = shares_by_hand(usual, usual).loc["share_above_4"]
    assert same["difference_low"] == same["difference_high"] == 0


def test_a_period_does_not_hang_on_the_others() -> None:
    starts = {"fixed dose": 35, "low": 14}
    short, long = (
        compare_starts(
            people(30),
            starts,
            stable_dose_mg_per_week=np.linspace(15, 60, 30),
            days=days,
            rng=np.random.default_rng(14),
        )
        for days in ([30], [30, 90])
    )
    pd.testing.assert_frame_equal(short, long[long["days"] == 30])


def test_nothing_is_measured_before_the_second_visit() -> None:
    table = compare_starts(
        people(3),
        {"fixed dose": 35, "low": 14},
        stable_dose_mg_per_week=35,
        days=[1],
        rng=np.random.default_rng(15),
    ).set_index(["start", "measure"])
    row = table.loc[("low", "measured_share_in_range")]
    assert row["n"] == 0
    assert row[["value", "low", "high", "difference", "difference_low"]].isna().all()
    alone = titration_measures(visited(35.0, 35.0, 1), days=[1]).set_index("measure")
    assert alone.loc["measured_share_in_range", "n"] == 0


@pytest.fixture(scope="module")
def compared() -> pd.DataFrame:
    cohort = simulate_cohort(
        400, rng=np.random.default_rng(7), population="warfarin_patients"
    )
    rng = np.random.default_rng(8)
    stable = simulate_titration(
        cohort, 35, days=1, rng=np.random.default_rng(8)
    ).stable_dose_mg_per_week
    starts = {
        "fixed dose": 35.0,
        "again": 35.0,
        "genes": predict_dose(cohort, model="iwpc_pharmacogenetic"),
        "true": stable,
    }
    return compare_starts(cohort, starts, rng=rng).set_index(
        ["start", "measure", "days"]
    )


def test_same_start_has_no_difference(compared: pd.DataFrame) -> None:
    same = compared.loc["again"]
    differences = same[["difference", "difference_low", "difference_high"]].dropna()
    assert len(differences) == 2 * 4
    assert (differences == 0).all(axis=None)
    assert same.loc[("share_hurt", 90), "value"] == 0
    assert same.loc[("share_helped", 90), "value"] == 0
    # Wilson: nobody of 400 leaves up to 1 %.
    assert 0 < same.loc[("share_hurt", 90), "high"] < 0.01


@pytest.mark.parametrize("days", [30, 90])
def test_better_starts_keep_more_time_in_range(
    compared: pd.DataFrame, days: int
) -> None:
    inside = {
        start: compared.loc[(start, "share_in_range", days)]
        for start in ("genes", "true")
    }
    assert inside["genes"]["difference_low"] > 0
    assert inside["genes"]["high"] < inside["true"]["low"]
    above = compared.loc[("genes", "share_above_4", days)]
    assert above["difference_high"] < 0


def test_true_dose_hurts_nobody(compared: pd.DataFrame) -> None:
    assert compared.loc[("true", "share_hurt", 90), "value"] == 0
    assert compared.loc[("true", "share_above_4", 90), "value"] == 0
    hurt = compared.loc[("genes", "share_hurt", 90), "value"]
    assert 0 < hurt < compared.loc[("genes", "share_helped", 90), "value"]


def test_arm_is_the_titration_with_the_same_seed() -> None:
    table = compare_starts(
        people(20),
        {"fixed dose": 35, "low": 14},
        stable_dose_mg_per_week=30,
        days=[20],
        rng=np.random.default_rng(9),
    )
    alone = simulate_titration(
        people(20),
        14,
        stable_dose_mg_per_week=30,
        days=20,
        rng=np.random.default_rng(9),
    )
    measures = titration_measures(alone, days=[20])["value"].tolist()
    assert table.loc[table["start"] == "low", "value"].tolist()[:4] == measures


def test_margin_counts_days_by_hand() -> None:
    """One person, in range fewer days under the lower start: a margin on each side."""
    found = {
        start: time_in_range(visited(start, 35.0, 40).inr).item() * 40
        for start in (35.0, 20.0)
    }
    fewer = found[35.0] - found[20.0]
    assert fewer > 5
    for margin, hurt in ((fewer - 0.01, 1.0), (fewer + 0.01, 0.0)):
        table = compare_starts(
            people(),
            {"fixed dose": 35, "low": 20},
            margin_days=margin,
            days=[40],
            stable_dose_mg_per_week=35,
            protocol=exact(),
            rng=np.random.default_rng(1),
        ).set_index(["start", "measure"])
        assert table.loc[("low", "share_hurt"), "value"] == hurt


def test_gain_by_genes_agrees_with_two_trials() -> None:
    """The intervals of COAG and EU-PACT overlap ours of the same contrast.

    Levels are not compared: the trials had other patients and other protocols.
    """
    results = datasets.load("warfarin_trial_results")
    trials = results[results["arm"] == "difference"].set_index("trial")
    cohort = simulate_cohort(
        1_500, rng=np.random.default_rng(10), population="warfarin_patients"
    )
    genes, clinical = (
        predict_dose(cohort, model=f"iwpc_{kind}")
        for kind in ("pharmacogenetic", "clinical")
    )
    by_genes, by_clinic, fixed = (
        simulate_titration(
            cohort, start, days=84, rng=np.random.default_rng(11)
        ).measured_inr
        for start in (genes, clinical, 35.0)
    )
    for trial, usual, first, last in (
        ("COAG", by_clinic, 5, 28),
        ("EU-PACT", fixed, 0, 84),
    ):
        mine, theirs = (
            time_in_range(inr[:, first : last + 1]) for inr in (by_genes, usual)
        )
        known = np.isfinite(mine) & np.isfinite(theirs)
        gain = mean_interval(100 * (mine - theirs)[known])
        assert gain.low < trials.loc[trial, "high"]
        assert gain.high > trials.loc[trial, "low"]


# Bad input.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"starting_dose_mg_per_week": [35, 35]},
            "starting_dose_mg_per_week must be a number or have shape (1,); got (2,)",
        ),
        (
            {"starting_dose_mg_per_week": 0},
            "starting_dose_mg_per_week must be above 0, since doses change by factors; "
            "got 1 of 1 at 0",
        ),
        (
            {"stable_dose_mg_per_week": [0.0]},
            "stable_dose_mg_per_week must be above 0, since doses change by factors; "
            "got 1 of 1 at 0",
        ),
        ({"days": 0}, "days must be whole numbers of 1 or more; got [0]"),
        ({"days": 7.5}, "days must be whole numbers of 1 or more; got [7.5]"),
        ({"rng": 1}, "rng must be a numpy.random.Generator; got int"),
    ],
)
def test_bad_arguments(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {
        "starting_dose_mg_per_week": 35,
        "stable_dose_mg_per_week": 35,
        "rng": np.random.default_rng(1),
    } | change
    start = given.pop("starting_dose_mg_per_week")
    with pytest.raises(ParameterError) as raised:
        simulate_titration(people(), start, **given)
    assert str(raised.value) == message


@pytest.mark.parametrize("name", ["starting_dose", "stable_dose"])
def test_doses_of_other_people_are_refused(name: str) -> None:
    patients = people(2).set_axis(["a", "b"])
    doses = pd.Series([20.0, 50.0], index=["b", "a"])
    start, stable = (doses, 35) if name == "starting_dose" else (35, doses)

    def titrate(of: pd.DataFrame) -> Titration:
        return simulate_titration(
            of,
            start,
            stable_dose_mg_per_week=stable,
            days=3,
            rng=np.random.default_rng(1),
        )

    with pytest.raises(ParameterError) as raised:
        titrate(patients)
    assert str(raised.value) == (
        f"{name}_mg_per_week must have the index of patients in the same order; got 2 "
        "rows that differ in it"
    )
    assert titrate(patients.loc[["b", "a"]]).inr.shape == (2, 4)


def test_dose_beyond_use_is_named() -> None:
    with pytest.raises(ParameterError, match="starting_dose_mg_per_week"):
        visited(200.0, 35.0, 10)


@pytest.mark.parametrize(
    ("inr", "options", "error", "message"),
    [
        (
            [1.0, 2.0],
            {},
            DataError,
            "inr must have shape (n, days + 1), with two days or more; got (2,)",
        ),
        ([[1.0, np.inf]], {}, DataError, "inr must not be infinite; got 1 of 2"),
        ([["a", "b"]], {}, DataError, "inr must hold numbers only; got others"),
        (
            [[1.0, 2.0]],
            {"low": 3, "high": 2},
            ParameterError,
            "low must be below high; got 3 and 2",
        ),
        (
            [[1.0, 2.0]],
            {"days": 2},
            ParameterError,
            "days must be a whole number of 1 to 1; got 2",
        ),
        (
            [[1.0, 2.0]],
            {"days": 1.0},
            ParameterError,
            "days must be a whole number of 1 to 1; got 1.0",
        ),
    ],
)
def test_bad_inr(
    inr: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as raised:
        time_in_range(inr, **options)
    assert str(raised.value) == message


def test_period_beyond_the_simulation() -> None:
    with pytest.raises(ParameterError) as raised:
        titration_measures(visited(35.0, 35.0, 30))
    assert str(raised.value) == (
        "days must be whole numbers of 1 to 30, the days simulated; got [30, 90]"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"reference": "usual"},
            "reference must be one of 'fixed dose', 'low'; got 'usual'",
        ),
        ({"margin_days": 0}, "margin_days must be finite and above 0; got 0"),
        ({"days": []}, "days must be whole numbers of 1 or more; got []"),
    ],
)
def test_bad_comparison(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError) as raised:
        compare_starts(
            people(),
            {"fixed dose": 35, "low": 14},
            stable_dose_mg_per_week=35,
            rng=np.random.default_rng(1),
            **options,
        )
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"early_visit_days": (5, 3)},
            "early_visit_days and first_visit_day must rise from 1 on; got (5, 3) and "
            "8",
        ),
        (
            {"measurement_sd": -0.1},
            "measurement_sd must be finite and 0 or more; got -0.1",
        ),
        (
            {"zones": load_protocol().zones[1:]},
            "zones must be two or more by rising inr_from, the first from 0; got "
            "[1.6, 1.8, 2.0, 3.0, 3.4, 4.0, 5.0]",
        ),
    ],
)
def test_bad_protocol(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError) as raised:
        replace(load_protocol(), **changes)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("row", "changes"),
    [
        (3, {"days_to_next": 0}),
        (0, {"days_to_next_again": 0}),
        (7, {"n_first_doses": 0}),
    ],
)
def test_nobody_is_left_without_a_next_visit(row: int, changes: dict[str, int]) -> None:
    zones = list(load_protocol().zones)
    zones[row] = zones[row]._replace(**changes)
    with pytest.raises(ParameterError) as raised:
        replace(load_protocol(), zones=tuple(zones))
    assert str(raised.value) == (
        "days_to_next and days_to_next_again of every zone, and n_first_doses of the "
        "last, must be 1 or more; got 0"
    )
