"""The glucose model: against plain numpy and a solver, balances, limits, errors."""

from functools import cache

import glucose_reference as reference
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats
from scipy.integrate import solve_ivp

from twinprivacy import datasets
from twinprivacy.errors import DataError, ParameterError
from twinprivacy.twins.glucose import (
    KINDS,
    PARAMETERS,
    GlucoseTraces,
    drift,
    inputs,
    kernels,
    sample_patients,
    simulate_glucose,
)
from twinprivacy.twins.glucose.inputs import (
    fixed,
    free_slopes,
    from_free,
    priors,
    to_free,
)

DAY = 1_440
NO_MEALS = pd.DataFrame(columns=["patient", "minute", "carbohydrate_g", "kind"])
NO_DOSES = pd.DataFrame(columns=["patient", "minute", "bolus_units"])


@cache
def sample(n: int, seed: int) -> pd.DataFrame:
    return sample_patients(n, rng=np.random.default_rng(seed))


def people(n: int = 6, seed: int = 1) -> pd.DataFrame:
    return sample(n, seed).copy()


def daily(table: pd.DataFrame, n_days: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return four meals and a dose with each, for everyone on every day."""
    hours, grams = (7.3, 12.6, 16.0, 19.1), (45.0, 60.0, 20.0, 80.0)
    kinds = ("breakfast", "lunch", "snack", "dinner")
    meals = pd.DataFrame(
        [
            (who, round(60 * hour) + DAY * day, gram, kind)
            for who in table["patient"]
            for day in range(n_days)
            for hour, gram, kind in zip(hours, grams, kinds, strict=True)
        ],
        columns=["patient", "minute", "carbohydrate_g", "kind"],
    )
    doses = meals[["patient", "minute"]].assign(
        bolus_units=meals["carbohydrate_g"] / 30
    )
    return meals, doses


# Samples of the published priors.


def test_samples_follow_the_published_priors():
    table = people(20_000)
    scaled = {f"si_{part}_ml_per_uu_min": 1.45 for part in KINDS[:3]}
    laws = {
        **dict.fromkeys(scaled, stats.gamma(3.3, scale=5e-4)),
        "gb_mg_dl": stats.norm(119.13, 7.11),
        "sg_per_min": stats.lognorm(0.5, scale=np.exp(-3.8)),
        "kd_per_min": stats.lognorm(0.6187, scale=np.exp(-3.5090)),
        "kempt_per_min": stats.lognorm(0.7069, scale=np.exp(-1.9646)),
        **{f"beta_{kind}_min": stats.uniform(0, 60) for kind in KINDS[:4]},
    }
    for name, law in laws.items():
        values = table[name] * scaled.get(name, 1.0)
        assert stats.kstest(values, law.cdf).pvalue > 1e-3, name
    assert (
        stats.kstest(np.sqrt(table["p2_per_min"]), stats.norm(0.11, 0.004).cdf).pvalue
        > 1e-3
    )


@pytest.mark.parametrize(
    ("name", "bound", "mean", "sd"),
    [
        ("ka2_per_min", "kd_per_min", -4.2875, 0.4274),
        ("kabs_lunch_per_min", "kempt_per_min", -5.4591, 1.4396),
        ("kabs_rescue_per_min", "kempt_per_min", -5.4591, 1.4396),
    ],
)
def test_bounded_samples_follow_the_cut_prior(name, bound, mean, sd):
    table = people(20_000)
    assert (table[name] < table[bound]).all()
    law = stats.norm(mean, sd)
    # Given the bound, the share of the cut law below the value is uniform.
    share = law.cdf(np.log(table[name])) / law.cdf(np.log(table[bound]))
    assert stats.kstest(share, "uniform").pvalue > 1e-3


def test_sampled_bodies_and_doses():
    table = people(20_000)
    dose = 24 * table["basal_u_per_hour"] / table["weight_kg"]
    # 0.232 U/kg/day with a relative SD of 2.9 / 8.7.
    assert dose.mean() == pytest.approx(0.232, rel=0.01)
    assert dose.std() / dose.mean() == pytest.approx(2.9 / 8.7, rel=0.03)
    margins = datasets.load("population_margins")
    rows = (margins["quantity"] == "weight") & (margins["statistic"] == "mean")
    bands = margins["age_band"].isin(["20-39", "40-59"])
    expected = margins.loc[rows & bands, "value"].mean()
    assert table["weight_kg"].mean() == pytest.approx(expected, rel=0.01)
    assert table["weight_kg"].between(40, 200).all()


def test_table_of_priors_says_the_same_in_words_and_numbers():
    table = datasets.load("glucose_model_parameters")
    rows = table[table["role"] == "identified"]
    for _, row in rows.iterrows():
        text = row["population_prior"].replace("shape ", "").replace("scale ", "")
        inside = text[text.index("(", text.startswith("sqrt") and 6) + 1 :]
        words = [float(word) for word in inside.split(")")[0].split(",")]
        assert words == [row["prior_a"], row["prior_b"]], row["parameter"]


def test_no_recalled_value_is_used():
    table = datasets.load("glucose_model_parameters")
    used = table[table["model"].str.startswith(("replaybg", "vettoretti"))]
    assert not (used["check"] == "recalled").any()
    assert len(fixed()) == 9
    assert set(priors()) == set(PARAMETERS)


@pytest.mark.parametrize("n", [0, -1])
def test_sample_needs_people(n, rng):
    with pytest.raises(
        ParameterError, match=f"n must be a whole number of 1 or more; got {n}"
    ):
        sample_patients(n, rng=rng)


def test_sample_is_reproducible():
    one, two, other = (
        sample_patients(9, rng=np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(other)


# The free scale and drift.


def test_free_scale_comes_back():
    values = people(500)[list(PARAMETERS)].to_numpy()
    np.testing.assert_allclose(from_free(to_free(values)), values, rtol=1e-10)


@given(st.lists(st.floats(-1e3, 1e3), min_size=18, max_size=18))
def test_free_scale_stays_in_range(numbers):
    table = pd.DataFrame([from_free(np.array(numbers))], columns=list(PARAMETERS))
    values = table.iloc[0]
    assert values["ka2_per_min"] <= values["kd_per_min"]
    assert 70 <= values["gb_mg_dl"] <= 180
    for kind in KINDS:
        assert 0 < values[f"kabs_{kind}_per_min"] <= values["kempt_per_min"]
    for kind in KINDS[:4]:
        assert 0 <= values[f"beta_{kind}_min"] <= 60


def test_slopes_of_the_free_scale():
    free = to_free(people(1)[list(PARAMETERS)].to_numpy())[0]
    step = 1e-6 * np.eye(len(PARAMETERS))
    numeric = [(from_free(free + e) - from_free(free - e)) / 2e-6 for e in step]
    np.testing.assert_allclose(
        free_slopes(from_free(free)), np.array(numeric).T, rtol=1e-6, atol=1e-12
    )


def test_drift_moves_each_parameter_by_its_share_of_the_prior(rng):
    table = people(4_000)
    moved = drift(table, sd=0.3, rng=rng)
    moves = to_free(moved[list(PARAMETERS)].to_numpy()) - to_free(
        table[list(PARAMETERS)].to_numpy()
    )
    spread = to_free(people(4_000, seed=8)[list(PARAMETERS)].to_numpy()).std(axis=0)
    np.testing.assert_allclose(moves.std(axis=0), 0.3 * spread, rtol=0.08)
    np.testing.assert_allclose(moves.mean(axis=0) / spread, 0, atol=0.02)
    others = ["patient", "weight_kg", "basal_u_per_hour"]
    pd.testing.assert_frame_equal(moved[others], table[others])


def test_no_drift_changes_nothing(rng):
    table = people()
    moved = drift(table, sd=0, rng=rng)
    np.testing.assert_allclose(moved[list(PARAMETERS)], table[list(PARAMETERS)])


@pytest.mark.parametrize("sd", [-0.1, np.nan, np.inf])
def test_drift_refuses(sd, rng):
    with pytest.raises(ParameterError, match="sd must be finite and 0 or more; got"):
        drift(people(), sd=sd, rng=rng)


# Against other programs: plain numpy, and a solver of differential equations.


@pytest.mark.parametrize(("dt", "every"), [(1, 5), (5, 5), (2, 10)])
def test_compiled_model_is_the_plain_one(dt, every):
    table = people(8)
    meals, doses = daily(table, n_days=2)
    trace = simulate_glucose(
        table, meals, doses, minutes=2 * DAY, step_minutes=dt, every_minutes=every
    )
    plasma, tissue = reference.simulate(
        table, meals, doses, minutes=2 * DAY, dt=dt, every=every
    )
    np.testing.assert_allclose(trace.plasma_mg_dl, plasma, rtol=1e-9)
    np.testing.assert_allclose(trace.interstitial_mg_dl, tissue, rtol=1e-9)
    np.testing.assert_array_equal(trace.minutes, np.arange(0, 2 * DAY + 1, every))


# After lunch and its dose have begun to act, before SI changes at 17 h.
AFTER_LUNCH = np.arange(720, 1_001, 20)


def solved(person: pd.Series, grams: float, units: float) -> np.ndarray:
    """Solve a lunch with its dose, both at minute 660; return plasma and tissue."""
    lunch = 660 + person["beta_lunch_min"], grams * 1_000 / person["weight_kg"], 0
    bolus = 660 + 8.0, units * 1_000 / person["weight_kg"], 3
    u = person["basal_u_per_hour"] * 1_000 / 60 / person["weight_kg"]
    y = np.zeros(9)
    y[3:6] = u / person["kd_per_min"], u / person["ka2_per_min"], u / 0.127
    y[7:] = person["gb_mg_dl"]
    first, second = sorted([lunch, bolus])
    slope = reference.derivative(person, "lunch")
    precise = {"method": "LSODA", "rtol": 1e-9, "atol": 1e-10}
    y[first[2]] += first[1]
    y = solve_ivp(slope, (first[0], second[0]), y, **precise).y[:, -1]
    y[second[2]] += second[1]
    span = second[0], AFTER_LUNCH[-1]
    return solve_ivp(slope, span, y, t_eval=AFTER_LUNCH, **precise).y[7:]


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_error_against_a_solver_halves_with_the_step(seed):
    table = people(1, seed=seed)
    lunch = {"patient": [0], "minute": 660, "carbohydrate_g": 60.0, "kind": "lunch"}
    dose = {"patient": [0], "minute": [660], "bolus_units": [2.0]}
    exact = solved(table.iloc[0], 60.0, 2.0)
    errors = []
    for dt in (1, 2, 4):
        trace = simulate_glucose(
            table,
            pd.DataFrame(lunch),
            pd.DataFrame(dose),
            minutes=1_000,
            step_minutes=dt,
            every_minutes=20,
        )
        found = np.array([trace.plasma_mg_dl[0, 36:], trace.interstitial_mg_dl[0, 36:]])
        errors.append(np.sqrt(np.mean((found - exact) ** 2)))
    assert errors[0] < 1.0
    assert errors[1] / errors[0] == pytest.approx(2.0, abs=0.15)
    assert errors[2] / errors[1] == pytest.approx(2.0, abs=0.15)


# Balances and rest.


def final_states(table, meals, doses, minutes: int, dt: int) -> np.ndarray:
    names, vectors, weight = inputs.read_people(table)
    eaten = inputs.read_meals(meals, names, weight)
    given = inputs.read_insulin(doses, names, weight)
    courses = [
        kernels.Course(eaten.of(j), given.of(j), gb, float(dt), 1, minutes // dt + 1)
        for j, gb in enumerate(table["gb_mg_dl"])
    ]
    return np.concatenate(
        [
            kernels.follow(vector, fixed(), course)[2]
            for vector, course in zip(vectors, courses, strict=True)
        ]
    )


@pytest.mark.parametrize("dt", [1, 5])
@pytest.mark.parametrize("minutes", [900, 2 * DAY])
def test_carbohydrate_is_conserved(dt, minutes):
    table = people(20)
    meals, doses = daily(table)
    states = final_states(table, meals, doses, minutes, dt)
    inside = sum(states[name].sum(axis=1) for name in ("q1", "q2", "q3"))
    eaten = meals[meals["minute"] + 60 < minutes].groupby("patient")
    grams = eaten["carbohydrate_g"].sum() * 1_000 / table["weight_kg"]
    if minutes == 900:
        # Breakfast and lunch; no delay is longer than an hour.
        assert grams.to_numpy() == pytest.approx(105_000 / table["weight_kg"])
    absorbed = states["absorbed"] / 0.9
    np.testing.assert_allclose(absorbed + inside, grams, rtol=1e-11)


@pytest.mark.parametrize("dt", [1, 5])
def test_insulin_is_conserved(dt):
    table = people(20)
    meals, doses = daily(table)
    states = final_states(table, meals, doses, DAY, dt)
    start = final_states(table, NO_MEALS, NO_DOSES, dt, dt)
    basal = reference.basal(table)
    given = doses.groupby("patient")["bolus_units"].sum() * 1_000 / table["weight_kg"]
    inside = sum(states[name] - start[name] for name in ("s1", "s2", "ip"))
    np.testing.assert_allclose(
        inside + states["cleared"], given + basal * DAY, rtol=1e-10
    )


def test_basal_insulin_alone_keeps_everyone_at_rest():
    table = people(50)
    trace = simulate_glucose(table, NO_MEALS, NO_DOSES, minutes=3 * DAY)
    gb = table["gb_mg_dl"].to_numpy()[:, None]
    np.testing.assert_allclose(trace.plasma_mg_dl / gb, 1.0, rtol=1e-9)


def test_start_off_rest_comes_back_to_it():
    table = people(5)
    trace = simulate_glucose(
        table, NO_MEALS, NO_DOSES, minutes=5 * DAY, start_mg_dl=[60, 90, 150, 250, 400]
    )
    assert trace.plasma_mg_dl[:, 0].tolist() == [60, 90, 150, 250, 400]
    np.testing.assert_allclose(trace.plasma_mg_dl[:, -1], table["gb_mg_dl"], rtol=1e-3)


def test_more_carbohydrate_raises_and_more_insulin_lowers_glucose():
    table = people(30)
    meals, doses = daily(table)
    base = simulate_glucose(table, meals, doses, minutes=DAY).plasma_mg_dl
    larger = meals.assign(carbohydrate_g=1.2 * meals["carbohydrate_g"])
    stronger = doses.assign(bolus_units=1.2 * doses["bolus_units"])
    more = simulate_glucose(table, larger, doses, minutes=DAY).plasma_mg_dl
    less = simulate_glucose(table, meals, stronger, minutes=DAY).plasma_mg_dl
    assert (more.mean(axis=1) > base.mean(axis=1)).all()
    assert (less.mean(axis=1) < base.mean(axis=1)).all()


def test_extended_bolus_acts_later_and_gives_as_much():
    table = people(4)
    bolus = pd.DataFrame(
        {"patient": table["patient"], "minute": 480, "bolus_units": 3.0}
    )
    extended = bolus.assign(duration_minutes=120)
    once, spread = (
        simulate_glucose(table, NO_MEALS, d, minutes=DAY).plasma_mg_dl
        for d in (bolus, extended)
    )
    assert (once[:, 110] < spread[:, 110]).all()
    states = [
        final_states(table, NO_MEALS, d, DAY, 1)["cleared"] for d in (bolus, extended)
    ]
    np.testing.assert_allclose(states[1], states[0], rtol=1e-2)


@settings(max_examples=150, deadline=None)
@given(
    quantiles=st.lists(st.floats(1e-6, 1 - 1e-6), min_size=18, max_size=18),
    grams=st.floats(0, 600),
    units=st.floats(0, 100),
    dt=st.sampled_from([1, 5]),
)
def test_any_prior_draw_is_finite_positive_and_stable(quantiles, grams, units, dt):
    """Every quantile of the prior up to one in a million, with huge meals and doses."""
    spread = np.array([0.7] * 3 + [0.3, 0.5, 0.08] + [1.4, 0.7, 0.8] + [1.8] * 9)
    center = to_free(people(400)[list(PARAMETERS)].to_numpy()).mean(axis=0)
    free = center + spread * stats.norm.ppf(quantiles)
    table = people(1)
    table[list(PARAMETERS)] = from_free(free)
    when = pd.DataFrame({"patient": [0], "minute": [600]})
    trace = simulate_glucose(
        table,
        when.assign(carbohydrate_g=grams, kind="lunch"),
        when.assign(bolus_units=units),
        minutes=2 * DAY,
        step_minutes=dt,
        n_jobs=1,
    )
    glucose = trace.plasma_mg_dl
    assert np.isfinite(glucose).all()
    assert (glucose > 0).all()
    # All the carbohydrate at once in the blood is the most that there can be.
    most = 600 * 1_000 / table["weight_kg"].item() / 1.45 + table["gb_mg_dl"].item()
    assert glucose.max() <= most


# Same answer for any order, split and number of threads.


def test_order_of_rows_does_not_matter(rng):
    table = people(40)
    meals, doses = daily(table)
    first = simulate_glucose(table, meals, doses, minutes=DAY)
    assert isinstance(first, GlucoseTraces)
    order = rng.permutation(40)
    again = simulate_glucose(
        table.iloc[order],
        meals.sample(frac=1, random_state=1),
        doses.sample(frac=1, random_state=2),
        minutes=DAY,
    )
    np.testing.assert_array_equal(again.patients, table["patient"].to_numpy()[order])
    np.testing.assert_array_equal(again.plasma_mg_dl, first.plasma_mg_dl[order])


def test_number_of_threads_does_not_matter():
    table = people(100)
    meals, doses = daily(table)
    one, two = (
        simulate_glucose(table, meals, doses, minutes=DAY, n_jobs=n) for n in (1, 2)
    )
    np.testing.assert_array_equal(one.plasma_mg_dl, two.plasma_mg_dl)


def test_later_events_do_not_matter():
    table = people(3)
    meals, doses = daily(table, n_days=3)
    long = simulate_glucose(table, meals, doses, minutes=3 * DAY)
    short = simulate_glucose(table, meals, doses, minutes=DAY)
    np.testing.assert_array_equal(short.plasma_mg_dl, long.plasma_mg_dl[:, :289])


# Bad input.


def refuses(message, **changes):
    table = people(3)
    meals, doses = daily(table)
    given = {"patients": table, "meals": meals, "insulin": doses, **changes}
    settings = {"minutes": DAY} | {
        name: given.pop(name) for name in list(given) if name not in
        ("patients", "meals", "insulin")
    }  # fmt: skip
    with pytest.raises((DataError, ParameterError), match=message):
        simulate_glucose(
            given["patients"], given["meals"], given["insulin"], **settings
        )


def test_bad_meals():
    meals, _ = daily(people(3))
    inside = "carbohydrate_g must lie in 0 to 600 g; got 12 of 12 outside"
    refuses(f"{inside}$", meals=meals.assign(carbohydrate_g=-1.0))
    refuses(
        f"{inside}: they look like mg",
        meals=meals.assign(carbohydrate_g=1_000 * meals["carbohydrate_g"]),
    )
    refuses(
        "carbohydrate_g must be finite for everyone; got 12 of 12 missing or infinite",
        meals=meals.assign(carbohydrate_g=np.nan),
    )
    refuses(
        "kind must be one of breakfast, lunch, dinner, snack, rescue; "
        "got 12 of 12 others",
        meals=meals.assign(kind="brunch"),
    )
    refuses(
        "meals must be of the patients in the table of patients; got 12 of 12 rows of "
        "others",
        meals=meals.assign(patient=7),
    )
    refuses(
        "meals must have the columns patient, minute, carbohydrate_g, kind once each; "
        "missing: kind",
        meals=meals.drop(columns="kind"),
    )
    refuses("meals must be a pandas.DataFrame; got list", meals=[1, 2])
    refuses("minute must lie in 0 to", meals=meals.assign(minute=-5))


def test_bad_doses():
    _, doses = daily(people(3))
    refuses(
        "bolus_units must lie in 0 to 150 U; got 12 of 12 outside: they look like mU",
        insulin=doses.assign(bolus_units=2_000.0),
    )
    refuses(
        "bolus_units must lie in 0 to 150 U; got 12 of 12 outside$",
        insulin=doses.assign(bolus_units=-1.0),
    )
    refuses(
        "duration_minutes must lie in 0 to 1440 minutes; got 12 of 12 outside: they "
        "look like seconds",
        insulin=doses.assign(duration_minutes=7_200),
    )
    with pytest.raises(DataError, match=r"^bolus_units must hold numbers, or true"):
        simulate_glucose(
            people(3), NO_MEALS, doses.assign(bolus_units="two"), minutes=DAY
        )


def test_bad_people():
    table = people(3)
    refuses(
        "patients must have each patient once; got 2 again",
        patients=table.assign(patient=0),
    )
    refuses("patients must have 1 rows or more; got 0", patients=table.head(0))
    refuses("missing: weight_kg", patients=table.drop(columns="weight_kg"))
    refuses(
        "weight_kg must lie in 25 to 300 kg; got 3 of 3 outside: they look like grams",
        patients=table.assign(weight_kg=80_000.0),
    )
    refuses(
        "basal_u_per_hour must lie in 0 to 10 U/h; got 3 of 3 outside: they look like "
        "U/day",
        patients=table.assign(basal_u_per_hour=20.0),
    )
    refuses(
        "ka2_per_min must be finite, in 0 to kd_per_min; got 3 of 3 others",
        patients=table.assign(ka2_per_min=2 * table["kd_per_min"]),
    )
    refuses(
        "gb_mg_dl must be finite, in 70 to 180; got 3 of 3 others",
        patients=table.assign(gb_mg_dl=6.0),
    )
    refuses(
        "sg_per_min must be finite, in 0 to 1; got 3 of 3 others",
        patients=table.assign(sg_per_min=0.0),
    )


def test_bad_settings():
    refuses("step_minutes must be a whole number of 1 to 10; got 0", step_minutes=0)
    refuses(
        "every_minutes must be a multiple of step_minutes; got 5 and 2", step_minutes=2
    )
    refuses("minutes must be a multiple of every_minutes; got 7 and 5", minutes=7)
    refuses("minutes must be a multiple of every_minutes; got 0 and 5", minutes=0)
    refuses("n_jobs must be a whole number of 1 or more; got 0", n_jobs=0)
    refuses(
        "start_mg_dl must lie in 20 to 1000 mg/dL; got 3 of 3 outside: they look like "
        "mmol/L",
        start_mg_dl=6.5,
    )
