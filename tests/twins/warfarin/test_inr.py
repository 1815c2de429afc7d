"""The course of the INR: against a solver of differential equations, and its limits."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.integrate import solve_ivp

from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins.warfarin import (
    inr_on_days,
    simulate_inr,
    steady_state_dose,
    steady_state_inr,
)
from twinprivacy.twins.warfarin.kernels import (
    carry_on,
    constants,
    courses,
    day_grid,
    read_people,
    untreated,
)

EVERYONE = pd.DataFrame(
    [
        (age, vkorc1, cyp2c9)
        for age in (25, 71, 95)
        for vkorc1 in ("G/G", "A/G", "A/A")
        for cyp2c9 in ("*1/*1", "*1/*2", "*1/*3", "*2/*2", "*2/*3", "*3/*3")
    ],
    columns=["age_years", "vkorc1", "cyp2c9"],
)
LOADED = [10, 10, 7.5, 5, 0, 5, 5, 2.5, 5, 5]


def person(vkorc1: str, cyp2c9: str, age_years: float = 71) -> pd.DataFrame:
    return pd.DataFrame(
        {"age_years": [age_years], "vkorc1": [vkorc1], "cyp2c9": [cyp2c9]}
    )


def solved(clearance: float, ec50: float, doses: list[float], steps: int) -> Any:
    """Return the INR by scipy's solver, from the equations as the article has them."""
    rates = np.array([3 / 28.6, 3 / 118.3])

    def slope(_: float, y: Any) -> Any:
        gut, blood, chains = y[0], max(y[1], 0.0), y[2:].reshape(2, 3)
        effect = blood**1.15 / (ec50**1.15 + blood**1.15)
        inflow = np.column_stack([[1 - effect] * 2, chains[:, :2]])
        turnover = rates[:, np.newaxis] * (inflow - chains)
        drug = [-2 * gut, 2 * gut / 14.3 - clearance / 14.3 * blood]
        return np.concatenate([drug, turnover.ravel()])

    y = np.array([0.0, 0.0, *np.ones(6)])
    inr = [1.0]
    hours = np.linspace(0, 24, steps + 1)[1:]
    for dose in doses:
        y[0] += dose / 2
        run = solve_ivp(
            slope, (0, 24), y, method="DOP853", t_eval=hours, rtol=1e-12, atol=1e-14
        )
        inr += list(1 + 20 * (1 - (run.y[4] + run.y[7]) / 2))
        y = run.y[:, -1]
    return np.array(inr)


# Against a solver.


@pytest.mark.parametrize(
    ("vkorc1", "cyp2c9", "clearance", "ec50"),
    [
        ("G/G", "*1/*1", 0.174 + 0.174, 2.05 + 2.05),
        ("A/G", "*1/*2", 0.174 + 0.0879, 2.05 + 0.96),
        ("A/A", "*3/*3", 0.0422 + 0.0422, 0.96 + 0.96),
    ],
)
@pytest.mark.parametrize("steps", [1, 5])
def test_course_of_a_solver(
    vkorc1: str, cyp2c9: str, clearance: float, ec50: float, steps: int
) -> None:
    found = simulate_inr(
        person(vkorc1, cyp2c9), [LOADED], days=len(LOADED), steps_per_day=steps
    )
    exact = solved(clearance, ec50, LOADED, steps)
    np.testing.assert_allclose(found[0], exact, rtol=0, atol=1e-5)


def test_largest_doses_keep_the_bound() -> None:
    """Fastest and slowest elimination under 25 mg a day."""
    for vkorc1, cyp2c9, age in (("G/G", "*1/*1", 20), ("A/A", "*3/*3", 100)):
        people = person(vkorc1, cyp2c9, age)
        known = read_people(people)
        exact = solved(
            known.clearance_l_per_h.item(), known.ec50_mg_per_l.item(), [25.0] * 14, 1
        )
        found = simulate_inr(people, 25, days=14)
        np.testing.assert_allclose(found[0], exact, rtol=0, atol=1e-5)


def test_more_points_converge() -> None:
    people = person("A/G", "*1/*3")
    known, fixed = read_people(people), constants()
    exact = solved(0.174 + 0.0422, 2.05 + 0.96, LOADED, 1)
    errors = []
    for points in (2, 3, 4, 5):
        found = courses(
            known.clearance_l_per_h,
            known.ec50_mg_per_l,
            np.array([LOADED]),
            day_grid(1, fixed.transit_h, points),
            fixed,
        )
        errors.append(np.abs(found[0] - exact).max())
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 1e-4
    assert errors[-1] < 2e-6


def test_course_carried_on_in_pieces_is_the_same() -> None:
    known, fixed = read_people(EVERYONE), constants()
    doses = np.tile(LOADED, (len(EVERYONE), 1))
    people = (known.clearance_l_per_h, known.ec50_mg_per_l)
    whole = courses(*people, doses, day_grid(1, fixed.transit_h), fixed)
    state = untreated(len(EVERYONE))
    for first, last in ((0, 3), (3, 4), (4, len(LOADED))):
        part = doses[:, first:last].copy()
        found = carry_on(state, *people, part, day_grid(1, fixed.transit_h), fixed)
        np.testing.assert_allclose(found, whole[:, first : last + 1], rtol=1e-12)


def test_finer_outputs_are_the_same_course() -> None:
    once = simulate_inr(EVERYONE, 5, days=12)
    for steps in (2, 7, 24):
        fine = simulate_inr(EVERYONE, 5, days=12, steps_per_day=steps)
        assert fine.shape == (len(EVERYONE), 12 * steps + 1)
        np.testing.assert_allclose(fine[:, ::steps], once, rtol=0, atol=1e-5)


# People.


def test_constants_by_hand() -> None:
    known = read_people(person("A/G", "*1/*2", age_years=81))
    by_hand = (0.174 + 0.0879) * (1 - 0.00571 * 10)
    assert known.clearance_l_per_h.item() == pytest.approx(by_hand)
    assert known.ec50_mg_per_l.item() == pytest.approx(2.05 + 0.96)
    assert constants().active_share == 0.5


def test_variants_raise_the_inr() -> None:
    inr = simulate_inr(EVERYONE, 5, days=20)[:, -1].reshape(3, 3, 6)
    # By age, A alleles of VKORC1, and the falling clearances *1/*1, *1/*2, *1/*3.
    assert (np.diff(inr, axis=0) > 0).all()
    assert (np.diff(inr, axis=1) > 0).all()
    assert (np.diff(inr[:, :, :3], axis=2) > 0).all()
    assert (np.diff(inr[:, :, 3:], axis=2) > 0).all()


def test_same_answer_for_any_order_and_number_of_threads(
    rng: np.random.Generator,
) -> None:
    import numba

    doses = rng.uniform(0, 10, (len(EVERYONE), 15))
    found = simulate_inr(EVERYONE, doses, days=15)
    order = rng.permutation(len(EVERYONE))
    turned = simulate_inr(EVERYONE.iloc[order], doses[order], days=15)
    np.testing.assert_array_equal(turned, found[order])
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        np.testing.assert_array_equal(simulate_inr(EVERYONE, doses, days=15), found)
    finally:
        numba.set_num_threads(before)


# Doses.


def test_no_dose_no_change() -> None:
    assert (simulate_inr(EVERYONE, 0, days=30) == 1).all()


def test_shapes_of_doses() -> None:
    n, days = len(EVERYONE), 9
    one = simulate_inr(EVERYONE, 4, days=days)
    assert one.shape == (n, days + 1)
    for doses in ([4] * n, np.full((n, days), 4.0), [[4] * days]):
        same = simulate_inr(EVERYONE, doses, days=days)
        np.testing.assert_array_equal(same, one)
    rising = simulate_inr(EVERYONE, np.linspace(2, 8, n), days=days)
    alone = simulate_inr(EVERYONE.iloc[[-1]], 8, days=days)
    np.testing.assert_array_equal(rising[-1], alone[0])


def test_a_change_of_dose_shows_from_the_next_day() -> None:
    steady = np.full((1, 30), 5.0)
    raised = steady.copy()
    raised[0, 20:] = 10
    before = simulate_inr(EVERYONE, steady, days=30)
    after = simulate_inr(EVERYONE, raised, days=30)
    np.testing.assert_array_equal(after[:, :21], before[:, :21])
    assert (np.diff(after - before, axis=1)[:, 20:] > 0).all()


def test_a_missed_dose_shows_and_is_forgotten() -> None:
    missed = np.full((1, 90), 5.0)
    missed[0, 20] = 0
    lost = simulate_inr(EVERYONE, 5, days=90) - simulate_inr(EVERYONE, missed, days=90)
    assert (lost[:, 21:40] > 0).all()
    assert lost[:, 21:30].max(axis=1).min() > 0.04
    assert (lost[:, -1] < 0.01 * lost.max(axis=1)).all()


def test_blood_returns_when_the_drug_is_stopped() -> None:
    doses = np.repeat([[5.0, 0.0]], [40, 80], axis=1)
    inr = simulate_inr(EVERYONE, doses, days=120)
    assert (inr[:, 40] > 1.5).all()
    assert (inr[:, -1] >= 1).all()
    assert (inr[:, -1] < 1.001).all()


@given(
    st.lists(st.floats(0, 20), min_size=8, max_size=8),
    st.integers(0, 7),
    st.floats(0.1, 5),
    st.integers(0, len(EVERYONE) - 1),
)
@settings(deadline=None, max_examples=40)
def test_more_drug_never_lowers_the_inr(
    doses: list[float], day: int, more: float, place: int
) -> None:
    more_doses = doses.copy()
    more_doses[day] += more
    one = EVERYONE.iloc[[place]]
    less, greater = (
        simulate_inr(one, [plan], days=8)[0] for plan in (doses, more_doses)
    )
    assert (less >= 1).all()
    assert (less <= 21).all()
    assert (greater[: day + 1] == less[: day + 1]).all()
    assert (greater[day + 1 :] > less[day + 1 :]).all()


# Steady state.


@pytest.mark.parametrize(
    ("targets", "bound"), [((1.5, 2.0, 2.5, 3.0), 0.005), ((3.5, 4.0, 5.0), 0.012)]
)
def test_course_ends_at_the_closed_form(
    targets: tuple[float, ...], bound: float
) -> None:
    """One dose a day is not a dose spread over the day: by that little."""
    for target in targets:
        doses = steady_state_dose(EVERYONE, target_inr=target)
        low = doses <= 25
        inr = simulate_inr(EVERYONE[low], doses[low], days=150)
        # It has ended.
        np.testing.assert_allclose(inr[:, -1], inr[:, -2], rtol=0, atol=1e-4)
        np.testing.assert_allclose(inr[:, -1], target, rtol=0, atol=bound)


@given(st.floats(1, 3.9), st.integers(0, len(EVERYONE) - 1))
@settings(deadline=None)
def test_closed_forms_are_inverse(target: float, place: int) -> None:
    one = EVERYONE.iloc[[place]]
    dose = steady_state_dose(one, target_inr=target)
    assert steady_state_inr(one, dose).item() == pytest.approx(target, abs=1e-9)


def test_closed_forms_by_hand() -> None:
    people = person("G/G", "*1/*1")
    # Half effect, an INR of 11, is reached where the concentration is G plus G.
    dose = 2 * 24 * 0.348 * 4.1
    share = (20 / dose) ** 1.15
    found = steady_state_inr(people, 20).item()
    assert found == pytest.approx(1 + 20 * share / (1 + share))
    assert steady_state_dose(people, target_inr=1).item() == 0
    assert steady_state_inr(people, 0).item() == 1


def test_targets_and_doses_of_each_person() -> None:
    targets = np.linspace(1.5, 3.5, len(EVERYONE))
    doses = steady_state_dose(EVERYONE, target_inr=targets)
    assert doses[7] == steady_state_dose(EVERYONE, target_inr=targets[7])[7]
    np.testing.assert_allclose(steady_state_inr(EVERYONE, doses), targets)


# Errors.


def test_mg_per_week_are_caught() -> None:
    for call in (
        lambda doses: simulate_inr(EVERYONE, doses, days=7),
        lambda doses: steady_state_inr(EVERYONE, doses),
    ):
        with pytest.raises(ParameterError) as caught:
            call(35.75)
        assert str(caught.value) == (
            "daily_dose_mg must lie in 0 to 25 mg per day; got 1 of 1 outside: they "
            "look like mg per week"
        )
    with pytest.raises(ParameterError) as caught:
        simulate_inr(EVERYONE, [[5, 28, -1]], days=3)
    assert str(caught.value) == (
        "daily_dose_mg must lie in 0 to 25 mg per day; got 2 of 3 outside"
    )


@pytest.mark.parametrize(
    ("doses", "text"),
    [
        (np.nan, "must be finite; got 1 of 1 missing or infinite"),
        ("5 mg", "must hold numbers only; got others"),
        (
            [5, 5, 5],
            "must be a number or have shape (54,), (54, 7) or (1, 7); got (3,)",
        ),
        (
            np.ones((54, 6)),
            "must be a number or have shape (54,), (54, 7) or (1, 7); got (54, 6)",
        ),
    ],
)
def test_bad_doses(doses: Any, text: str) -> None:
    with pytest.raises(ParameterError) as caught:
        simulate_inr(EVERYONE, doses, days=7)
    assert str(caught.value) == f"daily_dose_mg {text}"


def test_steady_state_takes_no_plan() -> None:
    with pytest.raises(ParameterError) as caught:
        steady_state_inr(EVERYONE, np.ones((54, 7)))
    assert str(caught.value) == (
        "daily_dose_mg must be a number or have shape (54,); got (54, 7)"
    )
    with pytest.raises(
        ParameterError, match=r"^target_inr must lie in 1 to 5 INR; got"
    ):
        steady_state_dose(EVERYONE, target_inr=0.9)


@pytest.mark.parametrize("name", ["days", "steps_per_day"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, np.nan, np.inf, "7"])
def test_bad_counts(name: str, value: Any) -> None:
    counts: dict[str, Any] = {"days": 7, name: value}
    with pytest.raises(ParameterError) as caught:
        simulate_inr(EVERYONE, 5, **counts)
    assert str(caught.value) == (
        f"{name} must be a whole number of 1 or more; got {value!r}"
    )


def test_unknown_genes() -> None:
    people = pd.concat([person("G/G", "*1/*1"), person("unknown", "*1/*1")])
    for call in (
        lambda: simulate_inr(people, 5, days=7),
        lambda: steady_state_dose(people),
        lambda: steady_state_inr(people, 5),
    ):
        with pytest.raises(DataError) as caught:
            call()
        assert str(caught.value) == (
            "vkorc1 must be known for everyone for the course of the INR; got 1 of 2 "
            "unknown"
        )
    with pytest.raises(
        DataError, match=r"^cyp2c9 must be known .* got 1 of 1 unknown$"
    ):
        steady_state_dose(person("G/G", "unknown"))


def test_days_measured_are_those_of_the_course():
    course = simulate_inr(EVERYONE, 5, days=14)
    found = inr_on_days(EVERYONE, 5, days=[7, 3, 14])
    np.testing.assert_array_equal(found, course[:, [7, 3, 14]])


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ([], "days must name at least one day; got none"),
        ([3, 0], "days must be a whole number of 1 or more; got 0"),
        ([1.5], "days must be a whole number of 1 or more; got 1.5"),
    ],
)
def test_days_that_cannot_be_measured(days, message):
    with pytest.raises(ParameterError) as caught:
        inr_on_days(EVERYONE, 5, days=days)
    assert str(caught.value) == message
